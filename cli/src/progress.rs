//! Progress on standard error: a spinner in a terminal, a line each elsewhere.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use shared::text::printable;

/// What somebody waits for without asking what is going on.
const MOMENT: Duration = Duration::from_secs(1);

/// Tells what is being done.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
}

impl Progress {
    /// Progress on standard error.
    pub fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if is_terminal {
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, is_terminal }
    }

    /// Says what is done now; in a terminal the next message takes its place.
    pub fn say(&self, line: &str) {
        let line = printable(line);
        if self.is_terminal { self.bar.set_message(line) } else { eprintln!("{line}") }
    }

    /// Says what stays to be read.
    pub fn note(&self, line: &str) {
        let line = printable(line);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Nothing more will come.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Waits for `work`, and says `line` if that takes longer than a moment.
pub async fn unless_quick<T>(line: &str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if let Ok(done) = tokio::time::timeout(MOMENT, &mut work).await {
        return done;
    }
    let progress = Progress::new();
    progress.say(line);
    let done = work.await;
    progress.finish();
    done
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
