use std::collections::BTreeMap;

use aws::operator::{CallError, CallFault};
use deploy::stack::Whose;
use expect_test::{Expect, expect};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use shared::config::Config;
use shared::ledger::{Gone, ScanKind, TargetState};
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::time::Timestamp;

use super::collect::{Facts, Queue};
use super::screen::{Screen, Wish};
use super::{Report, text};
use crate::client_status::{ClientStatus, HeldLag, Lag};
use crate::erasures::DueNotices;
use crate::exit::Exit;
use crate::output::{Style, Tone};
use crate::targets::TargetStatus;
use crate::unsettled;

const BILLING: usize = 2;
const REPORTING: usize = 3;
/// 2026-01-05T09:00:00Z
const NOW: u64 = 1_767_603_600_000;

/// A stack whose own queues are empty.
fn up_to_date() -> Facts {
    let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
    let mut queues: Vec<Queue> = [OwnQueue::FanOut, OwnQueue::Rejected]
        .map(|queue| queue_of(Whose::Stack(queue), &naming.account, &naming.own_queue_name(queue), [0, 0, 0]))
        .into();
    let billing = Whose::Client("Billing".into());
    queues.push(queue_of(billing, &naming.account, &naming.client_queue_name("Billing"), [1200, 10, 0]));
    queues.push(queue_of(Whose::Client("Reporting".into()), "444455556666", "Reporting.fifo", [3, 0, 2]));
    queues[BILLING].oldest = Ok(125.0);
    queues[REPORTING].oldest = Err("the metrics of a queue are in its own account `444455556666`".into());
    Facts {
        scans: Vec::new(),
        notices: Ok(Vec::new()),
        targets: Ok(Vec::new()),
        delivered: Ok(BTreeMap::new()),
        unsettled: Vec::new(),
        stack: "mark-event-queue".into(),
        queues,
        iterator_age: Ok(1400.0),
        clients: Ok(Vec::new()),
        now: Timestamp::from_millis(NOW),
    }
}

fn queue_of(whose: Whose, account: &str, name: &str, counts: [u32; 3]) -> Queue {
    let names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ];
    let attributes = names.iter().zip(counts).map(|(name, count)| ((*name).to_owned(), count.to_string()));
    Queue {
        whose,
        arn: QueueArn::try_new(&format!("arn:aws:sqs:eu-west-2:{account}:{name}")).unwrap(),
        attributes: Ok(attributes.collect()),
        oldest: Ok(0.0),
    }
}

fn fail(facts: &mut Facts, queue: usize, fault: CallFault) {
    facts.queues[queue].attributes = Err(CallError {
        call: "GetQueueAttributes",
        subject: facts.queues[queue].arn.name.clone(),
        fault,
        reason: "no".into(),
    });
}

/// A stack with rejections, a queue that is gone, one that may not be looked at, and without metrics.
fn troubled() -> Facts {
    let mut facts = up_to_date();
    let attributes = facts.queues[1].attributes.as_mut().unwrap();
    attributes.insert("ApproximateNumberOfMessages".into(), "2".into());
    fail(&mut facts, BILLING, CallFault::Missing);
    fail(&mut facts, REPORTING, CallFault::NotAllowed);
    for queue in &mut facts.queues[..REPORTING] {
        queue.oldest =
            Err("no figure of `AWS/SQS` `ApproximateAgeOfOldestMessage` in the last 10 minutes".into());
    }
    facts.iterator_age = Err("no figure of `AWS/Lambda` `IteratorAge` in the last 10 minutes".into());
    facts
}

fn check(facts: &Facts, style: Style, expected: &Expect) {
    expected.assert_eq(&text(&Report::new(facts), style));
}

