//! Calls that are repeated, and what is left when they fail each time.

use std::future::Future;
use std::time::Duration;

use super::error::StoreError;
use super::port::{Action, CallError, Cause, DynamoDb, Reason, TransactError};
use super::{Store, Surroundings};

/// How often one call is made, and one command decided on.
pub const ATTEMPTS: u32 = 6;

/// The longest pause before the second attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Why a transaction was not done, after all repetitions.
#[derive(Debug)]
pub(super) struct Undone {
    pub(super) why: Why,
    /// Whether one of the calls had no answer: that one may have been done.
    pub(super) is_unclear: bool,
}

#[derive(Debug)]
pub(super) enum Why {
    /// A condition does not hold: the reasons, by action.
    Conditions(Vec<Reason>),
    /// Another transaction was on the same items. What was decided on is out of date, as a rule.
    Conflict,
    /// Too much at the same time.
    Throttled,
    /// There was no answer.
    Unknown(Cause),
    /// It is refused, and will be.
    Refused(Cause),
}

impl From<Why> for StoreError {
    fn from(why: Why) -> Self {
        match why {
            Why::Conditions(_) | Why::Conflict => Self::Conflict,
            Why::Throttled => Self::Throttled,
            Why::Unknown(cause) => Self::Unknown(cause),
            Why::Refused(cause) => Self::Refused(cause),
        }
    }
}

impl<D: DynamoDb, S: Surroundings> Store<D, S> {
    /// The answer of a call that only reads.
    pub(super) async fn reading<T, F>(&self, call: impl Fn() -> F + Send) -> Result<T, StoreError>
    where
        T: Send,
        F: Future<Output = Result<T, CallError>> + Send,
    {
        let mut attempt = 1;
        loop {
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(CallError::Refused(cause)) => return Err(StoreError::Refused(cause)),
                Err(error) if attempt < ATTEMPTS => error,
                Err(CallError::Throttled) => return Err(StoreError::Throttled),
                Err(CallError::Unknown(cause)) => return Err(StoreError::Unknown(cause)),
            };
            drop(error);
            self.back_off(attempt).await;
            attempt += 1;
        }
    }

    /// Does all of `actions`, or none. One token for all calls: DynamoDB does them once, whichever answers are lost.
    pub(super) async fn transacting(&self, actions: &[Action]) -> Result<(), Undone> {
        let token = self.uuid();
        let (mut attempt, mut is_unclear) = (1, false);
        loop {
            let why = match self.db.transact(&token, actions).await {
                Ok(()) => return Ok(()),
                Err(TransactError::Cancelled(reasons)) => meaning(reasons),
                Err(TransactError::Throttled) => Why::Throttled,
                Err(TransactError::Unknown(cause)) => {
                    is_unclear = true;
                    Why::Unknown(cause)
                }
                Err(TransactError::Refused(cause)) => Why::Refused(cause),
            };
            let may_pass = matches!(why, Why::Throttled | Why::Unknown(_));
            if !may_pass || attempt == ATTEMPTS {
                return Err(Undone { why, is_unclear });
            }
            self.back_off(attempt).await;
            attempt += 1;
        }
    }

    /// Waits after the attempt with this number, counted from 1: a random time, so that those who met don't meet again.
    pub(super) async fn back_off(&self, attempt: u32) {
        const PARTS: u32 = 1024;
        let longest = FIRST_PAUSE * 2_u32.saturating_pow(attempt - 1);
        let parts = u32::try_from(self.surroundings.random() % u128::from(PARTS)).unwrap_or(PARTS);
        self.surroundings.pause(longest * parts / PARTS).await;
    }
}

/// A condition counts more than anything else: it shows that the transaction is out of date. So does a conflict.
fn meaning(reasons: Vec<Reason>) -> Why {
    if reasons.contains(&Reason::Condition) {
        return Why::Conditions(reasons);
    }
    if let Some(Reason::Other(code)) = reasons.iter().find(|reason| matches!(reason, Reason::Other(_))) {
        return Why::Refused(format!("an action is refused: `{code}`").into());
    }
    if reasons.contains(&Reason::Conflict) {
        return Why::Conflict;
    }
    if reasons.contains(&Reason::Throttled) {
        return Why::Throttled;
    }
    Why::Unknown("cancelled without a reason".into())
}
