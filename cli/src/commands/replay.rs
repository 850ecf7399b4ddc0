//! `fanoutctl replay` and `fanoutctl backfill`: a client gets again what it has.

mod ordering;
mod report;
mod scope;

use shared::text::printable;

use self::ordering::Ordering;
use self::report::{Planned, Report, planned_text, text};
use self::scope::{Scope, scope};
use super::ask::agrees;
use super::ledger::Desk;
use crate::args::{BackfillArguments, ReplayArguments, ScopeArguments};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Style;
use crate::replay::Extent;

/// A replay, as the command line says.
#[derive(Clone, Debug)]
pub struct Wanted {
    client: String,
    from: u64,
    /// One aggregate's key, as text; nothing: all.
    group: Option<String>,
    /// After which aggregate to go on.
    after: Option<String>,
    dry_run: bool,
    yes: bool,
}

impl From<ReplayArguments> for Wanted {
    fn from(arguments: ReplayArguments) -> Self {
        let ReplayArguments { client, scope: ScopeArguments { group, all: _ }, from, order } = arguments;
        Self { client, from, group, after: order.after, dry_run: order.dry_run, yes: order.yes }
    }
}

impl From<BackfillArguments> for Wanted {
    fn from(arguments: BackfillArguments) -> Self {
        let BackfillArguments { client, from: _, order } = arguments;
        Self { client, from: 1, group: None, after: order.after, dry_run: order.dry_run, yes: order.yes }
    }
}

/// Tells what the replay comes to, asks, and orders it.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client or group, or nobody is there to ask. [`Exit::Config`]: there is no ledger.
/// Else what AWS or the function refused; what was ordered until then is told.
pub async fn execute(context: &Context, wanted: &Wanted) -> Result<Exit, Failure> {
    let source = context.config(None)?.source;
    let desk = Desk::of_stack(context).await?;
    let client = desk.served(&wanted.client)?;
    let scope = Unordered::until(scope(&desk, &source, &client, wanted)).await?;
    let stack_option = desk.stack_option();
    let dry_run = wanted.dry_run;
    let walked = match scope {
        Scope::Events(walked) => walked,
        Scope::Nothing(why) => {
            let planned = Planned { extent: None, nothing_to_do: Some(why), dry_run, stack_option };
            context.output.print(&planned, planned_text)?;
            return Ok(Exit::Done);
        }
    };
    let extent = Extent::new(&client.name, wanted.from, &walked, client.is_paused);
    if dry_run {
        let planned = Planned { extent: Some(extent), nothing_to_do: None, dry_run, stack_option };
        context.output.print(&planned, planned_text)?;
        return Ok(Exit::Done);
    }
    // Standard output has the result alone.
    eprintln!("{}", extent.to_text(&stack_option, Style::of_stderr()));
    let question = format!("Send client {} these events again?", printable(&client.name));
    if !Unordered::until(agrees(&question, wanted.yes)).await? {
        eprintln!("Nothing was ordered.");
        return Ok(Exit::Interrupted);
    }

    let mut ordering = Ordering::new(&desk, wanted, &walked);
    ordering.run().await?;
    let report = Report::new(extent, ordering.finish(), stack_option);
    context.output.print(&report, text)?;
    Ok(report.exit())
}

/// That nothing is ordered yet. Dropped by an interruption, it says so.
struct Unordered {
    is_over: bool,
}

impl Unordered {
    /// Waits for `work`, which orders nothing.
    async fn until<T>(work: impl Future<Output = T>) -> T {
        let mut unordered = Self { is_over: false };
        let done = work.await;
        unordered.is_over = true;
        done
    }
}

impl Drop for Unordered {
    fn drop(&mut self) {
        if !self.is_over {
            eprintln!("Nothing was ordered.");
        }
    }
}
