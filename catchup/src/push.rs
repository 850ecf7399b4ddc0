//! What the push functions ask for: groups are held or repeated, and a client whose target is gone is paused.
//!
//! One transaction holds or repeats a group and says that it is done. So nothing is done twice, however many invocations
//! see the request, and nothing counts as done that is not.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use shared::clock::Clock;
use shared::config::ClientName;
use shared::control::REASON_LIMIT;
use shared::ids::{Group, Key};
use shared::ledger::deliveries::HELD_BY_PUSH;
use shared::ledger::replay::close_gap;
use shared::ledger::times::PASS_LIMIT;
use shared::ledger::{
    ClientId, Cursor, DeliveryRequest, DeliveryRequestKind, EventTable, GroupItem, HELD_LIMIT, Hold, ItemKey,
    Ledger, Pause, Registration, Registry, State, TargetState, Write, hold,
};
use shared::panics::{PANICKED, caught};
use shared::send::Transport;
use shared::time::Timestamp;
use tracing::{error, info, warn};

use super::client::shuffle;
use super::requests::{AT_ONCE, Refusal, Subject, TOO_MANY_HELD, with_pause};
use super::work::{AfterFailure, Update, Work, why_unread};

/// How many clients are looked at at the same time.
const CLIENTS_AT_ONCE: usize = 4;

/// How many requests of a client are tried in an invocation: more than a minute is enough for.
const REQUESTS_LIMIT: usize = 5_000;

/// A push client at work.
struct PushClient<'r> {
    name: &'r ClientName,
    id: ClientId,
    /// Its groups that are held, or are about to be; or why they are not known.
    held: RefCell<Result<BTreeSet<Group>, String>>,
    /// Whether it was paused because too many are.
    is_paused: Cell<bool>,
}

/// A target that does not take what its client has.
pub(super) struct FailingTarget<'r> {
    pub(super) client: &'r ClientName,
    /// For how long.
    pub(super) age: Duration,
    /// Whether it is gone, and the client so paused.
    pub(super) is_gone: bool,
}

/// Whether one more group may be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// It is not to be held.
    Unasked,
    /// It is held already.
    Held,
    /// There was room, and now there is less.
    New,
    /// As many are held as may be.
    None,
}

/// What became of a request that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RequestEffect {
    Held,
    Repeated,
    /// There was nothing to do, and why.
    Nothing(&'static str),
}

