//! The command line.

mod client;
mod erasures;
mod holds;
mod ledger;
mod push;
mod queue;
mod tests_of_clients;
mod trace;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::parser::ValueSource;
use clap::{
    ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum, value_parser,
};
use shared::text::shell_quoted;

use deploy::settings::{
    Architecture, FunctionTimeout, KeyArn, LogRetention, MaximumConcurrency, Memory, QueuePrefix, Settings,
    StreamArn, StreamBatchSize, TopicArn,
};
use shared::config::ClientName;

pub use crate::commands::rejected::arguments::RejectedCommand;
pub use client::{AddClientArguments, ClientCommand};
pub use erasures::ErasuresArguments;
pub use holds::{HeldArguments, HoldArguments, ReleaseArguments, ReleaseScope, SkipArguments};
pub use ledger::{
    AttestArguments, BackfillArguments, CatchUpArguments, ClientArguments, PauseArguments,
    ReconcileArguments, ReplayArguments, RequestArguments, ScopeArguments, StatusArguments,
};
pub use push::{PushCommand, PushTestArguments};
pub use queue::{QueueCommand, RepairArguments};
pub use tests_of_clients::{RehearseArguments, SendTestArguments};
pub use trace::{TailArguments, TraceArguments};

/// The release, and the commit that it was built from.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("FANOUTCTL_COMMIT"), ")");

/// Carries a DynamoDB table's events to every client's queue: checks, deploys and watches the stack.
///
/// client-queues.toml registers the clients. Region, credentials, profile and endpoint are found as every AWS tool
/// finds them: `AWS_REGION`, `AWS_PROFILE`, `AWS_ENDPOINT_URL`, …. `NO_COLOR` leaves colours out.
#[derive(Debug, Parser)]
#[command(name = "fanoutctl", version = VERSION, term_width = 110, after_help = EXIT_STATUS, propagate_version = true)]
pub struct Arguments {
    /// The options of every command.
    #[command(flatten)]
    pub common: Common,
    /// The command, with its own options.
    #[command(subcommand)]
    pub command: Command,
}

