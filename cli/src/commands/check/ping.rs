//! `check --ping`: a sample event for each webhook, brought by the stack's own function. Other targets get none: they would keep
//! it, or do with it what they do with events.

use aws::operator::cloudformation::DeployedStack;
use aws::operator::{CallFault, Target};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use shared::config::{Config, PushTarget};
use shared::control::{PushFailureKind, PushTestAnswer, PushTestFailure};
use shared::sample::Severity;
use shared::text::printable;

use super::Findings;
use super::collect::Facts;
use crate::args::stack_option;
use crate::commands::push::bring;
use crate::exit::Failure;
use crate::finding::Finding;

/// The most pings at once: each is an execution of the push function, which has others to do.
const PINGS_AT_ONCE: usize = 4;

const NOT_DEPLOYED: &str = "none is sent: the config that runs has another target, or it isn't known";

/// What became of the sample event for a client's target.
#[derive(Debug)]
pub(super) struct Ping {
    pub(super) client: String,
    /// The word for the kind of its target.
    pub(super) kind: &'static str,
    pub(super) outcome: Outcome,
}

/// What became of a sample event.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The target was asked.
    Asked(PushTestAnswer),
    /// None is sent to such a target.
    OtherKind,
    /// The config that runs has another target, or it isn't known.
    NotDeployed,
    /// Whether the target was asked isn't known.
    Failed(Failure),
}

/// The same for programs.
#[derive(Debug, Serialize)]
pub(super) struct PingRow {
    client: String,
    /// `webhook`, `lambda`, `sns`, `eventbridge`, `kinesis` or `s3`.
    kind: &'static str,
    /// What the target did.
    answer: Option<PushTestAnswer>,
    /// Why there is no answer, if there is none.
    no_answer: Option<String>,
}

/// Has the stack's function bring a sample event to each webhook of the file's config that runs.
///
/// # Errors
///
/// [`Failure`]: who asks isn't known.
pub(super) async fn all(target: &Target, stack: &DeployedStack, facts: &Facts) -> Result<Vec<Ping>, Failure> {
    let caller = target.caller().await?.arn;
    let running = facts.running.as_ref().ok().and_then(Option::as_ref);
    let pushed =
        facts.config.clients.iter().filter_map(|client| Some((client, &client.push.as_ref()?.target)));
    let pings = pushed.map(async |(client, push_target)| {
        let name = client.name.as_str();
        let outcome = if !push_target.is_web() {
            Outcome::OtherKind
        } else if target_of(running, name) != Some(push_target) {
            Outcome::NotDeployed
        } else {
            match bring(target, stack, push_target, name, &caller).await {
                Ok(answer) => Outcome::Asked(answer),
                Err(failure) => Outcome::Failed(failure),
            }
        };
        Ping { client: name.to_owned(), kind: push_target.kind(), outcome }
    });
    Ok(stream::iter(pings).buffered(PINGS_AT_ONCE).collect().await)
}

fn target_of<'c>(config: Option<&'c Config>, name: &str) -> Option<&'c PushTarget> {
    let client = config?.clients.iter().find(|client| client.name.as_str() == name)?;
    client.push.as_ref().map(|push| &push.target)
}

/// Finds the targets that did not take their ping, or were not asked though they should have been.
pub(super) fn find(findings: &mut Findings<'_>, pings: &[Ping]) {
    let stack = stack_option(&findings.facts.stack);
    for Ping { client, outcome, .. } in pings {
        let subject = format!("ping of client `{client}`");
        let (problem, remedy) = match outcome {
            Outcome::OtherKind | Outcome::Asked(PushTestAnswer { failure: None, .. }) => continue,
            Outcome::Asked(PushTestAnswer { failure: Some(PushTestFailure { kind, reason }), .. }) => {
                let remedy = match kind {
                    PushFailureKind::Transient => {
                        "see whether the target is up, and answers in time".to_owned()
                    }
                    PushFailureKind::Target => {
                        "see its URL and its secret, and whether it knows them".to_owned()
                    }
                    PushFailureKind::Event => {
                        "have it answer 2xx to sample events, too (docs/push.md)".to_owned()
                    }
                    PushFailureKind::Gone => format!(
                        "mend the target, or its place in client-queues.toml; if the client is paused, then `fanoutctl resume \
                         {client}{stack}`"
                    ),
                };
                (format!("its target did not take it: {reason}"), remedy)
            }
            Outcome::NotDeployed => (
                NOT_DEPLOYED.to_owned(),
                format!("see `fanoutctl plan{stack}`, then `fanoutctl deploy{stack}`"),
            ),
            Outcome::Failed(failure) => {
                let policy = findings.facts.push_test_policy.as_ref().filter(|_| is_not_allowed(failure));
                let remedy = match policy {
                    Some(policy) => format!("attach the policy `{policy}` to your user or role"),
                    None => "see the log of the push function".to_owned(),
                };
                (failure.to_string(), remedy)
            }
        };
        findings.list.push(Finding::new(&subject, problem, remedy, Severity::Fault));
    }
}

fn is_not_allowed(failure: &Failure) -> bool {
    matches!(failure, Failure::Call(error) if error.fault == CallFault::NotAllowed)
}

impl PingRow {
    pub(super) fn new(Ping { client, kind, outcome }: &Ping) -> Self {
        let no_answer = match outcome {
            Outcome::Asked(answer) => {
                return Self { client: client.clone(), kind, answer: Some(answer.clone()), no_answer: None };
            }
            Outcome::OtherKind => format!("none is sent: {kind} would keep it"),
            Outcome::NotDeployed => NOT_DEPLOYED.to_owned(),
            Outcome::Failed(failure) => failure.to_string(),
        };
        Self { client: client.clone(), kind, answer: None, no_answer: Some(no_answer) }
    }

    /// A line.
    pub(super) fn to_text(&self) -> String {
        let Self { client, kind, answer, no_answer } = self;
        let what = match answer {
            Some(PushTestAnswer { event_id, milliseconds, failure, .. }) => {
                let taken = if failure.is_none() { "taken" } else { "not taken" };
                format!("{taken} within {milliseconds} ms, id {}", printable(event_id))
            }
            None => printable(no_answer.as_deref().unwrap_or_default()),
        };
        format!("ping of client {}, {kind}: {what}\n", printable(client))
    }
}