impl<C: Clock, T: Transport, L: Ledger, E: EventTable> Work<'_, C, T, L, E> {
    /// Does what the push functions ask for, as far as there is time. Returns the targets that fail.
    pub(super) async fn push<'r>(&self, registry: &'r Registry) -> Vec<FailingTarget<'r>> {
        let served = registry.clients.iter().filter(|(name, registration)| {
            registration.state != State::Retired && self.own.file.get(*name).is_some_and(|own| own.is_push)
        });
        let clients: Vec<(&ClientName, &Registration)> = served.collect();
        // So that the invocation of the next minute finds nobody else at it.
        let until = self.last_start().min(self.now().plus(PASS_LIMIT));
        let seen = stream::iter(clients).map(async |(name, registration)| {
            let target = match self.pause_if_gone(name, registration.id).await {
                Ok(target) => target,
                Err(why) => {
                    warn!(client = name.as_str(), why, "how the client's target is, is not known now");
                    None
                }
            };
            self.follow_push(name, registration.id, until).await;
            let target = target?;
            // Of a client that an operator paused, nothing is awaited.
            let is_awaited = registration.state == State::Live || target.gone.is_some();
            let age = target.failing_age(self.now()).filter(|_| is_awaited)?;
            Some(FailingTarget { client: name, age, is_gone: target.gone.is_some() })
        });
        seen.buffer_unordered(CLIENTS_AT_ONCE).filter_map(async |failing| failing).collect().await
    }

    /// Pauses the client if its target is gone. Returns how the target is.
    async fn pause_if_gone(
        &self,
        name: &ClientName,
        client: ClientId,
    ) -> Result<Option<TargetState>, String> {
        let keys = [ItemKey::Registry, ItemKey::Target(client)];
        let seen = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let unread = || why_unread(found, &keys);
            let (registry, target) =
                match (found.registry().known(unread), found.target(client).known(unread)) {
                    (Ok(registry), Ok(target)) => (registry, target),
                    (Err(why), _) | (_, Err(why)) => return Update::ReadAgain(why),
                };
            let paused =
                target.and_then(|target| target.paused(client, self.now(), self.ports.ledger.fresh()));
            let (Some(registry), Some(noted)) = (registry, paused) else {
                return Update::Done((target.cloned(), false));
            };
            let mut writes = vec![noted];
            let is_live =
                registry.clients.get(name).is_some_and(|own| own.id == client && own.state == State::Live);
            if is_live {
                let gone = target.and_then(|target| target.gone.as_ref());
                let reason = gone.map(|gone| format!("its target is gone: {}", gone.reason));
                let pause = Pause { since: self.now(), by: HELD_BY_PUSH.to_owned(), reason };
                writes.push(with_pause(registry, name, Some(pause)));
            }
            Update::Write(vec![writes], (target.cloned(), true))
        });
        let (target, is_new) = seen.await?;
        if let Some(gone) = target.as_ref().and_then(|target| target.gone.as_ref()).filter(|_| is_new) {
            error!(
                client = name.as_str(),
                reason = gone.reason,
                "the client's target is gone: the client is paused; mend the target or its config, then resume the client"
            );
        }
        Ok(target)
    }

    /// The write after which the client's target is tried again, if there is something to write.
    pub(super) async fn resumed_target(&self, client: ClientId) -> Result<Option<Write>, String> {
        let keys = [ItemKey::Target(client)];
        let found = self.read(&keys).await;
        let target = found.target(client).known(|| why_unread(&found, &keys))?;
        Ok(target.and_then(|target| target.resumed(client, self.ports.ledger.fresh())))
    }

    /// Carries out what is asked for of one client.
    async fn follow_push(&self, name: &ClientName, id: ClientId, until: Timestamp) {
        let requests = match self.open_requests(id, until).await {
            Ok(requests) => requests,
            Err(why) => {
                warn!(client = name.as_str(), why, "what push asks for is not looked at now");
                return;
            }
        };
        let is_hold = |request: &DeliveryRequest| matches!(request.kind, DeliveryRequestKind::Hold { .. });
        let held = if requests.iter().any(|(_, request)| is_hold(request)) {
            self.held(id).await.map_err(|error| error.to_string())
        } else {
            Ok(BTreeSet::new())
        };
        let client = &PushClient { name, id, held: RefCell::new(held), is_paused: Cell::new(false) };
        let carried = stream::iter(&requests).map(async |(group, request)| {
            if self.now() > until {
                return None;
            }
            let carried = self.carry_out_push(client, group, request);
            let carried = caught(carried, || Err(PANICKED.to_owned())).await;
            if let Err(why) = &carried {
                self.keep_failure(client, group, request, why).await;
            }
            carried.err().map(|why| (group, why))
        });
        let failed: Vec<(&Group, String)> =
            carried.buffer_unordered(AT_ONCE).filter_map(async |failed| failed).collect().await;
        if let Some((group, why)) = failed.first() {
            let (client, count) = (name.as_str(), failed.len());
            warn!(client, count, %group, why, "what push asks for is not done yet");
        }
    }

    /// The client's requests that are not done, at most [`REQUESTS_LIMIT`]. Those that failed come last, each time in
    /// another order, so that they hold up no others.
    async fn open_requests(
        &self,
        client: ClientId,
        until: Timestamp,
    ) -> Result<Vec<(Group, DeliveryRequest)>, String> {
        let (mut open, mut failed, mut last) = (Vec::new(), Vec::new(), None);
        while open.len() < REQUESTS_LIMIT && self.now() <= until {
            let page = self.ports.ledger.delivery_requests(client, last.as_ref()).await;
            let page = page.map_err(|error| error.to_string())?;
            let Some((group, _)) = page.last() else { break };
            last = Some(group.clone());
            for (group, request) in page.into_iter().filter(|(_, request)| request.done_at.is_none()) {
                if request.failure.is_none() {
                    open.push((group, request));
                } else if failed.len() < REQUESTS_LIMIT {
                    failed.push((group, request));
                }
            }
        }
        shuffle(&mut failed, self.ports.ledger.fresh());
        open.extend(failed);
        open.truncate(REQUESTS_LIMIT);
        Ok(open)
    }

    async fn carry_out_push(
        &self,
        client: &PushClient<'_>,
        group: &Group,
        request: &DeliveryRequest,
    ) -> Result<(), String> {
        let room = match &request.kind {
            DeliveryRequestKind::Hold { .. } => client.take(group)?,
            DeliveryRequestKind::Replay => Room::Unasked,
        };
        let hold = match (&request.kind, room) {
            (DeliveryRequestKind::Hold { reason }, Room::New | Room::Held) => {
                Some(new_hold(reason, self.now()))
            }
            (DeliveryRequestKind::Hold { .. }, _) => {
                self.pause_for_push(client).await?;
                None
            }
            (DeliveryRequestKind::Replay, _) => None,
        };
        let effect = self.change_for_push(client.id, group, hold.as_ref()).await;
        if room == Room::New && !matches!(effect, Ok(Some(RequestEffect::Held))) {
            client.leave(group);
        }
        let (name, from, replay) = (client.name.as_str(), request.from, request.id.as_str());
        match effect? {
            Some(RequestEffect::Held) => {
                let reason = hold.map(|hold| hold.reason);
                info!(client = name, %group, from, replay, reason, "group held, as push asks");
            }
            Some(RequestEffect::Repeated) => {
                info!(client = name, %group, from, replay, "replay of a group, as push asks");
            }
            Some(RequestEffect::Nothing(why)) => {
                info!(client = name, %group, from, replay, why, "push asks for what is not needed");
            }
            // Another invocation has done it, or the function asks no more.
            None => {}
        }
        Ok(())
    }

    /// Too many groups are held: what the next request asks for comes when the client is resumed.
    async fn pause_for_push(&self, client: &PushClient<'_>) -> Result<(), String> {
        if client.is_paused.get() {
            return Ok(());
        }
        let reason = Some(TOO_MANY_HELD.to_owned());
        let pause = Pause { since: self.now(), by: HELD_BY_PUSH.to_owned(), reason };
        self.pause(client.name.as_str(), pause).await.map_err(|error| error.to_string())?;
        client.is_paused.set(true);
        warn!(
            client = client.name.as_str(),
            "too many groups are held: the client is paused, and gets nothing until it is resumed"
        );
        Ok(())
    }

    /// Holds the group, or repeats it if there is no `hold`, and notes that this is done. `None`: nothing is asked for any
    /// more.
    async fn change_for_push(
        &self,
        client: ClientId,
        group: &Group,
        hold: Option<&Hold>,
    ) -> Result<Option<RequestEffect>, String> {
        let keys = [ItemKey::DeliveryRequest(client, group.clone()), ItemKey::Group(group.clone())];
        let changed = self.update(&keys, AfterFailure::ReadAgain, async |found| {
            let unread = || why_unread(found, &keys);
            let (request, item) =
                match (found.delivery_request(client, group).known(unread), found.group(group).known(unread))
                {
                    (Ok(request), Ok(item)) => (request, item),
                    (Err(why), _) | (_, Err(why)) => return Update::ReadAgain(why),
                };
            let Some(request) = request.filter(|request| request.done_at.is_none()) else {
                return Update::Done(Ok(None));
            };
            let done = request.done(client, group, self.now(), self.ports.ledger.fresh());
            let nothing = |why| (Vec::new(), RequestEffect::Nothing(why));
            let (mut writes, effect) = match item.map(|item| item.key.clone()).or_else(|| group.key()) {
                None => nothing("the ledger does not know the group"),
                Some(key) => match self.writes_for_push(client, &key, request, hold).await {
                    Ok(planned) => planned,
                    Err(update) => return update,
                },
            };
            writes.push(done);
            Update::Write(vec![writes], Ok(Some(effect)))
        });
        changed.await?
    }

    /// The writes that hold or repeat the group of the aggregate with this key, if there is something to do.
    async fn writes_for_push(
        &self,
        client: ClientId,
        key: &Key,
        request: &DeliveryRequest,
        hold: Option<&Hold>,
    ) -> Result<(Vec<Write>, RequestEffect), Update<Result<Option<RequestEffect>, String>>> {
        let (item, cursor) = match self.subject(key, client).await {
            Subject::Ready(item, cursor) => (item, cursor),
            // Nothing of what was asked for is there any more, and what comes is in order: the notice, then all there is.
            Subject::ToldFirst => {
                return Ok((Vec::new(), RequestEffect::Nothing("the client is told of the erasure first")));
            }
            Subject::Refused(Refusal::Nothing(why)) => return Ok((Vec::new(), RequestEffect::Nothing(why))),
            Subject::Refused(Refusal::Failed(why)) => return Err(Update::Done(Err(why))),
            Subject::ReadAgain(why) => return Err(Update::ReadAgain(why)),
        };
        // Of a closed group all that comes is the notice. It can't be held up by what was erased.
        let hold = hold.filter(|_| item.closed.is_none());
        Ok(self.planned_for_push(&Group::of(key), client, &item, cursor.as_ref(), request, hold))
    }

    fn planned_for_push(
        &self,
        group: &Group,
        client: ClientId,
        item: &GroupItem,
        cursor: Option<&Cursor>,
        request: &DeliveryRequest,
        hold: Option<&Hold>,
    ) -> (Vec<Write>, RequestEffect) {
        let fresh = &mut || self.ports.ledger.fresh();
        let (from, first_version, id, now) = (request.from, self.first_version(), &request.id, self.now());
        let Some(hold) = hold else {
            let writes = close_gap(group, item, client, cursor, from, first_version, id, now, fresh);
            return (writes, RequestEffect::Repeated);
        };
        // An operator's own words stay.
        let own = cursor.and_then(|cursor| cursor.hold.as_ref()).filter(|own| own.by != HELD_BY_PUSH);
        // What was sent before is counted from here.
        let hold = Hold { since: now, ..own.unwrap_or(hold).clone() };
        let writes = hold::hold(group, item, client, cursor, Some(from), first_version, id, hold, fresh);
        (writes, RequestEffect::Held)
    }

    /// Keeps why a request could not be carried out. If that fails, the log has it.
    async fn keep_failure(
        &self,
        client: &PushClient<'_>,
        group: &Group,
        request: &DeliveryRequest,
        why: &str,
    ) {
        let Some(write) = request.failed(client.id, group, why, self.ports.ledger.fresh()) else { return };
        if let Err(error) = self.ports.ledger.write(&[write]).await {
            warn!(client = client.name.as_str(), %group, why = %error, "why a request of push failed is not kept");
        }
    }
}

fn new_hold(reason: &str, since: Timestamp) -> Hold {
    let reason = reason.get(..reason.floor_char_boundary(REASON_LIMIT)).unwrap_or(reason).to_owned();
    Hold { reason, by: HELD_BY_PUSH.to_owned(), since, skipped: Vec::new() }
}

impl PushClient<'_> {
    /// Takes room for the group among those that are held.
    fn take(&self, group: &Group) -> Result<Room, String> {
        let mut held = self.held.borrow_mut();
        let held = held.as_mut().map_err(|why| why.clone())?;
        if held.contains(group) {
            return Ok(Room::Held);
        }
        if held.len() >= HELD_LIMIT {
            return Ok(Room::None);
        }
        held.insert(group.clone());
        Ok(Room::New)
    }

    /// Gives the room back: the group is not held.
    fn leave(&self, group: &Group) {
        if let Ok(held) = &mut *self.held.borrow_mut() {
            held.remove(group);
        }
    }
}
