//! Findings about the targets of push clients: whether each is there, and as it must be. What an operator has no right to look at
//! is no fault of the target.

use std::time::Duration;

use aws::operator::host::HostState;
use aws::operator::kms::Key;
use aws::operator::lambda::Function;
use aws::operator::s3::BucketState;
use aws::operator::{CallError, CallFault};
use shared::config::{PushTarget, S3Target, SecretArn, TargetArn, WebUrl, WebhookTarget};
use shared::exchange::NoAnswer;
use shared::sample::Severity;
use shared::text::counted;

use super::look::{KeyFacts, SecretState, TargetFacts, TargetState, WebhookState};
use super::{Findings, remedy};
use crate::access::{Access, Destination, Policy, SendRequest};
use crate::finding::Finding;
use crate::output::instant;

/// How long before its end a certificate should have been renewed.
const RENEWAL: Duration = Duration::from_secs(14 * 86_400);

/// How long push waits for a function, in seconds (docs/push.md).
const FUNCTION_LIMIT: i32 = 20;

/// Finds what is wrong with the targets.
pub(super) fn find(findings: &mut Findings<'_>) {
    let facts = findings.facts;
    let Some(targets) = findings.seen("targets of push clients", &facts.targets) else { return };
    for target in targets {
        let subject = format!("target of client `{}`", target.client);
        Inspection { findings, target, subject, key: String::new() }.everything();
    }
}

/// One target, on its way to findings.
struct Inspection<'a, 'f> {
    findings: &'a mut Findings<'f>,
    target: &'a TargetFacts,
    subject: String,
    /// The key of the config that the next findings are about.
    key: String,
}

impl Inspection<'_, '_> {
    fn everything(mut self) {
        let TargetFacts { target, state, .. } = self.target;
        match (state, target) {
            (TargetState::Webhook(state), PushTarget::Webhook(webhook)) => self.webhook(state, webhook),
            (TargetState::Function(function), PushTarget::Lambda(target)) => {
                self.about("lambda.function");
                let Some(function) = self.existing(&target.function.text, function) else { return };
                self.function(function);
            }
            (TargetState::Topic(attributes, key), PushTarget::Sns(target)) => {
                self.about("sns.topic");
                let Some(attributes) = self.existing(&target.topic.text, attributes) else { return };
                let is_fifo = attributes.get("FifoTopic").is_some_and(|value| value == "true");
                let policy = attributes.get("Policy").map(String::as_str);
                match (is_fifo, target.is_fifo()) {
                    (false, true) => self.add(
                        "is not FIFO, though its name says so, and `plan`: events would come in any order",
                        "make a FIFO topic, and name it in the config",
                    ),
                    (true, false) => self.add(
                        "is FIFO, and `plan` says that order ends there: it takes no event without a group",
                        "name a topic whose name ends in `.fifo`, or a standard one",
                    ),
                    _ => {}
                }
                self.policy(policy, Destination::Topic(&target.topic), &target.topic);
                self.encryption(key.as_ref());
            }
            (TargetState::Bus(bus, key), PushTarget::EventBridge(target)) => {
                self.about("eventbridge.bus");
                let Some(bus) = self.existing(&target.bus.text, bus) else { return };
                self.policy(bus.policy.as_deref(), Destination::Bus(&target.bus), &target.bus);
                self.encryption(key.as_ref());
            }
            (TargetState::Stream(stream, key), PushTarget::Kinesis(target)) => {
                self.about("kinesis.stream");
                let Some(stream) = self.existing(&target.stream.text, stream) else { return };
                match stream.status.as_str() {
                    "ACTIVE" | "UPDATING" => {}
                    "CREATING" => self.add("isn't made yet (`CREATING`)", "check again in a minute"),
                    status => self.add(
                        format!("takes nothing: it is `{status}`"),
                        "make it again, or correct `stream` in the config",
                    ),
                }
                self.encryption(key.as_ref());
            }
            (TargetState::Bucket(bucket, key), PushTarget::S3(target)) => {
                self.bucket(bucket, key.as_ref(), target);
            }
            // The state is made from the target.
            _ => {}
        }
    }

