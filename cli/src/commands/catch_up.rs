//! `fanoutctl catch-up`: invokes the catch-up function until a client is up to date, and shows how far it is.

use std::pin::pin;
use std::time::{Duration, Instant};

use serde::Serialize;
use shared::control::{CatchUpReport, ControlRequest, RefusedGroup};
use shared::ledger::{ClientId, State};
use shared::text::{counted, printable};

use super::operator::{GROUPS_LIMIT, Operator, served};
use crate::args::CatchUpArguments;
use crate::client_status::Lag;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::events_of_groups;
use crate::progress::{Progress, unless_quick};

/// The least pause between two looks at how far the client is.
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// A pause is this many times as long as the last look took: a client that is behind in many groups is looked at less
/// often.
const LOOKING_SHARE: u32 = 10;

/// How many invocations in a row may get nowhere without saying why.
const IDLE_LIMIT: u32 = 3;

/// The result of a catch-up, over all invocations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    client: String,
    /// The groups in which it became up to date.
    groups: usize,
    /// The events that were sent.
    sent: usize,
    /// The groups in which it is still behind.
    behind: usize,
    /// The groups that wait for an operator; they are not among those.
    held: usize,
    /// The groups of which it was sent everything, though they count as behind for some minutes: they were released
    /// shortly after they were held, and SQS would still swallow what a fan-out that died sent before.
    settling: u64,
    /// Why the catch-up ended before the client was up to date.
    stopped: Option<String>,
    /// Whether another invocation, such as the schedule's, served it for a while. What that sent is not counted.
    elsewhere: bool,
    /// The groups of which its queue refuses an event for good.
    refused: Vec<RefusedGroup>,
    /// How many invocations in a row got nowhere: they sent no event and brought no group up to date.
    #[serde(skip)]
    idle: u32,
    /// The option that names the stack in a command.
    #[serde(skip)]
    stack: String,
}

/// The results of `catch-up --all`.
#[derive(Debug, Serialize)]
struct Reports {
    /// Of each client that was behind and is not paused, in the order of their names.
    clients: Vec<Report>,
}

/// Brings a client up to date, or all.
///
/// # Errors
///
/// [`Failure`]: there is no such client, it is paused, or AWS or the function refused.
pub async fn execute(context: &Context, arguments: &CatchUpArguments) -> Result<Exit, Failure> {
    let operator = Operator::of_stack(context).await?;
    let stack = operator.stack_option();
    let Some(name) = &arguments.client else { return all(context, &operator).await };
    let client = served(&operator.registry, name)?;
    if client.state == State::Paused {
        return Err(Exit::Findings.because(format!(
            "client `{name}` is paused, and nothing is sent to it; run `fanoutctl resume {name}{stack}` first"
        )));
    }
    let before = unless_quick("reading the ledger", operator.ledger.lag(client.id, GROUPS_LIMIT)).await?;
    let report = catch_up(&operator, name, client.id, &before).await?;
    context.output.print(&report, |report, _| text(report, &stack))?;
    Ok(report.exit())
}

/// Brings every client up to date that is behind, and neither paused nor about to leave.
async fn all(context: &Context, operator: &Operator) -> Result<Exit, Failure> {
    let mut clients = Vec::new();
    for (name, client) in &operator.registry.clients {
        if client.state != State::Live || client.absent_at.is_some() {
            continue;
        }
        let before = unless_quick("reading the ledger", operator.ledger.lag(client.id, GROUPS_LIMIT)).await?;
        if before.groups == 0 {
            continue;
        }
        // One that fails is no reason to leave the others.
        let report = catch_up(operator, name.as_str(), client.id, &before).await;
        clients.push(report.unwrap_or_else(|failure| Report::failed(name.as_str(), &before, &failure)));
    }
    let reports = Reports { clients };
    context.output.print(&reports, |reports, _| all_text(reports, &operator.stack_option()))?;
    Ok(reports.exit())
}

