//! An aggregate is erased: all of its events, however many, and its state.
//!
//! An item without a version says so first, and blocks commands. Then events go, from the last to the second, in chunks; each
//! chunk on condition that the erasure is still this one. The first event goes last, in one transaction with the state, and
//! leaves an item that keeps the time of the last event for a while. Whoever dies in between leaves what the next one needs
//! to go on.

use super::append::all;
use super::error::StoreError;
use super::items::{ErasureItem, EventItem};
use super::port::{ACTIONS_LIMIT, Action, Condition, DynamoDb, Write};
use super::retry::{ATTEMPTS, Undone, Why};
use super::schema::{KEY, KIND, Kind};
use super::{Store, Surroundings};

/// How long the last time of an erased aggregate is kept, in seconds: a day, far more than clocks differ.
const ERASED_SECONDS: i64 = 24 * 60 * 60;

/// The events of a chunk, and the one before them, which stays.
const CHUNK: u32 = 100;
const _: () =
    assert!(CHUNK as usize <= ACTIONS_LIMIT, "a chunk is one transaction, with a check of the erasure");

/// How far an erasure got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// Nothing is left.
    Done,
    /// There is more to erase than was allowed: erase again.
    Unfinished,
}

/// Why nothing, or not everything, was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// There is no such aggregate.
    #[error("there is nothing to erase")]
    NotThere,
    /// The aggregate has another version than the one that is expected.
    #[error("version {expected} is expected, and {found} found")]
    Version {
        /// The one that was expected.
        expected: u64,
        /// The one that is there.
        found: u64,
    },
    /// The store can't. What was begun can be gone on with.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<D: DynamoDb, S: Surroundings> Store<D, S> {
    /// Erases an aggregate, or goes on with that, by at most so many chunks of 99 events. `expected` is the version that it
    /// must have, unless its erasure has begun.
    ///
    /// # Errors
    ///
    /// [`EraseError`].
    pub async fn erase(
        &self,
        aggregate: &str,
        expected: Option<u64>,
        chunks: u32,
    ) -> Result<Erasure, EraseError> {
        let erasure = self.begun(aggregate, expected).await?;
        // The last transaction is not one of the chunks.
        let mut chunks_left = chunks;
        let mut attempt = 1;
        loop {
            // The last events, without more than are deleted at once.
            let page = self.events_within(aggregate, None, None, false, CHUNK).await?;
            let is_last = page.events.len() < 2;
            let done = if is_last {
                self.transacting(&self.last_actions(&erasure, page.events.first())).await
            } else {
                let Some(left) = chunks_left.checked_sub(1) else { return Ok(Erasure::Unfinished) };
                chunks_left = left;
                // All but the page's first event, which may be the aggregate's.
                let (_, events) = page.events.split_last().unzip();
                self.transacting(&self.chunk_actions(&erasure, events.unwrap_or_default())).await
            };
            match done {
                Ok(()) if is_last => return Ok(Erasure::Done),
                Ok(()) => attempt = 1,
                // Another one who erases it was quicker, or this one, whose answer was lost.
                Err(Undone { why: Why::Conditions(_), .. }) if !self.is_erasing(&erasure).await? => {
                    return Ok(Erasure::Done);
                }
                Err(Undone { why: Why::Conditions(_) | Why::Conflict, .. }) if attempt < ATTEMPTS => {
                    self.back_off(attempt).await;
                    attempt += 1;
                }
                Err(Undone { why, .. }) => return Err(StoreError::from(why).into()),
            }
        }
    }

    /// The erasure that is under way, perhaps since now.
    async fn begun(&self, aggregate: &str, expected: Option<u64>) -> Result<ErasureItem, EraseError> {
        let mut attempt = 1;
        loop {
            let (state, erasure) = self.state_and_erasure(aggregate).await?;
            if let Some(erasure) = erasure
                && erasure.kind() == Kind::Erasing
            {
                return Ok(erasure);
            }
            let Some(state) = state else { return Err(EraseError::NotThere) };
            if let Some(expected) = expected
                && expected != state.version
            {
                return Err(EraseError::Version { expected, found: state.version });
            }
            let (aggregate, id) = (aggregate.to_owned(), self.uuid());
            let erasure = ErasureItem { aggregate, id, last_time: state.time, expires: None };
            let is_erased = Condition::Equals(KIND, Kind::Erased.as_str().into());
            let is_free = Condition::Any(vec![Condition::Absent(KEY), is_erased]);
            let keys = Kind::State.keys(&erasure.aggregate);
            let actions = [
                self.on_states(Write::Put(erasure.to_item()), is_free),
                self.on_states(Write::Check(keys), all(state.is_unchanged())),
            ];
            match self.transacting(&actions).await {
                Ok(()) => return Ok(erasure),
                // The next reading shows it, if it was done after all.
                Err(Undone { why: Why::Conditions(_) | Why::Conflict, .. }) if attempt < ATTEMPTS => {
                    self.back_off(attempt).await;
                    attempt += 1;
                }
                Err(Undone { why, .. }) => return Err(StoreError::from(why).into()),
            }
        }
    }

    async fn is_erasing(&self, erasure: &ErasureItem) -> Result<bool, StoreError> {
        Ok(self.erasure(&erasure.aggregate).await?.as_ref() == Some(erasure))
    }

    fn chunk_actions(&self, erasure: &ErasureItem, events: &[EventItem]) -> Vec<Action> {
        let check = Write::Check(Kind::Erasing.keys(&erasure.aggregate));
        let mut actions = vec![self.on_states(check, all(erasure.is_unchanged()))];
        actions.extend(events.iter().map(|event| self.deletion(event)));
        actions
    }

    fn last_actions(&self, erasure: &ErasureItem, first: Option<&EventItem>) -> Vec<Action> {
        let expires = self.surroundings.now().unix_seconds().saturating_add(ERASED_SECONDS);
        let erased = ErasureItem { expires: Some(expires), ..erasure.clone() };
        let delete = Write::Delete(Kind::State.keys(&erasure.aggregate));
        let mut actions = vec![
            self.on_states(Write::Put(erased.to_item()), all(erasure.is_unchanged())),
            Action { table: self.schema.states.clone(), write: delete, condition: None },
        ];
        actions.extend(first.map(|event| self.deletion(event)));
        actions
    }

    fn deletion(&self, event: &EventItem) -> Action {
        let write = Write::Delete(self.schema.event_keys(&event.aggregate, &event.time.to_string()));
        Action { table: self.schema.events.clone(), write, condition: None }
    }
}
