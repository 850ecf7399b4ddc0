//! `fanoutctl rejected`: what the functions rejected, and sending it again after a repair.

pub mod arguments;
mod list;
mod queue;
mod resend;
mod show;

use std::time::Duration;

use shared::config::Source;
use shared::text::printable;

use self::arguments::Rejected;
use self::queue::{Queue, Sight};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;

/// For how long rejections are hidden should this process not come to show them again: thousands are looked at
/// meanwhile.
const LOOKING: Duration = Duration::from_secs(120);

/// The message while looking takes a while.
const LOOKING_MESSAGE: &str = "looking into the rejected queue";

/// Lists, shows or resends.
///
/// # Errors
///
/// [`Failure`]: the stack or its queue can't be looked at, or no rejection has the id.
pub async fn execute(context: &Context, arguments: &Rejected) -> Result<Exit, Failure> {
    match arguments {
        Rejected::List(arguments) => list::execute(context, arguments).await,
        Rejected::Show(arguments) => show::execute(context, arguments).await,
        Rejected::Resend(arguments) => resend::execute(context, arguments).await,
    }
}

/// Looks at up to `limit` rejections, and lets others see them again. Of those whose ids `wants` does not want, little
/// is kept.
async fn look(context: &Context, limit: usize, wants: impl Fn(&str) -> bool) -> Result<Sight, Failure> {
    let target = context.target().await?;
    let queue = Queue::of_stack(&target, &context.deployed(&target).await?)?;
    let sight = unless_quick(LOOKING_MESSAGE, queue.look(limit, LOOKING, wants)).await;
    queue.release().await;
    Ok(sight?)
}

/// Where events have their parts, as the config says. Rejections are looked at and sent again without it too; then
/// their versions are not known.
fn source(context: &Context) -> Option<Source> {
    match context.config(None) {
        Ok(config) => Some(config.source),
        Err(failure) => {
            let failure = failure.to_string();
            let why = printable(failure.lines().next().unwrap_or_default());
            eprintln!("without a config, the versions of rejected events are not known: {why}");
            None
        }
    }
}
