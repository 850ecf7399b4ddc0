use aws::operator::sqs::Depth;
use expect_test::{Expect, expect};
use shared::filter::FilterDigest;
use shared::ids::IncarnationToken;
use shared::ledger::{ClientId, First, Hold, LastSent, RefusedEvent, SkippedEvent, WriteCount};

use super::*;
use crate::commands::event_rows::tests::{filters, table};
use crate::output::Style;

/// 2026-01-05T10:00:00Z, half an hour after the last event of an hour.
const NOW: u64 = 1_767_603_600_000 + 60 * 60_000;

fn minutes_ago(minutes: u64) -> Timestamp {
    Timestamp::from_millis(NOW - minutes * 60_000)
}

fn client(name: &str, id: u32) -> ClientFacts {
    let registration = Registration {
        id: ClientId(id),
        state: State::Live,
        pause: None,
        history: false,
        filter: FilterDigest::of(None),
        erasures: false,
        since: 1,
        absent_at: None,
        retired_at: None,
        unknown: [].into(),
    };
    ClientFacts {
        name: name.to_owned(),
        registration,
        cursor: None,
        lease: Lease::unheld(),
        mend: "catch-up",
    }
}

fn cursor(position: i64, minutes: u64) -> Cursor {
    Cursor {
        write_count: WriteCount(1),
        epoch: 1,
        incarnation_number: 1,
        position,
        last: Some(position),
        replay: None,
        at: minutes_ago(minutes),
        hold: None,
        unknown: [].into(),
    }
}

/// The aggregate `AFC F5`, of which the event table has versions 1 to 7, and the ledger as many; two clients have
/// everything, of whom Tax wants even versions only.
async fn facts(version: Option<i64>) -> Facts {
    let key = Key::S("AFC F5".to_owned());
    let item = GroupItem {
        write_count: WriteCount(1),
        version: 7,
        behind: [].into(),
        revision: 1,
        sent: LastSent::new(Some(7), [(ClientId(2), Some(6))]),
        incarnation_number: 1,
        token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
        first: First { identity: key.clone().into(), version: 1 },
        time: None,
        streamed_at: None,
        key: key.clone(),
        holes: Vec::new(),
        pairs: Vec::new(),
        closed: None,
        unknown: [].into(),
    };
    // The last of them is no event.
    let mut rows = rows_down_to(&table(1..=8), &filters(), &key, 1, false).await.unwrap();
    rows.remove(0);
    Facts {
        stack: "test".to_owned(),
        key: TypedKey::from(&key),
        group: Group::of(&key),
        version,
        item: Some(item),
        rows: Ok(rows),
        fan_out_queue: Ok(Depth { messages: 0, in_flight: 0 }),
        rejected_queue: Ok(Depth { messages: 0, in_flight: 0 }),
        clients: vec![client("Billing", 1), client("Tax", 2)],
        now: Timestamp::from_millis(NOW),
    }
}

/// With Billing behind at `position`.
fn behind(mut facts: Facts, position: i64, minutes: u64) -> Facts {
    facts.item.as_mut().unwrap().behind.insert(ClientId(1));
    facts.clients[0].cursor = Some(cursor(position, minutes));
    facts
}

fn check(facts: Facts, exit: Exit, expected: Expect) {
    let report = Report::new(facts);
    expected.assert_eq(&text::text(&report, Style::Plain));
    assert_eq!(report.exit(), exit);
}

/// Only the first sentence.
fn check_answer(facts: Facts, exit: Exit, expected: Expect) {
    let report = Report::new(facts);
    let text = text::text(&report, Style::Plain);
    expected.assert_eq(text.lines().next().unwrap());
    assert_eq!(report.exit(), exit);
}

