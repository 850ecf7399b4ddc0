//! `fanoutctl attest`: what a client was sent last of each aggregate, as the ledger says.

mod line;

use std::collections::HashMap;

use aws::operator::ledger::{groups, unread};
use shared::ledger::Registration;
use shared::text::counted;

use self::line::{Line, Summary, cursors, lines, text};
use super::event_keys::{known_group, unknown_group};
use super::operator::{Operator, registered};
use crate::args::AttestArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::Output;
use crate::progress::Progress;

/// Prints what the client was sent last of one aggregate, or of all. Nothing is put on a queue.
///
/// # Errors
///
/// [`Failure`]: there is no such client or aggregate, or the ledger can't be read. Lines of JSON that were printed before
/// are right.
pub async fn execute(context: &Context, arguments: &AttestArguments) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    let client = registered(&operator.registry, &arguments.client)?;
    let mut summary = Summary::default();
    let found = match &arguments.group {
        Some(group) => one(&operator, client, group, &mut summary).await?,
        None => all(&operator, client, context.output, &mut summary).await?,
    };
    if context.output.is_json {
        context.output.print_lines(&found)?;
    } else {
        context.output.print(&found, |found, style| text(&arguments.client, found, &summary, style))?;
    }
    Ok(summary.exit())
}

/// The line of one aggregate, which the operator named as `text`.
async fn one(
    operator: &Operator,
    client: &Registration,
    text: &str,
    summary: &mut Summary,
) -> Result<Vec<Line>, Failure> {
    let Some(group) = known_group(&operator.ledger, text).await? else { return Err(unknown_group(text)) };
    // Without cursors, the item is read again where the client has one, together with it.
    let lines = lines(&operator.ledger.table, client, vec![group], &HashMap::new()).await;
    let lines = lines.map_err(|error| unread(&operator.ledger.name, &error))?;
    summary.count(&lines);
    Ok(lines)
}

/// The lines of all aggregates that the ledger knows. As lines of JSON they are printed as they are found.
async fn all(
    operator: &Operator,
    client: &Registration,
    output: Output,
    summary: &mut Summary,
) -> Result<Vec<Line>, Failure> {
    let ledger = &operator.ledger;
    let unread = |error| unread(&ledger.name, &error);
    let progress = Progress::spinner();
    progress.spin("reading what the client is behind in");
    // First: who becomes up to date meanwhile has a cursor too many, which is read again.
    let cursors = cursors(&ledger.table, client.id).await.map_err(unread)?;
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        progress.spin(&format!("reading the ledger: {} so far", counted(summary.groups(), "group")));
        let page = groups(&operator.target, &ledger.name, after).await?;
        let mut readable = Vec::with_capacity(page.groups.len());
        for group in page.groups {
            match group {
                Ok(group) => readable.push(group),
                Err(damaged) => {
                    summary.damaged += 1;
                    progress.note(&damaged.to_string());
                }
            }
        }
        let found = lines(&ledger.table, client, readable, &cursors).await.map_err(unread)?;
        summary.count(&found);
        if output.is_json {
            output.print_lines(&found)?;
        } else {
            all.extend(found);
        }
        after = page.next;
        if after.is_none() {
            progress.finish();
            return Ok(all);
        }
    }
}
