//! Whether a client has received every event, in order, once and unchanged.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::event::Event;
use crate::json::{Json, Number};

/// The most findings of one client that are kept word for word; all are counted.
const KEPT: usize = 20;

/// What was written, to compare with what is received.
#[derive(Debug)]
pub struct ExpectedEvents {
    events: Vec<Event>,
    /// The number of each event among those of its mark, counted from 0; as long as `events`.
    places: Vec<usize>,
    by_id: HashMap<String, usize>,
}

/// A message as a client received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedEvent {
    /// The `MessageGroupId`.
    pub group: String,
    /// The attribute `eventId`.
    pub event_id: Option<String>,
    /// The attribute `version`.
    pub version: Option<String>,
    /// The body.
    pub body: String,
}

/// One client's check. It takes every message in the order of receipt.
#[derive(Debug)]
pub struct Check<'e> {
    expected: &'e ExpectedEvents,
    seen: HashSet<usize>,
    /// Each mark's group, and the furthest of its events that was seen.
    marks: HashMap<&'e str, (String, usize)>,
    /// The mark of each group.
    groups: HashMap<String, &'e str>,
    duplicates: usize,
    out_of_order: usize,
    differing: usize,
    findings: Vec<String>,
}

/// What a client received, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Different events received, of those expected.
    pub events: usize,
    /// Events expected.
    pub expected: usize,
    /// Groups seen.
    pub groups: usize,
    /// Events not received.
    pub missing: usize,
    /// Events received after a later one of their mark.
    pub out_of_order: usize,
    /// Events received again.
    pub duplicates: usize,
    /// Messages that are not what was written: body, attributes or group.
    pub differing: usize,
    /// The first findings, in words.
    pub findings: Vec<String>,
}

impl ExpectedEvents {
    /// Expects `events`; those of one mark in this order.
    pub fn new(events: Vec<Event>) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut places = Vec::with_capacity(events.len());
        for event in &events {
            let count = counts.entry(&event.mark).or_default();
            places.push(*count);
            *count += 1;
        }
        let by_id = events.iter().enumerate().map(|(index, event)| (event.id.clone(), index)).collect();
        Self { events, places, by_id }
    }

    /// The events, in the order of [`ExpectedEvents::new`].
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn find(&self, id: &str) -> Option<(usize, usize, &Event)> {
        let index = *self.by_id.get(id)?;
        Some((index, *self.places.get(index)?, self.events.get(index)?))
    }
}

impl<'e> Check<'e> {
    /// A check against `expected`.
    pub fn new(expected: &'e ExpectedEvents) -> Self {
        Self {
            expected,
            seen: HashSet::new(),
            marks: HashMap::new(),
            groups: HashMap::new(),
            duplicates: 0,
            out_of_order: 0,
            differing: 0,
            findings: Vec::new(),
        }
    }

    /// Takes the next message. Returns the number of its event among all expected ones if it was not seen before.
    pub fn take(&mut self, received: &ReceivedEvent) -> Option<usize> {
        let body = match Json::parse(&received.body) {
            Ok(body) => body,
            Err(error) => {
                self.differs(format!("a body of group `{}` {error}", received.group));
                return None;
            }
        };
        let id = body.at(&["eventId"]).and_then(Json::as_text).unwrap_or_default();
        let Some((index, place, event)) = self.expected.find(id) else {
            self.differs(format!("the event `{id}` of group `{}` was never written", received.group));
            return None;
        };
        let name = format!("version {} of `{}`", event.version, event.mark);
        if !self.seen.insert(index) {
            self.duplicates += 1;
            self.note(format!("{name} came again"));
            return None;
        }
        self.compare(&name, received, &body, event);
        self.place(&name, received, place, event);
        Some(index)
    }

    /// How many different events were received.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Whether everything but the events `not_written` (by number) has been received.
    pub fn is_complete(&self, not_written: &HashSet<usize>) -> bool {
        self.missing(not_written).next().is_none()
    }

    /// The verdict, when nothing more will come; the events `not_written` (by number) are not expected.
    pub fn verdict(&self, not_written: &HashSet<usize>) -> Verdict {
        let mut missing = 0;
        let mut by_mark: BTreeMap<&str, Vec<&Number>> = BTreeMap::new();
        for event in self.missing(not_written) {
            missing += 1;
            by_mark.entry(&event.mark).or_default().push(&event.version);
        }
        let mut findings = self.findings.clone();
        for (mark, versions) in by_mark.into_iter().take(KEPT) {
            let listed: Vec<&str> = versions.iter().take(5).map(|version| version.as_str()).collect();
            let more = versions.len().saturating_sub(listed.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            findings.push(format!("missing of `{mark}`: version {}{more}", listed.join(", ")));
        }
        Verdict {
            events: self.seen.len(),
            expected: self.seen.len() + missing,
            groups: self.groups.len(),
            missing,
            out_of_order: self.out_of_order,
            duplicates: self.duplicates,
            differing: self.differing,
            findings,
        }
    }

    fn missing<'s>(&'s self, not_written: &'s HashSet<usize>) -> impl Iterator<Item = &'e Event> + 's {
        let events = self.expected.events.iter().enumerate();
        events
            .filter(move |(index, _)| !self.seen.contains(index) && !not_written.contains(index))
            .map(|(_, event)| event)
    }

    fn compare(&mut self, name: &str, received: &ReceivedEvent, body: &Json, event: &Event) {
        if let Some(path) = event.item.first_difference(body) {
            self.differs(format!("{name}: the body differs from what was written at `{path}`"));
        }
        if received.event_id.as_deref() != Some(event.id.as_str()) {
            self.differs(format!("{name}: the attribute `eventId` is {:?}", received.event_id));
        }
        if received.version.as_ref().map(Number::new).as_ref() != Some(&event.version) {
            self.differs(format!("{name}: the attribute `version` is {:?}", received.version));
        }
    }

    fn place(&mut self, name: &str, received: &ReceivedEvent, place: usize, event: &'e Event) {
        let mark = event.mark.as_str();
        let group = received.group.clone();
        if *self.groups.entry(group.clone()).or_insert(mark) != mark {
            self.differs(format!("{name} is in the group `{group}` of another mark"));
        }
        let (of_mark, furthest) = self.marks.entry(mark).or_insert_with(|| (group.clone(), place));
        let (is_late, is_elsewhere) = (place < *furthest, *of_mark != group);
        *furthest = place.max(*furthest);
        if is_late {
            self.out_of_order += 1;
            self.note(format!("{name} came after a later one"));
        }
        if is_elsewhere {
            self.differs(format!("{name} is in the group `{group}`, unlike the mark's first event"));
        }
    }

    fn differs(&mut self, finding: String) {
        self.differing += 1;
        self.note(finding);
    }

    fn note(&mut self, finding: String) {
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        }
    }
}

impl Verdict {
    /// Whether the client has every event, in order, once and unchanged.
    pub fn is_good(&self) -> bool {
        self.missing + self.out_of_order + self.duplicates + self.differing == 0
    }
}

#[cfg(test)]
mod tests;
