//! The file as it is written: types and keys are checked here, meaning is not.
//!
//! Read by hand from a spanned table: deserializing stops at the first fault, and an operator wants them all.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ClientName;
use super::findings::{Report, whose};
use super::section::{Section, Value, section, wrong_type};

/// The whole file.
pub(super) struct Raw<'t> {
    /// None if it is missing or wrong, which has been reported.
    pub(super) source: Option<RawSource<'t>>,
    pub(super) requests_in_flight: Value<i64>,
    /// None if it is missing; if it is no section, one with a wrong source.
    pub(super) cloud_events: Option<RawCloudEvents<'t>>,
    pub(super) clients: Vec<RawClient<'t>>,
    /// Whether what stands in [`Raw::clients`] is all that the file wants to say.
    pub(super) clients_complete: bool,
}

/// Keys of `[source]` that there were once, and the finding about each.
const GONE: [(&str, &str); 2] = [
    (
        "group",
        "is gone: events with the same partition key are a group, because what is missing of a group is read from its \
         partition; delete the line",
    ),
    (
        "changes",
        "is gone: a new item (`INSERT`) is an event and nothing else is, because an item that is written over would \
         have the same version twice; delete the line",
    ),
];

/// The version's place, as the file has it.
pub(super) struct RawVersion<'t> {
    pub(super) path: Value<Cow<'t, str>>,
    pub(super) after: Value<Cow<'t, str>>,
}

/// `[source]`.
pub(super) struct RawSource<'t> {
    /// Where the section begins.
    pub(super) at: usize,
    pub(super) partition_key: Value<Cow<'t, str>>,
    pub(super) sort_key: Value<Cow<'t, str>>,
    pub(super) id: Value<Cow<'t, str>>,
    pub(super) name: Value<Cow<'t, str>>,
    pub(super) time: Value<Cow<'t, str>>,
    pub(super) version: RawVersion<'t>,
    pub(super) first_version: Value<i64>,
    pub(super) scan_read_units: Value<i64>,
    pub(super) filter: Option<Spanned<DeValue<'t>>>,
    pub(super) allowed_accounts: Value<Vec<Spanned<Cow<'t, str>>>>,
    /// Whether these are all that the file names.
    pub(super) accounts_complete: bool,
    pub(super) allowed_hosts: Option<Spanned<DeValue<'t>>>,
}

/// One `[[client]]`.
pub(super) struct RawClient<'t> {
    /// Where the section begins.
    pub(super) at: usize,
    pub(super) name: Value<Cow<'t, str>>,
    pub(super) queue_arn: Value<Cow<'t, str>>,
    pub(super) history: Value<bool>,
    pub(super) erasures: Value<bool>,
    pub(super) filter: Option<Spanned<DeValue<'t>>>,
    pub(super) view: RawView<'t>,
    pub(super) request_role: Value<Cow<'t, str>>,
    pub(super) push: Option<Spanned<DeValue<'t>>>,
}

/// What a `[[client]]` says of its view.
pub(super) struct RawView<'t> {
    pub(super) fields: Value<Vec<Spanned<Cow<'t, str>>>>,
    pub(super) omit: Value<Vec<Spanned<Cow<'t, str>>>>,
    pub(super) envelope: Value<Cow<'t, str>>,
}

/// `[cloudevents]`.
pub(super) struct RawCloudEvents<'t> {
    /// Where the section begins.
    pub(super) at: usize,
    pub(super) source: Value<Cow<'t, str>>,
}

/// Reads `text`; none if it is not TOML.
pub(super) fn read<'t>(text: &'t str, report: &mut Report<'_>) -> Option<Raw<'t>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        report.add_syntax_error(error.span().map_or(0, |span| span.start), error.message());
    }
    if !errors.is_empty() {
        return None;
    }

    let mut file = Section::new("", document);
    let source = file.take("source");
    let sending = file.take("sending");
    let cloud_events = file.take("cloudevents");
    let client = file.take("client");
    file.finish(report);

    let (clients, clients_complete) = read_clients(client, report);
    Some(Raw {
        source: read_source(source, report),
        requests_in_flight: read_sending(sending, report),
        cloud_events: cloud_events.map(|value| read_cloud_events(value, report)),
        clients,
        clients_complete,
    })
}

