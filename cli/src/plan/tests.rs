//! Plans as people and programs get them.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::items::FirstPage;
use aws::operator::table::Stream;
use expect_test::{Expect, expect};
use shared::naming::OwnQueue;
use shared::sample::items_of_lines;

use super::*;
use crate::client_status::{ClientStatus, Lag};
use crate::output::Style;
use crate::unsettled;

mod targets;

const ACCOUNT: &str = "111122223333";

fn naming() -> Naming {
    Naming::try_new("aws", "eu-west-2", ACCOUNT, "").unwrap()
}

/// `clients`: names; one with `@account` has an existing queue in that account, called `<name>Events.fifo`, or as what
/// follows a `/` says.
fn config(clients: &str) -> Config {
    let mut text = String::from(
        "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\n\
         time = \"createTime\"\nversion = \"version\"\n\
         allowed_accounts = [\"111122223333\", \"444455556666\", \"777788889999\"]\n",
    );
    for client in clients.split_whitespace() {
        let (name, existing) =
            client.split_once('@').map_or((client, None), |(name, queue)| (name, Some(queue)));
        text += &format!("[[client]]\nname = \"{name}\"\n");
        if let Some(existing) = existing {
            let default = format!("{name}Events.fifo");
            let (account, queue) = existing.split_once('/').unwrap_or((existing, &default));
            text += &format!("queue_arn = \"arn:aws:sqs:eu-west-2:{account}:{queue}\"\n");
        }
    }
    Config::try_from_toml("client-queues.toml", &text, Some(&naming())).unwrap()
}

fn running(clients: &str) -> RunningStack {
    let config = config(clients);
    let clients = RunningStack::registered(&config, &naming());
    RunningStack { clients, config: Some(config), ..RunningStack::default() }
}

/// The depth of a queue: messages and those in flight, or why they aren't known.
type Found = Result<(u64, u64), &'static str>;

fn depths(queues: &[(&str, Found)]) -> Depths {
    let depth = |(messages, in_flight)| Depth { messages, in_flight };
    let queues = queues.iter().map(|(name, found)| {
        let (account, name) = name.split_once('/').unwrap_or((ACCOUNT, name));
        let arn = format!("arn:aws:sqs:eu-west-2:{account}:{name}");
        (arn, found.map(depth).map_err(str::to_owned))
    });
    queues.collect()
}

fn plan_of(clients: &str, facts: Facts) -> Plan {
    plan("mark-event-queue", &config(clients), &naming(), facts)
}

fn check(clients: &str, facts: Facts, expected: &Expect) {
    expected.assert_eq(&plan_of(clients, facts).to_text(Style::Plain));
}

