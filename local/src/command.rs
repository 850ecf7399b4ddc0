//! `cargo local`, from the command line to the table.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::args::Args;
use crate::check::ExpectedEvents;
use crate::event::{self, BadLine, EXAMPLE, Event};
use crate::marks;
use crate::progress::Progress;
use crate::report::{Queue, Report, Style};
use crate::run::{self, Outcome, RunError};
use crate::stack::{Stack, StackError};
use crate::tables::EVENTS;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The input cannot be read.
    #[error("`{path}`: {source}")]
    Input {
        /// The file.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// No line of the input is an event.
    #[error("`{path}` has no event; `cargo local --help` shows one")]
    NoEvent {
        /// The file.
        path: String,
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

/// Does what `args` say. Returns whether every client has every event that it wants, in order, once and unchanged; with `--stay`,
/// it does not return.
///
/// # Errors
///
/// [`CommandError`].
pub async fn execute(args: &Args, progress: &Arc<Progress>) -> Result<bool, CommandError> {
    let (events, mut bad_lines) = events(args, progress)?;
    let start_progress = Arc::clone(progress);
    let stack = Stack::start("stack", &(Arc::new(move |line: &str| start_progress.say(line)) as _))
        .await
        .map_err(Box::new)?;
    let expected = ExpectedEvents::of_config(events, stack.config());
    progress.expect(stack.clients().iter().map(|client| expected.count(&client.name)).sum());
    let outcome = run::run(&stack, &expected, &|| progress.received()).await?;
    progress.finish();
    progress.note("the functions are dev builds: what ships is quicker than these figures");
    bad_lines.extend(refused(args, &expected, &outcome, progress));

    let report = report(&stack, outcome, bad_lines);
    let is_terminal = io::stdout().is_terminal();
    let style = if is_terminal { Style::Terminal } else { Style::Plain };
    print(&if args.json { report.json() + "\n" } else { report.text(style) })
        .map_err(CommandError::Output)?;
    if args.stay {
        progress.note(&format!("MiniStack's log: {}", stack.log().display()));
        let text = invitation(&stack);
        if args.json {
            eprint!("{text}");
        } else {
            print(&text).map_err(CommandError::Output)?;
        }
        std::future::pending::<()>().await;
    }
    Ok(report.ok)
}

/// The events to write: those of a file, or those of new marks, which begin now.
fn events(args: &Args, progress: &Progress) -> Result<(Vec<Event>, Vec<BadLine>), CommandError> {
    let Some(path) = &args.input else {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start = i64::try_from(now.as_millis()).unwrap_or_default();
        return Ok((marks::histories(args.marks, args.events, start), Vec::new()));
    };
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|source| CommandError::Input { path: name.clone(), source })?;
    let (events, bad_lines) = event::read_lines(&bytes);
    bad_lines.iter().for_each(|bad_line| report_bad_line(path, bad_line, progress));
    if events.is_empty() { Err(CommandError::NoEvent { path: name }) } else { Ok((events, bad_lines)) }
}

/// The lines of the input that the tables refused. (A generated event is refused by none.)
fn refused(args: &Args, expected: &ExpectedEvents, outcome: &Outcome, progress: &Progress) -> Vec<BadLine> {
    let mut bad_lines = Vec::new();
    for refused in &outcome.refused {
        let line = expected.events().get(refused.index).map_or(0, |event| event.line);
        let bad_line = BadLine { line, reason: refused.reason.clone() };
        let path = args.input.as_deref().unwrap_or(Path::new("generated event"));
        report_bad_line(path, &bad_line, progress);
        bad_lines.push(bad_line);
    }
    bad_lines
}

fn report_bad_line(path: &Path, bad_line: &BadLine, progress: &Progress) {
    progress.note(&format!("{}:{}: {}", path.display(), bad_line.line, bad_line.reason));
}

fn report(stack: &Stack, outcome: Outcome, bad_lines: Vec<BadLine>) -> Report {
    let queues = stack.clients().iter();
    let queues = queues.map(|client| Queue { client: client.name.clone(), url: client.queue_url.clone() });
    Report {
        ok: outcome.is_good(),
        endpoint: stack.connection().endpoint().to_owned(),
        queues: queues.collect(),
        clients: outcome.clients,
        bad_lines,
        left: outcome.left,
    }
}

/// How to use the stack that stays.
fn invitation(stack: &Stack) -> String {
    let endpoint = stack.connection().endpoint();
    let queues: String =
        stack.clients().iter().map(|client| format!("  {}  {}\n", client.queue_url, client.name)).collect();
    let queue = stack.clients().first().map(|client| client.queue_url.as_str()).unwrap_or_default();
    format!(
        "\nThe stack stays until Ctrl-C. It answers on {endpoint}; the clients' queues are\n{queues}\n\
         For any AWS client:\n\
         \x20 export AWS_ENDPOINT_URL={endpoint} AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n\
         Write an event, receive it as a client, look into a queue:\n\
         \x20 aws --endpoint-url {endpoint} dynamodb put-item --table-name {EVENTS} --item '{EXAMPLE}'\n\
         \x20 aws --endpoint-url {endpoint} sqs receive-message --queue-url {queue} --wait-time-seconds 5 --message-attribute-names All\n\
         \x20 aws --endpoint-url {endpoint} sqs get-queue-attributes --queue-url {queue} --attribute-names All\n\
         With these variables set, operate it (docs/deploy.md):\n\
         \x20 cargo fanoutctl status\n",
        region = crate::ministack::REGION,
    )
}

fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
