//! Lambda's mappings of push clients' queues, and the instances of the push function behind them: the worker is the real one.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use aws_lambda_events::sqs::SqsBatchResponse;
use push::handler::{Push, PushPorts, Side};
use shared::batch::BatchError;
use shared::ids::Group;
use shared::metrics::Tally;
use shared::naming::QueueUrl;
use shared::time::Timestamp;
use testkit::memory::{Received, payload};

use crate::clients::NAMES;
use crate::mapping::message_id;
use crate::mix::Kind;
use crate::process::Pulse;
use crate::targets::Deliverer;
use crate::wire::Wire;
use crate::world::{Action, World};

/// How many batches of a client's queue are worked on at once.
const CONCURRENCY: usize = 2;

/// The function's time limit.
const LIMIT: Duration = Duration::from_secs(30);

/// How long SQS keeps a message.
const RETENTION: Duration = Duration::from_secs(14 * 24 * 3_600);

#[derive(Default)]
pub(crate) struct PushMappings {
    mappings: BTreeMap<usize, PushMapping>,
    instances: Vec<Instance>,
    made: usize,
}

#[derive(Default)]
struct PushMapping {
    invocations: usize,
    /// When it looks at the queue next.
    next_look: Option<Timestamp>,
}

struct Instance {
    number: usize,
    file: usize,
    handler: Rc<Push<Deliverer>>,
    wire: Rc<RefCell<Option<Wire>>>,
    is_busy: bool,
}

/// An instance's number, the config that it has, the function and its wire.
type TakenInstance = (usize, usize, Rc<Push<Deliverer>>, Rc<RefCell<Option<Wire>>>);

impl World {
    /// Whether push delivers from a client's queue.
    pub(crate) fn is_push(&self) -> bool {
        self.mix.has(Kind::Push)
    }

    /// There may be something to receive from a client's queue soon.
    pub(crate) fn poke_push(&self, queue: &QueueUrl) {
        let client = self.clients.borrow().of(queue);
        if let Some(client) = client.filter(|_| self.is_push()) {
            self.look_at_push(client, self.now().plus(self.rng.millis(0, 50)));
        }
    }

    /// There may be something to receive from every client's queue.
    pub(crate) fn poke_all_push(&self) {
        for client in 0..NAMES.len() {
            self.poke_push(&self.clients.borrow().queue(client));
        }
    }

    /// A push client's queue that still has messages, in words.
    pub(crate) fn waits_for_push(&self) -> Option<String> {
        if !self.is_push() {
            return None;
        }
        let instances = self.instances.borrow();
        instances.clients().iter().find_map(|client| {
            let held = self.queues.held(&self.clients.borrow().queue(*client));
            (held > 0).then(|| format!("{}'s queue holds {held} messages", NAMES[*client]))
        })
    }

    fn look_at_push(&self, client: usize, at: Timestamp) {
        {
            let mut push = self.push.borrow_mut();
            let mapping = push.mappings.entry(client).or_default();
            if mapping.next_look.is_some_and(|next| next <= at) {
                return;
            }
            mapping.next_look = Some(at);
        }
        self.at(at, move |world| {
            let is_due = {
                let mut push = world.push.borrow_mut();
                let mapping = push.mappings.entry(client).or_default();
                mapping.next_look.take_if(|next| *next == at).is_some()
            };
            if is_due {
                world.look_into_push(client);
            }
        });
    }

    fn look_into_push(self: &Rc<Self>, client: usize) {
        // A client that left has no mapping.
        if !self.instances.borrow().clients().contains(&client) {
            return;
        }
        let queue = self.clients.borrow().queue(client);
        while self.push.borrow().mappings[&client].invocations < CONCURRENCY {
            let limit = if self.rng.chance(300) { self.rng.index(10) + 1 } else { 10 };
            let batch = self.queues.receive(&queue, limit);
            if batch.is_empty() {
                break;
            }
            if let Some(old) =
                batch.iter().find(|received| self.now().since(received.message.at) >= RETENTION)
            {
                self.violated(|| {
                    format!("aged: a message of {} was lost in {}'s queue", old.message.group, NAMES[client])
                });
            }
            if self.is_on(Kind::Twice) && self.rng.chance(200) {
                let repeated = batch.clone();
                self.after(self.rng.millis(0, 2_000), move |world| world.invoke_push(client, repeated));
            }
            if self.is_on(Kind::LateInvocation) && self.rng.chance(100) {
                if self.rng.chance(300) {
                    self.note("mapping", || format!("of {} dies with what it has received", NAMES[client]));
                    continue;
                }
                self.after(self.rng.seconds(1, 200), move |world| world.invoke_push(client, batch));
            } else {
                self.invoke_push(client, batch);
            }
        }
        if let Some(next) = self.queues.next_receivable(&queue) {
            self.look_at_push(client, next.max(self.now().plus(Duration::from_millis(50))));
        }
    }

