//! `fanoutctl`: wiring only.

use std::process::ExitCode;

use fanoutctl::args::{Arguments, rights};
use fanoutctl::commands;
use fanoutctl::exit::Exit;
use shared::text::printable;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<ExitCode> {
    let (arguments, matches) = Arguments::of_process(std::env::args_os());
    let interrupted = [false, true].map(|has_begun| commands::interrupted(&arguments, has_begun));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hang_up = signal(SignalKind::hangup())?;
        tokio::select! {
            exit = commands::execute(arguments, rights(&matches)) => return anyhow::Ok(exit),
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
        // The command was dropped on a runtime that still works, so that the rejections that it held are visible again.
        let [unbegun, begun] = &interrupted;
        eprintln!("{}", printable(if commands::has_begun() { begun } else { unbegun }));
        Ok(Exit::Interrupted)
    })?;
    // A build runs on a thread of its own, which no signal stops.
    runtime.shutdown_background();
    Ok(ExitCode::from(exit as u8))
}