#[test]
fn a_table_in_a_pipe() {
    check(
        &up_to_date(),
        Style::Plain,
        &expect![[r#"
            queue           account       messages  in flight  delayed  oldest  attention
            fan-out queue   111122223333         0          0        0     0 s
            rejected queue  111122223333         0          0        0     0 s
            Billing         111122223333      1200         10        0   2 min
            Reporting       444455556666         3          0        2       -

            the ledger knows no client yet: the catch-up function has not run

            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    check(
        &troubled(),
        Style::Plain,
        &expect![[r#"
            queue           account       messages  in flight  delayed  oldest  attention
            fan-out queue   111122223333         0          0        0       -
            rejected queue  111122223333         2          0        0       -  ! see `fanoutctl rejected list`
            Billing         111122223333         -          -        -       -  ! the queue doesn't exist: see `fanoutctl check`
            Reporting       444455556666         -          -        -       -

            the ledger knows no client yet: the catch-up function has not run

            stack `mark-event-queue`: how far the converter is behind the stream isn't known (`--json` says why)
        "#]],
    );
}

#[test]
fn a_table_in_a_terminal() {
    check(
        &troubled(),
        Style::Terminal,
        &expect![[r#"
            ┌────────────────┬──────────────┬──────────┬───────────┬─────────┬────────┬──────────────────────────────────────────────────┐
            │ queue          ┆ account      ┆ messages ┆ in flight ┆ delayed ┆ oldest ┆ attention                                        │
            ╞════════════════╪══════════════╪══════════╪═══════════╪═════════╪════════╪══════════════════════════════════════════════════╡
            │ fan-out queue  ┆ 111122223333 ┆        0 ┆         0 ┆       0 ┆      - ┆                                                  │
            │ rejected queue ┆ 111122223333 ┆        2 ┆         0 ┆       0 ┆      - ┆ ! see `fanoutctl rejected list`                  │
            │ Billing        ┆ 111122223333 ┆        - ┆         - ┆       - ┆      - ┆ ! the queue doesn't exist: see `fanoutctl check` │
            │ Reporting      ┆ 444455556666 ┆        - ┆         - ┆       - ┆      - ┆                                                  │
            └────────────────┴──────────────┴──────────┴───────────┴─────────┴────────┴──────────────────────────────────────────────────┘

            the ledger knows no client yet: the catch-up function has not run

            stack `mark-event-queue`: how far the converter is behind the stream isn't known (`--json` says why)
        "#]],
    );
}

#[test]
fn rows_that_need_attention_are_red_and_no_others() {
    let rows = Report::new(&troubled()).queues;
    let tones: Vec<Vec<Tone>> =
        rows.iter().map(|row| row.cells().into_iter().map(|(_, tone)| tone).collect()).collect();
    let row = |tone| vec![tone; 7];
    let (neutral, bad) = (row(Tone::Neutral), row(Tone::Bad));
    assert_eq!(tones, [neutral.clone(), bad.clone(), bad, neutral]);
}

#[test]
fn figures_for_programs() {
    let facts = troubled();
    let json = serde_json::to_string_pretty(&Report::new(&facts)).unwrap();
    expect![[r#"
        {
          "stack": "mark-event-queue",
          "ok": false,
          "iterator_age_milliseconds": null,
          "queues": [
            {
              "kind": "fan-out queue",
              "client": null,
              "name": "MarkFanOutQueue.fifo",
              "account": "111122223333",
              "messages": 0,
              "in_flight": 0,
              "delayed": 0,
              "oldest_message_seconds": null,
              "attention": null,
              "unknown": {
                "oldest_message_seconds": "no figure of `AWS/SQS` `ApproximateAgeOfOldestMessage` in the last 10 minutes"
              }
            },
            {
              "kind": "rejected queue",
              "client": null,
              "name": "MarkFanOutRejected.fifo",
              "account": "111122223333",
              "messages": 2,
              "in_flight": 0,
              "delayed": 0,
              "oldest_message_seconds": null,
              "attention": "see `fanoutctl rejected list`",
              "unknown": {
                "oldest_message_seconds": "no figure of `AWS/SQS` `ApproximateAgeOfOldestMessage` in the last 10 minutes"
              }
            },
            {
              "kind": "client",
              "client": "Billing",
              "name": "MarkFanOutClientBilling.fifo",
              "account": "111122223333",
              "messages": null,
              "in_flight": null,
              "delayed": null,
              "oldest_message_seconds": null,
              "attention": "the queue doesn't exist: see `fanoutctl check`",
              "unknown": {
                "delayed": "`GetQueueAttributes` of `MarkFanOutClientBilling.fifo`: no",
                "in_flight": "`GetQueueAttributes` of `MarkFanOutClientBilling.fifo`: no",
                "messages": "`GetQueueAttributes` of `MarkFanOutClientBilling.fifo`: no",
                "oldest_message_seconds": "no figure of `AWS/SQS` `ApproximateAgeOfOldestMessage` in the last 10 minutes"
              }
            },
            {
              "kind": "client",
              "client": "Reporting",
              "name": "Reporting.fifo",
              "account": "444455556666",
              "messages": null,
              "in_flight": null,
              "delayed": null,
              "oldest_message_seconds": null,
              "attention": null,
              "unknown": {
                "delayed": "`GetQueueAttributes` of `Reporting.fifo`: no",
                "in_flight": "`GetQueueAttributes` of `Reporting.fifo`: no",
                "messages": "`GetQueueAttributes` of `Reporting.fifo`: no",
                "oldest_message_seconds": "the metrics of a queue are in its own account `444455556666`"
              }
            }
          ],
          "clients": [],
          "scans": [],
          "notices": [],
          "targets": [],
          "unsettled": [],
          "unknown": {
            "iterator_age_milliseconds": "no figure of `AWS/Lambda` `IteratorAge` in the last 10 minutes"
          }
        }"#]].assert_eq(&json);
}

#[test]
fn the_exit_status_depends_on_attention_and_on_the_stacks_own_queues() {
    let exit = |change: &dyn Fn(&mut Facts)| {
        let mut facts = up_to_date();
        change(&mut facts);
        Report::new(&facts).exit()
    };
    assert_eq!(exit(&|_| ()), Exit::Done);
    for (queue, expected) in [(0, Exit::Done), (1, Exit::Findings), (BILLING, Exit::Done)] {
        for attribute in ["", "NotVisible", "Delayed"] {
            let attribute = format!("ApproximateNumberOfMessages{attribute}");
            let found = exit(&|facts| {
                facts.queues[queue].attributes.as_mut().unwrap().insert(attribute.clone(), "1".into());
            });
            assert_eq!(found, expected, "{attribute} of {queue}");
        }
    }
    for queue in 0..=REPORTING {
        assert_eq!(exit(&|facts| fail(facts, queue, CallFault::Missing)), Exit::Findings, "{queue}");
        // A client's queue that can't be read does not change the status.
        let is_own = queue < BILLING;
        let expected = |exit| if is_own { exit } else { Exit::Done };
        let unseen = |fault| exit(&|facts| fail(facts, queue, fault));
        assert_eq!(unseen(CallFault::NotAllowed), expected(Exit::NotAllowed), "{queue}");
        assert_eq!(unseen(CallFault::Unreachable), expected(Exit::Unreachable), "{queue}");
    }
    assert_eq!(exit(&|facts| facts.iterator_age = Err("none".into())), Exit::Done);
    let both = exit(&|facts| {
        fail(facts, 0, CallFault::NotAllowed);
        fail(facts, BILLING, CallFault::Missing);
    });
    assert_eq!(both, Exit::Findings);
}

#[test]
fn every_figure_that_is_missing_has_its_reason() {
    let mut facts = up_to_date();
    facts.queues[0].attributes = Ok(BTreeMap::new());
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    let row = json.pointer("/queues/0").unwrap();
    for (name, attribute) in [
        ("messages", "ApproximateNumberOfMessages"),
        ("in_flight", "ApproximateNumberOfMessagesNotVisible"),
        ("delayed", "ApproximateNumberOfMessagesDelayed"),
    ] {
        assert!(row[name].is_null());
        assert_eq!(row["unknown"][name], format!("SQS returned no `{attribute}`"));
    }
}

/// A client's lag: groups, events, seconds.
type Behind = Result<(u64, u64, u64), CallFault>;

/// A stack with these clients in its ledger: name, whether it is paused, lag.
fn with_ledger(clients: &[(&str, bool, Behind)]) -> Facts {
    let clients = clients.iter().map(|(name, is_paused, lag)| ClientStatus {
        name: (*name).to_owned(),
        is_paused: *is_paused,
        absent_at: None,
        lag: match *lag {
            Ok((groups, events, seconds)) => Ok(Lag {
                groups,
                events,
                since: (groups > 0).then(|| Timestamp::from_millis(NOW - seconds * 1_000)),
                is_more: groups == 1_000,
                ..Lag::default()
            }),
            Err(fault) => Err(unread(fault)),
        },
    });
    Facts { clients: Ok(clients.collect()), ..up_to_date() }
}

fn unread(fault: CallFault) -> CallError {
    CallError { call: "Read", subject: "Ledger".into(), fault, reason: "no".into() }
}

fn check_clients(facts: &Facts, exit: Exit, expected: &Expect) {
    let report = Report::new(facts);
    assert_eq!(report.exit(), exit);
    let text = text(&report, Style::Plain);
    let after_queues = text.split_once("\n\n").map_or("", |(_, rest)| rest);
    expected.assert_eq(after_queues);
}

#[test]
fn clients_are_up_to_date_or_behind() {
    check_clients(
        &with_ledger(&[
            ("Billing", false, Ok((0, 0, 0))),
            ("Insurance", false, Ok((12, 340, 300))),
            ("Enforcement", true, Ok((1_000, 5_200, 86_400 * 3))),
            ("Tax", true, Ok((0, 0, 0))),
        ]),
        Exit::Done,
        &expect![[r#"
            client       state       groups behind  events to go  behind for  attention
            Billing      up to date              0             0         0 s
            Insurance    behind                 12           340       5 min
            Enforcement  paused              >1000         >5200        >3 d
            Tax          paused                  0             0         0 s

            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    check_clients(
        &with_ledger(&[]),
        Exit::Done,
        &expect![[r#"
        the ledger knows no client yet: the catch-up function has not run

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
}

#[test]
fn a_client_that_stays_behind_needs_attention() {
    check_clients(
        &with_ledger(&[("Billing", false, Ok((1, 1, 900)))]),
        Exit::Findings,
        &expect![[r#"
            client   state   groups behind  events to go  behind for  attention
            Billing  behind              1             1      15 min  ! see `fanoutctl status Billing`

            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    check_clients(
        &with_ledger(&[("Billing", false, Ok((1, 1, 899)))]),
        Exit::Done,
        &expect![[r#"
        client   state   groups behind  events to go  behind for  attention
        Billing  behind              1             1      14 min

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    check_clients(
        &with_ledger(&[("Billing", true, Ok((1, 1, 9_000)))]),
        Exit::Done,
        &expect![[r#"
        client   state   groups behind  events to go  behind for  attention
        Billing  paused              1             1         2 h

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
}

#[test]
fn held_groups_have_a_line_and_need_attention_after_an_hour() {
    let mut facts = with_ledger(&[
        ("Billing", false, Ok((0, 0, 0))),
        ("Insurance", false, Ok((2, 7, 60))),
        ("Tax", true, Ok((1_000, 5_200, 86_400))),
        ("Toll", false, Ok((0, 0, 0))),
    ]);
    let clients = facts.clients.as_mut().unwrap();
    for (client, groups, seconds) in [(0, 1, 3_599), (1, 3, 3_600), (2, 4, 9_000)] {
        let since = Some(Timestamp::from_millis(NOW - seconds * 1_000));
        clients[client].lag.as_mut().unwrap().held = HeldLag { groups, events: 2 * groups, since };
    }
    check_clients(
        &facts,
        Exit::Findings,
        &expect![[r#"
            client     state       groups behind  events to go  behind for  attention
            Billing    held                    0             0         0 s
            Insurance  behind                  2             7        60 s  ! see `fanoutctl status Insurance`
            Tax        paused              >1000         >5200       >24 h
            Toll       up to date              0             0         0 s

            client Billing: 1 group held, the oldest for 59 min: see `fanoutctl held Billing`
            client Insurance: 3 groups held, the oldest for 60 min: see `fanoutctl held Insurance`
            client Tax: more than 4 groups held, the oldest for 2 h: see `fanoutctl held Tax`
            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    facts.clients.as_mut().unwrap().remove(1);
    assert_eq!(Report::new(&facts).exit(), Exit::Done);
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    let held = ["state", "groups_behind", "groups_held", "held_since", "held_seconds"];
    let held = held.map(|name| json["clients"][0][name].to_string()).join(" ");
    expect![[r#""held" 0 1 "2026-01-05T08:00:01Z" 3599"#]].assert_eq(&held);
}

/// It needs attention if it lacks something, because that is forgotten soon.
#[test]
fn a_client_that_leaves_is_no_longer_behind() {
    let mut facts = with_ledger(&[
        ("Billing", false, Ok((0, 0, 0))),
        ("Insurance", true, Ok((1, 5, 60))),
        ("Toll", false, Err(CallFault::Unreachable)),
    ]);
    for client in facts.clients.iter_mut().flatten() {
        client.absent_at = Some(Timestamp::from_millis(NOW));
    }
    check_clients(
        &facts,
        Exit::Findings,
        &expect![[r#"
            client     state    groups behind  events to go  behind for  attention
            Billing    leaving              0             0         0 s
            Insurance  leaving              1             5        60 s  ! see `fanoutctl status Insurance`
            Toll       leaving              -             -           -

            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    assert_eq!(json.pointer("/clients/0/retired_at").unwrap(), "2026-01-05T10:00:00Z");
}

#[test]
fn a_ledger_that_may_not_be_read_says_nothing_of_clients() {
    let facts = with_ledger(&[
        ("Billing", false, Ok((0, 0, 0))),
        ("Tax", false, Err(CallFault::NotAllowed)),
        ("Toll", true, Err(CallFault::NotAllowed)),
    ]);
    check_clients(
        &facts,
        Exit::NotAllowed,
        &expect![[r#"
        client   state       groups behind  events to go  behind for  attention
        Billing  up to date              0             0         0 s
        Tax      -                       -             -           -
        Toll     paused                  -             -           -

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    let facts = |fault| Facts { clients: Err(unread(fault)), ..up_to_date() };
    check_clients(
        &facts(CallFault::NotAllowed),
        Exit::NotAllowed,
        &expect![[r#"
        how far the clients are isn't known (`--json` says why)

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    check_clients(
        &facts(CallFault::Missing),
        Exit::Unreachable,
        &expect![[r#"
        how far the clients are isn't known (`--json` says why)

        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    let json = serde_json::to_value(Report::new(&facts(CallFault::NotAllowed))).unwrap();
    assert!(json["clients"].is_null());
    assert_eq!(json["unknown"]["clients"], "`Read` of `Ledger`: no");
}

#[test]
fn clients_for_programs() {
    let facts = with_ledger(&[
        ("Billing", false, Ok((1_000, 5_200, 90_000))),
        ("Tax", false, Err(CallFault::NotAllowed)),
    ]);
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    expect![[r#"
        [
          {
            "attention": "see `fanoutctl status Billing`",
            "behind_seconds": 90000,
            "behind_since": "2026-01-04T08:00:00Z",
            "client": "Billing",
            "events_to_go": 5200,
            "groups_behind": 1000,
            "groups_held": 0,
            "groups_refused": 0,
            "held_seconds": null,
            "held_since": null,
            "is_more": true,
            "retired_at": null,
            "state": "behind",
            "unknown": null
          },
          {
            "attention": null,
            "behind_seconds": null,
            "behind_since": null,
            "client": "Tax",
            "events_to_go": null,
            "groups_behind": null,
            "groups_held": null,
            "groups_refused": null,
            "held_seconds": null,
            "held_since": null,
            "is_more": false,
            "retired_at": null,
            "state": null,
            "unknown": "`Read` of `Ledger`: no"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&json["clients"]).unwrap());
}

#[test]
fn a_scan_that_takes_more_than_a_day_is_shown() {
    let ago = |hours: u64| Timestamp::from_millis(NOW - hours * 60 * 60 * 1_000);
    let facts =
        Facts { scans: vec![(ScanKind::History, ago(50)), (ScanKind::Reconcile, ago(23))], ..up_to_date() };
    let report = Report::new(&facts);
    let lines = text(&report, Style::Plain);
    let shown: Vec<&str> = lines.lines().filter(|line| line.contains("scan")).collect();
    assert_eq!(
        shown,
        [
            "the scan of the event table for `history` has been on for 2 d: `scan_read_units` in the config sets its pace"
        ]
    );
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["scans"][1], serde_json::json!({ "scan": "reconcile", "seconds": 23 * 60 * 60 }));
    assert_eq!(report.exit(), Report::new(&up_to_date()).exit());
}

#[test]
fn what_the_ledger_has_not_settled_of_the_deployed_config_is_shown() {
    let config = |clients: &str| {
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nversion = 'version'\n";
        Config::try_from_toml("client-queues.toml", &format!("{source}{clients}"), None).unwrap()
    };
    let before = config("[[client]]\nname = 'Billing'\n[[client]]\nname = 'Tax'\n");
    let after =
        config("[[client]]\nname = 'Billing'\nfilter = { kind = ['sold'] }\n[[client]]\nname = 'Tax'\n");
    let ledger = unsettled::tests::registry(&before);
    let facts = |deployed: &Config| Facts {
        unsettled: unsettled::unsettled(Some(deployed), Some(&ledger)),
        ..with_ledger(&[("Billing", false, Ok((0, 0, 0))), ("Tax", false, Ok((0, 0, 0)))])
    };
    check_clients(
        &facts(&after),
        Exit::Done,
        &expect![[r#"
        client   state       groups behind  events to go  behind for  attention
        Billing  up to date              0             0         0 s
        Tax      up to date              0             0         0 s

        client Billing has another filter in the deployed config than the one that holds: the maintenance of each minute settles that
        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    let json = serde_json::to_value(Report::new(&facts(&after))).unwrap();
    expect![[r#"[{"client":"Billing","what":"filter"}]"#]].assert_eq(&json["unsettled"].to_string());
    let settled = Report::new(&facts(&before));
    assert!(settled.unsettled.is_empty() && !text(&settled, Style::Plain).contains("maintenance"));
}

#[test]
fn notices_of_erasures_need_attention_when_one_has_been_due_for_a_day() {
    let mut facts = up_to_date();
    let minutes = |minutes: u64| Some(Timestamp::from_millis(NOW - minutes * 60_000));
    let due = |client: &str, count, since, is_more| (client.to_owned(), DueNotices { count, since, is_more });
    facts.notices =
        Ok(vec![due("Billing", 2, minutes(24 * 60 - 1), false), due("Insurance", 0, None, false)]);
    let report = Report::new(&facts);
    assert_eq!(report.exit(), Exit::Done);
    assert_eq!(serde_json::to_value(&report).unwrap()["notices"].as_array().unwrap().len(), 1);
    assert!(!text(&report, Style::Plain).contains("erasures"));
    facts.notices =
        Ok(vec![due("Billing", 1, minutes(24 * 60), false), due("Tax", 1_000, minutes(5_000), true)]);
    let report = Report::new(&facts);
    assert_eq!(report.exit(), Exit::Findings);
    let text = text(&report, Style::Plain);
    let lines: Vec<&str> = text.lines().filter(|line| line.contains("erasures")).collect();
    expect![[r#"
        client Billing: 1 notice of erasures due, the oldest for 24 h: see `fanoutctl erasures Billing`
        client Tax: more than 1000 notices of erasures due, the oldest for 3 d: see `fanoutctl erasures Tax`"#]].assert_eq(&lines.join("\n"));
    facts.notices = Err(CallError {
        call: "Query",
        subject: "Ledger".into(),
        fault: CallFault::Unreachable,
        reason: "no".into(),
    });
    let report = Report::new(&facts);
    assert_eq!((report.exit(), report.unknown["notices"].as_str()), (Exit::Done, "`Query` of `Ledger`: no"));
}

#[test]
fn the_targets_of_push_clients_are_shown_and_one_that_is_gone_needs_attention() {
    let up_to_date = Ok((0, 0, 0));
    let mut facts = with_ledger(&[("Billing", false, up_to_date), ("Tax", true, up_to_date)]);
    let target =
        |client: &str, kind, state| TargetStatus { client: client.to_owned(), kind: Some(kind), state };
    let reason = "410 Gone".to_owned();
    let gone = Gone { since: Timestamp::from_millis(NOW - 60_000), reason, paused_at: None };
    let gone = TargetState { gone: Some(gone), ..TargetState::default() };
    facts.targets = Ok(vec![target("Billing", "webhook", None), target("Tax", "sns", Some(gone))]);
    check_clients(
        &facts,
        Exit::Findings,
        &expect![[r#"
            client   state       groups behind  events to go  behind for  attention
            Billing  up to date              0             0         0 s
            Tax      paused                  0             0         0 s  ! its target is gone: see `fanoutctl status Tax`

            client Billing, target webhook: delivering; delivered in the last 60 min: -
            client Tax, target sns: gone, for 60 s: 410 Gone; delivered in the last 60 min: -
              mend the target, or its place in client-queues.toml, then
              fanoutctl resume Tax
            stack `mark-event-queue`: the converter is 1 s behind the stream
        "#]],
    );
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    assert_eq!(
        (json["targets"][0]["state"].clone(), json["ok"].clone()),
        ("delivering".into(), false.into())
    );
    facts.targets = Err(unread(CallFault::NotAllowed));
    let report = Report::new(&facts);
    assert_eq!((report.exit(), report.unknown["targets"].as_str()), (Exit::Done, "`Read` of `Ledger`: no"));
}

#[test]
fn clients_have_the_order_of_their_queues_and_commands_name_the_stack() {
    let late = Ok((1, 1, 90_000));
    let clients =
        with_ledger(&[("Absent", false, late), ("Billing", false, late), ("Reporting", false, late)]);
    let mut facts = Facts { clients: clients.clients, stack: "test".into(), ..troubled() };
    facts.queues.swap(BILLING, REPORTING);
    check(
        &facts,
        Style::Plain,
        &expect![[r#"
        queue           account       messages  in flight  delayed  oldest  attention
        fan-out queue   111122223333         0          0        0       -
        rejected queue  111122223333         2          0        0       -  ! see `fanoutctl rejected list --stack test`
        Reporting       444455556666         -          -        -       -
        Billing         111122223333         -          -        -       -  ! the queue doesn't exist: see `fanoutctl check --stack test`

        client     state   groups behind  events to go  behind for  attention
        Reporting  behind              1             1        25 h  ! see `fanoutctl status Reporting --stack test`
        Billing    behind              1             1        25 h  ! see `fanoutctl status Billing --stack test`
        Absent     behind              1             1        25 h  ! see `fanoutctl status Absent --stack test`

        stack `test`: how far the converter is behind the stream isn't known (`--json` says why)
    "#]],
    );
}

/// A screen with a client that needs attention, one of which little is known, and one that is paused.
fn screen() -> Screen {
    let clients = [
        ("Billing", false, Ok((3, 5_200, 90_000))),
        ("Insurance", false, Err(CallFault::NotAllowed)),
        ("Reporting", true, Ok((1_000, 9_000, 60))),
    ];
    let mut facts = with_ledger(&clients);
    facts.queues.swap(BILLING, REPORTING);
    facts.queues[1].attributes.as_mut().unwrap().insert("ApproximateNumberOfMessages".into(), "2".into());
    Screen::new(Report::new(&facts), Timestamp::from_millis(NOW))
}

fn press(screen: &mut Screen, codes: &[KeyCode]) -> Wish {
    let wishes = codes.iter().map(|code| screen.key(KeyEvent::new(*code, KeyModifiers::NONE)));
    wishes.last().unwrap()
}

/// The screen as text, some seconds after its figures were collected.
fn drawn(screen: &Screen, width: u16, seconds: u64) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, 13)).unwrap();
    let now = Timestamp::from_millis(NOW + seconds * 1_000);
    terminal.draw(|frame| screen.draw(frame, now)).unwrap();
    let lines = terminal.backend().to_string();
    lines.lines().map(|line| format!("{}\n", line.trim_matches('"').trim_end())).collect()
}

#[test]
fn a_screen_fits_its_terminal() {
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the s…
        3 s old
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `…

          client    state  groups behind attention
        > Reporting paused  >1000  >60 s
          Billing   behind      3   25 h ! see `fanoutctl status Bil
          Insurance -           -      -



        ↑↓ select  ←→ sort  Enter look into  q quit
    "#]]
    .assert_eq(&drawn(&screen(), 60, 3));
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the stream
        3 s old
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `fanoutctl rejected l…

          client    state  groups behind messages attention
        > Reporting paused  >1000  >60 s        3
          Billing   behind      3   25 h     1200 ! see `fanoutctl status Billing`
          Insurance -           -      -        -



        ↑↓ select  ←→ sort  Enter look into  q quit
    "#]]
    .assert_eq(&drawn(&screen(), 80, 3));
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the stream
        3 s old
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `fanoutctl rejected list`

          client    state  groups events behind messages in flight oldest attention
        > Reporting paused  >1000  >9000  >60 s        3         0      -
          Billing   behind      3   5200   25 h     1200        10  2 min ! see `fanoutctl status Billing`
          Insurance -           -      -      -        -         -      -



        ↑↓ select  ←→ sort  Enter look into  q quit
    "#]]
    .assert_eq(&drawn(&screen(), 120, 3));
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the stream
        3 s old
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `fanoutctl rejected list`

          client    state  groups events behind messages in flight oldest attention
        > Reporting paused  >1000  >9000  >60 s        3         0      -
          Billing   behind      3   5200   25 h     1200        10  2 min ! see `fanoutctl status Billing`
          Insurance -           -      -      -        -         -      -



        ↑↓ select  ←→ sort  Enter look into  q quit
    "#]]
    .assert_eq(&drawn(&screen(), 200, 3));
    // Any size can be drawn.
    for width in 1..30 {
        drawn(&screen(), width, 0);
    }
}

#[test]
fn keys_select_sort_and_look_into_a_client() {
    use KeyCode::{Char, Down, Enter, Esc, Left, Right, Up};
    let mut screen = screen();
    // In the order of the queues; a client without a queue is the last.
    let look = |name: &str| Wish::Look(name.to_owned());
    assert_eq!(press(&mut screen, &[Up, Enter]), look("Reporting"));
    screen.tell("Billing", "of another".to_owned());
    screen.tell("Reporting", "client Reporting is paused\n".repeat(9));
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the s…
        0 s old
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `…

        client Reporting is paused
        client Reporting is paused
        client Reporting is paused
        client Reporting is paused
        client Reporting is paused
        client Reporting is paused
        client Reporting is paused
        ↑↓ scroll  Esc back  q quit
    "#]]
    .assert_eq(&drawn(&screen, 60, 0));
    assert_eq!(press(&mut screen, &[Down, Down, Esc, Down, Down, Down, Enter]), look("Insurance"));
    // By name, and by what needs attention.
    assert_eq!(press(&mut screen, &[Esc, Up, Up, Right, Enter]), look("Billing"));
    assert_eq!(press(&mut screen, &[Esc, Left, Left, Enter]), look("Billing"));
    assert_eq!(press(&mut screen, &[Esc, Right, Right, Right, Right, Enter]), look("Reporting"), "by groups");
    assert_eq!(press(&mut screen, &[Esc, Char('q')]), Wish::Quit);
    let interrupt = KeyEvent::new(Char('c'), KeyModifiers::CONTROL);
    assert_eq!(screen.key(interrupt), Wish::Interrupt);
}

#[test]
fn after_a_refresh_that_failed_the_last_figures_stay_and_say_how_old_they_are() {
    let mut screen = screen();
    screen.refresh(
        Err("`DescribeStacks` of `test`: no answer\nmore".into()),
        Timestamp::from_millis(NOW + 60_000),
    );
    expect![[r#"
        stack `mark-event-queue`: the converter is 1 s behind the stream
        ! 61 s old, not refreshed: `DescribeStacks` of `test`: no answer
        fan-out queue: messages 0, in flight 0, oldest 0 s
        rejected queue: messages 2, in flight 0, oldest 0 s ! see `fanoutctl rejected l…

          client    state  groups behind messages attention
        > Reporting paused  >1000  >60 s        3
          Billing   behind      3   25 h     1200 ! see `fanoutctl status Billing`
          Insurance -           -      -        -



        ↑↓ select  ←→ sort  Enter look into  q quit
    "#]]
    .assert_eq(&drawn(&screen, 80, 61));
    let report = Report::new(&up_to_date());
    screen.refresh(Ok(report), Timestamp::from_millis(NOW + 70_000));
    assert!(drawn(&screen, 80, 71).contains("1 s old"));
}
