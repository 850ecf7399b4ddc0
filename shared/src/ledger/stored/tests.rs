use std::collections::BTreeSet;
use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;
use crate::config::ClientName;
use crate::filter::FilterDigest;
use crate::ids::{EventIdentity, Group, IncarnationToken, Key, ReplayId};
use crate::ledger::{
    ClientId, Cursor, ErasureReceipt, EventTime, First, GroupItem, Hold, Item, LastSent, Lease, Pause,
    ReceiptPlace, RefusedEvent, Registration, Registry, Repetition, RequestAllowance, Scan, Settlement,
    SkippedEvent, State, WriteCount,
};
use crate::time::Timestamp;

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn group_item() -> GroupItem {
    GroupItem {
        write_count: WriteCount(9),
        version: 7,
        behind: BTreeSet::from([ClientId(2), ClientId(11)]),
        revision: 3,
        sent: LastSent::new(Some(6), [(ClientId(1), None), (ClientId(3), Some(5))]),
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First {
            identity: EventIdentity {
                sort: Key::S("2025-03-01T09:30:00Z".to_owned()),
                id: Some("an id".to_owned()),
            },
            version: 1,
        },
        time: EventTime::try_from_text("2026-11-20T10:00:00.000000001Z"),
        streamed_at: Some(at(1_800_000_000_125)),
        key: Key::S("AFC F5".to_owned()),
        holes: vec![4, 2],
        pairs: vec![3],
        closed: Some(at(1_800_000_100_000)),
        unknown: [].into(),
    }
}

fn cursor() -> Cursor {
    let replay = ReplayId::try_new("r-1").unwrap();
    let at = at(1_763_632_800_000);
    Cursor {
        write_count: WriteCount(1),
        epoch: 2,
        incarnation_number: 1,
        position: 3,
        last: Some(6),
        replay: Some(Repetition {
            id: replay,
            until: 7,
            settles_at: Some(at.plus(Duration::from_secs(330))),
        }),
        at,
        hold: Some(Hold {
            reason: "400 of the webhook".to_owned(),
            by: "arn:aws:iam::111122223333:user/op".to_owned(),
            since: at,
            skipped: vec![SkippedEvent { version: 2, reason: "not ours".to_owned() }],
        }),
        unknown: [].into(),
    }
}

/// A value in one line, as the console shows it.
pub(super) fn shown(value: &Value) -> String {
    let all = |texts: Vec<String>| texts.join(", ");
    match value {
        Value::S(text) => format!("{text:?}"),
        Value::N(number) => number.clone(),
        Value::B(bytes) => format!("{bytes:?}"),
        Value::Bool(value) => value.to_string(),
        Value::M(entries) => {
            format!(
                "{{{}}}",
                all(entries.iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect())
            )
        }
        Value::L(members) => format!("[{}]", all(members.iter().map(shown).collect())),
        Value::Ns(members) => format!("<{}>", members.join(", ")),
    }
}

