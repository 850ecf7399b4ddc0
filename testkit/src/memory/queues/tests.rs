use std::pin::pin;

use futures_util::future::{join, select};

use super::*;
use crate::contract::fifo::{self, Delivery, FifoQueue};
use shared::ids::Group;
use shared::message::Body;
use shared::naming::{Naming, OwnQueue};

struct World {
    clock: VirtualClock,
    queues: FifoQueues,
    queue: QueueUrl,
}

fn world() -> World {
    let naming = Naming::try_new("aws", "eu-west-2", "123456789012", "").unwrap();
    let queue = naming.own_queue(OwnQueue::FanOut);
    let clock = VirtualClock::at(Timestamp::from_millis(0));
    let queues = FifoQueues::new(&clock);
    queues.create(&queue, Settings { latency: Duration::from_millis(10), ..Settings::default() });
    World { clock, queues, queue }
}

/// A message by its name: `a1` is of group `a` and has the id `a1`.
fn message(name: &str) -> Message {
    let group = Group::try_from_sqs(name.split_at(1).0).unwrap();
    Message::new(group, DeduplicationId::try_from_sqs(name).unwrap(), Body::Text(name), &[], None)
}

impl World {
    /// Sends a batch by names. Returns what the sender gets, and after how many milliseconds.
    fn send(&self, names: &str) -> (String, u64) {
        let messages = names.split_whitespace().map(message).collect::<Vec<_>>();
        let before = self.clock.now();
        let answer = self.clock.block_on(self.queues.send(&self.queue, &messages.iter().collect::<Vec<_>>()));
        let result = match answer {
            Ok(results) => {
                let kinds = results.into_iter().map(|result| result.map_or_else(kind, |()| "ok"));
                kinds.collect::<Vec<_>>().join(" ")
            }
            Err(error) => format!("call {}", kind(error)),
        };
        (result, u64::try_from(self.clock.now().since(before).as_millis()).unwrap())
    }

