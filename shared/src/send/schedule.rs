//! What leaves next, when, and what an answer means: ordered sending without the waiting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Duration;

use super::{BATCH_LIMIT, Carrier, Limits, Outcome, Remainder, Run, SendError, Stop, StopReason, why};
use crate::ids::Group;
use crate::message::{Message, SQS_LIMIT};
use crate::time::Timestamp;

/// The first back-off. The median call takes 5 to 20 ms: a single lost call should cost a few of those, not a second.
const BACK_OFF: Duration = Duration::from_millis(25);

/// The longest back-off: what a group can lose at most after its queue has recovered.
const BACK_OFF_LIMIT: Duration = Duration::from_secs(1);

/// What the transport said: about the call, or about each of its entries.
pub(super) type Answer = Result<Vec<Result<(), SendError>>, SendError>;

/// What there is to do.
pub(super) enum Step<K, T> {
    /// Send this, then ask again.
    Send(Request<T>),
    /// Wait for an answer, or until this instant if there is one, then ask again.
    Wait(Option<Timestamp>),
    /// Nothing: all is sent or stopped, and no request is in flight.
    Done(Vec<Outcome<K, T>>),
}

/// One request: the first message of each of its lanes.
pub(super) struct Request<T> {
    lanes: Vec<Lane<T>>,
}

/// All runs of one call on their way. Each unfinished lane is in exactly one place: ready, backing off, or in a
/// request.
pub(super) struct Schedule<K, T> {
    outcomes: Vec<Outcome<K, T>>,
    /// By what is sent first: the most messages left, because the longest lane decides how long all takes.
    ready: BTreeMap<(Reverse<usize>, usize), Lane<T>>,
    /// By the end of their back-off.
    backing_off: BTreeMap<(Timestamp, usize), Lane<T>>,
    in_flight: usize,
    limits: Limits,
    throttling: Throttling,
    /// Set once the queue is known to take nothing.
    unusable: Option<Stop>,
}

/// The items of one group that are not accepted yet, in order. Never empty between two steps.
struct Lane<T> {
    /// Its place among the lanes, which decides between equals.
    number: usize,
    /// With the run that each belongs to, by its place in the input.
    items: VecDeque<(usize, T)>,
    /// How often the first message failed in a row.
    failures: u32,
    /// The first message was refused together with others, and it is unknown which was meant.
    alone: bool,
    /// What happened to the first message last time.
    trouble: Option<String>,
}

/// The pause of the whole queue after a call was throttled.
///
/// Without jitter, like every back-off here: what was refused together comes back together, in one full request.
struct Throttling {
    until: Timestamp,
    /// Pauses in a row.
    failures: u32,
    trouble: Option<String>,
}

impl<K, T: Carrier> Schedule<K, T> {
    pub(super) fn new(runs: Vec<Run<K, T>>, limits: &Limits) -> Self {
        let (outcomes, lanes) = lanes(runs);
        let mut schedule = Self {
            outcomes,
            ready: BTreeMap::new(),
            backing_off: BTreeMap::new(),
            in_flight: 0,
            limits: *limits,
            throttling: Throttling { until: Timestamp::from_millis(0), failures: 0, trouble: None },
            unusable: None,
        };
        for lane in lanes {
            schedule.line_up(lane);
        }
        schedule
    }

    /// What to do at `now`.
    pub(super) fn next(&mut self, now: Timestamp) -> Step<K, T> {
        self.stop_what_cannot_start(now);
        while let Some(entry) = self.backing_off.first_entry().filter(|entry| entry.key().0 <= now) {
            let lane = entry.remove();
            self.line_up(lane);
        }
        if self.ready.is_empty() && self.backing_off.is_empty() && self.in_flight == 0 {
            return Step::Done(mem::take(&mut self.outcomes));
        }
        if self.in_flight >= self.limits.requests_in_flight.max(1) {
            return Step::Wait(None);
        }
        if !self.ready.is_empty() {
            if self.throttling.until <= now {
                return Step::Send(self.request());
            }
            return Step::Wait(Some(self.throttling.until));
        }
        Step::Wait(self.backing_off.first_key_value().map(|((until, _), _)| *until))
    }

