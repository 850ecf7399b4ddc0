//! What operators ask for: pause, resume, replay. What a replay does in a group serves consumers' requests, too.

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::config::ClientName;
use shared::control::{
    GroupReplay, InvalidBase64, REASON_LIMIT, REPLAY_KEYS_LIMIT, ReplayOutcome, ReplayReport, RequestError,
    StateChange, TypedKey,
};
use shared::ids::{Group, Key, ReplayId};
use shared::ledger::replay::{close_gap, replay};
use shared::ledger::{
    ClientId, Condition, Cursor, EventTable, GroupItem, Item, ItemKey, Ledger, LedgerRead, Pause, Reading,
    Registration, Registry, State, Write, WriteCount,
};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;
use tracing::warn;

use super::adopting::Adoption;
use super::payload::ControlError;
use super::work::{AfterFailure, Update, Work, why_unread};

/// Why a client is paused that no operator paused.
pub(super) const TOO_MANY_HELD: &str = "too many of its groups would be held";

/// In how many groups something is requested at the same time.
pub(super) const AT_ONCE: usize = 10;

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Pauses the client for an operator.
    pub(super) async fn pause_for(
        &self,
        client: &str,
        reason: Option<String>,
        caller: Option<String>,
    ) -> Result<StateChange, ControlError> {
        let reason = reason.as_deref().map(checked).transpose()?;
        let by = caller.unwrap_or_else(unknown_caller);
        self.pause(client, Pause { since: self.now(), by, reason }).await
    }

    /// Nothing more is sent to the client a minute later: it falls behind. One that is paused already gets the new reason, if
    /// there is one, and stays as long paused as it is.
    pub(super) async fn pause(&self, client: &str, pause: Pause) -> Result<StateChange, ControlError> {
        self.switch(client, Some(pause)).await
    }

    /// The client is served again, and its target tried, whatever push noted of it.
    pub(super) async fn resume(&self, client: &str) -> Result<StateChange, ControlError> {
        self.switch(client, None).await
    }

    async fn switch(&self, client: &str, pause: Option<Pause>) -> Result<StateChange, ControlError> {
        let state = if pause.is_some() { State::Paused } else { State::Live };
        let mut was = None;
        let keys = [ItemKey::Registry];
        let switched = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let registry = match found.registry() {
                Reading::Present(registry) => registry,
                Reading::Missing => return Update::Done(Err(ControlError::NoRegistry)),
                Reading::Unread => return Update::ReadAgain(why_unread(found, &keys)),
            };
            let (name, registration) = match registered(registry, client) {
                Ok(registered) => registered,
                Err(failure) => return Update::Done(Err(failure)),
            };
            let was = *was.get_or_insert(registration.state);
            let switched = StateChange { client: client.to_owned(), state: state.into(), was: was.into() };
            let mut writes = Vec::new();
            if state == State::Live {
                match self.resumed_target(registration.id).await {
                    Ok(write) => writes.extend(write),
                    Err(why) => return Update::ReadAgain(why),
                }
            }
            let is_explained = pause.as_ref().is_some_and(|pause| pause.reason.is_some());
            if registration.state != state || is_explained {
                writes.push(with_pause(registry, name, pause.clone()));
            }
            if writes.is_empty() {
                return Update::Done(Ok(switched));
            }
            Update::Write(vec![writes], Ok(switched))
        });
        let failed = |why| ControlError::Failed { what: "the ledger's registry", why };
        switched.await.map_err(failed)?
    }

    /// Sets the client behind in each group.
    pub(super) async fn request_replay(
        &self,
        client: &str,
        keys: Vec<TypedKey>,
        from: i64,
        id: &str,
        reason: ReplayReason,
    ) -> Result<ReplayReport, ControlError> {
        let id = &ReplayId::try_new(id)?;
        let keys = keys_of(keys)?;
        let registry = self.registry().await?;
        let (name, registration) = registered(&registry, client)?;
        let results = stream::iter(keys).map(async |key| {
            let replayed = self.replay_group(name, registration.id, &key, from, id, reason);
            let (outcome, reason) = match caught(replayed, || Err(Refusal::Failed(PANICKED.to_owned()))).await
            {
                Ok(true) => (ReplayOutcome::Requested, None),
                Ok(false) => {
                    (ReplayOutcome::Nothing, Some("the client has none of these versions".to_owned()))
                }
                Err(Refusal::Nothing(reason)) => (ReplayOutcome::Nothing, Some(reason.to_owned())),
                Err(Refusal::Failed(reason)) => (ReplayOutcome::Failed, Some(reason)),
            };
            GroupReplay { group: Group::of(&key).as_str().to_owned(), outcome, reason }
        });
        let results = results.buffered(AT_ONCE).collect().await;
        Ok(ReplayReport { client: client.to_owned(), results })
    }

    /// Reads the group of the aggregate with this key, so that what `client` gets of it can be changed.
    pub(super) async fn subject(&self, key: &Key, client: ClientId) -> Subject {
        match self.adopt(key).await {
            Adoption::Done => {}
            adoption => return Subject::Refused(Refusal::of(adoption)),
        }
        // Adopting may have written the item.
        let group = Group::of(key);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let found = self.read(&keys).await;
        let Some((item, cursor)) = together(&found, client, &group) else {
            return Subject::ReadAgain(why_unread(&found, &keys));
        };
        match self.is_to_be_told(&group, client, item, cursor).await {
            Ok(false) => Subject::Ready(Box::new(item.clone()), cursor.cloned()),
            Ok(true) => Subject::ToldFirst,
            Err(why) => Subject::ReadAgain(why.to_string()),
        }
    }

    /// Sets the client behind in one group. Returns whether there was something to repeat.
    pub(super) async fn replay_group(
        &self,
        name: &ClientName,
        client: ClientId,
        key: &Key,
        from: i64,
        id: &ReplayId,
        reason: ReplayReason,
    ) -> Result<bool, Refusal> {
        let group = Group::of(key);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        // Of unknown result, it is asked for again under another id.
        let replayed = self.update(&keys, AfterFailure::GiveUp, async |_| {
            let (item, cursor) = match self.subject(key, client).await {
                Subject::Ready(item, cursor) => (item, cursor),
                Subject::ToldFirst => return Update::Done(Err(Refusal::Nothing(TOLD_FIRST))),
                Subject::Refused(refusal) => return Update::Done(Err(refusal)),
                Subject::ReadAgain(why) => return Update::ReadAgain(why),
            };
            let (item, cursor) = (&*item, cursor.as_ref());
            let fresh = &mut || self.ports.ledger.fresh();
            let first_version = self.first_version();
            let now = self.now();
            let writes = match reason {
                ReplayReason::Asked => {
                    replay(&group, item, client, cursor, from, first_version, id, now, fresh)
                }
                ReplayReason::Gap => {
                    close_gap(&group, item, client, cursor, from, first_version, id, now, fresh)
                }
            };
            if writes.is_empty() {
                return Update::Done(Ok(ReplayEffect::Nothing));
            }
            let is_lost = cursor.is_none() && item.behind.contains(&client);
            Update::Write(
                vec![writes],
                Ok(if is_lost { ReplayEffect::WholeGroup } else { ReplayEffect::Range }),
            )
        });
        match replayed.await.map_err(Refusal::Failed)?? {
            ReplayEffect::Nothing => Ok(false),
            ReplayEffect::Range => Ok(true),
            ReplayEffect::WholeGroup => {
                warn!(client = name.as_str(), %group, "a cursor was missing; the client gets the whole group");
                Ok(true)
            }
        }
    }
}

