//! The plan of a deploy: compares the config with what is deployed, and says what would change for clients.

mod concurrency;
mod disused;
mod kept;
mod ledger;
mod page;
mod scan;
mod setting;
mod settings;
mod stream;
mod targets;
mod text;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use aws::operator::sqs::Depth;
use aws::operator::table::arn_of_stream;
use deploy::stack::{KeptQueue, Whose};
use serde::Serialize;
use shared::config::{Client, ClientQueue, Config};
use shared::ledger::Registry;
use shared::naming::{Naming, QueueArn};
use shared::text::printable;

use crate::client_status::Backlog;
use crate::finding::Finding;
use crate::page::PageFacts;
use crate::unsettled::{RegistryDifference, unsettled};

pub use concurrency::ConcurrencyShortage;
pub use disused::{DisusedQueue, disused_queues};
pub use ledger::ForeignLedger;
pub use page::PlannedPage;
pub use scan::ScanEstimate;
pub use setting::Setting;
pub use stream::{RefusedStream, STREAM_EXPORT, StreamChoice, StreamFacts};
pub use targets::PlannedTarget;
pub use views::ViewChange;

/// The facts that a plan is made from: what is deployed, and what is in queues.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What the stack runs with; none if there is no stack.
    pub running: Option<RunningStack>,
    /// The template's parameters that the deploy would set.
    pub parameters: Vec<(&'static str, String)>,
    /// The stream that the stack would read, if the deploy names it, or makes the stack; none if that isn't known.
    pub stream: Option<StreamFacts>,
    /// Queues that the stack would have to make, but that exist already.
    pub kept_queues: Vec<KeptQueue>,
    /// Queues of the stack that this version no longer uses.
    pub disused: Vec<QueueArn>,
    /// The depths of left, kept and disused queues.
    pub depths: Depths,
    /// The endpoint of an emulator; none for AWS.
    pub endpoint: Option<String>,
    /// The clients' backlogs, or why they aren't known; none if the stack has no ledger.
    pub backlogs: Option<Result<Vec<Backlog>, String>>,
    /// The ledger's registry; none if it is not there, or can't be read.
    pub registry: Option<Registry>,
    /// The formats that the items of the stack's ledger name.
    pub ledger_formats: Vec<Option<String>>,
    /// How many functions the account lets run at the same time; none if that isn't known.
    pub concurrency: Option<u32>,
    /// The size of the event table, in bytes; none if that isn't known.
    pub table_size: Option<u64>,
    /// A page of the event table; none if it isn't known which table that is.
    pub page: Option<PageFacts>,
}

/// The depth of each queue by its ARN, or why it isn't known.
pub type Depths = BTreeMap<String, Result<Depth, String>>;

/// The config and settings that a stack runs with.
#[derive(Clone, Debug, Default)]
pub struct RunningStack {
    /// The clients that receive events now.
    pub clients: Vec<RegisteredClient>,
    /// The values of the template's parameters, by name.
    pub parameters: BTreeMap<String, String>,
    /// The ARN of the stream that the converter reads, set or imported.
    pub stream: Option<String>,
    /// The config in the functions' packages; none if it can't be read.
    pub config: Option<Config>,
    /// Why there is no `config`.
    pub no_config: Option<String>,
}

/// A client that receives events now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredClient {
    /// The client's name; none for an existing queue if the config that runs can't be read.
    pub name: Option<String>,
    /// The queue that its events go to.
    pub queue: QueueArn,
    /// Whether the stack made the queue.
    pub is_own: bool,
}

/// The changes that a deploy would make for clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The name of the stack.
    pub stack: String,
    /// The region of the stack: `eu-west-2`.
    pub region: String,
    /// The account of the stack, twelve digits.
    pub account: String,
    /// Whether the deploy makes the stack, because there is none.
    pub is_new: bool,
    /// Whether the deploy is possible, and changes something.
    pub result: PlanResult,
    /// All clients, those to be removed at the end.
    pub clients: Vec<PlannedClient>,
    /// The settings that change.
    pub settings: Vec<Setting>,
    /// The views that change.
    pub views: Vec<ViewChange>,
    /// How the ledger differs from the config that runs, as far as both are known.
    pub unsettled: Vec<RegistryDifference>,
    /// The stream that the converter reads now, and no longer after the deploy.
    pub left_stream: Option<LeftStream>,
    /// Where the stack itself delivers events to.
    pub targets: Vec<PlannedTarget>,
    /// All accounts that will receive events.
    pub accounts: Vec<ReceivingAccount>,
    /// Why the stack could not read its stream, which makes the deploy impossible.
    pub refused_stream: Option<RefusedStream>,
    /// Queues that make the deploy impossible.
    pub kept_queues: Vec<QueueInTheWay>,
    /// Queues that go out of use. One that may hold messages makes the deploy impossible.
    pub disused_queues: Vec<DisusedQueue>,
    /// The ledger that makes the deploy impossible, because this version can't read it.
    pub foreign_ledger: Option<ForeignLedger>,
    /// The shortage of concurrent executions, if the account has too few for the stack.
    pub concurrency_shortage: Option<ConcurrencyShortage>,
    /// How long a scan of the event table takes; none if its size isn't known.
    pub scan: Option<ScanEstimate>,
    /// What can be missed about the config.
    pub warnings: Vec<Finding>,
    /// What a page of the event table shows; none if it isn't known which table that is.
    pub page: Option<PlannedPage>,
    /// Why the plan is not complete.
    pub unknown: Option<String>,
}

