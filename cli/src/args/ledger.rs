//! The command line of the orders to the ledger.

use clap::{Args, value_parser};

/// Which client.
#[derive(Debug, Args)]
pub struct ClientArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,
}

/// What to send again.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The aggregate's key: text, a number as DynamoDB writes it, or bytes as base64
    #[arg(long, value_name = "KEY", required_unless_present = "all", conflicts_with_all = ["all", "after"])]
    pub group: Option<String>,

    /// Every aggregate of the event table
    #[arg(long)]
    pub all: bool,

    /// The first version to send again
    #[arg(long, value_name = "VERSION", value_parser = value_parser!(u64).range(1..))]
    pub from: u64,

    /// How to order it.
    #[command(flatten)]
    pub order: OrderArguments,
}

/// What to send again.
#[derive(Debug, Args)]
pub struct BackfillArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// How to order it.
    #[command(flatten)]
    pub order: OrderArguments,
}

/// How to order a replay.
#[derive(Debug, Args)]
pub struct OrderArguments {
    /// Go on after this aggregate, as a replay says that was interrupted
    #[arg(long, value_name = "KEY")]
    pub after: Option<String>,

    /// Tell what would be sent and what it costs, and order nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// Order it without asking
    #[arg(long)]
    pub yes: bool,
}
