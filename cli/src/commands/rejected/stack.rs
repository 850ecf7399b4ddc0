//! Where the rejections of a deployed stack are, and what sends their events again.

use std::collections::BTreeMap;

use aws::operator::Target;
use shared::naming::{Naming, QueueArn, QueueUrl};

use crate::context::Context;
use crate::exit::Failure;

/// The part of a stack that rejections need, by its outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stack {
    pub(super) rejected_queue: QueueUrl,
    /// The name of the function that converts records.
    pub(super) converter: String,
    /// The ARN of the event table's stream.
    pub(super) stream: String,
}

impl Stack {
    /// The context's stack.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: there is no such stack, or not one of this project.
    pub(super) async fn of_context(context: &Context, target: &Target) -> Result<Self, Failure> {
        let deployed = context.deployed(target).await?;
        Self::of_outputs(&deployed.outputs)
            .map_err(|why| Failure::Unreachable(format!("stack `{}`: {why}", context.stack)))
    }

    fn of_outputs(outputs: &BTreeMap<String, String>) -> Result<Self, String> {
        let output = |name: &str| {
            let value = outputs.get(name).cloned();
            value.ok_or_else(|| {
                format!("it has no output `{name}`; is it another stack, or of an older template?")
            })
        };
        Ok(Self {
            rejected_queue: url(&output("RejectedQueueARN")?)?,
            converter: output("ConverterName")?,
            stream: output("EventStreamARN")?,
        })
    }
}

fn url(arn: &str) -> Result<QueueUrl, String> {
    let arn = QueueArn::try_new(arn).map_err(|error| error.to_string())?;
    let naming = Naming::try_new(&arn.partition, &arn.region, &arn.account, "");
    Ok(naming.map_err(|error| error.to_string())?.queue(&arn.account, &arn.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> BTreeMap<String, String> {
        let outputs = [
            ("RejectedQueueARN", "arn:aws:sqs:eu-west-2:111122223333:test-MarkFanOutRejected.fifo"),
            ("ConverterName", "converter"),
            ("EventStreamARN", "arn:aws:dynamodb:eu-west-2:111122223333:table/T/stream/S"),
        ];
        outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn the_url_follows_from_the_outputs() {
        let stack = Stack::of_outputs(&outputs()).unwrap();
        assert_eq!(
            stack.rejected_queue.as_str(),
            "https://sqs.eu-west-2.amazonaws.com/111122223333/test-MarkFanOutRejected.fifo"
        );
    }

    #[test]
    fn a_missing_or_foreign_output_is_named() {
        for name in outputs().into_keys() {
            let mut outputs = outputs();
            outputs.remove(&name);
            let why = Stack::of_outputs(&outputs).unwrap_err();
            assert!(why.contains(&format!("`{name}`")), "{why}");
        }
        let mut outputs = outputs();
        outputs.insert("RejectedQueueARN".to_owned(), "MarkFanOutRejected".to_owned());
        assert!(Stack::of_outputs(&outputs).unwrap_err().contains("`MarkFanOutRejected`"));
    }
}
