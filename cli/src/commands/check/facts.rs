//! The facts about a deployed stack, as AWS returned them.

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

/// The facts about a deployed stack. A part that could not be looked at is the error of its call.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) stack: String,
    pub(super) place: Naming,
    /// The ARN of the fan-out's role.
    pub(super) fan_out_role: String,
    /// The ARN of the policy with the rights to look at all of this.
    pub(super) watch_policy: Option<String>,
    /// The config in the file.
    pub(super) config: Config,
    /// The config that the functions run with (none if it is invalid), or why it isn't known.
    pub(super) running: Result<Option<Config>, UnknownConfig>,
    /// The stack's own queues, then the clients' in the order of the config.
    pub(super) queues: Vec<Queue>,
    /// The ARN of the stream that the stack reads.
    pub(super) stream: Option<String>,
    /// The table of that stream.
    pub(super) table: Option<Result<Table, CallError>>,
    /// The converter's event source mappings.
    pub(super) converter: Result<Vec<Mapping>, CallError>,
    /// The fan-out's event source mappings.
    pub(super) fan_out: Result<Vec<Mapping>, CallError>,
    pub(super) ledger: Result<Ledger, CallError>,
    /// When the facts were collected.
    pub(super) now: Timestamp,
}

/// The facts about a stack's ledger.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    /// The name of its table.
    pub(super) name: String,
    /// The table's status: `ACTIVE`, ….
    pub(super) status: Result<String, CallError>,
    /// Whether the table has point-in-time recovery.
    pub(super) has_recovery: Result<bool, CallError>,
    pub(super) catch_up: Result<Function, CallError>,
    pub(super) content: Result<Content, CallError>,
}

/// The items of a ledger that show whether the catch-up function does its work.
#[derive(Clone, Debug)]
pub(super) struct Content {
    /// None if the ledger is empty.
    pub(super) registry: Option<Registry>,
    /// When the last comparison of table and ledger began.
    pub(super) compared_at: Option<Timestamp>,
    /// The clients that are not retired.
    pub(super) clients: Vec<ClientStatus>,
}

/// The facts about a queue.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) whose: Whose,
    pub(super) arn: QueueArn,
    /// By SQS's names.
    pub(super) attributes: Result<BTreeMap<String, String>, CallError>,
    /// The KMS key that encrypts it, if one does and it isn't SQS's own.
    pub(super) key: Option<Result<Key, CallError>>,
}

/// Whose a queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The stack's.
    Stack(OwnQueue),
    /// A client's, made by the stack.
    Own {
        client: String,
        /// Whether the stack has made it.
        is_deployed: bool,
    },
    /// A client's, made by its team.
    Existing {
        client: String,
        /// Whether the fan-out's role has the right to send to it.
        is_deployed: bool,
    },
}

/// The ARN of the key that encrypts the queue `arn`, by its `attributes`. A key or alias without an account is one of
/// the queue's account.
pub(super) fn key_arn(arn: &QueueArn, attributes: &BTreeMap<String, String>) -> Option<String> {
    let id = attributes.get("KmsMasterKeyId").filter(|id| !id.is_empty())?;
    if id.starts_with("arn:") {
        return Some(id.clone());
    }
    let QueueArn { partition, region, account, .. } = arn;
    let resource = if id.starts_with("alias/") { id.clone() } else { format!("key/{id}") };
    Some(format!("arn:{partition}:kms:{region}:{account}:{resource}"))
}

/// Whether the key with this ARN is the one that SQS has in each account.
pub(super) fn is_of_sqs(key_arn: &str) -> bool {
    key_arn.ends_with(":alias/aws/sqs")
}