    fn function(&mut self, Function { state, reason, timeout }: &Function) {
        let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
        match state.as_str() {
            // Not every emulator says it.
            "Active" | "" => {}
            "Inactive" => self.warn(
                "is `Inactive`, because it was not used for long: the first event brings it back, and comes again",
                "nothing has to be done",
            ),
            "Pending" => self.add(format!("isn't ready yet (`Pending`{reason})"), "check again in a minute"),
            state => self.add(format!("can't run (`{state}`{reason})"), "mend what the reason names"),
        }
        let timeout = timeout.unwrap_or_default();
        if timeout >= FUNCTION_LIMIT {
            let problem = format!(
                "may run for {timeout} s, and push waits for {FUNCTION_LIMIT} s: it would go on while the event comes again"
            );
            self.warn(problem, format!("give it a time-out below {FUNCTION_LIMIT} s"));
        }
    }

    fn bucket(&mut self, state: &Result<BucketState, CallError>, key: Option<&KeyFacts>, target: &S3Target) {
        self.about("s3.bucket");
        let home = self.findings.facts.place.region.clone();
        let owner = self.target.account.clone().unwrap_or_default();
        match state {
            Ok(BucketState::Here { versioning: Some(versioning) }) if target.deletes_erased => {
                let kept = if versioning == "Enabled" { "keeps" } else { "kept" };
                self.about("s3.on_erased");
                self.warn(
                    format!(
                        "{kept} versions (`{versioning}`): what is deleted when an aggregate is erased stays as a noncurrent version"
                    ),
                    "give it a lifecycle rule that ends noncurrent versions, if it has none",
                );
            }
            Ok(BucketState::Here { .. }) => {}
            Ok(BucketState::Elsewhere(region)) => {
                let region =
                    region.as_ref().map_or("another region".to_owned(), |region| format!("`{region}`"));
                self.add(
                    format!("is in {region}, and the stack in `{home}`"),
                    "name a bucket of the stack's region",
                );
            }
            Err(error) if error.fault == CallFault::Missing => self.missing(&target.bucket),
            Err(error) if error.fault == CallFault::NotAllowed => {
                let remedy = format!(
                    "see whether account `{owner}` owns the bucket; {}",
                    self.may_look(error, self.findings.facts.watch_targets_policy.clone())
                );
                let problem =
                    format!("was not looked at: you may not, or account `{owner}` does not own it: {error}");
                self.warn(problem, remedy);
            }
            Err(error) => self.unseen(error),
        }
        self.about("s3.kms_key");
        self.encryption(key);
    }

    fn webhook(&mut self, state: &WebhookState, target: &WebhookTarget) {
        let WebhookState { host, secret, oauth } = state;
        self.about("webhook.url");
        self.host(host, &target.url);
        self.about("webhook.secret");
        self.secret(secret, &target.secret);
        if let (Some((host, secret)), Some(oauth)) = (oauth, &target.oauth) {
            self.about("webhook.oauth.token_url");
            self.host(host, &oauth.token_url);
            self.about("webhook.oauth.client_secret");
            self.secret(secret, &oauth.client_secret);
        }
    }

    fn host(&mut self, state: &HostState, url: &WebUrl) {
        const FROM_HERE: &str =
            "see whether it is up; whether the stack's function can reach it, `fanoutctl check --ping` says";
        let HostState { refused, certificate } = state;
        let host = format!("host `{}:{}`", url.host, url.port);
        let now = self.findings.facts.now;
        if let (Some(address), false) = (refused.first(), matches!(certificate, Err(NoAnswer::Address(_)))) {
            self.warn(
                format!(
                    "its {host} has the address {address} among others, which may not be asked, and never is"
                ),
                "take it out of DNS",
            );
        }
        match certificate {
            Ok(end) if end.since(now) < RENEWAL => {
                let days = end.since(now).as_secs() / 86_400;
                self.warn(
                    format!(
                        "the certificate of its {host} ends in {}, at {}",
                        counted(days, "day"),
                        instant(*end)
                    ),
                    "have it renewed: nothing is delivered when it has ended",
                );
            }
            Ok(_) => {}
            Err(error @ NoAnswer::Address(_)) => {
                self.add(format!("its {host} can't be asked: {error}"), "correct the URL, the config or DNS");
            }
            Err(error @ NoAnswer::Tls(_)) => self.add(
                format!("its {host} can't be asked: {error}"),
                "have its certificate be for this name, of an authority that everybody trusts, and not ended",
            ),
            // Names of a private network are known there alone.
            Err(error @ NoAnswer::Name(_)) if !url.is_internal => {
                self.add(format!("its {host} can't be asked: {error}"), "correct the URL, or DNS");
            }
            Err(error) => self.warn(format!("its {host} was not looked at: from here, {error}"), FROM_HERE),
        }
    }