#[tokio::test]
async fn an_event_that_all_have_who_want_it() {
    check(
        facts(None).await,
        Exit::Done,
        expect![[r#"
            version 7 of `AFC F5`, the newest, is with the one client that wants it; Tax does not want it: `kind` has another value

            version  sort key              event id  time                  name
                  7  2026-01-05T09:07:00Z  e-7       2026-01-05T09:07:00Z  Lent ←
                  6  2026-01-05T09:06:00Z  e-6       2026-01-05T09:06:00Z  Sold
                  5  2026-01-05T09:05:00Z  e-5       2026-01-05T09:05:00Z  Lent

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef)
            fan-out queue, of all aggregates: 0 messages and 0 in flight

            client   state             sent last  up to  behind for
            Billing  has it                    7      7           -
            Tax      does not want it          6      7           -

            Tax: `kind` has another value
        "#]],
    );
    check_answer(
        facts(Some(6)).await,
        Exit::Done,
        expect!["version 6 of `AFC F5` is with all 2 clients that want it"],
    );
}

#[tokio::test]
async fn a_client_that_is_behind_has_its_reason_and_the_command() {
    let mut failing = behind(facts(Some(7)).await, 5, 20);
    failing.clients[0].lease.failures = 3;
    failing.clients[0].lease.failure = Some("QueueDoesNotExist: gone".to_owned());
    check(
        failing,
        Exit::Findings,
        expect![[r#"
            version 7 of `AFC F5`, the newest, is not with the one client that wants it; Billing is behind since 2026-01-05T09:40:00Z: its queue fails: QueueDoesNotExist: gone; Tax does not want it: `kind` has another value

            version  sort key              event id  time                  name
                  7  2026-01-05T09:07:00Z  e-7       2026-01-05T09:07:00Z  Lent ←
                  6  2026-01-05T09:06:00Z  e-6       2026-01-05T09:06:00Z  Sold
                  5  2026-01-05T09:05:00Z  e-5       2026-01-05T09:05:00Z  Lent

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef)
            fan-out queue, of all aggregates: 0 messages and 0 in flight

            client   state              sent last  up to  behind for
            Billing  ! its queue fails          5      5      20 min
            Tax      does not want it           6      7           -

            Billing: its queue fails: QueueDoesNotExist: gone
              → fanoutctl catch-up Billing --stack test
            Tax: `kind` has another value
        "#]],
    );
    let mut refusing = behind(facts(Some(6)).await, 5, 1);
    let refused = RefusedEvent { group: refusing.group.clone(), reason: "longer than 1024 bytes".to_owned() };
    refusing.clients[0].lease.refused.push(refused);
    check_answer(
        refusing,
        Exit::Findings,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing is behind since 2026-01-05T09:59:00Z: refused for good: version 6, or the next that it wants: longer than 1024 bytes; mend the queue, as a rule its `MaximumMessageSize`"
        ],
    );
    // What it has already is not what it waits for.
    let mut held = behind(facts(Some(5)).await, 5, 1);
    let skipped = vec![SkippedEvent { version: 4, reason: "withdrawn".to_owned() }];
    let hold = Hold { reason: "fails".to_owned(), by: "Ann".to_owned(), since: minutes_ago(1), skipped };
    held.clients[0].cursor.as_mut().unwrap().hold = Some(hold);
    held.version = Some(6);
    check_answer(
        Facts { rows: Ok(held.rows.clone().unwrap()), ..held },
        Exit::Done,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing is behind since 2026-01-05T09:59:00Z: held: fails (Ann)"
        ],
    );
    let mut paused = behind(facts(Some(6)).await, 5, 90);
    paused.clients[0].registration.state = State::Paused;
    check_answer(
        paused,
        Exit::Done,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing is behind since 2026-01-05T08:30:00Z: paused"
        ],
    );
    let mut leaving = behind(facts(Some(6)).await, 5, 1);
    leaving.clients[0].registration.absent_at = Some(minutes_ago(5));
    check_answer(
        leaving,
        Exit::Findings,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing is behind since 2026-01-05T09:59:00Z: leaving: client-queues.toml as it was deployed last does not name it"
        ],
    );
    check_answer(
        behind(facts(Some(6)).await, 5, 1),
        Exit::Done,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing is behind since 2026-01-05T09:59:00Z: under way"
        ],
    );
}

