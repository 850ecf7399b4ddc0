use aws::operator::table::KeyType;
use expect_test::{Expect, expect};
use shared::message::AttributeValue;
use shared::time::Timestamp;

use super::*;
use crate::policy::{FanOutRole, own_queue_policy, queue_policy};

const CONFIG: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
id = "eventId"
time = "createTime"
version = "version"
allowed_accounts = ["444455556666"]
[[client]]
name = "Billing"
erasures = true
omit = ["createTime"]
[[client]]
name = "Tax"
queue_arn = "arn:aws:sqs:eu-west-2:444455556666:Tax.fifo"
"#;

fn config() -> Config {
    Config::try_from_toml("client-queues.toml", CONFIG, None).unwrap()
}

fn naming() -> Naming {
    Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap()
}

fn events(config: &Config) -> TestEvents<'_> {
    TestEvents {
        source: &config.source,
        key_types: [KeyType::S, KeyType::S],
        like: serde_json::Map::new(),
        at: Timestamp::from_millis(1_767_603_600_000),
    }
}

#[test]
fn only_a_queue_that_is_nobodys_is_played_at() {
    let check = |arn: &str, expected: Expect| {
        let queue = QueueArn::try_new(arn).unwrap();
        let old = QueueArn::try_new("arn:aws:sqs:eu-west-2:111122223333:Old.fifo").unwrap();
        let registered = [RegisteredClient { name: None, queue: old, is_own: false }];
        let why = taken(&queue, &naming(), &registered, &config());
        expected.assert_eq(&why.unwrap_or_else(|| "may be played at".to_owned()));
    };
    check("arn:aws:sqs:eu-west-2:111122223333:billing-test.fifo", expect!["may be played at"]);
    check(
        "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientBilling.fifo` is that of client `Billing`: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    check(
        "arn:aws:sqs:eu-west-2:444455556666:Tax.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:444455556666:Tax.fifo` is that of client `Tax`: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    check(
        "arn:aws:sqs:eu-west-2:111122223333:Old.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:111122223333:Old.fifo` is that of a client of the stack: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    check(
        "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo` is the stack's own: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    // Of a client that was removed, and of another stack.
    check(
        "arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientGone.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:111122223333:MarkFanOutClientGone.fifo` has `MarkFanOut` in its name, as queues that a stack makes: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    check(
        "arn:aws:sqs:eu-west-2:111122223333:TestMarkFanOutClientBilling.fifo",
        expect![
            "queue `arn:aws:sqs:eu-west-2:111122223333:TestMarkFanOutClientBilling.fifo` has `MarkFanOut` in its name, as queues that a stack makes: made-up events would come among the real ones; make a FIFO queue for tests, and name that"
        ],
    );
    check(
        "arn:aws:sqs:us-east-1:111122223333:billing-test.fifo",
        expect![
            "queue `arn:aws:sqs:us-east-1:111122223333:billing-test.fifo` is not in the stack's region, eu-west-2; make one there"
        ],
    );
}

#[test]
fn a_queue_must_be_fifo_and_empty_and_take_no_stacks_events() {
    let queue = QueueArn::try_new("arn:aws:sqs:eu-west-2:111122223333:test.fifo").unwrap();
    let depth = |messages, in_flight| Depth { messages, in_flight };
    let attributes = |is_fifo: &str, policy: &str| {
        let pairs = [("FifoQueue", is_fifo), ("Policy", policy)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    };
    let role = FanOutRole::try_new(&naming().fan_out_role_arn()).unwrap();
    let existing = serde_json::to_string(&queue_policy(&queue, &role)).unwrap();
    let own = serde_json::to_string(&own_queue_policy(&queue, &role)).unwrap();
    let teams = r#"{"Statement":[{"Sid":"TeamSends","Effect":"Allow","Principal":"*","Action":"sqs:*"}]}"#;
    for policy in ["", teams] {
        assert_eq!(unfit(&queue, &attributes("true", policy), depth(0, 0)), None, "{policy}");
    }
    assert!(unfit(&queue, &BTreeMap::new(), depth(0, 0)).is_some());
    let why = [
        unfit(&queue, &attributes("false", ""), depth(0, 0)),
        unfit(&queue, &attributes("true", &existing), depth(0, 0)),
        unfit(&queue, &attributes("true", &own), depth(0, 0)),
        unfit(&queue, &attributes("true", ""), depth(0, 2)),
    ]
    .map(Option::unwrap);
    expect![[r#"
        queue `arn:aws:sqs:eu-west-2:111122223333:test.fifo` is not FIFO
        queue `arn:aws:sqs:eu-west-2:111122223333:test.fifo` takes a stack's events (statement `FanOutSends` of its policy): made-up events would come among the real ones; make a FIFO queue for tests, and name that
        queue `arn:aws:sqs:eu-west-2:111122223333:test.fifo` takes a stack's events (statement `NobodyElseSends` of its policy): made-up events would come among the real ones; make a FIFO queue for tests, and name that
        queue `arn:aws:sqs:eu-west-2:111122223333:test.fifo` holds 0 messages and 2 in flight; let the consumer take them, or purge the queue, and try again"#]].assert_eq(&why.join("\n"));
}

#[test]
fn messages_are_those_of_the_fan_out() {
    let config = config();
    let (client, events) = (&config.clients[0], events(&config));
    let all = scenarios(1, true);
    let messages = messages(&events, client, &all).unwrap();
    assert_eq!(messages.len(), all.iter().map(|scenario| scenario.messages.len()).sum::<usize>());
    let ids: HashSet<_> = messages.iter().map(Message::deduplication_id).collect();
    assert_eq!(ids.len(), messages.len(), "SQS would swallow one");
    let shown = |message: &Message| {
        let attributes = message.attributes().iter().map(|attribute| match &attribute.value {
            AttributeValue::Text(text) => format!("\n  {}={text} ({})", attribute.name, attribute.data_type),
            AttributeValue::Base64(_) => String::new(),
        });
        let body = message.body().text().unwrap().into_owned();
        format!("{}: {body}{}\n", message.group(), attributes.collect::<String>())
    };
    let with = |name: &str| messages.iter().find(|message| message.attribute(name).is_some()).unwrap();
    let first = messages.first().unwrap();
    expect![[r#"
        test-2026-01-05T09:00:00Z-duplicate: {"eventId":"test-2026-01-05T09:00:00Z-duplicate-2","mark":"test-2026-01-05T09:00:00Z-duplicate","version":2}
          eventId=test-2026-01-05T09:00:00Z-duplicate-2 (String)
          eventTime=2026-01-05T09:00:00.002Z (String)
          version=2 (Number)
          streamedAt=1767603600000 (Number)
          incarnation=0000000800000000 (String)
          previousVersion=0 (Number)
        test-2026-01-05T09:00:00Z-replay: {"eventId":"test-2026-01-05T09:00:00Z-replay-4","mark":"test-2026-01-05T09:00:00Z-replay","version":4}
          eventId=test-2026-01-05T09:00:00Z-replay-4 (String)
          eventTime=2026-01-05T09:00:00.004Z (String)
          version=4 (Number)
          streamedAt=1767603600000 (Number)
          incarnation=0000000800000001 (String)
          previousVersion=2 (Number)
          replay=r-1 (String)
        test-2026-01-05T09:00:00Z-erasure: {"S":"test-2026-01-05T09:00:00Z-erasure"}
          eventId=1f33432244caf1a786f24791bbe8ba12a339585176b2c62f2a25c4ef621d6140 (String)
          version=10 (Number)
          erased=2026-01-05T09:00:00Z (String)
          incarnation=0000000100000000 (String)
          previousVersion=9 (Number)
    "#]].assert_eq(&[first, with("replay"), with("erased")].map(shown).concat());
}

#[test]
fn a_team_is_told_what_its_consumer_must_have() {
    let config = config();
    let events = events(&config);
    let played = scenarios(1, true).into_iter().take(3).zip(0..);
    let report = Report {
        client: "Billing".to_owned(),
        queue: "arn:aws:sqs:eu-west-2:111122223333:billing-test.fifo".to_owned(),
        messages: 9,
        scenarios: played.map(|(scenario, number)| Played::new(&events, number, &scenario)).collect(),
    };
    expect![[r#"
        9 messages in 3 scenarios are on queue arn:aws:sqs:eu-west-2:111122223333:billing-test.fifo, as client Billing would get them. When your consumer has taken them all, this is what it must have of each group:

        duplicate: what comes again has no effect a second time
          group                test-2026-01-05T09:00:00Z-duplicate
          messages             2
          state                version 2 of incarnation 0000000800000000
          events with effect   2

        gap: what comes behind a gap has no effect before a replay brings what is missing
          group                test-2026-01-05T09:00:00Z-gap
          messages             4
          state                version 2 of incarnation 0000000800000000, and waits for a replay from 3
          events with effect   2

        replay: a replay brings what was missing, and what came behind it
          group                test-2026-01-05T09:00:00Z-replay
          messages             6
          state                version 4 of incarnation 0000000800000001
          events with effect   2 4
    "#]].assert_eq(&text(&report));
    expect![[r#"{"client":"Billing","queue":"arn:aws:sqs:eu-west-2:111122223333:billing-test.fifo","messages":9,"scenarios":[{"scenario":"duplicate","about":"what comes again has no effect a second time","key":{"S":"test-2026-01-05T09:00:00Z-duplicate"},"group":"test-2026-01-05T09:00:00Z-duplicate","messages":2,"version":2,"incarnation":"0000000800000000","missing_from":null,"events":[2]},{"scenario":"gap","about":"what comes behind a gap has no effect before a replay brings what is missing","key":{"S":"test-2026-01-05T09:00:00Z-gap"},"group":"test-2026-01-05T09:00:00Z-gap","messages":4,"version":2,"incarnation":"0000000800000000","missing_from":3,"events":[2]},{"scenario":"replay","about":"a replay brings what was missing, and what came behind it","key":{"S":"test-2026-01-05T09:00:00Z-replay"},"group":"test-2026-01-05T09:00:00Z-replay","messages":6,"version":4,"incarnation":"0000000800000001","missing_from":null,"events":[2,4]}]}"#]].assert_eq(&serde_json::to_string(&report).unwrap());
}
