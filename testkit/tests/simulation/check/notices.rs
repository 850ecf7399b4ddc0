//! Each client that is due a notice gets one for each incarnation that ended: after all that it got of it, and before
//! anything of the next.

use std::time::Duration;

use shared::consumer::{ConsumerSettings, ReceivedMessage, Start, Verdict, decide};
use shared::ledger::{Item, ItemKey, State};
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::notices::{NOTICES, NoticeArrival};
use crate::observed::{Arrival, Fate, Observed};
use crate::world::World;

/// Kinds of trouble in which a sender may leave unrecorded what it sent: a filtered client is not due a notice then.
const UNRECORDED: [Kind; 16] = [
    Kind::ClientSlow,
    Kind::Crash,
    Kind::Stall,
    Kind::SlowCalls,
    Kind::SendUnknown,
    Kind::Twice,
    Kind::LateInvocation,
    Kind::AnswerLost,
    Kind::LedgerReads,
    Kind::LedgerRefuses,
    Kind::LedgerUnknown,
    Kind::LedgerOutage,
    Kind::TableReads,
    Kind::Overlap,
    Kind::Replay,
    Kind::Purged,
];

impl World {
    pub(crate) fn check_notices(&self) {
        if !self.mix.has(Kind::Notices) {
            return;
        }
        for group in 0..self.source.borrow().groups.len() {
            self.check_closed_group(group);
            for client in (0..NAMES.len()).filter(|client| NOTICES[*client]) {
                self.check_told(client, group);
                self.check_forgetting(client, group);
            }
        }
        self.check_receipts();
    }

    /// A group that is erased, and of which the stream showed that, is closed.
    fn check_closed_group(&self, group: usize) {
        let source = self.source.borrow();
        let aggregate = &source.groups[group];
        // One whose version is far too high is an event, too: while it is there, the aggregate is not erased.
        let is_gone = aggregate.known.iter().all(|known| known.deleted.is_some())
            && aggregate.far.iter().all(|far| far.deleted);
        let hinted =
            aggregate.erased_at.is_some_and(|erased| aggregate.hinted_at.is_some_and(|at| at >= erased));
        let is_wanted = match self.ledger.get(&ItemKey::Registry) {
            Some(Item::Registry(registry)) => {
                registry.clients.values().any(|client| client.erasures && client.state != State::Retired)
            }
            _ => false,
        };
        let key = ItemKey::Group(aggregate.group.clone());
        // Of one that was made after the hint, nothing was sent: the events are not in the table.
        let is_open = matches!(
            self.ledger.get(&key),
            Some(Item::Group(item)) if item.closed.is_none() && item.version >= self.mix.first_version()
        );
        let is_early = is_before_registrations(&self.observed.borrow(), aggregate.hinted_at);
        if is_gone && hinted && is_wanted && is_open && !is_early {
            self.violated(|| format!("notice: {} was erased, and its group is open", ["a", "b"][group]));
        }
    }

    /// Of each incarnation that ended, the client is told once, in its place among what it got.
    fn check_told(&self, client: usize, group: usize) {
        let observed = self.observed.borrow();
        let (name, aggregate) = (NAMES[client], ["a", "b"][group]);
        let is_served = observed.served(client).is_some() && observed.registered[client].len() == 1;
        let may_be_unrecorded = self.mix.has_any(&UNRECORDED);
        let is_enqueued = |arrival: &&Arrival| {
            (arrival.client, arrival.event.group) == (client, group) && arrival.fate == Fate::Enqueued
        };
        let incarnations = observed.incarnations.get(&group).map(Vec::as_slice).unwrap_or_default();
        for (place, incarnation) in incarnations.iter().enumerate() {
            let token = incarnation.token.as_str();
            let is_own = |arrival: &&Arrival| is_enqueued(arrival) && arrival.token == token;
            let told = observed.notices.iter().filter(|notice| {
                (notice.client, notice.group) == (client, group)
                    && notice.token == token
                    && notice.fate != Fate::Swallowed
            });
            let told: Vec<&NoticeArrival> = told.collect();
            let got = observed.arrivals.iter().any(|arrival| is_own(&arrival));
            let is_of_a_later_one =
                |token: &str| incarnations[place + 1..].iter().any(|later| later.token.as_str() == token);
            let is_admitted = self.mix.has(Kind::Filtered) && may_be_unrecorded;
            if is_served && incarnation.is_over && got && told.is_empty() && !is_admitted {
                self.violated(|| format!("notice: {name} is never told that {aggregate} {token} was erased"));
            }
            let first = told.iter().filter(|notice| !notice.is_replayed).count();
            if first > 1 && !may_be_unrecorded {
                self.violated(|| format!("notice: {name} is told of one erasure {first} times"));
            }
            let Some(notice) = told.first() else { continue };
            let (before, after) = observed.arrivals.split_at(notice.after);
            let is_repeated =
                |late: &Arrival| before.iter().any(|arrival| is_own(&arrival) && arrival.event == late.event);
            let mut late = after.iter().filter(is_own);
            if let Some(late) = late.find(|late| !may_be_unrecorded || !is_repeated(late)) {
                self.violated(|| {
                    format!(
                        "notice: {name} got {} after it was told that its aggregate was erased",
                        late.event
                    )
                });
            }
            let mut before = before.iter().filter(is_enqueued);
            if let Some(early) = before.find(|arrival| is_of_a_later_one(&arrival.token)) {
                self.violated(|| {
                    format!("notice: {name} got {} before it was told of the erasure of {token}", early.event)
                });
            }
        }
    }