/// A group in which what a client gets is to be changed.
pub(super) enum Subject {
    /// Its item, which accounts for the registry's revision, and the client's cursor, if there is one.
    Ready(Box<GroupItem>, Option<Cursor>),
    /// The client [is to be told](Work::is_to_be_told) of an erasure first.
    ToldFirst,
    /// Nothing is done in it.
    Refused(Refusal),
    /// It is to be read again; this is why.
    ReadAgain(String),
}

/// Why nothing is requested in a group of which the client [is to be told](Work::is_to_be_told) first.
pub(super) const TOLD_FIRST: &str = "the client is told first that the aggregate was erased, and then gets all of it, as it is now; release or resume it, if \
     it is held or paused";

/// Why a replay is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReplayReason {
    /// An operator wants what was sent again.
    Asked,
    /// A consumer saw that something is missing, and acknowledged without effect what came since.
    Gap,
}

/// What a replay changes in a group.
enum ReplayEffect {
    Nothing,
    /// What was asked for is sent again.
    Range,
    /// All of it is sent again: it is unknown what the client has.
    WholeGroup,
}

impl Refusal {
    /// Why nothing can be done in a group that is not adopted.
    pub(super) fn of(adoption: Adoption) -> Self {
        match adoption {
            Adoption::Done | Adoption::Missing => Self::Nothing("the event table has no event of it"),
            Adoption::HandedOver => Self::Failed(
                "the ledger does not know it yet; the fan-out looks at it, and waits for what may be missing; request it \
                 again in two minutes"
                    .to_owned(),
            ),
            Adoption::PassedOver(why) | Adoption::Failed(why) => Self::Failed(why),
        }
    }
}

