//! Which clients want an event: `[client.filter]` of all clients, in one look at the event.
//!
//! A filter decides on the event alone: on its body, and on what its message says of it wherever it is read.

use std::fmt;

use crate::config::{Client, EXISTING_LIMIT, OWN_LIMIT};
use crate::event::Event;
use crate::ids::digest;
use crate::message::Message;
use crate::pattern::{MessageFields, PATTERN_VERSION, Pattern, PatternSet, Refusal, Subject};

/// The digits of a filter's digest.
const DIGEST_LENGTH: usize = 16;

/// How many words of bits there are for the clients of a config.
const WORDS: usize = (OWN_LIMIT + EXISTING_LIMIT).div_ceil(64);

/// The filters of a config's clients, prepared once at cold start.
#[derive(Clone, Debug)]
pub struct ClientFilters {
    /// None if no client has a filter: then nothing is looked at.
    patterns: Option<PatternSet<usize>>,
    /// The audience of an event that matches no pattern.
    unfiltered: Audience,
    /// Of each client.
    digests: Vec<FilterDigest>,
}

/// The clients that want an event, by their places in the config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience {
    /// The clients that don't: a bit each.
    unwanting: [u64; WORDS],
}

/// What tells a client's filter from others: 16 hexadecimal digits. The order of a pattern's keys doesn't matter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilterDigest(String);

/// Text that is not the digest of a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 16 hexadecimal digits")]
pub struct InvalidDigest;

impl ClientFilters {
    /// Prepares the filters of `clients`, which are those of a config, in its order.
    pub fn new(clients: &[Client]) -> Self {
        let filtered: Vec<(usize, &Pattern)> = clients
            .iter()
            .enumerate()
            .filter_map(|(place, client)| Some((place, client.filter.as_ref()?)))
            .collect();
        let mut unfiltered = Audience::EVERYONE;
        filtered.iter().for_each(|(place, _)| unfiltered.set(*place, false));
        Self {
            patterns: (!filtered.is_empty()).then(|| PatternSet::new(filtered)),
            unfiltered,
            digests: clients.iter().map(|client| FilterDigest::of(client.filter.as_ref())).collect(),
        }
    }

    /// Who wants the event of `message`, which is on its way to clients or comes from the fan-out queue.
    ///
    /// As for [`of`](Self::of); without a filter, the body is not even unescaped.
    pub fn of_message(&self, message: &Message) -> Audience {
        if self.patterns.is_none() {
            return Audience::EVERYONE;
        }
        match message.body().text() {
            Some(body) => self.of(Subject { body: &body, message: Some(message.into()) }),
            None => Audience::EVERYONE,
        }
    }

    /// Who wants `event`, which was read from the event table. As for [`of`](Self::of).
    pub fn of_event(&self, event: &Event) -> Audience {
        self.of(Subject::from(event))
    }

    /// Who wants the event of `subject`.
    ///
    /// A body that can't be read is wanted by all: no event may be lost over it. (What is written here can be.)
    pub fn of(&self, subject: Subject<'_>) -> Audience {
        let Some(patterns) = &self.patterns else {
            return Audience::EVERYONE;
        };
        let mut audience = self.unfiltered;
        match patterns.for_each_match(subject, |place| audience.set(*place, true)) {
            Ok(()) => audience,
            Err(_) => Audience::EVERYONE,
        }
    }

    /// Why the client at `place` doesn't want the event of `subject`: the first field that says no; of an `$or`, the
    /// first of each branch. Empty if it wants the event.
    pub fn explain(&self, place: usize, subject: Subject<'_>) -> Vec<Refusal> {
        let refusals = self.patterns.as_ref().map(|patterns| patterns.explain(&place, subject));
        refusals.and_then(Result::ok).unwrap_or_default()
    }

    /// The digest of the filter of the client at `place`; none if the config has no such client.
    pub fn digest(&self, place: usize) -> Option<&FilterDigest> {
        self.digests.get(place)
    }
}

impl Audience {
    /// All clients.
    pub const EVERYONE: Self = Self { unwanting: [0; WORDS] };

    /// Whether the client at `place` wants the event.
    pub fn includes(self, place: usize) -> bool {
        self.unwanting.get(place / 64).is_none_or(|word| word >> (place % 64) & 1 == 0)
    }

    fn set(&mut self, place: usize, wants: bool) {
        if let Some(word) = self.unwanting.get_mut(place / 64) {
            let bit = 1 << (place % 64);
            *word = if wants { *word & !bit } else { *word | bit };
        }
    }
}

impl FilterDigest {
    /// The digest of a client's filter. Without a filter it is always the same, and no filter has it.
    pub fn of(filter: Option<&Pattern>) -> Self {
        let mut text = match filter {
            Some(pattern) => digest(b'f', &[&PATTERN_VERSION.to_be_bytes(), pattern.to_string().as_bytes()]),
            None => digest(b'f', &[b"all"]),
        };
        text.truncate(DIGEST_LENGTH);
        Self(text)
    }

    /// A digest as the ledger has it.
    ///
    /// # Errors
    ///
    /// [`InvalidDigest`] if it is none.
    pub fn try_new(text: &str) -> Result<Self, InvalidDigest> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_digest = text.len() == DIGEST_LENGTH && text.bytes().all(is_digit);
        if is_digest { Ok(Self(text.to_owned())) } else { Err(InvalidDigest) }
    }

    /// The digest as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilterDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What each message of the event says of it.
impl<'e> From<&'e Event> for MessageFields<'e> {
    fn from(event: &'e Event) -> Self {
        Self {
            group: event.group().as_str(),
            event_id: Some(event.id()),
            event_name: event.name(),
            event_time: event.time(),
            version: Some(event.version()),
        }
    }
}

/// What the message says of its event; an attribute of another type says nothing.
impl<'m> From<&'m Message> for MessageFields<'m> {
    fn from(message: &'m Message) -> Self {
        Self {
            group: message.group().as_str(),
            event_id: message.attribute("eventId"),
            event_name: message.attribute("eventName"),
            event_time: message.attribute("eventTime"),
            version: message.attribute("version").and_then(|version| version.parse().ok()),
        }
    }
}

impl<'e> From<&'e Event> for Subject<'e> {
    fn from(event: &'e Event) -> Self {
        Self { body: event.body(), message: Some(event.into()) }
    }
}

#[cfg(test)]
mod tests;
