//! The ARN of a queue.

use std::fmt;

use super::parts::{InvalidNaming, check_account, check_partition, check_region};
use crate::quoted::quoted;

/// The most characters of a queue's name, `.fifo` included (SQS: CreateQueue).
const QUEUE_NAME_LIMIT: usize = 80;

/// The ARN of an SQS FIFO queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QueueArn {
    /// `aws`, ….
    pub partition: String,
    /// `eu-west-2`, ….
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// Ends in `.fifo`.
    pub name: String,
}

/// Text that is not the ARN of an SQS FIFO queue.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQueueArn {
    /// Not an ARN at all.
    #[error("{} is not a queue's ARN; write `arn:aws:sqs:region:account:name.fifo`", quoted(.0))]
    Form(String),
    /// An ARN of something else.
    #[error("{} is not of the service `sqs`; name an SQS queue", quoted(.0))]
    Service(String),
    /// No such partition, region or account.
    #[error(transparent)]
    Naming(#[from] InvalidNaming),
    /// A standard queue: it has no order to keep.
    #[error("queue {} is not FIFO; its name must end in `.fifo`", quoted(.0))]
    NotFifo(String),
    /// A name that SQS refuses.
    #[error(
        "{} is not a queue's name; use up to {QUEUE_NAME_LIMIT} letters, digits, `-` and `_`, `.fifo` included",
        quoted(.0)
    )]
    Name(String),
}

impl QueueArn {
    /// The ARN of an SQS FIFO queue from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidQueueArn`]: the first part of it, from the left, that is wrong.
    pub fn try_new(text: &str) -> Result<Self, InvalidQueueArn> {
        let parts: Vec<&str> = text.split(':').collect();
        let &["arn", partition, service, region, account, name] = parts.as_slice() else {
            return Err(InvalidQueueArn::Form(text.to_owned()));
        };
        check_partition(partition)?;
        if service != "sqs" {
            return Err(InvalidQueueArn::Service(text.to_owned()));
        }
        check_region(region)?;
        check_account(account)?;
        let Some(stem) = name.strip_suffix(".fifo") else {
            return Err(InvalidQueueArn::NotFifo(name.to_owned()));
        };
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if stem.is_empty() || name.len() > QUEUE_NAME_LIMIT || !stem.bytes().all(is_legal) {
            return Err(InvalidQueueArn::Name(name.to_owned()));
        }
        let [partition, region, account, name] = [partition, region, account, name].map(str::to_owned);
        Ok(Self { partition, region, account, name })
    }
}

impl fmt::Display for QueueArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, region, account, name } = self;
        write!(formatter, "arn:{partition}:sqs:{region}:{account}:{name}")
    }
}
