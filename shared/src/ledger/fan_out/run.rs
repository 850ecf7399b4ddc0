//! A run, and what is written once it was sent.

use super::client_run::{ClientPosition, ClientRun};
use super::{Arrival, DroppedVersions, GroupKnowledge, Holes, Instants, Reached, Rows, RunEvent, TableEvent};
use crate::config::ClientName;
use crate::event::{Along, Event};
use crate::ids::Group;
use crate::ledger::cursors::{CursorWrite, transactions};
use crate::ledger::{EventTime, GroupItem, LastSent, UnsendableEvent, Write};
use crate::time::Timestamp;
use crate::view::ViewError;

/// The most events of one run. The next run begins where it was recorded.
const RUN_LIMIT: usize = 100;

/// Consecutive versions of a group, from the one after the item's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRun {
    /// Everything up to this version is settled by the run.
    pub end: i64,
    /// The events to send, in order, at most 100.
    pub events: Vec<RunEvent>,
    /// What is passed over because nothing has it.
    pub holes: Holes,
    /// What is passed over because the table's event can never be sent: each gets a rejection.
    pub rejected: Vec<UnsendableEvent>,
    /// The numbers of the arrivals that are settled when the run is recorded.
    pub settled: Vec<usize>,
    /// What is not sent of them.
    pub dropped: DroppedVersions,
    /// Its versions that two events have, as far as the group's item does not say so yet.
    pub pairs: Vec<i64>,
    /// Whether nothing is left to do for the arrivals then.
    pub is_last: bool,
}

/// A run and who gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// The group.
    pub group: Group,
    /// Its item, as it was read.
    pub item: GroupItem,
    /// What is sent.
    pub run: EventRun,
    /// The clients that are up to date, by name, with what each gets.
    pub clients: Vec<ClientRun>,
    pub(super) merges: Vec<CursorWrite>,
}

/// What is written after a run was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// In order, each on condition that the one before it was written.
    pub transactions: Vec<Vec<Write>>,
    /// Who becomes behind by it, and what it has.
    pub became_behind: Vec<ClientPosition>,
}

impl EventRun {
    /// The run of the plain case, which needs no look into the table. `None` if this is not the plain case.
    pub(super) fn plain(item: &GroupItem, known: &GroupKnowledge<'_>) -> Option<Self> {
        let arrivals = known.arrivals;
        // What reconcile, catch-up or an operator sends can be of another incarnation.
        let is_plain = |arrival: &Arrival| !arrival.is_again && arrival.written.is_some();
        if item.incarnation_number != 1
            || item.closed.is_some()
            || arrivals.is_empty()
            || !arrivals.iter().all(is_plain)
        {
            return None;
        }
        let mut sorted: Vec<&Arrival> = arrivals.iter().collect();
        sorted.sort_by_key(|arrival| arrival.version);
        sorted.dedup_by(|next, last| (next.version, &next.identity) == (last.version, &last.identity));

        let mut events: Vec<RunEvent> = Vec::with_capacity(sorted.len());
        let (mut end, mut latest) = (item.version, Instants::of_item(item));
        for arrival in sorted {
            let is_next = end.checked_add(1) == Some(arrival.version);
            let at = Instants::of_arrival(arrival, known.now);
            let is_first = arrival.identity == item.first.identity;
            let is_of_this_incarnation =
                is_first || (arrival.version > known.first_version && at.goes_on_from(latest));
            if !is_next || !is_of_this_incarnation {
                return None;
            }
            (end, latest) = (arrival.version, latest.max(at));
            events.push(RunEvent::brought(arrival, arrival.time));
        }
        Some(Self {
            end,
            events,
            holes: Holes::default(),
            rejected: Vec::new(),
            settled: arrivals.iter().map(|arrival| arrival.number).collect(),
            dropped: DroppedVersions::default(),
            pairs: Vec::new(),
            is_last: true,
        })
    }

