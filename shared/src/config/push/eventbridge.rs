//! `[client.push.eventbridge]`.

use super::EventBridgeTarget;
use super::arn::{ArnForm, consists_of};
use super::rules::{PushRules, target_arn};
use crate::config::findings::Report;
use crate::config::section::{Section, Value};

/// A custom bus, or an account's default one (EventBridge: CreateEventBus). A partner's bus, whose name has slashes, takes
/// events of the partner alone.
const FORM: ArnForm = ArnForm {
    service: "events",
    noun: "an event bus",
    example: "arn:aws:events:region:account:event-bus/name",
    is_resource: |text| text.strip_prefix("event-bus/").is_some_and(|name| consists_of(name, 256, "_.-")),
    names: "`event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`",
};

/// The most characters of a source (EventBridge Scheduler: EventBridgeParameters) and of a detail type (EventBridge:
/// PutEventsRequestEntry).
const SOURCE_LIMIT: usize = 256;
const DETAIL_TYPE_LIMIT: usize = 128;

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<EventBridgeTarget> {
    let bus = target_arn(&mut section, "bus", "missing; write the bus's ARN", &FORM, rules, report);
    let missing = "missing; say what rules know the events by, as in `source = \"mark-event-queue\"`";
    let source = section.required("source", missing, report);
    let source = source.and_then(|text| section.parsed("source", &text, check_source, report));
    let detail_type = match section.text("detail_type", report) {
        Value::Absent if rules.has_names => Some(None),
        Value::Absent => {
            let message = "missing, and `source.name` doesn't say where an event's name is, which would stand for it; write one \
                           of the two";
            section.report(section.at, "detail_type", message, report);
            None
        }
        Value::Wrong => None,
        Value::Is(text) => section.parsed("detail_type", &text, check_detail_type, report).map(Some),
    };
    section.finish(report);
    Some(EventBridgeTarget { bus: bus?, source: source?, detail_type: detail_type? })
}

fn check_source(text: &str) -> Result<String, String> {
    if text.starts_with("aws.") {
        return Err("begins with `aws.`, as AWS's own events do; choose another".to_owned());
    }
    if !consists_of(text, SOURCE_LIMIT, "/.-_") {
        return Err(format!(
            "is not a source; use up to {SOURCE_LIMIT} letters, digits, `/`, `.`, `-` and `_`"
        ));
    }
    Ok(text.to_owned())
}

fn check_detail_type(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if !(1..=DETAIL_TYPE_LIMIT).contains(&length) || text.chars().any(char::is_control) {
        return Err(format!("is not a detail type; use up to {DETAIL_TYPE_LIMIT} characters"));
    }
    Ok(text.to_owned())
}
