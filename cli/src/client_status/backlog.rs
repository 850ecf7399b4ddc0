//! What a client lacks, for an operator who is about to remove the client or the stack.

use serde::Serialize;
use shared::text::printable;

use super::{ClientStatus, Lag};
use crate::output::events_of_groups;

/// What a client lacks. A figure that isn't known is null, and `unknown` says why.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Backlog {
    /// The client's name.
    pub client: String,
    /// Whether nothing is sent to it until it is resumed.
    pub is_paused: bool,
    /// The groups in which it is behind, held ones included.
    pub groups: Option<u64>,
    /// The events that it lacks there, at most.
    pub events: Option<u64>,
    /// Whether there are more groups than were counted.
    pub is_more: bool,
    /// Why the figures aren't known.
    pub unknown: Option<String>,
}

impl Backlog {
    /// Whether the client lacks nothing, which must be known.
    pub fn is_empty(&self) -> bool {
        self.groups == Some(0)
    }

    /// What follows the client's name in a sentence: `is paused and lacks 5 events of 1 group`.
    pub fn to_text(&self) -> String {
        let Self { is_paused, groups, events, is_more, unknown, .. } = self;
        let (Some(groups), Some(events)) = (groups, events) else {
            let why = printable(unknown.as_deref().unwrap_or("no answer"));
            return format!("may lack events; how many isn't known: {why}");
        };
        match (is_paused, groups) {
            (true, 0) => "is paused".to_owned(),
            (false, 0) => "is up to date".to_owned(),
            (_, groups) => {
                let state = if *is_paused { "paused" } else { "behind" };
                format!("is {state} and lacks {}", events_of_groups(*events, *groups, *is_more))
            }
        }
    }
}

impl From<&ClientStatus> for Backlog {
    fn from(served: &ClientStatus) -> Self {
        let ClientStatus { name, is_paused, lag, .. } = served;
        let known = lag.as_ref().ok();
        Self {
            client: name.clone(),
            is_paused: *is_paused,
            groups: known.map(Lag::all_groups),
            events: known.map(|lag| lag.events + lag.held.events),
            is_more: known.is_some_and(|lag| lag.is_more),
            unknown: lag.as_ref().err().map(ToString::to_string),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws::operator::{CallError, CallFault};

    use super::super::HeldLag;
    use super::*;

    #[test]
    fn a_backlog_follows_the_clients_name_in_a_sentence() {
        let check = |is_paused, expected_groups: u64, expected_events: u64, is_more, expected: &str| {
            let (groups, events) = (expected_groups, expected_events);
            let held = HeldLag { groups: groups / 2, events: events / 2, since: None };
            let (groups, events) = (groups - held.groups, events - held.events);
            let lag = Ok(Lag { groups, events, since: None, held, is_more, ..Lag::default() });
            let served = ClientStatus { name: "Billing".to_owned(), is_paused, absent_at: None, lag };
            let backlog = Backlog::from(&served);
            assert_eq!((backlog.to_text().as_str(), backlog.is_empty()), (expected, expected_groups == 0));
        };
        check(false, 0, 0, false, "is up to date");
        check(true, 0, 0, false, "is paused");
        check(true, 1, 5, false, "is paused and lacks 5 events of 1 group");
        check(false, 2, 1, false, "is behind and lacks 1 event of 2 groups");
        check(
            false,
            1_000,
            5_200,
            true,
            "is behind and lacks more than 5200 events of more than 1000 groups",
        );
        let error = CallError {
            call: "Read",
            subject: "Ledger".to_owned(),
            fault: CallFault::NotAllowed,
            reason: "no".to_owned(),
        };
        let name = "Billing".to_owned();
        let served = ClientStatus { name, is_paused: true, absent_at: None, lag: Err(error) };
        let backlog = Backlog::from(&served);
        assert_eq!(backlog.to_text(), "may lack events; how many isn't known: `Read` of `Ledger`: no");
        assert!(!backlog.is_empty());
    }
}
