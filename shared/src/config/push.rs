//! What a client's queue is delivered to by the stack itself, instead of a consumer of the team's own.

mod arn;
mod eventbridge;
mod headers;
mod host;
mod kinesis;
mod lambda;
mod lists;
mod read;
mod rules;
mod s3;
mod sns;
mod targets;
mod text;
mod url;
mod webhook;

use std::time::Duration;

use crate::config::Path;

pub(super) use host::AllowedHosts;
pub use lists::PushLists;
pub(super) use read::read;
pub(super) use rules::PushRules;
pub(super) use targets::Targets;

/// The most push clients of a stack: each is an event source mapping beside the resources of a hundred queues, and its
/// queue's ARN stands in a parameter, of 4,096 characters (CloudFormation quotas), and in a role's policies, of 10,240
/// together (IAM quotas).
pub const PUSH_LIMIT: usize = 30;

/// Where the events of a push client go, and what becomes of one that can't be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Where to.
    pub target: PushTarget,
    /// After which time in the queue an event that fails counts as refused for good; `None`: never.
    pub give_up_after: Option<Duration>,
    /// What becomes of an event that the target refuses for good.
    pub on_refused: OnRefused,
}

/// What becomes of an event that the target refuses for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefused {
    /// Its group is held, until an operator releases it.
    #[default]
    Hold,
    /// It is left out, with a rejection.
    Skip,
}

/// What a client's events are delivered to. A kind is a variant here, a file in `push/src/kind`, and a row in the contract
/// suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushTarget {
    /// A POST to a URL, signed by Standard Webhooks.
    Webhook(WebhookTarget),
    /// An invocation of a function.
    Lambda(LambdaTarget),
    /// A topic.
    Sns(SnsTarget),
    /// A classic event bus.
    EventBridge(EventBridgeTarget),
    /// A data stream.
    Kinesis(KinesisTarget),
    /// An object for each event.
    S3(S3Target),
}

/// `[client.push.webhook]`. `Debug` shows no header's value.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookTarget {
    /// Where to.
    pub url: WebUrl,
    /// The secret that signs.
    pub secret: SecretArn,
    /// How long an answer may take: 1 to 20 s.
    pub timeout: Duration,
    /// Headers of the team's own: lower-case names, sorted.
    pub headers: Vec<(String, String)>,
    /// How it gets a token, if it needs one.
    pub oauth: Option<OAuth>,
}

/// `[client.push.webhook.oauth]`: client credentials (RFC 6749, 4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuth {
    /// Where tokens are had.
    pub token_url: WebUrl,
    /// Who asks.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretArn,
    /// What for.
    pub scope: Option<String>,
    /// For whom.
    pub audience: Option<String>,
}

/// An HTTPS URL whose host may receive events. `Debug` shows no query.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUrl {
    /// Lower case, a name or an address; IPv6 without brackets.
    pub host: String,
    /// 443, if the URL has none.
    pub port: u16,
    /// Begins with `/`.
    pub path_and_query: String,
    /// Whether `allowed_hosts` says that the host's address may be a private one.
    pub is_internal: bool,
}

/// The ARN of what holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretArn {
    /// A secret of Secrets Manager.
    SecretsManager(String),
    /// A parameter of Systems Manager.
    Parameter(String),
}

/// `[client.push.lambda]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LambdaTarget {
    /// The function's ARN, perhaps with an alias or version.
    pub function: TargetArn,
    /// Whether one invocation gets up to ten events of a group as a list.
    pub batch: bool,
}

/// `[client.push.sns]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnsTarget {
    /// The topic's ARN.
    pub topic: TargetArn,
    /// Attributes for subscriptions' filters: name, and the field of the body that it has.
    pub attributes: Vec<(String, Path)>,
}

impl SnsTarget {
    /// Whether the topic keeps order.
    pub fn is_fifo(&self) -> bool {
        self.topic.resource.ends_with(".fifo")
    }
}

/// `[client.push.eventbridge]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBridgeTarget {
    /// The bus's ARN.
    pub bus: TargetArn,
    /// `Source` of each entry.
    pub source: String,
    /// `DetailType` of each entry; `None`: the event's name.
    pub detail_type: Option<String>,
}

/// `[client.push.kinesis]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KinesisTarget {
    /// The stream's ARN.
    pub stream: TargetArn,
}

/// `[client.push.s3]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Target {
    /// The bucket's name.
    pub bucket: String,
    /// The account that owns it; `None`: the stack's.
    pub account: Option<String>,
    /// What keys begin with, without a slash at its end; empty for nothing.
    pub prefix: String,
    /// The KMS key's ARN that objects are encrypted with; `None`: the bucket's own.
    pub kms_key: Option<String>,
    /// Whether an aggregate's objects are deleted when it is erased.
    pub deletes_erased: bool,
}

/// The ARN of a target, of a service that the kind names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetArn {
    /// `aws`, ….
    pub partition: String,
    /// Where it is.
    pub region: String,
    /// Twelve digits.
    pub account: String,
    /// What follows the account: `function:name:alias`, a topic's name, `event-bus/name`, `stream/name`.
    pub resource: String,
    /// The whole.
    pub text: String,
}

impl PushTarget {
    /// The word for the kind, as the config has it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Lambda(_) => "lambda",
            Self::Sns(_) => "sns",
            Self::EventBridge(_) => "eventbridge",
            Self::Kinesis(_) => "kinesis",
            Self::S3(_) => "s3",
        }
    }

    /// The target's ARN; none for a URL, and for a bucket, whose ARN names neither account nor region.
    pub fn arn(&self) -> Option<&TargetArn> {
        match self {
            Self::Lambda(target) => Some(&target.function),
            Self::Sns(target) => Some(&target.topic),
            Self::EventBridge(target) => Some(&target.bus),
            Self::Kinesis(target) => Some(&target.stream),
            Self::Webhook(_) | Self::S3(_) => None,
        }
    }

    /// Whether events leave AWS for a URL: then `PushHttp` delivers, else `PushAws`.
    pub fn is_web(&self) -> bool {
        matches!(self, Self::Webhook(_))
    }

    /// Whether the target keeps the order in which it gets the events of an aggregate.
    pub fn keeps_order(&self) -> bool {
        match self {
            Self::Sns(target) => target.is_fifo(),
            Self::EventBridge(_) => false,
            Self::Webhook(_) | Self::Lambda(_) | Self::Kinesis(_) | Self::S3(_) => true,
        }
    }
}
