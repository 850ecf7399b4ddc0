//! `fanoutctl check`: collects facts of the deployed stack, and tells what is wrong with them. Changes nothing.

mod collect;
pub mod facts;
pub mod findings;
mod mapping;
mod queue;
mod report;
mod table;
#[cfg(test)]
mod tests;

use deploy::stack;

use self::findings::find;
use self::report::Report;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress;

/// Checks the deployed stack against the config.
///
/// # Errors
///
/// [`Exit::Config`]; [`Exit::Unreachable`] if AWS or the stack isn't there; [`Exit::NotAllowed`] if not even the stack
/// may be looked at. What else may not be looked at is a finding.
pub async fn execute(context: &Context) -> Result<Exit, Failure> {
    let target = context.target().await?;
    let Some(stack) = stack::describe(&target, &context.stack).await? else {
        return Err(no_stack(&context.stack));
    };
    let place = target.place(stack.prefix()).await?;
    let config = context.config(Some(&place))?;
    let work = collect::facts(&target, &stack, place, config);
    let facts = progress::unless_quick("looking at queues, stream and mappings", work).await;

    let report = Report::new(&facts, find(&facts));
    context.output.print(&report, report::text)?;
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
}

/// There is nothing to look at.
pub(super) fn no_stack(name: &str) -> Failure {
    let message = format!(
        "there is no stack `{name}` in this account and region; name another with `--stack`, or make it with \
         `fanoutctl deploy`"
    );
    Failure::new(Exit::Unreachable, message)
}
