//! What the fan-out does with one group's messages. (`docs/ledger.md`, "Fan-out", is the specification.)
//!
//! [`decide`] says the next [`Decision`] from everything that is known by then. The caller takes it and asks again:
//! after a look-up with what was seen, after a write by a new read. [`RunPlan::record`] says what to write once a run
//! was sent, [`UnrecordedSends`] keeps what was sent if that write is lost.

mod arrival;
mod client_run;
mod decision;
mod dropped_versions;
mod first_sight;
mod holes;
mod instants;
mod knowledge;
mod rows;
mod run;
mod run_event;
mod unrecorded_sends;

use super::cursors::{CursorWrite, transactions, transactions_with};
use super::erasures::DueNotices;
use super::pairs::{new_pairs, note_pairs};
use super::plausible::{self, LOOK_UP_LIMIT};
use super::{
    ClientId, First, GroupItem, Item, LastSent, Reading, Registry, RowHead, State, WRITE_LIMIT, Write, adopt,
    erasures, leaving, lowest_event, replay,
};
use crate::ids::{EventIdentity, IncarnationToken, ReplayId};

use self::client_run::Chain;
use self::dropped_versions::is_newer;
use self::first_sight::first_sight;
use self::instants::Instants;

pub use self::arrival::Arrival;
pub use self::client_run::{ClientEvent, ClientPosition, ClientRun};
pub use self::decision::{Decision, ImplausibleEvent, LookUp, PriorWrite};
pub use self::dropped_versions::DroppedVersions;
pub use self::holes::Holes;
pub use self::knowledge::{Answers, GroupKnowledge};
pub use self::rows::{Rows, TableEvent, WantedEvents};
pub use self::run::{EventRun, Record, RunPlan};
pub use self::run_event::{Reached, RunEvent};
pub use self::unrecorded_sends::UnrecordedSends;

/// How many writes of a group may fail in one invocation; then its messages are returned.
pub const TRIES: u32 = 8;

const UNREAD: &str = "the ledger could not be read";

/// The next step for a group. `fresh` gives values that were never given before.
pub fn decide(known: &GroupKnowledge<'_>, fresh: &mut dyn FnMut() -> u64) -> Decision {
    let registry = match known.registry {
        Reading::Present(registry) => registry,
        Reading::Missing => return Decision::Return("the ledger has no registry yet; catch-up makes it"),
        Reading::Unread => return Decision::Return(UNREAD),
    };
    let item = match known.item {
        Reading::Present(item) => item,
        Reading::Missing => return first_sight(known, registry, fresh),
        Reading::Unread => return Decision::Return(UNREAD),
    };
    if item.revision > registry.revision {
        return Decision::ReadAgain;
    }
    if item.revision < registry.revision {
        return apply_registry(known, registry, item, fresh);
    }
    if known.arrivals.is_empty() && !known.hints.is_empty() {
        return after_a_hint(known, registry, item, fresh);
    }
    if known.arrivals.iter().any(|arrival| arrival.is_again) && !known.has_written {
        return prove_that_writes_succeed(known, item);
    }
    match EventRun::plain(item, known) {
        Some(run) => plan_send(known, registry, item, run, fresh),
        None => look_up(known, registry, item, fresh),
    }
}

/// Who is served is settled by a write before the first send.
fn apply_registry(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let leaving = leaving(item, registry);
    if let Some(missing) = unread(leaving.iter().copied(), known.answers) {
        return missing;
    }
    let cursors = &known.answers.cursors;
    let transactions =
        adopt(known.group, item, false, registry, known.first_version, cursors, known.now, fresh);
    Decision::Write(before_sending(transactions, "membership changed"))
}

/// What was received before may have been sent before. A write proves that the ledger takes writes, and makes the write
/// of every older attempt fail.
fn prove_that_writes_succeed(known: &GroupKnowledge<'_>, item: &GroupItem) -> Decision {
    let transactions = transactions(known.group, item, false, item.clone(), Vec::new());
    Decision::Write(before_sending(transactions, "received again"))
}

