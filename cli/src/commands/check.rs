//! `fanoutctl check`: collects facts of the deployed stack, and tells what is wrong with them. Changes nothing.

mod collect;
pub mod facts;
pub mod findings;
mod ledger;
mod mapping;
mod queue;
mod report;
mod table;
#[cfg(test)]
mod tests;

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
    let stack = context.deployed(&target).await?;
    let place = target.place(stack.prefix()).await?;
    let config = context.config(Some(&place))?;
    let work = collect::facts(&target, &stack, place, config);
    let facts = progress::unless_quick("looking at queues, stream, mappings and the ledger", work).await;

    let report = Report::new(&facts, find(&facts));
    context.output.print(&report, report::text)?;
    Ok(if report.findings.is_empty() { Exit::Done } else { Exit::Findings })
}
