//! What was written, and what each client is to get of it: by its filter, and in its view.

use std::collections::{HashMap, HashSet};

use shared::config::Config;
use shared::event::{Along, EventError, Reader};
use shared::file_clients::{FileClient, FileClients};

use crate::event::Event;

/// What was written, to compare with what is received.
#[derive(Debug)]
pub struct ExpectedEvents {
    pub(super) events: Vec<Event>,
    /// The number of each event among those of its mark, counted from 0; as long as `events`.
    places: Vec<usize>,
    by_id: HashMap<String, usize>,
    /// By the client's name. A client that is not here gets every event as it is.
    shares: HashMap<String, Share>,
}

/// What one client gets of the events.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// The numbers of the events that it doesn't get.
    unwanted: HashSet<usize>,
    /// The body of each event (by number) that it gets. `None`: it gets events as they are.
    bodies: Option<HashMap<usize, String>>,
}

impl ExpectedEvents {
    /// Expects `events`, as they are, for every client; those of one mark in this order.
    pub fn new(events: Vec<Event>) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut places = Vec::with_capacity(events.len());
        for event in &events {
            let count = counts.entry(&event.mark).or_default();
            places.push(*count);
            *count += 1;
        }
        let by_id = events.iter().enumerate().map(|(index, event)| (event.id.clone(), index)).collect();
        Self { events, places, by_id, shares: HashMap::new() }
    }

    /// Expects what the clients of `config` want of `events`, in their views. What is wanted and what a view is, is asked of
    /// the code that the functions have, too: only whole events are compared independently of it.
    pub fn of_config(events: Vec<Event>, config: &Config) -> Self {
        let (reader, file) = (Reader::new(&config.source), FileClients::new(&config.clients));
        let read: Vec<_> = events.iter().map(|event| reader.read_admitted(&event.in_table())).collect();
        let share = |client: &shared::config::Client| {
            let share = Share::of(file.get(&client.name)?, client.view.is_whole(), &read);
            Some((client.name.to_string(), share))
        };
        let shares = config.clients.iter().filter_map(share).collect();
        Self { shares, ..Self::new(events) }
    }

    /// The events, in the order of [`ExpectedEvents::new`].
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many of the events the client called `client` is to get.
    pub fn count(&self, client: &str) -> usize {
        self.events.len() - self.share(client).map_or(0, |share| share.unwanted.len())
    }

    /// Whether the client called `client` is to get an event, by its number.
    pub fn is_wanted(&self, client: &str, index: usize) -> bool {
        self.share(client).is_none_or(|share| share.wants(index))
    }

    pub(super) fn share(&self, client: &str) -> Option<&Share> {
        self.shares.get(client)
    }

    pub(super) fn find(&self, id: &str) -> Option<(usize, usize, &Event)> {
        let index = *self.by_id.get(id)?;
        Some((index, *self.places.get(index)?, self.events.get(index)?))
    }
}

impl Share {
    /// The share of `client`. An event that can't be read is rejected: the client is found to lack it.
    fn of(
        client: FileClient<'_>,
        is_whole: bool,
        events: &[Result<Option<shared::event::Event>, EventError>],
    ) -> Self {
        let mut share = Self { bodies: (!is_whole).then(HashMap::new), ..Self::default() };
        for (index, event) in events.iter().enumerate() {
            let Ok(event) = event else { continue };
            let Some(event) = event.as_ref().filter(|event| client.wants(event)) else {
                share.unwanted.insert(index);
                continue;
            };
            if let Some(bodies) = &mut share.bodies
                && let Ok(message) = client.message(&event.message(Along::default()))
                && let Some(body) = message.body().text()
            {
                bodies.insert(index, body.into_owned());
            }
        }
        share
    }

    pub(super) fn wants(&self, index: usize) -> bool {
        !self.unwanted.contains(&index)
    }

    /// Whether the client gets events as they are.
    pub(super) fn is_whole(&self) -> bool {
        self.bodies.is_none()
    }

    /// The body of an event (by number) in the client's view.
    pub(super) fn body(&self, index: usize) -> Option<&str> {
        self.bodies.as_ref()?.get(&index).map(String::as_str)
    }
}
