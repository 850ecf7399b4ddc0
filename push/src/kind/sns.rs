//! A topic: a message with the client's view, and attributes with the rest. A FIFO topic keeps the order of a group.

use serde_json::value::RawValue;
use shared::clock::Clock;
use shared::config::{Path, SnsTarget};
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, Place, Request};
use shared::ids::{DeduplicationId, IncarnationToken, ReplayId};
use shared::time::Timestamp;

use super::{Target, of_no_answer, too_large};
use crate::deadline::Deadline;
use crate::encoding::form;
use crate::event::Event;
use crate::fault;
use crate::outcome::Failure;
use crate::reason::Hidden;

/// The most bytes of a message with its attributes (SNS quotas: message size).
const MESSAGE_LIMIT: usize = 262_144;

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    name: String,
    data_type: &'static str,
    value: String,
}

impl<X: Exchange, C: Clock> Target<X, C> {
    pub(super) async fn sns(
        &self,
        target: &SnsTarget,
        event: &Event<'_>,
        deadline: Deadline,
    ) -> Result<Option<String>, Failure> {
        let answer = self.ask(&request(target, event)?, deadline).await;
        let answer = answer.map_err(|error| of_no_answer(&error))?;
        outcome(&answer, event, self.clock.now()).map_or(Ok(None), Err)
    }
}

/// # Errors
///
/// The message is larger than a topic takes.
fn request(target: &SnsTarget, event: &Event<'_>) -> Result<Request, Failure> {
    let attributes = attributes(target, event);
    let size =
        |attribute: &Attribute| attribute.name.len() + attribute.data_type.len() + attribute.value.len();
    let size = event.body.len() + attributes.iter().map(size).sum::<usize>();
    if size > MESSAGE_LIMIT {
        return Err(too_large(size, MESSAGE_LIMIT, "a topic"));
    }
    let mut fields = vec![
        ("Action".to_owned(), "Publish"),
        ("Version".to_owned(), "2010-03-31"),
        ("TopicArn".to_owned(), target.topic.text.as_str()),
        ("Message".to_owned(), event.body),
    ];
    for (number, Attribute { name, data_type, value }) in (1..).zip(&attributes) {
        let entry = format!("MessageAttributes.entry.{number}");
        fields.push((format!("{entry}.Name"), name));
        fields.push((format!("{entry}.Value.DataType"), data_type));
        fields.push((format!("{entry}.Value.StringValue"), value));
    }
    let id = deduplication_id(event);
    if target.is_fifo() {
        fields.push(("MessageDeduplicationId".to_owned(), id.as_str()));
        fields.push(("MessageGroupId".to_owned(), event.group.as_str()));
    }
    let body = form(fields.iter().map(|(name, value)| (name.as_str(), *value)));
    Ok(Request {
        method: "POST",
        place: Place::Aws {
            service: "sns",
            region: target.topic.region.clone(),
            path_and_query: "/".to_owned(),
        },
        headers: vec![(
            "content-type".to_owned(),
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        )],
        body: body.into_bytes(),
        answer_limit: ANSWER_LIMIT,
    })
}

/// Within five minutes a topic takes this for a repetition: the same event again, unless in another replay.
fn deduplication_id(event: &Event<'_>) -> DeduplicationId {
    let message = &event.message;
    let incarnation = message.incarnation.as_ref().map_or("", IncarnationToken::as_str);
    let role = format!("{} {incarnation} {}", event.group, message.version);
    let id = DeduplicationId::of_stream_record(event.id).derived(&role);
    match &message.replay {
        Some(replay) => id.replayed(replay),
        None => id,
    }
}

/// Those of the queue's message, then those that route.
fn attributes(target: &SnsTarget, event: &Event<'_>) -> Vec<Attribute> {
    let message = &event.message;
    let string = |name: &str, value: Option<&str>| {
        let value = value.filter(|value| is_legal(value))?;
        Some(Attribute { name: name.to_owned(), data_type: "String", value: value.to_owned() })
    };
    let number = |name: &str, value: Option<i64>| {
        Some(Attribute { name: name.to_owned(), data_type: "Number", value: value?.to_string() })
    };
    let own = [
        string("eventId", Some(event.id)),
        string("eventName", event.name),
        string("eventTime", event.time),
        number("version", Some(message.version)),
        number("previousVersion", message.previous_version),
        string("incarnation", message.incarnation.as_ref().map(IncarnationToken::as_str)),
        string("replay", message.replay.as_ref().map(ReplayId::as_str)),
        string("erased", event.erased),
    ];
    let mut attributes: Vec<Attribute> = own.into_iter().flatten().collect();
    // A notice has no fields.
    if event.erased.is_none() {
        attributes.extend(target.attributes.iter().filter_map(|(name, path)| {
            let (data_type, value) = routing(value_at(event.body, path)?)?;
            Some(Attribute { name: name.clone(), data_type, value })
        }));
    }
    attributes
}

/// The value in the event's JSON; `None` if there is nothing.
fn value_at<'b>(body: &'b str, path: &Path) -> Option<&'b RawValue> {
    let mut value: &RawValue = serde_json::from_str(body).ok()?;
    for name in &path.0 {
        value = member(value, name)?;
    }
    Some(value)
}

fn member<'b>(object: &'b RawValue, name: &str) -> Option<&'b RawValue> {
    let members: std::collections::BTreeMap<std::borrow::Cow<'b, str>, &'b RawValue> =
        serde_json::from_str(object.get()).ok()?;
    members.get(name).copied()
}

/// Type and text of an attribute with this value: texts and booleans are `String`, numbers `Number`, arrays of these
/// `String.Array`. `None` for what a topic doesn't take: objects, null, nothing.
fn routing(value: &RawValue) -> Option<(&'static str, String)> {
    let text = value.get();
    let (data_type, value) = match text.as_bytes().first()? {
        b'"' => ("String", serde_json::from_str::<String>(text).ok()?),
        b't' | b'f' => ("String", text.to_owned()),
        b'[' => {
            let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            if values.iter().any(|value| value.get().starts_with(['[', '{'])) {
                return None;
            }
            ("String.Array", text.to_owned())
        }
        b'{' | b'n' => return None,
        _ => ("Number", text.to_owned()),
    };
    is_legal(&value).then_some((data_type, value))
}

/// Whether a topic takes it: not empty, and of the characters that XML has (SNS: `Publish`).
fn is_legal(value: &str) -> bool {
    let is_character = |character| match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        _ => character >= ' ',
    };
    !value.is_empty() && value.chars().all(is_character)
}

fn outcome(answer: &Answer, event: &Event<'_>, now: Timestamp) -> Option<Failure> {
    let hidden = Hidden { secrets: &[], bodies: &[event.body] };
    let gone = ["NotFound", "NotFoundException"];
    (!answer.is_success()).then(|| fault::failure(answer, &gone, hidden, now))
}

#[cfg(test)]
mod tests;