/// Brings a client up to date that lacks so much.
///
/// # Errors
///
/// [`Failure`]: AWS or the function refused.
pub(super) async fn catch_up(
    operator: &Operator,
    name: &str,
    client: ClientId,
    before: &Lag,
) -> Result<Report, Failure> {
    operator.log(&format!("catch up client `{name}`"));
    let bar = Progress::of(before.events);
    show(&bar, before, before);
    let mut report = Report { client: name.to_owned(), stack: operator.stack_option(), ..Report::default() };
    let ended = follow(operator, client, before, &bar, &mut report).await;
    bar.finish();
    ended.map(|()| report)
}

/// Invokes the function as long as that gets the client further or another invocation serves it. Shows meanwhile how
/// far the client is.
async fn follow(
    operator: &Operator,
    client: ClientId,
    before: &Lag,
    bar: &Progress,
    report: &mut Report,
) -> Result<(), Failure> {
    let request = ControlRequest::CatchUp { client: report.client.clone(), caller: None };
    loop {
        let mut answer = pin!(operator.request(&request));
        let mut pause = LOOK_AGAIN;
        let answer: CatchUpReport = loop {
            if let Ok(answer) = tokio::time::timeout(pause, &mut answer).await {
                break answer?;
            }
            pause = look(operator, client, before, bar).await;
        };
        let is_elsewhere = answer.elsewhere;
        report.add(answer);
        if !report.goes_on() {
            return Ok(());
        }
        if report.idle > 0
            && let Ok(lag) = operator.ledger.lag(client, GROUPS_LIMIT).await
            && report.note_settling(&lag)
        {
            return Ok(());
        }
        if is_elsewhere {
            tokio::time::sleep(look(operator, client, before, bar).await).await;
        }
    }
}

/// Shows how far the client is, and returns the pause until the next look. A look that fails is left out: the result is
/// the function's answer.
async fn look(operator: &Operator, client: ClientId, before: &Lag, bar: &Progress) -> Duration {
    let start = Instant::now();
    if let Ok(now) = operator.ledger.lag(client, GROUPS_LIMIT).await {
        show(bar, before, &now);
    }
    LOOK_AGAIN.max(start.elapsed() * LOOKING_SHARE)
}

impl Reports {
    fn exit(&self) -> Exit {
        let is_done = self.clients.iter().all(|report| report.exit() == Exit::Done);
        if is_done { Exit::Done } else { Exit::Findings }
    }
}

impl Report {
    /// Of a client for which nothing was done yet.
    pub(super) fn of(client: &str) -> Self {
        Self { client: client.to_owned(), ..Self::default() }
    }

    /// Of a client that could not be caught up.
    fn failed(client: &str, before: &Lag, failure: &Failure) -> Self {
        let behind = usize::try_from(before.groups).unwrap_or(usize::MAX);
        Self { behind, stopped: Some(failure.to_string()), ..Self::of(client) }
    }

    /// Whether the function is to be invoked once more.
    fn goes_on(&self) -> bool {
        self.behind > 0 && self.stopped.is_none()
    }

    /// The exit status of the command.
    pub(super) fn exit(&self) -> Exit {
        let has_everything = self.behind == 0 || self.settling > 0;
        if has_everything && self.stopped.is_none() { Exit::Done } else { Exit::Findings }
    }

    /// Notes how many groups are left in which nothing is to go. Returns whether there are only such.
    fn note_settling(&mut self, lag: &Lag) -> bool {
        self.settling = if lag.events == 0 && !lag.is_more { lag.groups } else { 0 };
        self.settling > 0
    }

