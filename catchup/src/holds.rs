//! Groups that are held for a client, until an operator releases them.

use std::collections::BTreeSet;

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::config::ClientName;
use shared::control::{GroupHold, HoldOutcome, HoldReport, TypedKey};
use shared::ids::{Group, Key, ReplayId};
use shared::ledger::catch_up::{Begin, Task, begin};
use shared::ledger::{
    ClientId, EventTable, HELD_LIMIT, Hold, Item, ItemKey, Ledger, Pause, Registration, hold,
};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;
use tracing::warn;

use super::look_up::{LookUpError, TableAnswer};
use super::payload::ControlError;
use super::requests::{
    AT_ONCE, Refusal, Subject, TOLD_FIRST, TOO_MANY_HELD, checked, keys_of, registered, unknown_caller,
};
use super::work::{AfterFailure, OTHER_FILTER, Update, Work, why_unread};

/// The most bytes of events that are read to find the next one.
const BYTES_LIMIT: usize = 1 << 20;

/// What became of a group.
struct GroupChange {
    outcome: HoldOutcome,
    /// The version that comes next.
    next: Option<i64>,
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Holds groups, or pauses the client if too many of its groups are held.
    pub(super) async fn hold(
        &self,
        client: &str,
        keys: Vec<TypedKey>,
        from: Option<i64>,
        reason: &str,
        id: &str,
        caller: Option<String>,
    ) -> Result<HoldReport, ControlError> {
        let (id, keys, reason) = (&ReplayId::try_new(id)?, keys_of(keys)?, checked(reason)?);
        let by = caller.unwrap_or_else(unknown_caller);
        let new = &Hold { reason, by, since: self.now(), skipped: Vec::new() };
        let registry = self.registry().await?;
        let (name, registration) = registered(&registry, client)?;
        let held = self.held(registration.id).await?;
        let more = keys.iter().filter(|key| !held.contains(&Group::of(key))).count();
        if held.len() + more > HELD_LIMIT {
            let reason = Some(TOO_MANY_HELD.to_owned());
            self.pause(client, Pause { since: self.now(), by: new.by.clone(), reason }).await?;
            warn!(
                client,
                "too many groups are held: the client is paused, and gets nothing until it is resumed"
            );
            let why = format!("a client may have {HELD_LIMIT} held groups; it is paused now");
            let results = keys.iter().map(|key| group_hold(key, Err(Refusal::Failed(why.clone())))).collect();
            return Ok(HoldReport { client: client.to_owned(), results, paused: true });
        }
        let hold = async |key: &Key| self.hold_group(registration.id, key, from, id, new).await;
        Ok(self.in_each(name, keys, hold).await)
    }

    /// Releases groups: the next pass sends what the client lacks.
    pub(super) async fn release(
        &self,
        client: &str,
        keys: Vec<TypedKey>,
    ) -> Result<HoldReport, ControlError> {
        let keys = keys_of(keys)?;
        let registry = self.registry().await?;
        let (name, registration) = registered(&registry, client)?;
        let release = async |key: &Key| self.release_group(registration.id, key).await;
        Ok(self.in_each(name, keys, release).await)
    }

    /// Leaves out one event of a group that is held.
    pub(super) async fn skip(
        &self,
        client: &str,
        key: TypedKey,
        version: i64,
        reason: &str,
    ) -> Result<HoldReport, ControlError> {
        let (keys, reason) = (keys_of(vec![key])?, checked(reason)?);
        let registry = self.registry().await?;
        let (name, registration) = registered(&registry, client)?;
        let skip = async |key: &Key| self.skip_event(name, registration, key, version, &reason).await;
        Ok(self.in_each(name, keys, skip).await)
    }

    /// Does `act` in the group of each key.
    async fn in_each(
        &self,
        client: &ClientName,
        keys: Vec<Key>,
        act: impl AsyncFn(&Key) -> Result<GroupChange, Refusal>,
    ) -> HoldReport {
        let act = &act;
        let results = stream::iter(keys).map(async |key| {
            let done = caught(act(&key), || Err(Refusal::Failed(PANICKED.to_owned()))).await;
            group_hold(&key, done)
        });
        let results = results.buffered(AT_ONCE).collect().await;
        HoldReport { client: client.as_str().to_owned(), results, paused: false }
    }

    /// The client's groups that are held.
    pub(super) async fn held(&self, client: ClientId) -> Result<BTreeSet<Group>, ControlError> {
        let (mut held, mut last) = (BTreeSet::new(), None);
        loop {
            if self.is_over() {
                let why = "no time was left to read on".to_owned();
                return Err(ControlError::Failed { what: "the client's groups", why });
            }
            let page = self.ports.ledger.cursors(client, last.as_ref()).await;
            let page = page.map_err(|error| ControlError::Failed {
                what: "the client's groups",
                why: error.to_string(),
            })?;
            let Some((group, _)) = page.last() else { return Ok(held) };
            last = Some(group.clone());
            held.extend(page.into_iter().filter(|(_, cursor)| cursor.hold.is_some()).map(|(group, _)| group));
        }
    }

