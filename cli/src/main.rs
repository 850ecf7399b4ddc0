//! `fanoutctl`: wiring only.

use std::process::ExitCode;

use clap::Parser as _;
use fanoutctl::args::{Arguments, Command};
use fanoutctl::commands;
use fanoutctl::exit::Exit;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let changes_stack = matches!(arguments.command, Command::Deploy(_) | Command::Delete(_));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = commands::execute(arguments) => exit,
            // The command is dropped here, on a runtime that still works: letters that it holds are shown again.
            _ = tokio::signal::ctrl_c() => {
                eprintln!("{}", commands::interrupted(changes_stack));
                Exit::Interrupted
            }
        }
    });
    // A build runs on a thread that no signal stops.
    runtime.shutdown_background();
    Ok(exit.into())
}
