//! The command line of `fanoutctl rejected`.

use clap::{Args, Subcommand};

/// The commands about rejections.
#[derive(Debug, Subcommand)]
pub enum RejectedCommand {
    /// List the rejected events, and why each was rejected
    #[command(
        after_help = "Example:\n  fanoutctl rejected list\n\nRights: `WatchPolicy` and `InspectPolicy`."
    )]
    List {
        /// The most rejections to look at
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },

    /// Show one rejection in full
    #[command(
        after_help = "Example:\n  fanoutctl rejected show 4f1c\n\nRights: `WatchPolicy` and `InspectPolicy`."
    )]
    Show {
        /// The id that `list` shows, or as much of its beginning as is unique
        #[arg(value_name = "ID")]
        id: String,
    },

    /// Send a rejected event again after a repair, and delete its rejection
    #[command(after_help = "Examples:\n  \
        fanoutctl rejected resend 4f1c\n  \
        fanoutctl rejected resend --all --yes\n\n\
        The event is read from the event table, converted again, and sent to every client, with the attribute `replay`. \
        Later events of its group are sent again after it, in order, to the clients that have them. An event that is no \
        longer in the event table is not sent, and its rejection stays.\n\n\
        Rights: `WatchPolicy`, `InspectPolicy` and `ResendPolicy`.\n\n\
        Exit status: 6 if a rejection stays.")]
    Resend(ResendArguments),
}

/// The arguments of `rejected resend`.
#[derive(Debug, Args)]
pub struct ResendArguments {
    /// The ids that `list` shows, or as much of their beginnings as is unique
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<String>,

    /// All of them, as far as they can be sent
    #[arg(long)]
    pub all: bool,

    /// Show what would be sent, and send nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,

    /// Send without asking
    #[arg(long)]
    pub yes: bool,
}
