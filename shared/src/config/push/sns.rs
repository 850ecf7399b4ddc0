//! `[client.push.sns]`.

use toml::Spanned;
use toml::de::DeValue;

use super::SnsTarget;
use super::arn::{ArnForm, consists_of};
use super::rules::{PushRules, target_arn};
use crate::config::findings::Report;
use crate::config::section::{Section, section, wrong_type};
use crate::config::{ClientView, Members, Path};
use crate::pattern::DEPTH_LIMIT;
use crate::quoted::quoted;

const ATTRIBUTES: &str = "client.push.sns.attributes";

/// A topic (SNS: CreateTopic). `.fifo` counts among the characters.
const FORM: ArnForm = ArnForm {
    service: "sns",
    noun: "a topic",
    example: "arn:aws:sns:region:account:name",
    is_resource: |text| {
        text.len() <= 256 && consists_of(text.strip_suffix(".fifo").unwrap_or(text), 256, "-_")
    },
    names: "a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO",
};

/// The attributes that every message to a topic may have: one of the last two.
const OWN_ATTRIBUTES: [&str; 8] =
    ["eventId", "eventName", "eventTime", "version", "previousVersion", "incarnation", "replay", "erased"];

/// What is free beside them: a subscription with raw delivery loses a message with more than ten (SNS Developer Guide,
/// "Message attributes and raw message delivery").
const ATTRIBUTE_LIMIT: usize = 3;

/// The most characters of an attribute's name (SNS Developer Guide, "Message attribute items and validation").
const NAME_LIMIT: usize = 256;

/// The target; none if something is wrong, which is reported.
pub(super) fn read(
    mut section: Section<'_>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<SnsTarget> {
    let topic = target_arn(&mut section, "topic", "missing; write the topic's ARN", &FORM, rules, report);
    let attributes = match section.take("attributes") {
        None => Some(Vec::new()),
        Some(value) => read_attributes(value, rules, report),
    };
    section.finish(report);
    Some(SnsTarget { topic: topic?, attributes: attributes? })
}

/// The attributes, sorted by name.
fn read_attributes(
    value: Spanned<DeValue<'_>>,
    rules: &PushRules<'_>,
    report: &mut Report<'_>,
) -> Option<Vec<(String, Path)>> {
    let whose = rules.whose;
    let mut section = section(ATTRIBUTES, whose, value, "`{ name = \"field\" }`", report)?;
    let entries = section.take_all();
    if entries.len() > ATTRIBUTE_LIMIT {
        let message = format_args!(
            "{whose}more than {ATTRIBUTE_LIMIT} attributes, which is what is free of ten; delete some"
        );
        report.add(section.at, ATTRIBUTES, message);
        return None;
    }
    let mut attributes = Vec::with_capacity(entries.len());
    let mut is_right = true;
    for (key, value) in entries {
        let name = key.get_ref();
        match check_name(name).and_then(|()| check_path(value, rules.view)) {
            Ok(path) => attributes.push((name.clone().into_owned(), path)),
            Err(problem) => {
                report.add(key.span().start, ATTRIBUTES, format_args!("{whose}{} {problem}", quoted(name)));
                is_right = false;
            }
        }
    }
    attributes.sort_by(|(left, _), (right, _)| left.cmp(right));
    is_right.then_some(attributes)
}

fn check_name(name: &str) -> Result<(), String> {
    let lower = name.to_ascii_lowercase();
    let is_legal = consists_of(name, NAME_LIMIT, "_-.")
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
        && !["aws.", "amazon."].iter().any(|beginning| lower.starts_with(beginning));
    if !is_legal {
        return Err(format!(
            "is not an attribute's name; use up to {NAME_LIMIT} letters, digits, `_`, `-` and single dots inside"
        ));
    }
    if OWN_ATTRIBUTES.iter().any(|own| own.eq_ignore_ascii_case(name)) {
        return Err("is an attribute that every message has; choose another name".to_owned());
    }
    Ok(())
}

fn check_path(value: Spanned<DeValue<'_>>, view: Option<&ClientView>) -> Result<Path, String> {
    let text = match value.into_inner() {
        DeValue::String(text) => text,
        other => return Err(wrong_type(&other, "the path of a field in quotes")),
    };
    let path = Path::try_new(&text).map_err(|error| format!("has no field: {error}"))?;
    if path.0.len() > DEPTH_LIMIT {
        return Err(format!("has a path of more than {DEPTH_LIMIT} names; name a field nearer to the root"));
    }
    match view {
        Some(view) if !is_in_view(&path, view) => Err(format!(
            "has the field {}, which the client doesn't get; add it to the client's view",
            quoted(&text)
        )),
        _ => Ok(path),
    }
}

/// The members of a CloudEvent that are not of the event itself.
const ENVELOPE_MEMBERS: [&str; 8] =
    ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "sequence"];

/// Whether a client with this view can get something at `path` of the body. An envelope has members of its own, and the event
/// in `data`.
fn is_in_view(path: &Path, view: &ClientView) -> bool {
    let names = match (&view.envelope, path.0.as_slice()) {
        (None, names) => names,
        (Some(_), [data, names @ ..]) if data == "data" => names,
        (Some(_), names) => return matches!(names, [name] if ENVELOPE_MEMBERS.contains(&name.as_str())),
    };
    match &view.members {
        Members::All => true,
        Members::Fields(paths) => {
            paths.iter().any(|path| names.starts_with(&path.0) || path.0.starts_with(names))
        }
        Members::Omit(paths) => !paths.iter().any(|path| names.starts_with(&path.0)),
    }
}
