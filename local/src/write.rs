//! Writing events straight into the event table: those of one mark in their order, each on condition that its key is new.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::ops::Range;

use aws::operator::items::put_new;
use aws::operator::{CallError, Target};
use futures_util::TryStreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;

use crate::event::Event;
use crate::tables::EVENTS;

/// How many writes are under way at once.
const AT_ONCE: usize = 8;

/// Why an event is not written after one that was refused: it would be waited for.
const AFTER_REFUSED: &str = "not written, because an earlier event of its mark was refused";

/// An event that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedEvent {
    /// The event's number among those to write, counted from 0.
    pub index: usize,
    /// Why it was refused, or that an earlier event of the mark was.
    pub reason: String,
}

/// There was no answer.
#[derive(Debug, thiserror::Error)]
#[error("writing version {version} of `{mark}`: {source}")]
pub struct WriteError {
    pub(crate) mark: String,
    pub(crate) version: String,
    pub(crate) source: Box<dyn std::error::Error + Send + Sync>,
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
    events: &[impl Borrow<Event>],
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    write_range(target, events, 0..events.len(), on_written).await
}

/// Writes those of `events` that `range` names, as [`write_all`] does; the events before are in the table already.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub async fn write_range(
    target: &Target,
    events: &[impl Borrow<Event>],
    range: Range<usize>,
    on_written: &(impl Fn(usize) + Sync),
) -> Result<Vec<RefusedEvent>, WriteError> {
    let pace = Pace { admit: async || (), on_written, on_refused: || () };
    put_in_turn(target, events, range, &pace).await
}

/// Writes `events` as [`write_all`] does, at the `pace`.
///
/// # Errors
///
/// [`WriteError`], at the first request that DynamoDB did not answer.
pub(crate) async fn write_paced(
    target: &Target,
    events: &[impl Borrow<Event>],
    pace: &Pace<impl AsyncFn(), impl Fn(usize), impl Fn()>,
) -> Result<Vec<RefusedEvent>, WriteError> {
    put_in_turn(target, events, 0..events.len(), pace).await
}

async fn put_in_turn(
    target: &Target,
    events: &[impl Borrow<Event>],
    range: Range<usize>,
    pace: &Pace<impl AsyncFn(), impl Fn(usize), impl Fn()>,
) -> Result<Vec<RefusedEvent>, WriteError> {
    let events = events.get(..range.end).unwrap_or(events);
    let in_range = events.iter().map(Borrow::borrow).enumerate().skip(range.start);
    let marks = in_range.map(|(index, event): (usize, &Event)| (index, event.mark.as_str()));
    let put = async |index: usize| match events.get(index) {
        Some(event) => put(target, event.borrow()).await,
        None => Ok(Ok(())),
    };
    in_turn(marks, pace, &put).await
}

/// When an event may be written, and who is told.
pub(crate) struct Pace<A, W, R> {
    /// Returns when another event may be written.
    pub(crate) admit: A,
    /// Is called with the number of each event that is written.
    pub(crate) on_written: W,
    /// Is called for each that was admitted and is refused.
    pub(crate) on_refused: R,
}

/// Calls `write` for each of `marks`, the numbers of events with their marks: one after the other for those of one mark, some
/// marks at the same time, at the `pace`. `write` returns why an event is refused; then the others of its mark are not written.
///
/// # Errors
///
/// The first of `write`.
pub(crate) async fn in_turn<'m>(
    marks: impl IntoIterator<Item = (usize, &'m str)>,
    pace: &Pace<impl AsyncFn(), impl Fn(usize), impl Fn()>,
    write: &impl AsyncFn(usize) -> Result<Result<(), String>, WriteError>,
) -> Result<Vec<RefusedEvent>, WriteError> {
    let mut by_mark: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, mark) in marks {
        by_mark.entry(mark).or_default().push(index);
    }
    // The semaphore is fair: every mark gets its next permit before another mark gets two.
    let permits = Semaphore::new(AT_ONCE);
    let write_mark = async |indexes: Vec<usize>| {
        let mut refused: Vec<RefusedEvent> = Vec::new();
        for index in indexes {
            if !refused.is_empty() {
                refused.push(RefusedEvent { index, reason: AFTER_REFUSED.to_owned() });
                continue;
            }
            (pace.admit)().await;
            // The semaphore is never closed. Without a permit, only more writes would run at once.
            let _permit = permits.acquire().await;
            match write(index).await? {
                Ok(()) => (pace.on_written)(index),
                Err(reason) => {
                    refused.push(RefusedEvent { index, reason });
                    (pace.on_refused)();
                }
            }
        }
        Ok(refused)
    };
    let writers: FuturesUnordered<_> = by_mark.into_values().map(write_mark).collect();
    let refused: Vec<Vec<RefusedEvent>> = writers.try_collect().await?;
    Ok(refused.into_iter().flatten().collect())
}

/// Puts an event into the event table. The inner error is DynamoDB's refusal.
pub(crate) async fn put(target: &Target, event: &Event) -> Result<Result<(), String>, WriteError> {
    let put = put_new(target, EVENTS, &event.item.to_attributes(), "mark").await;
    let written = put.map_err(|error: CallError| WriteError {
        mark: event.mark.clone(),
        version: event.version.to_string(),
        source: error.into(),
    })?;
    Ok(written.map_err(|reason| match reason {
        None => "repeats `mark` and `createTime` of an event in the table".to_owned(),
        Some(reason) => format!("the table refused it: {reason}"),
    }))
}