    fn accepted(&self) -> String {
        self.queues
            .accepted(&self.queue)
            .iter()
            .map(|accepted| accepted.body.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

fn kind(error: SendError) -> &'static str {
    match error {
        SendError::Throttled(_) => "throttled",
        SendError::Transient(_) => "failed",
        SendError::Unknown(_) => "unknown",
        SendError::Queue { .. } => "queue",
        SendError::Message(_) => "refused",
    }
}

fn check(fault: Fault, result: &str, accepted: &str) {
    let world = world();
    world.queues.set_faults(&world.queue, Faults::script([(0, fault)]));
    assert_eq!(world.send("a1 b1"), (result.to_owned(), 10), "{fault:?}");
    assert_eq!(world.accepted(), accepted, "{fault:?}");
}

#[test]
fn a_fault_decides_the_result_and_what_is_accepted() {
    check(Fault::Entry(2, EntryFault::Refused), "ok ok", "a1 b1");
    check(Fault::Entry(0, EntryFault::Refused), "refused ok", "b1");
    check(Fault::Entry(1, EntryFault::Throttled), "ok throttled", "a1");
    check(Fault::Entry(1, EntryFault::Failed), "ok failed", "a1");
    check(Fault::Entry(1, EntryFault::Unknown), "ok unknown", "a1 b1");
    check(Fault::Entry(0, EntryFault::Denied), "queue ok", "b1");
    check(Fault::Call(CallFault::Throttled), "call throttled", "");
    check(Fault::Call(CallFault::ResetBefore), "call unknown", "");
    check(Fault::Call(CallFault::ResetAfter), "call unknown", "a1 b1");
    check(Fault::Call(CallFault::ServerError), "call unknown", "");
    check(Fault::Call(CallFault::Refused), "call refused", "");
    check(Fault::Call(CallFault::Miscounted), "ok", "a1 b1");
    check(Fault::Call(CallFault::Denied), "call queue", "");
}

#[test]
fn a_delayed_call_answers_later() {
    let world = world();
    world.queues.set_faults(&world.queue, Faults::script([(0, Fault::Delay(Duration::from_millis(300)))]));
    assert_eq!(world.send("a1"), ("ok".to_owned(), 310));
    assert_eq!(world.send("a2"), ("ok".to_owned(), 10));
}

#[test]
fn a_sender_learns_that_a_queue_denies_it_or_is_missing() {
    let world = world();
    world.queues.change(&world.queue, |settings| settings.denied = true);
    assert_eq!(world.send("a1").0, "call queue");
    world.queues.change(&world.queue, |settings| settings.denied = false);
    assert_eq!(world.send("a1").0, "ok");
    world.queues.delete_queue(&world.queue);
    assert_eq!(world.send("a1").0, "call queue");
}

#[test]
fn a_request_is_accepted_half_way_and_a_dropped_one_may_be() {
    for (patience, accepted) in [(4, ""), (6, "a1")] {
        let world = world();
        let message = message("a1");
        let batch = [&message];
        let call = world.queues.send(&world.queue, &batch);
        let time_out = world.clock.sleep(Duration::from_millis(patience));
        world.clock.block_on(async { _ = select(pin!(call), pin!(time_out)).await });
        assert_eq!((world.accepted().as_str(), world.queues.in_flight(&world.queue)), (accepted, 0));
    }
}

#[test]
fn requests_are_seen_with_what_was_in_flight() {
    let world = world();
    let (first, second) = (message("a1"), message("b1"));
    let (first, second) = ([&first], [&second]);
    let sends = join(world.queues.send(&world.queue, &first), world.queues.send(&world.queue, &second));
    world.clock.block_on(async { drop(sends.await) });
    let seen = world.queues.requests(&world.queue);
    let seen = seen.iter().map(|seen| (seen.ids[0].as_str(), seen.size, seen.in_flight)).collect::<Vec<_>>();
    assert_eq!(seen, [("a1", 2, 1), ("b1", 2, 2)]);
}

#[test]
#[should_panic(expected = "two messages of one group in a batch")]
fn two_messages_of_a_group_in_a_batch_break_the_contract() {
    world().send("a1 a2");
}

#[test]
#[should_panic(expected = "a batch of 11 messages")]
fn eleven_messages_break_the_contract() {
    world().send("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1");
}

#[test]
#[should_panic(expected = "a batch of 1048578 bytes")]
fn more_than_a_mebibyte_breaks_the_contract() {
    let half = |name| {
        let group = Group::try_from_sqs(name).unwrap();
        let id = DeduplicationId::try_from_sqs(name).unwrap();
        Message::new(group, id, Body::Text(&"x".repeat(SQS_LIMIT / 2 + 1)), &[], None)
    };
    let World { clock, queues, queue } = world();
    let (a, b) = (half("a"), half("b"));
    let _ = clock.block_on(queues.send(&queue, &[&a, &b]));
}

#[test]
#[should_panic(expected = "a batch of 0 messages")]
fn an_empty_batch_breaks_the_contract() {
    world().send("");
}

#[test]
fn a_message_that_is_put_arrives_at_once_and_is_new_once() {
    let world = world();
    let put = |name: &str| world.queues.put(&world.queue, &message(name)).map_err(kind);
    assert_eq!([put("a1"), put("a1"), put("a2")], [Ok(true), Ok(false), Ok(true)]);
    world.queues.change(&world.queue, |settings| settings.denied = true);
    assert_eq!(put("a3"), Err("queue"));
    world.queues.change(&world.queue, |settings| settings.denied = false);
    world.queues.delete_queue(&world.queue);
    assert!(!world.queues.exists(&world.queue));
    assert_eq!(put("a3"), Err("queue"));
}

#[test]
fn a_purge_takes_everything_and_forgets_no_id() {
    let world = world();
    let put = |name: &str| world.queues.put(&world.queue, &message(name)).unwrap();
    assert!(put("a1") && put("a2"));
    let received = world.queues.receive(&world.queue, 1);
    world.queues.purge(&world.queue);
    assert_eq!(world.queues.held(&world.queue), 0);
    assert_eq!(world.queues.delete(&world.queue, received[0].receipt), Err(ReceiptExpired));
    assert!(!put("a1"), "recognised after a purge");
    assert_eq!(world.accepted(), "a1 a2");
}

/// The double as the contract sees it.
struct Double {
    world: World,
}

impl FifoQueue for Double {
    async fn send(&self, batch: &[&Message]) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.world.queues.send(&self.world.queue, batch).await
    }

    async fn receive(&self, limit: usize) -> Vec<Delivery> {
        let received = self.world.queues.receive(&self.world.queue, limit).into_iter();
        let delivery = |Received { receipt, receive_count, message, .. }: Received| Delivery {
            receipt: receipt.to_string(),
            receive_count,
            group: message.group.as_str().to_owned(),
            deduplication_id: message.deduplication_id.as_str().to_owned(),
            body: message.body,
            attributes: message.attributes,
        };
        received.map(delivery).collect()
    }

    async fn delete(&self, receipt: &str) {
        self.world.queues.delete(&self.world.queue, receipt.parse().unwrap()).unwrap();
    }

    async fn change_visibility(&self, receipt: &str, visibility: Duration) {
        let receipt = receipt.parse().unwrap();
        self.world.queues.change_visibility(&self.world.queue, receipt, visibility).unwrap();
    }
}

#[test]
fn the_double_keeps_the_contract() {
    let clock = VirtualClock::at(Timestamp::from_millis(0));
    let queue = async || {
        let queues = FifoQueues::new(&clock);
        let queue = world().queue;
        queues.create(&queue, Settings { latency: Duration::from_millis(10), ..Settings::default() });
        Double { world: World { clock: clock.clone(), queues, queue } }
    };
    clock.block_on(fifo::check(&queue));
    clock.block_on(fifo::check_times(&queue, async |duration| clock.sleep(duration).await));
}
