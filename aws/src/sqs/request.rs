//! The text of a `SendMessageBatch` request, built and hashed once for all the queues that it goes to.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use shared::message::{Identity, Message};
use shared::naming::QueueUrl;

use super::entry::{capacity, push_entry};
use crate::lean::Payload;

/// How many batches are remembered. Healthy clients of one invocation are sent the same batches at the same time;
/// the rest are for clients that have fallen behind by a batch or two. Each is at most 1 MiB, and escapes.
const REMEMBERED: usize = 4;

/// What stands after the last entry. The queue comes last, so that everything before it is common to all queues.
const END_OF_ENTRIES: &str = "}],\"QueueUrl\":";

/// Makes requests; remembers the last few batches.
#[derive(Default)]
pub(super) struct Requests {
    recent: Mutex<VecDeque<Arc<Entries>>>,
}

/// What the requests of one batch have in common: everything but the queue.
struct Entries {
    /// Each with the place of its entry in the text.
    messages: Vec<(Identity, Range<usize>)>,
    text: Bytes,
    hash: Sha256,
}

impl Requests {
    /// The request that sends `batch` to `queue`. The entries' ids are their places in `batch`.
    pub(super) fn request(&self, queue: &QueueUrl, batch: &[&Message]) -> Payload {
        let entries = self.entries(batch);
        let queue = Bytes::from(format!("{}}}", serde_json::Value::from(queue.as_str())));
        Payload::new(entries.text.clone(), &entries.hash, queue)
    }

    fn entries(&self, batch: &[&Message]) -> Arc<Entries> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = recent.iter().find(|entries| entries.are_of(batch)) {
            return Arc::clone(entries);
        }
        let entries = Arc::new(Entries::join(batch, &recent));
        recent.truncate(REMEMBERED - 1);
        recent.push_front(Arc::clone(&entries));
        entries
    }
}

impl Entries {
    /// The entries of `batch`. What stands in one of the `recent` ones is not written again.
    fn join(batch: &[&Message], recent: &VecDeque<Arc<Self>>) -> Self {
        let mut text = Vec::with_capacity(batch.iter().map(|message| capacity(message)).sum());
        let mut messages = Vec::with_capacity(batch.len());
        for (index, message) in batch.iter().enumerate() {
            text.extend_from_slice(start_of_entry(index).as_bytes());
            let start = text.len();
            match recent.iter().find_map(|entries| entries.entry(message)) {
                Some(entry) => text.extend_from_slice(entry),
                None => push_entry(&mut text, message),
            }
            messages.push((message.identity(), start..text.len()));
        }
        text.extend_from_slice(END_OF_ENTRIES.as_bytes());
        Self { messages, hash: Sha256::new_with_prefix(&text), text: text.into() }
    }

    fn are_of(&self, batch: &[&Message]) -> bool {
        self.messages.len() == batch.len()
            && self.messages.iter().zip(batch).all(|((identity, _), message)| identity.is_of(message))
    }

    fn entry(&self, message: &Message) -> Option<&[u8]> {
        let (_, place) = self.messages.iter().find(|(identity, _)| identity.is_of(message))?;
        self.text.get(place.clone())
    }
}

/// What stands before the members of the entry at `index`.
fn start_of_entry(index: usize) -> String {
    let before = if index == 0 { "{\"Entries\":[{" } else { "},{" };
    format!("{before}\"Id\":\"{index}\",")
}

// Bodies belong in no log, whatever its level.
impl fmt::Debug for Requests {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Requests").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use shared::ids::{DeduplicationId, Group};
    use shared::message::Body;
    use shared::naming::{Naming, OwnQueue};

    use super::*;

    fn message(id: &str, body: &str) -> Message {
        let group = Group::try_from_sqs("g").unwrap();
        Message::new(group, DeduplicationId::try_from_sqs(id).unwrap(), Body::Text(body), &[], None)
    }

    fn queue(prefix: &str) -> QueueUrl {
        let naming = Naming {
            partition: "aws".to_owned(),
            region: "eu-west-2".to_owned(),
            account: "123456789012".to_owned(),
            prefix: prefix.to_owned(),
        };
        naming.own_queue(OwnQueue::FanOut)
    }

