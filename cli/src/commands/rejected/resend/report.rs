//! The result of a resend.

use serde::Serialize;
use shared::text::printable;

use super::plan::PlannedResend;
use crate::exit::Exit;

/// The outcome of each rejection, and their numbers.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) rejections: Vec<Entry>,
    pub(super) sent: usize,
    pub(super) stay: usize,
    /// How many could not be seen, by SQS's approximate count.
    pub(super) unseen: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Entry {
    pub(super) id: String,
    group: String,
    event_id: Option<String>,
    version: Option<i64>,
    newer_events: Option<u64>,
    /// Why `newer_events` isn't known.
    newer_events_reason: Option<String>,
    #[serde(flatten)]
    outcome: Outcome,
}

/// The outcome of one rejection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// Its event was sent again, and it is deleted.
    Sent,
    /// Its event was sent again, but it could not be deleted.
    SentButStays { reason: String },
    /// Its event would be sent, if this were no dry run.
    WouldBeSent,
    /// It stays as it was.
    Stays {
        reason: String,
        /// The exit status that follows from it.
        #[serde(skip)]
        exit: Exit,
    },
}

impl Report {
    pub(super) fn add(&mut self, planned: PlannedResend, outcome: Outcome) {
        match outcome {
            Outcome::Sent => self.sent += 1,
            _ => self.stay += 1,
        }
        let PlannedResend { rejection, attempt } = planned;
        let (version, newer) = attempt.ok().map(|attempt| (attempt.version, attempt.newer)).unzip();
        self.rejections.push(Entry {
            group: rejection.group().to_owned(),
            event_id: rejection.event_id(),
            id: rejection.message.id,
            version: version.flatten(),
            newer_events: newer.as_ref().and_then(|newer| newer.as_ref().ok().copied()),
            newer_events_reason: newer.and_then(Result::err),
            outcome,
        });
    }

    /// The exit status: that a call was not allowed, or not answered, comes before the finding that a rejection stays.
    pub(super) fn exit(&self) -> Exit {
        let exits = self.rejections.iter().map(|entry| match &entry.outcome {
            Outcome::Sent | Outcome::WouldBeSent => Exit::Done,
            Outcome::SentButStays { .. } => Exit::Findings,
            Outcome::Stays { exit, .. } => *exit,
        });
        let of_stay = exits.filter(|exit| *exit != Exit::Done);
        of_stay.min_by_key(|exit| *exit == Exit::Findings).unwrap_or(Exit::Done)
    }

    /// `stack` is the option that names the stack in a command.
    pub(super) fn to_text(&self, stack: &str) -> String {
        let mut text = String::new();
        for Entry { id, outcome, .. } in &self.rejections {
            let line = match outcome {
                Outcome::Sent => "sent again".to_owned(),
                Outcome::SentButStays { reason } => format!("sent again, but stays: {reason}"),
                Outcome::WouldBeSent => "would be sent again".to_owned(),
                Outcome::Stays { reason, .. } => format!("stays: {reason}"),
            };
            text += &format!("{}: {}\n", printable(id), printable(&line));
        }
        text += &match self.rejections.len() {
            0 => "no rejections that can be seen\n".to_owned(),
            rejections => format!("{} of {rejections} sent again\n", self.sent),
        };
        if self.sent > 0 {
            text += &format!(
                "the clients get it from the fan-out, or within two minutes from catch-up (`fanoutctl catch-up --all{stack}` \
                 doesn't wait); a consumer that took later events of the aggregate takes it for a repetition\n"
            );
        }
        if self.unseen > 0 {
            text += &format!(
                "about {} rejections could not be seen, or came meanwhile; `fanoutctl rejected list{stack}` shows what is left\n",
                self.unseen
            );
        }
        text
    }
}