/// The keys, if they are not too many.
pub(super) fn keys_of(keys: Vec<TypedKey>) -> Result<Vec<Key>, ControlError> {
    if !(1..=REPLAY_KEYS_LIMIT).contains(&keys.len()) {
        return Err(RequestError::Keys(keys.len()).into());
    }
    Ok(keys.into_iter().map(Key::try_from).collect::<Result<Vec<Key>, InvalidBase64>>()?)
}

/// The client of this name, unless it is retired.
pub(super) fn registered<'c>(
    registry: &'c Registry,
    client: &str,
) -> Result<(&'c ClientName, &'c Registration), ControlError> {
    let mut clients = registry.clients.iter();
    match clients.find(|(name, _)| name.as_str() == client) {
        None => Err(ControlError::UnknownClient(client.to_owned())),
        Some((_, registration)) if registration.state == State::Retired => {
            Err(ControlError::Retired(client.to_owned()))
        }
        Some(found) => Ok(found),
    }
}

/// Why nothing is done in a group.
pub(super) enum Refusal {
    /// There is nothing to do, and why.
    Nothing(&'static str),
    /// It was not done, and why.
    Failed(String),
}

/// A group's item and the client's cursor, if one fits the other: or if the cursor is missing. A read
/// during a write looks the same; a write on condition of both distinguishes them.
fn together<'f>(
    found: &'f LedgerRead,
    client: ClientId,
    group: &Group,
) -> Option<(&'f GroupItem, Option<&'f Cursor>)> {
    let item = found.group(group).present()?;
    match found.cursor(client, group) {
        Reading::Present(cursor) if item.behind.contains(&client) => Some((item, Some(cursor))),
        Reading::Missing => Some((item, None)),
        Reading::Present(_) | Reading::Unread => None,
    }
}

/// The reason, if it is one.
pub(super) fn checked(reason: &str) -> Result<String, ControlError> {
    let reason = reason.trim();
    if !(1..=REASON_LIMIT).contains(&reason.len()) {
        return Err(RequestError::Reason(reason.len()).into());
    }
    Ok(reason.to_owned())
}

/// Who asks, if the request does not say.
pub(super) fn unknown_caller() -> String {
    "unknown caller".to_owned()
}

/// The write that pauses a client of `registry`, or without a `pause` has it served.
pub(super) fn with_pause(registry: &Registry, client: &ClientName, pause: Option<Pause>) -> Write {
    let mut after = registry.clone();
    after.write_count = WriteCount(registry.write_count.0 + 1);
    if let Some(registration) = after.clients.get_mut(client) {
        let since = registration.pause.take().map(|before| before.since);
        registration.state = if pause.is_some() { State::Paused } else { State::Live };
        registration.pause = pause.map(|pause| Pause { since: since.unwrap_or(pause.since), ..pause });
    }
    Write {
        key: ItemKey::Registry,
        condition: Condition::WriteCount(registry.write_count),
        item: Some(Item::Registry(after)),
    }
}
