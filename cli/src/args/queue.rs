//! The command line of `fanoutctl queue`.

use clap::{Args, Subcommand};

/// The commands about clients' queues.
#[derive(Debug, Subcommand)]
pub enum QueueCommand {
    /// Make a client's deleted queue again, or mend its settings, and catch the client up
    #[command(after_help = include_str!("help/queue-repair.txt"))]
    Repair(RepairArguments),
}

/// The arguments of `queue repair`.
#[derive(Debug, Args)]
pub struct RepairArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Repair without asking
    #[arg(long)]
    pub yes: bool,
}
