//! The meaning of the file: everything that would fail later, found before.

use std::borrow::Cow;

use toml::Spanned;

use super::clients::{self, Rules};
use super::findings::Report;
use super::nearest::nearest;
use super::raw::{Raw, RawSource, Value};
use super::{Changes, Config, Path, Source};
use crate::place::{self, Place};
use crate::quoted::quoted;

/// At 20 ms a call, six requests in flight stay under the 300 calls a second that a FIFO queue without high
/// throughput takes (SQS quotas).
const DEFAULT_REQUESTS_IN_FLIGHT: usize = 6;

/// Each request in flight holds a connection and up to 1 MiB: fifty fit into a small function's memory.
const REQUESTS_IN_FLIGHT_LIMIT: usize = 50;

/// The configuration that `raw` stands for; whatever is wrong is reported.
pub(super) fn validate(raw: Raw<'_>, place: Option<&Place>, report: &mut Report<'_>) -> Option<Config> {
    let allowed_accounts = raw.source.as_ref().and_then(|source| allowed_accounts(source, report));
    let has_version = raw.source.as_ref().map(|source| !matches!(source.version, Value::Absent));
    let source = raw.source.and_then(|source| validate_source(source, report));
    let requests_in_flight = requests_in_flight(raw.requests_in_flight, report);
    let rules = Rules { allowed_accounts: allowed_accounts.as_deref(), has_version, place };
    let clients = clients::validate(&raw.clients, raw.clients_complete, &rules, report);
    Some(Config { source: source?, clients, requests_in_flight: requests_in_flight? })
}

fn validate_source(raw: RawSource<'_>, report: &mut Report<'_>) -> Option<Source> {
    if let Value::Is(version) = &raw.version {
        version_rules(version.span().start, &raw, report);
    }
    if let (Value::Is(partition_key), Value::Is(sort_key)) = (&raw.partition_key, &raw.sort_key)
        && partition_key.get_ref() == sort_key.get_ref()
    {
        let at = sort_key.span().start;
        report.add(at, "source.sort_key", "is the partition key too; name the other key of the table");
    }
    let at = raw.at;
    let changes = changes(&raw.changes, report);
    let version = path("source.version", raw.version, report);
    let partition_key = required("source.partition_key", raw.partition_key, at, report);
    let sort_key = optional("source.sort_key", raw.sort_key, report);
    let group = required("source.group", raw.group, at, report);
    let id = optional("source.id", raw.id, report);
    let name = optional("source.name", raw.name, report);
    let time = optional("source.time", raw.time, report);
    let (partition_key, group) = (partition_key?, group?);
    Some(Source { partition_key, sort_key, group, id, name, time, version, changes: changes? })
}

/// What `version`, which stands at the byte `at`, asks of the other keys.
fn version_rules(at: usize, raw: &RawSource<'_>, report: &mut Report<'_>) {
    if matches!(raw.time, Value::Absent) {
        let message =
            "needs `time`, which tells an aggregate's lives apart; name the attribute of the event's time";
        report.add(at, "source.version", message);
    }
    // Without a sort key all events of an aggregate would be one item, with one deduplication id.
    if matches!(raw.sort_key, Value::Absent) {
        let message = "needs `sort_key`, which tells an aggregate's events apart; name the table's sort key";
        report.add(at, "source.version", message);
    }
    if let Value::Is(changes) = &raw.changes
        && changes.get_ref().iter().any(|change| change.get_ref() == "MODIFY")
    {
        let message =
            "with `version` only new items are events; write `[\"INSERT\"]`, or leave `version` out";
        report.add(changes.span().start, "source.changes", message);
    }
    if let (Value::Is(group), Value::Is(partition_key)) = (&raw.group, &raw.partition_key)
        && group.get_ref() != partition_key.get_ref()
        && !partition_key.get_ref().is_empty()
    {
        let message = format_args!(
            "with `version` the events of a group are read from its partition; write {}, or leave `version` out",
            quoted(partition_key.get_ref())
        );
        report.add(group.span().start, "source.group", message);
    }
}

