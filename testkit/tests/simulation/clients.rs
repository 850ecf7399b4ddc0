//! The clients' queues: how each behaves now, and what arrives there.

use std::rc::Rc;

use shared::ledger::times::VISIBILITY;
use shared::message::Message;
use shared::naming::{Naming, QueueUrl};
use shared::send::SendError;
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, Settings};

use crate::process::Pulse;
use crate::trace::length;
use crate::world::World;

/// The clients: two from the start, one that joins with history, one that joins without.
pub(crate) const NAMES: [&str; 4] = ["A", "B", "C", "D"];

/// The size that a queue with a small `MaximumMessageSize` takes.
const SMALL: usize = 1_200;

/// How long after its deletion a queue may accept sends, which are lost (SQS: `DeleteQueue`).
const GHOST: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) struct Clients {
    all: Vec<Client>,
}

struct Client {
    queue: QueueUrl,
    state: Behaviour,
    deleted_at: Option<Timestamp>,
    /// Counts how often the queue was made.
    queue_generation: u32,
    /// Whether the queue ever failed.
    has_failed: bool,
    /// Whether the client's consumer runs.
    is_consumed: bool,
}

/// How a queue behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Works,
    /// The address is wrong, or the queue was renamed: what it holds is still there.
    Missing,
    Denied,
    Failing,
    Throttling,
    /// Each call takes up to this many milliseconds.
    Slow(u64),
    /// No call is ever answered.
    Hanging,
}

impl Clients {
    pub(crate) fn new(naming: &Naming, queues: &FifoQueues) -> Self {
        let client = |name: &&str| {
            let queue = naming.client_queue(name);
            queues.create(&queue, Settings::default());
            Client {
                queue,
                state: Behaviour::Works,
                deleted_at: None,
                queue_generation: 1,
                has_failed: false,
                is_consumed: true,
            }
        };
        Self { all: NAMES.iter().map(client).collect() }
    }

    /// A function behind a queue has a sixth of this time.
    pub(crate) fn wait_as_long_as_push(&self, queues: &FifoQueues) {
        for client in &self.all {
            queues.change(&client.queue, |settings| settings.visibility = VISIBILITY);
        }
    }

    /// A client's queue.
    pub(crate) fn queue(&self, client: usize) -> QueueUrl {
        self.all[client].queue.clone()
    }

    /// The client that a queue belongs to.
    pub(crate) fn of(&self, queue: &QueueUrl) -> Option<usize> {
        self.all.iter().position(|client| client.queue == *queue)
    }

    pub(crate) fn ever_failed(&self, client: usize) -> bool {
        self.all[client].has_failed
    }

    /// Whether something receives from the client's queue.
    pub(crate) fn is_consumed(&self, client: usize) -> bool {
        self.all[client].is_consumed
    }

    /// How many milliseconds a call to a slow queue takes at most; `Some(None)`: for ever.
    pub(crate) fn slowness(&self, queue: &QueueUrl) -> Option<Option<u64>> {
        match self.all[self.of(queue)?].state {
            Behaviour::Slow(millis) => Some(Some(millis)),
            Behaviour::Hanging => Some(None),
            _ => None,
        }
    }
}

impl World {
    /// A batch arrives at a queue.
    pub(crate) fn arrive(
        self: &Rc<Self>,
        pulse: &Pulse,
        queue: &QueueUrl,
        messages: &[Message],
        is_failed: impl Fn(usize) -> bool,
    ) -> Result<Vec<Result<(), SendError>>, SendError> {
        let Some(client) = self.clients.borrow().of(queue) else {
            return Ok(messages.iter().map(|message| self.arrive_at_own(pulse, queue, message)).collect());
        };
        self.check_usable(client)?;
        let arrive = |(entry, message)| {
            if is_failed(entry) {
                self.note(&pulse.name, || {
                    format!("sends {} to {}: failed", self.name_of(message), NAMES[client])
                });
                return Err(SendError::Transient("internal error".into()));
            }
            self.arrive_at(pulse, client, queue, message)
        };
        Ok(messages.iter().enumerate().map(arrive).collect())
    }

    fn check_usable(&self, client: usize) -> Result<(), SendError> {
        let unusable = |cause: &str| SendError::Queue { cause: cause.into(), remedy: "make it work" };
        match self.clients.borrow().all[client].state {
            Behaviour::Missing => Err(unusable("missing")),
            Behaviour::Denied => Err(unusable("access denied")),
            Behaviour::Failing => Err(SendError::Transient("internal error".into())),
            Behaviour::Throttling => Err(SendError::Throttled("too many requests".into())),
            Behaviour::Works | Behaviour::Slow(_) | Behaviour::Hanging => Ok(()),
        }
    }