/// An item of the aggregate was deleted. If the table has none of it any more, the incarnation is closed.
fn after_a_hint(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let nothing = Decision::Acknowledge(DroppedVersions::default());
    if item.closed.is_some() || erasures::wanting(registry).next().is_none() {
        return nothing;
    }
    match known.answers.is_empty {
        None => return Decision::LookUp(LookUp::Emptiness),
        Some(false) => return nothing,
        Some(true) => {}
    }
    // A filter of the source that leaves out everything by mistake must not make consumers delete what they have.
    match known.answers.first {
        None => return Decision::LookUp(LookUp::First(item.first.identity.clone())),
        Some(true) => return nothing,
        Some(false) => {}
    }
    if let Some(missing) = unread_to_be_told(known, registry, item) {
        return missing;
    }
    let due = due_notices(known, registry, item, fresh);
    let transactions = erasures::close(known.group, item, due, known.now);
    let settled = known.hints.to_vec();
    Decision::Write(PriorWrite { settled, ..before_sending(transactions, "the aggregate was erased") })
}

/// What has to be read before it can be said who is due a notice.
fn unread_to_be_told(known: &GroupKnowledge<'_>, registry: &Registry, item: &GroupItem) -> Option<Decision> {
    let wanting = erasures::wanting(registry).map(|client| client.id);
    unread(wanting.filter(|client| item.behind.contains(client)), known.answers)
}

