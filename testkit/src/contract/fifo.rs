//! What every FIFO queue must do that the pipeline relies on, each rule with its source. Pages are of the SQS Developer
//! Guide, unless another one is named.

use std::future::Future;
use std::time::Duration;

use shared::ids::{DeduplicationId, Group};
use shared::message::{Attribute, AttributeValue, Body, Message};
use shared::send::SendError;

/// A FIFO queue as its senders and its consumer see it. It is empty before a check.
pub trait FifoQueue {
    /// Sends messages, as [`Transport::send`](shared::send::Transport::send).
    fn send(&self, batch: &[&Message])
    -> impl Future<Output = Result<Vec<Result<(), SendError>>, SendError>>;

    /// Receives up to `limit` messages that are there now.
    fn receive(&self, limit: usize) -> impl Future<Output = Vec<Delivery>>;

    /// Deletes a message.
    fn delete(&self, receipt: &str) -> impl Future<Output = ()>;

    /// Keeps a message in flight for as long as `visibility`.
    fn change_visibility(&self, receipt: &str, visibility: Duration) -> impl Future<Output = ()>;
}

/// A message as a consumer receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The handle to delete it by.
    pub receipt: String,
    /// `ApproximateReceiveCount`.
    pub receive_count: u32,
    /// `MessageGroupId`.
    pub group: String,
    /// `MessageDeduplicationId`.
    pub deduplication_id: String,
    /// The body.
    pub body: String,
    /// The message attributes, by name.
    pub attributes: Vec<Attribute>,
}

/// All rules that need no time to pass. `queue` makes another queue each time.
pub async fn check<Q: FifoQueue>(queue: impl AsyncFn() -> Q) {
    a_group_is_received_in_the_order_in_which_it_was_accepted(&queue().await).await;
    a_message_in_flight_locks_its_group_and_no_other(&queue().await).await;
    what_was_not_deleted_comes_again_before_what_follows_it(&queue().await).await;
    a_repeated_id_is_accepted_and_delivered_once(&queue().await).await;
    an_id_counts_in_all_groups(&queue().await).await;
    the_first_body_of_an_id_is_kept(&queue().await).await;
    at_most_ten_are_received_at_once(&queue().await).await;
    body_and_attributes_come_as_they_were_sent(&queue().await).await;
}

/// The rules that need minutes to pass; `wait` passes them.
pub async fn check_times<Q: FifoQueue>(queue: impl AsyncFn() -> Q, wait: impl AsyncFn(Duration)) {
    a_repeated_id_is_swallowed_for_five_minutes_from_the_first_send(&queue().await, &wait).await;
    a_message_comes_again_after_its_visibility_time_out(&queue().await, &wait).await;
}

/// "FIFO delivery logic in Amazon SQS": messages of a group are received in the order in which they were sent.
async fn a_group_is_received_in_the_order_in_which_it_was_accepted(queue: &impl FifoQueue) {
    send(queue, "a1 b1").await;
    send(queue, "a2 c1 b2").await;
    send(queue, "a3").await;
    let received = receive(queue, 10).await;
    assert_eq!(of_group(&received, "a"), "a1 a2 a3");
    assert_eq!(of_group(&received, "b"), "b1 b2");
    assert_eq!(of_group(&received, "c"), "c1");
}

/// "FIFO delivery logic": as long as a message of a group is in flight, no other one of the group is received.
async fn a_message_in_flight_locks_its_group_and_no_other(queue: &impl FifoQueue) {
    send(queue, "a1").await;
    send(queue, "a2").await;
    let first = receive(queue, 1).await;
    assert_eq!(names(&first), "a1");
    send(queue, "b1").await;
    assert_eq!(names(&receive(queue, 10).await), "b1", "`a` is locked");
    queue.delete(&first[0].receipt).await;
    assert_eq!(names(&receive(queue, 10).await), "a2", "what locked `a` is deleted");
}

/// "Amazon SQS visibility timeout"; `ChangeMessageVisibility`: zero makes a message visible at once, at the place that
/// it had.
async fn what_was_not_deleted_comes_again_before_what_follows_it(queue: &impl FifoQueue) {
    send(queue, "a1").await;
    send(queue, "a2").await;
    let first = receive(queue, 1).await;
    queue.change_visibility(&first[0].receipt, Duration::ZERO).await;
    let again = receive(queue, 10).await;
    assert_eq!(names(&again), "a1 a2");
    assert_eq!((again[0].receive_count, again[1].receive_count), (2, 1));
}

/// "Exactly-once processing": a message with the id of one that was sent is accepted and not delivered, even after that
/// one was deleted.
async fn a_repeated_id_is_accepted_and_delivered_once(queue: &impl FifoQueue) {
    send(queue, "a1").await;
    send(queue, "a1").await;
    let first = receive(queue, 10).await;
    assert_eq!(names(&first), "a1");
    queue.delete(&first[0].receipt).await;
    send(queue, "a1").await;
    send(queue, "a2").await;
    assert_eq!(names(&receive(queue, 10).await), "a2");
}

/// `SetQueueAttributes`, `DeduplicationScope`: the queue, unless it is set otherwise.
async fn an_id_counts_in_all_groups(queue: &impl FifoQueue) {
    send_messages(queue, &[message("a", "same", "in a")]).await;
    send_messages(queue, &[message("b", "same", "in b")]).await;
    let received = receive(queue, 10).await;
    assert_eq!(received.len(), 1, "{received:?}");
    assert_eq!((received[0].group.as_str(), received[0].body.as_str()), ("a", "in a"));
}

