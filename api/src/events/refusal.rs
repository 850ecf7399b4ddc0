//! Why an event of another aggregate can never be appended as it is.

use super::schemas::SchemaViolation;
use super::values::{EVENT_LIMIT, EventName, Invalid};
use crate::json::Unreadable;

/// Why an event is refused. It repeats no value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What it is.
    pub kind: RefusalKind,
    /// The field that it is about, from outside inwards.
    pub field: Option<String>,
    /// What is wrong.
    pub detail: String,
    /// What to do.
    pub remedy: &'static str,
    /// What the schema does not allow, if that is why: the first of it.
    pub violations: Vec<SchemaViolation>,
}

/// What kind of refusal it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalKind {
    /// It is not JSON.
    Malformed,
    /// A field is missing, unknown, or not what it must be.
    Field,
    /// It has too many bytes.
    TooLarge,
    /// The body is not what its schema allows.
    Schema,
    /// The aggregate has another version than the one that is expected.
    Version,
    /// Another event had the same id.
    Reused,
}

impl RefusalKind {
    /// Its name, which never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed-json",
            Self::Field => "invalid-field",
            Self::TooLarge => "body-too-large",
            Self::Schema => "schema-violation",
            Self::Version => "version-mismatch",
            Self::Reused => "request-reused",
        }
    }
}

impl Refusal {
    pub(super) fn field(field: impl Into<String>, must: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(RefusalKind::Field, must, "correct the field") }
    }

    pub(super) fn value(field: &str, invalid: Invalid) -> Self {
        Self::field(field, invalid.to_string())
    }

    pub(super) fn too_large() -> Self {
        let detail = format!("the event has more than {EVENT_LIMIT} bytes");
        Self::new(RefusalKind::TooLarge, detail, "send less, and a reference to the rest")
    }

    pub(super) fn schema(name: &EventName, violations: Vec<SchemaViolation>) -> Self {
        let detail = format!("the body is not what `events/{name}.json` allows");
        let refusal = Self::new(RefusalKind::Schema, detail, "correct the body by its schema");
        Self { field: Some("body".to_owned()), violations, ..refusal }
    }

    pub(super) fn version(expected: u64, found: u64) -> Self {
        let detail = format!(
            "version {expected} is expected, and {found} found; 0 is an aggregate that has no event yet"
        );
        let remedy = "decide again on what happened meanwhile, and name the version that it led to";
        Self { field: Some("expectedVersion".to_owned()), ..Self::new(RefusalKind::Version, detail, remedy) }
    }

    pub(super) fn reused() -> Self {
        let detail = "another event had the same id within a day";
        let remedy = "give each event an id of its own, and repeat an event as it was";
        Self::new(RefusalKind::Reused, detail, remedy)
    }

    pub(super) fn unreadable(detail: &str) -> Self {
        Self::new(RefusalKind::Malformed, detail, "send one JSON object as the message's body")
    }

    /// For an operator, in one line.
    pub fn reason(&self) -> String {
        let mut reason = format!("{}: ", self.kind.as_str());
        if let Some(field) = &self.field {
            reason += &format!("`{field}`: ");
        }
        reason += &self.detail;
        for SchemaViolation { path, problem } in &self.violations {
            reason += &format!("; `{path}`: {problem}");
        }
        reason + "; " + self.remedy
    }

    fn new(kind: RefusalKind, detail: impl Into<String>, remedy: &'static str) -> Self {
        Self { kind, field: None, detail: detail.into(), remedy, violations: Vec::new() }
    }
}

impl From<Unreadable> for Refusal {
    fn from(unreadable: Unreadable) -> Self {
        match unreadable {
            Unreadable::Array => {
                Self::new(RefusalKind::Field, "an array is no event", "send one JSON object")
            }
            Unreadable::Malformed(text) => {
                Self::new(RefusalKind::Malformed, text, "send one JSON object in UTF-8")
            }
            Unreadable::Field { path: Some(path), reason } => Self::field(path, without_value(&reason)),
            Unreadable::Field { path: None, reason } => {
                let detail = match without_value(&reason) {
                    must if must.starts_with("must be ") => "must be one JSON object".to_owned(),
                    reason => reason,
                };
                Self::new(RefusalKind::Field, detail, "correct the field")
            }
        }
    }
}

/// What must be there, where serde also says what is.
fn without_value(reason: &str) -> String {
    let has_value = ["invalid type: ", "invalid value: "].iter().any(|start| reason.starts_with(start));
    match reason.rsplit_once(", expected ") {
        Some((_, "u64")) if has_value => "must be a whole number from 0 on".to_owned(),
        Some((_, expected)) if has_value => format!("must be {expected}"),
        _ => reason.to_owned(),
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.reason())
    }
}

impl std::error::Error for Refusal {}