#[test]
fn what_an_operator_reads() {
    let check = |key: ItemKey, item: Item, expect: Expect| {
        let (pk, sk) = keys(&key);
        expect.assert_eq(&format!("{pk} / {sk}: {}", shown(&Value::M(store(&item)))));
    };
    let group = || Group::of(&Key::S("AFC F5".to_owned()));
    let billing = Registration {
        id: ClientId(1),
        state: State::Paused,
        pause: Some(Pause {
            since: at(1_763_632_800_125),
            by: "an operator".to_owned(),
            reason: Some("its team moves".to_owned()),
        }),
        history: true,
        erasures: true,
        filter: FilterDigest::of(None),
        since: 2,
        absent_at: Some(at(1_763_632_800_125)),
        retired_at: None,
        unknown: [].into(),
    };
    let registry = Registry {
        write_count: WriteCount(4),
        revision: 3,
        start: at(1_763_632_800_000),
        clients: [(ClientName::try_new("Billing").unwrap(), billing)].into(),
        unknown: [].into(),
    };
    check(
        ItemKey::Registry,
        Item::Registry(registry),
        expect![
            "registry / registry: {clients: {Billing: {absent_at: \"2025-11-20T10:00:00.125Z\", erasures: true, filter: \"74d49aafd0921ae1\", history: true, id: 1, pause: {by: \"an operator\", reason: \"its team moves\", since: \"2025-11-20T10:00:00.125Z\"}, since: 2, state: \"paused\"}}, format: 2, revision: 3, start: \"2025-11-20T10:00:00Z\", write_count: 4}"
        ],
    );
    check(
        ItemKey::Group(group()),
        Item::Group(Box::new(group_item())),
        expect![
            "group#AFC%20F5 / group: {behind: <2, 11>, closed: \"2027-01-15T08:01:40Z\", closed_incarnation: 1, first: {id: \"an id\", sort: \"2025-03-01T09:30:00Z\", version: 1}, format: 2, holes: [4, 2], incarnation_number: 1, key: \"AFC F5\", last: 6, last_write_count: 9, pairs: [3], revision: 3, sent: [1, 0, 2, 6], streamed_at: \"2027-01-15T08:00:00.125Z\", time: \"2026-11-20T10:00:00.000000001Z\", token: \"0123456789abcdef\", version: 7, write_count: 9}"
        ],
    );
    let empty = GroupItem {
        behind: BTreeSet::new(),
        sent: LastSent::default(),
        time: None,
        streamed_at: None,
        holes: Vec::new(),
        ..group_item()
    };
    check(
        ItemKey::Group(group()),
        Item::Group(Box::new(empty)),
        expect![[
            r#"group#AFC%20F5 / group: {closed: "2027-01-15T08:01:40Z", closed_incarnation: 1, first: {id: "an id", sort: "2025-03-01T09:30:00Z", version: 1}, format: 2, incarnation_number: 1, key: "AFC F5", pairs: [3], revision: 3, token: "0123456789abcdef", version: 7, write_count: 9}"#
        ]],
    );
    check(
        ItemKey::Cursor(ClientId(2), group()),
        Item::Cursor(cursor()),
        expect![
            "behind#2 / AFC%20F5: {at: \"2025-11-20T10:00:00Z\", epoch: 2, format: 2, hold: {by: \"arn:aws:iam::111122223333:user/op\", reason: \"400 of the webhook\", since: \"2025-11-20T10:00:00Z\", skipped: [{reason: \"not ours\", version: 2}]}, incarnation_number: 1, last: 6, last_write_count: 1, position: 3, replay: \"r-1\", replay_until: 7, settles_at: \"2025-11-20T10:05:30Z\", write_count: 1}"
        ],
    );
    check(
        ItemKey::Cursor(ClientId(2), group()),
        Item::Cursor(Cursor { replay: None, ..cursor() }),
        expect![
            "behind#2 / AFC%20F5: {at: \"2025-11-20T10:00:00Z\", epoch: 2, format: 2, hold: {by: \"arn:aws:iam::111122223333:user/op\", reason: \"400 of the webhook\", since: \"2025-11-20T10:00:00Z\", skipped: [{reason: \"not ours\", version: 2}]}, incarnation_number: 1, last: 6, last_write_count: 1, position: 3, replay: \"\", replay_until: 0, write_count: 1}"
        ],
    );
    let lease = Lease {
        write_count: WriteCount(5),
        holder: 6,
        until: at(1_763_632_860_000),
        groups: vec![group()],
        failures: 0,
        not_before: at(0),
        failure: None,
        refused: Vec::new(),
        unknown: [].into(),
    };
    let failing = Lease {
        failures: 2,
        failure: Some("KMS.DisabledException".to_owned()),
        refused: vec![RefusedEvent { group: group(), reason: "too long".to_owned() }],
        ..lease.clone()
    };
    check(
        ItemKey::Lease(ClientId(2)),
        Item::Lease(failing),
        expect![[
            r#"lease#2 / lease: {failure: "KMS.DisabledException", failures: 2, format: 2, groups: ["AFC%20F5"], holder: 6, not_before: "1970-01-01T00:00:00Z", refused: [{group: "AFC%20F5", reason: "too long"}], until: "2025-11-20T10:01:00Z", write_count: 5}"#
        ]],
    );
    check(
        ItemKey::Lease(ClientId(2)),
        Item::Lease(lease),
        expect![[
            r#"lease#2 / lease: {failures: 0, format: 2, groups: ["AFC%20F5"], holder: 6, not_before: "1970-01-01T00:00:00Z", until: "2025-11-20T10:01:00Z", write_count: 5}"#
        ]],
    );
    let place = || ReceiptPlace { group: group(), incarnation_number: 2 };
    let due = ErasureReceipt {
        write_count: WriteCount(1),
        key: Key::S("AFC F5".to_owned()),
        token: group_item().token,
        closed_at: at(1_763_632_800_000),
        settled: None,
        unknown: [].into(),
    };
    check(
        ItemKey::Due(ClientId(2), place()),
        Item::Receipt(due.clone()),
        expect![[
            r#"due#2 / AFC%20F5#2: {closed_at: "2025-11-20T10:00:00Z", format: 2, key: "AFC F5", token: "0123456789abcdef", write_count: 1}"#
        ]],
    );
    let settled = Some((Settlement::Told, at(1_763_632_860_000)));
    let told = Item::Receipt(ErasureReceipt { settled, ..due });
    check(
        ItemKey::Receipt(ClientId(2), place()),
        told,
        expect![[
            r#"receipt#2 / AFC%20F5#2: {closed_at: "2025-11-20T10:00:00Z", format: 2, key: "AFC F5", settled_at: "2025-11-20T10:01:00Z", settlement: "told", token: "0123456789abcdef", write_count: 1}"#
        ]],
    );
    let after = Some((Key::N("7".to_owned()), Key::B(vec![0, 255])));
    let scan = Scan {
        write_count: WriteCount(8),
        revision: 3,
        at: at(1_763_632_800_000),
        after,
        is_on: true,
        unknown: [].into(),
    };
    check(
        ItemKey::Scan(ScanKind::History),
        Item::Scan(scan),
        expect![[
            r#"scan#history / scan: {after: {key: 7, sort: [0, 255]}, at: "2025-11-20T10:00:00Z", format: 2, is_on: true, revision: 3, write_count: 8}"#
        ]],
    );
    let allowance = RequestAllowance {
        write_count: WriteCount(5),
        left: 99,
        at: at(1_763_632_800_000),
        unknown: [].into(),
    };
    check(
        ItemKey::Requests(ClientId(2)),
        Item::Requests(allowance),
        expect![[
            r#"requests#2 / requests: {at: "2025-11-20T10:00:00Z", format: 2, left: 99, write_count: 5}"#
        ]],
    );
}