    /// Adds the function's next answer.
    pub(super) fn add(&mut self, answer: CatchUpReport) {
        let CatchUpReport { client: _, groups, sent, behind, held, stopped, elsewhere, refused } = answer;
        self.groups += groups;
        self.sent += sent;
        self.behind = behind;
        if elsewhere {
            self.elsewhere = true;
            return;
        }
        self.idle = if groups == 0 && sent == 0 { self.idle + 1 } else { 0 };
        (self.held, self.stopped, self.refused) = (held, stopped, refused);
        if !self.goes_on() || self.idle == 0 {
            return;
        }
        if !self.refused.is_empty() {
            self.stopped = Some(format!(
                "its queue refuses an event; see `fanoutctl status {}{}`",
                self.client, self.stack
            ));
        } else if self.idle == IDLE_LIMIT {
            self.stopped = Some("the function got nowhere, several times in a row; see its log".to_owned());
        }
    }
}

/// Shows how far the client is of what it lacked `before`, or of what it lacks `now` if that is more.
fn show(bar: &Progress, before: &Lag, now: &Lag) {
    let total = before.events.max(now.events);
    bar.is_at(total - now.events, total, &to_go(now));
}

fn to_go(lag: &Lag) -> String {
    format!("{} to go", events_of_groups(lag.events, lag.groups, lag.is_more))
}

fn all_text(reports: &Reports, stack: &str) -> String {
    if reports.clients.is_empty() {
        return "no client is behind that is not paused\n".to_owned();
    }
    reports.clients.iter().map(|report| text(report, stack)).collect()
}

/// What was done, and what is left.
pub(super) fn text(report: &Report, stack: &str) -> String {
    let Report { client, held, .. } = report;
    let (client, stack) = (printable(client), printable(stack));
    let waiting = match held {
        0 => String::new(),
        held => format!("{} held; why:\n  fanoutctl held {client}{stack}\n", counted(*held, "group")),
    };
    how_far(report) + &waiting
}

