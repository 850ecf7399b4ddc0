//! Batches of the queue of events.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use api::events::intake::Intake;
use api::store::memory::Memory;
use api::store::port::{Action, CallError, DynamoDb, Page, Query, Scan, TransactError, Write};
use api::store::value::Map;
use expect_test::expect;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use shared::metrics::Tally;
use shared::naming::{Naming, QueueUrl};
use shared::time::Timestamp;
use testkit::logs::{count_lines, logged};
use testkit::memory::{CallFault, Fault as QueueFault, Faults, FifoQueues, Settings, VirtualClock};

use super::{body, events, history, tables};
use crate::store::faulty::{Fault, Faulty};
use crate::store::sums::Scene;

/// How long an invocation may take.
const TIME: Duration = Duration::from_secs(30);

/// The queue of events, its function, and the queue of rejections.
pub(super) struct Queue<D> {
    intake: Intake<D, &'static Scene>,
    clock: VirtualClock,
    queues: FifoQueues,
    rejected: QueueUrl,
    arn: String,
    /// What the last invocation counted.
    counted: RefCell<String>,
    /// What was sent and not acknowledged, in order.
    messages: RefCell<Vec<Value>>,
}

impl<D: DynamoDb> Queue<D> {
    /// Over `db`; a FIFO queue if its name ends in `.fifo`.
    pub(super) fn new(db: D, name: &str) -> Self {
        // Two functions have not the same random numbers.
        static SEED: AtomicU64 = AtomicU64::new(5);
        let scene: &'static Scene = Box::leak(Box::new(Scene::new(SEED.fetch_add(1, Ordering::SeqCst))));
        let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
        let queues = FifoQueues::new(&clock);
        let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "").unwrap();
        let rejected = naming.queue("111122223333", "Rejected.fifo");
        queues.create(&rejected, Settings::default());
        let intake = Intake::new(events(db, scene), rejected.clone());
        let arn = format!("arn:aws:sqs:eu-west-2:111122223333:Events{name}");
        Self {
            intake,
            clock,
            queues,
            rejected,
            arn,
            counted: RefCell::default(),
            messages: RefCell::default(),
        }
    }

    /// Sends a message; the attributes of SQS that are empty are not there.
    pub(super) fn send(&self, id: &str, group: &str, deduplication_id: &str, body: &str) {
        let mut attributes = json!({ "ApproximateReceiveCount": "1", "SentTimestamp": "1800000000000" });
        for (name, value) in [("MessageGroupId", group), ("MessageDeduplicationId", deduplication_id)] {
            if !value.is_empty() {
                attributes[name] = json!(value);
            }
        }
        let record = json!({
            "messageId": id, "receiptHandle": "x", "body": body, "attributes": attributes,
            "messageAttributes": {}, "eventSource": "aws:sqs", "eventSourceARN": self.arn,
        });
        self.messages.borrow_mut().push(record);
    }

    /// An event of the order with this number, whose body has this total.
    fn order(&self, id: &str, order: u32, total: &str) {
        let body = format!(
            r#"{{"eventName":"OrderPlaced","aggregate":"order-{order}","body":{{"total":{total}}}}}"#
        );
        self.send(id, &format!("order-{order}"), id, &body);
    }

    /// Takes all messages. Returns the ids of those that come again.
    pub(super) fn take(&self) -> String {
        let payload = json!({ "Records": *self.messages.borrow() }).to_string();
        let response = self.invoke(&payload).unwrap();
        self.messages
            .borrow_mut()
            .retain(|record| response.contains(&record["messageId"].as_str().unwrap().to_owned()));
        response.join(" ")
    }

    fn invoke(&self, payload: &str) -> Result<Vec<String>, String> {
        let payload = RawValue::from_string(payload.to_owned()).unwrap();
        let deadline = self.clock.now().plus(TIME);
        let mut tally = Tally::default();
        let work = self.intake.handle(&self.clock, &self.queues, &payload, deadline, &mut tally);
        let response = self.clock.block_on(work).map_err(|error| error.to_string())?;
        let values = tally.lines().iter().flat_map(|line| &line.values);
        *self.counted.borrow_mut() =
            values.map(|(metric, value)| format!("{} {value:?}", metric.name)).collect::<Vec<_>>().join(", ");
        assert!(self.clock.now() < deadline, "it took too long");
        Ok(response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect())
    }

    /// The rejections so far.
    pub(super) fn rejections(&self) -> Vec<Value> {
        let accepted = self.queues.accepted(&self.rejected);
        accepted.iter().map(|rejection| serde_json::from_str(&rejection.body).unwrap()).collect()
    }
}