    fn secret(&mut self, state: &SecretState, arn: &SecretArn) {
        let named = format!("its secret `{}`", arn.as_str());
        let error = match state {
            SecretState::Secret(Ok(secret)) => {
                if secret.is_deleted {
                    self.add(
                        format!("{named} is being deleted, and can't be read"),
                        "restore it (`aws secretsmanager restore-secret`), or name another in the config",
                    );
                } else if !secret.has_value {
                    self.add(format!("{named} has no value yet"), "put one in");
                }
                return;
            }
            SecretState::Parameter(Ok(())) => return,
            SecretState::Foreign => {
                return self.warn(
                    format!("{named} was not looked at: it is another account's"),
                    "whether the stack's function can read it, `fanoutctl check --ping` says",
                );
            }
            SecretState::Secret(Err(error)) | SecretState::Parameter(Err(error)) => error,
        };
        match error.fault {
            CallFault::Missing => self.add(
                format!("{named} doesn't exist"),
                "make it, or correct its ARN in the config (a secret that is made anew has another)",
            ),
            CallFault::NotAllowed => {
                let remedy = self.may_look(error, self.findings.facts.watch_secrets_policy.clone());
                self.warn(format!("{named} was not looked at: you may not: {error}"), remedy);
            }
            _ => self.unseen(error),
        }
    }

    /// Whether the policy of a topic or a bus lets the stack's function send.
    fn policy(&mut self, policy: Option<&str>, to: Destination<'_>, arn: &TargetArn) {
        let place = &self.findings.facts.place;
        let (role, account) = (place.push_aws_role_arn(), place.account.clone());
        let policy = match policy {
            Some(text) => Policy::try_new(text),
            None => Ok(Policy::default()),
        };
        let access = match policy {
            Ok(policy) => policy.access(&SendRequest { role: &role, account: &account, to }),
            Err(error) => {
                return self.add(format!("has a policy that can't be read: {error}"), "mend its policy");
            }
        };
        let (right, text) = (to.action(), &arn.text);
        let remedy = format!("let `{role}` do that in its policy: `{right}` on `{text}`");
        match access {
            Access::Allowed => {}
            Access::Denied { statement } => self.add(
                format!("forbids the stack's function to send (statement `{statement}` of its policy)"),
                remedy,
            ),
            Access::NotAllowed => self.add("doesn't let the stack's function send", remedy),
            Access::Unclear { statement, reason } => self.warn(
                format!(
                    "may or may not let the stack's function send: statement `{statement}` of its policy depends on {reason}"
                ),
                format!("{remedy}; whether it can, `fanoutctl push test {}` says", self.target.client),
            ),
        }
    }

