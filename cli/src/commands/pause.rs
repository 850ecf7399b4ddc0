//! `fanoutctl pause` and `fanoutctl resume`: stop sending to a client, and begin again.

use std::time::Duration;

use serde::Serialize;
use shared::control::{ControlRequest, StateChange};
use shared::ledger::times::{CALL_LIMIT, FAN_OUT_LIMIT, PASS_LIMIT};
use shared::text::printable;

use super::operator::{Operator, registered, served};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::progress::unless_quick;

/// The wanted state of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing is sent to the client.
    Pause,
    /// The client is served.
    Resume,
}

/// The result of a pause or a resume.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    changed: StateChange,
    /// For how long an event may still be sent to a client that was paused.
    still_sent_for_seconds: Option<u64>,
}

/// Pauses or resumes the client called `name`; `reason` is that of a pause.
///
/// # Errors
///
/// [`Failure`]: there is no such client, or AWS or the function refused.
pub async fn execute(
    context: &Context,
    name: &str,
    reason: Option<String>,
    change: Change,
) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    let client = name.to_owned();
    let (what, request) = match change {
        Change::Pause => ("pause", ControlRequest::Pause { client, reason, caller: None }),
        Change::Resume => ("resume", ControlRequest::Resume { client, caller: None }),
    };
    // A client that leaves can be paused, but not resumed: nothing would be sent to it.
    match change {
        Change::Pause => registered(&operator.registry, name)?,
        Change::Resume => served(&operator.registry, name)?,
    };
    operator.log(&format!("{what} client `{name}`"));
    let changed = unless_quick("waiting for the catch-up function", operator.request(&request)).await?;
    let still_sent_for_seconds = (change == Change::Pause).then(|| last_send().as_secs());
    let report = Report { changed, still_sent_for_seconds };
    context.output.print(&report, |report, _| text(report, &operator.stack_option()))?;
    Ok(Exit::Done)
}

/// The longest time from the write of a pause, or of a hold, to the last send, which was begun before it.
pub(super) fn last_send() -> Duration {
    FAN_OUT_LIMIT.max(PASS_LIMIT + CALL_LIMIT)
}

fn text(report: &Report, stack: &str) -> String {
    let Report { changed: StateChange { client, state, was }, still_sent_for_seconds } = report;
    let (client, stack) = (printable(client), printable(stack));
    let (is, resume) = (state != was, format!("It is caught up after\n  fanoutctl resume {client}{stack}\n"));
    match still_sent_for_seconds {
        Some(_) if !is => format!("Client {client} was paused already: it falls behind.\n{resume}"),
        Some(seconds) => format!(
            "Client {client} is paused: it falls behind, and what was begun may reach it for {seconds} s.\n{resume}"
        ),
        None => format!(
            "Client {client} {}; if it is behind, it is caught up within minutes, or now with\n  \
             fanoutctl catch-up {client}{stack}\n",
            if is { "is served again" } else { "was not paused" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::control::ClientState::{self, Live, Paused};

    use super::*;

    fn check(state: ClientState, was: ClientState, change: Change, stack: &str, expected: &Expect) {
        let client = "Billing".to_owned();
        let seconds = (change == Change::Pause).then(|| last_send().as_secs());
        let report = Report { changed: StateChange { client, state, was }, still_sent_for_seconds: seconds };
        expected.assert_eq(&format!("{}{}\n", text(&report, stack), serde_json::to_string(&report).unwrap()));
    }

    #[test]
    fn a_change_is_reported_with_the_next_command() {
        check(
            Paused,
            Live,
            Change::Pause,
            "",
            &expect![[r#"
            Client Billing is paused: it falls behind, and what was begun may reach it for 65 s.
            It is caught up after
              fanoutctl resume Billing
            {"client":"Billing","state":"paused","was":"live","still_sent_for_seconds":65}
        "#]],
        );
        check(
            Paused,
            Paused,
            Change::Pause,
            " --stack test",
            &expect![[r#"
                Client Billing was paused already: it falls behind.
                It is caught up after
                  fanoutctl resume Billing --stack test
                {"client":"Billing","state":"paused","was":"paused","still_sent_for_seconds":65}
            "#]],
        );
        check(
            Live,
            Paused,
            Change::Resume,
            "",
            &expect![[r#"
                Client Billing is served again; if it is behind, it is caught up within minutes, or now with
                  fanoutctl catch-up Billing
                {"client":"Billing","state":"live","was":"paused","still_sent_for_seconds":null}
            "#]],
        );
        check(
            Live,
            Live,
            Change::Resume,
            " --stack test",
            &expect![[r#"
                Client Billing was not paused; if it is behind, it is caught up within minutes, or now with
                  fanoutctl catch-up Billing --stack test
                {"client":"Billing","state":"live","was":"live","still_sent_for_seconds":null}
            "#]],
        );
    }
}
