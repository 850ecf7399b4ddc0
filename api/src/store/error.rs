//! Why the store can't do what it is asked for, by what a caller can do about it.

use super::port::Cause;

/// Something that is not about one command.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Other writers were quicker, each time. Nothing was done.
    #[error("other writers of the same aggregate were quicker, each time; try again")]
    Conflict,
    /// The aggregate is being erased. Nothing was done.
    #[error("the aggregate is being erased; erase it again if that does not end by itself")]
    Erasing,
    /// Too much at the same time. Nothing was done.
    #[error("the tables are throttled; try again in a while")]
    Throttled,
    /// It is unknown whether it was done.
    #[error(
        "it is unknown whether it was done; repeat the same request with its idempotency key, or read the aggregate"
    )]
    Unknown(#[source] Cause),
    /// Nothing was done, and nothing will be until somebody acts.
    #[error("the tables refuse the call")]
    Refused(#[source] Cause),
    /// The tables don't say what this store writes.
    #[error(transparent)]
    Damaged(#[from] Damage),
}

/// What the tables say that this store never writes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the tables are damaged: {0}")]
pub struct Damage(pub(super) String);
