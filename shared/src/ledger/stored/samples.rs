//! Any item of the ledger.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::config::ClientName;
use crate::ids::{Group, Key, ReplayId};
use crate::ledger::{
    ClientId, Control, EventTime, First, GroupItem, HOLES_LIMIT, Item, ItemKey, Lease, Marker, Registration,
    Rev, State, Walk, WalkKind,
};
use crate::time::Timestamp;

/// An item under its key.
pub fn item() -> impl Strategy<Value = (ItemKey, Item)> {
    let walk_kind = prop_oneof![Just(WalkKind::History), Just(WalkKind::Reconcile)];
    prop_oneof![
        control().prop_map(|control| (ItemKey::Control, Item::Control(control))),
        (group(), group_item())
            .prop_map(|(group, item)| (ItemKey::Group(group), Item::Group(Box::new(item)))),
        (any::<u32>(), group(), marker())
            .prop_map(|(id, group, marker)| (ItemKey::Marker(ClientId(id), group), Item::Marker(marker))),
        (any::<u32>(), lease()).prop_map(|(id, lease)| (ItemKey::Lease(ClientId(id)), Item::Lease(lease))),
        (walk_kind, walk()).prop_map(|(kind, walk)| (ItemKey::Walk(kind), Item::Walk(walk))),
    ]
}

/// Any legal group.
pub fn group() -> impl Strategy<Value = Group> {
    "[!-~]{1,128}".prop_map(|text| Group::try_from_sqs(&text).unwrap())
}

/// A key that a table can have.
pub fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        ".{1,40}".prop_map(Key::S),
        "-?[1-9][0-9]{0,37}".prop_map(Key::N),
        vec(any::<u8>(), 1..20).prop_map(Key::B),
    ]
}

fn instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<u64>(), 1_700_000_000_000_u64..1_900_000_000_000].prop_map(Timestamp::from_millis)
}

fn event_time() -> impl Strategy<Value = EventTime> {
    let nanos = prop_oneof![
        any::<i64>().prop_map(i128::from),
        (-40_000..40_000_i64).prop_map(|n| i128::from(n) * 10_i128.pow(17))
    ];
    nanos.prop_map(EventTime::from_nanos)
}

prop_compose! {
    fn control()(
        (rev, edition, start) in (any::<u64>(), any::<u64>(), instant()),
        clients in btree_map("[A-Za-z][A-Za-z0-9]{0,39}", registration(), 0..6),
    ) -> Control {
        let clients = clients.into_iter().map(|(name, client)| (ClientName::try_new(&name).unwrap(), client));
        Control { rev: Rev(rev), edition, start, clients: clients.collect() }
    }
}

prop_compose! {
    fn registration()(
        (id, history, since) in (any::<u32>(), any::<bool>(), any::<u64>()),
        state in prop_oneof![Just(State::Live), Just(State::Paused), Just(State::Retired)],
        (absent_at, retired_at) in (option::of(instant()), option::of(instant())),
    ) -> Registration {
        Registration { id: ClientId(id), state, history, since, absent_at, retired_at }
    }
}

prop_compose! {
    fn group_item()(
        (rev, version, edition, life) in any::<(u64, u64, u64, u64)>(),
        behind in btree_set(any::<u32>(), 0..5),
        (sort, first_version, key) in (key(), any::<u64>(), key()),
        time in option::of(event_time()),
        holes in vec(any::<u64>(), 0..HOLES_LIMIT),
    ) -> GroupItem {
        let behind = behind.into_iter().map(ClientId).collect();
        let first = First { sort, version: first_version };
        GroupItem { rev: Rev(rev), version, behind, edition, life, first, time, key, holes }
    }
}

prop_compose! {
    fn marker()(
        (rev, spell, life, have, again) in any::<(u64, u64, u64, u64, u64)>(),
        replay in option::of("[A-Za-z0-9-]{1,40}"),
        at in instant(),
    ) -> Marker {
        let replay = replay.map(|text| ReplayId::try_new(&text).unwrap());
        Marker { rev: Rev(rev), spell, life, have, again, replay, at }
    }
}

prop_compose! {
    fn lease()(
        (rev, holder, failures) in any::<(u64, u64, u32)>(),
        (until, not_before) in (instant(), instant()),
        groups in vec(group(), 0..4),
    ) -> Lease {
        Lease { rev: Rev(rev), holder, until, groups, failures, not_before }
    }
}

prop_compose! {
    fn walk()(
        (rev, edition, is_on) in any::<(u64, u64, bool)>(),
        at in instant(),
        after in option::of((key(), key())),
    ) -> Walk {
        Walk { rev: Rev(rev), edition, at, after, is_on }
    }
}