/// The options of every command.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// The stack's name
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        default_value = DEFAULT_STACK,
        env = "FANOUTCTL_STACK",
        value_parser = stack_name,
        help_heading = EVERYWHERE
    )]
    pub stack: String,

    /// The file that registers the clients
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = DEFAULT_CONFIG,
        env = "FANOUTCTL_CONFIG",
        help_heading = EVERYWHERE
    )]
    pub config: PathBuf,

    /// Print one JSON object instead of text for people
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a first config for an event table, from its keys and a sample of its items
    #[command(after_help = include_str!("args/help/init.txt"))]
    Init(InitArguments),

    /// Show what is wrong with the config, without asking AWS
    #[command(after_help = include_str!("args/help/validate.txt"))]
    Validate(ValidateArguments),

    /// Show which clients get the events of a file, and which field of their filters says no to others
    #[command(after_help = include_str!("args/help/match.txt"))]
    Match(MatchArguments),

    /// Show what is wrong with queues, stream, mappings, ledger and targets, and how a page of the event table is read,
    /// without changing anything
    #[command(after_help = include_str!("args/help/check.txt"))]
    Check(CheckArguments),

    /// Estimate what the pipeline costs, for the clients of the config and a load
    #[command(after_help = include_str!("args/help/cost.txt"))]
    Cost(CostArguments),
    /// Write a client into the config, or take one out of it
    #[command(
        subcommand,
        after_help = "Examples:\n  \
        fanoutctl client add Parking\n  \
        fanoutctl client remove Parking"
    )]
    Client(ClientCommand),

    /// Print the policy of a client's queue, which the owner of an existing queue must give it
    #[command(after_help = include_str!("args/help/policy.txt"))]
    Policy(PolicyArguments),

    /// Show what a deploy would change for clients
    #[command(after_help = include_str!("args/help/plan.txt"))]
    Plan(StackArguments),

    /// Build, package and deploy the stack, as the plan says
    #[command(after_help = include_str!("args/help/deploy.txt"))]
    Deploy(DeployArguments),

    /// Show what is in each queue, which clients are behind, and how far the stack is behind the stream
    #[command(after_help = include_str!("args/help/status.txt"))]
    Status(StatusArguments),

    /// Send nothing more to a client, until it is resumed
    #[command(after_help = include_str!("args/help/pause.txt"))]
    Pause(PauseArguments),

    /// Serve a paused client again
    #[command(after_help = include_str!("args/help/resume.txt"))]
    Resume(ClientArguments),

    /// Catch a client up now, or all that are behind, and show how far they are
    #[command(after_help = include_str!("args/help/catch-up.txt"))]
    CatchUp(CatchUpArguments),

    /// Send a client again the events that it has, from a version on
    #[command(after_help = include_str!("args/help/replay.txt"))]
    Replay(ReplayArguments),

    /// Send a client again all events that it has, of every group: a replay from the first version on
    #[command(after_help = include_str!("args/help/backfill.txt"))]
    Backfill(BackfillArguments),

    /// Send a client nothing more of some groups, until they are released
    #[command(after_help = include_str!("args/help/hold.txt"))]
    Hold(HoldArguments),

    /// Send a client again what it lacks of groups that were held
    #[command(after_help = include_str!("args/help/release.txt"))]
    Release(ReleaseArguments),

    /// Leave out the next event of a group that is held for a client
    #[command(after_help = include_str!("args/help/skip.txt"), disable_version_flag = true)]
    Skip(SkipArguments),

    /// Show the groups that are held: why, by whom and since when
    #[command(after_help = include_str!("args/help/held.txt"))]
    Held(HeldArguments),

    /// Show which clients were told of aggregates that were erased, and which are still to be told
    #[command(after_help = include_str!("args/help/erasures.txt"))]
    Erasures(ErasuresArguments),

    /// Show what a client was sent last of each aggregate, for its team to compare with what it has
    #[command(after_help = include_str!("args/help/attest.txt"))]
    Attest(AttestArguments),

    /// Show where an event is: which clients have it, why others don't, and what helps
    #[command(after_help = include_str!("args/help/trace.txt"), disable_version_flag = true)]
    Trace(TraceArguments),

    /// Show what a client is sent of an aggregate from now on, without touching its queue
    #[command(after_help = include_str!("args/help/tail.txt"))]
    Tail(TailArguments),

    /// Compare the event table with the ledger, and send what is missing
    #[command(after_help = include_str!("args/help/reconcile.txt"))]
    Reconcile(ReconcileArguments),

    /// Look at rejected events, and send them again after a repair
    #[command(
        subcommand,
        after_help = "Examples:\n  \
        fanoutctl rejected list\n  \
        fanoutctl rejected show 4f1c\n  \
        fanoutctl rejected resend 4f1c"
    )]
    Rejected(RejectedCommand),

    /// Make a client's deleted queue again, or mend its settings
    #[command(subcommand, after_help = "Example:\n  fanoutctl queue repair Billing")]
    Queue(QueueCommand),

    /// Try the target of a client that the stack delivers to
    #[command(subcommand, after_help = "Example:\n  fanoutctl push test Billing")]
    Push(PushCommand),

    /// Send one marked event through the whole pipeline of a local stack, and show when each client's queue has it
    #[command(after_help = include_str!("args/help/send-test.txt"))]
    SendTest(SendTestArguments),

    /// Play duplicates, gaps, replays and erasures at a team's own test queue, and show what its consumer must have then
    #[command(after_help = include_str!("args/help/rehearse.txt"))]
    Rehearse(RehearseArguments),

    /// Print what a shell needs to complete the command line
    #[command(after_help = include_str!("args/help/completions.txt"))]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },

    /// Delete the stack; queues that can hold events stay
    #[command(after_help = include_str!("args/help/delete.txt"))]
    Delete(DeleteArguments),
}

/// The arguments of `delete`.
#[derive(Debug, Args)]
pub struct DeleteArguments {
    /// Delete the stack without asking; of what it leaves, only what `--and` names
    #[arg(long)]
    pub yes: bool,

    /// Delete this, too, of what the stack leaves; several with commas between them
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub and: Vec<Leftover>,
}

