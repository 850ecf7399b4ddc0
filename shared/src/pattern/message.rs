//! `$message`: what a pattern can ask about the message of an event, beside its body.
//!
//! Only what is the event's own. How a message came, such as the replay that it is sent in, says nothing about its event.

use super::condition::{Condition, Value};
use super::tree::{Member, Tree};
use crate::image::Decimal;
use crate::nearest::nearest;

/// The section of a pattern whose fields are about the message. An item's own attribute of this name is never looked at.
pub const MESSAGE: &str = "$message";

const GROUP: &str = "group";
const EVENT_ID: &str = "eventId";
const EVENT_NAME: &str = "eventName";
const EVENT_TIME: &str = "eventTime";
const VERSION: &str = "version";

const FIELDS: [&str; 5] = [GROUP, EVENT_ID, EVENT_NAME, EVENT_TIME, VERSION];

/// Those that every message of an event has.
const REQUIRED: [&str; 3] = [GROUP, EVENT_ID, VERSION];

/// What messages have besides, and what is not their event's own.
const OF_THE_WAY: [&str; 6] = ["replay", "previousVersion", "incarnation", "streamedAt", "repair", "erased"];

/// What a message says about its event beside the body, each as its attribute has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageFields<'m> {
    /// The `MessageGroupId`.
    pub group: &'m str,
    /// The event's id.
    pub event_id: Option<&'m str>,
    /// The event's name.
    pub event_name: Option<&'m str>,
    /// The event's time, as its item has it.
    pub event_time: Option<&'m str>,
    /// The event's number in its aggregate.
    pub version: Option<i64>,
}

/// What is wrong, and the way out.
type Fault = (String, String);

impl<'m> MessageFields<'m> {
    /// The fields that are there, by their names.
    pub(super) fn values(&self) -> impl Iterator<Item = (&'static str, Value<'m>)> {
        let Self { group, event_id, event_name, event_time, version } = *self;
        let number = |version: i64| Value::Number(Decimal::try_parse(version.to_string().as_bytes()));
        let values = [
            (GROUP, Some(Value::Text(group))),
            (EVENT_ID, event_id.map(Value::Text)),
            (EVENT_NAME, event_name.map(Value::Text)),
            (EVENT_TIME, event_time.map(Value::Text)),
            (VERSION, version.map(number)),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// What is wrong with `member` of the section at `path`, if it is `$message` or stands in it.
pub(super) fn wrong_member(path: &[String], member: &Member) -> Option<Fault> {
    let kind = member.value.tree.kind();
    match (path, &member.value.tree) {
        ([], Tree::Section(_)) => None,
        ([], _) if member.key == MESSAGE => {
            let remedy = format!("write a section in which `{}` can stand", FIELDS.join("`, `"));
            Some((format!("is {kind}"), remedy))
        }
        ([section], value) if section == MESSAGE => {
            let name = member.key.as_str();
            if !FIELDS.contains(&name) {
                return Some(unknown(name));
            }
            let remedy = "list the values that it may have, in brackets";
            (!matches!(value, Tree::List(_))).then(|| (format!("is {kind}"), remedy.to_owned()))
        }
        _ => None,
    }
}

fn unknown(name: &str) -> Fault {
    if OF_THE_WAY.contains(&name) {
        let problem =
            "says how the message came, not what its event is, and a filter decides on the event alone";
        return (problem.to_owned(), "delete it".to_owned());
    }
    let remedy = match nearest(name, &FIELDS) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here are `{}`", FIELDS.join("`, `")),
    };
    ("is nothing that a message says about its event".to_owned(), remedy)
}

/// What is wrong with an entry of the field at `path`, if that is about the message and the entry is not of its type:
/// no message has such a value.
pub(super) fn wrong_entry(path: &[String], condition: &Condition) -> Option<(&'static str, &'static str)> {
    let [section, name] = path else {
        return None;
    };
    if section != MESSAGE {
        return None;
    }
    let is_wanted = if name == VERSION { is_of_numbers } else { is_of_texts };
    match condition {
        Condition::Absent if REQUIRED.contains(&name.as_str()) => {
            Some(("is in every message, so that no event matches", "delete the entry"))
        }
        Condition::Absent | Condition::Present => None,
        condition if is_wanted(condition) => None,
        _ if name == VERSION => Some(("is a number in every message", "write a number without quotes")),
        _ => Some(("is text in every message", "write text in quotes")),
    }
}

fn is_of_numbers(condition: &Condition) -> bool {
    match condition {
        Condition::Number(_) | Condition::Numeric(..) => true,
        Condition::AnythingBut(conditions) => conditions.iter().all(is_of_numbers),
        _ => false,
    }
}

fn is_of_texts(condition: &Condition) -> bool {
    match condition {
        Condition::Number(_) | Condition::Numeric(..) | Condition::Boolean(_) | Condition::Null => false,
        Condition::AnythingBut(conditions) => conditions.iter().all(is_of_texts),
        _ => true,
    }
}
