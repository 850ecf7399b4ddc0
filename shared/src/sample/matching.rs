//! Which clients would get the items of a sample, and why others would not.

use super::item::{ItemOutcome, ItemReader, shown};
use crate::config::Config;
use crate::event::Event;
use crate::filter::ClientFilters;
use crate::pattern::Subject;

/// What would become of an item that is new in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchedItem {
    /// An event.
    Event {
        /// The event.
        event: Box<Event>,
        /// The clients that don't want it, in the order of the config; all others get it.
        unwanted_by: Vec<UnwantedBy>,
    },
    /// No event: the source's filter passes it over, and why.
    Skipped(String),
    /// It would be rejected, and why.
    Rejected(String),
}

/// A client that doesn't want an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnwantedBy {
    /// The client's place in the config.
    pub place: usize,
    /// The first field that says no, and why; of an `$or`, the first of each branch.
    pub reason: String,
}

/// Which clients of `config` get each of `items`, which are in DynamoDB's JSON.
pub fn match_items(config: &Config, items: &[String]) -> Vec<MatchedItem> {
    let reader = ItemReader::new(&config.source);
    let filters = ClientFilters::new(&config.clients);
    let unwanted_by = |event: &Event| -> Vec<UnwantedBy> {
        let (subject, audience) = (Subject::from(event), filters.of_event(event));
        let unwanting = (0..config.clients.len()).filter(|place| !audience.includes(*place));
        unwanting.map(|place| UnwantedBy { place, reason: shown(&filters.explain(place, subject)) }).collect()
    };
    let matched = items.iter().map(|item| match reader.item(item).outcome {
        ItemOutcome::Event(event) => {
            MatchedItem::Event { unwanted_by: unwanted_by(&event), event: Box::new(event) }
        }
        ItemOutcome::Skipped(reason) => MatchedItem::Skipped(reason),
        ItemOutcome::Rejected(unsendable) => MatchedItem::Rejected(unsendable.to_string()),
    });
    matched.collect()
}
