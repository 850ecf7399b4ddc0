//! What each client gets of a run: its events, chained to what it was sent before.

use super::{Reached, RunEvent};
use crate::config::ClientName;
use crate::ids::IncarnationToken;
use crate::ledger::{ClientId, LastVersion};
use crate::message::{ChainLink, Message};
use crate::send::Carrier;
use crate::time::Timestamp;

/// What a client of a run has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPosition {
    /// Its name.
    pub name: ClientName,
    /// Its number.
    pub client: ClientId,
    /// It has everything up to this version.
    pub has: i64,
    /// What it was sent last.
    pub last: LastVersion,
}

/// A run for one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRun {
    /// What the client has before.
    pub position: ClientPosition,
    /// Whether it is tried. If not, it becomes behind, unless it wants nothing of the run.
    pub is_tried: bool,
    /// What it gets, in order.
    pub events: Vec<ClientEvent>,
}

/// An event on its way to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    /// Its version.
    pub version: i64,
    /// When the stream recorded it, if that is known.
    pub streamed_at: Option<Timestamp>,
    /// The message, shared by all clients that were sent the same event before.
    pub message: Message,
}

impl Carrier for ClientEvent {
    fn message(&self) -> &Message {
        &self.message
    }
}

impl ClientRun {
    /// Up to which version the client has everything when `next` is the first of its events that was not accepted; up to
    /// `end`, that of the run, if there is none.
    pub fn reached(&self, next: Option<&ClientEvent>, end: i64) -> i64 {
        next.map_or(end, |next| self.position.has.max(next.version - 1))
    }

    /// What the client has after a run up to version `end` that brought clients as far as `reached`.
    pub(super) fn after(&self, reached: &Reached, end: i64) -> ClientPosition {
        let has = match reached.get(&self.position.client) {
            Some(has) => *has,
            None if self.events.is_empty() => end,
            None => self.position.has,
        };
        let accepted = self.events.iter().take_while(|event| event.version <= has);
        let last = accepted.last().map_or(self.position.last, |event| Some(event.version));
        ClientPosition { has, last, ..self.position.clone() }
    }
}

/// Makes the messages of a run's events, each once for all clients that were sent the same event before it.
pub(super) struct Chain<'r> {
    incarnation: &'r IncarnationToken,
    first_version: i64,
    events: Vec<ChainedEvent<'r>>,
}

struct ChainedEvent<'r> {
    event: &'r RunEvent,
    /// By what was sent before. There are few.
    messages: Vec<(LastVersion, Message)>,
}

impl<'r> Chain<'r> {
    pub(super) fn new(incarnation: &'r IncarnationToken, first_version: i64, events: &'r [RunEvent]) -> Self {
        let events = events.iter().map(|event| ChainedEvent { event, messages: Vec::new() }).collect();
        Self { incarnation, first_version, events }
    }

    /// The events for a client at this position.
    pub(super) fn events(&mut self, position: &ClientPosition) -> Vec<ClientEvent> {
        let mut last = position.last;
        let mut events = Vec::with_capacity(self.events.len());
        for chained in self.events.iter_mut().filter(|chained| chained.event.version > position.has) {
            let RunEvent { version, streamed_at, .. } = *chained.event;
            let message = chained.message(self.incarnation, last.unwrap_or(self.first_version - 1), last);
            events.push(ClientEvent { version, streamed_at, message });
            last = Some(version);
        }
        events
    }
}

impl ChainedEvent<'_> {
    fn message(
        &mut self,
        incarnation: &IncarnationToken,
        previous_version: i64,
        last: LastVersion,
    ) -> Message {
        if let Some((_, message)) = self.messages.iter().find(|(before, _)| *before == last) {
            return message.clone();
        }
        let message = self.event.message.chained(ChainLink { incarnation, previous_version });
        self.messages.push((last, message.clone()));
        message
    }
}
