//! `fanoutctl catch-up`: lets the catch-up function run until a client is level, and follows it.

use std::pin::pin;
use std::time::{Duration, Instant};

use serde::Serialize;
use shared::text::printable;

use super::ledger::{Desk, Known};
use crate::args::ClientArguments;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::orders::{CaughtUp, Order};
use crate::output::counted;
use crate::progress::{Bar, unless_quick};
use crate::standing::Standing;

/// How soon it is looked at again how far the client is.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Looking takes at most this part of the time: who is behind in many groups is looked at less often.
const LOOKING_SHARE: u32 = 10;

/// How often, one after the other, the function may get nowhere without saying why.
const IDLE_LIMIT: u32 = 3;

/// What became of a catch-up, over all invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Report {
    client: String,
    /// In how many groups it became level.
    groups: u64,
    /// How many events were sent.
    sent: u64,
    /// In how many groups it is still behind.
    behind: u64,
    /// Why the catch-up ended before the client was level.
    stopped: Option<String>,
    #[serde(skip)]
    invocations: u32,
    /// How often, one after the other, the function got nowhere.
    #[serde(skip)]
    idle: u32,
}

/// Catches a client up.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such client. [`Exit::Config`]: there is no ledger. Else what AWS or the function refused.
pub async fn execute(context: &Context, arguments: &ClientArguments) -> Result<Exit, Failure> {
    let desk = Desk::of_stack(context).await?;
    let client = desk.client(&arguments.client)?;
    if client.is_paused {
        let message = format!(
            "client `{name}` is paused, and nothing is sent to it; run `fanoutctl resume {name}{stack}` first",
            name = client.name,
            stack = desk.stack_option()
        );
        return Err(Failure::new(Exit::Findings, message));
    }
    let before = unless_quick("reading the ledger", desk.standing(client.id)).await?;
    desk.log(&format!("catch up client `{}`", client.name));

    let bar = Bar::new(before.events);
    bar.is_at(0, before.events, &to_go(&before));
    let mut report = Report { client: client.name.clone(), ..Report::default() };
    let ended = follow(&desk, &client, &before, &bar, &mut report).await;
    bar.finish();
    ended?;
    context.output.print(&report, |report, _| text(report))?;
    Ok(if report.behind == 0 && report.stopped.is_none() { Exit::Done } else { Exit::Findings })
}

/// Invokes the function as long as that gets the client further, and shows how far it is meanwhile.
async fn follow(
    desk: &Desk,
    client: &Known,
    before: &Standing,
    bar: &Bar,
    report: &mut Report,
) -> Result<(), Failure> {
    let order = Order::CatchUp { client: client.name.clone() };
    while report.goes_on() {
        let mut answer = pin!(desk.order(&order));
        let mut pause = LOOK_AGAIN;
        let answer: CaughtUp = loop {
            if let Ok(answer) = tokio::time::timeout(pause, &mut answer).await {
                break answer?;
            }
            let start = Instant::now();
            // Only to be shown; what matters is the answer.
            if let Ok(now) = desk.standing(client.id).await {
                show(bar, before, &now);
            }
            pause = LOOK_AGAIN.max(start.elapsed() * LOOKING_SHARE);
        };
        report.add(answer);
    }
    Ok(())
}

impl Report {
    /// Whether another invocation is worth while.
    fn goes_on(&self) -> bool {
        self.invocations == 0 || (self.behind > 0 && self.stopped.is_none())
    }

    fn add(&mut self, answer: CaughtUp) {
        let CaughtUp { client: _, groups, sent, behind, stopped } = answer;
        self.invocations += 1;
        self.idle = if groups == 0 && sent == 0 { self.idle + 1 } else { 0 };
        self.groups += groups;
        self.sent += sent;
        (self.behind, self.stopped) = (behind, stopped);
        if self.idle == IDLE_LIMIT && behind > 0 && self.stopped.is_none() {
            self.stopped = Some("the function got nowhere, several times in a row; see its log".to_owned());
        }
    }
}

