//! What was written, and what each client is to get of it: by its filter, and in its view.

use std::collections::HashMap;
use std::sync::{OnceLock, PoisonError, RwLock};

use shared::config::Config;
use shared::event::{Along, Reader};
use shared::file_clients::FileClients;

use crate::event::Event;

/// What was written, or is being written, to compare with what is received.
#[derive(Debug, Default)]
pub struct ExpectedEvents {
    slots: Vec<Slot>,
    by_id: RwLock<HashMap<String, usize>>,
    /// Whose clients filter, and have views; `None`: every client gets every event as it is.
    wants: Option<Wants>,
}

/// What the clients of a config want, and what reads it.
#[derive(Debug)]
struct Wants {
    config: Config,
    reader: Reader,
    clients: FileClients,
}

/// The place of an event among all.
#[derive(Debug)]
struct Slot {
    /// The event's number among those of its mark, counted from 0.
    place: usize,
    /// Empty until the event is written, if the companion makes it of a command.
    written: OnceLock<Written>,
}

/// An event, and what clients get of it.
#[derive(Debug)]
struct Written {
    event: Event,
    /// By the client's name. A client that is not here gets the event as it is.
    shares: HashMap<String, Share>,
}

/// What a client gets of an event instead of the event.
#[derive(Debug)]
enum Share {
    Nothing,
    View(String),
}

impl ExpectedEvents {
    /// Expects `events`, as they are, for every client; those of one mark in this order.
    pub fn new(events: Vec<Event>) -> Self {
        Self::written(events, None)
    }

    /// Expects what the clients of `config` want of `events`, in their views. What is wanted and what a view is, is asked of
    /// the code that the functions have, too: only whole events are compared independently of it.
    pub fn of_config(events: Vec<Event>, config: &Config) -> Self {
        Self::written(events, Some(Wants::of(config)))
    }

    /// Expects an event of each of `marks`, in this order, once it is [there](Self::fill).
    pub fn to_come<'m>(marks: impl IntoIterator<Item = &'m str>, config: &Config) -> Self {
        Self { wants: Some(Wants::of(config)), slots: slots(marks), ..Self::default() }
    }

    fn written(events: Vec<Event>, wants: Option<Wants>) -> Self {
        let slots = slots(events.iter().map(|event| event.mark.as_str()));
        let expected = Self { slots, wants, ..Self::default() };
        events.into_iter().enumerate().for_each(|(index, event)| expected.fill(index, event));
        expected
    }

    /// The event that was written as number `index`. What is there already stays.
    pub fn fill(&self, index: usize, event: Event) {
        let Some(slot) = self.slots.get(index) else { return };
        let shares = self.wants.as_ref().map(|wants| wants.shares(&event)).unwrap_or_default();
        let id = event.id.clone();
        if slot.written.set(Written { event, shares }).is_ok() {
            self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(id, index);
        }
    }

    /// How many events there are to be.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there is to be no event.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The events that are written, in the order of [`ExpectedEvents::new`].
    pub fn events(&self) -> Vec<&Event> {
        self.slots.iter().filter_map(Slot::event).collect()
    }

    /// The event with this number, if it is written.
    pub fn event(&self, index: usize) -> Option<&Event> {
        self.slots.get(index)?.event()
    }

    /// How many of the events the client called `client` is to get; those that are not written yet count as wanted.
    pub fn count(&self, client: &str) -> usize {
        (0..self.slots.len()).filter(|index| self.is_wanted(client, *index)).count()
    }

    /// Whether the client called `client` is to get an event, by its number.
    pub fn is_wanted(&self, client: &str, index: usize) -> bool {
        !matches!(self.share(client, index), Some(Share::Nothing))
    }

    /// Whether the event with this id is written.
    pub fn is_known(&self, id: &str) -> bool {
        self.index(id).is_some()
    }

    /// Whether the client called `client` gets events as they are.
    pub(super) fn is_whole(&self, client: &str) -> bool {
        let mut clients = self.wants.iter().flat_map(|wants| &wants.config.clients);
        clients.find(|found| found.name.as_str() == client).is_none_or(|client| client.view.is_whole())
    }

    /// The body of an event (by number) in the client's view; `None`: the event is its body.
    pub(super) fn view(&self, client: &str, index: usize) -> Option<&str> {
        match self.share(client, index)? {
            Share::View(body) => Some(body),
            Share::Nothing => None,
        }
    }

    /// The event with this id: its number, and its place among those of its mark.
    pub(super) fn find(&self, id: &str) -> Option<(usize, usize, &Event)> {
        let index = self.index(id)?;
        let slot = self.slots.get(index)?;
        Some((index, slot.place, slot.event()?))
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }

    fn share(&self, client: &str, index: usize) -> Option<&Share> {
        self.slots.get(index)?.written.get()?.shares.get(client)
    }
}

impl Slot {
    fn event(&self) -> Option<&Event> {
        self.written.get().map(|written| &written.event)
    }
}

fn slots<'m>(marks: impl IntoIterator<Item = &'m str>) -> Vec<Slot> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let slot = |mark| {
        let count = counts.entry(mark).or_default();
        *count += 1;
        Slot { place: *count - 1, written: OnceLock::new() }
    };
    marks.into_iter().map(slot).collect()
}

impl Wants {
    fn of(config: &Config) -> Self {
        let (reader, clients) = (Reader::new(&config.source), FileClients::new(&config.clients));
        Self { config: config.clone(), reader, clients }
    }

    /// What clients get of an event. One that can't be read is rejected: each client is found to lack it.
    fn shares(&self, event: &Event) -> HashMap<String, Share> {
        let Ok(event) = self.reader.read_admitted(&event.in_table()) else { return HashMap::new() };
        let share = |client: &shared::config::Client| {
            let in_file = self.clients.get(&client.name)?;
            let Some(event) = event.as_ref().filter(|event| in_file.wants(event)) else {
                return Some(Share::Nothing);
            };
            if client.view.is_whole() {
                return None;
            }
            let message = in_file.message(&event.message(Along::default())).ok()?;
            Some(Share::View(message.body().text()?.into_owned()))
        };
        let clients = self.config.clients.iter();
        clients.filter_map(|client| Some((client.name.to_string(), share(client)?))).collect()
    }
}
