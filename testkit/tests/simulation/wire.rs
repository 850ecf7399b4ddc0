//! The ports of one process. Every call takes time, and its effect happens in the world, not in the process: a call
//! that is on the wire arrives even if its process is dead.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use fanout::handler::Visibility;
use futures_util::future::FutureExt as _;
use shared::clock::Clock;
use shared::ids::{EventIdentity, Group, Key};
use shared::ledger::{
    ClientId, Cursor, DeliveryRequest, ErasureReceipt, EventTable, Item, ItemKey, Ledger, Page, ReceiptPlace,
    RowHead, ScanPage, ScanPosition, Unread, Write, WriteError,
};
use shared::message::Message;
use shared::naming::QueueUrl;
use shared::send::{Cause, SendError, Transport};
use shared::time::Timestamp;

use crate::mix::Kind;
use crate::process::Pulse;
use crate::slot::Slot;
use crate::world::World;

/// A call to a queue is given up after 5 s at the latest; later than that it has no effect.
const EFFECT_LIMIT: u64 = 5_000;

/// By how many milliseconds the clocks of two machines differ at most.
pub(crate) const CLOCK_ERROR: u64 = 1_000;

pub(crate) struct Wire {
    pub(crate) world: Rc<World>,
    pub(crate) pulse: Rc<Pulse>,
}

/// When a call arrives, if it does, and when it is answered; both from its start.
#[derive(Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) effect: Option<Duration>,
    pub(crate) answer: Duration,
}

impl Wire {
    /// The process's time. It may have stood still just before it looked.
    fn start(&self) -> Timestamp {
        self.world.now().plus(self.pulse.lead.get())
    }

    /// The process's machine may be stopped within a step, too.
    fn may_stand_still(&self) {
        let world = &self.world;
        if world.is_on(Kind::Stall) && world.rng.chance(world.mix.per_step / 2) {
            let stall = world.stall();
            world.note(&self.pulse.name, || {
                format!("stands still within a step for {:.3} s", stall.as_secs_f64())
            });
            self.pulse.lead.set(self.pulse.lead.get() + stall);
            self.pulse.was_slow.set(true);
        }
    }

    fn timing(&self) -> Timing {
        let rng = &self.world.rng;
        let (effect, answer) = if self.world.befalls(Kind::SlowCalls) {
            self.pulse.was_slow.set(true);
            (rng.between(1, 2_500), rng.between(500, 2_200))
        } else if rng.chance(80) {
            (rng.between(1, 100), rng.between(1, 100))
        } else {
            (rng.between(1, 6), rng.between(1, 6))
        };
        Timing { effect: Some(Duration::from_millis(effect)), answer: Duration::from_millis(effect + answer) }
    }

    /// `effect` happens in the world. `answer_of` makes the answer from its result: `None` if there is none, or none
    /// yet.
    pub(crate) fn call<R: 'static>(
        &self,
        timing: Timing,
        effect: impl FnOnce(&Rc<World>) -> R + 'static,
        answer_of: impl FnOnce(Option<R>) -> R + 'static,
    ) -> Slot<R> {
        let start = self.start();
        let result = Rc::new(RefCell::new(None));
        if let Some(delay) = timing.effect {
            let (pulse, result) = (Rc::clone(&self.pulse), Rc::clone(&result));
            self.world.at(start.plus(delay), move |world| {
                if pulse.has_reached(start) {
                    *result.borrow_mut() = Some(effect(world));
                }
            });
        }
        let slot = Slot::default();
        let filled = slot.clone();
        self.world.at(start.plus(timing.answer), move |_| filled.fill(answer_of(result.take())));
        slot
    }

    fn send_timing(&self, queue: &QueueUrl) -> (Timing, Fate) {
        let (world, rng) = (&self.world, &self.world.rng);
        let mut timing = self.timing();
        if let Some(slow) = world.clients.borrow().slowness(queue) {
            let answer = slow.map_or(60_000, |slow| rng.between(1, slow));
            timing = Timing {
                effect: Some(Duration::from_millis(rng.between(1, answer.min(EFFECT_LIMIT)))),
                answer: Duration::from_millis(answer),
            };
            if slow.is_none() && rng.coin() {
                timing.effect = None;
            }
            return (timing, Fate::Answered);
        }
        if world.befalls(Kind::SendFails) {
            return (timing, if rng.coin() { Fate::Throttled } else { Fate::Failed });
        }
        if world.befalls(Kind::SendUnknown) {
            timing.effect = match rng.below(5) {
                0 | 1 => timing.effect,
                2 => None,
                _ => Some(rng.millis(1, EFFECT_LIMIT)),
            };
            timing.answer = match rng.below(4) {
                0 => Duration::from_secs(60),
                _ => timing.answer,
            };
            let fate = match rng.below(10) {
                0..=1 => Fate::UnknownEntries,
                2 => Fate::Miscounted,
                _ => Fate::Unknown,
            };
            return (timing, fate);
        }
        (timing, Fate::Answered)
    }

    fn is_unread(&self) -> bool {
        self.world.now() < self.world.ledger_down_until.get() || self.world.befalls(Kind::LedgerReads)
    }
}

