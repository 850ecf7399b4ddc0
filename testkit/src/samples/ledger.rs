//! Any item of the ledger.

#![expect(clippy::unwrap_used, reason = "in tests a panic is the report")]

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use shared::config::{ClientName, VERSION_LIMIT};
use shared::consumer::{AskedReplay, ConsumerState};
use shared::filter::FilterDigest;
use shared::ids::{EventIdentity, Group, IncarnationToken, Key, ReplayId};
use shared::ledger::stored::{Attributes, Value as Stored};
use shared::ledger::{
    ALIKE_LIMIT, ClientId, Cursor, Delivery, DeliveryRequest, DeliveryRequestKind, EventTime, First, Gone,
    GroupItem, HOLES_LIMIT, Hold, Item, ItemKey, LastSent, LastVersion, Lease, OpenBreaker, PAIRS_LIMIT,
    Pause, QueuePlace, Refusal, RefusedEvent, RefusedHead, Registration, Registry, Repetition,
    RequestAllowance, SKIPPED_LIMIT, Scan, ScanKind, SkippedEvent, State, TargetFailure, TargetState,
    WriteCount,
};
use shared::time::Timestamp;

/// An item under its key.
pub fn item() -> impl Strategy<Value = (ItemKey, Item)> {
    let scan_kind = prop_oneof![Just(ScanKind::History), Just(ScanKind::Reconcile)];
    // On the heap: what shrinks an item is large, and the stack of a test's thread is not.
    prop_oneof![
        registry().prop_map(|registry| (ItemKey::Registry, Item::Registry(registry))).boxed(),
        (group(), group_item())
            .prop_map(|(group, item)| (ItemKey::Group(group), Item::Group(Box::new(item))))
            .boxed(),
        (any::<u32>(), group(), cursor())
            .prop_map(|(id, group, cursor)| (ItemKey::Cursor(ClientId(id), group), Item::Cursor(cursor)))
            .boxed(),
        (any::<u32>(), lease())
            .prop_map(|(id, lease)| (ItemKey::Lease(ClientId(id)), Item::Lease(lease)))
            .boxed(),
        (scan_kind, scan()).prop_map(|(kind, scan)| (ItemKey::Scan(kind), Item::Scan(scan))).boxed(),
        (any::<u32>(), requests())
            .prop_map(|(id, allowance)| (ItemKey::Requests(ClientId(id)), Item::Requests(allowance)))
            .boxed(),
        (any::<u32>(), group(), delivery())
            .prop_map(|(id, group, delivery)| {
                (ItemKey::Delivery(ClientId(id), group), Item::Delivery(delivery))
            })
            .boxed(),
        (any::<u32>(), group(), delivery_request())
            .prop_map(|(id, group, request)| {
                (ItemKey::DeliveryRequest(ClientId(id), group), Item::DeliveryRequest(request))
            })
            .boxed(),
        (any::<u32>(), target())
            .prop_map(|(id, target)| (ItemKey::Target(ClientId(id)), Item::Target(Box::new(target))))
            .boxed(),
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

/// How the names of attributes begin that another release may have added.
pub const LATER: &str = "later ";

/// What another release may have added.
fn unknown() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        ".*".prop_map(Stored::S),
        Just(Stored::M(Attributes::from([("inner".to_owned(), Stored::Bool(true))]))),
    ];
    btree_map("[a-z]{1,5}".prop_map(|name| format!("{LATER}{name}")), value, 0..2)
}

prop_compose! {
    fn registry()(
        (write_count, revision, start) in (any::<u64>(), any::<u64>(), instant()),
        clients in btree_map("[A-Za-z][A-Za-z0-9]{0,39}", registration(), 0..6),
        unknown in unknown(),
    ) -> Registry {
        let clients = clients.into_iter().map(|(name, client)| (ClientName::try_new(&name).unwrap(), client));
        Registry { write_count: WriteCount(write_count), revision, start, clients: clients.collect(), unknown }
    }
}