#[test]
fn what_was_sent_last_is_not_known_when_a_release_has_written_that_does_not_know_it() {
    let rewritten = |item: &Item| {
        let mut stored = store(item);
        assert!(stored.insert("write_count".to_owned(), Value::N("10".to_owned())).is_some());
        stored
    };
    let group = ItemKey::Group(Group::of(&Key::S("AFC F5".to_owned())));
    let item = Item::Group(Box::new(group_item()));
    assert_eq!(restore(&group, store(&item)), Ok(item.clone()));
    let unknown = GroupItem { write_count: WriteCount(10), sent: LastSent::default(), ..group_item() };
    assert_eq!(restore(&group, rewritten(&item)), Ok(Item::Group(Box::new(unknown))));
    let unknown = Cursor { write_count: WriteCount(10), last: None, ..cursor() };
    let key = ItemKey::Cursor(ClientId(2), Group::of(&Key::S("AFC F5".to_owned())));
    assert_eq!(restore(&key, rewritten(&Item::Cursor(cursor()))), Ok(Item::Cursor(unknown)));
    // One below version 0: something was sent, and all of it is repeated.
    let mut stored = store(&item);
    stored.insert("last".to_owned(), Value::N("-1".to_owned()));
    let Ok(Item::Group(restored)) = restore(&group, stored) else { panic!() };
    assert_eq!(restored.sent.last(), Some(-1));
}