/// What a sender learns of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It gets the queue's answer.
    Answered,
    /// Nothing was accepted, and it learns that.
    Throttled,
    /// Some entries failed, and it learns that.
    Failed,
    /// The result is unknown to it.
    Unknown,
    /// A 200, but the results of some entries are unknown to it.
    UnknownEntries,
    /// A 200 that lacks the result of the last entry.
    Miscounted,
}

type SendAnswer = Result<Vec<Result<(), SendError>>, SendError>;

impl Transport for Wire {
    async fn send(&self, queue: &QueueUrl, batch: &[&Message]) -> SendAnswer {
        let groups: std::collections::BTreeSet<&Group> =
            batch.iter().map(|message| message.group()).collect();
        assert!(
            (1..=10).contains(&batch.len()) && groups.len() == batch.len(),
            "a batch that SQS would reorder"
        );
        // A process never stands still between its last look at the clock and the call after it.
        if !self.pulse.has_looked.replace(false) {
            self.may_stand_still();
        }
        self.world.check_permits(&self.pulse, queue, batch, self.start());
        let messages: Vec<Message> = batch.iter().map(|message| (*message).clone()).collect();
        let (timing, fate) = self.send_timing(queue);
        let sends = self.world.sends_begin(&self.pulse, queue, &messages);
        let (queue, pulse) = (queue.clone(), Rc::clone(&self.pulse));
        // Whether each entry fails, or its result is unknown.
        let strikes: Vec<bool> = messages.iter().map(|_| self.world.rng.coin()).collect();
        let struck = strikes.clone();
        let effect = move |world: &Rc<World>| match fate {
            Fate::Throttled => Err(SendError::Throttled("too many requests".into())),
            _ => world.arrive(&pulse, &queue, &messages, |entry| fate == Fate::Failed && struck[entry]),
        };
        let answer_of = move |answer: Option<SendAnswer>| match (fate, answer) {
            (Fate::Unknown, _) | (_, None) => Err(SendError::Unknown("connection reset".into())),
            (Fate::UnknownEntries, Some(Ok(results))) => {
                let unknown = || Err(SendError::Unknown("internal error".into()));
                let results = results.into_iter().zip(strikes);
                Ok(results.map(|(result, is_struck)| if is_struck { unknown() } else { result }).collect())
            }
            (Fate::Miscounted, Some(Ok(mut results))) => {
                results.pop();
                Ok(results)
            }
            (_, Some(answer)) => answer,
        };
        let answer = self.call(timing, effect, answer_of).await;
        self.world.sends_end(&self.pulse, sends, &answer);
        answer
    }
}

impl Clock for Wire {
    async fn sleep(&self, duration: Duration) {
        let slot = Slot::default();
        let filled = slot.clone();
        let end = self.start().plus(duration + Duration::from_nanos(999_999));
        self.world.at(end, move |_| filled.fill(()));
        slot.await;
    }

    fn now(&self) -> Timestamp {
        self.may_stand_still();
        let now = self.pulse.clock(self.start());
        self.pulse.looks(now);
        now
    }
}

