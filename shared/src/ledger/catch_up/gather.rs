//! The events that a client still needs, read newest first, and the run made of them.

use std::collections::BTreeMap;

use super::Task;
use crate::event::{Along, Event};
use crate::file_clients::FileClient;
use crate::ids::{EventIdentity, IncarnationToken};
use crate::ledger::{LastVersion, Repetition, Row, UnsendableEvent};
use crate::message::{ChainLink, Message};
use crate::send::Carrier;
use crate::time::Timestamp;

/// The most events of a group that a pass sends; the next pass goes on.
pub const VERSIONS_LIMIT: usize = 1_000;

/// Events that the client needs, gathered from pages that come newest first.
///
/// Bounded: of too many events the lowest are kept.
#[derive(Debug)]
pub struct NeededEvents<'f> {
    client: FileClient<'f>,
    position: i64,
    /// The group's version: what is above is the fan-out's business.
    version: i64,
    /// No event above it is kept.
    top: i64,
    holes: Vec<i64>,
    incarnation: IncarnationToken,
    replay: Option<Repetition>,
    last: LastVersion,
    first_version: i64,
    kept: BTreeMap<i64, Kept>,
    bytes: usize,
    bytes_limit: usize,
    lowest: Option<(i64, Event)>,
    has_seen_lower: bool,
    has_seen_any: bool,
}

/// An event of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedEvent {
    /// Its version.
    pub version: i64,
    /// Its message to the client's queue.
    pub message: Message,
}

impl Carrier for PlannedEvent {
    fn message(&self) -> &Message {
        &self.message
    }
}

/// What a pass does in a group.
#[derive(Debug)]
pub struct Plan {
    /// About these there is a rejection first. They are passed over.
    pub rejected: Vec<UnsendableEvent>,
    /// The run, in order.
    pub events: Vec<PlannedEvent>,
    /// The client has everything up to this version when all that is done.
    pub end: i64,
}

#[derive(Debug)]
enum Kept {
    Event(Event),
    /// The client doesn't want it: it is passed over.
    Unwanted,
    Rejected {
        identity: EventIdentity,
        why: String,
    },
}

impl<'f> NeededEvents<'f> {
    /// Nothing yet of what `client` needs. At most `bytes_limit` bytes of messages are kept, but always one message.
    pub fn new(task: &Task, client: FileClient<'f>, bytes_limit: usize) -> Self {
        Self {
            client,
            position: task.position(),
            version: task.item.version,
            top: task.item.version,
            holes: task.item.holes.clone(),
            incarnation: task.item.token.clone(),
            replay: task.replay().cloned(),
            last: task.last(),
            first_version: task.first_version,
            kept: BTreeMap::new(),
            bytes: 0,
            bytes_limit,
            lowest: None,
            has_seen_lower: false,
            has_seen_any: false,
        }
    }

    /// Takes in rows of the group.
    pub fn take(&mut self, rows: Vec<Row>) {
        self.has_seen_any |= !rows.is_empty();
        for row in rows {
            let Some(version) = row.head.version else { continue };
            self.has_seen_lower |= version <= self.position;
            let is_needed = self.position < version && version <= self.top;
            match row.event {
                Ok(event) => {
                    if is_needed {
                        let wants = self.client.wants(&event);
                        self.keep(version, if wants { Kept::Event(event.clone()) } else { Kept::Unwanted });
                    }
                    if version <= self.version
                        && self.lowest.as_ref().is_none_or(|(lowest, _)| version <= *lowest)
                    {
                        self.lowest = Some((version, event));
                    }
                }
                Err(why) if is_needed && !self.kept.contains_key(&version) => {
                    self.keep(version, Kept::Rejected { identity: row.head.identity, why });
                }
                Err(_) => {}
            }
        }
    }

