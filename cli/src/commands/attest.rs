//! `fanoutctl attest`: what a client was sent last of each aggregate, as the ledger says.

mod line;

use std::collections::HashMap;

use aws::operator::ledger::{groups, unread};
use aws::operator::table::KeyType;
use shared::control::TypedKey;
use shared::ledger::{ItemKey, Registration};
use shared::text::counted;

use self::line::{Line, Summary, cursors, lines, text};
use super::event_keys::did_you_mean;
use super::operator::{Operator, registered};
use crate::args::AttestArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::key::{key_of_group, typed_key};
use crate::output::Output;
use crate::progress::Progress;

/// The types that an aggregate's key can have. The groups of two types differ, so the ledger tells which one is meant.
const KEY_TYPES: [KeyType; 3] = [KeyType::S, KeyType::N, KeyType::B];

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
    if text.is_empty() {
        typed_key(text, KeyType::S)?;
    }
    let keys = KEY_TYPES.into_iter().filter_map(|of| typed_key(text, of).ok()?.group());
    // As consumers see it: for a hint.
    let encoded: Vec<TypedKey> = KEY_TYPES.into_iter().filter_map(|of| key_of_group(text, of)).collect();
    let keys: Vec<ItemKey> =
        keys.chain(encoded.iter().filter_map(TypedKey::group)).map(ItemKey::Group).collect();
    let items = operator.ledger.read(&keys).await?;
    for key in &keys {
        let ItemKey::Group(group) = key else { continue };
        let Some(item) = items.group(group).present() else { continue };
        let typed = TypedKey::from(&item.key);
        if typed.as_text() != text {
            let hint = did_you_mean(&typed);
            return Err(Exit::Usage.because(format!("the ledger knows no aggregate `{text}`; {hint}")));
        }
        let group = (group.clone(), item.clone());
        // Without cursors, the item is read again where the client has one, together with it.
        let lines = lines(&operator.ledger.table, client, vec![group], &HashMap::new()).await;
        let lines = lines.map_err(|error| unread(&operator.ledger.name, &error))?;
        summary.count(&lines);
        return Ok(lines);
    }
    Err(Exit::Usage.because(format!(
        "the ledger knows no aggregate `{text}`: none of its events was fanned out since there is a ledger; name an \
         aggregate by its key"
    )))
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
