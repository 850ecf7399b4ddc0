//! The command line of the control requests.

use clap::{Args, value_parser};
use shared::control::REASON_LIMIT;

/// The arguments of the commands about one client.
#[derive(Debug, Args)]
pub struct ClientArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,
}

/// The arguments of `pause`.
#[derive(Debug, Args)]
pub struct PauseArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Why, for the operator who resumes it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub reason: Option<String>,
}

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// Show the groups that this client is behind in, and why, as client-queues.toml names it
    #[arg(value_name = "CLIENT", conflicts_with = "watch")]
    pub client: Option<String>,

    /// Show it again and again, until it is interrupted: in a terminal as a screen that refreshes
    #[arg(long)]
    pub watch: bool,

    /// How often it is refreshed
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "watch",
        default_value_t = 10,
        value_parser = value_parser!(u64).range(1..=3600)
    )]
    pub interval: u64,
}

/// The arguments of `catch-up`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct CatchUpArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: Option<String>,

    /// Every client that is behind and not paused, one after the other
    #[arg(long)]
    pub all: bool,
}

/// The arguments of `attest`.
#[derive(Debug, Args)]
pub struct AttestArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Only this aggregate, by its key: text, a number as DynamoDB writes it, or bytes as base64
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub group: Option<String>,
}

/// The arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The aggregates to send again.
    #[command(flatten)]
    pub scope: ScopeArguments,

    /// The first version to send again
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    pub from: i64,

    /// How to request it.
    #[command(flatten)]
    pub request: RequestArguments,
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

/// The arguments of `backfill`.
#[derive(Debug, Args)]
pub struct BackfillArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Refused: the error names `replay`, which has this option.
    #[arg(long, hide = true, value_name = "VERSION", value_parser = no_version, allow_hyphen_values = true)]
    pub from: Option<i64>,

    /// How to request it.
    #[command(flatten)]
    pub request: RequestArguments,
}

/// How to request a replay.
#[derive(Debug, Args)]
pub struct RequestArguments {
    /// Go on after this aggregate, which an interrupted replay names
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub after: Option<String>,

    /// Show what would be sent and what it costs, and request nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// Request it without asking
    #[arg(long)]
    pub yes: bool,
}

/// The arguments of `reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArguments {
    /// Show the differences, and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl From<BackfillArguments> for ReplayArguments {
    fn from(BackfillArguments { client, from: _, request }: BackfillArguments) -> Self {
        Self { client, scope: ScopeArguments { group: None, all: true }, from: 0, request }
    }
}

/// A reason without the blanks around it.
pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if (1..=REASON_LIMIT).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(format!("it has {} bytes; say in 1 to {REASON_LIMIT} why", text.len()))
}

pub(super) fn version(text: &str) -> Result<i64, &'static str> {
    text.parse().ok().filter(|version| *version >= 0).ok_or("a version is a whole number, 0 or above")
}

fn no_version(_: &str) -> Result<i64, &'static str> {
    Err("a backfill begins at the first version; use `fanoutctl replay CLIENT --all --from VERSION`")
}
