//! Repetitions that were not requested: none while SQS would recognise them, else no more than section 8 of
//! `docs/ledger.md` admits.

use std::collections::BTreeMap;

use shared::ledger::times::DEDUPLICATION;
use shared::time::Timestamp;

use crate::clients::NAMES;
use crate::mix::Kind;
use crate::observed::Fate;
use crate::source::EventRef;
use crate::trace::{clock, length};
use crate::world::World;

/// Kinds of trouble without a crash, an unknown result, a ledger fault, a stall, a new incarnation or a deletion.
const NO_REASON_TO_REPEAT: [Kind; 32] = [
    Kind::Reversed,
    Kind::Delayed,
    Kind::Lost,
    Kind::Repeated,
    Kind::Apart,
    Kind::Twice,
    Kind::LateInvocation,
    Kind::AnswerLost,
    Kind::SendFails,
    Kind::ClientGone,
    Kind::Purged,
    Kind::QueueDeleted,
    Kind::SmallSize,
    Kind::TwoCatchUps,
    Kind::Pause,
    Kind::Replay,
    Kind::Backfill,
    Kind::Added,
    Kind::Removed,
    Kind::Overlap,
    Kind::Unconvertible,
    Kind::Skew,
    Kind::Old,
    Kind::BackDated,
    Kind::Reconcile,
    Kind::TableReads,
    Kind::LedgerReads,
    Kind::ScannedApart,
    Kind::VersionKeys,
    Kind::Timeless,
    Kind::FarVersions,
    Kind::FromZero,
];

impl World {
    pub(crate) fn check_repetitions(&self) {
        let (source, observed) = (self.source.borrow(), self.observed.borrow());
        type EnqueuedEvent = (usize, Option<usize>, u32, EventRef);
        let mut enqueued: BTreeMap<EnqueuedEvent, Vec<Timestamp>> = BTreeMap::new();
        let plain = observed
            .arrivals
            .iter()
            .filter(|arrival| arrival.fate == Fate::Enqueued && arrival.replay.is_none());
        for arrival in plain {
            let registration = observed.registration_at(arrival.client, arrival.at);
            let enqueued_event = (arrival.client, registration, arrival.queue_generation, arrival.event);
            enqueued.entry(enqueued_event).or_default().push(arrival.at);
        }
        // Of two writers at the same time, one loses its write, perhaps after it has sent. If ledger or event table can't
        // be read in the minutes after, SQS has forgotten what came.
        let may_lose = self.mix.has_any(&[Kind::Twice, Kind::Replay, Kind::Backfill, Kind::Purged]);
        let may_forget = may_lose && self.mix.has_any(&[Kind::LedgerReads, Kind::TableReads]);
        let is_quiet = self.mix.has_only(&NO_REASON_TO_REPEAT) && !may_forget;
        for ((client, _, _, event), times) in enqueued {
            // In its own incarnation, it is another message than in the one for whose event it was taken.
            // Of two events of a version, a client may get both.
            if source.is_case_e(event) || source.is_case_f(event.group) || source.is_paired(event) {
                continue;
            }
            let name = NAMES[client];
            for pair in times.windows(2) {
                let apart = pair[1].since(pair[0]);
                if apart < DEDUPLICATION {
                    let at = clock(pair[1]);
                    self.violated(|| {
                        format!("window: {name} got {event} again at {at}, {} later", length(apart))
                    });
                }
            }
            let repetitions = times.len() - 1;
            if repetitions == 0 {
                continue;
            }
            if is_quiet {
                self.violated(|| {
                    format!("repeated: {name} got {event} again, and nothing was a reason for it")
                });
            }
            let bound = observed.bound(client, event);
            if repetitions > bound {
                self.violated(|| {
                    format!("repeated: {name} got {event} {repetitions} times again; {bound} are explained")
                });
            }
        }
    }
}
