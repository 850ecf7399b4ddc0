//! Records what code logs.

#![expect(clippy::expect_used, reason = "in tests a panic is the report")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex, Once, PoisonError};

/// A subscriber for all threads, so that no place that logs is taken for one that nobody listens to while tests on other
/// threads begin to listen.
static EVERYWHERE: Once = Once::new();

/// Everything that `act` logs on this thread, as JSON lines, as the functions write them.
pub fn logged(act: impl FnOnce()) -> String {
    EVERYWHERE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_writer(io::sink).finish();
        // A test binary may have one of its own.
        let _ = tracing::subscriber::set_global_default(subscriber);
    });
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, act);
    let logged = lines.0.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8(logged.clone()).expect("what is logged is UTF-8")
}

/// How many lines of `logged` hold `text`.
pub fn count_lines(logged: &str, text: &str) -> usize {
    logged.lines().filter(|line| line.contains(text)).count()
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