#[test]
fn in_a_new_stack_all_is_added() {
    let parameters = vec![
        ("Clients", "Billing".to_owned()),
        ("ExternalQueueArns", "0".to_owned()),
        ("EventStreamArn", "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1".to_owned()),
        ("KmsKeyArn", String::new()),
    ];
    check(
        "Billing Reporting@444455556666",
        Facts { parameters, ..Facts::default() },
        &expect![[r#"
            Stack mark-event-queue is to be made in eu-west-2, account 111122223333.

            client     change  queue                         account
            Billing    added   MarkFanOutClientBilling.fifo  111122223333
            Reporting  added   ReportingEvents.fifo          444455556666

            setting         now     will be
            EventStreamArn  (none)  arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1

            Accounts that will receive every event:
              NEW 111122223333 (the stack's own): Billing
              NEW 444455556666: Reporting
        "#]],
    );
}

#[test]
fn nothing_changes_when_all_is_as_it_was() {
    let facts = Facts { running: Some(running("Billing Reporting@444455556666")), ..Facts::default() };
    check(
        "Billing Reporting@444455556666",
        facts.clone(),
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client     change  queue                         account
        Billing    kept    MarkFanOutClientBilling.fifo  111122223333
        Reporting  kept    ReportingEvents.fifo          444455556666

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
              444455556666: Reporting

        Nothing changes for clients; a deploy may still bring new code.
    "#]],
    );
    // The order of the file means nothing.
    assert_eq!(plan_of("Reporting@444455556666 Billing", facts).result, PlanResult::Nothing);
}

#[test]
fn a_client_that_leaves_messages_behind_gets_a_warning() {
    let facts = Facts {
        running: Some(running("Billing Insurance Enforcement Police")),
        depths: depths(&[
            ("MarkFanOutClientInsurance.fifo", Ok((12, 3))),
            ("MarkFanOutClientEnforcement.fifo", Ok((0, 1))),
            ("MarkFanOutClientPolice.fifo", Ok((0, 0))),
        ]),
        ..Facts::default()
    };
    check(
        "Billing Insurance@444455556666",
        facts,
        &expect![[r#"
            Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

            client       change   queue                                                      account
            Billing      kept     MarkFanOutClientBilling.fifo                               111122223333
            Insurance    moved    InsuranceEvents.fifo (was MarkFanOutClientInsurance.fifo)  444455556666
            Enforcement  removed  MarkFanOutClientEnforcement.fifo                           111122223333
            Police       removed  MarkFanOutClientPolice.fifo                                111122223333

            ATTENTION: Insurance leaves MarkFanOutClientInsurance.fifo, which holds 12 messages and 3 in flight: nothing follows them there; have them read before those of the new queue, or their order is lost
            ATTENTION: Enforcement leaves MarkFanOutClientEnforcement.fifo, which holds 0 messages and 1 in flight: nothing follows them; a consumer that needs them must read them

            Accounts that will receive every event:
                  111122223333 (the stack's own): Billing
              NEW 444455556666: Insurance
        "#]],
    );
    let facts = Facts {
        running: Some(running("Billing Reporting@444455556666")),
        depths: depths(&[("444455556666/ReportingEvents.fifo", Err("not allowed (`AccessDenied`)"))]),
        ..Facts::default()
    };
    check(
        "Billing",
        facts,
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client     change   queue                         account
        Billing    kept     MarkFanOutClientBilling.fifo  111122223333
        Reporting  removed  ReportingEvents.fifo          444455556666

        ATTENTION: Reporting leaves ReportingEvents.fifo; what it holds is not known: not allowed (`AccessDenied`)

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
    "#]],
    );
}

#[test]
fn every_account_that_receives_is_listed_and_new_ones_are_marked() {
    let facts = Facts { running: Some(running("Billing A@444455556666")), ..Facts::default() };
    check(
        "Billing A@444455556666 B@777788889999 C@777788889999/Other.fifo",
        facts,
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client   change  queue                         account
        Billing  kept    MarkFanOutClientBilling.fifo  111122223333
        A        kept    AEvents.fifo                  444455556666
        B        added   BEvents.fifo                  777788889999
        C        added   Other.fifo                    777788889999

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
              444455556666: A
          NEW 777788889999: B, C
    "#]],
    );
}

#[test]
fn settings_that_change_are_shown_and_those_that_follow_from_them_are_not() {
    let old = [
        ("Clients", "Billing"),
        ("LogRetentionDays", "30"),
        ("FunctionTimeout", "30"),
        ("VisibilityTimeout", "180"),
        ("KmsKeyArn", ""),
        ("QueuePrefix", ""),
    ];
    let mut running = running("Billing");
    running.parameters = old.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    if let Some(config) = &mut running.config {
        config.requests_in_flight = 10;
        config.source.name = shared::config::Path::try_new("eventName").ok();
    }
    let parameters = vec![
        ("Clients", "Billing".to_owned()),
        ("LogRetentionDays", "60".to_owned()),
        ("FunctionTimeout", "20".to_owned()),
        ("VisibilityTimeout", "120".to_owned()),
        ("KmsKeyArn", "arn:aws:kms:eu-west-2:111122223333:key/1".to_owned()),
        ("QueuePrefix", String::new()),
        ("AlarmTopicArn", "arn:aws:sns:eu-west-2:111122223333:alarms".to_owned()),
    ];
    let facts = Facts { running: Some(running), parameters, ..Facts::default() };
    check(
        "Billing",
        facts,
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client   change  queue                         account
        Billing  kept    MarkFanOutClientBilling.fifo  111122223333

        setting                     now        will be
        LogRetentionDays            30         60
        FunctionTimeout             30         20
        KmsKeyArn                   (none)     arn:aws:kms:eu-west-2:111122223333:key/1
        AlarmTopicArn               (none)     arn:aws:sns:eu-west-2:111122223333:alarms
        source.name                 eventName  (none)
        sending.requests_in_flight  10         6

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
    "#]],
    );
}

#[test]
fn a_stream_that_is_left_gets_a_warning() {
    let stream = |label: &str| format!("arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/{label}");
    // The stream of the parameter, that of the output, and the wanted one.
    let left = |given: &str, output: Option<&str>, wanted: &str| {
        let mut running = running("Billing");
        running.parameters.insert("EventStreamArn".to_owned(), given.to_owned());
        running.stream = output.map(stream);
        let parameters = vec![("EventStreamArn", wanted.to_owned())];
        Facts { running: Some(running), parameters, ..Facts::default() }
    };
    check(
        "Billing",
        left(&stream("1"), Some("1"), &stream("2")),
        &expect![[r#"
            Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

            client   change  queue                         account
            Billing  kept    MarkFanOutClientBilling.fifo  111122223333

            setting         now                                                            will be
            EventStreamArn  arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1  arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2

            ATTENTION: the converter leaves arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1: what it has not read of it yet reaches the clients if the new stream's table has it, too: run `fanoutctl reconcile` afterwards, which sends it; see "Another stream" in docs/deploy.md

            Accounts that will receive every event:
                  111122223333 (the stack's own): Billing
        "#]],
    );
    check(
        "Billing",
        left("", None, &stream("2")),
        &expect![[r#"
            Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

            client   change  queue                         account
            Billing  kept    MarkFanOutClientBilling.fifo  111122223333

            setting         now     will be
            EventStreamArn  (none)  arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2

            ATTENTION: the converter leaves the stream that it reads now: what it has not read of it yet reaches the clients if the new stream's table has it, too: run `fanoutctl reconcile` afterwards, which sends it; see "Another stream" in docs/deploy.md

            Accounts that will receive every event:
                  111122223333 (the stack's own): Billing
        "#]],
    );

    let of = |facts| plan_of("Billing", facts).left_stream;
    let arn = |label: &str| Some(LeftStream { arn: Some(stream(label)), is_made_up_for: false });
    assert_eq!(of(left(&stream("1"), None, &stream("2"))), arn("1"));
    // Imported so far.
    assert_eq!(of(left("", Some("1"), &stream("2"))), arn("1"));
    assert_eq!(of(left("", Some("1"), &stream("1"))), None);
    assert_eq!(of(left(&stream("1"), Some("1"), "")), arn("1"));
    assert_eq!(of(left(&stream("1"), Some("1"), &stream("1"))), None);
    let parameters = vec![("EventStreamArn", stream("1"))];
    assert_eq!(of(Facts { parameters, ..Facts::default() }), None);
}

fn kept(name: &str, whose: Whose) -> KeptQueue {
    KeptQueue {
        name: name.to_owned(),
        arn: format!("arn:aws:sqs:eu-west-2:{ACCOUNT}:{name}"),
        whose,
        stack: None,
    }
}

#[test]
fn several_queues_in_the_way_for_one_cause_are_named_once() {
    let text = |kept_queues| {
        let facts = Facts { running: Some(running("Billing")), kept_queues, ..Facts::default() };
        let text = plan_of("Billing", facts).to_text(Style::Plain);
        text.split_once("IN THE WAY").map(|(_, refused)| format!("IN THE WAY{refused}")).unwrap_or_default()
    };
    let clients = ["Tax", "Toll"]
        .map(|client| kept(&format!("MarkFanOutClient{client}.fifo"), Whose::Client(client.to_owned())));
    let own = OwnQueue::ALL.map(|queue| kept(&naming().own_queue_name(queue), Whose::Stack(queue)));
    let all: Vec<KeptQueue> = own.into_iter().chain(clients).collect();
    expect![[r#"
        IN THE WAY: queues of 2 clients exist already, kept from an earlier deploy. Either
          - go on with them: give each client its line
              Tax, whose queue holds an unknown number of messages:
                queue_arn = "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientTax.fifo"
              Toll, whose queue holds an unknown number of messages:
                queue_arn = "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientToll.fifo"
            and name "111122223333" among source.allowed_accounts; give each queue the policy that
            fanoutctl policy CLIENT prints (its old one went with the client); or
          - delete them, with what they hold, and wait 60 s:
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientTax.fifo
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientToll.fifo

        IN THE WAY: 3 of the stack's own queues exist already, kept from an earlier deploy or another stack's:
          MarkFanOutQueue.fifo, which holds an unknown number of messages
          MarkFanOutRejected.fifo, which holds an unknown number of messages
          MarkFanOutRequests.fifo, which holds an unknown number of messages
        Either
          - deploy beside it, under another --prefix; or
          - delete them, with what they hold, and wait 60 s:
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutQueue.fifo
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutRejected.fifo
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutRequests.fifo

        Refused: the stack can't make a queue that exists. Nothing was touched.
    "#]].assert_eq(&text(all.clone()));
    let of_stack = |queue: KeptQueue| KeptQueue { stack: Some("events".to_owned()), ..queue };
    expect![[r#"
        IN THE WAY: 5 queues belong to the stack events. Deploy beside it, under another --prefix; or name that stack, with --stack events:
          MarkFanOutQueue.fifo
          MarkFanOutRejected.fifo
          MarkFanOutRequests.fifo
          MarkFanOutClientTax.fifo
          MarkFanOutClientToll.fifo

        Refused: the stack can't make a queue that exists. Nothing was touched.
    "#]].assert_eq(&text(all.into_iter().map(of_stack).collect()));
}

#[test]
fn a_stack_without_a_stream_is_refused() {
    let stream = Some(StreamFacts {
        arn: None,
        is_exported: true,
        table: None,
        streams: vec![(
            "Events".to_owned(),
            Stream { arn: "arn:1".to_owned(), view_type: "NEW_IMAGE".to_owned() },
        )],
        is_more: false,
    });
    check(
        "Billing",
        Facts { stream, ..Facts::default() },
        &expect![[r#"
        Stack mark-event-queue is to be made in eu-west-2, account 111122223333.

        client   change  queue                         account
        Billing  added   MarkFanOutClientBilling.fifo  111122223333

        Accounts that will receive every event:
          NEW 111122223333 (the stack's own): Billing

        IN THE WAY: a new stack needs the stream of the event table: no option names one, and no stack exports `DynamoDBStreamArn`. Name one with --stream-arn; these are here:
          Events
              --stream-arn arn:1

        Refused: the stack needs a stream that it can read. Nothing was touched.
    "#]],
    );
}

#[test]
fn a_queue_in_the_way_is_refused_with_both_remedies() {
    let facts = Facts {
        running: Some(running("Billing")),
        kept_queues: vec![kept("MarkFanOutClientReporting.fifo", Whose::Client("Reporting".to_owned()))],
        depths: depths(&[("MarkFanOutClientReporting.fifo", Ok((1, 0)))]),
        ..Facts::default()
    };
    check(
        "Billing Reporting",
        facts,
        &expect![[r#"
            Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

            client     change  queue                           account
            Billing    kept    MarkFanOutClientBilling.fifo    111122223333
            Reporting  added   MarkFanOutClientReporting.fifo  111122223333

            Accounts that will receive every event:
                  111122223333 (the stack's own): Billing, Reporting

            IN THE WAY: the queue MarkFanOutClientReporting.fifo of Reporting exists already, kept from an earlier deploy; it holds 1 message and 0 in flight. Either
              - go on with it: give the client Reporting the line
                  queue_arn = "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientReporting.fifo"
                and name "111122223333" among source.allowed_accounts; give the queue the policy that
                fanoutctl policy Reporting prints (its old one went with the client); or
              - delete it, with what it holds, and wait 60 s:
                  aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutClientReporting.fifo

            Refused: the stack can't make a queue that exists. Nothing was touched.
        "#]],
    );
    let kept_queues = vec![kept("MarkFanOutQueue.fifo", Whose::Stack(OwnQueue::FanOut))];
    check(
        "Billing",
        Facts { kept_queues, ..Facts::default() },
        &expect![[r#"
            Stack mark-event-queue is to be made in eu-west-2, account 111122223333.

            client   change  queue                         account
            Billing  added   MarkFanOutClientBilling.fifo  111122223333

            Accounts that will receive every event:
              NEW 111122223333 (the stack's own): Billing

            IN THE WAY: the stack's own queue MarkFanOutQueue.fifo exists already, kept from an earlier deploy or another stack's; it holds an unknown number of messages. Either
              - deploy beside it, under another --prefix; or
              - delete it, with what it holds, and wait 60 s:
                  aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutQueue.fifo

            Refused: the stack can't make a queue that exists. Nothing was touched.
        "#]],
    );
}

#[test]
fn a_queue_that_leaves_the_stack_but_keeps_its_client_gets_a_warning() {
    let facts = Facts { running: Some(running("Billing")), ..Facts::default() };
    let clients = "Billing@111122223333/MarkFanOutClientBilling.fifo";
    assert_eq!(plan_of(clients, facts.clone()).result, PlanResult::Changes);
    check(
        clients,
        facts,
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client   change  queue                         account
        Billing  kept    MarkFanOutClientBilling.fifo  111122223333

        ATTENTION: Billing goes on with MarkFanOutClientBilling.fifo, which leaves the stack: its policy and its alarm go, and only its owner looks after its settings

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
    "#]],
    );
    let facts = Facts { running: Some(running(clients)), ..Facts::default() };
    assert_eq!(plan_of(clients, facts).result, PlanResult::Nothing);
}

#[test]
fn without_the_running_config_existing_queues_are_known_by_their_arns() {
    let mut running = running("Billing A@444455556666 B@777788889999");
    running.config = None;
    running.no_config = Some("`GetObject` of `packages/fanout`: not allowed".to_owned());
    for client in &mut running.clients {
        if client.queue.account != ACCOUNT {
            client.name = None;
        }
    }
    let facts = Facts { running: Some(running), ..Facts::default() };
    check(
        "Billing A@444455556666",
        facts,
        &expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client     change   queue                         account
        Billing    kept     MarkFanOutClientBilling.fifo  111122223333
        A          kept     AEvents.fifo                  444455556666
        (unknown)  removed  BEvents.fifo                  777788889999

        ATTENTION: (unknown) leaves BEvents.fifo; what it holds is not known: it was not looked at

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing
              444455556666: A

        The config that runs can't be compared: `GetObject` of `packages/fanout`: not allowed
    "#]],
    );
}

#[test]
fn programs_get_one_object() {
    let facts = Facts {
        running: Some(RunningStack {
            stream: Some("arn:of:a:stream".to_owned()),
            ..running("Billing Insurance")
        }),
        parameters: vec![
            ("LogRetentionDays", "60".to_owned()),
            ("EventStreamArn", "arn:of:another".to_owned()),
        ],
        depths: depths(&[("MarkFanOutClientInsurance.fifo", Ok((12, 3)))]),
        ..Facts::default()
    };
    let plan = plan_of("Billing Reporting@444455556666", facts);
    expect![[r#"
        {
          "stack": "mark-event-queue",
          "region": "eu-west-2",
          "account": "111122223333",
          "is_new": false,
          "result": "changes",
          "clients": [
            {
              "name": "Billing",
              "change": "kept",
              "queue_arn": "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo",
              "account": "111122223333",
              "filter": null,
              "gets_history": false,
              "is_too_late_for_history": false,
              "backlog": null,
              "is_let_go": false,
              "left_queue": null
            },
            {
              "name": "Reporting",
              "change": "added",
              "queue_arn": "arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo",
              "account": "444455556666",
              "filter": null,
              "gets_history": false,
              "is_too_late_for_history": false,
              "backlog": null,
              "is_let_go": false,
              "left_queue": null
            },
            {
              "name": "Insurance",
              "change": "removed",
              "queue_arn": "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientInsurance.fifo",
              "account": "111122223333",
              "filter": null,
              "gets_history": false,
              "is_too_late_for_history": false,
              "backlog": null,
              "is_let_go": false,
              "left_queue": {
                "arn": "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientInsurance.fifo",
                "depth": {
                  "messages": 12,
                  "in_flight": 3
                },
                "unknown": null
              }
            }
          ],
          "settings": [
            {
              "name": "LogRetentionDays",
              "old": null,
              "new": "60"
            },
            {
              "name": "EventStreamArn",
              "old": null,
              "new": "arn:of:another"
            }
          ],
          "views": [],
          "unsettled": [],
          "left_stream": {
            "arn": "arn:of:a:stream",
            "is_made_up_for": false
          },
          "targets": [],
          "accounts": [
            {
              "account": "111122223333",
              "is_own": true,
              "is_new": false,
              "clients": [
                "Billing"
              ]
            },
            {
              "account": "444455556666",
              "is_own": false,
              "is_new": true,
              "clients": [
                "Reporting"
              ]
            }
          ],
          "refused_stream": null,
          "kept_queues": [],
          "disused_queues": [],
          "foreign_ledger": null,
          "concurrency_shortage": null,
          "scan": null,
          "warnings": [],
          "page": null,
          "unknown": null
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&plan).unwrap());
}

#[test]
fn only_queues_without_a_client_after_the_deploy_are_left() {
    let now = running("Billing Insurance A@444455556666");
    let names = |clients: &str| -> Vec<String> {
        left_queues(&config(clients), &naming(), &now).iter().map(|queue| queue.name.clone()).collect()
    };
    assert_eq!(names("Billing Insurance A@444455556666"), Vec::<String>::new());
    assert_eq!(names("Billing"), ["MarkFanOutClientInsurance.fifo", "AEvents.fifo"]);
    // Under another name, but not left.
    assert_eq!(names("Billing Insurance B@444455556666/AEvents.fifo"), Vec::<String>::new());
}

#[test]
fn only_a_stack_of_an_older_template_has_queues_that_go_out_of_use() {
    let stack = |parameter: Option<&str>, output: Option<&str>| DeployedStack {
        parameters: parameter.map(|name| (name.to_owned(), "false".to_owned())).into_iter().collect(),
        outputs: output.map(|name| (name.to_owned(), "arn".to_owned())).into_iter().collect(),
        ..DeployedStack::default()
    };
    let naming = Naming::try_new("aws", "eu-west-2", ACCOUNT, "test-").unwrap();
    let both = ["test-MarkFanOutUndelivered.fifo", "test-MarkFanOutDeadLetter.fifo"];
    for (parameter, output, expected) in [
        (None, None, &[][..]),
        (Some("QueuePrefix"), Some("RejectedQueueARN"), &[]),
        (Some("Ledger"), None, &both),
        (None, Some("UndeliveredQueueARN"), &both),
        (None, Some("DeadLetterQueueARN"), &both),
    ] {
        let found = disused_queues(&stack(parameter, output), &naming);
        let names: Vec<_> = found.iter().map(|queue| queue.name.as_str()).collect();
        assert_eq!(names, expected, "{parameter:?} {output:?}");
        assert!(found.iter().all(|queue| queue.account == ACCOUNT), "{found:?}");
    }
}

/// Checks the plan of a stack with the undelivered queue of an older template, if `found`, and with a ledger of these
/// formats: the text after its accounts.
fn check_older(found: Option<Found>, formats: &[Option<&str>], result: PlanResult, expected: &Expect) {
    let queue = naming().own_queue_arn(OwnQueue::Rejected);
    let queue = QueueArn { name: "MarkFanOutUndelivered.fifo".to_owned(), ..queue };
    let facts = Facts {
        running: Some(running("Billing")),
        disused: found.iter().map(|_| queue.clone()).collect(),
        depths: found.map(|found| depths(&[("MarkFanOutUndelivered.fifo", found)])).unwrap_or_default(),
        ledger_formats: formats.iter().map(|format| format.map(str::to_owned)).collect(),
        ..Facts::default()
    };
    let plan = plan_of("Billing", facts);
    assert_eq!(plan.result, result);
    let text = plan.to_text(Style::Plain);
    expected.assert_eq(
        text.split_once("Billing\n").map_or("", |(_, rest)| rest.rsplit("own): Billing\n").next().unwrap()),
    );
}

#[test]
fn a_queue_that_goes_out_of_use_must_be_empty() {
    check_older(
        Some(Ok((0, 0))),
        &[],
        PlanResult::Nothing,
        &expect![[r#"

        The queue MarkFanOutUndelivered.fifo goes out of use: it leaves the stack and stays, empty. Delete it after the deploy:
              aws sqs delete-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutUndelivered.fifo

        Nothing changes for clients; a deploy may still bring new code.
    "#]],
    );
    check_older(
        Some(Ok((3, 0))),
        &[],
        PlanResult::Refused,
        &expect![[r#"

            IN THE WAY: the queue MarkFanOutUndelivered.fifo goes out of use, and holds 3 messages and 0 in flight. Before you deploy, either
              - send again what it holds, with the `fanoutctl` of the version that is deployed:
                  fanoutctl dead-letters retry --all
                or
              - delete what it holds, and wait 60 s:
                  aws sqs purge-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutUndelivered.fifo

            Refused: a queue that goes out of use must be empty. Nothing was touched.
        "#]],
    );
    check_older(
        Some(Ok((0, 1))),
        &[],
        PlanResult::Refused,
        &expect![[r#"

            IN THE WAY: the queue MarkFanOutUndelivered.fifo goes out of use, and holds 0 messages and 1 in flight. Before you deploy, either
              - send again what it holds, with the `fanoutctl` of the version that is deployed:
                  fanoutctl dead-letters retry --all
                or
              - delete what it holds, and wait 60 s:
                  aws sqs purge-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutUndelivered.fifo

            Refused: a queue that goes out of use must be empty. Nothing was touched.
        "#]],
    );
    check_older(
        Some(Err("not allowed (`AccessDenied`)")),
        &[],
        PlanResult::Refused,
        &expect![[r#"

        IN THE WAY: the queue MarkFanOutUndelivered.fifo goes out of use, and must be empty; what it holds is not known: not allowed (`AccessDenied`)

        Refused: a queue that goes out of use must be empty. Nothing was touched.
    "#]],
    );
}

#[test]
fn a_ledger_of_another_format_is_refused() {
    let nothing = expect![[r#"

        Nothing changes for clients; a deploy may still bring new code.
    "#]];
    check_older(None, &[], PlanResult::Nothing, &nothing);
    check_older(None, &[Some("2")], PlanResult::Nothing, &nothing);
    check_older(
        None,
        &[Some("1")],
        PlanResult::Refused,
        &expect![[r#"

        IN THE WAY: the ledger is of an older format, which this version can't read. Either
          - deploy beside it, under another --stack and --prefix; or
          - with the `fanoutctl` of the version that is deployed, wait until every client is up to date (`fanoutctl status`),
            and delete the stack (`fanoutctl delete`); then deploy again: the new stack has a new ledger, and may repeat
            events of the last 24 hours

        Refused: this version can't read the ledger. Nothing was touched.
    "#]],
    );
    check_older(
        None,
        &[Some("3")],
        PlanResult::Refused,
        &expect![[r#"

        IN THE WAY: the ledger is of format 3, and this version reads format 2 only. Deploy with the version of this repository that is deployed, or a newer one

        Refused: this version can't read the ledger. Nothing was touched.
    "#]],
    );
    // The older version kept its registry under another key, which is still there.
    check_older(
        Some(Ok((1, 0))),
        &[Some("2"), None],
        PlanResult::Refused,
        &expect![[r#"

            IN THE WAY: the queue MarkFanOutUndelivered.fifo goes out of use, and holds 1 message and 0 in flight. Before you deploy, either
              - send again what it holds, with the `fanoutctl` of the version that is deployed:
                  fanoutctl dead-letters retry --all
                or
              - delete what it holds, and wait 60 s:
                  aws sqs purge-queue --queue-url https://sqs.eu-west-2.amazonaws.com/111122223333/MarkFanOutUndelivered.fifo

            IN THE WAY: the ledger is of an older format, which this version can't read. Either
              - deploy beside it, under another --stack and --prefix; or
              - with the `fanoutctl` of the version that is deployed, wait until every client is up to date (`fanoutctl status`),
                and delete the stack (`fanoutctl delete`); then deploy again: the new stack has a new ledger, and may repeat
                events of the last 24 hours

            Refused: a queue that goes out of use must be empty; this version can't read the ledger. Nothing was touched.
        "#]],
    );
}

/// A backlog of so many groups and events.
fn backlog(client: &str, is_paused: bool, lacks: (u64, u64)) -> Backlog {
    let (groups, events) = lacks;
    let lag = Ok(Lag { groups, events, since: None, ..Lag::default() });
    Backlog::from(&ClientStatus { name: client.to_owned(), is_paused, absent_at: None, lag })
}

const SOURCE: &str = "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\n\
                      time = \"createTime\"\nversion = \"version\"\n";

/// `clients`: names, with `*` if they want history.
fn ledger_config(clients: &str) -> Config {
    let client = |name: &str| {
        let history = if name.ends_with('*') { "history = true\n" } else { "" };
        format!("[[client]]\nname = \"{}\"\n{history}", name.trim_end_matches('*'))
    };
    let clients: String = clients.split_whitespace().map(client).collect();
    Config::try_from_toml("test", &format!("{SOURCE}{clients}"), Some(&naming())).unwrap()
}

/// Checks the warnings of a plan for a stack with a ledger: clients before and after, and their backlogs.
fn check_backlogs(before: &str, after: &Config, backlogs: Result<Vec<Backlog>, String>, expected: &Expect) {
    let config = ledger_config(before);
    let stream = |label: &str| format!("arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/{label}");
    let running = RunningStack {
        clients: RunningStack::registered(&config, &naming()),
        config: Some(config),
        stream: Some(stream("1")),
        ..RunningStack::default()
    };
    let left = running.clients.iter().map(|client| client.queue.to_string());
    let depths = left.map(|arn| (arn, Ok(Depth { messages: 0, in_flight: 0 }))).collect();
    let mut parameters = Vec::new();
    if before.contains("Streamed") {
        parameters.push(("EventStreamArn", stream("2")));
    }
    if before.contains("Restored") {
        parameters.push(("EventStreamArn", stream("2").replace("Events", "Restored")));
    }
    let facts =
        Facts { running: Some(running), parameters, depths, backlogs: Some(backlogs), ..Facts::default() };
    let plan = plan("test", after, &naming(), facts);
    let has_both = |client: &PlannedClient| client.gets_history && client.is_too_late_for_history;
    assert!(!plan.clients.iter().any(has_both), "{:?}", plan.clients);
    let text = plan.to_text(Style::Plain);
    let warnings: String = text
        .lines()
        .filter(|line| line.starts_with("ATTENTION") || line.contains("history"))
        .map(|line| format!("{line}\n"))
        .collect();
    expected.assert_eq(&warnings);
}

#[test]
fn a_removed_client_with_a_backlog_gets_a_warning() {
    let behind = || {
        vec![
            backlog("Billing", false, (9, 90)),
            backlog("Insurance", true, (1, 5)),
            backlog("Police", false, (0, 0)),
            backlog("Tax", false, (2, 7)),
        ]
    };
    check_backlogs(
        "Billing Insurance Police Tax",
        &ledger_config("Billing"),
        Ok(behind()),
        &expect![[r#"
        ATTENTION: Insurance is paused and lacks 5 events of 1 group; an hour after the deploy they are forgotten. Let it catch up first (`fanoutctl status --stack test`)
        ATTENTION: Tax is behind and lacks 7 events of 2 groups; an hour after the deploy they are forgotten. Let it catch up first (`fanoutctl status --stack test`)
    "#]],
    );
    check_backlogs(
        "Billing Insurance",
        &ledger_config("Billing"),
        Err("`Read` of `Ledger`: no".to_owned()),
        &expect![[r#"
            ATTENTION: Insurance may lack events; how many isn't known: `Read` of `Ledger`: no; an hour after the deploy they are forgotten. Let it catch up first (`fanoutctl status --stack test`)
        "#]],
    );
}

#[test]
fn a_client_that_moves_is_paused_first() {
    let moved = || {
        let queue = "queue_arn = \"arn:aws:sqs:eu-west-2:111122223333:Other.fifo\"";
        let text = format!(
            "{SOURCE}allowed_accounts = [\"111122223333\"]\n[[client]]\nname = \"Parking\"\n{queue}\n"
        );
        Config::try_from_toml("test", &text, Some(&naming())).unwrap()
    };
    let parking = |is_paused| Ok(vec![backlog("Parking", is_paused, (0, 0))]);
    check_backlogs(
        "Parking",
        &moved(),
        parking(false),
        &expect![[r#"
        ATTENTION: pause Parking first (`fanoutctl pause Parking --stack test`), or its old and its new queue get events side by side; see docs/operations.md#move-a-client-to-another-queue
    "#]],
    );
    check_backlogs("Parking", &moved(), parking(true), &expect![[""]]);
}

#[test]
fn history_of_a_client_that_is_served_already_has_no_effect() {
    let up_to_date = |names: &[&str]| Ok(names.iter().map(|name| backlog(name, false, (0, 0))).collect());
    let both = || up_to_date(&["Billing", "Insurance"]);
    check_backlogs(
        "Billing Insurance",
        &ledger_config("Billing Insurance*"),
        both(),
        &expect![[r#"
        Insurance is served already, so `history` has no effect; `fanoutctl backfill Insurance --stack test` sends it what it has, and the events from before it was registered
    "#]],
    );
    // It was admitted with `history`.
    check_backlogs("Billing Insurance*", &ledger_config("Billing Insurance*"), both(), &expect![[""]]);
    check_backlogs(
        "Billing",
        &ledger_config("Billing Insurance*"),
        up_to_date(&["Billing"]),
        &expect![[r#"
        Insurance gets the events from before it was registered, too: all that the event table has (`history = true`)
    "#]],
    );
    // It left a moment ago, and is still in the ledger.
    check_backlogs(
        "Billing",
        &ledger_config("Billing Insurance*"),
        both(),
        &expect![[r#"
        Insurance is served already, so `history` has no effect; `fanoutctl backfill Insurance --stack test` sends it what it has, and the events from before it was registered
    "#]],
    );
}

#[test]
fn with_the_ledger_nothing_of_a_stream_that_is_left_is_lost() {
    // The new stream is that of another table.
    check_backlogs(
        "Restored",
        &ledger_config("Restored"),
        Ok(Vec::new()),
        &expect![[r#"
            ATTENTION: the converter leaves arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1: what it has not read of it yet reaches the clients if the new stream's table has it, too: run `fanoutctl reconcile --stack test` afterwards, which sends it; see "Another stream" in docs/deploy.md
        "#]],
    );
    let up_to_date = Ok(vec![backlog("Streamed", false, (0, 0))]);
    check_backlogs(
        "Streamed",
        &ledger_config("Streamed"),
        up_to_date,
        &expect![[r#"
        ATTENTION: the converter leaves arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1: what it has not read of it yet reaches the clients with its aggregate's next event; so that it does not wait for that, run `fanoutctl reconcile --stack test` afterwards; see "Another stream" in docs/deploy.md
    "#]],
    );
}

#[test]
fn a_new_client_with_history_is_announced() {
    let config = ledger_config("Billing* Tax*");
    let running = RunningStack { clients: running("Billing").clients, ..RunningStack::default() };
    let plan = plan("test", &config, &naming(), Facts { running: Some(running), ..Facts::default() });
    let text = plan.to_text(Style::Plain);
    let lines: Vec<_> = text.lines().filter(|line| line.contains("history")).collect();
    expect!["Tax gets the events from before it was registered, too: all that the event table has (`history = true`)"].assert_eq(&lines.join("\n"));
}

/// A config in which these clients have these lines.
fn viewed(clients: &[(&str, &str)]) -> Config {
    let mut text = String::from(
        "[source]\npartition_key = \"pk\"\nsort_key = \"sk\"\nversion = \"seq\"\n\
         [cloudevents]\nsource = \"urn:example:orders\"\n",
    );
    for (name, lines) in clients {
        text += &format!("[[client]]\nname = \"{name}\"\n{lines}\n");
    }
    Config::try_from_toml("client-queues.toml", &text, Some(&naming())).unwrap()
}

#[test]
fn a_view_that_changes_is_shown_with_one_event() {
    let before =
        viewed(&[("Billing", "omit = [\"holder\"]"), ("Whole", ""), ("Same", "fields = [\"pk\", \"sk\"]")]);
    let after = viewed(&[
        ("Billing", "omit = [\"holder.name\"]"),
        ("Whole", "envelope = \"cloudevents\""),
        ("Same", "fields = [\"sk\", \"pk\"]"),
        ("New", "fields = [\"holder.nam\"]"),
        ("NewAndWhole", ""),
    ]);
    let item = r#"{"pk": "a", "sk": "b", "seq": 1, "holder": {"name": "Ann", "age": 31}}"#;
    let items = FirstPage { items: items_of_lines(item).unwrap(), is_whole: true };
    let running = RunningStack {
        clients: RunningStack::registered(&before, &naming()),
        config: Some(before),
        ..RunningStack::default()
    };
    let page = Some(PageFacts { items: Ok(items), expiry: Ok(None) });
    let facts = Facts { running: Some(running), page, ..Facts::default() };
    expect![[r#"
        Stack mark-event-queue is to be updated in eu-west-2, account 111122223333.

        client       change  queue                             account
        Billing      kept    MarkFanOutClientBilling.fifo      111122223333
        Whole        kept    MarkFanOutClientWhole.fifo        111122223333
        Same         kept    MarkFanOutClientSame.fifo         111122223333
        New          added   MarkFanOutClientNew.fifo          111122223333
        NewAndWhole  added   MarkFanOutClientNewAndWhole.fifo  111122223333

        view of  now                will be
        Billing  omit = ["holder"]  omit = ["holder.name"]
        Whole    the whole event    envelope = "cloudevents" from urn:example:orders
        New      (none)             fields = ["holder.nam"]
        A view holds from the deploy on: what was sent before is not taken back, and is sent again by `fanoutctl replay` only.

        ATTENTION: event table: `holder.nam` of the fields of client `New` is in none of 1 event; write `holder.name` in its place
        Of the event table's first 1 item, as new ones, 1 would be an event, 0 passed over, 0 rejected; `fanoutctl check` shows more.

        one of the events, of 60 bytes, for clients with a view
          Billing: omit = ["holder.name"], 47 bytes
            {
              "holder": {
                "age": "…"
              },
              "pk": "…",
              "seq": "…",
              "sk": "…"
            }
          Whole: envelope = "cloudevents" from urn:example:orders, 291 bytes
            {
              "specversion": "1.0",
              "id": "2a7c6faf0f27fb0b4a3840c3a6d87694fada870caf9f33addccd7c0cde4f0d3f",
              "source": "urn:example:orders",
              "type": "event",
              "subject": "a",
              "datacontenttype": "application/json",
              "sequence": "00000000000000000001",
              "data": {
                "holder": {
                  "age": "…",
                  "name": "…"
                },
                "pk": "…",
                "seq": "…",
                "sk": "…"
              }
            }
          Same: fields = ["pk", "sk"], 19 bytes
            {
              "pk": "…",
              "sk": "…"
            }
          New: fields = ["holder.nam"], 2 bytes
            {}

        Accounts that will receive every event:
              111122223333 (the stack's own): Billing, Whole, Same, New, NewAndWhole
    "#]].assert_eq(&plan("mark-event-queue", &after, &naming(), facts).to_text(Style::Plain));
}

#[test]
fn views_of_an_unknown_config_are_not_compared() {
    let after = viewed(&[("Billing", "omit = [\"holder\"]")]);
    let views = |running: Option<RunningStack>| {
        plan("s", &after, &naming(), Facts { running, ..Facts::default() }).views.len()
    };
    assert_eq!((views(Some(RunningStack::default())), views(None)), (0, 1));
    let same = RunningStack { config: Some(after.clone()), ..RunningStack::default() };
    assert_eq!(views(Some(same)), 0);
}

/// The config of Billing, and of Insurance with this filter.
fn filtered(filter: &str) -> Config {
    let filter = if filter.is_empty() { String::new() } else { format!("[client.filter]\n{filter}\n") };
    let text = format!(
        "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\nname = \"eventName\"\nversion = \"version\"\n\
         [[client]]\nname = \"Billing\"\n[[client]]\nname = \"Insurance\"\n{filter}"
    );
    Config::try_from_toml("client-queues.toml", &text, Some(&naming())).unwrap()
}

fn refiltered(before: &str, after: &str) -> Plan {
    let running = filtered(before);
    let clients = RunningStack::registered(&running, &naming());
    let running = RunningStack { clients, config: Some(running), ..RunningStack::default() };
    plan("events", &filtered(after), &naming(), Facts { running: Some(running), ..Facts::default() })
}

#[test]
fn what_the_ledger_has_not_settled_of_the_last_deploy_is_shown() {
    let price = "price = [{ numeric = [\">=\", 1000] }]";
    let (before, deployed) = (filtered(""), filtered(price));
    let facts = |registry: &Config| Facts {
        running: Some(RunningStack {
            clients: RunningStack::registered(&deployed, &naming()),
            config: Some(deployed.clone()),
            ..RunningStack::default()
        }),
        registry: Some(unsettled::tests::registry(registry)),
        ..Facts::default()
    };
    let unsettled = plan("events", &deployed, &naming(), facts(&before));
    // The file says what is deployed: the difference is no change of this deploy.
    assert_eq!((unsettled.result, unsettled.settings.len()), (PlanResult::Nothing, 0));
    expect![[r#"
        Stack events is to be updated in eu-west-2, account 111122223333.

        client     change  queue                           account
        Billing    kept    MarkFanOutClientBilling.fifo    111122223333
        Insurance  kept    MarkFanOutClientInsurance.fifo  111122223333

        client Insurance has another filter in the deployed config than the one that holds: the maintenance of each minute settles that

        Accounts that will receive every event, or what a filter lets through:
              111122223333 (the stack's own): Billing, Insurance (filtered)

        Nothing changes for clients; a deploy may still bring new code.
    "#]].assert_eq(&unsettled.to_text(Style::Plain));
    expect![[r#"[{"client":"Insurance","what":"filter"}]"#]]
        .assert_eq(&serde_json::to_string(&unsettled.unsettled).unwrap());
    let settled = plan("events", &deployed, &naming(), facts(&deployed));
    assert_eq!(settled.unsettled, []);
}

#[test]
fn a_clients_filter_that_changes_is_shown_with_what_it_does_not_do() {
    let price = "price = [{ numeric = [\">=\", 1000] }]";
    let check = |before: &str, after: &str, expected: &Expect| {
        expected.assert_eq(&refiltered(before, after).to_text(Style::Plain));
    };
    check(
        price,
        &price.replace("1000", "500"),
        &expect![[r#"
            Stack events is to be updated in eu-west-2, account 111122223333.

            client     change  queue                           account
            Billing    kept    MarkFanOutClientBilling.fifo    111122223333
            Insurance  kept    MarkFanOutClientInsurance.fifo  111122223333

            setting                     now                                  will be
            client.filter of Insurance  {"price":[{"numeric":[">=",1000]}]}  {"price":[{"numeric":[">=",500]}]}
            A client's filter takes effect forward only, in each aggregate with its next events: a wider one sends no older events (`fanoutctl backfill --stack events` does), and a narrower one takes nothing back.

            Accounts that will receive every event, or what a filter lets through:
                  111122223333 (the stack's own): Billing, Insurance (filtered)
        "#]],
    );
    check(
        "",
        price,
        &expect![[r#"
            Stack events is to be updated in eu-west-2, account 111122223333.

            client     change  queue                           account
            Billing    kept    MarkFanOutClientBilling.fifo    111122223333
            Insurance  kept    MarkFanOutClientInsurance.fifo  111122223333

            setting                     now     will be
            client.filter of Insurance  (none)  {"price":[{"numeric":[">=",1000]}]}
            A client's filter takes effect forward only, in each aggregate with its next events: a wider one sends no older events (`fanoutctl backfill --stack events` does), and a narrower one takes nothing back.

            Accounts that will receive every event, or what a filter lets through:
                  111122223333 (the stack's own): Billing, Insurance (filtered)
        "#]],
    );
    check(
        price,
        "",
        &expect![[r#"
            Stack events is to be updated in eu-west-2, account 111122223333.

            client     change  queue                           account
            Billing    kept    MarkFanOutClientBilling.fifo    111122223333
            Insurance  kept    MarkFanOutClientInsurance.fifo  111122223333

            setting                     now                                  will be
            client.filter of Insurance  {"price":[{"numeric":[">=",1000]}]}  (none)
            A client's filter takes effect forward only, in each aggregate with its next events: a wider one sends no older events (`fanoutctl backfill --stack events` does), and a narrower one takes nothing back.

            Accounts that will receive every event:
                  111122223333 (the stack's own): Billing, Insurance
        "#]],
    );
    let both = format!("{price}\n\"$message\".eventName = [\"MarkSold\"]");
    let turned = format!("\"$message\".eventName = [\"MarkSold\"]\n{price}");
    let plan = refiltered(&both, &turned);
    assert_eq!(
        (plan.result, plan.settings),
        (PlanResult::Nothing, Vec::new()),
        "the order of keys means nothing"
    );
    assert_eq!(refiltered("", price).result, PlanResult::Changes);
}

#[test]
fn a_client_that_is_added_with_a_filter_changes_none() {
    let running = running("Billing");
    let facts = Facts { running: Some(running), ..Facts::default() };
    let plan = plan("events", &filtered("price = [1]"), &naming(), facts);
    assert!(!plan.settings.iter().any(|setting| setting.name.starts_with("client.filter")));
    assert_eq!(plan.clients[1].filter.as_deref(), Some(r#"{"price":[1]}"#));
    assert!(plan.to_text(Style::Plain).contains("Billing, Insurance (filtered)"));
}

#[test]
fn a_client_that_is_told_of_erasures_from_now_on_is_shown() {
    let config = |erasures: bool| {
        let mut config = filtered("");
        config.clients[1].erasures = erasures;
        config
    };
    let check = |before, after, expected: &Expect| {
        let running = config(before);
        let clients = RunningStack::registered(&running, &naming());
        let running = RunningStack { clients, config: Some(running), ..RunningStack::default() };
        let facts = Facts { running: Some(running), ..Facts::default() };
        let plan = plan("events", &config(after), &naming(), facts).to_text(Style::Plain);
        let lines = plan.lines().filter(|line| line.contains("erasures") || line.contains("Nothing changes"));
        expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    };
    check(
        false,
        true,
        &expect![[r#"
            client.erasures of Insurance  false  true
            Notices of erasures are of what is erased from the deploy on; `fanoutctl erasures --find --stack events` has clients told of what was erased before."#]],
    );
    check(
        true,
        false,
        &expect![[r#"
            client.erasures of Insurance  true  false
            Notices of erasures are of what is erased from the deploy on; `fanoutctl erasures --find --stack events` has clients told of what was erased before."#]],
    );
    check(true, true, &expect!["Nothing changes for clients; a deploy may still bring new code."]);
}

#[test]
fn a_consumer_that_may_ask_is_shown_when_that_changes() {
    let role = "request_role = \"arn:aws:iam::444455556666:role/consumer\"\n";
    let check = |before: &str, after: &str, expected: &Expect| {
        let file = |client: &str| {
            let text = format!(
                "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\nversion = \"version\"\n[[client]]\nname = \
                 \"Billing\"\n{client}"
            );
            Config::try_from_toml("client-queues.toml", &text, Some(&naming())).unwrap()
        };
        let running = file(before);
        let clients = RunningStack::registered(&running, &naming());
        let running = RunningStack { clients, config: Some(running), ..RunningStack::default() };
        let parameters = vec![("RequestRoleArns", "arn:aws:iam::444455556666:role/consumer".to_owned())];
        let facts = Facts { running: Some(running), parameters, ..Facts::default() };
        let plan = plan("events", &file(after), &naming(), facts).to_text(Style::Plain);
        let lines = plan.lines().filter(|line| line.contains("role") || line.contains("Nothing changes"));
        expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    };
    check(
        "",
        role,
        &expect!["client.request_role of Billing  (none)  arn:aws:iam::444455556666:role/consumer"],
    );
    check(
        role,
        "",
        &expect!["client.request_role of Billing  arn:aws:iam::444455556666:role/consumer  (none)"],
    );
    check(role, role, &expect!["Nothing changes for clients; a deploy may still bring new code."]);
}