impl Visibility for Wire {
    async fn change_visibility(
        &self,
        queue: &QueueUrl,
        changes: &[(&str, Duration)],
    ) -> Result<usize, SendError> {
        assert!((1..=10).contains(&changes.len()));
        let changes: Vec<(u64, Duration)> =
            changes.iter().map(|(handle, visibility)| (handle.parse().unwrap(), *visibility)).collect();
        let (queue, pulse) = (queue.clone(), Rc::clone(&self.pulse));
        let fails = self.world.befalls(Kind::SendFails);
        let effect = move |world: &Rc<World>| {
            if fails {
                return Err(SendError::Transient("internal error".into()));
            }
            let change = |(receipt, visibility): &(u64, Duration)| {
                world.queues.change_visibility(&queue, *receipt, *visibility).is_err()
            };
            let unchanged = changes.iter().filter(|each| change(each)).count();
            world.note(&pulse.name, || format!("makes messages visible in {:?}", changes[0].1));
            world.poke();
            world.poke_push(&queue);
            Ok(unchanged)
        };
        self.call(self.timing(), effect, |answer| answer.unwrap_or(Ok(0))).await
    }
}

impl Ledger for Wire {
    async fn read(&self, keys: &[ItemKey]) -> Vec<Result<Option<Item>, Unread>> {
        let timing = self.timing();
        let start = self.start();
        self.pulse.reads(keys, start);
        if keys.contains(&ItemKey::Registry) {
            self.world.check_recorded(&self.pulse, keys);
        }
        let results = Rc::new(RefCell::new(Vec::new()));
        results.borrow_mut().resize_with(keys.len(), || Err(unread()));
        let effect = timing.effect.unwrap_or_default();
        // A read is consistent for each item by itself: another process may write between two items of one read.
        let is_spread = self.world.rng.chance(300);
        let fails = self.is_unread() && self.world.rng.coin();
        for (index, key) in keys.iter().cloned().enumerate().filter(|_| !fails) {
            let at = if is_spread { effect + self.world.rng.millis(0, 20) } else { effect };
            let (results, pulse) = (Rc::clone(&results), Rc::clone(&self.pulse));
            let fails = self.is_unread();
            let read = move |world: &Rc<World>| {
                if !fails && pulse.has_reached(start) && world.now() >= world.ledger_down_until.get() {
                    results.borrow_mut()[index] = Ok(world.ledger.get(&key));
                }
            };
            self.world.at(start.plus(at), read);
        }
        let slot = Slot::default();
        let filled = slot.clone();
        let end = start.plus(timing.answer + Duration::from_millis(if is_spread { 20 } else { 0 }));
        self.world.at(end, move |_| filled.fill(results.take()));
        let results = slot.await;
        if results.iter().any(Result::is_err) {
            self.pulse.has_met_ledger_fault.set(true);
        }
        results
    }

    async fn write(&self, own: &[Write]) -> Result<(), WriteError> {
        let (world, rng) = (&self.world, &self.world.rng);
        let mut timing = self.timing();
        let is_refused = world.befalls(Kind::LedgerRefuses);
        let is_unknown = !is_refused && world.befalls(Kind::LedgerUnknown);
        if is_unknown {
            timing.effect = match rng.below(4) {
                0 => timing.effect,
                1 => None,
                _ => Some(rng.millis(1, EFFECT_LIMIT)),
            };
        }
        let (writes, pulse) = (own.to_vec(), Rc::clone(&self.pulse));
        let effect = move |world: &Rc<World>| {
            let now = world.now();
            if is_refused || now < world.ledger_refuses_until.get() || now < world.ledger_down_until.get() {
                world.note(&pulse.name, || "write refused".to_owned());
                return Err(WriteError::Refused("throttled".into()));
            }
            world.write_ledger(&pulse, &writes)
        };
        let answer_of = move |answer: Option<Result<(), WriteError>>| match answer {
            Some(answer) if !is_unknown => answer,
            _ => Err(WriteError::Unknown("connection reset".into())),
        };
        let result = self.call(timing, effect, answer_of).await;
        self.pulse.writes(own, result.is_ok());
        if matches!(result, Err(WriteError::Refused(_) | WriteError::Unknown(_))) {
            self.pulse.has_met_ledger_fault.set(true);
        }
        result
    }