    fn encryption(&mut self, key: Option<&KeyFacts>) {
        let Some(KeyFacts { arn, key }) = key else { return };
        let is_of_aws = match key {
            None => true,
            Some(key) => key.as_ref().is_ok_and(|key| key.is_of_aws),
        };
        match key {
            _ if is_of_aws && self.is_foreign() => self.add(
                "is encrypted with a key of AWS's own, which no other account can use",
                "encrypt it with a customer managed key, or not",
            ),
            Some(Ok(Key { state, .. })) if state != "Enabled" => {
                self.add(
                    format!("can't be used: its key `{arn}` is `{state}`"),
                    "bring the key back, or encrypt with another",
                );
            }
            Some(Err(error)) if error.fault == CallFault::Missing => {
                self.add(format!("can't be used: its key `{arn}` doesn't exist"), "encrypt with another");
            }
            Some(Err(error)) if error.fault == CallFault::NotAllowed => {
                let place = &self.findings.facts.place;
                let is_here = arn
                    .starts_with(&format!("arn:{}:kms:{}:{}:", place.partition, place.region, place.account));
                let policy = self.findings.facts.watch_policy.as_ref().filter(|_| is_here);
                let remedy = match policy {
                    Some(policy) => format!("attach the policy `{policy}` to your user or role"),
                    None => format!(
                        "let your user or role do that, and the key's policy you (`{}`)",
                        right(error.call)
                    ),
                };
                self.warn(format!("its key was not looked at: you may not: {error}"), remedy);
            }
            Some(Err(error)) => self.unseen(error),
            Some(Ok(_)) | None => {}
        }
    }

    /// What was seen. If the operator had no right to see it, that is a warning.
    fn existing<'r, T>(&mut self, name: &str, seen: &'r Result<T, CallError>) -> Option<&'r T> {
        match seen {
            Ok(seen) => return Some(seen),
            Err(error) if error.fault == CallFault::Missing => self.missing(name),
            Err(error) if error.fault == CallFault::NotAllowed => {
                let remedy = self.may_look(error, self.findings.facts.watch_targets_policy.clone());
                self.warn(format!("was not looked at: you may not: {error}"), remedy);
            }
            Err(error) => self.unseen(error),
        }
        None
    }

    fn missing(&mut self, name: &str) {
        let key = self.key.rsplit('.').next().unwrap_or_default().to_owned();
        self.add(format!("doesn't exist (`{name}`)"), format!("make it, or correct `{key}` in the config"));
    }

    /// How the operator gets the right that `error` says is missing. `policy` is that of the stack which has it.
    fn may_look(&self, error: &CallError, policy: Option<String>) -> String {
        let right = right(error.call);
        match (&self.target.account, policy) {
            (Some(account), _) if self.is_foreign() => {
                format!("let account `{account}` look at it, or have it let you (`{right}`)")
            }
            (_, Some(policy)) => format!(
                "attach the policy `{policy}` to your user or role (it has the targets of the config that is deployed)"
            ),
            (_, None) => format!("let your user or role do that (`{right}`)"),
        }
    }

    /// Whether it is another account's.
    fn is_foreign(&self) -> bool {
        self.target.account.as_ref().is_some_and(|account| *account != self.findings.facts.place.account)
    }

    fn about(&mut self, key: &str) {
        self.key = format!("client.push.{key}");
    }

    fn add(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        let remedy = remedy.into();
        let remedy = match &self.target.account {
            Some(account) if self.is_foreign() => format!("ask account `{account}` to do this: {remedy}"),
            _ => remedy,
        };
        self.push(problem, remedy, Severity::Fault);
    }

    fn warn(&mut self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.push(problem, remedy, Severity::Warning);
    }

    fn unseen(&mut self, error: &CallError) {
        let remedy = remedy(self.findings.facts, error);
        self.push(format!("can't be checked: {error}"), remedy, Severity::Fault);
    }

    fn push(&mut self, problem: impl Into<String>, remedy: impl Into<String>, severity: Severity) {
        let finding = Finding::new(&self.subject, problem, remedy, severity);
        self.findings.list.push(Finding { key: Some(self.key.clone()), ..finding });
    }
}

/// The right that a call takes (Service Authorization Reference).
fn right(call: &str) -> String {
    let service = match call {
        "GetFunctionConfiguration" => "lambda",
        "GetTopicAttributes" => "sns",
        "DescribeEventBus" => "events",
        "DescribeStreamSummary" => "kinesis",
        "GetBucketVersioning" => "s3",
        "DescribeSecret" => "secretsmanager",
        "ListTagsForResource" => "ssm",
        "DescribeKey" => "kms",
        _ => return call.to_owned(),
    };
    format!("{service}:{call}")
}
