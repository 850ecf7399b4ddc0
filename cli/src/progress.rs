//! Progress on standard error: a spinner or a bar in a terminal, a line each elsewhere.

use std::io::IsTerminal as _;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use shared::text::printable;

/// What somebody waits for without asking what is going on.
const MOMENT: Duration = Duration::from_secs(1);

/// How often a part that is done is told as a line where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Tells what is being done, or how much of something is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    /// When it was told last how much is done.
    told: Mutex<Option<Instant>>,
}

impl Progress {
    /// Of what has no measure.
    pub fn spinner() -> Self {
        Self::drawn(None, "{spinner} {wide_msg}")
    }

    /// Of `total`, of which nothing is done.
    pub fn of(total: u64) -> Self {
        Self::drawn(Some(total), "{bar:30} {percent:>3}%  {wide_msg}")
    }

    /// On standard error.
    fn drawn(total: Option<u64>, template: &str) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        if is_terminal {
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        // Also if the command is interrupted.
        Self { bar: bar.with_finish(ProgressFinish::AndClear), is_terminal, told: Mutex::default() }
    }

    /// Says what is done now; in a terminal the next message takes its place.
    pub fn say(&self, line: &str) {
        let line = printable(line);
        if self.is_terminal { self.bar.set_message(line) } else { eprintln!("{line}") }
    }

    /// Says what is done now where the message before can be replaced, and else nothing: for what changes all the time.
    pub fn spin(&self, line: &str) {
        if self.is_terminal {
            self.bar.set_message(printable(line));
        }
    }

    /// Says what stays to be read.
    pub fn note(&self, line: &str) {
        let line = printable(line);
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// So much of `total` is done; `line` says what that means.
    pub fn is_at(&self, done: u64, total: u64, line: &str) {
        self.bar.set_length(total);
        self.bar.set_position(done);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_terminal || told.is_none_or(|told| told.elapsed() >= LINE_INTERVAL) {
            *told = Some(Instant::now());
            self.say(line);
        }
    }

    /// All is done, as `line` says: whoever has read that less was done reads that, too.
    pub fn ends(&self, line: &str) {
        let was_told = self.told.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if was_told && !self.is_terminal {
            eprintln!("{}", printable(line));
        }
        self.finish();
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
    let progress = Progress::spinner();
    progress.say(line);
    let done = work.await;
    progress.finish();
    done
}