prop_compose! {
    fn registration()(
        erasures in any::<bool>(),
        (id, history, since) in (any::<u32>(), any::<bool>(), any::<u64>()),
        filter in "[0-9a-f]{16}",
        state in prop_oneof![Just(State::Live), Just(State::Paused), Just(State::Retired)],
        (absent_at, retired_at) in (option::of(instant()), option::of(instant())),
        pause in option::of((instant(), ".{0,40}", option::of(".{0,40}"))),
        unknown in unknown(),
    ) -> Registration {
        let pause = pause.map(|(since, by, reason)| Pause { since, by, reason });
        let filter = FilterDigest::try_new(&filter).unwrap();
        Registration { id: ClientId(id), state, pause, history, filter, erasures, since, absent_at, retired_at, unknown }
    }
}

fn version() -> impl Strategy<Value = i64> {
    -1..=VERSION_LIMIT
}

fn last() -> impl Strategy<Value = LastVersion> {
    option::of(version())
}

prop_compose! {
    fn group_item()(
        (write_count, version, revision, incarnation_number) in (any::<u64>(), version(), any::<u64>(), any::<u64>()),
        behind in btree_set(any::<u32>(), 0..5),
        (sort, id, first_version, key) in (key(), option::of(".{1,20}"), version(), key()),
        token in "[0-9a-f]{16}",
        unknown in unknown(),
        (time, streamed_at) in (option::of(event_time()), option::of(instant())),
        (holes, pairs) in (vec(version(), 0..HOLES_LIMIT), vec(version(), 0..PAIRS_LIMIT)),
        closed in option::of(instant()),
        (last, own) in (last(), btree_map(any::<u32>(), last(), 0..4)),
    ) -> GroupItem {
        let sent = LastSent::new(last, own.into_iter().map(|(client, own)| (ClientId(client), own)));
        let behind = behind.into_iter().map(ClientId).collect();
        let first = First { identity: EventIdentity { sort, id }, version: first_version };
        let token = IncarnationToken::try_new(&token).unwrap();
        GroupItem { write_count: WriteCount(write_count), version, behind, sent, revision, incarnation_number, token, first, time, streamed_at, key, holes, pairs, closed, unknown }
    }
}

prop_compose! {
    fn cursor()(
        (write_count, epoch, incarnation_number) in any::<(u64, u64, u64)>(),
        (position, until) in (version(), version()),
        last in last(),
        replay in option::of("[A-Za-z0-9-]{1,40}"),
        settles_at in option::of(instant()),
        hold in option::of(hold()),
        unknown in unknown(),
        at in instant(),
    ) -> Cursor {
        let replay = replay.map(|text| Repetition { id: ReplayId::try_new(&text).unwrap(), until, settles_at });
        Cursor { write_count: WriteCount(write_count), epoch, incarnation_number, position, last, replay, at, hold, unknown }
    }
}

prop_compose! {
    fn hold()(
        (reason, by) in (".{0,20}", ".{0,20}"),
        since in instant(),
        skipped in vec((version(), ".{0,20}"), 0..SKIPPED_LIMIT),
    ) -> Hold {
        let skipped = skipped.into_iter().map(|(version, reason)| SkippedEvent { version, reason }).collect();
        Hold { reason, by, since, skipped }
    }
}

prop_compose! {
    fn lease()(
        (write_count, holder, failures) in any::<(u64, u64, u32)>(),
        (until, not_before) in (instant(), instant()),
        groups in vec(group(), 0..4),
        failure in option::of(".{1,20}"),
        refused in vec((group(), ".{0,20}"), 0..3),
        unknown in unknown(),
    ) -> Lease {
        let refused = refused.into_iter().map(|(group, reason)| RefusedEvent { group, reason }).collect();
        let write_count = WriteCount(write_count);
        Lease { write_count, holder, until, groups, failures, not_before, failure, refused, unknown }
    }
}

