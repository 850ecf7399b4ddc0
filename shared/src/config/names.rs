//! The forms of what a file names: clients, queues and paths.

use std::fmt;

use super::{ClientName, Path, QueueArn};
use crate::naming::{self, InvalidNaming};
use crate::quoted::quoted;

/// With it, the longest prefix and what the stack adds, a queue's name is 77 of 80 characters.
const CLIENT_NAME_LIMIT: usize = 40;

/// The most characters of a queue's name, `.fifo` included (SQS: CreateQueue).
pub(crate) const QUEUE_NAME_LIMIT: usize = 80;

/// Text that is not a client's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a client's name; use a letter, then up to 39 letters and digits", quoted(.0))]
pub struct InvalidClientName(String);

/// Text that is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`", quoted(.0))]
pub struct InvalidPath(String);

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

impl ClientName {
    /// A client's name from `text`.
    ///
    /// # Errors
    ///
    /// [`InvalidClientName`] unless `text` is a letter and up to 39 letters and digits, all ASCII.
    pub fn try_new(text: &str) -> Result<Self, InvalidClientName> {
        let is_name = text.starts_with(|first: char| first.is_ascii_alphabetic())
            && text.len() <= CLIENT_NAME_LIMIT
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidClientName(text.to_owned())) }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Path {
    /// A path from its dotted form.
    ///
    /// # Errors
    ///
    /// [`InvalidPath`] if a name in it is empty.
    pub fn try_new(text: &str) -> Result<Self, InvalidPath> {
        let names: Vec<String> = text.split('.').map(str::to_owned).collect();
        if names.iter().any(String::is_empty) { Err(InvalidPath(text.to_owned())) } else { Ok(Self(names)) }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("."))
    }
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
        naming::check_partition(partition)?;
        if service != "sqs" {
            return Err(InvalidQueueArn::Service(text.to_owned()));
        }
        naming::check_region(region)?;
        naming::check_account(account)?;
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
