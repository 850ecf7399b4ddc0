//! The meaning of the file: everything that would fail later, found before.

use std::borrow::Cow;

use super::clients::{self, Rules};
use super::findings::Report;
use super::raw::{Raw, RawSource, Value};
use super::{Config, Path, Source};
use crate::naming::{self, Naming};

/// At 20 ms a call, six requests in flight stay under the 300 calls a second that a FIFO queue without high
/// throughput takes (SQS quotas).
const DEFAULT_REQUESTS_IN_FLIGHT: usize = 6;

/// Each request in flight holds a connection and up to 1 MiB: fifty fit into a small function's memory.
const REQUESTS_IN_FLIGHT_LIMIT: usize = 50;

const NO_PARTITION_KEY: &str = "missing; name an attribute of the event table";

const NO_SORT_KEY: &str = "missing; name the table's sort key, which tells an aggregate's events apart";

const NO_TIME: &str =
    "missing; name the attribute of the event's time, which tells an aggregate's incarnations apart";

const NO_VERSION: &str = "missing; name the attribute that numbers an aggregate's events, or, if yours have no number, \
                          count on condition from now on: docs/ordering.md says how under \"My events have no version\"";

/// The configuration that `raw` stands for; whatever is wrong is reported.
pub(super) fn validate(raw: Raw<'_>, naming: Option<&Naming>, report: &mut Report<'_>) -> Option<Config> {
    let allowed_accounts = raw.source.as_ref().and_then(|source| allowed_accounts(source, report));
    let source = raw.source.and_then(|source| validate_source(source, report));
    let requests_in_flight = requests_in_flight(raw.requests_in_flight, report);
    let rules = Rules { allowed_accounts: allowed_accounts.as_deref(), naming };
    let clients = clients::validate(&raw.clients, raw.clients_complete, &rules, report);
    Some(Config { source: source?, clients, requests_in_flight: requests_in_flight? })
}

fn validate_source(raw: RawSource<'_>, report: &mut Report<'_>) -> Option<Source> {
    if let (Value::Is(partition_key), Value::Is(sort_key)) = (&raw.partition_key, &raw.sort_key)
        && partition_key.get_ref() == sort_key.get_ref()
    {
        let at = sort_key.span().start;
        report.add(at, "source.sort_key", "is the partition key too; name the other key of the table");
    }
    let at = raw.at;
    let mut required = |key: &str, value: Value<Cow<'_, str>>, missing: &str| {
        if matches!(value, Value::Absent) {
            report.add(at, key, missing);
        }
        optional(key, value, report)
    };
    let partition_key = required("source.partition_key", raw.partition_key, NO_PARTITION_KEY);
    let sort_key = required("source.sort_key", raw.sort_key, NO_SORT_KEY);
    let time = required("source.time", raw.time, NO_TIME);
    let id = optional("source.id", raw.id, report);
    let name = optional("source.name", raw.name, report);
    if matches!(raw.version, Value::Absent) {
        report.add(at, "source.version", NO_VERSION);
    }
    let version = path("source.version", raw.version, report);
    let (partition_key, sort_key, time) = (partition_key?, sort_key?, time?);
    Some(Source { partition_key, sort_key, id, name, time, version: version? })
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

/// The accounts whose queues may receive events; none if they are not known, which has been reported.
fn allowed_accounts(raw: &RawSource<'_>, report: &mut Report<'_>) -> Option<Vec<String>> {
    let accounts = match &raw.allowed_accounts {
        Value::Absent => return Some(Vec::new()),
        Value::Wrong => return None,
        Value::Is(accounts) => accounts.get_ref(),
    };
    for account in accounts {
        if let Err(error) = naming::check_account(account.get_ref()) {
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
