//! A state as it was, from the events.

use super::error::{Damage, StoreError};
use super::items::EventItem;
use super::port::DynamoDb;
use super::retry::ATTEMPTS;
use super::schema::Kind;
use super::{Store, Surroundings};
use crate::event_time::EventTime;

/// How many events are read at once.
const PAGE: u32 = 500;

/// Up to which event a state is rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The event with this version. If it is not there, there is no such state.
    Version(u64),
    /// The last event at this time or before it.
    Time(EventTime),
}

/// Why a state can't be rebuilt.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError<E> {
    /// An event does not fit the state before it.
    #[error("the events don't fit each other")]
    Misfit(E),
    /// The store can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What one reading of the events found.
enum Folded<T> {
    State(Option<T>),
    /// The versions aren't 1, 2, 3 …: this one came instead of the other.
    Hole {
        found: u64,
        expected: u64,
    },
}

impl<D: DynamoDb, S: Surroundings> Store<D, S> {
    /// The state at `until`: `evolve` makes the next state of each and the next event, in order. `None`: the aggregate was
    /// not there then.
    ///
    /// # Errors
    ///
    /// [`RebuildError`]. An aggregate that is being erased has no states but its last.
    pub async fn rebuild<T: Send, E: Send>(
        &self,
        aggregate: &str,
        until: Until,
        mut evolve: impl FnMut(Option<T>, EventItem) -> Result<T, E> + Send,
    ) -> Result<Option<T>, RebuildError<E>> {
        let mut attempt = 1;
        loop {
            let before = self.erasure(aggregate).await?;
            if before.as_ref().is_some_and(|erasure| erasure.kind() == Kind::Erasing) {
                return Err(StoreError::Erasing.into());
            }
            let folded = self.fold(aggregate, until, &mut evolve).await;
            // Else the events of two incarnations may have been read, or what an erasure has left.
            if self.erasure(aggregate).await? == before {
                return match folded? {
                    Folded::State(state) => Ok(state),
                    Folded::Hole { found, expected } => {
                        let problem = format!("version {found} comes where version {expected} is due");
                        Err(StoreError::from(Damage(problem)).into())
                    }
                };
            }
            if attempt == ATTEMPTS {
                return Err(StoreError::Conflict.into());
            }
            self.back_off(attempt).await;
            attempt += 1;
        }
    }

    async fn fold<T: Send, E: Send>(
        &self,
        aggregate: &str,
        until: Until,
        evolve: &mut (impl FnMut(Option<T>, EventItem) -> Result<T, E> + Send),
    ) -> Result<Folded<T>, RebuildError<E>> {
        let (mut state, mut version, mut after) = (None, 0, None);
        let (last, to) = match until {
            Until::Version(last) => (Some(last), None),
            Until::Time(to) => (None, Some(to)),
        };
        while last != Some(version) {
            let page = self.events_within(aggregate, to, after, true, PAGE).await?;
            for event in page.events {
                if event.version != version + 1 {
                    return Ok(Folded::Hole { found: event.version, expected: version + 1 });
                }
                version = event.version;
                state = Some(evolve(state, event).map_err(RebuildError::Misfit)?);
                if last == Some(version) {
                    break;
                }
            }
            let Some((_, time)) = page.next else { break };
            after = Some(time);
        }
        let is_there = last.is_none_or(|last| last == version);
        Ok(Folded::State(state.filter(|_| is_there)))
    }
}