    fn invoke_push(self: &Rc<Self>, client: usize, batch: Vec<Received>) {
        let (number, file, handler, slot) = self.take_push_instance();
        let pulse = self.new_pulse(file, |pid| format!("push {pid} ({number}, file {file})"));
        self.note(&pulse.name, || {
            let messages = batch.iter().map(|received| {
                let attribute = |name: &str| {
                    let found = received.message.attributes.iter().find(|own| own.name == name);
                    found.map(|own| format!("{:?}", own.value)).unwrap_or_default()
                };
                format!("{}{}×{}", received.message.group, attribute("version"), received.receive_count)
            });
            format!("receives of {} {}", NAMES[client], messages.collect::<Vec<_>>().join(" "))
        });
        self.push.borrow_mut().mappings.entry(client).or_default().invocations += 1;
        let arn = self.naming.client_queue_arn(NAMES[client]).to_string();
        let payload = payload(&arn, &batch, message_id);
        let deadline = self.now().plus(LIMIT);
        let wire = || Wire { world: Rc::clone(self), pulse: Rc::clone(&pulse) };
        *slot.borrow_mut() = Some(wire());
        let (wire, own) = (wire(), Rc::clone(&pulse));
        let run = async move {
            let mut tally = Tally::default();
            let ports = PushPorts { clock: &wire, transport: &wire, ledger: &wire };
            let answer = handler.handle(ports, &payload, deadline, &mut tally).await;
            Box::new(move |world: &Rc<Self>| world.push_answered(&own, client, number, &batch, answer))
                as Action
        };
        self.spawn(&pulse, run, deadline, move |world| {
            world.push.borrow_mut().instances.retain(|instance| instance.number != number);
            world.push_freed(client);
        });
    }

    fn take_push_instance(&self) -> TakenInstance {
        let file = self.some_file();
        let is_cold = self.rng.chance(200);
        let mut push = self.push.borrow_mut();
        let idle = push.instances.iter_mut().find(|instance| !instance.is_busy && instance.file == file);
        if let Some(instance) = idle.filter(|_| !is_cold) {
            instance.is_busy = true;
            return (instance.number, file, Rc::clone(&instance.handler), Rc::clone(&instance.wire));
        }
        let wire = Rc::new(RefCell::new(None));
        let instances = self.instances.borrow();
        let deliverer = |target: &_| Deliverer::new(target, &wire);
        let handler = Rc::new(Push::new(instances.config(file), &self.naming, Side::Web, deliverer));
        push.made += 1;
        let (number, is_busy) = (push.made, true);
        let instance =
            Instance { number, file, handler: Rc::clone(&handler), wire: Rc::clone(&wire), is_busy };
        push.instances.push(instance);
        (number, file, handler, wire)
    }

    fn push_freed(&self, client: usize) {
        self.push.borrow_mut().mappings.entry(client).or_default().invocations -= 1;
        self.poke_push(&self.clients.borrow().queue(client));
    }

    fn push_answered(
        self: &Rc<Self>,
        pulse: &Pulse,
        client: usize,
        number: usize,
        batch: &[Received],
        answer: Result<SqsBatchResponse, BatchError>,
    ) {
        let name = &*pulse.name;
        {
            let mut push = self.push.borrow_mut();
            let own = push.instances.iter_mut().find(|instance| instance.number == number);
            if let Some(instance) = own {
                instance.is_busy = false;
                instance.wire.take();
            }
        }
        self.push_freed(client);
        let response = match answer {
            Ok(response) => response,
            Err(error) => {
                return self.violated(|| format!("answer: {name} returned its whole batch: {error}"));
            }
        };
        let returned: BTreeSet<String> =
            response.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
        self.note(name, || format!("answers; {} of {} are returned", returned.len(), batch.len()));
        self.check_push_answer(name, batch, &returned);
        if self.is_on(Kind::AnswerLost) && self.rng.chance(100) {
            return self.note(name, || "the answer is lost".to_owned());
        }
        let queue = self.clients.borrow().queue(client);
        for received in batch.iter().filter(|received| !returned.contains(&message_id(received))) {
            if self.is_on(Kind::AnswerLost) && self.rng.chance(50) {
                continue;
            }
            let (receipt, queue) = (received.receipt, queue.clone());
            self.after(self.rng.millis(1, 30), move |world| {
                // The message may be visible again, or received by another process.
                let _ = world.queues.delete(&queue, receipt);
                world.poke_push(&queue);
            });
        }
        self.poke_push(&queue);
    }

    /// Of a group, what is returned is all from the first that failed on.
    fn check_push_answer(&self, name: &str, batch: &[Received], returned: &BTreeSet<String>) {
        let mut stopped: BTreeSet<&Group> = BTreeSet::new();
        for received in batch {
            let group = &received.message.group;
            if returned.contains(&message_id(received)) {
                stopped.insert(group);
            } else if stopped.contains(group) {
                self.violated(|| {
                    format!("answer: {name} acknowledges what follows a head of `{group}` that it returns")
                });
            }
        }
    }
}
