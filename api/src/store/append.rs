//! One command: decided on the state as it is, and written in one transaction.

use futures_util::future::try_join;

use super::error::{Damage, StoreError};
use super::items::{ErasureItem, EventItem, RequestItem, StateItem};
use super::port::{Action, Condition, DynamoDb, Reason, Write};
use super::retry::{ATTEMPTS, Undone, Why};
use super::schema::{EXPIRES, KEY, KIND, Kind};
use super::value::Map;
use super::{Store, Surroundings};
use crate::event_time::EventTime;

/// How long the answer to a request is kept, in seconds: a day.
const REQUEST_SECONDS: i64 = 24 * 60 * 60;

/// What is to be appended to, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// The aggregate.
    pub aggregate: &'a str,
    /// The version that it must have; 0: it must not be there. `None`: any, and the command is decided on again if another
    /// writer was quicker.
    pub expected: Option<u64>,
    /// What tells this request from others.
    pub request: Option<&'a RequestId>,
}

/// A request that may come again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId {
    /// The key that its sender gave it.
    pub key: String,
    /// A digest of all that was asked for: another one under the same key is another request.
    pub digest: String,
}

/// What a command is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Before<'a> {
    /// The state; `None` before the aggregate's first event.
    pub state: Option<&'a StateItem>,
    /// The version of the event to decide on.
    pub version: u64,
    /// Its time: above the last one's.
    pub time: EventTime,
    /// Its id.
    pub event_id: &'a str,
    /// A number that nobody can guess, for what else is random in the event.
    pub random: u128,
}

/// An event that was decided on, and what it makes of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The event's name.
    pub name: String,
    /// Its attributes, besides its keys, id and name. Its version is among them.
    pub body: Map,
    /// The state after it.
    pub state: Map,
}

/// That an event is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its number in the aggregate.
    pub version: u64,
    /// Its time.
    pub time: EventTime,
    /// Its id.
    pub event_id: String,
    /// Whether the same request was answered before, and nothing was done this time.
    pub is_repeated: bool,
}

/// Why nothing was appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError<R> {
    /// The command does not fit the state.
    #[error("the command is refused")]
    Refused(R),
    /// The aggregate has another version than the one that is expected.
    #[error("version {expected} is expected, and {found} found; 0 is an aggregate that is not there")]
    Version {
        /// The one that was expected.
        expected: u64,
        /// The one that is there.
        found: u64,
    },
    /// Another request had the same key.
    #[error("another request had the same idempotency key; a new request has a new key")]
    RequestReused,
    /// The store can't.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<R> From<Damage> for AppendError<R> {
    fn from(damage: Damage) -> Self {
        Self::Store(damage.into())
    }
}

