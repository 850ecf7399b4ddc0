//! The command line of `erasures`.

use clap::Args;

/// The arguments of `erasures`.
#[derive(Debug, Args)]
pub struct ErasuresArguments {
    /// Show this client only, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: Option<String>,

    /// Show all notices, not only those that are due and the last 100
    #[arg(long)]
    pub all: bool,

    /// Look for erasures that the stream did not show, and have clients told of them
    #[arg(long, conflicts_with_all = ["client", "all"])]
    pub find: bool,
}
