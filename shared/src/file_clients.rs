//! The clients of this instance's file, prepared once at cold start: who wants an event, and what each gets of it.

use std::collections::BTreeMap;

use crate::config::{Client, ClientName};
use crate::event::Event;
use crate::filter::{Audience, ClientFilters, FilterDigest};
use crate::ledger::Registration;
use crate::message::Message;
use crate::view::{ClientViews, View, ViewError};

/// All of them.
#[derive(Clone, Debug)]
pub struct FileClients {
    /// Their places in the file.
    places: BTreeMap<ClientName, usize>,
    filters: ClientFilters,
    views: ClientViews,
}

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct FileClient<'f> {
    file: &'f FileClients,
    place: usize,
    filter: &'f FilterDigest,
    view: &'f View,
}

impl FileClients {
    /// Those of a config.
    pub fn new(clients: &[Client]) -> Self {
        let places = clients.iter().enumerate().map(|(place, client)| (client.name.clone(), place));
        Self {
            places: places.collect(),
            filters: ClientFilters::new(clients),
            views: ClientViews::new(clients),
        }
    }

    /// The client of this name.
    pub fn get(&self, name: &ClientName) -> Option<FileClient<'_>> {
        let place = self.places.get(name)?;
        let (filter, view) = (self.filters.digest(*place)?, self.views.view(*place)?);
        Some(FileClient { file: self, place: *place, filter, view })
    }

    /// The client of this name, if the ledger knows it with the filter of this file. Another instance has another file: it
    /// decides what the client wants.
    pub fn agreed(&self, name: &ClientName, registration: &Registration) -> Option<FileClient<'_>> {
        self.get(name).filter(|client| *client.filter == registration.filter)
    }

    /// Who wants the event of `message`.
    pub fn audience(&self, message: &Message) -> Audience {
        self.filters.of_message(message)
    }
}

impl<'f> FileClient<'f> {
    /// What tells its filter from others.
    pub fn filter(self) -> &'f FilterDigest {
        self.filter
    }

    /// What it gets of each event. Clients that get the same have the same one.
    pub fn view(self) -> &'f View {
        self.view
    }

    /// Whether it is in the audience of an event.
    pub fn is_in(self, audience: Audience) -> bool {
        audience.includes(self.place)
    }

    /// Whether it wants an event of the table.
    pub fn wants(self, event: &Event) -> bool {
        self.file.filters.of_event(event).includes(self.place)
    }

    /// What it gets of the event of `message`.
    ///
    /// # Errors
    ///
    /// [`ViewError`] if the event has no such view.
    pub fn message(self, message: &Message) -> Result<Message, ViewError> {
        self.view.message(message)
    }
}
