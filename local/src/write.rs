//! Writing events as the companion API does: the mark's row and its event in one transaction.

use std::collections::BTreeMap;
use std::ops::Range;

use aws::operator::items::{Condition, Put, Refusal, put_together};
use aws::operator::{CallError, Target};
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::json::Json;
use crate::tables::{EVENTS, ROWS};

/// How many transactions are under way at once.
const AT_ONCE: usize = 8;

/// Why an event is not written after one that was refused: it would be waited for.
const AFTER_REFUSED: &str = "not written, because an earlier event of its mark was refused";

/// An event that the tables refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// The event's number among those to write, counted from 0.
    pub index: usize,
    /// What DynamoDB said, or that an earlier event of the mark was refused.
    pub reason: String,
}

/// DynamoDB could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("writing version {version} of `{mark}`: {source}")]
pub struct WriteError {
    mark: String,
    version: String,
    source: CallError,
}

/// Writes `events`: those of one mark in their order, alternating between the marks. Calls `on_written` with the number
/// of each event as soon as it is written. Returns the refused events; those of the same mark after a refused one are not
/// written.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_all(
    target: &Target,
    events: &[Event],
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    write_range(target, events, 0..events.len(), on_written).await
}

/// Writes `events` as [`write_all`] does, each when `admit` has returned. Calls `on_refused` for each that was admitted and
/// is refused.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_paced(
    target: &Target,
    events: &[Event],
    admit: impl AsyncFn(),
    on_written: &(impl Fn(usize) + Sync),
    on_refused: &(impl Fn() + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    write_admitted(target, events, 0..events.len(), admit, on_written, on_refused).await
}

/// Writes those of `events` that `range` names, as [`write_all`] does; the events before are in the tables already.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_range(
    target: &Target,
    events: &[Event],
    range: Range<usize>,
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    write_admitted(target, events, range, async || (), on_written, &|| ()).await
}

async fn write_admitted(
    target: &Target,
    events: &[Event],
    range: Range<usize>,
    admit: impl AsyncFn(),
    on_written: &(impl Fn(usize) + Sync),
    on_refused: &(impl Fn() + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    let mut marks: BTreeMap<&str, Vec<(usize, &Event)>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        marks.entry(&event.mark).or_default().push((index, event));
    }
    // The semaphore is fair: every mark gets its next permit before another mark gets two.
    let permits = Semaphore::new(AT_ONCE);
    let write = |events| write_mark(target, events, &range, &admit, &permits, on_written, on_refused);
    let writers: FuturesUnordered<_> = marks.into_values().map(write).collect();
    let refused: Vec<Vec<RefusedEvent>> = writers.try_collect().await?;
    Ok(refused.into_iter().flatten().collect())
}

async fn write_mark(
    target: &Target,
    events: Vec<(usize, &Event)>,
    range: &Range<usize>,
    admit: &impl AsyncFn(),
    permits: &Semaphore,
    on_written: &(impl Fn(usize) + Sync),
    on_refused: &(impl Fn() + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    let mut previous: Option<&Event> = None;
    let mut refused: Vec<RefusedEvent> = Vec::new();
    for (index, event) in events {
        if index >= range.end {
            break;
        }
        if !refused.is_empty() {
            refused.push(RefusedEvent { index, reason: AFTER_REFUSED.to_owned() });
            continue;
        }
        if index < range.start {
            previous = Some(event);
            continue;
        }
        admit().await;
        // The semaphore is never closed. Without a permit, only more transactions would run at once.
        let _permit = permits.acquire().await;
        match write(target, event, previous).await? {
            Ok(()) => {
                previous = Some(event);
                on_written(index);
            }
            Err(reason) => {
                refused.push(RefusedEvent { index, reason });
                on_refused();
            }
        }
    }
    Ok(refused)
}

/// One transaction: the mark's row takes the event's state, if it still has the version that the event follows. The
/// inner error is DynamoDB's refusal.
async fn write(
    target: &Target,
    event: &Event,
    previous: Option<&Event>,
) -> Result<Result<(), String>, WriteError> {
    let row = event.item.at(&["RegistrationNumber"]).map(Json::to_attributes);
    let mut row = row.unwrap_or_default();
    row.insert("mark".to_owned(), Json::from(event.mark.as_str()).to_attribute());
    let condition = match previous {
        None => Condition::IsNew { key: "mark" },
        Some(previous) => Condition::Has { name: "version", number: previous.version.as_str() },
    };
    let item = event.item.to_attributes();
    let puts = [
        Put { table: ROWS, item: &row, condition },
        Put { table: EVENTS, item: &item, condition: Condition::IsNew { key: "mark" } },
    ];
    match put_together(target, &puts).await {
        Ok(written) => Ok(written.map_err(refusal)),
        Err(source) => {
            let version = event.version.to_string();
            Err(WriteError { mark: event.mark.clone(), version, source })
        }
    }
}

fn refusal(Refusal { codes, reason }: Refusal) -> String {
    match codes.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["ConditionalCheckFailed", _] => "does not follow the version that the mark has".to_owned(),
        [_, "ConditionalCheckFailed"] => {
            "repeats `mark` and `createTime` of an event in the table".to_owned()
        }
        _ => format!("the table refused it: {reason}"),
    }
}
