//! `fanoutctl dead-letters`: what was rejected, undelivered or could not be processed, and sending it again.

mod held;
mod list;
mod look;
mod places;
mod plan;
mod report;
mod retry;
mod send;
mod show;

use shared::config::Source;
use shared::text::printable;

use crate::args::DeadLetters;
use crate::context::Context;
use crate::exit::{Exit, Failure};

/// Lists, shows or retries.
///
/// # Errors
///
/// [`Failure`].
pub async fn execute(context: &Context, arguments: &DeadLetters) -> Result<Exit, Failure> {
    match arguments {
        DeadLetters::List(arguments) => list::execute(context, arguments).await,
        DeadLetters::Show(arguments) => show::execute(context, arguments).await,
        DeadLetters::Retry(arguments) => retry::execute(context, arguments).await,
    }
}

/// Where events have their parts, as the config says. Letters are looked at and sent again without it too; then their
/// versions are not known.
fn source(context: &Context) -> Option<Source> {
    match context.config(None) {
        Ok(config) => Some(config.source),
        Err(failure) => {
            let why = printable(failure.message.lines().next().unwrap_or_default());
            eprintln!("without a config, the versions of rejected events are not known: {why}");
            None
        }
    }
}
