//! Whether a client has received every event that it wants, in order, once and unchanged, or as its view has it.

mod expected;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::event::Event;
use crate::json::{Json, Number};

pub use expected::ExpectedEvents;

/// The most findings of one client that are kept word for word; all are counted.
const KEPT: usize = 20;

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
    /// Whose check it is; empty: of a client that gets every event as it is.
    client: String,
    /// Whether the client gets events as they are.
    is_whole: bool,
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
    /// Events expected: what was written and is wanted.
    pub expected: usize,
    /// Groups seen.
    pub groups: usize,
    /// Events not received.
    pub missing: usize,
    /// Events received after a later one of their mark.
    pub out_of_order: usize,
    /// Events received again.
    pub duplicates: usize,
    /// Messages that are not what was written and wanted: body, attributes or group.
    pub differing: usize,
    /// The first findings, in words.
    pub findings: Vec<String>,
}

impl<'e> Check<'e> {
    /// A check of whether everything that is `expected` comes as it is.
    pub fn new(expected: &'e ExpectedEvents) -> Self {
        Self::of_client(expected, "")
    }

    /// A check of whether what is `expected` of the client called `client` comes.
    pub fn of_client(expected: &'e ExpectedEvents, client: &str) -> Self {
        Self {
            expected,
            client: client.to_owned(),
            is_whole: expected.is_whole(client),
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
        let body = match Json::parse_body(&received.body) {
            Ok(body) => body,
            Err(error) => {
                self.differs(format!("a body of group `{}` {error}", received.group));
                return None;
            }
        };
        // A view may leave the id out.
        let in_body = body.at(&["eventId"]).and_then(Json::as_text);
        let id = if self.is_whole { in_body } else { received.event_id.as_deref() }.unwrap_or_default();
        let Some((index, place, event)) = self.expected.find(id) else {
            self.differs(format!("the event `{id}` of group `{}` was never written", received.group));
            return None;
        };
        let name = format!("version {} of `{}`", event.version, event.mark);
        if !self.expected.is_wanted(&self.client, index) {
            self.differs(format!("{name} came, though the client does not want it"));
            return None;
        }
        if !self.seen.insert(index) {
            self.duplicates += 1;
            self.note(format!("{name} came again"));
            return None;
        }
        if let Some(wrong) = self.wrong_body(index, &body, event) {
            self.differs(format!("{name}: {wrong}"));
        }
        self.compare_attributes(&name, received, event);
        self.place(&name, received, place, event);
        Some(index)
    }

    /// How many different events were received.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Whether everything that is wanted but the events `not_written` (by number) has been received.
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
        let indexes = (0..self.expected.len())
            .filter(move |index| !self.seen.contains(index) && !not_written.contains(index))
            .filter(|index| self.expected.is_wanted(&self.client, *index));
        indexes.filter_map(|index| self.expected.event(index))
    }

    fn wrong_body(&self, index: usize, body: &Json, event: &Event) -> Option<String> {
        let Some(view) = self.expected.view(&self.client, index) else {
            let path = event.item.first_difference(body)?;
            return Some(format!("the body differs from what was written at `{path}`"));
        };
        // What the functions' code makes of an event is JSON.
        let view = Json::parse_body(view).unwrap_or(Json::Null);
        let path = view.first_difference(body)?;
        Some(format!("the body differs from the client's view at `{path}`"))
    }

    fn compare_attributes(&mut self, name: &str, received: &ReceivedEvent, event: &Event) {
        let differing = |attribute: &str, found: &Option<String>| match found {
            Some(found) => format!("{name}: the attribute `{attribute}` is `{found}`"),
            None => format!("{name}: there is no attribute `{attribute}`"),
        };
        if received.event_id.as_deref() != Some(event.id.as_str()) {
            self.differs(differing("eventId", &received.event_id));
        }
        if received.version.as_ref().map(Number::new).as_ref() != Some(&event.version) {
            self.differs(differing("version", &received.version));
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
    /// Whether the client has every event that it wants, in order, once and unchanged.
    pub fn is_good(&self) -> bool {
        self.missing + self.out_of_order + self.duplicates + self.differing == 0
    }
}

#[cfg(test)]
mod tests;
