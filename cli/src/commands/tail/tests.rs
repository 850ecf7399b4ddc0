use expect_test::{Expect, expect};
use shared::filter::FilterDigest;
use shared::ids::{IncarnationToken, Key};
use shared::ledger::{ClientId, First, Hold, LastSent, Repetition, SkippedEvent, WriteCount};
use shared::time::Timestamp;

use super::*;
use crate::commands::event_rows::tests::{filters, table};

fn client() -> Registration {
    Registration {
        id: ClientId(2),
        state: State::Live,
        pause: None,
        history: false,
        filter: FilterDigest::of(None),
        erasures: false,
        since: 1,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    }
}

fn item(version: i64, incarnation_number: u64, is_behind: bool) -> GroupItem {
    let key = Key::S("AFC F5".to_owned());
    GroupItem {
        write_count: WriteCount(1),
        version,
        behind: is_behind.then_some(ClientId(2)).into_iter().collect(),
        revision: 1,
        sent: LastSent::default(),
        incarnation_number,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: key.clone().into(), version: 1 },
        time: None,
        streamed_at: None,
        key,
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    }
}

fn cursor(position: i64) -> Cursor {
    Cursor {
        write_count: WriteCount(1),
        epoch: 1,
        incarnation_number: 1,
        position,
        last: None,
        replay: None::<Repetition>,
        at: Timestamp::from_millis(1),
        hold: None,
        unknown: [].into(),
    }
}

fn unsent(last: LastVersion) -> Unsent {
    Unsent { last, ..Unsent::default() }
}

/// The changes of a series of looks: each is the group's version and incarnation, and the client's position if it is
/// behind.
fn check(from: Option<i64>, looks: &[(i64, u64, Option<i64>)], expected: &Expect) {
    let (mut standing, mut text) = (None, String::new());
    for (version, incarnation_number, position) in looks {
        let item = item(*version, *incarnation_number, position.is_some());
        let mut after = Standing::new(&client(), &item, position.map(cursor).as_ref()).unwrap();
        text += &format!("{:?}\n", changes(standing.as_ref(), &mut after, &item, from));
        standing = Some(after);
    }
    expected.assert_eq(&text);
}

