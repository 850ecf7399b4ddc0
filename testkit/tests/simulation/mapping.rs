//! Lambda's mapping of the fan-out queue: receive, invoke, delete.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use fanout::handler::BatchError;
use shared::ids::Group;
use shared::ledger::Ports;
use shared::ledger::times::FAN_OUT_LIMIT;
use shared::message::HINT;
use shared::metrics::Tally;
use shared::time::Timestamp;
use testkit::memory::{Received, payload};

use crate::mix::Kind;
use crate::process::Pulse;
use crate::wire::Wire;
use crate::world::{Action, World};

/// How many batches are worked on at once.
const CONCURRENCY: usize = 4;

#[derive(Default)]
pub(crate) struct Mapping {
    invocations: usize,
    /// When it looks at the queue next.
    next_look: Option<Timestamp>,
}

impl World {
    /// There may be something to receive soon.
    pub(crate) fn poke(&self) {
        let pause = if self.rng.chance(200) { self.rng.millis(0, 300) } else { self.rng.millis(0, 20) };
        self.look_at(self.now().plus(pause));
    }

    fn look_at(&self, at: Timestamp) {
        {
            let mut mapping = self.mapping.borrow_mut();
            if mapping.next_look.is_some_and(|next| next <= at) {
                return;
            }
            mapping.next_look = Some(at);
        }
        self.at(at, move |world| {
            // An earlier look may have been scheduled since.
            if world.mapping.borrow().next_look == Some(at) {
                world.mapping.borrow_mut().next_look = None;
                world.look();
            }
        });
    }

    fn look(self: &Rc<Self>) {
        while self.mapping.borrow().invocations < CONCURRENCY {
            let limit = if self.rng.chance(300) { self.rng.index(10) + 1 } else { 10 };
            let batch = self.queues.receive(&self.fan_out(), limit);
            if batch.is_empty() {
                break;
            }
            self.deliver(batch);
        }
        if let Some(next) = self.queues.next_receivable(&self.fan_out()) {
            self.look_at(next.max(self.now().plus(Duration::from_millis(50))));
        }
    }

    fn deliver(self: &Rc<Self>, batch: Vec<Received>) {
        let is_twice = self.is_on(Kind::Twice) && self.rng.chance(200);
        if is_twice {
            let repeated = batch.clone();
            let later = if self.rng.coin() { self.rng.millis(0, 20) } else { self.rng.millis(0, 2_000) };
            self.after(later, move |world| world.invoke(repeated));
        }
        if self.is_on(Kind::LateInvocation) && self.rng.chance(100) {
            if self.rng.chance(300) {
                return self.note("mapping", || "dies with what it has received".to_owned());
            }
            self.after(self.rng.seconds(1, 200), move |world| world.invoke(batch));
        } else {
            self.invoke(batch);
        }
    }

    fn invoke(self: &Rc<Self>, batch: Vec<Received>) {
        let (number, file, handler) = self.take_instance();
        let pulse = self.new_pulse(file, |pid| format!("fan-out {pid} ({number}, file {file})"));
        self.note(&pulse.name, || {
            let messages = batch.iter().map(|received| {
                let name = self.name_by_id(&received.message.deduplication_id, &received.message.attributes);
                format!("{name}×{}", received.receive_count)
            });
            format!("receives {}", messages.collect::<Vec<_>>().join(" "))
        });
        self.mapping.borrow_mut().invocations += 1;
        let is_hint = |received: &Received| received.message.attributes.iter().any(|own| own.name == HINT);
        let repeated = batch.iter().filter(|received| received.receive_count > 1 && !is_hint(received));
        pulse.received_again.borrow_mut().extend(repeated.map(|received| received.message.group.clone()));
        let event = |received: &Received| self.source.borrow().event_of(&received.message.deduplication_id);
        pulse.streamed.borrow_mut().extend(batch.iter().filter_map(event));
        let payload = payload("arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo", &batch, message_id);
        let deadline = self.now().plus(FAN_OUT_LIMIT);
        let wire = Wire { world: Rc::clone(self), pulse: Rc::clone(&pulse) };
        let own = Rc::clone(&pulse);
        let run = async move {
            let mut tally = Tally::default();
            let ports = Ports { clock: &wire, transport: &wire, ledger: &wire, table: &wire };
            let answer = handler.handle(ports, &payload, deadline, &mut tally).await;
            Box::new(move |world: &Rc<Self>| world.answered(&own, number, &batch, answer)) as Action
        };
        self.spawn(&pulse, run, deadline, move |world| {
            world.lose_instance(number);
            world.freed();
        });
    }

    fn freed(&self) {
        self.mapping.borrow_mut().invocations -= 1;
        self.poke();
    }

    fn answered(
        self: &Rc<Self>,
        pulse: &Pulse,
        number: usize,
        batch: &[Received],
        answer: Result<SqsBatchResponse, BatchError>,
    ) {
        let name = &*pulse.name;
        self.give_back_instance(number);
        self.freed();
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                return self.violated(|| format!("answer: {name} returned its whole batch: {error}"));
            }
        };
        let returned: BTreeSet<&str> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        self.note(name, || format!("answers; {} of {} are returned", returned.len(), batch.len()));
        self.check_answer(name, batch, &returned);
        let given_back = batch.iter().filter(|received| returned.contains(&*message_id(received)));
        pulse.returned.borrow_mut().extend(given_back.map(|received| received.message.group.clone()));
        if self.is_on(Kind::AnswerLost) && self.rng.chance(100) {
            return self.note(name, || "the answer is lost".to_owned());
        }
        for received in batch.iter().filter(|received| !returned.contains(&*message_id(received))) {
            if self.is_on(Kind::AnswerLost) && self.rng.chance(50) {
                continue;
            }
            let receipt = received.receipt;
            self.after(self.rng.millis(1, 30), move |world| {
                // The message may be visible again, or received by another process.
                let _ = world.queues.delete(&world.fan_out(), receipt);
                world.poke();
            });
        }
    }

    /// A group's messages are acknowledged all or returned all, and nothing else is named.
    fn check_answer(&self, name: &str, batch: &[Received], returned: &BTreeSet<&str>) {
        let mut groups: BTreeMap<&Group, (usize, usize)> = BTreeMap::new();
        for received in batch {
            let counts = groups.entry(&received.message.group).or_default();
            counts.0 += 1;
            counts.1 += usize::from(returned.contains(&*message_id(received)));
        }
        let named: usize = groups.values().map(|(_, returned)| returned).sum();
        if named != returned.len() {
            self.violated(|| format!("answer: {name} returned a message that it was not given"));
        }
        if let Some((group, _)) = groups.iter().find(|(_, (all, returned))| *returned != 0 && returned != all)
        {
            self.violated(|| {
                format!(
                    "answer: {name} returned some messages of the group `{group}` and acknowledged others"
                )
            });
        }
    }
}

pub(crate) fn message_id(received: &Received) -> String {
    format!("m-{}", received.message.sequence)
}