impl<D: DynamoDb, S: Surroundings> Store<D, S> {
    /// Appends the event that `decide` makes of the state. It is asked again if another writer was quicker, and depends on
    /// nothing but what it is handed.
    ///
    /// A request that was answered before is answered in the same way, for a day; refusals are not kept.
    ///
    /// # Errors
    ///
    /// [`AppendError`]. Nothing was appended, but for [`StoreError::Unknown`].
    pub async fn append<R: Send>(
        &self,
        append: Append<'_>,
        mut decide: impl FnMut(Before<'_>) -> Result<Decision, R> + Send,
    ) -> Result<Receipt, AppendError<R>> {
        // Events of which it is not known whether they were written.
        let mut unclear: Vec<EventItem> = Vec::new();
        let mut attempt = 1;
        loop {
            if let Some(receipt) = self.answered(&append).await? {
                return Ok(receipt);
            }
            let (state, erasure) = self.state_and_erasure(append.aggregate).await?;
            // After the state was read: what is written now shows there, or the next transaction fails on it.
            if let Some(receipt) = self.written(&unclear).await? {
                return Ok(receipt);
            }
            let found = state.as_ref().map_or(0, |state| state.version);
            if let Some(erasure) = &erasure
                && erasure.kind() == Kind::Erasing
            {
                return Err(StoreError::Erasing.into());
            }
            if let Some(expected) = append.expected
                && expected != found
            {
                return Err(AppendError::Version { expected, found });
            }
            let last_time = match (&state, &erasure) {
                (Some(state), _) => Some(state.time),
                (None, erasure) => erasure.as_ref().map(|erasure| erasure.last_time),
            };
            let time = self.surroundings.now().above(last_time);
            let time = time.ok_or_else(|| Damage("the last event is at the end of time".to_owned()))?;
            let (event_id, random) = (self.uuid(), self.surroundings.random());
            let before =
                Before { state: state.as_ref(), version: found + 1, time, event_id: &event_id, random };
            let Decision { name, body, state: after } = decide(before).map_err(AppendError::Refused)?;
            let (aggregate, version) = (append.aggregate.to_owned(), found + 1);
            let event =
                EventItem { aggregate: aggregate.clone(), time, id: event_id.clone(), name, version, body };
            let after = StateItem { aggregate, version, time, event_id, state: after };
            let actions = self.actions(&append, &event, &after, state.as_ref(), erasure.as_ref())?;
            let Err(Undone { why, is_unclear }) = self.transacting(&actions).await else {
                return Ok(receipt(&event));
            };
            if let Why::Conditions(reasons) = &why
                && !is_unclear
                && let [Reason::Condition, rest @ ..] = reasons.as_slice()
                && rest.iter().all(|reason| *reason == Reason::None)
            {
                let problem = format!("there is an event at {time} that the state does not know of");
                return Err(Damage(problem).into());
            }
            if is_unclear {
                unclear.push(event);
            }
            let is_out_of_date = matches!(why, Why::Conditions(_) | Why::Conflict);
            if !is_out_of_date || attempt == ATTEMPTS {
                return match self.written(&unclear).await? {
                    Some(receipt) => Ok(receipt),
                    None => Err(StoreError::from(why).into()),
                };
            }
            self.back_off(attempt).await;
            attempt += 1;
        }
    }

    /// The answer that the request had before.
    async fn answered<R>(&self, append: &Append<'_>) -> Result<Option<Receipt>, AppendError<R>> {
        let Some(request) = append.request else { return Ok(None) };
        let keys = Kind::Request.keys(&request.key);
        let Some(item) = self.reading(|| self.db.get(&self.schema.states, &keys)).await? else {
            return Ok(None);
        };
        let RequestItem { digest, version, time, event_id, expires, .. } = RequestItem::try_from_item(item)?;
        // DynamoDB removes an item days after its time.
        if expires <= self.surroundings.now().unix_seconds() {
            return Ok(None);
        }
        if digest != request.digest {
            return Err(AppendError::RequestReused);
        }
        Ok(Some(Receipt { version, time, event_id, is_repeated: true }))
    }

    pub(super) async fn state_and_erasure(
        &self,
        aggregate: &str,
    ) -> Result<(Option<StateItem>, Option<ErasureItem>), StoreError> {
        try_join(self.state(aggregate), self.erasure(aggregate)).await
    }

    pub(super) async fn erasure(&self, aggregate: &str) -> Result<Option<ErasureItem>, StoreError> {
        let keys = Kind::Erasing.keys(aggregate);
        let item = self.reading(|| self.db.get(&self.schema.states, &keys)).await?;
        Ok(item.map(ErasureItem::try_from_item).transpose()?)
    }

    /// The one of `unclear` that was written after all: at most one is.
    async fn written(&self, unclear: &[EventItem]) -> Result<Option<Receipt>, StoreError> {
        for event in unclear {
            let keys = self.schema.event_keys(&event.aggregate, &event.time.to_string());
            let Some(item) = self.reading(|| self.db.get(&self.schema.events, &keys)).await? else {
                continue;
            };
            if EventItem::try_from_item(item, &self.schema)?.id == event.id {
                return Ok(Some(receipt(event)));
            }
        }
        Ok(None)
    }

    /// The event comes first: its condition alone can't fail, if the tables are whole.
    fn actions(
        &self,
        append: &Append<'_>,
        event: &EventItem,
        after: &StateItem,
        state: Option<&StateItem>,
        erasure: Option<&ErasureItem>,
    ) -> Result<Vec<Action>, Damage> {
        let on_state = match state {
            None => Condition::Absent(KEY),
            Some(state) => all(state.is_unchanged()),
        };
        let is_erased = || Condition::Equals(KIND, Kind::Erased.as_str().into());
        let on_erasure = match (state, erasure) {
            (Some(_), _) => Condition::Any(vec![Condition::Absent(KEY), is_erased()]),
            // The event's time was chosen above that of the aggregate that was erased.
            (None, Some(erased)) => all(erased.is_unchanged()),
            (None, None) => Condition::Absent(KEY),
        };
        let put = Write::Put(event.to_item(&self.schema)?);
        let is_new = Some(Condition::Absent(self.schema.partition));
        let mut actions = vec![
            Action { table: self.schema.events.clone(), write: put, condition: is_new },
            self.on_states(Write::Put(after.to_item()), on_state),
            self.on_states(Write::Check(Kind::Erasing.keys(&event.aggregate)), on_erasure),
        ];
        if let Some(RequestId { key, digest }) = append.request {
            let now = self.surroundings.now().unix_seconds();
            let item = RequestItem {
                key: key.clone(),
                digest: digest.clone(),
                version: event.version,
                time: event.time,
                event_id: event.id.clone(),
                expires: now.saturating_add(REQUEST_SECONDS),
            };
            let is_free = Condition::Any(vec![Condition::Absent(KEY), Condition::AtMost(EXPIRES, now)]);
            actions.push(self.on_states(Write::Put(item.to_item()), is_free));
        }
        Ok(actions)
    }

    pub(super) fn on_states(&self, write: Write, condition: Condition) -> Action {
        Action { table: self.schema.states.clone(), write, condition: Some(condition) }
    }
}

/// That all of these attributes have these values.
pub(super) fn all<const N: usize>(values: [(&'static str, super::value::Value); N]) -> Condition {
    Condition::All(values.into_iter().map(|(name, value)| Condition::Equals(name, value)).collect())
}

fn receipt(event: &EventItem) -> Receipt {
    let EventItem { version, time, id, .. } = event;
    Receipt { version: *version, time: *time, event_id: id.clone(), is_repeated: false }
}
