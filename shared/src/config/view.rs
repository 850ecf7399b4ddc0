//! A client's view in the file: `fields` or `omit`, `envelope`, and what `[cloudevents]` says for all of them.

mod source;

use std::borrow::Cow;
use std::fmt;

use toml::Spanned;

use super::Path;
use super::findings::Report;
use super::raw::{RawCloudEvents, RawView};
use super::section::Value;
use crate::pattern::DEPTH_LIMIT;
use crate::quoted::quoted;

pub use source::{CloudEventsSource, InvalidSource};

const FIELDS: &str = "client.fields";
const OMIT: &str = "client.omit";
const ENVELOPE: &str = "client.envelope";
const SOURCE: &str = "cloudevents.source";

/// The only envelope's name in the file.
const CLOUD_EVENTS: &str = "cloudevents";

/// What a client gets of each event. Two clients with equal views get the same text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientView {
    /// Which members of the event's JSON.
    pub members: Members,
    /// What the event's JSON is put into.
    pub envelope: Option<Envelope>,
}

/// Which members of an event's JSON a client gets. Paths are sorted, and none lies in another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Members {
    /// All: the event as it is.
    #[default]
    All,
    /// Those at these paths; at least one.
    Fields(Vec<Path>),
    /// All but those at these paths; at least one.
    Omit(Vec<Path>),
}

/// What an event's JSON is put into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// A JSON object as CloudEvents 1.0 has it (structured content mode).
    CloudEvents(CloudEventsSource),
}

/// What `[cloudevents]` says.
#[derive(Clone, Debug)]
pub(super) enum CloudEventsSection {
    /// The file has no such section.
    Absent,
    /// It is wrong, which has been reported.
    Wrong,
    /// The source of all clients' events.
    Source(CloudEventsSource),
}

impl ClientView {
    /// Whether the client gets the event as it is.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// The paths that the view names, sorted.
    pub fn paths(&self) -> &[Path] {
        match &self.members {
            Members::All => &[],
            Members::Fields(paths) | Members::Omit(paths) => paths,
        }
    }
}

/// As the file has it, but for the source: `fields = ["mark"], envelope = "cloudevents"`; `the whole event`.
impl fmt::Display for ClientView {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (key, paths) = match &self.members {
            Members::All => ("", [].as_slice()),
            Members::Fields(paths) => ("fields", paths.as_slice()),
            Members::Omit(paths) => ("omit", paths.as_slice()),
        };
        if !paths.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| format!("\"{path}\"")).collect();
            write!(formatter, "{key} = [{}]", paths.join(", "))?;
        }
        match &self.envelope {
            None if paths.is_empty() => formatter.write_str("the whole event"),
            None => Ok(()),
            Some(Envelope::CloudEvents(source)) => {
                let comma = if paths.is_empty() { "" } else { ", " };
                write!(formatter, "{comma}envelope = \"{CLOUD_EVENTS}\" from {source}")
            }
        }
    }
}

/// What `[cloudevents]` stands for; whatever is wrong is reported.
pub(super) fn validate_section(
    raw: Option<RawCloudEvents<'_>>,
    report: &mut Report<'_>,
) -> CloudEventsSection {
    let Some(raw) = raw else {
        return CloudEventsSection::Absent;
    };
    let source = match raw.source {
        Value::Absent => {
            let missing =
                "missing; name where events come from by a URI, as in `source = \"urn:example:marks\"`";
            report.add(raw.at, SOURCE, missing);
            None
        }
        Value::Wrong => None,
        Value::Is(text) => CloudEventsSource::try_new(text.get_ref())
            .map_err(|error| report.add(text.span().start, SOURCE, error))
            .ok(),
    };
    source.map_or(CloudEventsSection::Wrong, CloudEventsSection::Source)
}

