//! `cargo local`, from the command line to the table.

use std::convert::Infallible;
use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use shared::config::Source;
use shared::text::counted;
use tokio::task::spawn_blocking;

use crate::args::Args;
use crate::check::ExpectedEvents;
use crate::companion::commands::{Command, commands};
use crate::event::{self, BadLine, EXAMPLE, Event};
use crate::marks;
use crate::progress::Progress;
use crate::receiver::{Mood, Receiver};
use crate::report::{Place, Queue, ReceiverReport, Report, Style};
use crate::run::{self, Input, Load, Outcome, RunError, Step};
use crate::stack::{self, Extras, Stack, StackError};
use crate::workspace;
use crate::write::RefusedEvent;

/// The exit status of a wrong command line (clap's own), or input.
const USAGE: u8 = 2;

/// The bad lines of an input that are printed; a program gets all.
const PRINTED: usize = 20;

/// A command to the companion that makes an event.
const COMMAND: &str = r#"{"mark":"NEW 1","price":299.90,"nomineeName":"Ada Example","address":{"addressLine1":"1 Mill Lane","postCode":"AA9 9AA"}}"#;

/// How curl signs a request to an HTTP API.
const SIGNED: &str = "--aws-sigv4 aws:amz:eu-west-2:execute-api --user test:test";

/// How long the receiver of webhooks is broken, and how often it is looked at before.
const BROKEN: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(20);

