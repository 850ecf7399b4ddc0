//! The command line of the changes of the config's clients.

use clap::{Args, Subcommand};

/// The commands that change which clients the config has.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Write a client into the config, and show what a deploy would change
    #[command(after_help = include_str!("help/client-add.txt"))]
    Add(AddClientArguments),

    /// Take a client out of the config, and show what a deploy would change
    #[command(after_help = include_str!("help/client-remove.txt"))]
    Remove {
        /// The client, as client-queues.toml names it
        #[arg(value_name = "CLIENT")]
        client: String,
    },
}

/// The arguments of `client add`.
#[derive(Debug, Default, Args)]
pub struct AddClientArguments {
    /// The client's name: a letter, then up to 39 letters and digits
    #[arg(value_name = "NAME")]
    pub name: String,

    /// An existing queue for its events, whose account is among `allowed_accounts` [default: the stack makes one]
    #[arg(long, value_name = "ARN")]
    pub queue_arn: Option<String>,

    /// It gets every event that the table has, when it joins
    #[arg(long)]
    pub history: bool,

    /// A line of its section `[client.filter]`, as the file has it; for more lines, more of this option
    #[arg(long, value_name = "LINE")]
    pub filter: Vec<String>,
}