/// The result of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanResult {
    /// Nothing changes but perhaps the code.
    Nothing,
    /// Something changes.
    Changes,
    /// The deploy is impossible.
    Refused,
}

/// A client before and after the deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlannedClient {
    /// None for an existing queue if the config that runs can't be read.
    pub name: Option<String>,
    /// What the deploy does with the client.
    pub change: Change,
    /// The ARN of its queue after the deploy; for a client to be removed, of the queue that it has now.
    pub queue_arn: String,
    /// The account of that queue, twelve digits.
    pub account: String,
    /// The client's filter after the deploy, as JSON; none if it gets every event, or is removed.
    pub filter: Option<String>,
    /// Whether the client is new, and gets every event that the event table has.
    pub gets_history: bool,
    /// Whether `history` is set only now, after the client was admitted without it.
    pub is_too_late_for_history: bool,
    /// What the client lacks now; none if the ledger does not know it.
    pub backlog: Option<Backlog>,
    /// Whether the client keeps a queue that leaves the stack.
    pub is_let_go: bool,
    /// The client's queue now, if it gets no more events after the deploy.
    pub left_queue: Option<LeftQueue>,
}

/// What a deploy does with a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// The client stays as it is.
    #[default]
    Kept,
    /// The client is new.
    Added,
    /// The client's events go to another queue.
    Moved,
    /// The client receives no more events.
    Removed,
}

/// A queue that gets no more events after the deploy, or the delete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftQueue {
    /// The queue's ARN.
    pub arn: String,
    /// The messages in the queue; none if that isn't known.
    pub depth: Option<Depth>,
    /// Why `depth` isn't known.
    pub unknown: Option<String>,
}

/// A stream that the converter no longer reads after the deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftStream {
    /// The stream's ARN, if an output or a parameter of the stack names it.
    pub arn: Option<String>,
    /// Whether events that were not read from it reach the clients nevertheless, because the new stream is of the same
    /// table: the ledger shows that they are missing, and they are read from the event table.
    pub is_made_up_for: bool,
}

/// An account that will receive events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceivingAccount {
    /// The account's id, twelve digits.
    pub account: String,
    /// Whether it is the stack's own account.
    pub is_own: bool,
    /// Whether it receives no events now.
    pub is_new: bool,
    /// The names of the clients with queues, or targets, in the account.
    pub clients: Vec<String>,
}

/// A queue that the stack would have to make, but that exists: it was kept when its client or its stack was removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueInTheWay {
    /// The queue's ARN.
    pub arn: String,
    /// The queue's URL, at the endpoint of an emulator if there is one.
    pub url: String,
    /// The client that the queue would be made for; none for the stack's own queues.
    pub client: Option<String>,
    /// The stack's account: the remedy is to allow it in the config.
    pub account: String,
    /// The messages in the queue; none if that isn't known.
    pub depth: Option<Depth>,
    /// The stack with the queue among its outputs, if there is one.
    pub stack: Option<String>,
    /// The endpoint of an emulator; none for AWS.
    pub endpoint: Option<String>,
}

