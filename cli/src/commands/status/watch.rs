//! `fanoutctl status --watch`: the state again and again, as a screen in a terminal, and as text or lines of JSON elsewhere.

use std::io::{self, IsTerminal as _};
use std::pin::Pin;
use std::time::Duration;

use futures_util::future::OptionFuture;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use shared::text::printable;
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::screen::{Screen, Wish};
use super::{Deployment, Report, client, look, text};
use crate::commands::operator::now;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::instant;

/// How long the thread that reads keys outlives the screen at most.
const KEY_WAIT: Duration = Duration::from_millis(100);

/// How often the age of the figures is drawn anew.
const TICK: Duration = Duration::from_secs(1);

/// A refresh, with what the next one need not read.
type Refresh<'c> = Pin<Box<dyn Future<Output = (Result<Report, Failure>, Option<Deployment>)> + 'c>>;

/// A look into a client.
type Look<'c> = Pin<Box<dyn Future<Output = (String, Result<String, Failure>)> + 'c>>;

/// Shows `first`, and what becomes of it, until it is ended.
///
/// # Errors
///
/// [`Exit::Fault`]: there is no terminal any more. [`Exit::Closed`]: nobody reads the lines any more. A refresh that
/// fails is none.
pub(super) async fn execute(
    context: &Context,
    interval: u64,
    first: Report,
    deployed: Option<Deployment>,
) -> Result<Exit, Failure> {
    let interval = Duration::from_secs(interval);
    if context.output.is_json || !io::stdout().is_terminal() {
        return lines(context, interval, first, deployed).await;
    }
    let mut terminal = FullScreen::try_new()?;
    let mut keys = keys();
    let mut screen = Screen::new(first, now());
    let mut refresh = later(context, interval, deployed);
    let mut looking: Option<Look<'_>> = None;
    loop {
        let drawn = terminal.0.draw(|frame| screen.draw(frame, now()));
        drawn.map_err(|error| Exit::Fault.because(format!("the terminal: {error}")))?;
        tokio::select! {
            (result, deployed) = &mut refresh => {
                screen.refresh(result.map_err(|failure| failure.to_string()), now());
                refresh = later(context, interval, deployed);
                looking = screen.client().map(|name| into(context, name));
            }
            Some((name, told)) = OptionFuture::from(looking.as_mut()) => {
                looking = None;
                screen.tell(&name, told.unwrap_or_else(|failure| format!("client {name} can't be looked into: {failure}")));
            }
            key = keys.recv() => match key.map_or(Wish::Quit, |key| screen.key(key)) {
                Wish::Nothing => {}
                Wish::Look(name) => looking = Some(into(context, name)),
                Wish::Quit => return Ok(Exit::Done),
                Wish::Interrupt => return Ok(Exit::Interrupted),
            },
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

/// Prints each report: as text after a line with the time, or as a line of JSON.
async fn lines(
    context: &Context,
    interval: Duration,
    first: Report,
    mut deployed: Option<Deployment>,
) -> Result<Exit, Failure> {
    let mut result = Ok(first);
    loop {
        match result {
            Ok(report) => context
                .output
                .print(&report, |report, style| format!("{}\n{}\n", instant(now()), text(report, style)))?,
            Err(failure) => {
                eprintln!("{}", printable(&format!("{}  not refreshed: {failure}", instant(now()))));
            }
        }
        (result, deployed) = later(context, interval, deployed).await;
    }
}

/// A refresh after a while.
fn later(context: &Context, interval: Duration, mut deployed: Option<Deployment>) -> Refresh<'_> {
    Box::pin(async move {
        tokio::time::sleep(interval).await;
        let result = look(context, &mut deployed).await;
        (result, deployed)
    })
}

fn into(context: &Context, name: String) -> Look<'_> {
    Box::pin(async move {
        let text = client::text_of(context, &name).await;
        (name, text)
    })
}

/// The keys that are pressed, read by a thread that ends after the receiver.
fn keys() -> UnboundedReceiver<KeyEvent> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        while !sender.is_closed() {
            let event = event::poll(KEY_WAIT).and_then(|is_there| is_there.then(event::read).transpose());
            match event {
                Ok(Some(Event::Key(key))) if key.kind != KeyEventKind::Release => drop(sender.send(key)),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    });
    receiver
}

/// The terminal while the screen is in it. Whatever ends it, a panic too, the terminal is as before.
struct FullScreen(DefaultTerminal);

impl FullScreen {
    fn try_new() -> Result<Self, Failure> {
        let terminal = ratatui::try_init();
        Ok(Self(terminal.map_err(|error| Exit::Fault.because(format!("the terminal: {error}")))?))
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}
