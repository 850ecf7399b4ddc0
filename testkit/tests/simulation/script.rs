//! The schedule of a seed: writers, deploys, operators, faults that last.

use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;
use shared::time::Timestamp;

use crate::clients::{Behaviour, NAMES};
use crate::mix::Kind;
use crate::source::Traits;
use crate::targets::Mood;
use crate::trace::START;
use crate::world::World;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// How long instances of the file before may go on after a deploy.
pub(crate) const LONGEST_OVERLAP: Duration = Duration::from_secs(15 * MINUTE);

/// What a deploy does to the clients of the file.
type Change = Box<dyn FnOnce(&mut Vec<usize>)>;

/// How a schedule is drawn: when things happen, and when all of it is over.
struct Script<'w> {
    world: &'w Rc<World>,
    /// Events are written in this many seconds.
    span: u64,
    /// When events are written. Much happens near these instants, where it matters most.
    bursts: Vec<Timestamp>,
    end: Timestamp,
}

impl World {
    /// Draws a schedule. Returns the instant at which it is over and everything heals.
    pub(crate) fn draw(self: &Rc<Self>) -> Timestamp {
        let span = self.rng.between(2, 12) * MINUTE;
        let mut script = Script {
            world: self,
            span,
            bursts: Vec::new(),
            end: START.plus(Duration::from_secs(span + MINUTE)),
        };
        self.schedule_maintenance(Some(self.rng.millis(0, 3_000)));
        script.events();
        script.clients();
        script.ledger();
        script.operators();
        script.deploys();
        script.end.plus(self.rng.seconds(0, 30))
    }
}

