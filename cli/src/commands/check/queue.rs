//! What is wrong with a queue.

use std::collections::BTreeMap;

use shared::place::OwnQueue;

use super::facts::{Facts, Queue, Whose, is_of_sqs, key_arn};
use super::findings::{Finding, unseen};
use crate::access::{Access, Policy, Sending};
use crate::args::stack_option;
use crate::aws::CallFault;

/// The most that SQS takes: 1 MiB, attributes included (SQS Developer Guide, "Message quotas").
const LARGEST_MESSAGE: u64 = 1_048_576;

/// The longest that SQS keeps messages, in seconds: 14 days.
const LONGEST_RETENTION: u64 = 1_209_600;

/// SQS's default, in seconds: 4 days. A team that is away over a long weekend needs as much.
const SHORT_RETENTION: u64 = 345_600;

/// What the template gives clients' queues, in seconds: six times what a consumer's function may take.
const VISIBILITY: u64 = 180;

const REMAKE: &str = "make it again by hand, 60 s after it was deleted at the earliest (docs/operations.md, \"A client's queue \
                      was purged or deleted\"); or take the client out of the config and deploy, then put it back and deploy \
                      again";

/// A client that stays away for longer comes back as a new one.
const REMAKE_WITH_LEDGER: &str = "make it again by hand, 60 s after it was deleted at the earliest (docs/operations.md, \"A \
                                  client's queue was purged or deleted\"); or take the client out of the config and deploy, \
                                  then put it back and deploy again within the hour";

/// The requests a second that a FIFO queue without high throughput takes (SQS Developer Guide, "Message quotas").
const REQUESTS_PER_SECOND: u32 = 300;

/// What is wrong with `queue`.
pub(super) fn find(facts: &Facts, queue: &Queue) -> Vec<Finding> {
    match &queue.attributes {
        Ok(attributes) => Look { facts, queue, attributes, findings: Vec::new() }.everything(),
        Err(error) if error.fault == CallFault::Missing => vec![missing(facts, queue)],
        Err(error) => {
            let mut finding = unseen(facts, &subject(&queue.whose), error);
            if is_foreign(facts, queue) && error.fault == CallFault::NotAllowed {
                finding.remedy =
                    format!("let account `{}` check it, or let you read its attributes", queue.arn.account);
            }
            vec![finding]
        }
    }
}

/// A queue and what was found about it so far.
struct Look<'a> {
    facts: &'a Facts,
    queue: &'a Queue,
    attributes: &'a BTreeMap<String, String>,
    findings: Vec<Finding>,
}