fn read_source<'t>(value: Option<Spanned<DeValue<'t>>>, report: &mut Report<'_>) -> Option<RawSource<'t>> {
    let Some(value) = value else {
        report.add(
            0,
            "source",
            "missing; write a section `[source]` that names the event table's attributes",
        );
        return None;
    };
    let mut section = section("source", "", value, "one section headed `[source]`", report)?;
    let mut source = RawSource {
        at: section.at,
        partition_key: section.text("partition_key", report),
        sort_key: section.text("sort_key", report),
        id: section.text("id", report),
        name: section.text("name", report),
        time: section.text("time", report),
        version: read_version(section.take("version"), report),
        first_version: section.integer("first_version", report),
        scan_read_units: section.integer("scan_read_units", report),
        filter: section.take("filter"),
        allowed_accounts: Value::Absent,
        accounts_complete: true,
        allowed_hosts: None,
    };
    (source.allowed_accounts, source.accounts_complete) = section.listed("allowed_accounts", report);
    source.allowed_hosts = section.take("allowed_hosts");
    for (key, message) in GONE {
        section.refuse(key, message, report);
    }
    section.finish(report);
    Some(source)
}

/// `version = "path"`, or `version = { path = "path", after = "text" }`.
fn read_version<'t>(value: Option<Spanned<DeValue<'t>>>, report: &mut Report<'_>) -> RawVersion<'t> {
    const KEY: &str = "source.version";
    let Some(value) = value else {
        return RawVersion { path: Value::Absent, after: Value::Absent };
    };
    let span = value.span();
    match value.into_inner() {
        DeValue::String(path) => {
            RawVersion { path: Value::Is(Spanned::new(span, path)), after: Value::Absent }
        }
        DeValue::Table(table) => {
            let mut section = Section::new(KEY, Spanned::new(span.clone(), table));
            let mut path = section.text("path", report);
            if matches!(path, Value::Absent) {
                report.add(
                    span.start,
                    "source.version.path",
                    "missing; name the attribute that the version is in",
                );
                path = Value::Wrong;
            }
            let after = section.text("after", report);
            section.finish(report);
            RawVersion { path, after }
        }
        other => {
            let shape = "text in quotes, or `{ path = \"…\", after = \"…\" }`";
            report.add(span.start, KEY, wrong_type(&other, shape));
            RawVersion { path: Value::Wrong, after: Value::Wrong }
        }
    }
}

fn read_sending(value: Option<Spanned<DeValue<'_>>>, report: &mut Report<'_>) -> Value<i64> {
    let Some(value) = value else {
        return Value::Absent;
    };
    let Some(mut section) = section("sending", "", value, "one section headed `[sending]`", report) else {
        return Value::Wrong;
    };
    let requests_in_flight = section.integer("requests_in_flight", report);
    section.finish(report);
    requests_in_flight
}

fn read_cloud_events<'t>(value: Spanned<DeValue<'t>>, report: &mut Report<'_>) -> RawCloudEvents<'t> {
    let at = value.span().start;
    let shape = "one section headed `[cloudevents]`";
    let Some(mut section) = section("cloudevents", "", value, shape, report) else {
        return RawCloudEvents { at, source: Value::Wrong };
    };
    let source = section.text("source", report);
    section.finish(report);
    RawCloudEvents { at, source }
}

/// The clients, and whether none was dropped.
fn read_clients<'t>(
    value: Option<Spanned<DeValue<'t>>>,
    report: &mut Report<'_>,
) -> (Vec<RawClient<'t>>, bool) {
    const SHAPE: &str = "`[[client]]` above each client";
    let Some(value) = value else {
        return (Vec::new(), true);
    };
    let at = value.span().start;
    let DeValue::Array(entries) = value.into_inner() else {
        report.add(at, "client", format_args!("is not a list of clients; write {SHAPE}"));
        return (Vec::new(), false);
    };
    let count = entries.len();
    let mut clients = Vec::with_capacity(count);
    for entry in entries {
        let Some(mut section) = section("client", "", entry, SHAPE, report) else {
            continue;
        };
        let name = section.text("name", report);
        let whose = match &name {
            Value::Is(name) => whose(ClientName::try_new(name.get_ref()).ok().as_ref()),
            Value::Absent | Value::Wrong => String::new(),
        };
        clients.push(RawClient {
            at: section.at,
            name,
            queue_arn: section.text("queue_arn", report),
            history: section.boolean("history", report),
            erasures: section.boolean("erasures", report),
            filter: section.take("filter"),
            view: read_view(&mut section, whose, report),
            request_role: section.text("request_role", report),
            push: section.take("push"),
        });
        section.finish(report);
    }
    let complete = clients.len() == count;
    (clients, complete)
}

/// What a `[[client]]` says of its view. `whose` begins what is said about it.
fn read_view<'t>(client: &mut Section<'t>, whose: String, report: &mut Report<'_>) -> RawView<'t> {
    client.whose = whose;
    let view = RawView {
        fields: client.texts("fields", report),
        omit: client.texts("omit", report),
        envelope: client.text("envelope", report),
    };
    client.whose.clear();
    view
}
