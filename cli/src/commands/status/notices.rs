//! The notices of erasures of `status`: which clients are due some, and since when.

use std::collections::BTreeMap;

use aws::operator::CallError;
use serde::Serialize;
use shared::text::{counted, printable};
use shared::time::Timestamp;

use crate::erasures::DueNotices;
use crate::output::{instant, more_than, time};

/// The notices of erasures that a client is due.
#[derive(Debug, Serialize)]
pub(super) struct NoticesRow {
    client: String,
    due: usize,
    /// Whether there are more than were counted.
    is_more: bool,
    /// Since when the oldest of those that were counted is due.
    since: String,
    seconds: u64,
    /// Whether that needs attention.
    pub(super) is_late: bool,
}

/// A row for each client that is due notices. If that isn't known, `unknown` gets the reason.
pub(super) fn rows(
    notices: &Result<Vec<(String, DueNotices)>, CallError>,
    now: Timestamp,
    unknown: &mut BTreeMap<&'static str, String>,
) -> Vec<NoticesRow> {
    match notices {
        Ok(notices) => {
            notices.iter().filter_map(|(client, due)| NoticesRow::new(client, *due, now)).collect()
        }
        Err(error) => {
            unknown.insert("notices", error.to_string());
            Vec::new()
        }
    }
}

/// A line for each client whose notices are late. `stack` is the option that names the stack.
pub(super) fn text(rows: &[NoticesRow], stack: &str) -> String {
    let lines = rows.iter().filter(|row| row.is_late).map(|row| {
        let (client, due) = (printable(&row.client), counted(row.due, "notice"));
        let (more, oldest, stack) = (more_than(row.is_more), time(row.seconds), printable(stack));
        format!(
            "client {client}: {more}{due} of erasures due, the oldest for {oldest}: see `fanoutctl erasures {client}{stack}`\n"
        )
    });
    lines.collect()
}

impl NoticesRow {
    fn new(client: &str, due: DueNotices, now: Timestamp) -> Option<Self> {
        let since = due.since?;
        Some(Self {
            client: client.to_owned(),
            due: due.count,
            is_more: due.is_more,
            since: instant(since),
            seconds: now.since(since).as_secs(),
            is_late: due.is_late(now),
        })
    }
}