impl Look<'_> {
    fn everything(mut self) -> Vec<Finding> {
        if self.text("FifoQueue") != "true" {
            self.add("is not FIFO", "register a FIFO queue");
        }
        self.settings();
        self.throughput();
        self.redrive();
        self.encryption();
        self.rights();
        self.findings
    }

    fn settings(&mut self) {
        let size = self.number("MaximumMessageSize", LARGEST_MESSAGE);
        if size < LARGEST_MESSAGE {
            let problem = format!("takes no event larger than {size} bytes, attributes included");
            self.add(problem, format!("set `MaximumMessageSize` to {LARGEST_MESSAGE}"));
        }
        let delay = self.number("DelaySeconds", 0);
        if delay > 0 {
            self.add(format!("holds everything back for {delay} s"), "set `DelaySeconds` to 0");
        }
        let visibility = self.number("VisibilityTimeout", VISIBILITY);
        if visibility < VISIBILITY && matches!(self.queue.whose, Whose::Own { .. }) {
            let problem = format!(
                "shows an event again {visibility} s after it was received, though its consumer may still be at work on it"
            );
            self.add(problem, format!("set `VisibilityTimeout` to {VISIBILITY}"));
        }
        let retention = self.number("MessageRetentionPeriod", SHORT_RETENTION);
        let is_existing = matches!(self.queue.whose, Whose::Existing { .. });
        let least = if is_existing { SHORT_RETENTION } else { LONGEST_RETENTION };
        if retention < least {
            let problem = format!("loses what is not received for {}", time(retention));
            self.add(problem, format!("set `MessageRetentionPeriod` to {LONGEST_RETENTION}"));
        }
    }

    fn throughput(&mut self) {
        // Nothing is sent to it but by SQS itself.
        if self.queue.whose == Whose::Stack(OwnQueue::DeadLetter) {
            return;
        }
        if self.text("FifoThroughputLimit") != "perMessageGroupId" {
            let problem = format!(
                "takes {REQUESTS_PER_SECOND} requests a second of all groups together, and not of each"
            );
            let remedy =
                "set `DeduplicationScope` to `messageGroup` and `FifoThroughputLimit` to `perMessageGroupId`";
            self.add(problem, remedy);
        }
    }

    fn redrive(&mut self) {
        let is_redriven = !self.text("RedrivePolicy").is_empty();
        match self.queue.whose {
            Whose::Own { .. } | Whose::Existing { .. } if is_redriven => {
                let problem =
                    "loses its order: its `RedrivePolicy` takes an event out and lets later ones through";
                self.add(
                    problem,
                    "take the `RedrivePolicy` away, and let the consumer set aside what it can't process",
                );
            }
            Whose::Stack(OwnQueue::FanOut) if is_redriven && self.facts.ledger.is_some() => {
                let problem = "loses the last events of groups when the ledger can't be reached: its `RedrivePolicy` takes \
                               their messages out";
                self.add(problem, "take the `RedrivePolicy` away, as `template.yml` does with the ledger");
            }
            Whose::Stack(OwnQueue::FanOut) if !is_redriven && self.facts.ledger.is_none() => {
                let problem =
                    "has no `RedrivePolicy`: a message that can't be processed holds its group for 14 days";
                self.add(problem, "set the one that `template.yml` has");
            }
            _ => {}
        }
    }

    fn encryption(&mut self) {
        let Some(key) = key_arn(&self.queue.arn, self.attributes) else {
            if self.text("SqsManagedSseEnabled") != "true" {
                self.add("is not encrypted", "set `SqsManagedSseEnabled` to true");
            }
            return;
        };
        let found = self.queue.key.as_ref();
        let is_of_aws =
            is_of_sqs(&key) || found.is_some_and(|key| key.as_ref().is_ok_and(|key| key.is_of_aws));
        if is_of_aws && is_foreign(self.facts, self.queue) {
            let problem = "is encrypted with a key of AWS's own, which no other account can use";
            self.add(problem, "set `SqsManagedSseEnabled` to true, or take a customer managed key");
            return;
        }
        match found {
            Some(Ok(found)) if found.state != "Enabled" => {
                let problem = format!("can't be used: its key `{key}` is `{}`", found.state);
                self.add(problem, "bring the key back, or encrypt with another");
            }
            Some(Err(error)) if error.fault == CallFault::Missing => {
                self.add(format!("can't be used: its key `{key}` doesn't exist"), "encrypt with another");
            }
            Some(Err(error)) if is_foreign(self.facts, self.queue) => {
                let problem = format!("has a key that can't be checked: {error}");
                self.add(problem, "let you call `kms:DescribeKey`");
            }
            Some(Err(error)) => {
                self.findings.push(unseen(self.facts, &subject(&self.queue.whose), error));
            }
            Some(Ok(_)) | None => {}
        }
    }

    fn rights(&mut self) {
        if let Whose::Existing { is_deployed: false, .. } = self.queue.whose {
            self.findings.push(Finding::new(
                subject(&self.queue.whose),
                "is in the config, but the stack has no right to send to it yet",
                "deploy",
            ));
        }
        let text = self.text("Policy");
        let policy = if text.is_empty() { Ok(Policy::default()) } else { Policy::try_new(text) };
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => return self.add(format!("has a policy that can't be read: {error}"), self.mend()),
        };
        if let Some(statement) = policy.open_to_everybody() {
            let problem = format!("is open to everybody (statement `{statement}` of its policy)");
            self.add(problem, "name in it the account that may, or narrow it by a condition");
        }
        let roles = &self.facts.roles;
        let (role, name) = match self.queue.whose {
            Whose::Stack(OwnQueue::FanOut | OwnQueue::Rejected) => (&roles.converter, "converter"),
            Whose::Stack(OwnQueue::Undelivered) | Whose::Own { .. } | Whose::Existing { .. } => {
                (&roles.fan_out, "fan-out")
            }
            Whose::Stack(OwnQueue::DeadLetter) => return,
        };
        let sending = Sending {
            role,
            account: &self.facts.place.account,
            queue: &self.queue.arn,
            // The template gives the right to send to a client's own queue by that queue's policy alone.
            role_may: !matches!(self.queue.whose, Whose::Own { .. }),
        };
        match policy.access(&sending) {
            Access::Allowed => {}
            Access::Denied { statement } => {
                self.add(
                    format!("forbids the {name} to send (statement `{statement}` of its policy)"),
                    self.mend(),
                );
            }
            Access::NotAllowed => self.add(format!("doesn't let the {name} send"), self.mend()),
            Access::Unclear { statement, reason } => {
                let problem = format!(
                    "may or may not let the {name} send: statement `{statement}` of its policy depends on {reason}"
                );
                self.add(problem, self.mend());
            }
        }
    }

    /// What makes a policy let the role in.
    fn mend(&self) -> String {
        match &self.queue.whose {
            Whose::Own { client, .. } | Whose::Existing { client, .. } => {
                let stack = stack_option(&self.facts.stack);
                format!("give it the policy that `fanoutctl policy {client}{stack}` prints")
            }
            Whose::Stack(_) => "give it the policy that `template.yml` has".to_owned(),
        }
    }

    fn add(&mut self, problem: impl AsRef<str>, remedy: impl AsRef<str>) {
        let (problem, remedy) = (problem.as_ref(), remedy.as_ref());
        let remedy = if is_foreign(self.facts, self.queue) {
            format!("ask account `{}` to {remedy}", self.queue.arn.account)
        } else {
            remedy.to_owned()
        };
        self.findings.push(Finding::new(subject(&self.queue.whose), problem, remedy));
    }

    fn text(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).parse().unwrap_or(default)
    }
}