    /// What the table shows up to version `top`, as much of it as makes one run. What an arrival brings
    /// is taken from there.
    pub(super) fn looked_up(item: &GroupItem, arrivals: &[Arrival], rows: &Rows, top: i64) -> Self {
        let (mut events, mut rejected) = (Vec::new(), Vec::new());
        let mut end = top;
        let mut last = item.version;
        for (version, TableEvent { identity, time, event }) in rows.between(item.version, top) {
            let brings = |arrival: &&Arrival| arrival.version == version && arrival.identity == *identity;
            let arrival = arrivals.iter().find(brings);
            if events.len() == RUN_LIMIT || (arrival.is_none() && event.is_none()) {
                end = last;
                break;
            }
            match (arrival, event) {
                (Some(arrival), _) => events.push(RunEvent::brought(arrival, *time)),
                (None, Some(Ok(event))) => {
                    events.push(RunEvent::of_table(event, version, *time));
                }
                (None, Some(Err(why))) => {
                    rejected.push(UnsendableEvent { version, identity: identity.clone(), why: why.clone() });
                }
                (None, None) => {}
            }
            last = version;
        }
        // What is not in the table is dropped. What an operator sent again and is covered is repeated afterwards.
        let is_settled = |arrival: &Arrival| {
            if arrival.version <= item.version {
                arrival.replay.is_none()
            } else {
                arrival.version <= end || !rows.has(arrival)
            }
        };
        let settled = arrivals.iter().filter(|arrival| is_settled(arrival));
        let settled: Vec<usize> = settled.map(|arrival| arrival.number).collect();
        Self {
            end,
            holes: Holes::between(item.version, end, rows.versions()),
            is_last: end == top && settled.len() == arrivals.len(),
            events,
            rejected,
            settled,
            dropped: DroppedVersions::default(),
            pairs: Vec::new(),
        }
    }

    /// How many events no message brought.
    pub fn from_table(&self) -> usize {
        self.events.iter().filter(|event| event.arrival.is_none()).count()
    }
}

impl RunEvent {
    fn brought(arrival: &Arrival, time: Option<EventTime>) -> Self {
        Self {
            version: arrival.version,
            time,
            message: arrival.message.clone(),
            streamed_at: arrival.streamed_at,
            arrival: Some(arrival.number),
        }
    }

    fn of_table(event: &Event, version: i64, time: Option<EventTime>) -> Self {
        let message = event.message(Along::default());
        Self { version, time, message, streamed_at: None, arrival: None }
    }
}

impl RunPlan {
    /// What the client of this name is sent, if it is sent anything.
    pub fn tried(&self, name: &ClientName) -> Option<&ClientRun> {
        self.client(name).filter(|run| !run.events.is_empty())
    }

    /// Why the client of this name is not sent all that it wants, if an event has no view for it.
    pub fn view_error(&self, name: &ClientName) -> Option<&ViewError> {
        self.client(name)?.view_error.as_ref()
    }

    fn client(&self, name: &ClientName) -> Option<&ClientRun> {
        let place = self.clients.binary_search_by(|run| run.position.name.cmp(name)).ok()?;
        self.clients.get(place)
    }

    /// What is written when the run has brought clients as far as `reached`. Who is not in it took nothing.
    pub fn record(&self, reached: &Reached, now: Timestamp, fresh: &mut dyn FnMut() -> u64) -> Record {
        let clients = self.clients.iter().map(|run| run.after(reached));
        let (up_to_date, became_behind): (Vec<ClientPosition>, Vec<ClientPosition>) =
            clients.partition(|client| client.has >= self.run.end);
        let mut cursors = self.merges.clone();
        let incarnation_number = self.item.incarnation_number;
        cursors.extend(became_behind.iter().map(|client| {
            CursorWrite::new(client.client, incarnation_number, client.has, client.last, now, fresh)
        }));
        let last = self.run.events.last().map_or(self.item.sent.last(), |event| Some(event.version));
        let own = up_to_date.iter().map(|client| (client.client, client.last));
        let sent = LastSent::new(last, own);
        let mut after = GroupItem { version: self.run.end, sent, ..self.item.clone() };
        // The latest, not the last: writers' clocks differ, and no event of this incarnation must look newer than it.
        let instants = self.run.events.iter().map(|event| Instants::of_event(event, now));
        Instants { own: after.time, streamed: after.streamed_at } =
            instants.fold(Instants::of_item(&self.item), Instants::max);
        // When the stream recorded the last event, the table does not say; what the stream shows of it later is not
        // newer.
        if self.run.events.last().is_some_and(|last| last.streamed_at.is_none()) {
            after.streamed_at = None;
        }
        self.run.holes.add_to(&mut after.holes);
        after.pairs.extend(&self.run.pairs);
        let transactions = transactions(&self.group, &self.item, false, after, cursors);
        Record { transactions, became_behind }
    }
}