fn required(
    key: &str,
    value: Value<Cow<'_, str>>,
    section: usize,
    report: &mut Report<'_>,
) -> Option<String> {
    if matches!(value, Value::Absent) {
        report.add(section, key, "missing; name an attribute of the event table");
    }
    optional(key, value, report)
}

fn optional(key: &str, value: Value<Cow<'_, str>>, report: &mut Report<'_>) -> Option<String> {
    let Value::Is(name) = value else {
        return None;
    };
    if name.get_ref().is_empty() {
        report.add(name.span().start, key, "is empty; name an attribute of the event table");
    }
    Some(name.into_inner().into_owned())
}

fn path(key: &str, value: Value<Cow<'_, str>>, report: &mut Report<'_>) -> Option<Path> {
    let Value::Is(text) = value else {
        return None;
    };
    Path::try_new(text.get_ref()).map_err(|error| report.add(text.span().start, key, error)).ok()
}

fn changes(value: &Value<Vec<Spanned<Cow<'_, str>>>>, report: &mut Report<'_>) -> Option<Changes> {
    const KEY: &str = "source.changes";
    let named = match value {
        Value::Absent => return Some(Changes { insert: true, modify: false }),
        Value::Wrong => return None,
        Value::Is(named) => named,
    };
    if named.get_ref().is_empty() {
        report.add(named.span().start, KEY, "is empty, so nothing would be an event; write `[\"INSERT\"]`");
    }
    let mut changes = Changes { insert: false, modify: false };
    for change in named.get_ref() {
        let at = change.span().start;
        let seen = match change.get_ref().as_ref() {
            "INSERT" => std::mem::replace(&mut changes.insert, true),
            "MODIFY" => std::mem::replace(&mut changes.modify, true),
            "REMOVE" => {
                let message = "`REMOVE` cannot be an event, for the stream shows no new image of a removed item; \
                               leave it out, and append an event that tells of the removal";
                report.add(at, KEY, message);
                continue;
            }
            other => {
                report.add(at, KEY, unknown_change(other));
                continue;
            }
        };
        if seen {
            report.add(at, KEY, format_args!("{} is repeated; name it once", quoted(change.get_ref())));
        }
    }
    Some(changes)
}

fn unknown_change(text: &str) -> String {
    match nearest(text, &["INSERT", "MODIFY"]) {
        Some(near) => format!("{} is not a change; did you mean `{near}`?", quoted(text)),
        None => format!("{} is not a change; known are `INSERT` and `MODIFY`", quoted(text)),
    }
}

/// The accounts whose queues may receive events; none if they are not known, which has been reported.
fn allowed_accounts(raw: &RawSource<'_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let accounts = match &raw.allowed_accounts {
        Value::Absent => return Some(Vec::new()),
        Value::Wrong => return None,
        Value::Is(accounts) => accounts.get_ref(),
    };
    for account in accounts {
        if let Err(error) = place::check_account(account.get_ref()) {
            report.add(account.span().start, "source.allowed_accounts", error);
        }
    }
    Some(accounts.iter().map(|account| account.get_ref().clone().into_owned()).collect())
}

fn requests_in_flight(value: Value<i64>, report: &mut Report<'_>) -> Option<usize> {
    let number = match value {
        Value::Absent => return Some(DEFAULT_REQUESTS_IN_FLIGHT),
        Value::Wrong => return None,
        Value::Is(number) => number,
    };
    let limited = usize::try_from(*number.get_ref()).ok();
    let requests = limited.filter(|requests| (1..=REQUESTS_IN_FLIGHT_LIMIT).contains(requests));
    if requests.is_none() {
        let message = format_args!(
            "is not among 1 to {REQUESTS_IN_FLIGHT_LIMIT}; leave it out for {DEFAULT_REQUESTS_IN_FLIGHT}, enough for a \
             queue without high throughput"
        );
        report.add(number.span().start, "sending.requests_in_flight", message);
    }
    requests
}
