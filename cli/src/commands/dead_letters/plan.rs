//! How letters would be sent again: what is read for it, and what the operator is told before.

use aws_sdk_dynamodb::Client;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use shared::config::Source;

use super::places::Places;
use crate::aws::{CallError, dynamodb};
use crate::letters::{Content, Item, Letter, Rejected, ToConverter, ToFanOut, item, newer};

/// What planning needs.
#[derive(Debug)]
pub(super) struct Planner<'p> {
    pub(super) dynamodb: Client,
    pub(super) places: &'p Places,
    pub(super) source: Option<&'p Source>,
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
    /// Its letter, because the event table has it no longer.
    Letter,
    /// Its own message.
    Message,
}

impl Planner<'_> {
    /// Plans to send the event of `letter` again.
    ///
    /// # Errors
    ///
    /// [`CallError`]: its item could not be read. What the letter says of it is no substitute for that.
    pub(super) async fn plan(&self, letter: Letter) -> Result<Planned, CallError> {
        let (attempt, image) = match &letter.content {
            Content::Rejected(rejected) => match item(rejected, &self.places.stream) {
                Err(why) => (Err(why), None),
                Ok(item) => {
                    let image = self.image(&item, rejected).await?;
                    (self.to_converter(&letter, rejected, image.as_ref()), image.map(|(image, _)| image))
                }
            },
            Content::Undelivered { .. } | Content::DeadLetter => (Ok(self.to_fan_out(&letter)), None),
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
        Ok(Planned { letter, version, attempt, newer })
    }

    async fn image(
        &self,
        item: &Item,
        letter: &Rejected,
    ) -> Result<Option<(Box<RawValue>, TakenFrom)>, CallError> {
        let found = dynamodb::get_item(&self.dynamodb, item).await?;
        let found = found.and_then(|item| Some((to_raw_value(&item).ok()?, TakenFrom::EventTable)));
        Ok(found.or_else(|| Some((letter.image.clone()?, TakenFrom::Letter))))
    }

    fn to_converter(
        &self,
        letter: &Letter,
        rejected: &Rejected,
        image: Option<&(Box<RawValue>, TakenFrom)>,
    ) -> Result<Attempt, String> {
        let Some((image, from)) = image else {
            return Err(
                "the event table has its item no longer, and the letter holds no copy of it".to_owned()
            );
        };
        let inserts = self.source.is_none_or(|source| source.changes.insert);
        let record = ToConverter {
            message_id: &letter.message.id,
            letter: rejected,
            stream: &self.places.stream,
            image,
            change: if inserts { "INSERT" } else { "MODIFY" },
        };
        Ok(Attempt { function: Function::Converter, payload: record.payload(), from: *from })
    }

    fn to_fan_out(&self, letter: &Letter) -> Attempt {
        let message = ToFanOut {
            message: &letter.message,
            client: letter.client(),
            queue_arn: &self.places.fan_out_queue,
        };
        Attempt { function: Function::FanOut, payload: message.payload(), from: TakenFrom::Message }
    }

    async fn newer(&self, letter: &Letter, image: Option<&RawValue>) -> Result<u64, String> {
        let source = self.source.ok_or("there is no config to say how events are ordered")?;
        let question = newer(letter, image, source)?;
        let stream = &self.places.stream;
        let table = stream.split_once("/stream/").and_then(|(table, _)| table.rsplit_once('/'));
        let (_, table) =
            table.ok_or_else(|| format!("the stack's stream `{stream}` is not that of a table"))?;
        dynamodb::count_newer(&self.dynamodb, table, &question).await.map_err(|error| error.to_string())
    }
}

/// What the operator is told of a letter before anything is sent.
pub(super) fn told(planned: &Planned) -> String {
    let letter = &planned.letter;
    let event = letter.event_id().map_or_else(|| "its event".to_owned(), |id| format!("event `{id}`"));
    let version = planned.version.map_or_else(String::new, |version| format!(", version {version}"));
    let what = format!("{}: {event}{version} of group `{}`", letter.message.id, letter.group());
    let attempt = match &planned.attempt {
        Err(why) => return format!("{what} can't be sent again: {why}"),
        Ok(attempt) => attempt,
    };
    let from = match attempt.from {
        TakenFrom::EventTable => "as the event table has it now",
        TakenFrom::Letter => "as its letter has it, because it is in the event table no longer",
        TakenFrom::Message => "as its message has it",
    };
    let to = letter.client().map_or_else(|| "every client".to_owned(), |client| format!("`{client}` only"));
    let newer = match &planned.newer {
        Ok(0) => "no newer event of its group is out".to_owned(),
        Ok(1) => "1 newer event of its group is already out, and it arrives after that".to_owned(),
        Ok(count) => format!("{count} newer events of its group are already out, and it arrives after them"),
        Err(why) => format!("how many newer events of its group are already out is not known: {why}"),
    };
    format!("{what}, {from}, goes to {to}; {newer}")
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
