//! What is known of a deployed stack, before anything is made of it.

use std::collections::BTreeMap;

use shared::config::{Config, QueueArn};
use shared::ledger::Control;
use shared::place::{OwnQueue, Place};
use shared::time::Timestamp;

use crate::aws::CallError;
use crate::aws::kms::Key;
use crate::aws::lambda::{Function, Mapping};
use crate::aws::table::Table;
use crate::standing::Served;

/// What is known of a deployed stack. What could not be looked at is there as the error.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The stack's name.
    pub stack: String,
    /// Where it runs.
    pub place: Place,
    /// The roles of its functions.
    pub roles: Roles,
    /// The ARN of the policy that lets somebody look at all of this.
    pub watch_policy: Option<String>,
    /// The config in the file.
    pub config: Config,
    /// The config that the functions run with (none if it isn't one), or why it isn't known.
    pub running: Result<Option<Config>, UnknownRunning>,
    /// The stack's own queues, then the clients' in the order of the config.
    pub queues: Vec<Queue>,
    /// The ARN of the stream that the stack reads.
    pub stream: Option<String>,
    /// The table of that stream.
    pub table: Option<Result<Table, CallError>>,
    /// What the converter is called for.
    pub converter: Result<Vec<Mapping>, CallError>,
    /// What the fan-out is called for.
    pub fan_out: Result<Vec<Mapping>, CallError>,
    /// The stack's ledger; nothing if it has none.
    pub ledger: Option<Ledger>,
    /// The moment.
    pub now: Timestamp,
}

/// What is known of a stack's ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// The name of its table.
    pub name: String,
    /// The table's status: `ACTIVE`, ….
    pub status: Result<String, CallError>,
    /// Whether the table can be brought back as it was.
    pub has_recovery: Result<bool, CallError>,
    /// The catch-up function.
    pub catch_up: Result<Function, CallError>,
    /// What is in the table.
    pub content: Result<Content, CallError>,
}

/// What is in a ledger, as far as it tells whether the catch-up function does its work.
#[derive(Clone, Debug)]
pub struct Content {
    /// Who is served; nothing if the ledger is empty.
    pub control: Option<Control>,
    /// When the last comparison of table and ledger began.
    pub compared_at: Option<Timestamp>,
    /// How far each client is that is served.
    pub clients: Vec<Served>,
}

impl Facts {
    /// Whether the config that runs asks for a ledger; if that isn't known, the file's.
    pub fn wants_ledger(&self) -> bool {
        let running = self.running.as_ref().ok().and_then(Option::as_ref);
        running.unwrap_or(&self.config).source.version.is_some()
    }
}

/// Why it isn't known which config the functions run with.
#[derive(Clone, Debug, thiserror::Error)]
pub enum UnknownRunning {
    /// The template or the package could not be read.
    #[error(transparent)]
    Unread(CallError),
    /// The template names no package, or the package has no config.
    #[error("{0}")]
    NotThere(String),
}

/// The ARNs of the functions' roles.
#[derive(Clone, Debug)]
pub struct Roles {
    /// The converter's.
    pub converter: String,
    /// The fan-out's.
    pub fan_out: String,
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Whose it is.
    pub whose: Whose,
    /// Its ARN.
    pub arn: QueueArn,
    /// Its attributes, by SQS's names.
    pub attributes: Result<BTreeMap<String, String>, CallError>,
    /// The KMS key that encrypts it, if one does and it isn't AWS's own.
    pub key: Option<Result<Key, CallError>>,
}

/// Whose a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The stack's.
    Stack(OwnQueue),
    /// A client's, made by the stack.
    Own {
        /// The client's name.
        client: String,
        /// Whether the stack has made it.
        is_deployed: bool,
    },
    /// A client's, made by somebody else.
    Existing {
        /// The client's name.
        client: String,
        /// Whether the fan-out's role has the right to send to it.
        is_deployed: bool,
    },
}

/// The ARN of the key that `attributes` say encrypts the queue `arn`. A name without an account is one of the queue's
/// account.
pub fn key_arn(arn: &QueueArn, attributes: &BTreeMap<String, String>) -> Option<String> {
    let id = attributes.get("KmsMasterKeyId").filter(|id| !id.is_empty())?;
    if id.starts_with("arn:") {
        return Some(id.clone());
    }
    let QueueArn { partition, region, account, .. } = arn;
    let resource = if id.starts_with("alias/") { id.clone() } else { format!("key/{id}") };
    Some(format!("arn:{partition}:kms:{region}:{account}:{resource}"))
}

/// Whether the key with this ARN is the one that SQS has in every account.
pub fn is_of_sqs(key_arn: &str) -> bool {
    key_arn.ends_with(":alias/aws/sqs")
}
