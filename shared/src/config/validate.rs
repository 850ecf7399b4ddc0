//! The meaning of the file: everything that would fail later, found before.

use std::borrow::Cow;
use std::mem;

use super::clients::{self, Rules};
use super::filter::{self, Lacking};
use super::findings::Report;
use super::push::AllowedHosts;
use super::raw::{Raw, RawSource, RawVersion};
use super::section::Value;
use super::{Config, Path, Source, VersionPlace, view};
use crate::naming::{self, Naming};

/// At 20 ms a call, six requests in flight stay under the 300 calls a second that a FIFO queue without high
/// throughput takes (SQS quotas).
const REQUESTS_IN_FLIGHT: (u32, &str) = (6, "enough for a queue without high throughput");

/// Each request in flight holds a connection and up to 1 MiB: fifty fit into a small function's memory.
const REQUESTS_IN_FLIGHT_LIMIT: u32 = 50;

/// A scan of 17 GB a day: an API that has a table of the least provisioned capacity hardly notices it.
const SCAN_READ_UNITS: (u32, &str) = (25, "which scans about 17 GB a day");

/// More than a table can have by default (DynamoDB quotas).
const SCAN_READ_UNITS_LIMIT: u32 = 100_000;

const NO_PARTITION_KEY: &str = "missing; name an attribute of the event table";

const NO_SORT_KEY: &str = "missing; name the table's sort key, by which an aggregate's events differ";

const NO_VERSION: &str = "missing; name the attribute that numbers an aggregate's events, or, if yours have no number, \
                          count on condition from now on: docs/ordering.md says how under \"My events have no version\"";

/// The configuration that `raw` stands for; whatever is wrong is reported.
pub(super) fn validate(raw: Raw<'_>, naming: Option<&Naming>, report: &mut Report<'_>) -> Option<Config> {
    let lacking = raw.source.as_ref().map_or_else(Lacking::default, |source| Lacking {
        name: matches!(source.name, Value::Absent),
        time: matches!(source.time, Value::Absent),
    });
    let allowed_accounts = raw.source.as_ref().and_then(|source| allowed_accounts(source, report));
    let mut raw_source = raw.source;
    let allowed_hosts =
        raw_source.as_mut().map(|source| AllowedHosts::read(source.allowed_hosts.take(), report));
    let allowed_hosts = allowed_hosts.flatten();
    let scan_read_units = raw_source
        .as_mut()
        .map_or(Value::Absent, |source| mem::replace(&mut source.scan_read_units, Value::Absent));
    let scan_read_units =
        number("source.scan_read_units", scan_read_units, SCAN_READ_UNITS_LIMIT, SCAN_READ_UNITS, report);
    let source = raw_source.and_then(|source| validate_source(source, report));
    let requests_in_flight = number(
        "sending.requests_in_flight",
        raw.requests_in_flight,
        REQUESTS_IN_FLIGHT_LIMIT,
        REQUESTS_IN_FLIGHT,
        report,
    );
    let cloud_events = view::validate_section(raw.cloud_events, report);
    let rules = Rules {
        allowed_accounts: allowed_accounts.as_deref(),
        allowed_hosts: allowed_hosts.as_ref(),
        naming,
        lacking,
        cloud_events: &cloud_events,
    };
    let clients = clients::validate(raw.clients, raw.clients_complete, &rules, report);
    let (source, requests_in_flight, scan_read_units) = (source?, requests_in_flight?, scan_read_units?);
    let requests_in_flight = usize::try_from(requests_in_flight).ok()?;
    Some(Config { source, clients, requests_in_flight, scan_read_units })
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
        attribute(key, value, report)
    };
    let partition_key = required("source.partition_key", raw.partition_key, NO_PARTITION_KEY);
    let sort_key = required("source.sort_key", raw.sort_key, NO_SORT_KEY);
    let time = path("source.time", raw.time, report);
    let id = path("source.id", raw.id, report);
    let name = path("source.name", raw.name, report);
    let RawVersion { path: version, after } = raw.version;
    if matches!(version, Value::Absent) {
        report.add(at, "source.version", NO_VERSION);
    }
    let version = path("source.version", version, report);
    let after = match after {
        Value::Is(text) if text.get_ref().is_empty() => {
            report.add(text.span().start, "source.version.after", "is empty; leave it out");
            None
        }
        Value::Is(text) => Some(text.into_inner().into_owned()),
        Value::Absent | Value::Wrong => None,
    };
    let first_version = match raw.first_version {
        Value::Absent => Some(1),
        Value::Is(first) if matches!(first.get_ref(), 0 | 1) => Some(first.into_inner()),
        Value::Is(first) => {
            let problem = "is neither 0 nor 1; leave it out if an aggregate's first event has version 1";
            report.add(first.span().start, "source.first_version", problem);
            None
        }
        Value::Wrong => None,
    };
    let filter = raw.filter.map(|section| filter::of_source(&section, report));
    let (partition_key, sort_key) = (partition_key?, sort_key?);
    let filter = match filter {
        Some(filter) => Some(filter?),
        None => None,
    };
    Some(Source {
        partition_key,
        sort_key,
        id,
        name,
        time,
        version: VersionPlace { path: version?, after, first: first_version? },
        filter,
    })
}

fn attribute(key: &str, value: Value<Cow<'_, str>>, report: &mut Report<'_>) -> Option<String> {
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
    let accounts = accounts.iter().map(|account| account.get_ref().clone().into_owned()).collect();
    Some(accounts).filter(|_| raw.accounts_complete)
}

/// A whole number among `1..=limit`, or `default` if it is left out, for the reason `why`.
fn number(
    key: &str,
    value: Value<i64>,
    limit: u32,
    (default, why): (u32, &str),
    report: &mut Report<'_>,
) -> Option<u32> {
    let number = match value {
        Value::Absent => return Some(default),
        Value::Wrong => return None,
        Value::Is(number) => number,
    };
    let within = u32::try_from(*number.get_ref()).ok().filter(|number| (1..=limit).contains(number));
    if within.is_none() {
        let message = format_args!("is not among 1 to {limit}; leave it out for {default}, {why}");
        report.add(number.span().start, key, message);
    }
    within
}
