use std::collections::BTreeSet;

use expect_test::{Expect, expect};

use super::tests::shown;
use super::*;
use crate::consumer::{AskedReplay, ConsumerState};
use crate::ids::{Group, IncarnationToken, ReplayId};
use crate::ledger::push_writes::is_of_push;
use crate::ledger::{
    ClientId, Delivery, DeliveryRequest, DeliveryRequestKind, Gone, Item, OpenBreaker, QueuePlace, Refusal,
    RefusedHead, TargetFailure, TargetState, WriteCount,
};
use crate::time::Timestamp;

const CLIENT: ClientId = ClientId(2);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + 1_000 * seconds)
}

fn group() -> Group {
    Group::try_from_sqs("AFC%20F5").unwrap()
}

fn token() -> Option<IncarnationToken> {
    IncarnationToken::try_new("0123456789abcdef").ok()
}

fn replay(id: &str) -> ReplayId {
    ReplayId::try_new(id).unwrap()
}

fn delivery() -> Delivery {
    let asked = AskedReplay { from: 8, incarnation: token(), shown_by: Some(replay("r-1")), is_sent: true };
    Delivery {
        write_count: WriteCount(9),
        state: Some(ConsumerState { version: 7, incarnation: token(), asked: Some(asked) }),
        place: Some(QueuePlace { sequence_number: u128::MAX, sent_at: at(59) }),
        mark: Some("49590338271490256608559692538361571095921575989136588898".to_owned()),
        refused: Some(RefusedHead { version: 8, incarnation: token(), since: at(0) }),
        asked_at: Some(at(60)),
        unknown: [].into(),
    }
}

fn request() -> DeliveryRequest {
    DeliveryRequest {
        write_count: WriteCount(9),
        kind: DeliveryRequestKind::Hold { reason: "400: no such mark".to_owned() },
        from: 8,
        incarnation: token(),
        shown_by: Some(replay("r-1")),
        id: replay("h-1"),
        at: at(0),
        done_at: Some(at(60)),
        failure: Some("throttled".to_owned()),
        unknown: [].into(),
    }
}

fn target() -> TargetState {
    let reason = || "503 Service Unavailable".to_owned();
    TargetState {
        write_count: WriteCount(9),
        breaker: Some(OpenBreaker {
            since: at(0),
            probe_at: at(30),
            probes: 2,
            reason: reason(),
            alike: Some("400".to_owned()),
        }),
        gone: Some(Gone { since: at(60), reason: "410 Gone".to_owned(), paused_at: Some(at(90)) }),
        refusals: vec![Refusal { group: group(), alike: "400".to_owned(), at: at(0) }],
        failure: Some(TargetFailure { at: at(60), group: group(), reason: reason() }),
        unknown: [].into(),
    }
}

fn all() -> [(ItemKey, Item); 3] {
    [
        (ItemKey::Delivery(CLIENT, group()), Item::Delivery(delivery())),
        (ItemKey::DeliveryRequest(CLIENT, group()), Item::DeliveryRequest(request())),
        (ItemKey::Target(CLIENT), Item::Target(Box::new(target()))),
    ]
}