#[test]
fn damage_is_named() {
    let check = |name: &str, value: Value, expect: Expect| {
        let key = ItemKey::Group(Group::of(&Key::S("AFC F5".to_owned())));
        let mut stored = store(&Item::Group(Box::new(group_item())));
        stored.insert(name.to_owned(), value);
        expect.assert_eq(&restore(&key, stored).unwrap_err().to_string());
    };
    let text = |text: &str| Value::S(text.to_owned());
    let number = |text: &str| Value::N(text.to_owned());
    let first = |sort: Value, version: Value| {
        Value::M([("sort".to_owned(), sort), ("version".to_owned(), version)].into())
    };
    check("version", text("7"), expect!["attribute `version` is not a whole number in its range"]);
    check(
        "version",
        number("18446744073709551616"),
        expect!["attribute `version` is not a whole number in its range"],
    );
    check("write_count", number("-1"), expect!["attribute `write_count` is not a whole number in its range"]);
    check(
        "write_count",
        number("1.5"),
        expect!["attribute `write_count` is not a whole number in its range"],
    );
    check(
        "behind",
        Value::Ns(vec!["1".to_owned(), "4294967296".to_owned()]),
        expect!["attribute `behind` is not a set of whole numbers in their range"],
    );
    check(
        "first",
        first(text("a"), text("b")),
        expect!["attribute `first.version` is not a whole number in its range"],
    );
    check(
        "first",
        first(Value::Bool(true), number("1")),
        expect!["attribute `first.sort` is not a string, a number or bytes"],
    );
    check(
        "holes",
        Value::L(vec![text("1")]),
        expect!["attribute `holes` is not a list of what belongs there"],
    );
    check(
        "time",
        text("1800000000"),
        expect!["attribute `time` is not an instant such as `2026-11-20T10:00:00Z`"],
    );
    check("token", text("0123"), expect!["attribute `token` is not 16 hexadecimal digits"]);
}

#[test]
fn an_item_of_another_format_is_not_read() {
    let check = |format: Option<Value>, expect: Expect| {
        for (key, item) in [
            (ItemKey::Group(Group::of(&Key::S("AFC F5".to_owned()))), Item::Group(Box::new(group_item()))),
            (ItemKey::Cursor(ClientId(2), Group::of(&Key::S("a".to_owned()))), Item::Cursor(cursor())),
        ] {
            let mut stored = store(&item);
            stored.remove("format");
            stored.extend(format.clone().map(|format| ("format".to_owned(), format)));
            // An item of another format may have more attributes.
            stored.insert("zzz".to_owned(), Value::Bool(true));
            let damaged = restore(&key, stored).unwrap_err();
            let named = damaged.item("Ledger", &key).to_string();
            let (pk, sk) = keys(&key);
            let named = named.strip_prefix(&format!("table `Ledger`, item `{pk}` / `{sk}`: ")).unwrap();
            expect.assert_eq(named);
        }
    };
    check(
        Some(Value::N("1".to_owned())),
        expect![
            "attribute `format` is 1, and this release reads 2; deploy the release that wrote it, or one that reads its format; if the item was changed by hand, correct it, or restore the table to a point in time"
        ],
    );
    check(
        None,
        expect![
            "attribute `format` is missing, and this release reads 2; deploy the release that wrote it, or one that reads its format; if the item was changed by hand, correct it, or restore the table to a point in time"
        ],
    );
    check(
        Some(Value::S("1".to_owned())),
        expect![
            "attribute `format` is no number, and this release reads 2; deploy the release that wrote it, or one that reads its format; if the item was changed by hand, correct it, or restore the table to a point in time"
        ],
    );
}