impl Script<'_> {
    fn has(&self, kind: Kind) -> bool {
        self.world.mix.has(kind)
    }

    /// A random instant of the schedule.
    fn instant(&self) -> Timestamp {
        let rng = &self.world.rng;
        match self.bursts.get(rng.index(self.bursts.len() + 1)) {
            Some(burst) if rng.chance(700) => burst.plus(rng.millis(0, 3_000)),
            _ => START.plus(rng.seconds(1, self.span)),
        }
    }

    /// `act` at a random instant of the schedule.
    fn some_time(&self, act: impl FnOnce(&Rc<World>) + 'static) {
        self.world.at(self.instant(), act);
    }

    /// `act` lasts for one of these times; the schedule does not end before it does.
    fn lasting(&mut self, seconds: &[u64], act: impl FnOnce(&Rc<World>, Duration) + 'static) {
        let rng = &self.world.rng;
        let (one, other) = (rng.pick(seconds), rng.pick(seconds));
        let duration = rng.seconds(one.min(other), one.max(other));
        let at = self.instant();
        self.end = self.end.max(at.plus(duration));
        self.world.at(at, move |world| act(world, duration));
    }

    fn events(&mut self) {
        let rng = &self.world.rng;
        let mut groups = rng.index(2) + 1;
        if self.has(Kind::ScannedApart) {
            // The other aggregate is left to the scans.
            groups = 1;
            if rng.chance(700) {
                self.world.date_back(1);
            }
        }
        if self.has(Kind::BackDated) {
            (0..groups).filter(|_| rng.chance(700)).for_each(|group| self.world.date_back(group));
        }
        if self.has(Kind::Delayed) && self.has(Kind::Erased) {
            (0..groups)
                .filter(|_| rng.chance(800))
                .for_each(|group| self.world.hold_first_incarnation(group));
        }
        if self.has(Kind::Timeless) {
            for group in 0..groups {
                self.world.forget_times(group);
                if rng.coin() {
                    self.world.write_history(group, rng.below(30), 0, rng.below(3));
                }
            }
        }
        if self.has(Kind::FarVersions) {
            (0..groups).filter(|_| rng.chance(300)).for_each(|group| self.world.lose_oldest(group));
        }
        if self.has(Kind::Old) {
            for group in 0..groups {
                let around = if rng.chance(400) { rng.between(2, 4) } else { 0 };
                self.world.write_history(group, rng.below(4), around, rng.below(3));
            }
        }
        let mut left = rng.between(2, 10);
        while left > 0 {
            // Events come in bursts.
            let burst = rng.between(1, left.min(5));
            let (at, group) = (START.plus(rng.seconds(0, self.span)), rng.index(groups));
            self.bursts.push(at);
            let mut after = Duration::ZERO;
            for _ in 0..burst {
                let count = if rng.chance(350) { 2 } else { 1 };
                let traits = Traits {
                    is_big: self.has(Kind::SmallSize) && rng.chance(400),
                    is_unconvertible: self.has(Kind::Unconvertible) && rng.chance(250),
                };
                self.world.at(at.plus(after), move |world| world.append(group, count, traits));
                after += if rng.coin() { rng.millis(0, 150) } else { rng.millis(0, 15_000) };
            }
            left -= burst;
        }
        for group in 0..groups {
            if self.has(Kind::Erased) && rng.chance(800) {
                let at = self.instant().plus(Duration::from_secs(2));
                self.world.at(at, move |world| world.erase(group));
                for _ in 0..rng.below(4) {
                    let after = at.plus(rng.seconds(0, 200));
                    self.end = self.end.max(after.plus(Duration::from_secs(MINUTE)));
                    let count = rng.between(1, 2);
                    self.world.at(after, move |world| world.append(group, count, Traits::default()));
                }
                // A client that is behind can miss a whole incarnation.
                for _ in 0..if self.has(Kind::Notices) { rng.below(3) } else { 0 } {
                    let again = at.plus(rng.seconds(20, 300));
                    self.end = self.end.max(again.plus(Duration::from_secs(MINUTE)));
                    self.world.at(again, move |world| world.erase(group));
                    let after = again.plus(rng.seconds(0, 90));
                    if rng.coin() {
                        self.world.at(after, move |world| world.append(group, 1, Traits::default()));
                    }
                }
            }
            if self.has(Kind::FarVersions) {
                for _ in 0..rng.between(1, 2) {
                    self.some_time(move |world| world.write_far(group));
                }
            }
            if self.has(Kind::UsedTwice) {
                for _ in 0..rng.between(1, 2) {
                    self.some_time(move |world| world.write_pair(group));
                }
            }
            if self.has(Kind::DeletedOne) && rng.chance(800) {
                for _ in 0..rng.between(1, 2) {
                    self.some_time(move |world| world.delete_one(group));
                }
            }
        }
    }

    fn clients(&mut self) {
        let rng = &self.world.rng;
        // If nothing else happens, one client fails, and the others must not notice.
        let lonely = rng.index(2);
        let is_lonely = self.world.mix.has_only(&[Kind::ClientGone, Kind::ClientSlow]);
        let some = move |world: &Rc<World>| if is_lonely { lonely } else { world.rng.index(NAMES.len()) };
        if self.has(Kind::ClientGone) {
            for _ in 0..rng.between(1, 3) {
                let state = rng.pick(&[
                    Behaviour::Missing,
                    Behaviour::Denied,
                    Behaviour::Failing,
                    Behaviour::Throttling,
                ]);
                let durations: &[u64] = match rng.below(40) {
                    0 => &[7 * 24 * HOUR],
                    1..=3 => &[HOUR],
                    4..=10 => &[15 * MINUTE],
                    _ => &[3, 20, 100, 300],
                };
                self.lasting(durations, move |world, duration| world.misbehave(some(world), state, duration));
            }
        }
        if self.has(Kind::ClientSlow) {
            for _ in 0..rng.between(1, 3) {
                let state = if rng.chance(300) {
                    Behaviour::Hanging
                } else {
                    Behaviour::Slow(rng.pick(&[400, 3_000, 9_000]))
                };
                self.lasting(&[10, 60, 200], move |world, duration| {
                    world.misbehave(some(world), state, duration);
                });
            }
        }
        if self.has(Kind::Purged) {
            for _ in 0..rng.between(1, 3) {
                self.lasting(&[3, 20, 60], |world, duration| world.purge(world.some_client(), duration));
            }
        }
        if self.has(Kind::QueueDeleted) {
            self.lasting(&[60, 90, 400], |world, duration| {
                world.delete_queue(world.rng.index(NAMES.len()), duration);
            });
        }
        if self.has(Kind::Push) {
            for _ in 0..rng.between(1, 3) {
                let mood = rng.pick(&[Mood::Fails, Mood::Forbids, Mood::Gone]);
                let durations: &[u64] = match rng.below(60) {
                    0 if mood == Mood::Gone => &[15 * 24 * HOUR],
                    0..=5 => &[2 * HOUR],
                    _ => &[5, 60, 300, 1_500],
                };
                self.lasting(durations, move |world, duration| {
                    world.target_misbehaves(world.some_client(), mood, duration);
                });
            }
        }
        if self.has(Kind::SmallSize) {
            self.some_time(|world| world.limit_size(world.rng.index(NAMES.len()), true));
        }
    }

    fn ledger(&mut self) {
        if !self.has(Kind::LedgerOutage) {
            return;
        }
        for _ in 0..self.world.rng.between(1, 2) {
            let is_down = self.world.rng.coin();
            self.lasting(&[5, 30, 120, 900], move |world, duration| {
                let until = world.now().plus(duration);
                let what = if is_down { "answers nothing" } else { "takes no writes" };
                world.note("world", || format!("the ledger {what} for {}", crate::trace::length(duration)));
                let window = if is_down { &world.ledger_down_until } else { &world.ledger_refuses_until };
                window.set(window.get().max(until));
            });
        }
    }

    fn operators(&mut self) {
        let rng = &self.world.rng;
        if self.has(Kind::Pause) {
            for _ in 0..rng.between(1, 2) {
                self.lasting(&[10, 80, 300, 900], |world, duration| world.pause(duration));
            }
        }
        if self.has(Kind::Replay) {
            for _ in 0..rng.between(1, 3) {
                self.some_time(|world| {
                    let (client, group) = (world.some_client(), world.rng.index(2));
                    let from = world.rng.between(1, 6) as i64;
                    world.replay(client, vec![group], from - 1 + world.mix.first_version(), 5);
                });
            }
        }
        if self.has(Kind::Held) {
            for _ in 0..rng.between(1, 3) {
                self.lasting(&[3, 30, 200, 500], |world, duration| world.hold_for(duration));
            }
        }
        if self.has(Kind::Backfill) {
            self.some_time(|world| world.replay(world.some_client(), vec![0, 1], 1, 5));
        }
        if self.has(Kind::Reconcile) {
            for _ in 0..rng.between(1, 3) {
                self.some_time(|world| world.reconcile(Value::Null, 20));
            }
        }
        if self.has(Kind::TwoCatchUps) {
            for _ in 0..rng.between(1, 3) {
                self.some_time(|world| world.catch_up_client());
            }
        }
    }

    fn deploys(&mut self) {
        let rng = &self.world.rng;
        let mut deploys: Vec<(Timestamp, Change)> = Vec::new();
        if self.has(Kind::Added) {
            for client in [2, 3].into_iter().filter(|_| rng.chance(800)) {
                deploys.push((self.instant(), Box::new(move |clients| clients.push(client))));
            }
        }
        if self.has(Kind::Removed) {
            // A file names at least one client: the first one stays.
            let client = rng.pick(&[1, 1, 2, 3]);
            let at = self.instant();
            deploys.push((at, Box::new(move |clients| clients.retain(|other| *other != client))));
            if rng.chance(700) {
                let (soon, late) = (rng.seconds(10, 20 * MINUTE), rng.seconds(50 * MINUTE, 2 * HOUR));
                let back = at.plus(if rng.coin() { soon } else { late });
                deploys.push((back, Box::new(move |clients| clients.push(client))));
            } else if rng.coin() {
                // It is retired while there is trouble.
                self.end = self.end.max(at.plus(rng.seconds(HOUR, HOUR + 10 * MINUTE)));
            }
        }
        if self.has(Kind::ScannedApart) {
            deploys.push((self.instant(), Box::new(|clients| clients.push(2))));
        }
        if self.has(Kind::Filtered) {
            for _ in 0..rng.between(1, 3) {
                deploys.push((self.instant(), Box::new(|_| {})));
            }
        }
        if self.has(Kind::Overlap) {
            deploys.push((self.instant(), Box::new(|_| {})));
        }
        for (at, change) in deploys {
            let overlap = if self.has(Kind::Overlap) {
                rng.seconds(0, LONGEST_OVERLAP.as_secs())
            } else {
                Duration::ZERO
            };
            self.end = self.end.max(at.plus(overlap));
            self.world.at(at, move |world| {
                world.deploy(change, overlap);
                world.poke_all_push();
            });
        }
    }
}