/// "Exactly-once processing": of two messages with one id, the first is delivered.
async fn the_first_body_of_an_id_is_kept(queue: &impl FifoQueue) {
    send_messages(queue, &[message("a", "same", "first")]).await;
    send_messages(queue, &[message("a", "same", "second")]).await;
    let bodies: Vec<String> = receive(queue, 10).await.into_iter().map(|received| received.body).collect();
    assert_eq!(bodies, ["first"]);
}

/// `ReceiveMessage`, `MaxNumberOfMessages`: 1 to 10.
async fn at_most_ten_are_received_at_once(queue: &impl FifoQueue) {
    send(queue, "a1 b1 c1 d1 e1 f1 g1 h1 i1 j1").await;
    send(queue, "k1 l1").await;
    assert_eq!(receive(queue, 10).await.len(), 10);
    assert_eq!(receive(queue, 10).await.len(), 2);
}

/// "Amazon SQS message metadata": three types of attributes, with custom suffixes; `SendMessage`: the characters that a
/// body may have.
async fn body_and_attributes_come_as_they_were_sent(queue: &impl FifoQueue) {
    let body = "{\"text\":\"Zoë – \\\"quoted\\\" \\\\ \t\u{1F600}\u{FFFD}\"}";
    let attribute = |name: &str, data_type: &str, value| Attribute {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        value,
    };
    let attributes = [
        attribute("binary", "Binary", AttributeValue::Base64("AAEC/w==".to_owned())),
        attribute("number.int", "Number.int", AttributeValue::Text("12345678901234567890".to_owned())),
        attribute("text", "String", AttributeValue::Text("a \"b\" \\ é\n".to_owned())),
    ];
    let (group, id) = ids("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "id-!~");
    send_messages(queue, &[Message::new(group.clone(), id.clone(), Body::Text(body), &attributes, None)])
        .await;
    let received = receive(queue, 10).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0].body, body);
    assert_eq!(received[0].attributes, attributes);
    assert_eq!(received[0].group, group.as_str());
    assert_eq!(received[0].deduplication_id, id.as_str());
    assert_eq!(received[0].receive_count, 1);
}

/// "Exactly-once processing": five minutes. They count from the first send, not from a repetition.
async fn a_repeated_id_is_swallowed_for_five_minutes_from_the_first_send(
    queue: &impl FifoQueue,
    wait: &impl AsyncFn(Duration),
) {
    send(queue, "a1").await;
    let first = receive(queue, 10).await;
    queue.delete(&first[0].receipt).await;
    wait(Duration::from_secs(290)).await;
    send(queue, "a1").await;
    assert_eq!(names(&receive(queue, 10).await), "");
    wait(Duration::from_secs(20)).await;
    send(queue, "a1").await;
    assert_eq!(names(&receive(queue, 10).await), "a1");
}

/// "Amazon SQS visibility timeout".
async fn a_message_comes_again_after_its_visibility_time_out(
    queue: &impl FifoQueue,
    wait: &impl AsyncFn(Duration),
) {
    send(queue, "a1").await;
    let first = receive(queue, 10).await;
    queue.change_visibility(&first[0].receipt, Duration::from_secs(60)).await;
    wait(Duration::from_secs(50)).await;
    assert_eq!(names(&receive(queue, 10).await), "");
    wait(Duration::from_secs(20)).await;
    assert_eq!(names(&receive(queue, 10).await), "a1");
}

/// Sends messages by their names, in one request: `a1` is of group `a`, and has the id and the body `a1`.
async fn send(queue: &impl FifoQueue, names: &str) {
    let messages: Vec<Message> =
        names.split_whitespace().map(|name| message(&name[..1], name, name)).collect();
    send_messages(queue, &messages).await;
}

async fn send_messages(queue: &impl FifoQueue, messages: &[Message]) {
    let batch: Vec<&Message> = messages.iter().collect();
    let results = queue.send(&batch).await.expect("a request that is taken");
    assert!(results.len() == batch.len() && results.iter().all(Result::is_ok), "{results:?}");
}

/// All messages that are there now, in as many calls as it takes: one call may return fewer ("short and long polling").
async fn receive(queue: &impl FifoQueue, limit: usize) -> Vec<Delivery> {
    let mut received = Vec::new();
    while received.len() < limit {
        let more = queue.receive(limit - received.len()).await;
        if more.is_empty() {
            break;
        }
        received.extend(more);
    }
    received
}

fn names(received: &[Delivery]) -> String {
    let names: Vec<&str> = received.iter().map(|received| received.body.as_str()).collect();
    names.join(" ")
}

fn of_group(received: &[Delivery], group: &str) -> String {
    let of_group = received.iter().filter(|received| received.group == group);
    names(&of_group.cloned().collect::<Vec<_>>())
}

fn message(group: &str, id: &str, body: &str) -> Message {
    let (group, id) = ids(group, id);
    Message::new(group, id, Body::Text(body), &[], None)
}

fn ids(group: &str, id: &str) -> (Group, DeduplicationId) {
    let group = Group::try_from_sqs(group).expect("a legal group");
    (group, DeduplicationId::try_from_sqs(id).expect("a legal id"))
}