    async fn cursors(&self, client: ClientId, after: Option<&Group>) -> Result<Vec<(Group, Cursor)>, Unread> {
        let after = after.cloned();
        let fails = self.is_unread();
        let effect = move |world: &Rc<World>| {
            if fails || world.now() < world.ledger_down_until.get() {
                return Err(unread());
            }
            world.ledger.cursors(client, after.as_ref()).now_or_never().unwrap()
        };
        self.call(self.timing(), effect, |answer| answer.unwrap_or_else(|| Err(unread()))).await
    }

    async fn receipts(
        &self,
        client: ClientId,
        is_due: bool,
        after: Option<&ReceiptPlace>,
    ) -> Result<Vec<(ReceiptPlace, ErasureReceipt)>, Unread> {
        let after = after.cloned();
        let fails = self.is_unread();
        let effect = move |world: &Rc<World>| {
            if fails || world.now() < world.ledger_down_until.get() {
                return Err(unread());
            }
            world.ledger.receipts(client, is_due, after.as_ref()).now_or_never().unwrap()
        };
        self.call(self.timing(), effect, |answer| answer.unwrap_or_else(|| Err(unread()))).await
    }

    async fn delivery_requests(
        &self,
        client: ClientId,
        after: Option<&Group>,
    ) -> Result<Vec<(Group, DeliveryRequest)>, Unread> {
        let after = after.cloned();
        let fails = self.is_unread();
        let effect = move |world: &Rc<World>| {
            if fails || world.now() < world.ledger_down_until.get() {
                return Err(unread());
            }
            world.ledger.delivery_requests(client, after.as_ref()).now_or_never().unwrap()
        };
        self.call(self.timing(), effect, |answer| answer.unwrap_or_else(|| Err(unread()))).await
    }

    fn fresh(&self) -> u64 {
        self.world.ledger.fresh()
    }
}

impl EventTable for Wire {
    async fn page(&self, key: &Key, before: Option<&Key>) -> Result<Page, Unread> {
        let (key, before) = (key.clone(), before.cloned());
        self.look(Duration::ZERO, move |world| {
            world.table.page(&key, before.as_ref()).now_or_never().unwrap()
        })
        .await
    }

    async fn heads(&self, key: &Key, before: Option<&Key>) -> Result<Page<RowHead>, Unread> {
        let (key, before) = (key.clone(), before.cloned());
        self.look(Duration::ZERO, move |world| {
            world.table.heads(&key, before.as_ref()).now_or_never().unwrap()
        })
        .await
    }

    async fn identity(&self, key: &Key, sort: &Key) -> Result<Option<EventIdentity>, Unread> {
        let (key, sort) = (key.clone(), sort.clone());
        self.look(Duration::ZERO, move |world| world.table.identity(&key, &sort).now_or_never().unwrap())
            .await
    }

    async fn scan(&self, after: Option<&ScanPosition>, limit: u32) -> Result<ScanPage, Unread> {
        self.world.write_at_scan();
        let after = after.cloned();
        // Eventually consistent: the answer comes later than the look at the table.
        let lag = self.world.rng.millis(0, 1_500);
        self.look(lag, move |world| world.table.scan(after.as_ref(), limit).now_or_never().unwrap()).await
    }
}

impl Wire {
    fn look<R: 'static>(
        &self,
        lag: Duration,
        look: impl FnOnce(&World) -> Result<R, Unread> + 'static,
    ) -> impl Future<Output = Result<R, Unread>> {
        let fails = self.world.befalls(Kind::TableReads);
        let items = self.world.rng.index(5) + 1;
        let effect = move |world: &Rc<World>| {
            if fails {
                return Err(unread());
            }
            world.table.set_items_in_page(items);
            look(world)
        };
        let mut timing = self.timing();
        timing.answer += lag;
        self.call(timing, effect, |answer| answer.unwrap_or_else(|| Err(unread())))
    }
}

fn unread() -> Unread {
    Unread(Cause::from("not read"))
}