/// The view that `raw` stands for; none if something is wrong, which is reported. `whose` begins what is said about it.
pub(super) fn validate(
    whose: &str,
    raw: &RawView<'_>,
    section: &CloudEventsSection,
    report: &mut Report<'_>,
) -> Option<ClientView> {
    let fields = paths(FIELDS, "the members that the client gets", &raw.fields, whose, report);
    let omit = paths(OMIT, "the members that the client doesn't get", &raw.omit, whose, report);
    let members = match (&raw.fields, &raw.omit) {
        (Value::Is(fields), Value::Is(omit)) => {
            // Where the second of them stands.
            let (at, key, other) = if fields.span().start < omit.span().start {
                (omit.span().start, OMIT, "fields")
            } else {
                (fields.span().start, FIELDS, "omit")
            };
            let line = report.line(fields.span().start.min(omit.span().start));
            let message = format!(
                "{whose}stands beside `{other}` in line {line}; delete one of the two: `fields` names all that the client gets, \
                 `omit` what it doesn't get"
            );
            report.add(at, key, message);
            None
        }
        (Value::Absent, Value::Absent) => Some(Members::All),
        (Value::Absent, _) => omit.map(Members::Omit),
        (_, Value::Absent) => fields.map(Members::Fields),
        _ => None,
    };
    let envelope = envelope(&raw.envelope, section, whose, report);
    Some(ClientView { members: members?, envelope: envelope? })
}

/// The paths of a list, sorted; none if it is missing or wrong.
fn paths(
    key: &str,
    what: &str,
    value: &Value<Vec<Spanned<Cow<'_, str>>>>,
    whose: &str,
    report: &mut Report<'_>,
) -> Option<Vec<Path>> {
    let Value::Is(list) = value else {
        return None;
    };
    if list.get_ref().is_empty() {
        report.add(list.span().start, key, format_args!("{whose}is empty; name {what}, or leave it out"));
        return None;
    }
    let mut is_right = true;
    let mut paths: Vec<(Path, usize)> = Vec::with_capacity(list.get_ref().len());
    for text in list.get_ref() {
        let at = text.span().start;
        match path(text.get_ref()).and_then(|path| overlap(&path, at, &paths, report).map_or(Ok(path), Err)) {
            Ok(path) => paths.push((path, at)),
            Err(problem) => {
                report.add(at, key, format_args!("{whose}{problem}"));
                is_right = false;
            }
        }
    }
    let mut paths: Vec<Path> = paths.into_iter().map(|(path, _)| path).collect();
    paths.sort_by(|left, right| left.0.cmp(&right.0));
    is_right.then_some(paths)
}

fn path(text: &str) -> Result<Path, String> {
    let path = Path::try_new(text).map_err(|error| error.to_string())?;
    if path.0.len() > DEPTH_LIMIT {
        let length = path.0.len();
        return Err(format!(
            "{} has {length} names; at most {DEPTH_LIMIT} lie inside each other",
            quoted(text)
        ));
    }
    Ok(path)
}

/// What is wrong with a `path` beside those `before` it.
fn overlap(path: &Path, at: usize, before: &[(Path, usize)], report: &Report<'_>) -> Option<String> {
    let here = report.line(at);
    let line = |at: usize| match report.line(at) {
        line if line == here => String::new(),
        line => format!(" in line {line}"),
    };
    before.iter().find_map(|(other, at)| {
        let [shown, shown_other] = [path, other].map(|path| quoted(&path.to_string()).to_string());
        if path == other {
            Some(format!("{shown} is there twice; delete one of the two"))
        } else if path.0.starts_with(&other.0) {
            Some(format!("{shown} lies in {shown_other}{}; delete one of the two", line(*at)))
        } else if other.0.starts_with(&path.0) {
            Some(format!("{shown_other}{} lies in {shown}; delete one of the two", line(*at)))
        } else {
            None
        }
    })
}

/// The envelope, if there is one; none if it is wrong.
fn envelope(
    value: &Value<Cow<'_, str>>,
    section: &CloudEventsSection,
    whose: &str,
    report: &mut Report<'_>,
) -> Option<Option<Envelope>> {
    let name = match value {
        Value::Absent => return Some(None),
        Value::Wrong => return None,
        Value::Is(name) => name,
    };
    let at = name.span().start;
    if name.get_ref() != CLOUD_EVENTS {
        let message = format_args!(
            "{whose}{} is no envelope; write `{CLOUD_EVENTS}`, or leave it out for the event's JSON alone",
            quoted(name.get_ref())
        );
        report.add(at, ENVELOPE, message);
        return None;
    }
    match section {
        CloudEventsSection::Source(source) => Some(Some(Envelope::CloudEvents(source.clone()))),
        CloudEventsSection::Wrong => None,
        CloudEventsSection::Absent => {
            let message = "lacks a source; add a section `[cloudevents]` with `source = \"urn:example:marks\"`, or what else names \
                           where events come from";
            report.add(at, ENVELOPE, format_args!("{whose}{message}"));
            None
        }
    }
}
