use std::collections::BTreeMap;

use deploy::stack::Whose;
use expect_test::{Expect, expect};
use shared::config::QueueArn;
use shared::place::{OwnQueue, Place};

use super::facts::{Facts, Queue};
use super::report::{self, Report};
use crate::aws::{CallError, CallFault};
use crate::exit::Exit;
use crate::output::{Style, Tone};

const REPORTING: usize = 5;

/// A stack in which nothing waits, but for what a client has not received yet.
fn level() -> Facts {
    let place = Place::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
    let mut queues: Vec<Queue> = OwnQueue::ALL
        .map(|queue| queue_of(Whose::Stack(queue), &place.account, &place.own_queue_name(queue), [0, 0, 0]))
        .into();
    let billing = Whose::Client("Billing".into());
    queues.push(queue_of(billing, &place.account, &place.client_queue_name("Billing"), [1200, 10, 0]));
    queues.push(queue_of(Whose::Client("Reporting".into()), "444455556666", "Reporting.fifo", [3, 0, 2]));
    queues[4].oldest = Ok(125.0);
    queues[REPORTING].oldest = Err("the metrics of a queue are in its own account `444455556666`".into());
    Facts { stack: "mark-event-queue".into(), account: place.account, queues, iterator_age: Ok(1400.0) }
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

/// A stack with a letter, a queue that is gone, one that may not be looked at, and without metrics.
fn troubled() -> Facts {
    let mut facts = level();
    let attributes = facts.queues[1].attributes.as_mut().unwrap();
    attributes.insert("ApproximateNumberOfMessages".into(), "2".into());
    fail(&mut facts, 4, CallFault::Missing);
    fail(&mut facts, REPORTING, CallFault::NotAllowed);
    for queue in &mut facts.queues[..5] {
        queue.oldest =
            Err("no figure of `AWS/SQS` `ApproximateAgeOfOldestMessage` in the last 10 minutes".into());
    }
    facts.iterator_age = Err("no figure of `AWS/Lambda` `IteratorAge` in the last 10 minutes".into());
    facts
}

fn check(facts: &Facts, style: Style, expected: &Expect) {
    expected.assert_eq(&report::text(&Report::new(facts), style));
}

#[test]
fn a_table_in_a_pipe() {
    check(
        &level(),
        Style::Plain,
        &expect![[r#"
        queue              account       messages  in flight  delayed  oldest  attention
        fan-out queue      111122223333         0          0        0     0 s
        rejected queue     111122223333         0          0        0     0 s
        undelivered queue  111122223333         0          0        0     0 s
        dead-letter queue  111122223333         0          0        0     0 s
        Billing            111122223333      1200         10        0   2 min
        Reporting          444455556666         3          0        2       -
        stack `mark-event-queue`: the converter is 1 s behind the stream
    "#]],
    );
    check(
        &troubled(),
        Style::Plain,
        &expect![[r#"
            queue              account       messages  in flight  delayed  oldest  attention
            fan-out queue      111122223333         0          0        0       -
            rejected queue     111122223333         2          0        0       -  ! see `fanoutctl dead-letters list`
            undelivered queue  111122223333         0          0        0       -
            dead-letter queue  111122223333         0          0        0       -
            Billing            111122223333         -          -        -       -  ! the queue doesn't exist: see `fanoutctl check`
            Reporting          444455556666         -          -        -       -
            stack `mark-event-queue`: how far the converter is behind the stream isn't known (`--json` tells why)
        "#]],
    );
}

#[test]
fn a_table_in_a_terminal() {
    check(
        &troubled(),
        Style::Terminal,
        &expect![[r#"
            ┌───────────────────┬──────────────┬──────────┬───────────┬─────────┬────────┬──────────────────────────────────────────────────┐
            │ queue             ┆ account      ┆ messages ┆ in flight ┆ delayed ┆ oldest ┆ attention                                        │
            ╞═══════════════════╪══════════════╪══════════╪═══════════╪═════════╪════════╪══════════════════════════════════════════════════╡
            │ fan-out queue     ┆ 111122223333 ┆        0 ┆         0 ┆       0 ┆      - ┆                                                  │
            │ rejected queue    ┆ 111122223333 ┆        2 ┆         0 ┆       0 ┆      - ┆ ! see `fanoutctl dead-letters list`              │
            │ undelivered queue ┆ 111122223333 ┆        0 ┆         0 ┆       0 ┆      - ┆                                                  │
            │ dead-letter queue ┆ 111122223333 ┆        0 ┆         0 ┆       0 ┆      - ┆                                                  │
            │ Billing           ┆ 111122223333 ┆        - ┆         - ┆       - ┆      - ┆ ! the queue doesn't exist: see `fanoutctl check` │
            │ Reporting         ┆ 444455556666 ┆        - ┆         - ┆       - ┆      - ┆                                                  │
            └───────────────────┴──────────────┴──────────┴───────────┴─────────┴────────┴──────────────────────────────────────────────────┘
            stack `mark-event-queue`: how far the converter is behind the stream isn't known (`--json` tells why)
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
    assert_eq!(tones, [neutral.clone(), bad.clone(), neutral.clone(), neutral.clone(), bad, neutral]);
}

#[test]
fn figures_for_programs() {
    let mut facts = troubled();
    facts.queues.drain(2..4);
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
              "attention": "see `fanoutctl dead-letters list`",
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
          "unknown": {
            "iterator_age_milliseconds": "no figure of `AWS/Lambda` `IteratorAge` in the last 10 minutes"
          }
        }"#]].assert_eq(&json);
}

#[test]
fn the_exit_status_tells_whether_all_is_level() {
    let exit = |change: &dyn Fn(&mut Facts)| {
        let mut facts = level();
        change(&mut facts);
        Report::new(&facts).exit()
    };
    assert_eq!(exit(&|_| ()), Exit::Done);
    for (queue, expected) in
        [(0, Exit::Done), (1, Exit::Findings), (2, Exit::Findings), (3, Exit::Findings), (4, Exit::Done)]
    {
        for attribute in ["", "NotVisible", "Delayed"] {
            let attribute = format!("ApproximateNumberOfMessages{attribute}");
            let found = exit(&|facts| {
                facts.queues[queue].attributes.as_mut().unwrap().insert(attribute.clone(), "1".into());
            });
            assert_eq!(found, expected, "{attribute} of {queue}");
        }
    }
    for queue in 0..6 {
        assert_eq!(exit(&|facts| fail(facts, queue, CallFault::Missing)), Exit::Findings, "{queue}");
        // What is not the stack's is another's to show.
        let is_own = queue < 4;
        let expected = |exit| if is_own { exit } else { Exit::Done };
        let unseen = |fault| exit(&|facts| fail(facts, queue, fault));
        assert_eq!(unseen(CallFault::NotAllowed), expected(Exit::NotAllowed), "{queue}");
        assert_eq!(unseen(CallFault::Unreachable), expected(Exit::Unreachable), "{queue}");
    }
    assert_eq!(exit(&|facts| facts.iterator_age = Err("none".into())), Exit::Done);
    let both = exit(&|facts| {
        fail(facts, 0, CallFault::NotAllowed);
        fail(facts, 4, CallFault::Missing);
    });
    assert_eq!(both, Exit::Findings);
}

#[test]
fn every_figure_that_is_missing_has_its_reason() {
    let mut facts = level();
    facts.queues[0].attributes = Ok(BTreeMap::new());
    let json = serde_json::to_value(Report::new(&facts)).unwrap();
    let row = json.pointer("/queues/0").unwrap();
    for (name, attribute) in [
        ("messages", "ApproximateNumberOfMessages"),
        ("in_flight", "ApproximateNumberOfMessagesNotVisible"),
        ("delayed", "ApproximateNumberOfMessagesDelayed"),
    ] {
        assert!(row[name].is_null());
        assert_eq!(row["unknown"][name], format!("SQS does not tell `{attribute}`"));
    }
}