#[test]
fn what_is_sent_is_what_lies_between_two_positions() {
    check(
        None,
        &[(3, 1, None), (3, 1, None), (5, 1, None), (6, 1, Some(5)), (7, 1, Some(6)), (7, 1, None)],
        &expect![[r#"
        [State("up to date")]
        []
        [Sent { from: 4, to: 5 }]
        [State("behind")]
        [Sent { from: 6, to: 6 }]
        [Sent { from: 7, to: 7 }, State("up to date")]
    "#]],
    );
    check(
        Some(2),
        &[(3, 1, None), (4, 1, None)],
        &expect![[r#"
        [Sent { from: 2, to: 3 }, State("up to date")]
        [Sent { from: 4, to: 4 }]
    "#]],
    );
    check(
        Some(6),
        &[(3, 1, None), (5, 1, None), (7, 1, None)],
        &expect![[r#"
        [State("up to date")]
        []
        [Sent { from: 6, to: 7 }]
    "#]],
    );
}

#[test]
fn a_replay_and_a_new_incarnation_are_said_first() {
    check(
        None,
        &[(5, 1, None), (5, 1, Some(1)), (5, 1, Some(3)), (5, 1, None)],
        &expect![[r#"
        [State("up to date")]
        [Replay(2), State("behind")]
        [Sent { from: 2, to: 3 }]
        [Sent { from: 4, to: 5 }, State("up to date")]
    "#]],
    );
    check(
        Some(4),
        &[(5, 1, None), (2, 2, None), (3, 2, None), (3, 2, Some(0)), (3, 2, None)],
        &expect![[r#"
            [Sent { from: 4, to: 5 }, State("up to date")]
            [Incarnation("0123456789abcdef"), Sent { from: 1, to: 2 }]
            [Sent { from: 3, to: 3 }]
            [Replay(1), State("behind")]
            [Sent { from: 1, to: 3 }, State("up to date")]
        "#]],
    );
    check(
        None,
        &[(5, 1, None), (2, 2, None)],
        &expect![[r#"
        [State("up to date")]
        [Incarnation("0123456789abcdef"), Sent { from: 1, to: 2 }]
    "#]],
    );
}

#[test]
fn items_that_do_not_fit_say_nothing_and_a_hold_says_why() {
    assert_eq!(Standing::new(&client(), &item(5, 1, true), None), None);
    assert_eq!(Standing::new(&client(), &item(5, 1, false), Some(&cursor(3))), None);
    let hold = Hold {
        reason: "fails".to_owned(),
        by: "Ann".to_owned(),
        since: Timestamp::from_millis(1),
        skipped: Vec::new(),
    };
    let held = Cursor { hold: Some(hold), ..cursor(3) };
    let standing = Standing::new(&client(), &item(5, 1, true), Some(&held)).unwrap();
    assert_eq!(standing.state, "held after version 3: fails (Ann)");
}

#[tokio::test]
async fn a_line_says_whether_the_filter_leaves_the_event_out() {
    let key = Key::S("AFC F5".to_owned());
    let mut rows = rows_down_to(&table(1..=8), &filters(), &key, 3, true).await.unwrap();
    rows.retain(|row| row.version != Some(6));
    let lines = lines_of("Tax", &unsent(Some(10)), rows, 4, 10);
    let at = |line: &Line| Line { seen_at: "2026-01-05T09:10:00Z".to_owned(), body: None, ..line.clone() };
    let text: String = lines.iter().map(|line| at(line).to_text()).collect();
    expect![[r#"
        2026-01-05T09:10:00Z  version 4  Sold  e-4
        2026-01-05T09:10:00Z  version 5  Lent  e-5  left out by its filter: `kind` has another value
        2026-01-05T09:10:00Z  version 6  the event table does not have it
        2026-01-05T09:10:00Z  version 7  Lent  e-7  left out by its filter: `kind` has another value
        2026-01-05T09:10:00Z  version 8  -  -  rejected: `id`, the event's id, is of type `NULL`; it must be a string, a number or bytes
        2026-01-05T09:10:00Z  version 9  the event table has none up to version 10
    "#]].assert_eq(&text);
    expect![[r#"{"seen_at":"2026-01-05T09:10:00Z","what":"sent","version":4,"name":"Sold","event_id":"e-4","event_time":"2026-01-05T09:04:00Z","detail":null}"#]].assert_eq(&serde_json::to_string(&at(&lines[0])).unwrap());
    assert!(lines[0].to_text().ends_with("\"version\":4}\n"), "{}", lines[0].to_text());
    let missing = lines_of("Tax", &unsent(None), Vec::new(), 1, 1_000_000);
    assert_eq!((missing.len(), missing[0].what, missing[0].version), (1, What::Missing, Some(1)));
}

/// What `--from 1` shows of versions 1 to 5 to Billing, which wants all.
async fn check_from_1(client: &Registration, item: &GroupItem, cursor: Option<&Cursor>, expected: &Expect) {
    let rows = rows_down_to(&table(1..=6), &filters(), &item.key, 1, false).await.unwrap();
    let mut after = Standing::new(client, item, cursor).unwrap();
    let mut text = String::new();
    for change in changes(None, &mut after, item, Some(1)) {
        match change {
            Change::Sent { from, to } => {
                for Line { what, version, detail, .. } in
                    lines_of("Billing", &after.unsent, rows.clone(), from, to)
                {
                    text += &format!("{} {what:?}: {}\n", figure(version), detail.as_deref().unwrap_or("-"));
                }
            }
            change => text += &format!("{change:?}\n"),
        }
    }
    expected.assert_eq(&text);
}

#[tokio::test]
async fn what_a_client_is_past_and_was_not_sent_is_said() {
    let up_to_date = |last| GroupItem { sent: LastSent::new(last, []), ..item(5, 1, false) };
    // The item does not account for a client that joined since.
    let new = |history| Registration { since: 2, history, ..client() };
    check_from_1(
        &new(true),
        &up_to_date(Some(5)),
        None,
        &expect![[r#"
        State("behind")
    "#]],
    )
    .await;
    check_from_1(
        &new(false),
        &up_to_date(Some(5)),
        None,
        &expect![[r#"
            1 NotSent: it is older than the client or its filter, or an operator had it left out
            2 NotSent: it is older than the client or its filter, or an operator had it left out
            3 NotSent: it is older than the client or its filter, or an operator had it left out
            4 NotSent: it is older than the client or its filter, or an operator had it left out
            5 NotSent: it is older than the client or its filter, or an operator had it left out
            State("up to date")
        "#]],
    )
    .await;
    check_from_1(
        &client(),
        &up_to_date(Some(3)),
        None,
        &expect![[r#"
            1 Sent: -
            2 Sent: -
            3 Sent: -
            4 NotSent: it is older than the client or its filter, or an operator had it left out
            5 NotSent: it is older than the client or its filter, or an operator had it left out
            State("up to date")
        "#]],
    )
    .await;
    let given_up = GroupItem { holes: vec![2], ..up_to_date(Some(5)) };
    check_from_1(
        &client(),
        &given_up,
        None,
        &expect![[r#"
            1 Sent: -
            2 NotSent: it was given up as missing
            3 Sent: -
            4 Sent: -
            5 Sent: -
            State("up to date")
        "#]],
    )
    .await;
    let skipped = vec![SkippedEvent { version: 3, reason: "withdrawn".to_owned() }];
    let (reason, by) = ("fails".to_owned(), "Ann".to_owned());
    let hold = Hold { reason, by, since: Timestamp::from_millis(1), skipped };
    let held = Cursor { last: Some(2), hold: Some(hold), ..cursor(3) };
    check_from_1(
        &client(),
        &item(5, 1, true),
        Some(&held),
        &expect![[r#"
            1 Sent: -
            2 Sent: -
            3 Skipped: withdrawn
            State("held after version 3: fails (Ann)")
        "#]],
    )
    .await;
}

#[test]
fn a_pause_is_seen_at_the_next_look() {
    let (item, mut standing, mut text) = (item(5, 1, false), None, String::new());
    for state in [State::Live, State::Paused, State::Live] {
        let mut after = Standing::new(&Registration { state, ..client() }, &item, None).unwrap();
        text += &format!("{:?}\n", changes(standing.as_ref(), &mut after, &item, None));
        standing = Some(after);
    }
    expect![[r#"
        [State("up to date")]
        [State("paused after version 5")]
        [State("up to date")]
    "#]]
    .assert_eq(&text);
}
