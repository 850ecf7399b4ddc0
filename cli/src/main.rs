//! `fanoutctl`: wiring only.

use std::process::ExitCode;

use clap::Parser as _;
use fanoutctl::args::{Arguments, Command};
use fanoutctl::commands;
use fanoutctl::exit::Exit;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let changes_stack = matches!(arguments.command, Command::Deploy(_) | Command::Delete(_));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::select! {
            exit = commands::execute(arguments) => return anyhow::Ok(exit),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        // The command was dropped, on a runtime that still works: letters that it held are shown again.
        eprintln!("{}", commands::interrupted(changes_stack));
        Ok(Exit::Interrupted)
    })?;
    // A build runs on a thread that no signal stops.
    runtime.shutdown_background();
    Ok(exit.into())
}
