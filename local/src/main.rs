//! `cargo local`: wiring only.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use local::args::Args;
use local::progress::Progress;
use local::{command, processes};
use shared::text::printable;
use tokio::signal::unix::{SignalKind, signal};

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.version {
        println!("{}", command::version());
        return Ok(ExitCode::SUCCESS);
    }
    let progress = Arc::new(Progress::new());
    let runtime = tokio::runtime::Runtime::new()?;
    let code = runtime.block_on(async {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut hang_up = signal(SignalKind::hangup())?;
        let result = tokio::select! {
            result = command::execute(&args, &progress) => result,
            _ = interrupt.recv() => return Ok(130),
            _ = terminate.recv() => return Ok(130),
            _ = hang_up.recv() => return Ok(130),
        };
        anyhow::Ok(match result {
            Ok(exit) => exit,
            Err(error) => {
                progress.finish();
                eprintln!("error: {}", printable(&error.to_string()));
                error.exit()
            }
        })
    });
    progress.finish();
    // A build or an installation runs on a thread that no signal stops.
    processes::kill_descendants();
    runtime.shutdown_background();
    Ok(ExitCode::from(code?))
}
