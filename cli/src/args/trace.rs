//! The command line of `trace` and `tail`.

use clap::{Args, value_parser};

use super::ledger::version;

/// The arguments of `trace`.
#[derive(Debug, Args)]
pub struct TraceArguments {
    /// The aggregate's key: text, a number as DynamoDB writes it, or bytes as base64
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub group: String,

    /// The event's version [default: the aggregate's newest]
    #[arg(long = "version", value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub event_version: Option<i64>,
}

/// The arguments of `tail`.
#[derive(Debug, Args)]
pub struct TailArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The aggregate's key: text, a number as DynamoDB writes it, or bytes as base64
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub group: String,

    /// Begin with what the client was sent from this version on
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub from: Option<i64>,

    /// How often the ledger is read
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = value_parser!(u64).range(1..=3600))]
    pub interval: u64,

    /// Print the events' JSON, as the event table has it
    #[arg(long)]
    pub show_body: bool,
}
