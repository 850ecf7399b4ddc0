//! `fanoutctl rejected`: shows rejected events, and sends them again after a repair.

pub mod arguments;
mod list;
mod queue;
mod resend;
mod show;

use std::time::Duration;

use shared::config::Source;
use shared::text::printable;

use self::arguments::RejectedCommand;
use self::queue::{Queue, Sight};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;

/// How long rejections are hidden if this process dies before it shows them again. A look at thousands takes less.
const LOOKING: Duration = Duration::from_secs(120);

/// The progress line of a look that takes more than a moment.
const LOOKING_MESSAGE: &str = "looking into the rejected queue";

/// Runs `rejected list`, `show` or `resend`.
///
/// # Errors
///
/// [`Failure`]: the stack or its queue can't be looked at, or no rejection has the id.
pub async fn execute(context: &Context, arguments: &RejectedCommand) -> Result<Exit, Failure> {
    context.check_named_config()?;
    match arguments {
        RejectedCommand::List { limit } => list::execute(context, *limit).await,
        RejectedCommand::Show { id } => show::execute(context, id).await,
        RejectedCommand::Resend(arguments) => resend::execute(context, arguments).await,
    }
}

/// Looks at up to `limit` rejections, and shows them to others again. A rejection whose id `wants` refuses is only
/// counted.
async fn look(context: &Context, limit: usize, wants: impl Fn(&str) -> bool) -> Result<Sight, Failure> {
    let (target, stack) = context.deployed().await?;
    let queue = Queue::of_stack(&target, &stack)?;
    let sight = unless_quick(LOOKING_MESSAGE, queue.look(limit, LOOKING, wants)).await;
    queue.release().await;
    Ok(sight?)
}

/// The config's `[source]`. Without a config, rejections can be looked at and sent again, but their versions are not
/// known.
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
