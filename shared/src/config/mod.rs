//! `client-queues.toml`: the one file that an operator edits.
//!
//! Read ([`raw`]), then validate ([`validate`], [`clients`]) into [`Config`]; only a [`Config`] can be used.

mod clients;
mod filter;
mod findings;
mod names;
mod push;
mod raw;
mod request_role;
mod section;
#[cfg(test)]
mod tests;
mod validate;
mod view;
mod warnings;

use crate::naming::{Naming, QueueArn, QueueUrl, RoleArn};
use crate::pattern::Pattern;

pub use crate::path::{InvalidPath, Path};
pub use findings::{ConfigFinding, Findings};
pub use names::InvalidClientName;
pub use push::{
    EventBridgeTarget, KinesisTarget, LambdaTarget, OAuth, OnRefused, PUSH_LIMIT, Push, PushLists,
    PushTarget, S3Target, SecretArn, SnsTarget, TargetArn, WebUrl, WebhookTarget,
};
pub use view::{ClientView, CloudEventsSource, Envelope, InvalidSource, Members};
pub use warnings::ConfigWarning;

/// The most clients whose queues the stack makes: 500 resources and 200 outputs of a template are the limit
/// (CloudFormation quotas).
pub const OWN_LIMIT: usize = 100;

/// The most clients with existing queues: each stands in the fan-out role's policies, of 10,240 characters together
/// (IAM quotas).
pub const EXISTING_LIMIT: usize = 30;

/// The most roles that may ask for replays: a queue's policy has at most 50 principals (SQS quotas).
pub const REQUEST_ROLE_LIMIT: usize = 50;

/// A valid configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where events come from and what they are made of.
    pub source: Source,
    /// Who receives them, at least one, up to [`OWN_LIMIT`] and [`EXISTING_LIMIT`] of a kind; in the order of the file.
    pub clients: Vec<Client>,
    /// How many requests to one queue may be in flight at once; 1 to 50.
    pub requests_in_flight: usize,
    /// How many read units of the event table scans may take in a second; 1 to 100,000.
    pub scan_read_units: u32,
}

/// The event table, and which of its attributes mean what. An event is an item that is new in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The attribute that is the table's partition key: the aggregate's key, of which its group is made.
    pub partition_key: String,
    /// The attribute that is the table's sort key.
    pub sort_key: String,
    /// Where the event's own id is. If it is named here, an event without it is rejected.
    pub id: Option<Path>,
    /// Where the event's name is.
    pub name: Option<Path>,
    /// Where the event's time is.
    pub time: Option<Path>,
    /// Where the event's number inside its aggregate is. An event without it is rejected.
    pub version: VersionPlace,
    /// Which items are events, by their JSON; none if all are.
    pub filter: Option<Pattern>,
}

/// Where an event's version is, and how it is written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPlace {
    /// Where it is: in a number, or in text.
    pub path: Path,
    /// What stands before its digits: `EVENT#`. Then it is in text only.
    pub after: Option<String>,
    /// The version of an aggregate's first event: 0 or 1.
    pub first: i64,
}

/// The most characters of a parameter's value (CloudFormation quotas).
const PARAMETER_LIMIT: usize = 4_096;

/// The highest version that an event can have: 18 digits, so that no sum of versions is too large for an `i64`.
pub const VERSION_LIMIT: i64 = 999_999_999_999_999_999;

/// A team that receives events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// What the client is called in logs, metrics and queue names.
    pub name: ClientName,
    /// Where its events go.
    pub queue: ClientQueue,
    /// Whether it wants every event that the table has when it joins, not only those that come then.
    pub history: bool,
    /// Whether it is told when an aggregate is erased.
    pub erasures: bool,
    /// Which events it wants, by their JSON and by what their messages say; none if it wants all.
    pub filter: Option<Pattern>,
    /// What it gets of each event.
    pub view: ClientView,
    /// The role whose sessions may ask for replays; none if only an operator does.
    pub request_role: Option<RoleArn>,
    /// What the stack delivers its queue to; none if a consumer of the team's own reads it.
    pub push: Option<Push>,
}

/// A client's name: `^[A-Za-z][A-Za-z0-9]{0,39}$`, because it becomes part of a CloudFormation logical id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientName(String);

/// A client's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientQueue {
    /// Made by the stack.
    Own,
    /// Existing, perhaps in another account.
    Existing(QueueArn),
}

impl Client {
    /// The URL of the client's queue, computed without a call.
    pub fn queue_url(&self, naming: &Naming) -> QueueUrl {
        match &self.queue {
            ClientQueue::Own => naming.client_queue(self.name.as_str()),
            ClientQueue::Existing(arn) => naming.queue(&arn.account, &arn.name),
        }
    }

    /// The ARN of the client's queue.
    pub fn queue_arn(&self, naming: &Naming) -> QueueArn {
        match &self.queue {
            ClientQueue::Own => naming.client_queue_arn(self.name.as_str()),
            ClientQueue::Existing(arn) => arn.clone(),
        }
    }
}

impl Config {
    /// Reads and validates `text`, the content of `file`; `file` is only named in findings.
    ///
    /// With `place`, existing queues must be in the stack's partition and region, and none may be one of its own
    /// queues. Without it they must agree with each other, and none may have the name of an own queue, whatever the
    /// prefix and the account.
    ///
    /// # Errors
    ///
    /// [`Findings`]: everything that is wrong, sorted by line. Where the text is not TOML, only that.
    pub fn try_from_toml(file: &str, text: &str, naming: Option<&Naming>) -> Result<Self, Findings> {
        let mut report = findings::Report::new(file, text);
        let config =
            raw::read(text, &mut report).and_then(|raw| validate::validate(raw, naming, &mut report));
        report.into_result(config)
    }

    /// The roles that may ask for replays, each once, in the order of the file.
    pub fn request_roles(&self) -> Vec<&RoleArn> {
        let mut roles = Vec::new();
        for role in self.clients.iter().filter_map(|client| client.request_role.as_ref()) {
            if !roles.contains(&role) {
                roles.push(role);
            }
        }
        roles
    }

    /// What the stack's parameters list of its push clients. `partition` is the stack's: ARNs of buckets name it.
    pub fn push_lists(&self, partition: &str) -> PushLists {
        let mut lists = PushLists::default();
        for push in self.clients.iter().filter_map(|client| client.push.as_ref()) {
            lists.add(push, partition);
        }
        lists
    }

    /// The clients whose queues the stack makes, in the order of the file.
    pub fn own_clients(&self) -> impl Iterator<Item = &ClientName> {
        self.clients.iter().filter(|client| client.queue == ClientQueue::Own).map(|client| &client.name)
    }
}