    async fn hold_group(
        &self,
        client: ClientId,
        key: &Key,
        from: Option<i64>,
        id: &ReplayId,
        new: &Hold,
    ) -> Result<GroupChange, Refusal> {
        let group = Group::of(key);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let held = self.update(&keys, AfterFailure::ReadAgain, async |_| {
            let (item, cursor) = match self.subject(key, client).await {
                Subject::Ready(item, cursor) => (item, cursor),
                // A client that has nothing of the incarnation can't have failed at it.
                Subject::ToldFirst => return Update::Done(Err(Refusal::Failed(TOLD_FIRST.to_owned()))),
                Subject::Refused(refusal) => return Update::Done(Err(refusal)),
                Subject::ReadAgain(why) => return Update::ReadAgain(why),
            };
            let (item, cursor) = (&*item, cursor.as_ref());
            let fresh = &mut || self.ports.ledger.fresh();
            let first_version = self.first_version();
            // What was sent before is counted from here.
            let now_held = Hold { since: self.now(), ..new.clone() };
            let writes = hold::hold(&group, item, client, cursor, from, first_version, id, now_held, fresh);
            let next = writes.iter().find_map(|write| match &write.item {
                Some(Item::Cursor(cursor)) => Some(cursor.position.saturating_add(1)),
                _ => None,
            });
            Update::Write(vec![writes], Ok(GroupChange { outcome: HoldOutcome::Held, next }))
        });
        held.await.map_err(Refusal::Failed)?
    }

    async fn release_group(&self, client: ClientId, key: &Key) -> Result<GroupChange, Refusal> {
        let group = Group::of(key);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let released = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            match begin(found, client, &group, self.first_version()) {
                Begin::Behind(task) if task.cursor.hold.is_some() => {
                    let fresh = &mut || self.ports.ledger.fresh();
                    let writes = hold::release(&group, client, &task.cursor, fresh);
                    let next = task.position().saturating_add(1);
                    Update::Write(
                        vec![writes],
                        Ok(GroupChange { outcome: HoldOutcome::Released, next: Some(next) }),
                    )
                }
                Begin::Behind(_) | Begin::UpToDate => Update::Done(Err(Refusal::Nothing("it is not held"))),
                Begin::Unread => Update::ReadAgain(why_unread(found, &keys)),
            }
        });
        released.await.map_err(Refusal::Failed)?
    }

    async fn skip_event(
        &self,
        name: &ClientName,
        registration: &Registration,
        key: &Key,
        version: i64,
        reason: &str,
    ) -> Result<GroupChange, Refusal> {
        let (client, group) = (registration.id, Group::of(key));
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client, group.clone())];
        let skipped = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let task = match begin(found, client, &group, self.first_version()) {
                Begin::Behind(task) => task,
                Begin::UpToDate => {
                    return Update::Done(Err(Refusal::Nothing("it is not held; hold it first")));
                }
                Begin::Unread => return Update::ReadAgain(why_unread(found, &keys)),
            };
            let next = task.position().saturating_add(1);
            // A write of unknown result was done.
            let is_skipped = |hold: &Hold| hold.skipped.iter().any(|skipped| skipped.version == version);
            if version < next && task.cursor.hold.as_ref().is_some_and(is_skipped) {
                return Update::Done(Ok(GroupChange { outcome: HoldOutcome::Skipped, next: Some(next) }));
            }
            match self.next_event(name, registration, &task).await {
                Ok(next) if next == version => {}
                Ok(next) => {
                    let why =
                        format!("the next event that the client wants is version {next}; name that one");
                    return Update::Done(Err(Refusal::Failed(why)));
                }
                Err(refusal) => return Update::Done(Err(refusal)),
            }
            let fresh = &mut || self.ports.ledger.fresh();
            match hold::skip(&task, version, reason, fresh) {
                Some(writes) => {
                    let next = version.saturating_add(1);
                    Update::Write(
                        vec![writes],
                        Ok(GroupChange { outcome: HoldOutcome::Skipped, next: Some(next) }),
                    )
                }
                None => Update::Done(Err(Refusal::Nothing("it is not held; hold it first"))),
            }
        });
        let skipped = skipped.await.map_err(Refusal::Failed)??;
        warn!(client = name.as_str(), %group, version, reason, "an event is left out for a client");
        Ok(skipped)
    }

    /// The version of the next event that the client wants and can be sent.
    async fn next_event(
        &self,
        name: &ClientName,
        registration: &Registration,
        task: &Task,
    ) -> Result<i64, Refusal> {
        let in_file = self.own.clients.agreed(name, registration);
        let in_file = in_file.ok_or_else(|| Refusal::Failed(OTHER_FILTER.to_owned()))?;
        match self.look_up(in_file, task, registration.erasures, BYTES_LIMIT, self.last_start()).await {
            Ok(TableAnswer::Lasts(plan)) => plan
                .events
                .first()
                .map(|event| event.version)
                .ok_or(Refusal::Nothing("the client wants no event that it has not got")),
            Ok(
                TableAnswer::Erased
                | TableAnswer::Unclosed
                | TableAnswer::Closed { .. }
                | TableAnswer::EarlierNotice { .. },
            ) => Err(Refusal::Nothing("the aggregate was erased")),
            Ok(TableAnswer::FirstGone(_)) => {
                Err(Refusal::Failed("its first event is gone; release it, and hold it again".to_owned()))
            }
            Err(LookUpError::Unread(why)) => Err(Refusal::Failed(why.to_string())),
            Err(LookUpError::OutOfTime | LookUpError::Panicked) => Err(Refusal::Failed(
                "its events could not be read in time; try again, or raise `--catch-up-memory`".to_owned(),
            )),
        }
    }
}

fn group_hold(key: &Key, done: Result<GroupChange, Refusal>) -> GroupHold {
    let group = Group::of(key).as_str().to_owned();
    match done {
        Ok(GroupChange { outcome, next }) => GroupHold { group, outcome, next, reason: None },
        Err(Refusal::Nothing(reason)) => {
            GroupHold { group, outcome: HoldOutcome::Nothing, next: None, reason: Some(reason.to_owned()) }
        }
        Err(Refusal::Failed(reason)) => {
            GroupHold { group, outcome: HoldOutcome::Failed, next: None, reason: Some(reason) }
        }
    }
}
