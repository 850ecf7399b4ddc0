//! Writing events as the companion API does: the mark's row and its event in one transaction.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::json::Json;
use crate::tables::{EVENTS, ROWS};

/// How many transactions are under way at once.
const AT_ONCE: usize = 8;

/// An event that the tables refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The event's number among those to write, counted from 0.
    pub index: usize,
    /// What DynamoDB said.
    pub reason: String,
}

/// DynamoDB could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("writing version {version} of `{mark}`: {reason}")]
pub struct WriteError {
    mark: String,
    version: String,
    reason: String,
}

/// Writes `events`: those of one mark in their order, the marks taking turns. `on_written` is told the number of each
/// event as soon as it is written. Returns the refused ones; an event after a refused one of its mark is still tried.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_all(
    dynamodb: &Client,
    events: &[Event],
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<Refused>, WriteError> {
    write_range(dynamodb, events, 0..events.len(), on_written).await
}

/// Writes those of `events` that `range` names, as [`write_all`] does; the ones before are in the tables already.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_range(
    dynamodb: &Client,
    events: &[Event],
    range: Range<usize>,
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<Refused>, WriteError> {
    let mut marks: BTreeMap<&str, Vec<(usize, &Event)>> = BTreeMap::new();
    for (index, event) in events.iter().enumerate() {
        marks.entry(&event.mark).or_default().push((index, event));
    }
    // A fair semaphore: every mark gets its next turn before another gets two.
    let turns = Semaphore::new(AT_ONCE);
    let writers: FuturesUnordered<_> =
        marks.into_values().map(|events| write_mark(dynamodb, events, &range, &turns, on_written)).collect();
    let refused: Vec<Vec<Refused>> = writers.try_collect().await?;
    Ok(refused.into_iter().flatten().collect())
}

async fn write_mark(
    dynamodb: &Client,
    events: Vec<(usize, &Event)>,
    range: &Range<usize>,
    turns: &Semaphore,
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<Refused>, WriteError> {
    let mut previous: Option<&Event> = None;
    let mut refused = Vec::new();
    for (index, event) in events {
        if index >= range.end {
            break;
        }
        if index < range.start {
            previous = Some(event);
            continue;
        }
        // The semaphore is never closed, and without a permit there is only more haste.
        let _turn = turns.acquire().await;
        match write(dynamodb, event, previous).await? {
            Ok(()) => {
                previous = Some(event);
                on_written(index);
            }
            Err(reason) => refused.push(Refused { index, reason }),
        }
    }
    Ok(refused)
}

/// One transaction. The inner error is DynamoDB's refusal.
async fn write(
    dynamodb: &Client,
    event: &Event,
    previous: Option<&Event>,
) -> Result<Result<(), String>, WriteError> {
    let failed =
        |reason: String| WriteError { mark: event.mark.clone(), version: event.version.to_string(), reason };
    let row = put_row(event, previous).map_err(|error| failed(error.to_string()))?;
    let item = put_event(event).map_err(|error| failed(error.to_string()))?;
    let sent = dynamodb.transact_write_items().transact_items(row).transact_items(item).send().await;
    match sent {
        Ok(_) => Ok(Ok(())),
        Err(SdkError::ServiceError(error)) => Ok(Err(refusal(error.err()))),
        Err(error) => Err(failed(DisplayErrorContext(error).to_string())),
    }
}

/// The mark's row takes the event's state, if it still has the version that the event follows.
fn put_row(
    event: &Event,
    previous: Option<&Event>,
) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
    let row = event.item.at(&["RegistrationNumber"]).map(attributes).unwrap_or_default();
    let put = Put::builder().table_name(ROWS).set_item(Some(row));
    let put = put.item("mark", AttributeValue::S(event.mark.clone()));
    let put = match previous {
        None => put.condition_expression("attribute_not_exists(mark)"),
        Some(previous) => put
            .condition_expression("#version = :previous")
            .expression_attribute_names("#version", "version")
            .expression_attribute_values(":previous", AttributeValue::N(previous.version.to_string())),
    };
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn put_event(event: &Event) -> Result<TransactWriteItem, aws_sdk_dynamodb::error::BuildError> {
    let put = Put::builder().table_name(EVENTS).set_item(Some(attributes(&event.item)));
    let put = put.condition_expression("attribute_not_exists(mark)");
    Ok(TransactWriteItem::builder().put(put.build()?).build())
}

fn attributes(json: &Json) -> HashMap<String, AttributeValue> {
    match json.to_attribute() {
        AttributeValue::M(attributes) => attributes,
        _ => HashMap::new(),
    }
}

fn refusal(error: &TransactWriteItemsError) -> String {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return format!("the table refused it: {}", DisplayErrorContext(error));
    };
    let codes = cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
    match codes.collect::<Vec<_>>().as_slice() {
        ["ConditionalCheckFailed", _] => "does not follow the version that the mark has".to_owned(),
        [_, "ConditionalCheckFailed"] => {
            "repeats `mark` and `createTime` of an event in the table".to_owned()
        }
        _ => format!("the table refused it: {}", DisplayErrorContext(error)),
    }
}
