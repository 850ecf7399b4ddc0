//! The facts about the targets of push clients, as AWS, DNS and TLS say them. Nothing is sent to a target, and no secret is
//! read.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws::operator::bus::{Bus, bus};
use aws::operator::host::{HostState, Hosts};
use aws::operator::kms::{self, Key};
use aws::operator::lambda::{self, Function};
use aws::operator::s3::{Bucket, BucketState, look_at_bucket};
use aws::operator::secret::{Secret, look_at_parameter, secret};
use aws::operator::stream::{Stream, stream};
use aws::operator::{CallError, Target, topic};
use aws::web::WebSettings;
use futures_util::{StreamExt as _, stream as futures};
use shared::config::{Config, PushTarget, S3Target, SecretArn, TargetArn, WebhookTarget};
use shared::naming::Naming;

use crate::commands::CALLS_AT_ONCE;
use crate::target_report::account;

/// The target of a push client.
#[derive(Clone, Debug)]
pub(super) struct TargetFacts {
    /// The client's name.
    pub(super) client: String,
    /// As the file's config has it.
    pub(super) target: PushTarget,
    /// The account that owns it; none for a URL.
    pub(super) account: Option<String>,
    pub(super) state: TargetState,
}

/// How a target is. A part that could not be looked at is the error of its call.
#[derive(Clone, Debug)]
pub(super) enum TargetState {
    Webhook(WebhookState),
    Function(Result<Function, CallError>),
    /// A topic's attributes.
    Topic(Result<BTreeMap<String, String>, CallError>, Option<KeyFacts>),
    Bus(Result<Bus, CallError>, Option<KeyFacts>),
    Stream(Result<Stream, CallError>, Option<KeyFacts>),
    /// With the key that the config names.
    Bucket(Result<BucketState, CallError>, Option<KeyFacts>),
}

/// What a webhook depends on.
#[derive(Clone, Debug)]
pub(super) struct WebhookState {
    pub(super) host: HostState,
    pub(super) secret: SecretState,
    /// The host that gives tokens, and the secret that it takes.
    pub(super) oauth: Option<(HostState, SecretState)>,
}

/// What holds a secret.
#[derive(Clone, Debug)]
pub(super) enum SecretState {
    Secret(Result<Secret, CallError>),
    /// It is there.
    Parameter(Result<(), CallError>),
    /// A parameter of another account, of which no call says whether it is there.
    Foreign,
}

/// The key that encrypts a target.
#[derive(Clone, Debug)]
pub(super) struct KeyFacts {
    pub(super) arn: String,
    /// None for a key that AWS has for a service in each account: that one can be used there.
    pub(super) key: Option<Result<Key, CallError>>,
}

/// What looks.
struct Looks<'t> {
    target: &'t Target,
    /// Made when the first host is looked at: it reads the system's certificates.
    hosts: LazyLock<Hosts>,
    naming: &'t Naming,
}

/// The targets of the push clients of `config`, in its order.
///
/// # Errors
///
/// [`CallError`]: none can be looked at.
pub(super) async fn targets(
    target: &Target,
    naming: &Naming,
    config: &Config,
) -> Result<Vec<TargetFacts>, CallError> {
    let pushed = config.clients.iter().filter_map(|client| Some((client, &client.push.as_ref()?.target)));
    let pushed: Vec<_> = pushed.collect();
    if pushed.is_empty() {
        return Ok(Vec::new());
    }
    let hosts: LazyLock<Hosts> = LazyLock::new(|| Hosts::new(WebSettings::default()));
    let looks = Looks { target, hosts, naming };
    let states = pushed.into_iter().map(async |(client, target)| TargetFacts {
        client: client.name.to_string(),
        target: target.clone(),
        account: account(target, Some(naming)),
        state: looks.state(target).await,
    });
    Ok(futures::iter(states).buffered(CALLS_AT_ONCE).collect().await)
}

