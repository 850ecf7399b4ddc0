//! How letters would be sent again: what is read for it, and what the operator is told before.

use aws_sdk_dynamodb::Client;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::config::Source;

use super::places::Places;
use crate::aws::{CallError, dynamodb};
use crate::letters::{
    Content, Letter, Lookup, Rejected, Seen, Standing, ToConverter, ToFanOut, event_table, item,
    item_of_message, newer, newer_letters, standing_of_message,
};

/// What planning needs.
#[derive(Debug)]
pub(super) struct Planner<'p> {
    pub(super) dynamodb: Client,
    pub(super) places: &'p Places,
    pub(super) source: Option<&'p Source>,
    /// Whether what the event table does not confirm is to be sent too.
    pub(super) from_letter: bool,
}

/// A letter, and how it would be sent again.
#[derive(Debug)]
pub(super) struct Planned {
    /// The letter.
    pub(super) letter: Letter,
    /// Its event's version.
    pub(super) version: Option<u64>,
    /// How it would be sent; or why it can't be.
    pub(super) attempt: Result<Attempt, String>,
    /// How many newer events of its group the event table has; or why that isn't known.
    pub(super) newer: Result<u64, String>,
    /// How many newer events are in queues of letters, too.
    pub(super) newer_letters: Option<u64>,
}

/// An invocation that sends an event again.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    /// Who sends it.
    pub(super) function: Function,
    /// What that is invoked with.
    pub(super) payload: String,
    /// Where the event is taken from.
    pub(super) from: TakenFrom,
    /// Why the event table does not confirm it, if the operator asked for that too.
    pub(super) doubt: Option<String>,
}

/// A function that sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    /// To the fan-out queue, and so to every client.
    Converter,
    /// To clients.
    FanOut,
}

/// Where an event is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TakenFrom {
    /// The event table, as it is now.
    EventTable,
    /// Its letter's copy.
    Letter,
    /// Its own message.
    Message,
}

impl Planner<'_> {
    /// Plans to send the event of `letter` again. `seen` are all letters that are there now.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the event table could not be asked. What a letter says of its event is no substitute for that.
    pub(super) async fn plan(&self, letter: Letter, seen: &[Seen]) -> Result<Planned, CallError> {
        let (attempt, image) = match &letter.content {
            Content::Rejected(rejected) => self.to_converter(&letter, rejected).await?,
            Content::Undelivered { .. } | Content::DeadLetter => (self.to_fan_out(&letter).await?, None),
            Content::Unreadable(why) => (Err(why.clone()), None),
        };
        let newer = self.newer(&letter, image.as_deref()).await;
        let version = match &letter.content {
            // As the event table has it now.
            Content::Rejected(_) => self
                .source
                .zip(image.as_deref())
                .and_then(|(source, image)| crate::letters::version(image, source)),
            _ => letter.version(self.source),
        };
        let newer_letters = newer_letters(&letter, version, seen);
        Ok(Planned { letter, version, attempt, newer, newer_letters })
    }

    /// The attempt, and the item that it is made of.
    async fn to_converter(
        &self,
        letter: &Letter,
        rejected: &Rejected,
    ) -> Result<(Result<Attempt, String>, Option<Box<RawValue>>), CallError> {
        let item = match item(rejected, &self.places.stream) {
            Ok(item) => item,
            Err(why) => return Ok((Err(why), None)),
        };
        let found = dynamodb::get_item(&self.dynamodb, &item).await?;
        let standing = found.standing();
        let (image, from) = match found {
            Lookup::Item(item) => (to_raw_value(&item).ok(), TakenFrom::EventTable),
            Lookup::Nothing | Lookup::NotItsKeys(_) => (rejected.image.clone(), TakenFrom::Letter),
        };
        let Some(image) = image else {
            let why = standing.doubt(true).ok().flatten().unwrap_or_default();
            return Ok((Err(format!("{why}, and the letter holds no copy of it")), None));
        };
        let inserts = self.source.is_none_or(|source| source.changes.insert);
        let record = ToConverter {
            message_id: &letter.message.id,
            letter: rejected,
            stream: &self.places.stream,
            image: &image,
            change: if inserts { "INSERT" } else { "MODIFY" },
        };
        let attempt =
            |doubt| Attempt { function: Function::Converter, payload: record.payload(), from, doubt };
        Ok((standing.doubt(self.from_letter).map(attempt), Some(image)))
    }

    async fn to_fan_out(&self, letter: &Letter) -> Result<Result<Attempt, String>, CallError> {
        let doubt = self.standing(letter).await?.doubt(self.from_letter);
        let message = ToFanOut {
            message: &letter.message,
            client: letter.client(),
            queue_arn: &self.places.fan_out_queue,
        };
        let (function, from) = (Function::FanOut, TakenFrom::Message);
        Ok(doubt.map(|doubt| Attempt { function, payload: message.payload(), from, doubt }))
    }

    /// What the event table says of a message's event.
    async fn standing(&self, letter: &Letter) -> Result<Standing, CallError> {
        let Some(source) = self.source else {
            return Ok(Standing::not_asked("there is no config to say what its keys are"));
        };
        let item = match item_of_message(letter, source, &self.places.stream) {
            Ok(item) => item,
            Err(why) => return Ok(Standing::not_asked(&why)),
        };
        let found = dynamodb::get_item(&self.dynamodb, &item).await?;
        Ok(standing_of_message(letter, source, &found))
    }

    async fn newer(&self, letter: &Letter, image: Option<&RawValue>) -> Result<u64, String> {
        let source = self.source.ok_or("there is no config to say how events are ordered")?;
        let question = newer(letter, image, source)?;
        let table = event_table(&self.places.stream)?;
        dynamodb::count_newer(&self.dynamodb, table, &question).await.map_err(|error| error.to_string())
    }
}

