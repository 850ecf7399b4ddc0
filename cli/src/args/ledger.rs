//! The command line of the orders to the ledger.

use clap::Args;

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

    /// Of which aggregates.
    #[command(flatten)]
    pub scope: ScopeArguments,

    /// The first version to send again
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub from: u64,

    /// How to order it.
    #[command(flatten)]
    pub order: OrderArguments,
}

/// One aggregate, or all.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ScopeArguments {
    /// The aggregate's key: text, a number as DynamoDB writes it, or bytes as base64
    #[arg(long, value_name = "KEY", conflicts_with = "after", allow_hyphen_values = true)]
    pub group: Option<String>,

    /// Every aggregate of the event table
    #[arg(long)]
    pub all: bool,
}

/// What to send again.
#[derive(Debug, Args)]
pub struct BackfillArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Refused, with the command that has it.
    #[arg(long, hide = true, value_name = "VERSION", value_parser = no_version, allow_hyphen_values = true)]
    pub from: Option<u64>,

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

impl From<BackfillArguments> for ReplayArguments {
    /// A replay of all, from version 1 on.
    fn from(BackfillArguments { client, from: _, order }: BackfillArguments) -> Self {
        Self { client, scope: ScopeArguments { group: None, all: true }, from: 1, order }
    }
}

fn version(text: &str) -> Result<u64, &'static str> {
    text.parse().ok().filter(|version| *version > 0).ok_or("a version is a number from 1 on")
}

fn no_version(_: &str) -> Result<u64, &'static str> {
    Err("a backfill begins at version 1; use `fanoutctl replay CLIENT --all --from VERSION`")
}