    fn arrive_at(
        self: &Rc<Self>,
        pulse: &Pulse,
        client: usize,
        queue: &QueueUrl,
        message: &Message,
    ) -> Result<(), SendError> {
        let (deleted_at, queue_generation) = {
            let clients = self.clients.borrow();
            (clients.all[client].deleted_at, clients.all[client].queue_generation)
        };
        if let Some(deleted_at) = deleted_at
            && self.now().since(deleted_at) < GHOST
            && self.rng.coin()
        {
            self.note_arrival(pulse, client, queue_generation, message, Some(true));
            return Ok(());
        }
        match self.queues.put(queue, message) {
            Ok(is_new) => {
                self.note_arrival(pulse, client, queue_generation, message, is_new.then_some(false));
                Ok(())
            }
            Err(error) => {
                self.note(&pulse.name, || {
                    format!("sends {} to {}: {error}", self.name_of(message), NAMES[client])
                });
                Err(error)
            }
        }
    }

    fn arrive_at_own(
        self: &Rc<Self>,
        pulse: &Pulse,
        queue: &QueueUrl,
        message: &Message,
    ) -> Result<(), SendError> {
        let is_new = self.queues.put(queue, message)?;
        self.note(&pulse.name, || {
            let what = if is_new { "" } else { ", swallowed" };
            let to = queue.as_str().rsplit('/').next().unwrap_or_default();
            format!("puts {} on {to}{what}", self.name_of(message))
        });
        if let (Some(event), _) = self.facts(message) {
            self.source.borrow_mut().arrived(event, self.now());
        }
        self.poke();
        Ok(())
    }

    /// From now on, a client's queue behaves like this for `duration`.
    pub(crate) fn misbehave(self: &Rc<Self>, client: usize, state: Behaviour, duration: std::time::Duration) {
        self.note("world", || format!("{}'s queue: {state:?} for {}", NAMES[client], length(duration)));
        {
            let mut clients = self.clients.borrow_mut();
            clients.all[client].state = state;
            clients.all[client].has_failed = true;
        }
        self.after(duration, move |world| {
            world.note("world", || format!("{}'s queue works again", NAMES[client]));
            world.clients.borrow_mut().all[client].state = Behaviour::Works;
        });
    }

    /// A client's consumer stands still for `duration`; then its queue is purged, and it goes on.
    pub(crate) fn purge(self: &Rc<Self>, client: usize, duration: std::time::Duration) {
        self.note("world", || format!("{}'s consumer stands still for {}", NAMES[client], length(duration)));
        self.clients.borrow_mut().all[client].is_consumed = false;
        self.after(duration, move |world| {
            let queue = world.clients.borrow().all[client].queue.clone();
            if world.queues.exists(&queue) {
                world.note("world", || format!("{}'s queue is purged", NAMES[client]));
                world.queues.purge(&queue);
                world.lose_waiting(client);
            }
            world.clients.borrow_mut().all[client].is_consumed = true;
            world.deliver_again(client);
        });
    }

    /// A client's queue is deleted, and made anew after a while.
    pub(crate) fn delete_queue(self: &Rc<Self>, client: usize, back: std::time::Duration) {
        {
            let mut clients = self.clients.borrow_mut();
            let client = &mut clients.all[client];
            if client.deleted_at.is_some() {
                return;
            }
            client.deleted_at = Some(self.now());
            self.queues.delete_queue(&client.queue);
        }
        self.note("world", || format!("{}'s queue is deleted for {}", NAMES[client], length(back)));
        self.after(back, move |world| world.make_queue(client));
    }

    pub(crate) fn make_queue(&self, client: usize) {
        let mut clients = self.clients.borrow_mut();
        let own = &mut clients.all[client];
        if own.deleted_at.take().is_some() {
            own.queue_generation += 1;
            self.queues.create(&own.queue, Settings::default());
            self.note("world", || format!("{}'s queue is made anew", NAMES[client]));
        }
    }

    pub(crate) fn limit_size(&self, client: usize, is_small: bool) {
        let queue = self.clients.borrow().all[client].queue.clone();
        if self.queues.exists(&queue) {
            self.note("world", || format!("{}'s queue takes small messages only: {is_small}", NAMES[client]));
            let size = if is_small { SMALL } else { shared::message::SQS_LIMIT };
            self.queues.change(&queue, |settings| settings.maximum_message_size = size);
        }
    }

    pub(crate) fn heal_clients(&self) {
        for client in 0..NAMES.len() {
            self.make_queue(client);
            self.limit_size(client, false);
            self.clients.borrow_mut().all[client].state = Behaviour::Works;
        }
    }
}
