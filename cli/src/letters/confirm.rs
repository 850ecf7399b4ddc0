//! What the event table says of a letter's event: whoever can write to a queue of letters must not make events.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;
use shared::config::Source;
use shared::event::{Origin, Reader};

use super::newer::typed;
use super::{Item, Letter, Received};

/// What the event table has under an event's keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// This item, in DynamoDB's JSON.
    Item(Value),
    /// Nothing.
    Nothing,
    /// They are no keys of this table, and why.
    NotItsKeys(String),
}

/// What the event table says of a letter's event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has it.
    Confirmed,
    /// It has another event under the same keys, and what is different.
    Contradicted(String),
    /// It has it no longer, or can't be asked for it, and which.
    Unconfirmed(String),
}

impl Lookup {
    /// What this says of a letter that only names an item; the letter's own copy of it does not count.
    pub fn standing(&self) -> Standing {
        match self {
            Self::Item(_) => Standing::Confirmed,
            Self::Nothing => Standing::Unconfirmed("the event table has its event no longer".to_owned()),
            Self::NotItsKeys(why) => Standing::not_asked(why),
        }
    }
}

impl Standing {
    /// The event table can't be asked.
    pub fn not_asked(why: &str) -> Self {
        Self::Unconfirmed(format!("the event table can't be asked for its event: {why}"))
    }

    /// Whether the event may be sent: what is doubtful about it, if the operator asks for that too (`from_letter`).
    ///
    /// # Errors
    ///
    /// Why the letter stays.
    pub fn doubt(self, from_letter: bool) -> Result<Option<String>, String> {
        match self {
            Self::Confirmed => Ok(None),
            Self::Contradicted(why) => Err(why),
            Self::Unconfirmed(why) if from_letter => Ok(Some(why)),
            Self::Unconfirmed(why) => Err(format!("{why}; `--from-letter` sends it as it is here")),
        }
    }
}

/// The name of the table whose stream this is.
///
/// # Errors
///
/// It is not the ARN of a table's stream.
pub fn event_table(stream: &str) -> Result<&str, String> {
    let table = stream.split_once("/stream/").and_then(|(table, _)| table.rsplit_once('/'));
    let (_, name) = table.ok_or_else(|| format!("the stack's stream `{stream}` is not that of a table"))?;
    Ok(name)
}

/// The item that a message's event is in the table of the stack's stream, by the keys in its body.
///
/// Text is taken for text: only of a partition key that is the group's too can it be told that it stands for bytes.
///
/// # Errors
///
/// Why there is none.
pub fn item_of_message(letter: &Letter, source: &Source, stack_stream: &str) -> Result<Item, String> {
    let body: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&letter.message.body)
        .map_err(|_| "its body is not an event's JSON".to_owned())?;
    let key = |name: &String, group: Option<&str>| {
        let value = body.get(name).ok_or_else(|| format!("its body has no `{name}`"))?;
        let key = group.and_then(|group| typed(value, Some(group))).or_else(|| typed(value, None));
        let key = key.ok_or_else(|| format!("`{name}` of its body is neither text nor a number"))?;
        Ok::<_, String>((name.clone(), key))
    };
    let group = (source.group == source.partition_key).then(|| letter.group());
    let mut keys = BTreeMap::from([key(&source.partition_key, group)?]);
    if let Some(name) = &source.sort_key {
        keys.extend([key(name, None)?]);
    }
    Ok(Item { table: event_table(stack_stream)?.to_owned(), keys })
}

/// What the event table says of a message's event: body, group and attributes must be what its item is made into.
pub fn standing_of_message(letter: &Letter, source: &Source, lookup: &Lookup) -> Standing {
    let Lookup::Item(item) = lookup else { return lookup.standing() };
    let message = &letter.message;
    // Without versions, an event whose item has no id has its stream record's, which only the message knows.
    let event_id = message.attribute("eventId").unwrap_or_default();
    let event = match Reader::new(source).read(&item.to_string(), Origin::Stream { event_id }) {
        Ok(event) => event,
        Err(error) => {
            return Standing::Contradicted(format!("what the event table has is no event: {error}"));
        }
    };
    let version = event.version().map(|version| version.to_string());
    let compared = [
        ("body", message.body == event.body()),
        ("group", letter.group() == event.group().as_str()),
        ("`eventId`", has(message, "eventId", Some(event.id()))),
        ("`eventName`", has(message, "eventName", event.name())),
        ("`eventTime`", has(message, "eventTime", event.time())),
        ("`version`", has(message, "version", version.as_deref())),
    ];
    let different: Vec<&str> = compared.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    if different.is_empty() {
        return Standing::Confirmed;
    }
    Standing::Contradicted(format!(
        "the event table has its event with another {}: the item was changed, or the message is forged",
        different.join(", ")
    ))
}

/// Whether a message has this attribute with this value; or has it not, in any form.
fn has(message: &Received, name: &str, value: Option<&str>) -> bool {
    match value {
        Some(_) => message.attribute(name) == value,
        None => message.attributes.iter().all(|attribute| attribute.name != name),
    }
}

#[cfg(test)]
mod tests;