/// Plans a deploy of `config` as `stack`, in the place of `naming`.
pub fn plan(stack: &str, config: &Config, naming: &Naming, facts: Facts) -> Plan {
    let is_new = facts.running.is_none();
    let running = facts.running.unwrap_or_default();
    let (depths, endpoint, backlogs) = (&facts.depths, facts.endpoint.as_deref(), facts.backlogs.as_ref());
    let mut clients = clients(config, naming, &running.clients, depths);
    clients.iter_mut().for_each(|client| client.know(backlogs, config, &running));
    let settings = settings::changes(config, &facts.parameters, &running, is_new);
    let views = views::changes(config, &running, is_new);
    let refused_stream = facts.stream.as_ref().and_then(RefusedStream::of);
    let has_no_new_stream = is_new || refused_stream.is_some();
    let left_stream =
        if has_no_new_stream { None } else { left_stream(&settings, &running, backlogs.is_some()) };
    let in_the_way = |kept| in_the_way(kept, naming, depths, endpoint);
    let kept_queues: Vec<_> = facts.kept_queues.into_iter().map(in_the_way).collect();
    let disused_queue = |arn: &QueueArn| DisusedQueue {
        queue: LeftQueue::looked_at(arn, depths),
        url: url(&arn.name, naming, endpoint),
        endpoint: facts.endpoint.clone(),
    };
    let disused_queues: Vec<_> = facts.disused.iter().map(disused_queue).collect();
    let foreign_ledger = ForeignLedger::of_formats(&facts.ledger_formats);
    let concurrency_shortage =
        ConcurrencyShortage::of(facts.concurrency, &facts.parameters, &running.parameters);
    let is_refused = refused_stream.is_some()
        || !kept_queues.is_empty()
        || disused_queues.iter().any(DisusedQueue::is_in_the_way)
        || foreign_ledger.is_some();
    let changes = |client: &PlannedClient| client.change != Change::Kept || client.is_let_go;
    let result = if is_refused {
        PlanResult::Refused
    } else if is_new || !settings.is_empty() || !views.is_empty() || clients.iter().any(changes) {
        PlanResult::Changes
    } else {
        PlanResult::Nothing
    };
    Plan {
        stack: stack.to_owned(),
        region: naming.region.clone(),
        account: naming.account.clone(),
        is_new,
        result,
        targets: targets::planned(config, naming, &running),
        accounts: accounts(config, naming, &running),
        clients,
        settings,
        views,
        unsettled: unsettled(running.config.as_ref(), facts.registry.as_ref()),
        left_stream,
        refused_stream,
        kept_queues,
        disused_queues,
        foreign_ledger,
        concurrency_shortage,
        scan: ScanEstimate::of(facts.table_size, config.scan_read_units),
        warnings: config
            .warnings()
            .into_iter()
            .map(|warning| Finding::of_warning("config", warning))
            .collect(),
        page: facts.page.map(|page| PlannedPage::new(&page, config)),
        unknown: running.no_config,
    }
}

/// The queues that receive events now, and would receive no more after a deploy of `config`.
pub fn left_queues<'r>(config: &Config, naming: &Naming, running: &'r RunningStack) -> Vec<&'r QueueArn> {
    let wanted: Vec<_> = config.clients.iter().map(|client| client.queue_arn(naming)).collect();
    let queues = running.clients.iter().map(|client| &client.queue);
    queues.filter(|queue| !wanted.contains(queue)).collect()
}

impl PlannedClient {
    fn new(name: Option<String>, change: Change, queue: &QueueArn) -> Self {
        Self { name, change, queue_arn: queue.to_string(), account: queue.account.clone(), ..Self::default() }
    }
}

impl RunningStack {
    /// The clients of a stack with `config`.
    pub fn registered(config: &Config, naming: &Naming) -> Vec<RegisteredClient> {
        let registered = |client: &Client| RegisteredClient {
            name: Some(client.name.to_string()),
            queue: client.queue_arn(naming),
            is_own: client.queue == ClientQueue::Own,
        };
        config.clients.iter().map(registered).collect()
    }
}

fn clients(
    config: &Config,
    naming: &Naming,
    running: &[RegisteredClient],
    depths: &Depths,
) -> Vec<PlannedClient> {
    let mut planned = Vec::with_capacity(config.clients.len());
    let mut removed: Vec<&RegisteredClient> = running.iter().collect();
    for client in &config.clients {
        let (name, queue) = (client.name.to_string(), client.queue_arn(naming));
        let is_it = |now: &&RegisteredClient| match &now.name {
            Some(now) => *now == name,
            None => now.queue == queue,
        };
        let now = removed.iter().position(is_it).map(|index| removed.remove(index));
        let filter = client.filter.as_ref().map(ToString::to_string);
        let new = |change| PlannedClient {
            filter: filter.clone(),
            ..PlannedClient::new(Some(name.clone()), change, &queue)
        };
        planned.push(match now {
            None => PlannedClient { gets_history: client.history, ..new(Change::Added) },
            Some(now) if now.queue == queue => {
                let is_let_go = now.is_own && client.queue != ClientQueue::Own;
                PlannedClient { is_let_go, ..new(Change::Kept) }
            }
            Some(now) => {
                let left_queue = Some(LeftQueue::looked_at(&now.queue, depths));
                PlannedClient { left_queue, ..new(Change::Moved) }
            }
        });
    }
    planned.extend(removed.into_iter().map(|now| PlannedClient {
        left_queue: Some(LeftQueue::looked_at(&now.queue, depths)),
        ..PlannedClient::new(now.name.clone(), Change::Removed, &now.queue)
    }));
    planned
}