impl Looks<'_> {
    async fn state(&self, target: &PushTarget) -> TargetState {
        match target {
            PushTarget::Webhook(webhook) => TargetState::Webhook(self.webhook(webhook).await),
            PushTarget::Lambda(function) => {
                TargetState::Function(lambda::function(self.target, &function.function.text).await)
            }
            PushTarget::Sns(sns) => {
                let attributes = topic::attributes(self.target, &sns.topic.text).await;
                let id = attributes.as_ref().ok().and_then(|attributes| attributes.get("KmsMasterKeyId"));
                let key = self.key_of(&sns.topic, id.map(String::as_str)).await;
                TargetState::Topic(attributes, key)
            }
            PushTarget::EventBridge(eventbridge) => {
                let arn = &eventbridge.bus;
                let is_own = arn.account == self.naming.account;
                // A local EventBridge knows buses by their names alone.
                let name = arn.resource.strip_prefix("event-bus/").filter(|_| is_own).unwrap_or(&arn.text);
                let bus = bus(self.target, &arn.text, name).await;
                let id = bus.as_ref().ok().and_then(|bus| bus.key.as_deref());
                let key = self.key_of(&eventbridge.bus, id).await;
                TargetState::Bus(bus, key)
            }
            PushTarget::Kinesis(kinesis) => {
                let stream = stream(self.target, &kinesis.stream.text).await;
                let id = stream.as_ref().ok().and_then(|stream| stream.key.as_deref());
                let key = self.key_of(&kinesis.stream, id).await;
                TargetState::Stream(stream, key)
            }
            PushTarget::S3(S3Target { bucket, account, kms_key, .. }) => {
                let owner = account.as_ref().unwrap_or(&self.naming.account);
                let key = async || match kms_key {
                    Some(arn) => Some(self.key(arn.clone()).await),
                    None => None,
                };
                let look = look_at_bucket(self.target, Bucket { name: bucket, owner });
                let (state, key) = tokio::join!(look, key());
                TargetState::Bucket(state, key)
            }
        }
    }

    async fn webhook(&self, webhook: &WebhookTarget) -> WebhookState {
        let WebhookTarget { url, secret, oauth, .. } = webhook;
        let host = async |url| self.hosts.look_at(url).await;
        let tokens = async || match oauth {
            Some(oauth) => Some(tokio::join!(host(&oauth.token_url), self.secret(&oauth.client_secret))),
            None => None,
        };
        let (host, secret, oauth) = tokio::join!(host(url), self.secret(secret), tokens());
        WebhookState { host, secret, oauth }
    }

    async fn secret(&self, arn: &SecretArn) -> SecretState {
        match arn {
            SecretArn::SecretsManager(arn) => SecretState::Secret(secret(self.target, arn).await),
            SecretArn::Parameter(_) if arn.account() != self.naming.account => SecretState::Foreign,
            SecretArn::Parameter(arn) => SecretState::Parameter(look_at_parameter(self.target, arn).await),
        }
    }

    /// The key `id` of the target that has this ARN, if it has one.
    async fn key_of(&self, target: &TargetArn, id: Option<&str>) -> Option<KeyFacts> {
        let TargetArn { partition, region, account, .. } = target;
        Some(self.key(key_arn([partition, region, account], id?)).await)
    }

    async fn key(&self, arn: String) -> KeyFacts {
        let key = if arn.contains(":alias/aws/") { None } else { Some(kms::key(self.target, &arn).await) };
        KeyFacts { arn, key }
    }
}

/// The ARN of the key that is called `id` where `place` is: partition, region and account.
pub(super) fn key_arn([partition, region, account]: [&str; 3], id: &str) -> String {
    if id.starts_with("arn:") {
        return id.to_owned();
    }
    let resource = if id.starts_with("alias/") { id.to_owned() } else { format!("key/{id}") };
    format!("arn:{partition}:kms:{region}:{account}:{resource}")
}
