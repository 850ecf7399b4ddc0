//! What is known of a deployed stack, before anything is made of it.

use std::collections::BTreeMap;

use aws::operator::CallError;
use aws::operator::kms::Key;
use aws::operator::lambda::{Function, Mapping};
use aws::operator::table::Table;
use deploy::stack::UnknownConfig;
use shared::config::Config;
use shared::ledger::Registry;
use shared::naming::{Naming, OwnQueue, QueueArn};
use shared::time::Timestamp;

use crate::client_status::ClientStatus;

/// What is known of a deployed stack. What could not be looked at is there as the error.
#[derive(Debug)]
pub(super) struct Facts {
    /// The stack's name.
    pub(super) stack: String,
    /// Where it runs.
    pub(super) place: Naming,
    /// The roles of its functions.
    pub(super) roles: Roles,
    /// The ARN of the policy that lets somebody look at all of this.
    pub(super) watch_policy: Option<String>,
    /// The config in the file.
    pub(super) config: Config,
    /// The config that the functions run with (none if it isn't one), or why it isn't known.
    pub(super) running: Result<Option<Config>, UnknownConfig>,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// The ARN of the stream that the stack reads.
    pub(super) stream: Option<String>,
    /// The table of that stream.
    pub(super) table: Option<Result<Table, CallError>>,
    /// What the converter is called for.
    pub(super) converter: Result<Vec<Mapping>, CallError>,
    /// What the fan-out is called for.
    pub(super) fan_out: Result<Vec<Mapping>, CallError>,
    /// The stack's ledger.
    pub(super) ledger: Result<Ledger, CallError>,
    /// The moment.
    pub(super) now: Timestamp,
}

/// What is known of a stack's ledger.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// The name of its table.
    pub(super) name: String,
    /// The table's status: `ACTIVE`, ….
    pub(super) status: Result<String, CallError>,
    /// Whether the table can be brought back as it was.
    pub(super) has_recovery: Result<bool, CallError>,
    /// The catch-up function.
    pub(super) catch_up: Result<Function, CallError>,
    /// What is in the table.
    pub(super) content: Result<Content, CallError>,
}

/// What is in a ledger, as far as it tells whether the catch-up function does its work.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// Who is served; nothing if the ledger is empty.
    pub(super) registry: Option<Registry>,
    /// When the last comparison of table and ledger began.
    pub(super) compared_at: Option<Timestamp>,
    /// How far each client is that is served.
    pub(super) clients: Vec<ClientStatus>,
}

/// The ARNs of the functions' roles.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    /// The converter's.
    pub(super) converter: String,
    /// The fan-out's.
    pub(super) fan_out: String,
}

/// What is known of a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    /// Whose it is.
    pub(super) whose: Whose,
    /// Its ARN.
    pub(super) arn: QueueArn,
    /// Its attributes, by SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The KMS key that encrypts it, if one does and it isn't AWS's own.
    pub(super) key: Option<Result<Key, CallError>>,
}

/// Whose a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
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
pub(super) fn key_arn(arn: &QueueArn, attributes: &BTreeMap<String, String>) -> Option<String> {
    let id = attributes.get("KmsMasterKeyId").filter(|id| !id.is_empty())?;
    if id.starts_with("arn:") {
        return Some(id.clone());
    }
    let QueueArn { partition, region, account, .. } = arn;
    let resource = if id.starts_with("alias/") { id.clone() } else { format!("key/{id}") };
    Some(format!("arn:{partition}:kms:{region}:{account}:{resource}"))
}

/// Whether the key with this ARN is the one that SQS has in every account.
pub(super) fn is_of_sqs(key_arn: &str) -> bool {
    key_arn.ends_with(":alias/aws/sqs")
}