/// What a deleted stack leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Leftover {
    /// The queues in which nothing is
    EmptyQueues,
    /// All its queues, with the messages in them
    Queues,
    /// The bucket of discarded records, with the records
    Bucket,
    /// The ledger's table: what each client was sent, and the receipts of erasures
    Ledger,
}

/// The arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The event table
    #[arg(long, value_name = "NAME")]
    pub table: String,

    /// The first client
    #[arg(long, value_name = "NAME", default_value = "Example", value_parser = ClientName::try_new)]
    pub client: ClientName,
}

/// The arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// A file with items of the event table, one a line, to see how they are read
    #[arg(long, value_name = "FILE")]
    pub sample: Option<PathBuf>,

    /// Print the body of the event that is shown as a message, and the values in clients' views of it
    #[arg(long, requires = "sample")]
    pub show_body: bool,
}

/// The arguments of `match`.
#[derive(Debug, Args)]
pub struct MatchArguments {
    /// A file with items of the event table, one a line, as `validate --sample` reads it
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Show this client only
    #[arg(long, value_name = "NAME")]
    pub client: Option<String>,
}

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// Print the body of the event that is shown as a message, and the values in clients' views of it
    #[arg(long)]
    pub show_body: bool,

    /// Have the stack's function bring a sample event to each webhook
    #[arg(long)]
    pub ping: bool,
}

/// The arguments of `cost`.
#[derive(Debug, Args)]
pub struct CostArguments {
    /// Events a month
    #[arg(long, value_name = "N", value_parser = positive)]
    pub events_per_month: f64,

    /// The bytes of an event's JSON
    #[arg(long, value_name = "BYTES", default_value_t = 2_000, value_parser = value_parser!(u64).range(1..=1_048_576))]
    pub size: u64,

    /// Events in a batch of the fan-out [default: as the rate says]
    #[arg(long, value_name = "N", value_parser = value_parser!(u8).range(1..=10))]
    pub batch: Option<u8>,

    /// How long a call of AWS takes
    #[arg(long, value_name = "MS", default_value_t = 10, value_parser = value_parser!(u16).range(1..=10_000))]
    pub call_milliseconds: u16,

    /// The size of the event table, which is compared with the ledger each day
    #[arg(long, value_name = "GB", default_value_t = 1.0, value_parser = positive)]
    pub table_gigabytes: f64,
}

/// A number above 0, also in the form `2e9`.
fn positive(text: &str) -> Result<f64, &'static str> {
    let number: f64 = text.parse().map_err(|_| "not a number")?;
    if number.is_finite() && number > 0.0 { Ok(number) } else { Err("must be above 0") }
}

/// The arguments of `policy`.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// The client, as client-queues.toml names it
    #[arg(value_name = "CLIENT")]
    pub client: String,

    /// Print the statement for the policy of the key that encrypts the queue, instead of the queue's policy
    #[arg(long)]
    pub key: bool,

    /// The prefix that the stack will have; needed only while there is no stack
    #[arg(long, value_name = "PREFIX", value_parser = QueuePrefix::try_new)]
    pub prefix: Option<QueuePrefix>,
}

/// The stack's settings. A setting that is not named stays as it is, or has the template's default in a new stack.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Settings of the stack")]
pub struct StackArguments {
    /// The stream of the event table; without it, a new stack imports `DynamoDBStreamArn`, if that is
    /// exported
    #[arg(long, value_name = "ARN", value_parser = StreamArn::try_new)]
    pub stream_arn: Option<StreamArn>,

    /// The beginning of all queue names, so that several stages live in one account; a stack keeps its prefix
    /// [new stack: empty]
    #[arg(long, value_name = "PREFIX", value_parser = QueuePrefix::try_new)]
    pub prefix: Option<QueuePrefix>,

    /// The KMS key that encrypts the queues; empty: the key that SQS manages [new stack: empty]
    #[arg(long, value_name = "ARN", value_parser = KeyArn::try_new)]
    pub kms_key_arn: Option<KeyArn>,

