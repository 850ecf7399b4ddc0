//! What became of letters that were to be sent again.

use serde::Serialize;
use shared::text::printable;

use super::plan::{Planned, TakenFrom};
use crate::exit::Exit;
use crate::letters::LetterQueue;
use crate::output::Style;

/// What became of letters.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) letters: Vec<Entry>,
    sent: usize,
    stay: usize,
    /// How many letters were there that could not be seen; as SQS says, which is approximate.
    pub(super) unseen: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    queue: LetterQueue,
    client: Option<String>,
    group: String,
    event_id: Option<String>,
    version: Option<u64>,
    from: Option<TakenFrom>,
    /// Why the event table does not confirm it.
    unconfirmed: Option<String>,
    newer_events: Option<u64>,
    /// How many newer events are in queues of letters, too.
    newer_letters: Option<u64>,
    /// Why they are not known.
    newer_events_reason: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// What became of a letter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Its event was sent again, and it is gone.
    Sent,
    /// Its event was sent again, but it could not be deleted.
    SentButStays {
        /// Why.
        reason: String,
    },
    /// It stays as it was.
    Stays {
        /// Why.
        reason: String,
        /// What the command ends with because of it.
        #[serde(skip)]
        exit: Exit,
        /// Whether later ones of its group must wait.
        #[serde(skip)]
        is_passing: bool,
    },
}

impl Outcome {
    /// Because of the letter itself.
    pub(super) fn stays(reason: impl Into<String>) -> Self {
        Self::Stays { reason: reason.into(), exit: Exit::Findings, is_passing: false }
    }
}

impl Report {
    pub(super) fn add(&mut self, planned: Planned, outcome: Outcome) {
        match outcome {
            Outcome::Sent => self.sent += 1,
            Outcome::SentButStays { .. } | Outcome::Stays { .. } => self.stay += 1,
        }
        let Planned { letter, version, attempt, newer, newer_letters } = planned;
        let (from, unconfirmed) = attempt.map_or((None, None), |attempt| (Some(attempt.from), attempt.doubt));
        let (newer_events, newer_events_reason) = match newer {
            Ok(count) => (Some(count), None),
            Err(why) => (None, Some(why)),
        };
        self.letters.push(Entry {
            client: letter.client().map(ToString::to_string),
            group: letter.group().to_owned(),
            event_id: letter.event_id().map(str::to_owned),
            queue: letter.queue,
            id: letter.message.id,
            version,
            from,
            unconfirmed,
            newer_events,
            newer_letters,
            newer_events_reason,
            outcome,
        });
    }
}

/// Not allowed or not reached at all says more than that something stays.
pub(super) fn exit(report: &Report) -> Exit {
    let exits = report.letters.iter().map(|entry| match &entry.outcome {
        Outcome::Sent => Exit::Done,
        Outcome::SentButStays { .. } => Exit::Findings,
        Outcome::Stays { exit, .. } => *exit,
    });
    let of_stay: Vec<Exit> = exits.filter(|exit| *exit != Exit::Done).collect();
    let special = of_stay.iter().find(|exit| **exit != Exit::Findings);
    special.or(of_stay.first()).copied().unwrap_or(Exit::Done)
}

pub(super) fn text(report: &Report, _: Style) -> String {
    let mut text = String::new();
    for entry in &report.letters {
        let line = match &entry.outcome {
            Outcome::Sent => "sent again".to_owned(),
            Outcome::SentButStays { reason } => {
                format!("sent again, but stays in the {}: {reason}", entry.queue)
            }
            Outcome::Stays { reason, .. } => format!("stays in the {}: {reason}", entry.queue),
        };
        text += &format!("{}: {}\n", printable(&entry.id), printable(&line));
    }
    text += &match report.letters.len() {
        0 => "no letters that can be seen\n".to_owned(),
        letters => format!("{} of {letters} sent again\n", report.sent),
    };
    if report.unseen > 0 {
        text += &format!(
            "about {} letters could not be seen, or came meanwhile; `fanoutctl dead-letters list` shows what is left\n",
            report.unseen
        );
    }
    text
}

#[cfg(test)]
mod tests;