/// What the operator is told of a letter before anything is sent. With the ledger, what the converter sends again is
/// followed by what clients have of its group since.
pub(super) fn told(planned: &Planned, has_ledger: bool) -> String {
    let letter = &planned.letter;
    let event = letter.event_id().map_or_else(|| "its event".to_owned(), |id| format!("event `{id}`"));
    let version = planned.version.map_or_else(String::new, |version| format!(", version {version}"));
    let what = format!("{}: {event}{version} of group `{}`", letter.message.id, letter.group());
    let attempt = match &planned.attempt {
        Err(why) => return format!("{what} can't be sent again: {why}"),
        Ok(attempt) => attempt,
    };
    let from = match (attempt.from, &attempt.doubt) {
        (TakenFrom::EventTable, _) => "as the event table has it now".to_owned(),
        (TakenFrom::Message, None) => "as its message and the event table have it".to_owned(),
        (TakenFrom::Message, Some(doubt)) => format!("as its message has it, though {doubt}"),
        (TakenFrom::Letter, doubt) => {
            format!("as its letter has it, though {}", doubt.as_deref().unwrap_or("nothing confirms it"))
        }
    };
    let to = letter.client().map_or_else(|| "every client".to_owned(), |client| format!("`{client}` only"));
    let newer = match &planned.newer {
        Ok(0) => "the event table has no newer event of its group".to_owned(),
        Ok(count) => {
            let events = if *count == 1 { "event" } else { "events" };
            let letters = letters_among(*count, planned.newer_letters);
            let order = if has_ledger && attempt.function == Function::Converter {
                "and who has some of them gets them again after it"
            } else {
                "and it arrives after those that are out"
            };
            format!("the event table has {count} newer {events} of its group{letters}, {order}")
        }
        Err(why) => format!("how many newer events of its group the event table has is not known: {why}"),
    };
    format!("{what}, {from}, goes to {to}; {newer}")
}

/// How many of `count` newer events are letters, if any is; a letter can be about an event that the table has no longer.
fn letters_among(count: u64, letters: Option<u64>) -> String {
    match letters.unwrap_or_default().min(count) {
        0 => String::new(),
        1 => " (1 of them is a letter here, too)".to_owned(),
        letters => format!(" ({letters} of them are letters here, too)"),
    }
}

/// What is asked before anything is sent; `unseen` letters are behind those that were told.
pub(super) fn question(sendable: usize, unseen: u64) -> String {
    let events = if sendable == 1 { "1 event".to_owned() } else { format!("{sendable} events") };
    let rest = match unseen {
        0 => String::new(),
        1 => ", and 1 letter that shows after them".to_owned(),
        unseen => format!(", and {unseen} letters that show after them"),
    };
    format!("Send {events} again, marked with the attribute `replay`{rest}?")
}