    /// The SNS topic that alarms go to; empty: none [new stack: empty]
    #[arg(long, value_name = "ARN", value_parser = TopicArn::try_new)]
    pub alarm_topic_arn: Option<TopicArn>,

    /// Alarms for mappings that stopped; the metrics for it cost extra [new stack: off]
    #[arg(long, value_name = "on|off", value_parser = PossibleValuesParser::new(["on", "off"]).map(|text| text == "on"))]
    pub mapping_alarms: Option<bool>,

    /// How long logs are kept [new stack: 30]
    #[arg(long, value_name = "DAYS", value_parser = value_parser!(u32).try_map(LogRetention::try_new))]
    pub log_retention_days: Option<LogRetention>,

    /// The processors of the functions: x86_64 or arm64 [new stack: x86_64]
    #[arg(long, value_name = "NAME", value_parser = Architecture::try_new)]
    pub architecture: Option<Architecture>,

    /// How long each function may run: 2, 5, 10, 15, 20 or 30 [new stack: 30]
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u32).try_map(FunctionTimeout::try_new))]
    pub function_timeout: Option<FunctionTimeout>,

    /// How many batches are fanned out at the same time [new stack: 6]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).try_map(MaximumConcurrency::try_new))]
    pub fan_out_concurrency: Option<MaximumConcurrency>,

    /// How many batches of each client are delivered to its webhook at the same time [new stack: 2]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).try_map(MaximumConcurrency::try_new))]
    pub push_http_concurrency: Option<MaximumConcurrency>,

    /// How many batches of each client are delivered to its target in AWS at the same time [new stack: 2]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).try_map(MaximumConcurrency::try_new))]
    pub push_aws_concurrency: Option<MaximumConcurrency>,

    /// How many stream records are converted in one batch [new stack: 500]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).try_map(StreamBatchSize::try_new))]
    pub stream_batch_size: Option<StreamBatchSize>,

    /// The converter's memory, from which its share of a processor follows [new stack: 256]
    #[arg(long, value_name = "MB", value_parser = value_parser!(u32).try_map(Memory::try_new))]
    pub converter_memory: Option<Memory>,

    /// The fan-out's memory; with a hundred clients, less than 512 makes it slow [new stack: 512]
    #[arg(long, value_name = "MB", value_parser = value_parser!(u32).try_map(Memory::try_new))]
    pub fan_out_memory: Option<Memory>,

    /// The memory of catch-up [new stack: 512]
    #[arg(long, value_name = "MB", value_parser = value_parser!(u32).try_map(Memory::try_new))]
    pub catch_up_memory: Option<Memory>,

    /// The memory of each function that delivers to targets [new stack: 256]
    #[arg(long, value_name = "MB", value_parser = value_parser!(u32).try_map(Memory::try_new))]
    pub push_memory: Option<Memory>,
}

impl StackArguments {
    /// The settings that the command line names.
    pub fn settings(&self) -> Settings {
        Settings {
            event_stream_arn: self.stream_arn.clone(),
            queue_prefix: self.prefix.clone(),
            kms_key_arn: self.kms_key_arn.clone(),
            alarm_topic_arn: self.alarm_topic_arn.clone(),
            mapping_alarms: self.mapping_alarms,
            log_retention: self.log_retention_days,
            architecture: self.architecture,
            function_timeout: self.function_timeout,
            fan_out_maximum_concurrency: self.fan_out_concurrency,
            push_http_maximum_concurrency: self.push_http_concurrency,
            push_aws_maximum_concurrency: self.push_aws_concurrency,
            stream_batch_size: self.stream_batch_size,
            converter_memory: self.converter_memory,
            fan_out_memory: self.fan_out_memory,
            catch_up_memory: self.catch_up_memory,
            push_memory: self.push_memory,
        }
    }
}

/// The arguments of `deploy`.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// What the deploy changes of the stack.
    #[command(flatten)]
    pub stack: StackArguments,

    /// The bucket for the packages [default: one of this account and region, made if it is missing]
    #[arg(long, value_name = "BUCKET")]
    pub bucket: Option<String>,

    /// A directory with the functions `converter`, `fanout`, `catchup`, `push-http` and `push-aws`, built elsewhere
    /// [default: they are built here]
    #[arg(long, value_name = "DIRECTORY")]
    pub binaries: Option<PathBuf>,

    /// Deploy without asking
    #[arg(long)]
    pub yes: bool,
}