fn how_far(report: &Report) -> String {
    let Report { client, groups, sent, behind, held, settling, stopped, elsewhere, refused, .. } = report;
    let client = printable(client);
    let done = format!("{} sent, {} caught up", counted(*sent, "event"), counted(*groups, "group"));
    if *settling > 0 {
        let groups = counted(*settling, "group");
        return format!(
            "Client {client} has everything: {done}. {groups}, replayed or held a moment ago, may count as behind for \
             six minutes more.\n"
        );
    }
    if *behind > 0 || stopped.is_some() {
        let why = stopped.as_deref().map(|why| format!(": {}", printable(why))).unwrap_or_default();
        let mut text = format!("Client {client} is still behind in {}{why}.\n", counted(*behind, "group"));
        for RefusedGroup { group, reason } in refused {
            text += &format!("  group {} waits: {}\n", printable(group), printable(reason));
        }
        return text + &done + ".\n";
    }
    let another = "another invocation, which had begun before, did";
    let but = if *held > 0 { " but for held groups" } else { "" };
    match (elsewhere, *groups == 0 && *sent == 0) {
        (false, true) => format!("Client {client} was up to date already{but}.\n"),
        (false, false) => format!("Client {client} is up to date{but}: {done}.\n"),
        (true, true) => format!("Client {client} is up to date{but}: {another} it.\n"),
        (true, false) => format!("Client {client} is up to date{but}: {done}; {another} the rest.\n"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn answer(groups: usize, sent: usize, behind: usize, stopped: Option<&str>) -> CatchUpReport {
        let stopped = stopped.map(str::to_owned);
        let client = "Billing".to_owned();
        CatchUpReport { client, groups, sent, behind, stopped, ..CatchUpReport::default() }
    }

    /// The report of these answers; each but the last calls for another invocation.
    fn check(answers: &[CatchUpReport], expected: &Expect) {
        let mut report = of("Billing");
        for (index, answer) in answers.iter().enumerate() {
            report.add(answer.clone());
            assert_eq!(report.goes_on(), index + 1 < answers.len(), "after {answer:?}");
        }
        expected.assert_eq(&format!("{}{}\n", text(&report, ""), serde_json::to_string(&report).unwrap()));
    }

    fn of(client: &str) -> Report {
        Report { client: client.to_owned(), ..Report::default() }
    }

    #[test]
    fn the_function_runs_until_the_client_is_up_to_date_or_it_stops() {
        check(
            &[answer(0, 0, 0, None)],
            &expect![[r#"
                Client Billing was up to date already.
                {"client":"Billing","groups":0,"sent":0,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":false,"refused":[]}
            "#]],
        );
        check(
            &[answer(2, 40, 3, None), answer(0, 7, 3, None), answer(3, 60, 0, None)],
            &expect![[r#"
                Client Billing is up to date: 107 events sent, 5 groups caught up.
                {"client":"Billing","groups":5,"sent":107,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":false,"refused":[]}
            "#]],
        );
        check(
            &[answer(2, 40, 3, Some("its queue `Billing.fifo` does not exist"))],
            &expect![[r#"
                Client Billing is still behind in 3 groups: its queue `Billing.fifo` does not exist.
                40 events sent, 2 groups caught up.
                {"client":"Billing","groups":2,"sent":40,"behind":3,"held":0,"settling":0,"stopped":"its queue `Billing.fifo` does not exist","elsewhere":false,"refused":[]}
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
                1 event sent, 0 groups caught up.
                {"client":"Billing","groups":0,"sent":1,"behind":3,"held":0,"settling":0,"stopped":"the function got nowhere, several times in a row; see its log","elsewhere":false,"refused":[]}
            "#]],
        );
    }

    #[test]
    fn groups_that_are_held_are_left_and_named() {
        let held = |groups, behind, held| CatchUpReport { held, ..answer(groups, 4 * groups, behind, None) };
        check(
            &[held(2, 1, 3), held(1, 0, 3)],
            &expect![[r#"
                Client Billing is up to date but for held groups: 12 events sent, 3 groups caught up.
                3 groups held; why:
                  fanoutctl held Billing
                {"client":"Billing","groups":3,"sent":12,"behind":0,"held":3,"settling":0,"stopped":null,"elsewhere":false,"refused":[]}
            "#]],
        );
        check(
            &[held(0, 0, 1)],
            &expect![[r#"
                Client Billing was up to date already but for held groups.
                1 group held; why:
                  fanoutctl held Billing
                {"client":"Billing","groups":0,"sent":0,"behind":0,"held":1,"settling":0,"stopped":null,"elsewhere":false,"refused":[]}
            "#]],
        );
        let stopped = Some("its queue `Billing.fifo` does not exist".to_owned());
        check(
            &[CatchUpReport { stopped, ..held(0, 2, 1) }],
            &expect![[r#"
                Client Billing is still behind in 2 groups: its queue `Billing.fifo` does not exist.
                0 events sent, 0 groups caught up.
                1 group held; why:
                  fanoutctl held Billing
                {"client":"Billing","groups":0,"sent":0,"behind":2,"held":1,"settling":0,"stopped":"its queue `Billing.fifo` does not exist","elsewhere":false,"refused":[]}
            "#]],
        );
    }

    #[test]
    fn all_are_done_when_each_is() {
        let mut done = of("Billing");
        done.add(answer(2, 4, 0, None));
        let mut stopped = of("Tax");
        stopped.add(answer(0, 0, 3, Some("its queue failed; tried again in 5 s")));
        let reports = |clients: &[&Report]| Reports { clients: clients.iter().copied().cloned().collect() };
        assert_eq!((reports(&[]).exit(), reports(&[&done]).exit()), (Exit::Done, Exit::Done));
        let both = reports(&[&done, &stopped]);
        assert_eq!(both.exit(), Exit::Findings);
        expect![[r#"
            no client is behind that is not paused
            Client Billing is up to date: 4 events sent, 2 groups caught up.
            Client Tax is still behind in 3 groups: its queue failed; tried again in 5 s.
            0 events sent, 0 groups caught up.
        "#]]
        .assert_eq(&format!("{}{}", all_text(&reports(&[]), ""), all_text(&both, "")));
    }

    #[test]
    fn a_group_that_was_held_shortly_before_is_not_waited_for() {
        let mut report = of("Billing");
        report.add(answer(0, 4, 1, None));
        report.add(answer(0, 0, 1, None));
        let lag = |events| Lag { groups: 1, events, ..Lag::default() };
        assert!(!report.note_settling(&lag(1)) && report.exit() == Exit::Findings);
        assert!(!report.note_settling(&Lag { is_more: true, ..lag(0) }));
        assert!(report.note_settling(&lag(0)) && report.exit() == Exit::Done);
        expect![[r#"
            Client Billing has everything: 4 events sent, 0 groups caught up. 1 group, replayed or held a moment ago, may count as behind for six minutes more.
        "#]].assert_eq(&text(&report, ""));
    }

    /// It is the schedule's, mostly.
    #[test]
    fn another_invocation_is_waited_for() {
        let elsewhere = |behind| {
            let stopped = Some("another invocation serves it");
            CatchUpReport { elsewhere: true, ..answer(0, 0, behind, stopped) }
        };
        check(
            &[elsewhere(70), elsewhere(40), elsewhere(9), elsewhere(8), answer(0, 0, 0, None)],
            &expect![[r#"
                Client Billing is up to date: another invocation, which had begun before, did it.
                {"client":"Billing","groups":0,"sent":0,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":true,"refused":[]}
            "#]],
        );
        check(
            &[elsewhere(3), answer(2, 40, 0, None)],
            &expect![[r#"
                Client Billing is up to date: 40 events sent, 2 groups caught up; another invocation, which had begun before, did the rest.
                {"client":"Billing","groups":2,"sent":40,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":true,"refused":[]}
            "#]],
        );
        check(
            &[elsewhere(3), answer(1, 2, 2, Some("its queue `Billing.fifo` does not exist"))],
            &expect![[r#"
                Client Billing is still behind in 2 groups: its queue `Billing.fifo` does not exist.
                2 events sent, 1 group caught up.
                {"client":"Billing","groups":1,"sent":2,"behind":2,"held":0,"settling":0,"stopped":"its queue `Billing.fifo` does not exist","elsewhere":true,"refused":[]}
            "#]],
        );
    }

    #[test]
    fn groups_that_the_queue_refuses_are_named() {
        let refused = |groups, sent, behind| {
            let reason = "the event has 3224 bytes, the queue takes 1024".to_owned();
            let refused = vec![RefusedGroup { group: "BIG".to_owned(), reason }];
            CatchUpReport { refused, ..answer(groups, sent, behind, None) }
        };
        check(
            &[refused(2, 30, 1), refused(0, 0, 1)],
            &expect![[r#"
                Client Billing is still behind in 1 group: its queue refuses an event; see `fanoutctl status Billing`.
                  group BIG waits: the event has 3224 bytes, the queue takes 1024
                30 events sent, 2 groups caught up.
                {"client":"Billing","groups":2,"sent":30,"behind":1,"held":0,"settling":0,"stopped":"its queue refuses an event; see `fanoutctl status Billing`","elsewhere":false,"refused":[{"group":"BIG","reason":"the event has 3224 bytes, the queue takes 1024"}]}
            "#]],
        );
        check(
            &[refused(0, 1, 2), answer(1, 0, 0, None)],
            &expect![[r#"
                Client Billing is up to date: 1 event sent, 1 group caught up.
                {"client":"Billing","groups":1,"sent":1,"behind":0,"held":0,"settling":0,"stopped":null,"elsewhere":false,"refused":[]}
            "#]],
        );
    }

    #[test]
    fn progress_says_what_is_to_go() {
        let lag = Lag { groups: 3, events: 70, since: None, ..Lag::default() };
        assert_eq!(to_go(&lag), "70 events of 3 groups to go");
        let more = Lag { is_more: true, ..lag };
        assert_eq!(to_go(&more), "more than 70 events of more than 3 groups to go");
    }
}