prop_compose! {
    fn requests()(
        (write_count, left) in any::<(u64, u32)>(),
        at in instant(),
        unknown in unknown(),
    ) -> RequestAllowance {
        RequestAllowance { write_count: WriteCount(write_count), left, at, unknown }
    }
}

prop_compose! {
    fn scan()(
        (write_count, revision, is_on) in any::<(u64, u64, bool)>(),
        at in instant(),
        after in option::of((key(), key())),
        unknown in unknown(),
    ) -> Scan {
        Scan { write_count: WriteCount(write_count), revision, at, after, is_on, unknown }
    }
}

fn token() -> impl Strategy<Value = IncarnationToken> {
    "[0-9a-f]{16}".prop_map(|text| IncarnationToken::try_new(&text).unwrap())
}

fn replay_id() -> impl Strategy<Value = ReplayId> {
    "[A-Za-z0-9-]{1,40}".prop_map(|text| ReplayId::try_new(&text).unwrap())
}

prop_compose! {
    fn consumer_state()(
        (version, incarnation) in (version(), option::of(token())),
        asked in option::of((version(), option::of(token()), option::of(replay_id()), any::<bool>())),
    ) -> ConsumerState {
        let asked = asked.map(|(from, incarnation, shown_by, is_sent)| {
            AskedReplay { from, incarnation, shown_by, is_sent }
        });
        ConsumerState { version, incarnation, asked }
    }
}

prop_compose! {
    fn delivery()(
        write_count in any::<u64>(),
        state in option::of(consumer_state()),
        (place, mark) in (option::of((any::<u128>(), instant())), option::of(".{0,40}")),
        refused in option::of((version(), option::of(token()), instant())),
        asked_at in option::of(instant()),
        unknown in unknown(),
    ) -> Delivery {
        let refused =
            refused.map(|(version, incarnation, since)| RefusedHead { version, incarnation, since });
        let place = place.map(|(sequence_number, sent_at)| QueuePlace { sequence_number, sent_at });
        Delivery { write_count: WriteCount(write_count), state, place, mark, refused, asked_at, unknown }
    }
}

prop_compose! {
    fn delivery_request()(
        write_count in any::<u64>(),
        reason in option::of(".{0,40}"),
        (from, id, at) in (version(), replay_id(), instant()),
        (incarnation, shown_by) in (option::of(token()), option::of(replay_id())),
        (done_at, failure) in (option::of(instant()), option::of(".{0,40}")),
        unknown in unknown(),
    ) -> DeliveryRequest {
        let kind = match reason {
            Some(reason) => DeliveryRequestKind::Hold { reason },
            None => DeliveryRequestKind::Replay,
        };
        let write_count = WriteCount(write_count);
        DeliveryRequest { write_count, kind, from, incarnation, shown_by, id, at, done_at, failure, unknown }
    }
}

prop_compose! {
    fn target()(
        write_count in any::<u64>(),
        breaker in option::of((instant(), instant(), any::<u32>(), ".{0,40}", option::of(".{0,10}"))),
        gone in option::of((instant(), ".{0,40}", option::of(instant()))),
        refusals in vec((group(), ".{0,10}", instant()), 0..=ALIKE_LIMIT),
        failure in option::of((instant(), group(), ".{0,40}")),
        unknown in unknown(),
    ) -> TargetState {
        let breaker = breaker
            .map(|(since, probe_at, probes, reason, alike)| OpenBreaker { since, probe_at, probes, reason, alike });
        let gone = gone.map(|(since, reason, paused_at)| Gone { since, reason, paused_at });
        let refusals = refusals.into_iter().map(|(group, alike, at)| Refusal { group, alike, at }).collect();
        let failure = failure.map(|(at, group, reason)| TargetFailure { at, group, reason });
        TargetState { write_count: WriteCount(write_count), breaker, gone, refusals, failure, unknown }
    }
}