/// The stream that the deploy leaves. None if the stack gets by name the stream that it has imported so far.
fn left_stream(settings: &[Setting], running: &RunningStack, has_ledger: bool) -> Option<LeftStream> {
    let Setting { old, new, .. } = settings.iter().find(|setting| setting.name == "EventStreamArn")?;
    let arn = running.stream.clone().or_else(|| old.clone()).filter(|arn| !arn.is_empty());
    let table = arn.as_deref().and_then(arn_of_stream);
    let is_made_up_for = has_ledger && table.is_some() && table == arn_of_stream(new);
    (arn.as_ref() != Some(new)).then_some(LeftStream { arn, is_made_up_for })
}

impl LeftQueue {
    /// The queue with this ARN, which holds `depth`.
    pub fn new(arn: String, depth: Result<Depth, String>) -> Self {
        let (depth, unknown) = depth.map_or_else(|why| (None, Some(why)), |depth| (Some(depth), None));
        Self { arn, depth, unknown }
    }

    /// What it holds, or why that isn't known, in words for people.
    fn holds(&self) -> Result<Depth, String> {
        self.depth.ok_or_else(|| printable(self.unknown.as_deref().unwrap_or("no answer")))
    }

    fn looked_at(queue: &QueueArn, depths: &Depths) -> Self {
        let arn = queue.to_string();
        let depth = depths.get(&arn).cloned().unwrap_or_else(|| Err("it was not looked at".to_owned()));
        Self::new(arn, depth)
    }
}

fn accounts(config: &Config, naming: &Naming, running: &RunningStack) -> Vec<ReceivingAccount> {
    let target_of =
        |client: &Client| crate::target_report::account(&client.push.as_ref()?.target, Some(naming));
    let now = running.clients.iter().map(|now| now.queue.account.clone());
    let pushed_now = running.config.iter().flat_map(|config| config.clients.iter().filter_map(target_of));
    let now: BTreeSet<String> = now.chain(pushed_now).collect();
    let mut accounts: Vec<ReceivingAccount> = Vec::new();
    for client in &config.clients {
        let queue = client.queue_arn(naming).account;
        let target = target_of(client).filter(|target| *target != queue);
        for account in [queue].into_iter().chain(target) {
            let name = client.name.to_string();
            if let Some(known) = accounts.iter_mut().find(|known| known.account == account) {
                known.clients.push(name);
                continue;
            }
            let (is_new, is_own) = (!now.contains(&account), account == naming.account);
            accounts.push(ReceivingAccount { account, is_own, is_new, clients: vec![name] });
        }
    }
    accounts
}

fn in_the_way(kept: KeptQueue, naming: &Naming, depths: &Depths, endpoint: Option<&str>) -> QueueInTheWay {
    let depth = depths.get(&kept.arn).and_then(|depth| depth.clone().ok());
    let client = match kept.whose {
        Whose::Client(client) => Some(client),
        Whose::Stack(_) => None,
    };
    QueueInTheWay {
        arn: kept.arn,
        url: url(&kept.name, naming, endpoint),
        client,
        account: naming.account.clone(),
        depth,
        stack: kept.stack,
        endpoint: endpoint.map(str::to_owned),
    }
}

/// The URL of one of the account's queues, as an operator gives it to `aws`.
fn url(name: &str, naming: &Naming, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("{}/{}/{name}", endpoint.trim_end_matches('/'), naming.account),
        None => naming.queue(&naming.account, name).to_string(),
    }
}

/// The command line that runs `aws sqs` with `command` on the queue at `url`.
fn queue_command(command: &str, url: &str, endpoint: Option<&str>) -> String {
    let endpoint = endpoint.map_or_else(String::new, |endpoint| format!(" --endpoint-url {endpoint}"));
    format!("aws{endpoint} sqs {command} --queue-url {url}")
}

fn queue_name(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or(arn)
}

#[cfg(test)]
mod tests;
