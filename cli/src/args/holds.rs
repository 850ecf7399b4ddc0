//! The command line of the commands about held groups.

use clap::Args;

use super::ledger::{reason, version};

/// The arguments of `hold`.
#[derive(Debug, Args)]
pub struct HoldArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The aggregate's key: text, a number as DynamoDB writes it, or bytes as base64; may be repeated
    #[arg(long = "group", value_name = "KEY", required = true, allow_hyphen_values = true)]
    pub groups: Vec<String>,

    /// The first version that is sent after the release [default: the first that was not sent yet]
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub from: Option<i64>,

    /// Why, for the operator who releases it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

/// The arguments of `release`.
#[derive(Debug, Args)]
pub struct ReleaseArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The groups to release.
    #[command(flatten)]
    pub scope: ReleaseScope,

    /// With `--all`: only those whose reason has this text in it
    #[arg(long, value_name = "TEXT", requires = "all", conflicts_with = "groups", value_parser = reason)]
    pub reason: Option<String>,
}

/// Some aggregates, or all that are held.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ReleaseScope {
    /// The aggregate's key, as `fanoutctl held` shows it; may be repeated
    #[arg(long = "group", value_name = "KEY", allow_hyphen_values = true)]
    pub groups: Vec<String>,

    /// Every aggregate that is held for the client
    #[arg(long)]
    pub all: bool,
}

/// The arguments of `skip`.
#[derive(Debug, Args)]
pub struct SkipArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The aggregate's key, as `fanoutctl held` shows it
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub group: String,

    /// The version of the event to leave out: the next that the client wants
    #[arg(long = "version", value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub event_version: i64,

    /// Why, for the record
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: String,
}

/// The arguments of `held`.
#[derive(Debug, Args)]
pub struct HeldArguments {
    /// Show this client only, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: Option<String>,
}
