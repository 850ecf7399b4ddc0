//! Where the letters of a deployed stack are, and what sends their events again.

use std::collections::BTreeMap;

use deploy::target::Target;
use shared::config::QueueArn;
use shared::place::{Place, QueueUrl};

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::letters::LetterQueue;

/// The queues and functions of a stack, as its outputs name them.
#[derive(Clone, Debug)]
pub(super) struct Places {
    urls: BTreeMap<LetterQueue, QueueUrl>,
    /// The function that converts records.
    pub(super) converter: String,
    /// The function that copies messages to clients.
    pub(super) fan_out: String,
    /// The ARN of the queue between them.
    pub(super) fan_out_queue: String,
    /// The ARN of the event table's stream.
    pub(super) stream: String,
    /// Whether the stack has the ledger: then the converter's replay repeats what came after the event, too.
    pub(super) has_ledger: bool,
}

impl Places {
    /// Those of the context's stack.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: there is no such stack, or not one of this project.
    pub(super) async fn of_stack(context: &Context, target: &Target) -> Result<Self, Failure> {
        let deployed = context.deployed(target).await?;
        Self::of_outputs(&deployed.outputs)
            .map_err(|why| Failure::new(Exit::Unreachable, format!("stack `{}`: {why}", context.stack)))
    }

    /// The URL of a queue of letters.
    pub(super) fn url(&self, queue: LetterQueue) -> &str {
        self.urls.get(&queue).map_or("", QueueUrl::as_str)
    }

    fn of_outputs(outputs: &BTreeMap<String, String>) -> Result<Self, String> {
        let output = |name: &str| {
            let value = outputs.get(name).cloned();
            value.ok_or_else(|| {
                format!("it has no output `{name}`; is it another stack, or of an older template?")
            })
        };
        let mut urls = BTreeMap::new();
        for queue in LetterQueue::ALL {
            urls.insert(queue, url(&output(queue.output())?)?);
        }
        Ok(Self {
            urls,
            converter: output("ConverterName")?,
            fan_out: output("FanOutName")?,
            fan_out_queue: output("QueueARN")?,
            stream: output("EventStreamARN")?,
            has_ledger: outputs.contains_key("LedgerTableName"),
        })
    }
}

fn url(arn: &str) -> Result<QueueUrl, String> {
    let arn = QueueArn::try_new(arn).map_err(|error| error.to_string())?;
    let place = Place::try_new(&arn.partition, &arn.region, &arn.account, "");
    Ok(place.map_err(|error| error.to_string())?.queue(&arn.account, &arn.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> BTreeMap<String, String> {
        let queue = |name: &str| format!("arn:aws:sqs:eu-west-2:111122223333:test-{name}.fifo");
        [
            ("RejectedQueueARN", queue("MarkFanOutRejected")),
            ("UndeliveredQueueARN", queue("MarkFanOutUndelivered")),
            ("DeadLetterQueueARN", queue("MarkFanOutDeadLetter")),
            ("QueueARN", queue("MarkFanOutQueue")),
            ("ConverterName", "converter".to_owned()),
            ("FanOutName", "fan-out".to_owned()),
            ("EventStreamARN", "arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S".to_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    #[test]
    fn urls_follow_from_the_outputs() {
        let places = Places::of_outputs(&outputs()).unwrap();
        let urls = LetterQueue::ALL.map(|queue| places.url(queue).to_owned());
        let url = |name: &str| format!("https://sqs.eu-west-2.amazonaws.com/111122223333/test-{name}.fifo");
        let expected = ["MarkFanOutRejected", "MarkFanOutUndelivered", "MarkFanOutDeadLetter"].map(url);
        assert_eq!(urls, expected);
        assert!(!places.has_ledger);
        let mut with_ledger = outputs();
        with_ledger.insert("LedgerTableName".to_owned(), "Ledger".to_owned());
        assert!(Places::of_outputs(&with_ledger).unwrap().has_ledger);
    }

    #[test]
    fn a_missing_or_foreign_output_is_named() {
        for name in outputs().into_keys() {
            let mut outputs = outputs();
            outputs.remove(&name);
            let why = Places::of_outputs(&outputs).unwrap_err();
            assert!(why.contains(&format!("`{name}`")), "{why}");
        }
        let mut outputs = outputs();
        outputs.insert("RejectedQueueARN".to_owned(), "MarkFanOutRejected".to_owned());
        assert!(Places::of_outputs(&outputs).unwrap_err().contains("`MarkFanOutRejected`"));
    }
}
