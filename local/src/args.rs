//! The command line.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

/// Shows the pipeline at work on this machine: every event reaches every client's queue, in order.
///
/// Starts MiniStack (AWS's services in one local process) on a free port of the loopback interface, builds the
/// functions, deploys the companion (api/template.yml) and the pipeline (template.yml) with them, and sends commands for new
/// marks to the companion over HTTP; of each, it makes an event. Follows every client's queue and ends with a table.
/// Needs Rust and Python 3.10 or newer. Puts everything else that it needs under the target directory the first time.
#[derive(Debug, Parser)]
#[command(name = "cargo local", bin_name = "cargo local", term_width = 110, after_long_help = EXAMPLES)]
pub struct Args {
    /// How many marks to make
    #[arg(long, default_value_t = 50, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub marks: usize,

    /// How many events each mark has
    #[arg(long, default_value_t = 10, value_name = "M", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub events: usize,

    /// Write events straight into an event table, without the companion: for big runs
    #[arg(long)]
    pub direct: bool,

    /// Write the events of this file instead, one JSON object per line; `-` is standard input
    ///
    /// They go straight into an event table. Each is an item of the event table, with at least `mark`, `createTime`, `eventId` and
    /// `RegistrationNumber.version`, which counts a mark's events from 1; numbers keep their digits. A bad line is
    /// reported with its number before anything starts, and the others go on.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["marks", "events"])]
    pub input: Option<PathBuf>,

    /// Keep the stack when the table is shown, until Ctrl-C
    ///
    /// Prints its address, the clients' queues and three commands to try.
    #[arg(long)]
    pub stay: bool,

    /// Push what goes to webhooks to a receiver on this machine
    ///
    /// Each `[client.push.webhook]` of client-queues.toml is delivered there instead; if there is none, a client
    /// `LocalWebhook` is added. The receiver checks each signature, and answers 204.
    #[arg(long)]
    pub push: bool,

    /// Break the receiver when it has taken N events: 503 to everything, for five seconds
    #[arg(long, value_name = "N", requires = "push")]
    pub push_breaks: Option<usize>,

    /// Print the result as one JSON object; progress still goes to standard error
    #[arg(long)]
    pub json: bool,

    /// Print the release, and the commit of the clone
    #[arg(short = 'V', long)]
    pub version: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo local                              500 commands for 50 marks, and their events at every client
  cargo local --marks 5 --events 200       more events of fewer marks
  cargo local --direct --marks 1000        10,000 events, written without the companion
  cargo local --input events.jsonl         events of your own, for example this one:
{\"mark\":\"AFC F5\",\"createTime\":\"2026-01-05T09:00:00Z\",\"eventId\":\"1\",\"RegistrationNumber\":{\"version\":1}}
  cargo local --stay                       keep it, and look around with any AWS client
  cargo local --push --push-breaks 200     signed requests to a receiver here, which breaks meanwhile
  cargo local --json | jq .clients         for programs

Clients come from client-queues.toml: add one, run this again, and it is in the table. A client with
a filter is expected to have what it wants, and one with a view of its own, events in that view.

The load is paced: at most 32 events are on their way at the same time, so that the delay is an event's
own, and not that of a backlog.

Exit status:
  0    every client has every event that it wants, in order, once and unchanged
  1    a client does not; the findings are below the table
  2    the command line is wrong, or the input: it is missing, or has no event that can be written
  3    the stack could not be started, or did not answer
  130  interrupted; nothing is left running";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event;

    #[test]
    fn the_help_s_example_is_an_event() {
        let line = EXAMPLES.lines().find(|line| line.starts_with('{')).unwrap();
        let (events, bad_lines) = event::read_lines(line.as_bytes());
        assert_eq!((events.len(), bad_lines), (1, Vec::new()));
    }
}