#[tokio::test]
async fn what_a_client_was_not_sent_has_another_reason() {
    let mut later = facts(Some(6)).await;
    later.clients[0].registration.since = 2;
    check_answer(
        later,
        Exit::Done,
        expect![
            "version 6 of `AFC F5` is with the one client that wants it; Billing was not sent it: the event is older than the client or its filter, and it joined without history"
        ],
    );
    let mut skipped = behind(facts(Some(4)).await, 5, 1);
    let reasons = vec![SkippedEvent { version: 4, reason: "withdrawn".to_owned() }];
    let hold =
        Hold { reason: "fails".to_owned(), by: "Ann".to_owned(), since: minutes_ago(1), skipped: reasons };
    skipped.clients[0].cursor.as_mut().unwrap().hold = Some(hold);
    check_answer(
        skipped,
        Exit::Done,
        expect![
            "version 4 of `AFC F5` is with the one client that wants it; for Billing it was left out: withdrawn"
        ],
    );
    let mut given_up = facts(Some(6)).await;
    given_up.item.as_mut().unwrap().holes.push(6);
    check(
        given_up,
        Exit::Findings,
        expect![[r#"
            version 6 of `AFC F5` was given up as missing, and the event table has it now: no client was sent it

            version  sort key              event id  time                  name
                  7  2026-01-05T09:07:00Z  e-7       2026-01-05T09:07:00Z  Lent
                  6  2026-01-05T09:06:00Z  e-6       2026-01-05T09:06:00Z  Sold ←
                  5  2026-01-05T09:05:00Z  e-5       2026-01-05T09:05:00Z  Lent
                  4  2026-01-05T09:04:00Z  e-4       2026-01-05T09:04:00Z  Sold

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef); given up as missing: 6
            fan-out queue, of all aggregates: 0 messages and 0 in flight

            client   state       sent last  up to  behind for
            Billing  ! given up          7      7           -
            Tax      ! given up          6      7           -

            Billing: it was given up as missing, and the event table has it now
              → fanoutctl replay Billing --group 'AFC F5' --from 6 --stack test
            Tax: it was given up as missing, and the event table has it now
              → fanoutctl replay Tax --group 'AFC F5' --from 6 --stack test
        "#]],
    );
    let mut gone = facts(Some(6)).await;
    gone.item.as_mut().unwrap().holes.push(6);
    gone.rows.as_mut().unwrap().retain(|row| row.version != Some(6));
    check_answer(
        gone,
        Exit::Done,
        expect![
            "version 6 of `AFC F5` was given up: neither the stream nor the event table had it, and no client was sent it"
        ],
    );
    let mut misfit = facts(Some(6)).await;
    misfit.clients[0].cursor = Some(cursor(3, 1));
    check_answer(
        misfit,
        Exit::Findings,
        expect![
            "version 6 of `AFC F5` is with 1 of the 2 clients that want it; Billing: unknown: its items in the ledger do not fit each other: they change, or are damaged"
        ],
    );
}

#[tokio::test]
async fn an_event_that_was_not_fanned_out() {
    let early = async |version, now| {
        let mut facts = facts(version).await;
        facts.item.as_mut().unwrap().version = 5;
        facts.now = Timestamp::from_millis(now);
        facts.fan_out_queue = Ok(Depth { messages: 3, in_flight: 1 });
        facts
    };
    check(
        early(None, NOW - 50 * 60_000).await,
        Exit::Done,
        expect![[r#"
            version 7 of `AFC F5`, the newest, is in the event table, and not fanned out yet

            version  sort key              event id  time                  name
                  7  2026-01-05T09:07:00Z  e-7       2026-01-05T09:07:00Z  Lent ←
                  6  2026-01-05T09:06:00Z  e-6       2026-01-05T09:06:00Z  Sold
                  5  2026-01-05T09:05:00Z  e-5       2026-01-05T09:05:00Z  Lent

            ledger: versions 1 to 5 of incarnation 1 (0123456789abcdef)
            fan-out queue, of all aggregates: 3 messages and 1 in flight

            client   state             sent last  up to  behind for
            Billing  not yet                   7      5           -
            Tax      does not want it          6      5           -

            Tax: `kind` has another value
        "#]],
    );
    check_answer(
        early(Some(7), NOW).await,
        Exit::Findings,
        expect![
            "version 7 of `AFC F5`, the newest, is in the event table, and not fanned out yet, though its time is long ago: `fanoutctl check --stack test` says whether the stream is read, and `fanoutctl status --stack test` whether the fan-out is late; `fanoutctl reconcile --stack test` sends what the stream did not show"
        ],
    );
    let mut gap = early(Some(7), NOW - 50 * 60_000).await;
    gap.rows.as_mut().unwrap().retain(|row| row.version != Some(6));
    check_answer(
        gap,
        Exit::Done,
        expect![
            "version 7 of `AFC F5`, the newest, is in the event table, and not fanned out yet: the fan-out waits 60 s for version 6, which the table does not have, and then gives it up"
        ],
    );
    check_answer(
        early(Some(9), NOW).await,
        Exit::Done,
        expect![
            "version 9 of `AFC F5` is not there: neither the event table nor the ledger has it; the newest is version 7"
        ],
    );
    let unknown = Facts { item: None, ..early(None, NOW - 50 * 60_000).await };
    check_answer(
        unknown,
        Exit::Done,
        expect!["version 7 of `AFC F5`, the newest, is in the event table, and not fanned out yet"],
    );
}

#[tokio::test]
async fn an_event_that_can_t_be_sent_and_an_aggregate_that_was_erased() {
    let key = Key::S("AFC F5".to_owned());
    let rows = rows_down_to(&table(1..=8), &filters(), &key, 1, false).await.unwrap();
    let rejected = Facts {
        rows: Ok(rows),
        rejected_queue: Ok(Depth { messages: 1, in_flight: 0 }),
        ..facts(None).await
    };
    check(
        rejected,
        Exit::Findings,
        expect![[r#"
            version 8 of `AFC F5`, the newest, can't be sent to any client: `id`, the event's id, is of type `NULL`; it must be a string, a number or bytes; the rest: `fanoutctl rejected list --stack test`

            version  sort key              event id  time                  name
                  8  2026-01-05T09:08:00Z  -                            -  ! `id`, the event's id, is of type `NULL`; it must be a strin… ←
                  7  2026-01-05T09:07:00Z  e-7       2026-01-05T09:07:00Z  Lent
                  6  2026-01-05T09:06:00Z  e-6       2026-01-05T09:06:00Z  Sold

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef)
            fan-out queue, of all aggregates: 0 messages and 0 in flight
            rejected queue, of all aggregates: 1 message and 0 in flight; which ones:
              → fanoutctl rejected list --stack test

            client   state     sent last  up to  behind for
            Billing  rejected          7      7           -
            Tax      rejected          6      7           -
        "#]],
    );
    let mut erased = Facts { rows: Ok(Vec::new()), ..facts(None).await };
    erased.item.as_mut().unwrap().closed = Some(minutes_ago(10));
    check(
        erased,
        Exit::Done,
        expect![[r#"
            `AFC F5` was erased, as was seen at 2026-01-05T09:50:00Z, after version 7: `fanoutctl erasures --stack test` says who was told

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef); erased, as was seen at 2026-01-05T09:50:00Z
            fan-out queue, of all aggregates: 0 messages and 0 in flight

            client   state     sent last  up to  behind for
            Billing  has it            7      7           -
            Tax      not sent          6      7           -

            Tax: its filter left the event out, or an operator, or it joined later, without history
        "#]],
    );
}

#[tokio::test]
async fn the_ledger_answers_alone() {
    let why = || "`Query` of `Events`: no".to_owned();
    let blind = Facts { rows: Err(why()), fan_out_queue: Err(why()), ..facts(None).await };
    check(
        blind,
        Exit::Done,
        expect![[r#"
            version 7 of `AFC F5`, the newest, is with the one client that wants it; Tax was not sent it: its filter left the event out, or an operator, or it joined later, without history

            ledger: versions 1 to 7 of incarnation 1 (0123456789abcdef)
            not known: event table: `Query` of `Events`: no
            not known: fan-out queue: `Query` of `Events`: no

            client   state     sent last  up to  behind for
            Billing  has it            7      7           -
            Tax      not sent          6      7           -

            Tax: its filter left the event out, or an operator, or it joined later, without history
        "#]],
    );
}

/// The answer about `version`, of which the event table tells nothing.
async fn check_blind(version: i64, change: impl Fn(&mut Facts), expected: Expect) {
    let why = "`Query` of `Events`: no".to_owned();
    let gone = async || {
        let mut facts = facts(Some(version)).await;
        facts.rows.as_mut().unwrap().retain(|row| row.version != Some(version));
        facts
    };
    let unread = Facts { rows: Err(why), ..facts(Some(version)).await };
    let [answer, other] = [unread, gone().await].map(|mut facts| {
        change(&mut facts);
        Report::new(facts).answer
    });
    assert_eq!(answer, other);
    expected.assert_eq(&answer);
}

#[tokio::test]
async fn without_its_item_an_event_that_was_passed_counts_for_nobody() {
    // Tax does not want it.
    check_blind(5, |_| (), expect!["version 5 of `AFC F5` is fanned out; of Billing it is known only that it is past it; of Tax it is known only that it is past it"]).await;
    // Only of the last one is it known.
    check_blind(
        6,
        |_| (),
        expect![
            "version 6 of `AFC F5` is with 1 of 2 clients; of Billing it is known only that it is past it"
        ],
    )
    .await;
    check_blind(7, |_| (), expect!["version 7 of `AFC F5`, the newest, is with the one client that wants it; Tax was not sent it: its filter left the event out, or an operator, or it joined later, without history"]).await;
    let given_up = |facts: &mut Facts| facts.item.as_mut().unwrap().holes.push(5);
    check_blind(5, given_up, expect!["version 5 of `AFC F5` was given up: neither the stream nor the event table had it, and no client was sent it"]).await;
    let joined = |facts: &mut Facts| facts.clients[0].registration.since = 2;
    check_blind(5, joined, expect!["version 5 of `AFC F5` is fanned out; of Tax it is known only that it is past it; Billing was not sent it: its filter left the event out, or an operator, or it joined later, without history"]).await;
    let waits = |facts: &mut Facts| {
        facts.item.as_mut().unwrap().behind.insert(ClientId(1));
        facts.clients[0].cursor = Some(cursor(4, 1));
    };
    check_blind(5, waits, expect!["version 5 of `AFC F5` is fanned out; Billing is behind since 2026-01-05T09:59:00Z: under way; of Tax it is known only that it is past it"]).await;
}

#[tokio::test]
async fn programs_get_no_body() {
    let json = serde_json::to_string_pretty(&Report::new(behind(facts(Some(7)).await, 5, 20))).unwrap();
    expect![[r#"
        {
          "stack": "test",
          "key": {
            "S": "AFC F5"
          },
          "group": "AFC%20F5",
          "version": 7,
          "newest": 7,
          "place": "fanned_out",
          "answer": "version 7 of `AFC F5`, the newest, is not with the one client that wants it; Billing is behind since 2026-01-05T09:40:00Z: under way: it does not get through: the log of `CatchUp` names the group, and why; Tax does not want it: `kind` has another value",
          "ok": false,
          "event": {
            "version": 7,
            "sort_key": "2026-01-05T09:07:00Z",
            "event_id": "e-7",
            "name": "Lent",
            "time": "2026-01-05T09:07:00Z",
            "not_sendable": null,
            "unwanted_by": {
              "Tax": "`kind` has another value"
            }
          },
          "around": [
            {
              "version": 7,
              "sort_key": "2026-01-05T09:07:00Z",
              "event_id": "e-7",
              "name": "Lent",
              "time": "2026-01-05T09:07:00Z",
              "not_sendable": null,
              "unwanted_by": {
                "Tax": "`kind` has another value"
              }
            },
            {
              "version": 6,
              "sort_key": "2026-01-05T09:06:00Z",
              "event_id": "e-6",
              "name": "Sold",
              "time": "2026-01-05T09:06:00Z",
              "not_sendable": null,
              "unwanted_by": {}
            },
            {
              "version": 5,
              "sort_key": "2026-01-05T09:05:00Z",
              "event_id": "e-5",
              "name": "Lent",
              "time": "2026-01-05T09:05:00Z",
              "not_sendable": null,
              "unwanted_by": {
                "Tax": "`kind` has another value"
              }
            }
          ],
          "ledger": {
            "version": 7,
            "first_version": 1,
            "incarnation": "0123456789abcdef",
            "incarnation_number": 1,
            "given_up": [],
            "used_twice": [],
            "erased_at": null
          },
          "fan_out_queue": {
            "messages": 0,
            "in_flight": 0
          },
          "rejected_queue": {
            "messages": 0,
            "in_flight": 0
          },
          "clients": [
            {
              "client": "Billing",
              "state": "behind",
              "sent_last": 5,
              "position": 5,
              "behind_since": "2026-01-05T09:40:00Z",
              "behind_seconds": 1200,
              "why": "under_way",
              "unwanted": null,
              "reason": "it does not get through: the log of `CatchUp` names the group, and why",
              "command": null,
              "needs_attention": true
            },
            {
              "client": "Tax",
              "state": "unwanted",
              "sent_last": 6,
              "position": 7,
              "behind_since": null,
              "behind_seconds": null,
              "why": null,
              "unwanted": "`kind` has another value",
              "reason": null,
              "command": null,
              "needs_attention": false
            }
          ],
          "unknown": {}
        }"#]].assert_eq(&json);
}

#[tokio::test]
async fn a_version_far_above_all_others_is_not_waited_for() {
    let mut facts = facts(Some(1_000_000)).await;
    let mut far = facts.rows.as_ref().unwrap()[0].clone();
    far.version = Some(1_000_000);
    facts.rows.as_mut().unwrap().insert(0, far);
    check_answer(
        facts,
        Exit::Findings,
        expect![
            "version 1000000 of `AFC F5`, the newest, can't be sent to any client: more than 1000 versions before it are missing, which is taken for a fault of its writer; the rest: `fanoutctl rejected list --stack test`"
        ],
    );
}

#[tokio::test]
async fn rejections_may_be_about_a_version_that_clients_are_past() {
    let mut facts = facts(Some(6)).await;
    facts.rejected_queue = Ok(Depth { messages: 1, in_flight: 0 });
    check_answer(
        facts,
        Exit::Done,
        expect![
            "version 6 of `AFC F5` is with all 2 clients that want it; 1 rejection on the rejected queue: if one is about this version, no client has it (`fanoutctl rejected list --stack test`)"
        ],
    );
}