#[test]
fn what_an_operator_reads() {
    let check = |key: ItemKey, item: Item, expect: Expect| {
        let (pk, sk) = keys(&key);
        expect.assert_eq(&format!("{pk} / {sk}: {}", shown(&Value::M(store(&item)))));
    };
    let [delivered, requested, of_target] = all();
    check(
        delivered.0.clone(),
        delivered.1,
        expect![[
            r#"push#2#AFC%20F5 / delivery: {asked_at: "2027-01-15T08:01:00Z", format: 2, mark: "49590338271490256608559692538361571095921575989136588898", place: {sent_at: "2027-01-15T08:00:59Z", sequence_number: "340282366920938463463374607431768211455"}, refused: {incarnation: "0123456789abcdef", since: "2027-01-15T08:00:00Z", version: 8}, state: "{\"asked\":{\"from\":8,\"incarnation\":\"0123456789abcdef\",\"shown_by\":\"r-1\"},\"incarnation\":\"0123456789abcdef\",\"version\":7}", write_count: 9}"#
        ]],
    );
    check(
        requested.0.clone(),
        requested.1,
        expect![[
            r#"push#2 / request#AFC%20F5: {at: "2027-01-15T08:00:00Z", done_at: "2027-01-15T08:01:00Z", failure: "throttled", format: 2, from: 8, id: "h-1", incarnation: "0123456789abcdef", kind: "hold", reason: "400: no such mark", shown_by: "r-1", write_count: 9}"#
        ]],
    );
    check(
        of_target.0.clone(),
        of_target.1,
        expect![[
            r#"push#2 / target: {breaker: {alike: "400", probe_at: "2027-01-15T08:00:30Z", probes: 2, reason: "503 Service Unavailable", since: "2027-01-15T08:00:00Z"}, failure: {at: "2027-01-15T08:01:00Z", group: "AFC%20F5", reason: "503 Service Unavailable"}, format: 2, gone: {paused_at: "2027-01-15T08:01:30Z", reason: "410 Gone", since: "2027-01-15T08:01:00Z"}, refusals: [{alike: "400", at: "2027-01-15T08:00:00Z", group: "AFC%20F5"}], write_count: 9}"#
        ]],
    );
    // What most of them are.
    let state = Some(ConsumerState { version: 7, incarnation: token(), asked: None });
    let plain = Delivery { state, place: None, mark: None, refused: None, asked_at: None, ..delivery() };
    check(
        delivered.0,
        Item::Delivery(plain),
        expect![[
            r#"push#2#AFC%20F5 / delivery: {format: 2, state: "{\"incarnation\":\"0123456789abcdef\",\"version\":7}", write_count: 9}"#
        ]],
    );
    let kind = DeliveryRequestKind::Replay;
    let open = DeliveryRequest {
        kind,
        incarnation: None,
        shown_by: None,
        done_at: None,
        failure: None,
        ..request()
    };
    check(
        requested.0,
        Item::DeliveryRequest(open),
        expect![[
            r#"push#2 / request#AFC%20F5: {at: "2027-01-15T08:00:00Z", format: 2, from: 8, id: "h-1", kind: "replay", write_count: 9}"#
        ]],
    );
    let well = TargetState { write_count: WriteCount(9), ..TargetState::default() };
    check(of_target.0, Item::Target(Box::new(well)), expect!["push#2 / target: {format: 2, write_count: 9}"]);
}