    /// Whether all events are here that can be: no older page is needed. Of several events with one version, the one
    /// with the lowest sort key is sent, which comes last.
    pub fn is_complete(&self) -> bool {
        let is_hole = |version: &i64| self.holes.contains(version);
        let needed = self.top.saturating_sub(self.position).max(0);
        let given_up = self.holes.iter().filter(|hole| self.position < **hole && **hole <= self.top).count();
        let here = self.kept.keys().filter(|version| !is_hole(version)).count();
        let has_all = usize::try_from(needed).is_ok_and(|needed| here + given_up >= needed);
        has_all && (needed == 0 || self.has_seen_lower)
    }

    /// Whether the table had anything of the aggregate, sendable or not, of whatever version.
    pub fn has_seen_any(&self) -> bool {
        self.has_seen_any
    }

    /// The lowest event of all up to the group's version that can be sent, whether it is needed or not.
    pub fn into_lowest(self) -> Option<Event> {
        self.lowest.map(|(_, event)| event)
    }

    /// The run. Versions that are not here are holes: none is waited for.
    ///
    /// It ends before an event that can't be sent, unless that comes first: so there is a rejection about it only when
    /// it is passed over.
    pub fn plan(self, now: Timestamp) -> Plan {
        let mut plan = Plan { rejected: Vec::new(), events: Vec::new(), end: self.top };
        let (replay, first_version) = (self.replay.as_ref(), self.first_version);
        let mut last = self.last;
        for (version, kept) in self.kept {
            let message = match kept {
                Kept::Event(event) => {
                    let repeated = replay.filter(|repeated| repeated.repeats(version, now));
                    let previous_version = last.unwrap_or(first_version - 1);
                    let along = Along {
                        chain: Some(ChainLink { incarnation: &self.incarnation, previous_version }),
                        replay: repeated.map(|repeated| &repeated.id),
                        ..Along::default()
                    };
                    let message = self.client.message(&event.message(along));
                    message.map_err(|error| (event.identity().clone(), error.to_string()))
                }
                Kept::Unwanted => continue,
                Kept::Rejected { identity, why } => Err((identity, why)),
            };
            match message {
                Ok(message) => {
                    plan.events.push(PlannedEvent { version, message });
                    last = Some(version);
                }
                Err((identity, why)) if plan.events.is_empty() => {
                    plan.rejected.push(UnsendableEvent { version, identity, why });
                }
                Err(_) => {
                    plan.end = version - 1;
                    break;
                }
            }
        }
        plan
    }

    fn keep(&mut self, version: i64, kept: Kept) {
        self.bytes += kept.size();
        if let Some(before) = self.kept.insert(version, kept) {
            self.bytes -= before.size();
        }
        while self.kept.len() > 1 && (self.kept.len() > VERSIONS_LIMIT || self.bytes > self.bytes_limit) {
            let Some((highest, dropped)) = self.kept.pop_last() else { break };
            self.bytes -= dropped.size();
            self.top = highest - 1;
        }
    }
}

impl Plan {
    /// Of a closed group: the client is told.
    pub fn of_notice(task: &Task) -> Self {
        let notice = task.notice();
        let events = notice.map(|notice| PlannedEvent { version: notice.version, message: notice.message() });
        let events: Vec<PlannedEvent> = events.into_iter().collect();
        let end = events.first().map_or(task.item.version, |notice| notice.version);
        Self { rejected: Vec::new(), events, end }
    }

    /// Up to which version the client has everything when `next` is the first event of the run that was not accepted;
    /// all of it, if there is none.
    pub fn reached(&self, next: Option<&PlannedEvent>) -> i64 {
        next.map_or(self.end, |next| next.version - 1)
    }

    /// Takes the run away, and ends the plan before `version`: an event that can't be sent, and has no rejection yet.
    pub fn end_before(&mut self, version: i64) {
        self.end = version - 1;
        self.events.clear();
    }
}

impl Kept {
    /// In bytes, as far as it matters.
    fn size(&self) -> usize {
        match self {
            Self::Event(event) => event.size(),
            Self::Unwanted => 0,
            Self::Rejected { why, .. } => why.len(),
        }
    }
}