/// How far it is now, of what there was to go before. What came to it meanwhile makes the way longer.
fn show(bar: &Bar, before: &Standing, now: &Standing) {
    let total = before.events.max(now.events);
    bar.is_at(total - now.events, total, &to_go(now));
}

fn to_go(standing: &Standing) -> String {
    let Standing { groups, events, is_more, .. } = standing;
    let more = if *is_more { "more than " } else { "" };
    format!("{more}{} of {more}{} to go", counted(*events, "event"), counted(*groups, "group"))
}

fn text(report: &Report) -> String {
    let Report { client, groups, sent, behind, stopped, .. } = report;
    let client = printable(client);
    let done = format!("{} sent, level in {} more", counted(*sent, "event"), counted(*groups, "group"));
    match (stopped, behind) {
        (None, 0) => format!("Client {client} is level: {done}.\n"),
        (stopped, behind) => {
            let why = stopped.as_deref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
            format!("Client {client} is still behind in {}{why}.\n{done}.\n", counted(*behind, "group"))
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn answer(groups: u64, sent: u64, behind: u64, stopped: Option<&str>) -> CaughtUp {
        let stopped = stopped.map(str::to_owned);
        CaughtUp { client: "Billing".to_owned(), groups, sent, behind, stopped }
    }

    /// What is told when these answers came; each of them but the last makes another invocation worth while.
    fn check(answers: &[CaughtUp], expected: &Expect) {
        let mut report = Report { client: "Billing".to_owned(), ..Report::default() };
        for answer in answers {
            assert!(report.goes_on(), "before {answer:?}");
            report.add(answer.clone());
        }
        assert!(!report.goes_on());
        expected.assert_eq(&format!("{}{}\n", text(&report), serde_json::to_string(&report).unwrap()));
    }

    #[test]
    fn the_function_runs_until_the_client_is_level_or_it_stops() {
        check(
            &[answer(0, 0, 0, None)],
            &expect![[r#"
            Client Billing is level: 0 events sent, level in 0 groups more.
            {"client":"Billing","groups":0,"sent":0,"behind":0,"stopped":null}
        "#]],
        );
        check(
            &[answer(2, 40, 3, None), answer(0, 7, 3, None), answer(3, 60, 0, None)],
            &expect![[r#"
            Client Billing is level: 107 events sent, level in 5 groups more.
            {"client":"Billing","groups":5,"sent":107,"behind":0,"stopped":null}
        "#]],
        );
        check(
            &[answer(2, 40, 3, Some("its queue `Billing.fifo` does not exist"))],
            &expect![[r#"
            Client Billing is still behind in 3 groups: its queue `Billing.fifo` does not exist.
            40 events sent, level in 2 groups more.
            {"client":"Billing","groups":2,"sent":40,"behind":3,"stopped":"its queue `Billing.fifo` does not exist"}
        "#]],
        );
    }

    #[test]
    fn a_function_that_gets_nowhere_is_not_invoked_for_ever() {
        let nowhere = || answer(0, 0, 3, None);
        check(
            &[nowhere(), nowhere(), answer(0, 1, 3, None), nowhere(), nowhere(), nowhere()],
            &expect![[r#"
                Client Billing is still behind in 3 groups: the function got nowhere, several times in a row; see its log.
                1 event sent, level in 0 groups more.
                {"client":"Billing","groups":0,"sent":1,"behind":3,"stopped":"the function got nowhere, several times in a row; see its log"}
            "#]],
        );
    }

    #[test]
    fn what_is_to_go_is_told() {
        let standing = Standing { groups: 3, events: 70, since: None, is_more: false };
        assert_eq!(to_go(&standing), "70 events of 3 groups to go");
        let more = Standing { is_more: true, ..standing };
        assert_eq!(to_go(&more), "more than 70 events of more than 3 groups to go");
    }
}
