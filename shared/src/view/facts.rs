//! What an envelope says of an event beside its JSON.

use super::ViewError;
use crate::event::Event;
use crate::message::Message;

/// What is known of an event beside its JSON: the same of its message and of its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFacts<'e> {
    /// The id by which clients know it.
    pub id: &'e str,
    /// Its name.
    pub name: Option<&'e str>,
    /// Its time, as its item has it.
    pub time: Option<&'e str>,
    /// Its number inside its aggregate; not negative.
    pub version: i64,
    /// Its aggregate's group.
    pub group: &'e str,
}

impl<'e> EventFacts<'e> {
    /// The facts of an event that was read from the table.
    pub fn of_event(event: &'e Event) -> Self {
        Self {
            id: event.id(),
            name: event.name(),
            time: event.time(),
            version: event.version(),
            group: event.group().as_str(),
        }
    }

    /// The facts of the event that `message` brings, on the fan-out queue or on its way to a client.
    ///
    /// # Errors
    ///
    /// [`ViewError::Lacks`] or [`ViewError::Version`] if an attribute that each event's message has is missing or wrong.
    pub fn of_message(message: &'e Message) -> Result<Self, ViewError> {
        let version = message.attribute("version").ok_or(ViewError::Lacks("version"))?;
        Ok(Self {
            id: message.attribute("eventId").ok_or(ViewError::Lacks("eventId"))?,
            name: message.attribute("eventName"),
            time: message.attribute("eventTime"),
            version: version.parse().ok().filter(|version| *version >= 0).ok_or(ViewError::Version)?,
            group: message.group().as_str(),
        })
    }
}
