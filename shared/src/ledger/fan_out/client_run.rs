//! What each client gets of a run: its events, chained to what it was sent before.

use super::{Reached, RunEvent};
use crate::config::ClientName;
use crate::file_clients::{FileClient, FileClients};
use crate::filter::Audience;
use crate::ids::IncarnationToken;
use crate::ledger::{ClientId, LastVersion};
use crate::message::{ChainLink, Identity, Message};
use crate::send::Carrier;
use crate::time::Timestamp;
use crate::view::{MessageViews, View, ViewError};

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
    /// What it is sent, in order.
    pub events: Vec<ClientEvent>,
    /// It has everything up to this version when it has taken all of them.
    pub end: i64,
    /// Why it is not sent all that it wants, if an event has no view for it.
    pub view_error: Option<ViewError>,
}

/// An event on its way to one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientEvent {
    /// Its version.
    pub version: i64,
    /// When the stream recorded it, if that is known.
    pub streamed_at: Option<Timestamp>,
    /// The message, shared by all clients that get the same.
    pub message: Message,
}

impl Carrier for ClientEvent {
    fn message(&self) -> &Message {
        &self.message
    }
}

impl ClientRun {
    /// Up to which version the client has everything when `next` is the first of its events that was not accepted; all of
    /// them were, if there is none.
    pub fn reached(&self, next: Option<&ClientEvent>) -> i64 {
        next.map_or(self.end, |next| self.position.has.max(next.version - 1))
    }

    /// What the client has after a run that brought clients as far as `reached`.
    pub(super) fn after(&self, reached: &Reached) -> ClientPosition {
        let has = match reached.get(&self.position.client) {
            Some(has) => *has,
            None if self.events.is_empty() => self.end,
            None => self.position.has,
        };
        let accepted = self.events.iter().take_while(|event| event.version <= has);
        let last = accepted.last().map_or(self.position.last, |event| Some(event.version));
        ClientPosition { has, last, ..self.position.clone() }
    }
}

/// Makes the messages of a run's events, each once for all clients that get the same of it and were sent the same event
/// before it.
pub(super) struct Chain<'r> {
    incarnation: &'r IncarnationToken,
    first_version: i64,
    end: i64,
    events: Vec<ChainedEvent<'r>>,
}

struct ChainedEvent<'r> {
    event: &'r RunEvent,
    audience: Audience,
    views: MessageViews<'r>,
    /// There are few.
    messages: Vec<ChainedMessage>,
}

struct ChainedMessage {
    /// Of what the message is made: the event as clients with one view get it.
    view: Identity,
    previous: LastVersion,
    message: Message,
}

impl<'r> Chain<'r> {
    /// The chain of a run with these `events`, which ends with version `end`.
    pub(super) fn new(
        incarnation: &'r IncarnationToken,
        first_version: i64,
        events: &'r [RunEvent],
        end: i64,
        file: &'r FileClients,
    ) -> Self {
        let events = events.iter().map(|event| ChainedEvent {
            event,
            audience: file.audience(&event.message),
            views: MessageViews::new(&event.message),
            messages: Vec::new(),
        });
        Self { incarnation, first_version, end, events: events.collect() }
    }

    /// The run for a client that is sent to.
    pub(super) fn sent(&mut self, position: ClientPosition, client: FileClient<'r>) -> ClientRun {
        let mut last = position.last;
        let (mut end, mut view_error) = (self.end, None);
        let mut events = Vec::with_capacity(self.events.len());
        for chained in &mut self.events {
            let RunEvent { version, streamed_at, .. } = *chained.event;
            if version <= position.has || !client.is_in(chained.audience) {
                continue;
            }
            let previous_version = last.unwrap_or(self.first_version - 1);
            let link = ChainLink { incarnation: self.incarnation, previous_version };
            match chained.message(client.view(), link, last) {
                Ok(message) => events.push(ClientEvent { version, streamed_at, message }),
                Err(error) => {
                    (end, view_error) = (version - 1, Some(error));
                    break;
                }
            }
            last = Some(version);
        }
        ClientRun { position, events, end, view_error }
    }

    /// The run for a client that is not sent to: it becomes behind, unless it is known to want nothing. `client` is as the
    /// file has it, if that is what holds.
    pub(super) fn unsent(&self, position: ClientPosition, client: Option<FileClient<'_>>) -> ClientRun {
        let wants = |chained: &ChainedEvent<'_>| {
            chained.event.version > position.has && client.is_none_or(|client| client.is_in(chained.audience))
        };
        let end = if self.events.iter().any(wants) { position.has } else { self.end };
        ClientRun { position, events: Vec::new(), end, view_error: None }
    }
}

impl<'r> ChainedEvent<'r> {
    fn message(
        &mut self,
        view: &'r View,
        link: ChainLink<'_>,
        previous: LastVersion,
    ) -> Result<Message, ViewError> {
        let viewed = self.views.message(view)?;
        let is_it = |known: &&ChainedMessage| known.previous == previous && known.view.is_of(&viewed);
        if let Some(known) = self.messages.iter().find(is_it) {
            return Ok(known.message.clone());
        }
        let message = viewed.chained(link);
        self.messages.push(ChainedMessage { view: viewed.identity(), previous, message: message.clone() });
        Ok(message)
    }
}