/// What producers said of an aggregate, in order. On no runtime, as the function here: one would wake
/// what yields, and not the clock.
fn bodies(db: &Memory, aggregate: &str) -> Vec<String> {
    let clock = VirtualClock::at(Timestamp::from_millis(0));
    clock.block_on(history(db, aggregate)).iter().map(body).collect()
}

#[test]
fn messages_are_appended_in_order_and_once_however_often_they_come() {
    for name in ["", ".fifo"] {
        let db = tables();
        let queue = Queue::new(db, name);
        for _ in 0..2 {
            queue.order("a", 1, "1");
            queue.order("b", 2, "1.10");
            queue.order("c", 1, "2");
            assert_eq!(queue.take(), "");
        }
        assert_eq!(bodies(db, "order-1"), [r#"{"total":1}"#, r#"{"total":2}"#]);
        assert_eq!(bodies(db, "order-2"), [r#"{"total":1.1}"#]);
        assert_eq!(queue.rejections(), [] as [Value; 0]);
    }
}

#[test]
fn an_event_is_known_by_its_id_or_else_by_that_of_its_message() {
    let event = |id: &str, total: u32| {
        format!(r#"{{"eventName":"OrderPlaced","aggregate":"o",{id}"body":{{"total":{total}}}}}"#)
    };
    let db = tables();
    let queue = Queue::new(db, "");
    // Its own id, whatever message brings it.
    queue.send("m1", "", "", &event(r#""id":"e1","#, 1));
    queue.send("m2", "", "", &event(r#""id":"e1","#, 1));
    // Two messages that say the same.
    queue.send("m3", "", "", &event("", 2));
    queue.send("m4", "", "", &event("", 2));
    assert_eq!(queue.take(), "");
    assert_eq!(bodies(db, "o").len(), 3);
    let queue = Queue::new(db, ".fifo");
    queue.send("m5", "o", "d1", &event("", 3));
    queue.send("m6", "o", "d1", &event("", 3));
    queue.send("m7", "o", "d1", &event(r#""id":"e2","#, 3));
    assert_eq!(queue.take(), "");
    assert_eq!(bodies(db, "o").len(), 5);
    // Another event under an id that is used.
    queue.send("m8", "o", "d1", &event("", 4));
    queue.send("m9", "o", "d9", &event(r#""id":"e1","#, 4));
    assert_eq!(queue.take(), "");
    let reasons: Vec<_> = queue.rejections().iter().map(|rejection| rejection["reason"].clone()).collect();
    let reason = "request-reused: another event had the same id within a day; give each event an id of its own, and \
                  repeat an event as it was";
    assert_eq!(reasons, [reason, reason]);
    assert_eq!(bodies(db, "o").len(), 5);
}

#[test]
fn what_can_never_be_appended_is_rejected_and_its_group_goes_on() {
    let db = tables();
    let queue = Queue::new(db, ".fifo");
    queue.order("a", 1, "1");
    queue.order("b", 1, "\"a secret\"");
    queue.send("c", "order-1", "c", "a secret");
    queue.send(
        "d",
        "order-1",
        "d",
        r#"{"eventName":"OrderPlaced","aggregate":"order-1","expectedVersion":7,"body":{"total":2}}"#,
    );
    queue.order("e", 1, "3");
    let log = logged(|| assert_eq!(queue.take(), ""));
    assert_eq!(bodies(db, "order-1"), [r#"{"total":1}"#, r#"{"total":3}"#]);
    assert_eq!(*queue.counted.borrow(), "RecordsIn Count(5), Rejected Count(3), Returned Count(0)");
    let accepted = queue.queues.accepted(&queue.rejected);
    let shown: Vec<String> =
        accepted.iter().map(|rejection| format!("{} {}", rejection.group.as_str(), rejection.body)).collect();
    expect![[r#"
        order-1 {"reason":"schema-violation: `body`: the body is not what `events/OrderPlaced.json` allows; `/body/total`: value is not of type \"number\"; correct the body by its schema","eventId":"b","keys":null,"stream":null,"sequenceNumber":null,"image":null,"record":{"attributes":{"ApproximateReceiveCount":"1","MessageDeduplicationId":"b","MessageGroupId":"order-1","SentTimestamp":"1800000000000"},"body":"{\"eventName\":\"OrderPlaced\",\"aggregate\":\"order-1\",\"body\":{\"total\":\"a secret\"}}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-2:111122223333:Events.fifo","messageAttributes":{},"messageId":"b","receiptHandle":"x"}}
        ~rejected {"reason":"malformed-json: expected value at line 1 column 1; send one JSON object in UTF-8","eventId":"c","keys":null,"stream":null,"sequenceNumber":null,"image":null,"record":{"attributes":{"ApproximateReceiveCount":"1","MessageDeduplicationId":"c","MessageGroupId":"order-1","SentTimestamp":"1800000000000"},"body":"a secret","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-2:111122223333:Events.fifo","messageAttributes":{},"messageId":"c","receiptHandle":"x"}}
        order-1 {"reason":"version-mismatch: `expectedVersion`: version 7 is expected, and 1 found; 0 is an aggregate that has no event yet; decide again on what happened meanwhile, and name the version that it led to","eventId":"d","keys":null,"stream":null,"sequenceNumber":null,"image":null,"record":{"attributes":{"ApproximateReceiveCount":"1","MessageDeduplicationId":"d","MessageGroupId":"order-1","SentTimestamp":"1800000000000"},"body":"{\"eventName\":\"OrderPlaced\",\"aggregate\":\"order-1\",\"expectedVersion\":7,\"body\":{\"total\":2}}","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-2:111122223333:Events.fifo","messageAttributes":{},"messageId":"d","receiptHandle":"x"}}"#]].assert_eq(&shown.join("\n"));
    // Neither bodies nor reasons, which name members of bodies, are logged.
    assert!(!log.contains("secret") && !log.contains("total"), "{log}");
    assert_eq!(count_lines(&log, "\"message\":\"rejected\""), 3, "{log}");
}

#[test]
fn a_message_that_is_no_event_of_any_kind_is_rejected_as_it_is() {
    let queue = Queue::new(tables(), "");
    for (number, body) in ["", "null", "7", "\"x\"", "[]", "{}", "{\"eventName\":\"../x\"}", "\u{feff}{}"]
        .into_iter()
        .enumerate()
    {
        queue.send(&format!("m{number}"), "", "", body);
    }
    assert_eq!(queue.take(), "");
    let shown: Vec<String> =
        queue.rejections().iter().map(|rejection| rejection["reason"].to_string()).collect();
    expect![[r#"
        "malformed-json: EOF while parsing a value at line 1 column 0; send one JSON object in UTF-8"
        "invalid-field: must be one JSON object; correct the field"
        "invalid-field: must be one JSON object; correct the field"
        "invalid-field: must be one JSON object; correct the field"
        "invalid-field: an array is no event; send one JSON object"
        "invalid-field: missing field `eventName`; correct the field"
        "invalid-field: `eventName`: must be 1 to 64 ASCII letters, digits, `_` and `-`, a letter first, such as `OrderPlaced`; correct the field"
        "malformed-json: expected value at line 1 column 1; send one JSON object in UTF-8""#]].assert_eq(&shown.join("\n"));
    // Not even a record: it has no id to return it by, and is rejected all the same.
    assert_eq!(queue.invoke(r#"{"Records":[7,{"messageId":"n","attributes":{}}]}"#), Ok(vec![]));
    assert_eq!(queue.rejections().len(), 10);
    assert!(queue.invoke("{}").unwrap_err().contains("not a payload of an SQS mapping"));
}

#[test]
fn behind_a_message_that_comes_again_its_group_waits_and_no_other() {
    // Six attempts to write the second message fail: its group's third must not come before it.
    let faults = (7..13).map(|call| (call, Fault::Throttled));
    for (name, returned) in [(".fifo", "b d"), ("", "b")] {
        let db = tables();
        let faulty: &'static _ = Box::leak(Box::new(Faulty::new(db, faults.clone())));
        let queue = Queue::new(faulty, name);
        queue.order("a", 1, "1");
        queue.order("b", 1, "2");
        queue.order("c", 2, "1");
        queue.order("d", 1, "3");
        assert_eq!(queue.take(), returned);
        let count = returned.split(' ').count();
        assert_eq!(
            *queue.counted.borrow(),
            format!("RecordsIn Count(4), Rejected Count(0), Returned Count({count})")
        );
        assert_eq!(bodies(db, "order-2").len(), 1);
        assert_eq!(queue.take(), "");
        let order = if name.is_empty() { ["1", "3", "2"] } else { ["1", "2", "3"] };
        assert_eq!(bodies(db, "order-1"), order.map(|total| format!("{{\"total\":{total}}}")));
        assert_eq!(queue.rejections(), [] as [Value; 0]);
    }
}

#[test]
fn an_event_of_which_nobody_knows_whether_it_is_appended_is_there_once() {
    for fault in [Fault::LostAnswer, Fault::LostRequest, Fault::Late, Fault::CrashBefore, Fault::CrashAfter] {
        let db = tables();
        // The transaction, and all that is looked up after it.
        let faults = (3..60).map(|call| (call, fault));
        let faulty: &'static _ = Box::leak(Box::new(Faulty::new(db, faults)));
        let queue = Queue::new(faulty, ".fifo");
        queue.order("a", 1, "1");
        assert_eq!(queue.take(), "a", "{fault:?}");
        // The next time it goes well.
        let again = Queue::new(db, ".fifo");
        again.order("a", 1, "1");
        assert_eq!(again.take(), "", "{fault:?}");
        assert_eq!(bodies(db, "order-1").len(), 1, "{fault:?}");
        assert_eq!(queue.rejections(), [] as [Value; 0]);
    }
}

#[test]
fn a_message_whose_rejection_is_not_sent_comes_again() {
    let db = tables();
    let queue = Queue::new(db, ".fifo");
    queue.queues.set_faults(&queue.rejected, Faults::script([(0, QueueFault::Call(CallFault::Denied))]));
    queue.order("a", 1, "\"x\"");
    queue.order("b", 1, "1");
    queue.order("c", 2, "1");
    assert_eq!(queue.take(), "a b");
    assert_eq!(bodies(db, "order-2").len(), 1);
    assert_eq!(queue.take(), "");
    assert_eq!(queue.rejections().len(), 1);
    assert_eq!(bodies(db, "order-1").len(), 1);
}

#[test]
fn nothing_is_begun_without_time_and_a_call_without_an_answer_is_given_up() {
    let db = tables();
    let faulty: &'static _ = Box::leak(Box::new(Faulty::new(db, [(4, Fault::CrashBefore)])));
    let queue = Queue::new(faulty, "");
    // The second one takes half of the time; so does each further one of what is left.
    for (number, id) in ["a", "b", "c"].into_iter().enumerate() {
        queue.order(id, u32::try_from(number).unwrap(), "1");
    }
    assert_eq!(queue.take(), "b");
    // The first two take three quarters of it: the third is not begun.
    let faulty: &'static Faulty<_> =
        Box::leak(Box::new(Faulty::new(db, [(0, Fault::CrashBefore), (1, Fault::CrashBefore)])));
    let queue = Queue::new(faulty, "");
    for (number, id) in ["d", "e", "f"].into_iter().enumerate() {
        queue.order(id, u32::try_from(number).unwrap(), "1");
    }
    assert_eq!(queue.take(), "d e f");
    assert_eq!(faulty.calls(), 2);
}

/// DynamoDB with a defect that shows at one aggregate.
#[derive(Clone, Copy)]
struct Defective(&'static Memory);

impl DynamoDb for Defective {
    async fn get(&self, table: &str, key: &Map) -> Result<Option<Map>, CallError> {
        self.0.get(table, key).await
    }

    async fn query(&self, query: &Query<'_>) -> Result<Page, CallError> {
        self.0.query(query).await
    }

    async fn scan(&self, scan: &Scan<'_>) -> Result<Page, CallError> {
        self.0.scan(scan).await
    }

    async fn transact(&self, token: &str, actions: &[Action]) -> Result<(), TransactError> {
        let is_order_1 = actions.iter().any(|action| match &action.write {
            Write::Put(item) => item.get("aggregate").and_then(|key| key.as_text()) == Some("order-1"),
            _ => false,
        });
        assert!(!is_order_1, "a defect");
        self.0.transact(token, actions).await
    }
}

#[test]
fn a_panic_is_the_rejection_of_the_message_that_it_befalls() {
    let db = tables();
    let queue = Queue::new(Defective(db), ".fifo");
    queue.order("a", 1, "1");
    queue.order("b", 2, "1");
    assert_eq!(queue.take(), "");
    assert_eq!(bodies(db, "order-2").len(), 1);
    let [rejection] = queue.rejections().try_into().unwrap();
    assert_eq!(rejection["reason"], "the function panicked at this group; its log names the place");
}
