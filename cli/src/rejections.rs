//! Rejections as values: how a message of the rejected queue is read, and how its event is sent again.

mod choose;
mod indent;
mod read;
mod resend;
#[cfg(test)]
pub(crate) mod samples;

use aws::operator::sqs::Received;
pub use choose::{ChoiceError, choose, shortest};
pub use indent::indented;
pub use resend::{item, newer, not_sent, payload};

/// A message of the rejected queue.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The message as SQS returned it; [`content`](Self::content) reads its body.
    pub message: Received,
}