    /// Takes in what the transport said about `request`; `None` if it was not sent after all.
    pub(super) fn answered(&mut self, request: Request<T>, answer: Option<Answer>, now: Timestamp) {
        self.in_flight = self.in_flight.saturating_sub(1);
        match answer {
            None => request.lanes.into_iter().for_each(|lane| self.line_up(lane)),
            Some(Ok(results)) if results.len() == request.lanes.len() => {
                self.throttling.failures = 0;
                for (lane, result) in request.lanes.into_iter().zip(results) {
                    match result {
                        Ok(()) => self.accepted(lane),
                        Err(error) => self.failed(lane, &error, now),
                    }
                }
            }
            Some(Ok(results)) => {
                let told = format!("{} results for {} messages", results.len(), request.lanes.len());
                self.call_failed(request, &SendError::Unknown(told.into()), now);
            }
            Some(Err(error)) => self.call_failed(request, &error, now),
        }
    }

    fn call_failed(&mut self, request: Request<T>, error: &SendError, now: Timestamp) {
        let together = request.lanes.len() > 1;
        if matches!(error, SendError::Throttled(_)) {
            self.throttling.pause(error, now);
        }
        for mut lane in request.lanes {
            match error {
                SendError::Message(_) if together => {
                    lane.alone = true;
                    self.line_up(lane);
                }
                // The pause of the queue is this lane's back-off.
                SendError::Throttled(_) => {
                    lane.trouble = Some(why::of(error, lane.size()));
                    if self.throttling.until > self.limits.retry_deadline {
                        self.stop_for_want_of_time(lane);
                    } else {
                        self.line_up(lane);
                    }
                }
                _ => self.failed(lane, error, now),
            }
        }
    }

    fn accepted(&mut self, mut lane: Lane<T>) {
        let Some((run, item)) = lane.items.pop_front() else { return };
        if let Some(outcome) = self.outcomes.get_mut(run) {
            outcome.accepted.push(item);
        }
        self.line_up(Lane { failures: 0, alone: false, trouble: None, ..lane });
    }

    fn failed(&mut self, mut lane: Lane<T>, error: &SendError, now: Timestamp) {
        let why = why::of(error, lane.size());
        match error {
            SendError::Message(_) => self.stop(lane, &Stop { reason: StopReason::Message, why }),
            SendError::Queue { .. } => {
                let stop = self.unusable.get_or_insert(Stop { reason: StopReason::Queue, why }).clone();
                self.stop(lane, &stop);
            }
            SendError::Throttled(_) | SendError::Transient(_) | SendError::Unknown(_) => {
                let until = now.plus(back_off(lane.failures));
                lane.failures = lane.failures.saturating_add(1);
                lane.trouble = Some(why);
                if until > self.limits.deadline.min(self.limits.retry_deadline) {
                    self.stop_for_want_of_time(lane);
                } else {
                    self.backing_off.insert((until, lane.number), lane);
                }
            }
        }
    }

    /// Makes `lane` ready, unless nothing of it is left or its next message can never be sent.
    fn line_up(&mut self, lane: Lane<T>) {
        if lane.items.is_empty() {
            return;
        }
        if lane.size() > SQS_LIMIT {
            let why = why::too_long(lane.size());
            return self.stop(lane, &Stop { reason: StopReason::Message, why });
        }
        self.ready.insert((Reverse(lane.items.len()), lane.number), lane);
    }

    /// The next request; one message at least is ready.
    fn request(&mut self) -> Request<T> {
        let mut size = 0;
        let (mut empty, mut full) = (true, false);
        let fitting = self.ready.extract_if(.., |_, lane| {
            let fits = !full && size + lane.size() <= SQS_LIMIT && (empty || !lane.alone);
            if fits {
                size += lane.size();
                (empty, full) = (false, lane.alone);
            }
            fits
        });
        let lanes = fitting.take(BATCH_LIMIT).map(|(_, lane)| lane).collect();
        self.in_flight += 1;
        Request { lanes }
    }