#[test]
fn damage_is_named() {
    let check = |key: ItemKey, item: Item, name: &str, value: Value, expect: Expect| {
        let mut stored = store(&item);
        stored.insert(name.to_owned(), value);
        expect.assert_eq(&restore(&key, stored).unwrap_err().to_string());
    };
    let text = |text: &str| Value::S(text.to_owned());
    let map = |name: &str, value: Value| Value::M([(name.to_owned(), value)].into());
    let [(delivery_key, delivery), (request_key, request), (target_key, target)] = all();
    let of_delivery =
        |name, value, expect| check(delivery_key.clone(), delivery.clone(), name, value, expect);
    of_delivery("state", text("7"), expect!["attribute `state` is not the state of a consumer"]);
    of_delivery(
        "state",
        text(r#"{"version":7,"later":1}"#),
        expect!["attribute `state` is not the state of a consumer"],
    );
    of_delivery(
        "asked_at",
        text("yesterday"),
        expect!["attribute `asked_at` is not an instant such as `2026-11-20T10:00:00Z`"],
    );
    of_delivery("place", text("7"), expect!["attribute `place` is not a map"]);
    of_delivery(
        "place",
        map("sequence_number", text("-7")),
        expect!["attribute `place.sequence_number` is not a whole number in its range"],
    );
    of_delivery("place", map("sequence_number", text("7")), expect!["attribute `place.sent_at` is missing"]);
    of_delivery("mark", Value::Bool(true), expect!["attribute `mark` is not a string"]);
    of_delivery(
        "refused",
        map("version", Value::N("-2".to_owned())),
        expect!["attribute `refused.version` is not a whole number in its range"],
    );
    let of_request = |name, value, expect| check(request_key.clone(), request.clone(), name, value, expect);
    of_request("kind", text("skip"), expect!["attribute `kind` is not `hold` or `replay`"]);
    of_request("reason", Value::Bool(true), expect!["attribute `reason` is not a string"]);
    of_request("from", text("8"), expect!["attribute `from` is not a whole number in its range"]);
    of_request("incarnation", text("0123"), expect!["attribute `incarnation` is not 16 hexadecimal digits"]);
    of_request("shown_by", text("r_1"), expect!["attribute `shown_by` is not a replay's id"]);
    of_request("id", text(""), expect!["attribute `id` is not a replay's id"]);
    of_request(
        "done_at",
        text("yesterday"),
        expect!["attribute `done_at` is not an instant such as `2026-11-20T10:00:00Z`"],
    );
    let of_target = |name, value, expect| check(target_key.clone(), target.clone(), name, value, expect);
    of_target("breaker", text("open"), expect!["attribute `breaker` is not a map"]);
    of_target(
        "gone",
        map("since", text("yesterday")),
        expect!["attribute `gone.since` is not an instant such as `2026-11-20T10:00:00Z`"],
    );
    of_target(
        "refusals",
        Value::L(vec![text("400")]),
        expect!["attribute `refusals` is not a list of what belongs there"],
    );
    of_target("failure", map("group", text("a b")), expect!["attribute `failure.at` is missing"]);
}

/// A map has no place for what is unknown: a later release adds an attribute of the item.
#[test]
fn what_is_unknown_in_a_map_is_damage_and_of_the_item_it_is_kept() {
    let target = || {
        let (key, item) = all()[2].clone();
        (key, store(&item))
    };
    let (key, mut stored) = target();
    let Some(Value::M(breaker)) = stored.get_mut("breaker") else { panic!() };
    breaker.insert("later".to_owned(), Value::Bool(true));
    expect!["attribute `breaker.later` is unknown"]
        .assert_eq(&restore(&key, stored).unwrap_err().to_string());
    for (key, item) in all() {
        let mut stored = store(&item);
        stored.insert("later".to_owned(), Value::Bool(true));
        assert_eq!(store(&restore(&key, stored.clone()).unwrap()), stored);
    }
}

#[test]
fn push_functions_write_under_keys_of_their_own() {
    for (key, _) in all() {
        assert!(keys(&key).0.starts_with(LEADING) && is_of_push(&key), "{key:?}");
    }
    for key in
        [ItemKey::Registry, ItemKey::Group(group()), ItemKey::Cursor(CLIENT, group()), ItemKey::Lease(CLIENT)]
    {
        assert!(!keys(&key).0.starts_with(LEADING) && !is_of_push(&key), "{key:?}");
    }
}

#[test]
fn a_groups_request_is_found_by_its_key_and_no_two_partitions_meet() {
    let (_, sk) = keys(&ItemKey::DeliveryRequest(CLIENT, group()));
    assert_eq!(request_group(&sk), Some(group()));
    for other in ["target", "request#", "request", "request#a b", ""] {
        assert_eq!(request_group(other), None, "{other}");
    }
    // A group may look like the end of another key.
    let names =
        ["2", "2#a", "request#2", "target", "delivery"].map(|name| Group::try_from_sqs(name).unwrap());
    let clients = [1, 2, 12, 21].map(ClientId);
    let mut all: Vec<(String, String)> =
        clients.iter().map(|client| keys(&ItemKey::Target(*client))).collect();
    for client in clients {
        all.extend(names.iter().map(|name| keys(&ItemKey::Delivery(client, name.clone()))));
        all.extend(names.iter().map(|name| keys(&ItemKey::DeliveryRequest(client, name.clone()))));
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}
