//! CloudEvents 1.0 in structured content mode (CloudEvents, "JSON Event Format", section 3).

use std::fmt::Write as _;

use super::EventFacts;
use crate::config::CloudEventsSource;
use crate::ledger::EventTime;

/// The `type` of an event without a name: CloudEvents requires one.
pub const DEFAULT_TYPE: &str = "event";

/// The most bytes that an envelope adds: id, name and source of 256 bytes each, two of them perhaps escaped, a group of
/// 128, and what is the same for all events.
pub const ENVELOPE_LIMIT: usize = 2_048;

/// What stands behind the event's JSON.
pub(super) const END: &str = "}";

/// The envelope of a client's events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CloudEvents {
    source: CloudEventsSource,
}

impl CloudEvents {
    pub(super) fn new(source: &CloudEventsSource) -> Self {
        Self { source: source.clone() }
    }

    /// Writes what stands before the event's JSON.
    ///
    /// `sequence` is the version in as many digits for each, so that it sorts as text (CloudEvents, "Sequence" extension).
    /// `time` is left out if it can't be read without doubt.
    pub(super) fn begin(&self, facts: &EventFacts<'_>, text: &mut String) {
        let EventFacts { id, name, time, version, group } = *facts;
        text.push_str(r#"{"specversion":"1.0""#);
        push(text, "id", id);
        push(text, "source", self.source.as_str());
        push(text, "type", name.unwrap_or(DEFAULT_TYPE));
        push(text, "subject", group);
        if let Some(time) = time.and_then(EventTime::try_from_text).and_then(EventTime::to_rfc_3339) {
            push(text, "time", &time);
        }
        push(text, "datacontenttype", "application/json");
        push(text, "sequence", &format!("{version:020}"));
        text.push_str(r#","data":"#);
    }
}

fn push(text: &mut String, name: &str, value: &str) {
    // Writing to a string can't fail.
    _ = write!(text, ",\"{name}\":{}", serde_json::Value::from(value));
}
