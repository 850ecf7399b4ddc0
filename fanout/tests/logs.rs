//! What the log says: for whom, how often, and never a value.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    dead_code,
    reason = "a test reports by panicking, and uses a part of the world"
)]

mod world;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use shared::testing::{CallFault, Fault, Faults};
use world::World;

/// Everything that `act` logs, as JSON lines.
fn logged(act: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, act);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

fn count(logged: &str, text: &str) -> usize {
    logged.lines().filter(|line| line.contains(text)).count()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_client_that_is_given_up_is_said_once_a_minute() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.delete_queue(world.client("B"));
        for round in 0..5 {
            world.put(&format!("a{round}"));
            world.drain();
            world.clock.freeze(Duration::from_secs(20));
        }
    });
    // It is given up after four minutes; then at 0, 20, 40, 60 and 80 seconds, of which the first and the fourth are said.
    assert_eq!(count(&logged, "client given up"), 2, "{logged}");
    assert!(logged.contains(r#""client":"B""#) && logged.contains("QueueDoesNotExist"), "{logged}");
}

#[test]
fn a_message_that_a_client_never_takes_is_an_error_and_its_body_is_not_told() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.put_message(&world::message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
        world.drain();
    });
    assert_eq!(count(&logged, "will never take went to the undelivered queue"), 1, "{logged}");
    assert_eq!(count(&logged, r#""level":"ERROR""#), logged.lines().count(), "{logged}");
    assert!(logged.contains(r#""undelivered":1"#), "{logged}");
    assert!(!logged.contains("xxxx"), "a body was logged");
}

#[test]
fn what_neither_queue_takes_is_told_of_the_undelivered_queue_only() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.maximum_message_size = 1_024);
        world.queues.change(&world.undelivered, |settings| settings.denied = true);
        world.put_message(&world::message_of("a", "a1", &"x".repeat(2_000)));
        world.put("a2 b1");
        world.deliver();
    });
    assert_eq!(count(&logged, "the undelivered queue did not take messages"), 1, "{logged}");
    assert_eq!(logged.lines().count(), 1, "{logged}");
}

#[test]
fn whatever_needs_somebody_to_act_is_an_error_from_the_start() {
    let logged = logged(|| {
        let world = World::new();
        world.queues.change(world.client("B"), |settings| settings.denied = true);
        world.put("a1");
        world.deliver();
    });
    assert_eq!(count(&logged, "client did not take its messages"), 1, "{logged}");
    assert_eq!(count(&logged, r#""level":"ERROR""#), 1, "{logged}");
}

#[test]
fn a_client_that_does_not_take_its_messages_is_a_warning_and_a_broken_undelivered_queue_an_error() {
    let logged = logged(|| {
        let world = World::new();
        let always = (0..100_000).map(|request| (request, Fault::Call(CallFault::ServerError)));
        world.queues.set_faults(world.client("B"), Faults::script(always));
        world.queues.change(&world.undelivered, |settings| settings.denied = true);
        world.put("a1");
        world.deliver();
        world.clock.freeze(fanout::patience::PATIENCE);
        world.deliver();
    });
    assert_eq!(count(&logged, "client did not take its messages"), 2, "{logged}");
    assert_eq!(count(&logged, r#""level":"WARN""#), 2, "{logged}");
    assert_eq!(count(&logged, "the undelivered queue did not take messages"), 1, "{logged}");
    assert_eq!(count(&logged, "client given up"), 0, "{logged}");
}
