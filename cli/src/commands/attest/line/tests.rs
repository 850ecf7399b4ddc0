use std::collections::BTreeSet;

use expect_test::expect;
use shared::filter::FilterDigest;
use shared::ids::{IncarnationToken, Key};
use shared::ledger::{First, Item, LastSent, State, WriteCount};
use shared::time::Timestamp;
use testkit::memory::MemoryLedger;

use super::*;

const CLIENT: ClientId = ClientId(2);

fn client() -> Registration {
    Registration {
        id: CLIENT,
        state: State::Live,
        pause: None,
        history: false,
        erasures: false,
        filter: FilterDigest::of(None),
        since: 1,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    }
}

fn group(key: Key, version: i64, is_behind: bool) -> (Group, GroupItem) {
    let item = GroupItem {
        write_count: WriteCount(1),
        version,
        behind: is_behind.then_some(CLIENT).into_iter().collect::<BTreeSet<_>>(),
        sent: LastSent::new((version > 0).then_some(version), []),
        revision: 1,
        incarnation_number: 2,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: key.clone().into(), version: 1 },
        time: None,
        streamed_at: None,
        closed: None,
        key: key.clone(),
        holes: Vec::new(),
        pairs: Vec::new(),
        unknown: [].into(),
    };
    (Group::of(&key), item)
}

fn text_key(key: &str) -> Key {
    Key::S(key.to_owned())
}

fn cursor(position: i64) -> Cursor {
    Cursor {
        write_count: WriteCount(1),
        epoch: 1,
        incarnation_number: 2,
        position,
        last: Some(position),
        replay: None,
        at: Timestamp::from_millis(1_767_603_600_000),
        hold: None,
        unknown: [].into(),
    }
}

fn put(ledger: &MemoryLedger, (group, item): (Group, GroupItem), cursor: Option<Cursor>) {
    ledger.put(ItemKey::Group(group.clone()), Item::Group(Box::new(item)));
    if let Some(cursor) = cursor {
        ledger.put(ItemKey::Cursor(CLIENT, group), Item::Cursor(cursor));
    }
}

fn json(lines: &[Line]) -> String {
    lines.iter().map(|line| serde_json::to_string(line).unwrap() + "\n").collect()
}

#[tokio::test]
async fn each_aggregate_has_a_line() {
    let ledger = MemoryLedger::new(0);
    let groups = [
        group(text_key("AFC F5"), 7, false),
        group(Key::N("12".to_owned()), 9, true),
        group(text_key("new"), 0, false),
    ];
    put(&ledger, groups[1].clone(), Some(cursor(3)));
    ledger.set_cursors_in_page(1);
    let cursors = cursors(&ledger, CLIENT).await.unwrap();
    ledger.forget_calls();
    let lines = lines(&ledger, &client(), groups.to_vec(), &cursors).await.unwrap();
    assert_eq!(ledger.calls().reads, 0, "what fits is read once");
    expect![[r#"
        {"group":"AFC%20F5","key":{"S":"AFC F5"},"incarnation":"0123456789abcdef","version":7,"state":"upToDate"}
        {"group":"~n12","key":{"N":"12"},"incarnation":"0123456789abcdef","version":3,"state":"behind","position":3,"since":"2026-01-05T09:00:00Z"}
        {"group":"new","key":{"S":"new"},"incarnation":"0123456789abcdef","version":null,"state":"upToDate"}
    "#]]
    .assert_eq(&json(&lines));
    let mut summary = Summary::default();
    summary.count(&lines);
    assert_eq!((summary.groups(), summary.exit()), (3, Exit::Done));
    expect![[r#"
        aggregate  incarnation       last sent  state       position  behind since
        AFC F5     0123456789abcdef          7  up to date         -
        12         0123456789abcdef          3  behind             3  2026-01-05T09:00:00Z
        new        0123456789abcdef          -  up to date         -

        client Billing: 2 aggregates up to date, 1 behind
    "#]]
    .assert_eq(&text("Billing", &lines, &summary, Style::Plain));
}

#[tokio::test]
async fn what_does_not_fit_is_read_again_and_unknown_if_it_still_does_not() {
    let ledger = MemoryLedger::new(0);
    // It became up to date after its cursor was read, or behind after that.
    let (caught_up, behind) = (group(text_key("A"), 7, false), group(text_key("B"), 8, true));
    let (damaged, gone) = (group(text_key("C"), 9, true), group(text_key("D"), 5, true));
    put(&ledger, caught_up.clone(), None);
    put(&ledger, behind.clone(), Some(cursor(6)));
    put(&ledger, damaged.clone(), None);
    let read = HashMap::from([(caught_up.0.clone(), cursor(2))]);
    let lines = lines(&ledger, &client(), vec![caught_up, behind, damaged, gone], &read).await.unwrap();
    let states: Vec<_> = lines.iter().map(|line| (line.state, line.version)).collect();
    let expected = [
        (LineState::UpToDate, Some(7)),
        (LineState::Behind, Some(6)),
        (LineState::Unknown, None),
        (LineState::Unknown, None),
    ];
    assert_eq!(states, expected);
    assert_eq!(ledger.calls().reads, 1);
    let mut summary = Summary { damaged: 1, ..Summary::default() };
    summary.count(&lines);
    assert_eq!(summary.exit(), Exit::Findings);
    assert!(text("Billing", &lines, &summary, Style::Plain).ends_with(
        "client Billing: 1 aggregate up to date, 1 behind, 2 unknown: what the ledger has of them changes, or is damaged, 1 \
         item of the ledger can't be read\n"
    ));
}

#[tokio::test]
async fn a_ledger_that_is_not_read_attests_nothing() {
    let ledger = MemoryLedger::new(0);
    let behind = group(text_key("A"), 7, true);
    ledger.fail_read(ItemKey::Group(behind.0.clone()));
    assert!(lines(&ledger, &client(), vec![behind], &HashMap::new()).await.is_err());
    ledger.fail_cursors();
    assert!(cursors(&ledger, CLIENT).await.is_err());
}