impl Arguments {
    /// The arguments of this process's command line, and what clap made of it. A wrong one ends the process, as clap does.
    /// Printed commands name the config from then on, if this one does ([`stack_option`]).
    pub fn of_process(line: impl IntoIterator<Item = OsString>) -> (Self, ArgMatches) {
        let matches = Self::command().get_matches_from(line);
        let arguments = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        // In the environment, it is there for the printed command, too.
        if matches.value_source("config") == Some(ValueSource::CommandLine) {
            let _ = CONFIG.set(arguments.common.config.clone());
        }
        (arguments, matches)
    }
}

/// A stack's name, as CloudFormation allows one (CloudFormation API Reference, "CreateStack"). So it needs no quotes in a
/// command line.
fn stack_name(text: &str) -> Result<String, String> {
    let is_letter = |first: &u8| first.is_ascii_alphabetic();
    let is_right = text.len() <= 128
        && text.as_bytes().first().is_some_and(is_letter)
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let problem = "a stack's name has letters, digits and hyphens, begins with a letter, and has at most 128 characters";
    if is_right { Ok(text.to_owned()) } else { Err(problem.to_owned()) }
}

/// What the help of the command that `matches` are of says about the rights that it takes.
pub fn rights(matches: &ArgMatches) -> Option<String> {
    let (mut command, mut matches) = (Arguments::command(), matches);
    while let Some((name, inner)) = matches.subcommand() {
        command = command.find_subcommand(name)?.clone();
        matches = inner;
    }
    let help = command.get_after_help()?.to_string();
    help.lines().find(|line| line.starts_with("Rights: ")).map(str::to_owned)
}

impl Common {
    /// Whether another config than the default one was asked for.
    pub fn names_config(config: &Path) -> bool {
        config != Path::new(DEFAULT_CONFIG)
    }
}

/// The options with which a printed command is about `stack`, and about the config of this process: nothing where it is
/// so anyway.
pub(crate) fn stack_option(stack: &str) -> String {
    options(stack, CONFIG.get().map(PathBuf::as_path))
}

/// The options with which a printed command is about `stack` and `config`.
pub(crate) fn options(stack: &str, config: Option<&Path>) -> String {
    let mut options = String::new();
    if stack != DEFAULT_STACK {
        options += &format!(" --stack {stack}");
    }
    if let Some(config) = config.filter(|config| Common::names_config(config)) {
        options += &format!(" --config {}", shell_quoted(&config.display().to_string()));
    }
    options
}

/// The config that the command line of this process names, if it names one.
static CONFIG: OnceLock<PathBuf> = OnceLock::new();

/// The stack's name unless an option names another.
const DEFAULT_STACK: &str = "mark-event-queue";

/// The config's name unless an option names another.
const DEFAULT_CONFIG: &str = "client-queues.toml";

const EVERYWHERE: &str = "Options of every command";

const EXIT_STATUS: &str = include_str!("args/help/exit-status.txt");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_command_names_stack_and_config_where_it_must() {
        let check = |stack, config: &str, expected| {
            let config = Some(Path::new(config)).filter(|config| !config.as_os_str().is_empty());
            assert_eq!(options(stack, config), expected);
        };
        check("mark-event-queue", "", "");
        check("mark-event-queue", "client-queues.toml", "");
        check("test", "", " --stack test");
        check("test", "my queues.toml", " --stack test --config 'my queues.toml'");
    }

    #[test]
    fn a_stack_is_named_as_cloudformation_allows() {
        let longest = "a".repeat(128);
        for name in ["events", "Events-2", &longest] {
            assert_eq!(stack_name(name), Ok(name.to_owned()));
        }
        let too_long = "a".repeat(129);
        for name in ["", "2events", "-events", "my events", "events;ls", "événements", "a_b", &too_long] {
            assert!(stack_name(name).is_err(), "{name}");
        }
    }
}
