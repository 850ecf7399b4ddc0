//! `fanoutctl`: wiring only.

use std::process::ExitCode;

use clap::Parser as _;
use fanoutctl::args::Arguments;
use fanoutctl::commands;
use fanoutctl::exit::Exit;

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = commands::execute(arguments) => exit,
            // The command is dropped here, on a runtime that still works: letters that it holds are shown again.
            _ = tokio::signal::ctrl_c() => Exit::Interrupted,
        }
    });
    // A build runs on a thread that no signal stops.
    runtime.shutdown_background();
    Ok(exit.into())
}