    fn stop_what_cannot_start(&mut self, now: Timestamp) {
        let late = now.max(self.throttling.until) > self.limits.deadline;
        if !late && self.unusable.is_none() {
            return;
        }
        let ready = mem::take(&mut self.ready).into_values();
        for lane in ready.chain(mem::take(&mut self.backing_off).into_values()) {
            match self.unusable.clone() {
                Some(stop) => self.stop(lane, &stop),
                None => self.stop_for_want_of_time(lane),
            }
        }
    }

    fn stop_for_want_of_time(&mut self, mut lane: Lane<T>) {
        let throttled =
            self.throttling.trouble.as_ref().filter(|_| self.throttling.until > self.limits.deadline);
        let stop = match lane.trouble.take().or_else(|| throttled.cloned()) {
            Some(why) => Stop { reason: StopReason::OutOfTime, why },
            None => Stop { reason: StopReason::Untried, why: why::not_tried() },
        };
        self.stop(lane, &stop);
    }

    fn stop(&mut self, lane: Lane<T>, stop: &Stop) {
        let meant = lane.items.front().map(|(run, _)| *run);
        for (run, item) in lane.items {
            let Some(outcome) = self.outcomes.get_mut(run) else { continue };
            let stopped = outcome.stopped.get_or_insert_with(|| {
                let stop = match stop.reason {
                    // What was refused is not of this run: its own messages may well be accepted later.
                    StopReason::Message if Some(run) != meant => {
                        Stop { reason: StopReason::OutOfTime, why: why::held_up(&stop.why) }
                    }
                    _ => stop.clone(),
                };
                Remainder { stop, items: Vec::new() }
            });
            stopped.items.push(item);
        }
    }
}

impl<T: Carrier> Request<T> {
    /// What to send, in order.
    pub(super) fn messages(&self) -> Vec<&Message> {
        self.lanes.iter().filter_map(Lane::first).collect()
    }
}

impl<T: Carrier> Lane<T> {
    fn first(&self) -> Option<&Message> {
        self.items.front().map(|(_, item)| item.message())
    }

    fn size(&self) -> usize {
        self.first().map_or(0, Message::size)
    }
}

impl Throttling {
    fn pause(&mut self, error: &SendError, now: Timestamp) {
        // Calls that were under way together are throttled together, which says no more than one of them does.
        if now < self.until {
            return;
        }
        self.until = now.plus(back_off(self.failures));
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(why::of(error, 0));
    }
}

/// An outcome for each of `runs`, in order, in which nothing is accepted yet, and a lane for each group, in the order
/// in which `runs` first name them.
fn lanes<K, T: Carrier>(runs: Vec<Run<K, T>>) -> (Vec<Outcome<K, T>>, Vec<Lane<T>>) {
    let mut numbers = BTreeMap::<Group, usize>::new();
    let (mut outcomes, mut lanes) = (Vec::with_capacity(runs.len()), Vec::<Lane<T>>::new());
    for (index, Run { tag, items }) in runs.into_iter().enumerate() {
        outcomes.push(Outcome { tag, accepted: Vec::with_capacity(items.len()), stopped: None });
        let Some(group) = items.first().map(|first| first.message().group()) else { continue };
        debug_assert!(items.iter().all(|item| item.message().group() == group), "a run has one group");
        let number = *numbers.entry(group.clone()).or_insert(lanes.len());
        if number == lanes.len() {
            lanes.push(Lane { number, items: VecDeque::new(), failures: 0, alone: false, trouble: None });
        }
        if let Some(lane) = lanes.get_mut(number) {
            lane.items.extend(items.into_iter().map(|item| (index, item)));
        }
    }
    (outcomes, lanes)
}

/// How long to wait after `failures` earlier failures in a row.
fn back_off(failures: u32) -> Duration {
    BACK_OFF.saturating_mul(2_u32.saturating_pow(failures)).min(BACK_OFF_LIMIT)
}

#[cfg(test)]
mod tests;
