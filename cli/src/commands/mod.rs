//! One file per command. The `match` holds no logic.

mod ask;
pub mod attest;
pub mod catch_up;
pub mod check;
pub mod client;
pub mod completions;
pub mod cost;
pub mod delete;
pub mod deploy;
pub mod erasures;
mod event_keys;
mod event_rows;
pub mod held;
pub mod hold;
pub mod init;
pub mod match_clients;
mod operator;
pub mod pause;
pub mod plan;
pub mod policy;
mod prepare;
pub mod push;
pub mod queue;
pub mod reconcile;
pub mod rehearse;
pub mod rejected;
pub mod replay;
pub mod send_test;
pub mod status;
pub mod tail;
pub mod trace;
pub mod validate;

use shared::text::printable;

pub use self::ask::has_begun;
use self::pause::Change;
use crate::args::{Arguments, ClientArguments, Command, Common, PauseArguments, stack_option};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Output;

/// The most calls about queues at the same time: with 50 ms a call, the queues of a hundred clients take a second.
const CALLS_AT_ONCE: usize = 16;

/// The message when the command of these arguments is interrupted, before or after what it changes [has
/// begun](has_begun).
pub fn interrupted(arguments: &Arguments, has_begun: bool) -> String {
    let stack = stack_option(&arguments.common.stack);
    match arguments.command {
        Command::Deploy(_) | Command::Delete(_) | Command::Queue(_) if !has_begun => {
            "interrupted; nothing was changed".to_owned()
        }
        Command::Deploy(_) | Command::Delete(_) => format!(
            "interrupted; what CloudFormation has begun goes on without this program: see `fanoutctl plan{stack}`"
        ),
        Command::CatchUp(_) => format!(
            "interrupted; the catch-up function goes on without this program: see `fanoutctl status{stack}`"
        ),
        Command::Hold(_) | Command::Release(_) | Command::Skip(_) => {
            format!("interrupted; what was requested may be done: see `fanoutctl held{stack}`")
        }
        Command::Queue(_) => {
            format!(
                "interrupted; what has begun may go on without this program: see `fanoutctl status{stack}`"
            )
        }
        Command::Push(_) => "interrupted; the target may have got the sample event".to_owned(),
        Command::Rehearse(_) => "interrupted; what was sent is on the test queue".to_owned(),
        _ => "interrupted".to_owned(),
    }
}

/// Runs the command of the command line, and prints why if it fails; with `rights`, which it takes, if one was missing.
pub async fn execute(arguments: Arguments, rights: Option<String>) -> Exit {
    let Common { stack, config: config_path, json } = arguments.common;
    let context = Context::new(stack, config_path, Output::new(json));
    let result = match arguments.command {
        Command::Init(arguments) => init::execute(&context, &arguments).await,
        Command::Validate(arguments) => validate::execute(&context, &arguments),
        Command::Match(arguments) => match_clients::execute(&context, &arguments),
        Command::Check(arguments) => check::execute(&context, &arguments).await,
        Command::Cost(arguments) => cost::execute(&context, &arguments),
        Command::Client(command) => client::execute(&context, &command).await,
        Command::Policy(arguments) => policy::execute(&context, &arguments).await,
        Command::Plan(arguments) => plan::execute(&context, &arguments).await,
        Command::Deploy(arguments) => deploy::execute(&context, &arguments).await,
        Command::Status(arguments) => status::execute(&context, &arguments).await,
        Command::Pause(PauseArguments { client, reason }) => {
            pause::execute(&context, &client, reason, Change::Pause).await
        }
        Command::Resume(ClientArguments { client }) => {
            pause::execute(&context, &client, None, Change::Resume).await
        }
        Command::CatchUp(arguments) => catch_up::execute(&context, &arguments).await,
        Command::Replay(arguments) => replay::execute(&context, arguments).await,
        Command::Backfill(arguments) => replay::execute(&context, arguments.into()).await,
        Command::Hold(arguments) => hold::hold(&context, &arguments).await,
        Command::Release(arguments) => hold::release(&context, &arguments).await,
        Command::Skip(arguments) => hold::skip(&context, &arguments).await,
        Command::Held(arguments) => held::execute(&context, &arguments).await,
        Command::Erasures(arguments) => erasures::execute(&context, &arguments).await,
        Command::Attest(arguments) => attest::execute(&context, &arguments).await,
        Command::Tail(arguments) => tail::execute(&context, &arguments).await,
        Command::Trace(arguments) => trace::execute(&context, &arguments).await,
        Command::Reconcile(arguments) => reconcile::execute(&context, &arguments).await,
        Command::Rejected(arguments) => rejected::execute(&context, &arguments).await,
        Command::Push(command) => push::execute(&context, &command).await,
        Command::Queue(command) => queue::execute(&context, &command).await,
        Command::Rehearse(arguments) => rehearse::execute(&context, &arguments).await,
        Command::SendTest(arguments) => send_test::execute(&context, &arguments).await,
        Command::Completions { shell } => completions::execute(shell),
        Command::Delete(arguments) => delete::execute(&context, &arguments).await,
    };
    result.unwrap_or_else(|failure| {
        // Its reader had enough.
        if failure.exit() == Exit::Closed {
            return Exit::Closed;
        }
        // An answer of no is not an error.
        let prefix = if failure.exit() == Exit::Declined { "" } else { "error: " };
        let advice = context.advice(&failure).map(|advice| format!("; {advice}")).unwrap_or_default();
        for line in format!("{failure}{advice}").lines() {
            eprintln!("{prefix}{}", printable(line));
        }
        if failure.lacks_right() {
            eprintln!("{}", rights.unwrap_or_default());
        }
        failure.exit()
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[test]
    fn an_interrupted_command_names_what_goes_on() {
        let interrupted = |line: &str, has_begun: bool| {
            interrupted(&Arguments::try_parse_from(line.split_whitespace()).unwrap(), has_begun)
        };
        let check = |line: &str, expected: &str| assert_eq!(interrupted(line, true), expected, "{line}");
        for line in ["fanoutctl deploy", "fanoutctl delete --stack test", "fanoutctl queue repair Billing"] {
            assert_eq!(interrupted(line, false), "interrupted; nothing was changed", "{line}");
        }
        // They ask nothing, and begin at once.
        for line in ["fanoutctl catch-up Billing", "fanoutctl release Billing --all", "fanoutctl status"] {
            assert_eq!(interrupted(line, false), interrupted(line, true), "{line}");
        }
        check("fanoutctl status", "interrupted");
        check("fanoutctl replay Billing --all --from 1", "interrupted");
        check(
            "fanoutctl catch-up Billing",
            "interrupted; the catch-up function goes on without this program: see `fanoutctl status`",
        );
        check(
            "fanoutctl release Billing --all --stack test",
            "interrupted; what was requested may be done: see `fanoutctl held --stack test`",
        );
        check(
            "fanoutctl queue repair Billing",
            "interrupted; what has begun may go on without this program: see `fanoutctl status`",
        );
        check(
            "fanoutctl delete --stack test",
            "interrupted; what CloudFormation has begun goes on without this program: see `fanoutctl plan --stack test`",
        );
    }
}
