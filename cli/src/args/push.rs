//! The command line of `fanoutctl push`.

use clap::{Args, Subcommand};

/// The commands about push clients' targets.
#[derive(Debug, Subcommand)]
pub enum PushCommand {
    /// Bring one sample event to a client's target, and show what became of it
    #[command(after_help = include_str!("help/push-test.txt"))]
    Test(PushTestArguments),
}

/// The arguments of `push test`.
#[derive(Debug, Args)]
pub struct PushTestArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,
}