/// Who is due a notice that the incarnation of `item` was erased.
fn due_notices(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> DueNotices {
    let (cursors, unrecorded) = (&known.answers.cursors, known.unrecorded);
    DueNotices::of(known.group, item, registry, cursors, unrecorded, known.now, fresh)
}

/// The events are read from the table: what the messages bring, what they leave out, and whether the incarnation lasts.
fn look_up(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    if item.closed.is_some() {
        return first_is_gone(known, registry, item, fresh);
    }
    // A jump is measured from the oldest event that is left. What is missing below it counts as holes all the same.
    let floor = item.version.max(item.first.version.saturating_sub(1));
    let is_far = |arrival: &&Arrival| {
        arrival.replay.is_none() && arrival.version.saturating_sub(floor) > LOOK_UP_LIMIT
    };
    let near = || known.arrivals.iter().filter(|arrival| !is_far(arrival));
    let to = near().map(|arrival| arrival.version).fold(item.version, i64::max);
    let is_later_incarnation = item.incarnation_number > 1;
    let brought = near().filter(|arrival| arrival.version > item.version);
    let wanted = WantedEvents {
        incarnation_number: item.incarnation_number,
        first: item.first.identity.clone(),
        after: item.version,
        to,
        is_open: is_later_incarnation,
        brought: brought.map(|arrival| (arrival.version, arrival.identity.clone())).collect(),
    };
    let nothing = Rows::default();
    let rows = if to == item.version && !is_later_incarnation {
        &nothing
    } else {
        match &known.answers.rows {
            Some(rows) if rows.answer(&wanted) => rows,
            _ => return Decision::LookUp(LookUp::Events(wanted)),
        }
    };
    // By now the rows are read: if the first event is still there, they are of this incarnation.
    match known.answers.first {
        None => return Decision::LookUp(LookUp::First(item.first.identity.clone())),
        Some(false) => return first_is_gone(known, registry, item, fresh),
        Some(true) => {}
    }
    if let Some(rejection) = Decision::reject(known.arrivals.iter().filter(is_far), floor) {
        return rejection;
    }

    let there: Vec<&Arrival> = known.arrivals.iter().filter(|arrival| rows.has(arrival)).collect();
    let newer = known.arrivals.iter().filter(|arrival| is_newer(arrival, item, known.now));
    let newer: Vec<EventIdentity> = newer.map(|arrival| arrival.identity.clone()).collect();
    if !newer.is_empty() && known.answers.newer.is_none() {
        return Decision::LookUp(LookUp::Newer(newer));
    }
    let plausible = plausible::reach(floor, rows.versions(), &resent(&there));
    let believed = there.iter().map(|arrival| arrival.version).filter(|version| *version <= plausible);
    let mut top = believed.fold(item.version, i64::max);
    if is_later_incarnation {
        top = rows.consecutive_from(top);
    }
    if top == item.version {
        let implausible = there.iter().copied().filter(|arrival| arrival.version > plausible);
        return Decision::reject(implausible, floor).unwrap_or_else(|| {
            nothing_to_send(known, registry, item, DroppedVersions::up_to(top, known, item, rows), fresh)
        });
    }
    let holes = Holes::between(item.version, top, rows.versions());
    if let Some(young) = holes.young(&there, known.arrivals, known.now) {
        return Decision::ReturnSoon(young);
    }
    let run = EventRun::looked_up(item, known.arrivals, rows, top);
    let dropped = DroppedVersions::up_to(run.end, known, item, rows);
    let pairs = new_pairs(item, dropped.unsent.iter().copied().chain(rows.pairs(item.version, run.end)));
    plan_send(known, registry, item, EventRun { dropped, pairs, ..run }, fresh)
}

/// A new incarnation, or only the oldest events were removed.
fn first_is_gone(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let Some(rows) = &known.answers.whole else { return Decision::LookUp(LookUp::Whole) };
    let there: Vec<&Arrival> = known.arrivals.iter().filter(|arrival| shows(rows, arrival)).collect();
    let plausible = highest_plausible(rows, item, &there);
    let (there, implausible): (Vec<&Arrival>, Vec<&Arrival>) =
        there.into_iter().partition(|arrival| arrival.version <= plausible);
    let lowest = lowest_event(rows).filter(|(version, _)| *version <= plausible);
    let (Some((version, lowest)), false) = (lowest, there.is_empty() && known.unrecorded.is_empty()) else {
        // Only a message of an event that is there tells how old a hole below is: its own, or a repair.
        let erased = known.arrivals.iter().filter(|arrival| arrival.version > item.version);
        return Decision::reject(implausible, plausible)
            .unwrap_or_else(|| Decision::Acknowledge(DroppedVersions::erased(erased)));
    };
    let holes = Holes::between(known.first_version - 1, version, [version]);
    if let Some(young) = holes.young(&there, known.arrivals, known.now) {
        return Decision::ReturnSoon(young);
    }
    let first = First { identity: lowest.identity.clone(), version };
    let lowest_at = Instants { own: lowest.time, streamed: None }.known_by(known.now);
    let begins_anew =
        item.closed.is_some() || version <= item.first.version || lowest_at.is_after(Instants::of_item(item));
    let (after, why) = if begins_anew {
        let incarnation_number = item.incarnation_number.saturating_add(1);
        let token = IncarnationToken::new(known.key, &first.identity, incarnation_number, Some(&item.token));
        let new = GroupItem {
            incarnation_number,
            token,
            version: known.first_version - 1,
            time: None,
            streamed_at: None,
            first,
            holes: Vec::new(),
            sent: LastSent::default(),
            closed: None,
            ..item.clone()
        };
        (new, "a new incarnation")
    } else {
        (GroupItem { first, ..item.clone() }, "the oldest events are gone")
    };
    // Of an incarnation that was closed, the clients are told already.
    let due = if begins_anew && item.closed.is_none() {
        if let Some(missing) = unread_to_be_told(known, registry, item) {
            return missing;
        }
        due_notices(known, registry, item, fresh)
    } else {
        DueNotices::default()
    };
    let transactions = transactions_with(known.group, item, false, after, due.cursors, due.receipts);
    Decision::Write(before_sending(transactions, why))
}

/// The highest version of `rows` that is believed: reached from the lowest, or from what was sent.
fn highest_plausible(rows: &[RowHead], item: &GroupItem, there: &[&Arrival]) -> i64 {
    let versions = || rows.iter().filter_map(|row| row.version);
    let resent = resent(there);
    plausible::highest(versions(), &resent).max(plausible::reach(item.version, versions(), &resent))
}

/// Everything is covered. What an operator sent again is repeated to every client.
fn nothing_to_send(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    dropped: DroppedVersions,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    if let Some(missing) = unread(unmerged(known, item), known.answers) {
        return missing;
    }
    let is_covered = |arrival: &&Arrival| arrival.version <= item.version;
    let replay = known
        .arrivals
        .iter()
        .filter(is_covered)
        .find_map(|arrival| Some((arrival, arrival.replay.as_ref()?)));
    if let Some((arrival, id)) = replay {
        return repeat(known, registry, item, arrival, id, fresh);
    }
    if let Some((transactions, pairs)) = note_pairs(known.group, item, dropped.unsent.iter().copied()) {
        return Decision::Write(PriorWrite {
            pairs,
            ..before_sending(transactions, "a version was used twice")
        });
    }
    match merges(known, item, fresh) {
        None => Decision::ReadAgain,
        Some(merges) if merges.is_empty() => Decision::Acknowledge(dropped),
        Some(merges) => {
            let writes: Vec<Write> = merges.into_iter().map(|merge| merge.write(known.group)).collect();
            let transactions = writes.chunks(WRITE_LIMIT).map(<[Write]>::to_vec).collect();
            Decision::Write(before_sending(transactions, "what was sent meanwhile"))
        }
    }
}

/// Every client that is not retired gets the group again, from the version of `arrival` on.
fn repeat(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    arrival: &Arrival,
    id: &ReplayId,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    let served: Vec<ClientId> = registry
        .clients
        .values()
        .filter(|client| client.state != State::Retired)
        .map(|client| client.id)
        .collect();
    let behind = served.iter().copied().filter(|client| item.behind.contains(client));
    if let Some(missing) = unread(behind, known.answers) {
        return missing;
    }
    let mut item = item.clone();
    let mut transactions = Vec::new();
    for client in served {
        let cursor = if item.behind.contains(&client) {
            match known.answers.cursors.get(&client) {
                Some(Some(cursor)) => Some(cursor),
                _ => return Decision::ReadAgain,
            }
        } else {
            None
        };
        let writes = replay::replay(
            known.group,
            &item,
            client,
            cursor,
            arrival.version,
            known.first_version,
            id,
            known.now,
            fresh,
        );
        let next = writes.iter().find_map(|write| match &write.item {
            Some(Item::Group(next)) => Some(GroupItem::clone(next)),
            _ => None,
        });
        if let Some(next) = next {
            item = next;
            transactions.push(writes);
        }
    }
    let settled = vec![arrival.number];
    Decision::Write(PriorWrite { settled, ..before_sending(transactions, "an operator sent it again") })
}

/// Who gets the run from where on, and who becomes behind without being tried.
fn plan_send(
    known: &GroupKnowledge<'_>,
    registry: &Registry,
    item: &GroupItem,
    run: EventRun,
    fresh: &mut dyn FnMut() -> u64,
) -> Decision {
    if let Some(missing) = unread(unmerged(known, item), known.answers) {
        return missing;
    }
    let Some(merges) = merges(known, item, fresh) else { return Decision::ReadAgain };
    let up_to_date = registry
        .clients
        .iter()
        .filter(|(_, client)| client.state != State::Retired && !item.behind.contains(&client.id));
    let mut chain = Chain::new(&item.token, known.first_version, &run.events, run.end, known.file);
    let clients = up_to_date.map(|(name, registration)| {
        let position = known.unrecorded.position(name, registration.id, item);
        match known.file.agreed(name, registration) {
            Some(client) if registration.state == State::Live && (known.is_reachable)(name) => {
                chain.sent(position, client)
            }
            client => chain.unsent(position, client),
        }
    });
    let clients = clients.collect();
    Decision::Send(Box::new(RunPlan { group: known.group.clone(), item: item.clone(), run, clients, merges }))
}

/// The clients that are behind now and got something by a send whose record was lost.
fn unmerged<'v>(known: &'v GroupKnowledge<'_>, item: &'v GroupItem) -> impl Iterator<Item = ClientId> + 'v {
    known.unrecorded.of(item).filter(|client| item.behind.contains(client))
}