fn missing(facts: &Facts, queue: &Queue) -> Finding {
    let name = &queue.arn.name;
    let fate = match facts.ledger {
        Some(_) => "so it falls behind; what it held comes back only by `fanoutctl replay`",
        None => "so its events go to the undelivered queue",
    };
    let (problem, remedy) = match &queue.whose {
        Whose::Own { is_deployed: false, .. } => ("isn't made yet".to_owned(), "deploy"),
        Whose::Own { .. } => (
            format!("doesn't exist any more (`{name}`), {fate}"),
            match facts.ledger {
                Some(_) => REMAKE_WITH_LEDGER,
                None => REMAKE,
            },
        ),
        Whose::Existing { .. } => {
            (format!("doesn't exist (`{}`)", queue.arn), "make it, or correct `queue_arn` in the config")
        }
        Whose::Stack(_) => (
            format!("doesn't exist any more (`{name}`)"),
            "make a FIFO queue of that name as `template.yml` does",
        ),
    };
    Finding::new(subject(&queue.whose), problem, remedy)
}

fn subject(whose: &Whose) -> String {
    match whose {
        Whose::Stack(queue) => queue.to_string(),
        Whose::Own { client, .. } | Whose::Existing { client, .. } => format!("queue of client `{client}`"),
    }
}

fn is_foreign(facts: &Facts, queue: &Queue) -> bool {
    queue.arn.account != facts.place.account
}

fn time(seconds: u64) -> String {
    const DAY: u64 = 86_400;
    match seconds {
        DAY => "a day".to_owned(),
        _ if seconds.is_multiple_of(DAY) => format!("{} days", seconds / DAY),
        _ if seconds.is_multiple_of(3600) => format!("{} h", seconds / 3600),
        _ => format!("{seconds} s"),
    }
}