    /// A consumer that follows the rule has nothing left of an aggregate that was erased, if it was told.
    fn check_forgetting(&self, client: usize, group: usize) {
        let settings = ConsumerSettings {
            first_version: self.source.borrow().first_version,
            start: Start::FromTheBeginning,
        };
        let observed = self.observed.borrow();
        if observed.registered[client].len() != 1 || self.mix.has(Kind::QueueDeleted) {
            return;
        }
        let Some((_, item)) = self.group_item(group).filter(|(_, item)| item.closed.is_some()) else {
            return;
        };
        let mut messages: Vec<(usize, bool, &ReceivedMessage)> = Vec::new();
        for (place, arrival) in observed.arrivals.iter().enumerate() {
            if (arrival.client, arrival.event.group) == (client, group) && arrival.fate == Fate::Enqueued {
                messages.push((place, true, &arrival.message));
            }
        }
        for notice in &observed.notices {
            if (notice.client, notice.group) == (client, group) && notice.fate == Fate::Enqueued {
                messages.push((notice.after, false, &notice.message));
            }
        }
        messages.sort_by_key(|(place, is_event, _)| (*place, *is_event));
        let (mut state, mut has_data) = (None, false);
        for (_, _, message) in messages {
            let verdict = decide(state.as_ref(), message, &settings);
            has_data = match &verdict {
                Verdict::Take { .. } => true,
                Verdict::Forget(_) => false,
                _ => has_data,
            };
            state = verdict.state_after(state);
        }
        let is_told = observed.is_told(client, group, item.token.as_str());
        let may_be_unknown = self.mix.has(Kind::Filtered) && self.mix.has_any(&UNRECORDED);
        if has_data && (is_told || !may_be_unknown) && observed.served(client).is_some() {
            self.violated(|| format!("notice: {} does not forget {}", NAMES[client], ["a", "b"][group]));
        }
    }

    /// No notice is due for ever.
    fn check_receipts(&self) {
        let observed = self.observed.borrow();
        for key in self.ledger.items().keys() {
            let ItemKey::Due(id, place) = key else { continue };
            let Some(client) = observed.client_of(*id) else { continue };
            let (name, group, number) = (NAMES[client], &place.group, place.incarnation_number);
            self.violated(|| {
                format!("notice: {name} is still due one of `{group}`, incarnation {number}, at rest")
            });
        }
    }
}

impl Observed {
    /// Whether a client has a notice of this incarnation in its queue.
    pub(crate) fn is_told(&self, client: usize, group: usize, token: &str) -> bool {
        self.notices.iter().any(|notice| {
            (notice.client, notice.group) == (client, group)
                && notice.token == token
                && notice.fate == Fate::Enqueued
        })
    }
}

/// Whether a hint came before any of the clients that want to know was registered. One that was retired meanwhile and came
/// again is another one: if nobody wanted to know when the fan-out saw the hint, the group stayed open.
fn is_before_registrations(observed: &Observed, hinted_at: Option<Timestamp>) -> bool {
    let registered = observed.registered.iter().enumerate().filter(|(client, _)| NOTICES[*client]);
    let registered = registered.filter_map(|(_, all)| all.last().filter(|last| last.retired.is_none()));
    let admitted = registered.map(|registered| registered.admitted).min();
    hinted_at
        .is_none_or(|hinted| admitted.is_none_or(|admitted| hinted < admitted.plus(Duration::from_secs(300))))
}
