//! The command line of the commands that try what clients get.

use std::path::PathBuf;

use clap::Args;
use shared::naming::QueueArn;

/// The arguments of `send-test`.
#[derive(Debug, Args)]
pub struct SendTestArguments {
    /// Wait for this client only; the others get the event, too
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
}

/// The arguments of `rehearse`.
#[derive(Debug, Args)]
pub struct RehearseArguments {
    /// The client whose view the events have, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// The test queue: FIFO, empty, and no client's
    #[arg(long, value_name = "ARN", value_parser = QueueArn::try_new)]
    pub queue_arn: QueueArn,

    /// A file with items of the event table, as `validate --sample` reads it: the events look like the first of them
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,
}