/// What their cursors become. `None` if one is missing: it is up to date by now.
fn merges(
    known: &GroupKnowledge<'_>,
    item: &GroupItem,
    fresh: &mut dyn FnMut() -> u64,
) -> Option<Vec<CursorWrite>> {
    let mut merges = Vec::new();
    for client in unmerged(known, item) {
        let cursor = known.answers.cursors.get(&client)?.as_ref()?;
        if let Some(merged) = known.unrecorded.merge(client, item, cursor, fresh) {
            merges.push(CursorWrite::change(client, cursor, merged));
        }
    }
    Some(merges)
}

/// Writes that settle no message.
fn before_sending(transactions: Vec<Vec<Write>>, why: &'static str) -> PriorWrite {
    PriorWrite {
        transactions,
        settled: Vec::new(),
        dropped: DroppedVersions::default(),
        pairs: Vec::new(),
        why,
    }
}

/// The versions that an operator sends again: they are believed.
fn resent(arrivals: &[&Arrival]) -> Vec<i64> {
    let resent = arrivals.iter().filter(|arrival| arrival.replay.is_some());
    resent.map(|arrival| arrival.version).collect()
}

/// Whether `rows` have the arrival's event.
fn shows(rows: &[RowHead], arrival: &Arrival) -> bool {
    rows.iter().any(|row| row.version == Some(arrival.version) && row.identity == arrival.identity)
}

/// The look-up of those of `clients` whose cursors were not read yet.
fn unread(clients: impl Iterator<Item = ClientId>, answers: &Answers) -> Option<Decision> {
    let unread: Vec<ClientId> = clients.filter(|client| !answers.cursors.contains_key(client)).collect();
    (!unread.is_empty()).then_some(Decision::LookUp(LookUp::Cursors(unread)))
}

#[cfg(test)]
mod tests;