    fn text(request: &Payload) -> String {
        String::from_utf8(request.parts.concat()).unwrap()
    }

    #[test]
    fn entries_are_numbered_and_the_queue_comes_last() {
        let (first, second) = (message("1", "{\"a\":\"é\"}"), message("2", ""));
        let request = Requests::default().request(&queue("test-"), &[&first, &second]);
        expect![[r#"{"Entries":[{"Id":"0","MessageBody":"{\"a\":\"é\"}","MessageGroupId":"g","MessageDeduplicationId":"1"},{"Id":"1","MessageBody":"","MessageGroupId":"g","MessageDeduplicationId":"2"}],"QueueUrl":"https://sqs.eu-west-2.amazonaws.com/123456789012/test-MarkFanOutQueue.fifo"}"#]]
        .assert_eq(&text(&request));
    }

    #[test]
    fn every_request_is_its_own_batch_however_many_came_before() {
        let messages: Vec<_> =
            ["", "a", "ab", "b", "\"", "aa"].iter().map(|body| message("1", body)).collect();
        let batches: Vec<Vec<&Message>> = messages
            .iter()
            .flat_map(|first| [vec![first, first], vec![first], messages.iter().collect(), vec![first]])
            .collect();
        let shared = Requests::default();
        for round in 0..3 {
            for batch in batches.iter().skip(round) {
                for prefix in ["a", "b"] {
                    let (request, alone) = (
                        shared.request(&queue(prefix), batch),
                        Requests::default().request(&queue(prefix), batch),
                    );
                    assert_eq!(text(&request), text(&alone));
                    let hash: String =
                        Sha256::digest(text(&alone)).iter().map(|byte| format!("{byte:02x}")).collect();
                    assert_eq!((&request.sha256, &alone.sha256), (&hash, &hash));
                }
            }
        }
        assert!(shared.recent.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn queues_share_the_bytes_of_a_batch() {
        let requests = Requests::default();
        let messages: Vec<_> = ["1", "2", "3", "4"].iter().map(|id| message(id, "body")).collect();
        let first: Vec<_> =
            messages.iter().map(|message| requests.request(&queue("a"), &[message])).collect();
        for (message, first) in messages.iter().zip(&first) {
            let second = requests.request(&queue("b"), &[message]);
            assert_eq!(first.parts[0].as_ptr(), second.parts[0].as_ptr());
        }
    }

    #[test]
    fn a_message_is_written_once_whatever_batches_it_is_in() {
        let messages: Vec<_> = ["1", "2", "3"].iter().map(|id| message(id, "body")).collect();
        let recent =
            VecDeque::from([Arc::new(Entries::join(&[&messages[0], &messages[1]], &VecDeque::new()))]);
        let written = |message: &Message| recent.iter().find_map(|entries| entries.entry(message));
        for message in &messages[..2] {
            let mut text = Vec::new();
            push_entry(&mut text, message);
            assert_eq!(written(message), Some(&*text));
            assert_eq!(written(&message.clone()), Some(&*text));
        }
        assert_eq!(written(&messages[2]), None);
        let joined = Entries::join(&[&messages[2], &messages[1]], &recent);
        assert_eq!(joined.text, Entries::join(&[&messages[2], &messages[1]], &VecDeque::new()).text);
    }

    #[test]
    fn a_message_is_not_taken_for_one_that_is_gone_or_for_its_like() {
        let shared = Requests::default();
        let check = |message: &Message| {
            let request = shared.request(&queue("a"), &[message]);
            assert_eq!(text(&request), text(&Requests::default().request(&queue("a"), &[message])));
        };
        // Each is dropped before the next is made, which the allocator often puts into the same place.
        for number in 0..1_000 {
            check(&message("1", &number.to_string()));
        }
        let many: Vec<_> = (0..1_000).map(|number| message("1", &number.to_string())).collect();
        many.iter().chain(&many).for_each(check);
    }

    #[test]
    fn no_body_is_shown() {
        let requests = Requests::default();
        requests.request(&queue("a"), &[&message("1", "secret")]);
        assert!(!format!("{requests:?}").contains("secret"));
    }
}