/// What a run is to bring into the event table.
#[derive(Debug)]
enum Work {
    /// These events, written straight into it.
    Events(Vec<Event>),
    /// What the companion makes of these commands.
    Commands(Vec<Command>),
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The input cannot be read.
    #[error("`{input}`: {source}")]
    Input {
        /// The file, or standard input.
        input: String,
        /// What went wrong.
        source: io::Error,
    },
    /// No line of the input is an event.
    #[error("`{input}` has no event that can be written; `cargo local --help` shows one")]
    NoEvent {
        /// The file, or standard input.
        input: String,
    },
    /// No stack.
    #[error(transparent)]
    Stack(#[from] Box<StackError>),
    /// The stack does not answer.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Standard output cannot be written to.
    #[error("standard output: {0}")]
    Output(#[source] io::Error),
}

impl CommandError {
    /// The exit status that it leads to.
    pub fn exit(&self) -> u8 {
        match self {
            Self::Input { .. } | Self::NoEvent { .. } => USAGE,
            Self::Stack(_) | Self::Run(_) | Self::Output(_) => 3,
        }
    }
}

/// The release, and the commit of the clone, which `cargo local` is always built from.
pub fn version() -> String {
    let commit =
        workspace::commit().map_or_else(|| "unknown commit".to_owned(), |commit| format!("commit {commit}"));
    format!("cargo local {} ({commit})", env!("CARGO_PKG_VERSION"))
}

/// Does what `args` say. Returns the exit status; with `--stay`, it does not return.
///
/// # Errors
///
/// [`CommandError`].
pub async fn execute(args: &Args, progress: &Arc<Progress>) -> Result<u8, CommandError> {
    let config = stack::config().map_err(Box::new)?;
    let (work, mut bad_lines) = work(args, &config.source, progress).await?;
    let start_progress = Arc::clone(progress);
    let say = Arc::new(move |line: &str| start_progress.say(line)) as _;
    let extras = Extras { companion: matches!(work, Work::Commands(_)), receiver: args.push };
    let stack = Stack::start("stack", &say, extras).await.map_err(Box::new)?;
    let (commands, expected) = match work {
        Work::Events(events) => (Vec::new(), ExpectedEvents::of_config(events, stack.config())),
        Work::Commands(commands) => {
            let marks = commands.iter().map(|command| command.mark.as_str());
            let expected = ExpectedEvents::to_come(marks, stack.config());
            (commands, expected)
        }
    };
    let from = stack.companion().map_or(Input::Events, |companion| Input::Commands(companion, &commands));
    progress.expect(stack.clients().iter().map(|client| expected.count(&client.name)).sum());
    let on_step = |step: Step<'_>| progress.step(step);
    let run = run::run(&stack, &expected, from, Load::Paced, &on_step);
    let outcome = tokio::select! {
        outcome = run => outcome?,
        never = break_receiver(stack.receiver(), args.push_breaks, progress) => match never {},
    };
    progress.finish();
    let refused = refused(&expected, &outcome);
    report_bad_lines(&input(args), &refused, progress);
    bad_lines.extend(refused);

    let report = report(&stack, args.stay, expected.len(), outcome, bad_lines);
    let is_terminal = io::stdout().is_terminal();
    let style = if is_terminal { Style::Terminal } else { Style::Plain };
    print(&if args.json { report.json() + "\n" } else { report.text(style) })
        .map_err(CommandError::Output)?;
    match &report.place {
        Some(place) if args.json => eprint!("{}", invitation(place, &report.log)),
        Some(place) => print(&invitation(place, &report.log)).map_err(CommandError::Output)?,
        None if args.json => {}
        None => print(&farewell(&report.log)).map_err(CommandError::Output)?,
    }
    if args.stay {
        std::future::pending::<()>().await;
    }
    Ok(if report.written == 0 { USAGE } else { u8::from(!report.ok) })
}

/// Breaks the receiver when it has taken so many events, and mends it later. It does not return.
async fn break_receiver(
    receiver: Option<&Receiver>,
    after: Option<usize>,
    progress: &Progress,
) -> Infallible {
    if let (Some(receiver), Some(after)) = (receiver, after) {
        while receiver.counts().taken < after {
            tokio::time::sleep(LOOK).await;
        }
        receiver.set_mood(Mood::Down);
        progress.note(&format!(
            "the receiver has taken {} and is down now: it answers 503",
            counted(receiver.counts().taken, "event")
        ));
        tokio::time::sleep(BROKEN).await;
        receiver.set_mood(Mood::Well);
        progress.note(&format!(
            "the receiver is mended; it has refused {} meanwhile, which come again",
            counted(receiver.counts().refused, "request")
        ));
    }
    std::future::pending().await
}

/// What is to be done: the events of a file, or those of new marks, which begin now, or commands for new marks.
async fn work(
    args: &Args,
    source: &Source,
    progress: &Progress,
) -> Result<(Work, Vec<BadLine>), CommandError> {
    let Some(path) = &args.input else {
        if !args.direct {
            return Ok((Work::Commands(commands(args.marks, args.events)), Vec::new()));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = i64::try_from(now.as_millis()).unwrap_or_default();
        return Ok((Work::Events(marks::histories(args.marks, args.events, start)), Vec::new()));
    };
    let input = input(args);
    let path = path.clone();
    // Standard input may be a person, whose interrupt must be seen.
    let bytes = spawn_blocking(move || read(&path)).await.map_err(io::Error::other).flatten();
    let bytes = bytes.map_err(|source| CommandError::Input { input: input.clone(), source })?;
    let (events, mut bad_lines) = event::read_lines(&bytes);
    let (events, rejected) = event::carried(events, source);
    bad_lines.extend(rejected);
    bad_lines.sort_unstable_by_key(|bad_line| bad_line.line);
    report_bad_lines(&input, &bad_lines, progress);
    if events.is_empty() {
        return Err(CommandError::NoEvent { input });
    }
    Ok((Work::Events(events), bad_lines))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path != Path::new("-") {
        return fs::read(path);
    }
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What the input is called.
fn input(args: &Args) -> String {
    match args.input.as_deref() {
        Some(path) if path == Path::new("-") => "standard input".to_owned(),
        Some(path) => path.display().to_string(),
        None if args.direct => "generated event".to_owned(),
        None => "command".to_owned(),
    }
}

/// The lines of the input that were refused: those of a file, or the numbers of commands. (A generated event is not refused.)
fn refused(expected: &ExpectedEvents, outcome: &Outcome) -> Vec<BadLine> {
    let bad_line = |refused: &RefusedEvent| {
        let line = expected.event(refused.index).map_or(refused.index + 1, |event| event.line);
        BadLine { line, reason: refused.reason.clone() }
    };
    let mut bad_lines: Vec<BadLine> = outcome.refused.iter().map(bad_line).collect();
    bad_lines.sort_unstable_by_key(|bad_line| bad_line.line);
    bad_lines
}

fn report_bad_lines(input: &str, bad_lines: &[BadLine], progress: &Progress) {
    for BadLine { line, reason } in bad_lines.iter().take(PRINTED) {
        progress.note(&format!("{input}:{line}: {reason}"));
    }
    if let Some(more) = bad_lines.len().checked_sub(PRINTED).filter(|more| *more > 0) {
        progress.note(&format!("{input}: {} more left out, too", counted(more, "line")));
    }
}

fn report(stack: &Stack, stays: bool, events: usize, outcome: Outcome, bad_lines: Vec<BadLine>) -> Report {
    let queues = stack.clients().iter();
    let queues = queues.map(|client| Queue { client: client.name.clone(), url: client.queue_url.clone() });
    let endpoint = stack.connection().endpoint().to_owned();
    let api = stack.companion().map(|companion| companion.url().to_owned());
    let table = stack.event_table().to_owned();
    let place = stays.then(|| Place { endpoint, api, table, queues: queues.collect() });
    let written = events - outcome.refused.len();
    Report {
        ok: outcome.is_good() && written > 0,
        written,
        events_per_second: outcome.events_per_second,
        clients: outcome.clients,
        bad_lines,
        rejected: outcome.rejected,
        left: outcome.left,
        log: stack.log().display().to_string(),
        receiver: stack
            .receiver()
            .map(|receiver| ReceiverReport { url: receiver.url(""), counts: receiver.counts() }),
        place,
    }
}

/// What to try next, when the stack is gone.
fn farewell(log: &str) -> String {
    format!(
        "\nNext:\n\
         \x20 cargo local --stay                  keep the stack and look around: endpoint, table, queues\n\
         \x20 cargo local --input events.jsonl    events of your own; `--help` shows one\n\
         \x20 client-queues.toml                  add a client in three lines, and run this again\n\
         The stack is gone. Its log, and its functions': {log}\n"
    )
}

/// How to use the stack that stays.
fn invitation(place: &Place, log: &str) -> String {
    let Place { endpoint, api, table, queues } = place;
    let queue = queues.first().map(|queue| queue.url.as_str()).unwrap_or_default();
    let (written, api) = match api {
        Some(api) => (
            format!(
                "curl {SIGNED} {api}/mark/v1/entitlement -H 'Content-Type: application/json' -d '{COMMAND}'"
            ),
            format!(
                "The companion is {api}, for signed requests alone; its /openapi.json says how to use it\n"
            ),
        ),
        None => (
            format!(
                "aws --endpoint-url {endpoint} dynamodb put-item --table-name {table} --item '{EXAMPLE}'"
            ),
            String::new(),
        ),
    };
    let queues: String = queues.iter().map(|queue| format!("  {}  {}\n", queue.url, queue.client)).collect();
    format!(
        "\nThe stack stays until Ctrl-C. It answers on {endpoint}; the event table is {table}; the clients' queues are\n\
         {queues}\
         {api}\
         Its log, and its functions': {log}\n\n\
         For any AWS client:\n\
         \x20 export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n\
         Write an event, receive it as a client, look into a queue:\n\
         \x20 {written}\n\
         \x20 aws --endpoint-url {endpoint} sqs receive-message --queue-url {queue} --wait-time-seconds 5 --message-attribute-names All\n\
         \x20 aws --endpoint-url {endpoint} sqs get-queue-attributes --queue-url {queue} --attribute-names All\n\
         With these variables set, operate it (docs/deploy.md):\n\
         \x20 cargo fanoutctl check\n\
         \x20 cargo fanoutctl status\n",
        region = crate::ministack::REGION,
    )
}

fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const LOG: &str = "target/local/stack-1/ministack.log";

    #[test]
    fn a_stack_that_is_gone_leaves_what_to_try_next() {
        expect![[r#"

            Next:
              cargo local --stay                  keep the stack and look around: endpoint, table, queues
              cargo local --input events.jsonl    events of your own; `--help` shows one
              client-queues.toml                  add a client in three lines, and run this again
            The stack is gone. Its log, and its functions': target/local/stack-1/ministack.log
        "#]]
        .assert_eq(&farewell(LOG));
    }

    #[test]
    fn a_stack_that_stays_says_where_everything_is() {
        let place = |api: Option<&str>| {
            let queue = |client: &str| Queue {
                client: client.to_owned(),
                url: format!("http://127.0.0.1:1/0/{client}.fifo"),
            };
            let (endpoint, table) = ("http://127.0.0.1:1".to_owned(), "Events".to_owned());
            let queues = ["Billing", "Insurance"].map(queue).into();
            Place { endpoint, api: api.map(str::to_owned), table, queues }
        };
        expect![[r#"

            The stack stays until Ctrl-C. It answers on http://127.0.0.1:1; the event table is Events; the clients' queues are
              http://127.0.0.1:1/0/Billing.fifo  Billing
              http://127.0.0.1:1/0/Insurance.fifo  Insurance
            The companion is http://127.0.0.1:1/api, for signed requests alone; its /openapi.json says how to use it
            Its log, and its functions': target/local/stack-1/ministack.log

            For any AWS client:
              export AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_REGION=eu-west-2 AWS_DEFAULT_REGION=eu-west-2 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
            Write an event, receive it as a client, look into a queue:
              curl --aws-sigv4 aws:amz:eu-west-2:execute-api --user test:test http://127.0.0.1:1/api/mark/v1/entitlement -H 'Content-Type: application/json' -d '{"mark":"NEW 1","price":299.90,"nomineeName":"Ada Example","address":{"addressLine1":"1 Mill Lane","postCode":"AA9 9AA"}}'
              aws --endpoint-url http://127.0.0.1:1 sqs receive-message --queue-url http://127.0.0.1:1/0/Billing.fifo --wait-time-seconds 5 --message-attribute-names All
              aws --endpoint-url http://127.0.0.1:1 sqs get-queue-attributes --queue-url http://127.0.0.1:1/0/Billing.fifo --attribute-names All
            With these variables set, operate it (docs/deploy.md):
              cargo fanoutctl check
              cargo fanoutctl status
        "#]].assert_eq(&invitation(&place(Some("http://127.0.0.1:1/api")), LOG));
        expect![[r#"

            The stack stays until Ctrl-C. It answers on http://127.0.0.1:1; the event table is Events; the clients' queues are
              http://127.0.0.1:1/0/Billing.fifo  Billing
              http://127.0.0.1:1/0/Insurance.fifo  Insurance
            Its log, and its functions': target/local/stack-1/ministack.log

            For any AWS client:
              export AWS_ENDPOINT_URL=http://127.0.0.1:1 AWS_REGION=eu-west-2 AWS_DEFAULT_REGION=eu-west-2 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test
            Write an event, receive it as a client, look into a queue:
              aws --endpoint-url http://127.0.0.1:1 dynamodb put-item --table-name Events --item '{"mark":{"S":"NEW 1"},"createTime":{"S":"2026-01-05T09:00:00Z"},"eventId":{"S":"new-1"},"eventName":{"S":"EntitlementCreatedEvent"},"RegistrationNumber":{"M":{"version":{"N":"1"},"status":{"S":"ENTITLED"},"price":{"N":"299.90"}}}}'
              aws --endpoint-url http://127.0.0.1:1 sqs receive-message --queue-url http://127.0.0.1:1/0/Billing.fifo --wait-time-seconds 5 --message-attribute-names All
              aws --endpoint-url http://127.0.0.1:1 sqs get-queue-attributes --queue-url http://127.0.0.1:1/0/Billing.fifo --attribute-names All
            With these variables set, operate it (docs/deploy.md):
              cargo fanoutctl check
              cargo fanoutctl status
        "#]].assert_eq(&invitation(&place(None), LOG));
    }
}
