//! Findings about a queue: its settings, encryption and rights.

use std::collections::BTreeMap;

use aws::operator::CallFault;
use shared::naming::OwnQueue;

use super::Findings;
use super::collect::{Facts, Queue, Whose, is_of_sqs, key_arn};
use crate::access::{Access, Destination, Policy, SendRequest};
use crate::args::stack_option;

/// The most that SQS takes: 1 MiB, attributes included (SQS Developer Guide, "Message quotas").
const LARGEST_MESSAGE: u64 = 1_048_576;

/// The longest that SQS keeps messages, in seconds: 14 days.
const LONGEST_RETENTION: u64 = 1_209_600;

/// How long requests of consumers are kept at least, and hidden from others while catch-up has them, in seconds: as
/// `template.yml` says.
const REQUESTS_RETENTION: u64 = 86_400;
const REQUESTS_VISIBILITY: u64 = 1_080;

/// SQS's default, in seconds: 4 days. A team needs as much for a long weekend.
const SHORT_RETENTION: u64 = 345_600;

/// The visibility time-out of clients' queues in the template, in seconds: six times the time limit of a consumer's
/// function.
const VISIBILITY: u64 = 180;

/// The requests a second that a FIFO queue without high throughput takes (SQS Developer Guide, "Message quotas").
const REQUESTS_PER_SECOND: u32 = 300;

/// Finds what is wrong with `queue`. What is accepted of a client's own queue, `queue repair` leaves alone.
pub(super) fn find(findings: &mut Findings<'_>, queue: &Queue) {
    let subject = match &queue.whose {
        Whose::Stack(queue) => queue.to_string(),
        Whose::Own { client, .. } | Whose::Existing { client, .. } => format!("queue of client `{client}`"),
    };
    let is_foreign = queue.arn.account != findings.facts.place.account;
    match &queue.attributes {
        Ok(attributes) => Inspection { findings, queue, attributes, subject, is_foreign }.everything(),
        Err(error) if error.fault == CallFault::Missing => {
            let (problem, remedy) = missing(queue, &stack_option(&findings.facts.stack));
            findings.add(&subject, problem, remedy);
        }
        Err(error) if error.fault == CallFault::NotAllowed && is_foreign => {
            let account = &queue.arn.account;
            let remedy = format!("let account `{account}` check it, or let you read its attributes");
            findings.add(&subject, format!("can't be checked: {error}"), remedy);
        }
        Err(error) => findings.unseen(&subject, error),
    }
}

fn missing(queue: &Queue, stack: &str) -> (String, String) {
    let name = &queue.arn.name;
    let (problem, remedy) = match &queue.whose {
        Whose::Own { is_deployed: false, .. } => ("isn't made yet".to_owned(), "deploy"),
        Whose::Own { client, .. } => {
            let fate = "so it falls behind; what it held comes back only by `fanoutctl replay`";
            let remedy = format!("run `fanoutctl queue repair {client}{stack}`");
            return (format!("doesn't exist any more (`{name}`), {fate}"), remedy);
        }
        Whose::Existing { .. } => {
            (format!("doesn't exist (`{}`)", queue.arn), "make it, or correct `queue_arn` in the config")
        }
        Whose::Stack(OwnQueue::Requests) => {
            let remedy = "deploy, if the stack was made by an earlier release; else make a FIFO queue of that name as \
                          `template.yml` does";
            (format!("doesn't exist (`{name}`), so no consumer can ask for a replay"), remedy)
        }
        Whose::Stack(_) => {
            let remedy = "make a FIFO queue of that name as `template.yml` does";
            (format!("doesn't exist any more (`{name}`)"), remedy)
        }
    };
    (problem, remedy.to_owned())
}

/// One queue and its attributes, on their way to findings.
struct Inspection<'a, 'f> {
    findings: &'a mut Findings<'f>,
    queue: &'a Queue,
    attributes: &'a BTreeMap<String, String>,
    subject: String,
    /// Whether the queue is another account's.
    is_foreign: bool,
}

impl Inspection<'_, '_> {
    fn everything(mut self) {
        if self.text("FifoQueue") != "true" {
            self.add("is not FIFO", "register a FIFO queue");
        }
        self.settings();
        self.throughput();
        self.redrive();
        self.encryption();
        self.rights();
    }

    fn settings(&mut self) {
        if self.queue.whose == Whose::Stack(OwnQueue::Requests) {
            return self.settings_of_requests();
        }
        let is_own = matches!(self.queue.whose, Whose::Own { .. });
        let is_existing = matches!(self.queue.whose, Whose::Existing { .. });
        let size = self.number("MaximumMessageSize", LARGEST_MESSAGE);
        let problem = format!("takes no event larger than {size} bytes, attributes included");
        self.expect(size >= LARGEST_MESSAGE, &problem, "MaximumMessageSize", LARGEST_MESSAGE);
        let delay = self.number("DelaySeconds", 0);
        self.expect(delay == 0, &format!("holds everything back for {delay} s"), "DelaySeconds", 0);
        let visibility = self.number("VisibilityTimeout", VISIBILITY);
        let problem = format!(
            "shows an event again {visibility} s after it was received, though its consumer may still be at work on it"
        );
        self.expect(!is_own || visibility >= VISIBILITY, &problem, "VisibilityTimeout", VISIBILITY);
        let retention = self.number("MessageRetentionPeriod", SHORT_RETENTION);
        let least = if is_existing { SHORT_RETENTION } else { LONGEST_RETENTION };
        let problem = format!("loses what is not received for {}", time(retention));
        self.expect(retention >= least, &problem, "MessageRetentionPeriod", LONGEST_RETENTION);
    }

    /// It holds no event.
    fn settings_of_requests(&mut self) {
        let retention = self.number("MessageRetentionPeriod", SHORT_RETENTION);
        let problem = format!("loses a request that waits for {}", time(retention));
        let is_so = retention >= REQUESTS_RETENTION;
        self.expect(is_so, &problem, "MessageRetentionPeriod", REQUESTS_RETENTION);
        let visibility = self.number("VisibilityTimeout", VISIBILITY);
        let problem = format!(
            "shows a request again {visibility} s after it was received, though catch-up may be at work on it"
        );
        let is_so = visibility >= REQUESTS_VISIBILITY;
        self.expect(is_so, &problem, "VisibilityTimeout", REQUESTS_VISIBILITY);
    }

    fn throughput(&mut self) {
        if self.text("FifoThroughputLimit") != "perMessageGroupId" {
            let problem = format!(
                "takes {REQUESTS_PER_SECOND} requests a second of all groups together, and not of each"
            );
            let remedy =
                "set `DeduplicationScope` to `messageGroup` and `FifoThroughputLimit` to `perMessageGroupId`";
            self.add(&problem, &self.repair_or(remedy));
        }
    }

    fn redrive(&mut self) {
        match self.queue.whose {
            _ if self.text("RedrivePolicy").is_empty() => {}
            Whose::Own { .. } | Whose::Existing { .. } => {
                let remedy = self.repair_or("take the `RedrivePolicy` away");
                self.add(
                    "loses its order: its `RedrivePolicy` takes an event out and lets later ones through",
                    &format!("{remedy}, and let the consumer set aside what it can't process"),
                );
            }
            Whose::Stack(OwnQueue::FanOut) => self.add(
                "loses the last events of groups when the ledger can't be reached: its `RedrivePolicy` takes their messages \
                 out",
                "take the `RedrivePolicy` away, as `template.yml` does",
            ),
            Whose::Stack(_) => {}
        }
    }

    fn encryption(&mut self) {
        let Some(key) = key_arn(&self.queue.arn, self.attributes) else {
            if self.text("SqsManagedSseEnabled") != "true" {
                self.add("is not encrypted", &self.repair_or("set `SqsManagedSseEnabled` to true"));
            }
            return;
        };
        let seen = self.queue.key.as_ref();
        let is_of_aws =
            is_of_sqs(&key) || seen.is_some_and(|key| key.as_ref().is_ok_and(|key| key.is_of_aws));
        match seen {
            _ if is_of_aws && self.is_foreign => self.add(
                "is encrypted with a key of AWS's own, which no other account can use",
                "set `SqsManagedSseEnabled` to true, or take a customer managed key",
            ),
            Some(Ok(seen)) if seen.state != "Enabled" => {
                let problem = format!("can't be used: its key `{key}` is `{}`", seen.state);
                self.add(&problem, "bring the key back, or encrypt with another");
            }
            Some(Err(error)) if error.fault == CallFault::Missing => {
                self.add(&format!("can't be used: its key `{key}` doesn't exist"), "encrypt with another");
            }
            Some(Err(error)) if self.is_foreign => {
                let problem = format!("has a key that can't be checked: {error}");
                self.add(&problem, "let you call `kms:DescribeKey`");
            }
            Some(Err(error)) => self.findings.unseen(&self.subject, error),
            Some(Ok(_)) | None => {}
        }
    }

    fn rights(&mut self) {
        let facts: &Facts = self.findings.facts;
        if let Whose::Existing { is_deployed: false, .. } = self.queue.whose {
            let problem = "is in the config, but the stack has no right to send to it yet";
            self.findings.add(&self.subject, problem, "deploy");
        }
        let text = self.text("Policy");
        let policy = if text.is_empty() { Ok(Policy::default()) } else { Policy::try_new(text) };
        let policy = match policy {
            Ok(policy) => policy,
            Err(error) => return self.mend(&format!("has a policy that can't be read: {error}")),
        };
        if let Some(statement) = policy.public_statement() {
            let problem = format!("is public (statement `{statement}` of its policy)");
            self.add(&problem, "name in it the account that may, or narrow it by a condition");
        }
        if self.queue.whose == Whose::Stack(OwnQueue::Requests) {
            return self.asking(&policy);
        }
        let (role, name) = match self.queue.whose {
            Whose::Stack(_) => (facts.place.converter_role_arn(), "converter"),
            Whose::Own { .. } | Whose::Existing { .. } => (facts.fan_out_role.clone(), "fan-out"),
        };
        let to = Destination::Queue(&self.queue.arn);
        let sending = SendRequest { role: &role, account: &facts.place.account, to };
        match policy.access(&sending) {
            Access::Allowed => {}
            Access::Denied { statement } => {
                self.mend(&format!("forbids the {name} to send (statement `{statement}` of its policy)"));
            }
            Access::NotAllowed => self.mend(&format!("doesn't let the {name} send")),
            Access::Unclear { statement, reason } => self.mend(&format!(
                "may or may not let the {name} send: statement `{statement}` of its policy depends on {reason}"
            )),
        }
        // What is in a queue of the stack was put there by the pipeline; an existing queue is its owner's affair.
        let is_ours = matches!(self.queue.whose, Whose::Stack(_) | Whose::Own { .. });
        let another = format!("{role}-another");
        let forged = policy.access(&SendRequest { role: &another, ..sending });
        if is_ours && !matches!(forged, Access::Denied { .. }) {
            self.mend("lets other roles of the account send, which can forge events");
        }
    }

    /// Who may ask for replays: the roles of the config that runs, and no other.
    fn asking(&mut self, policy: &Policy) {
        let facts: &Facts = self.findings.facts;
        let to = Destination::Queue(&self.queue.arn);
        let Ok(Some(running)) = &facts.running else { return };
        for role in running.request_roles() {
            let (name, account) = (role.to_string(), &role.account);
            if policy.access(&SendRequest { role: &name, account, to }) != Access::Allowed {
                self.mend(&format!("doesn't let `{role}` ask for replays, though the config that runs does"));
            }
        }
        let (another, account) = (format!("{}-another", facts.fan_out_role), &facts.place.account);
        let foreign = policy.access(&SendRequest { role: &another, account, to });
        if !matches!(foreign, Access::Denied { .. }) {
            self.mend("lets other roles of the account ask for replays");
        }
    }

    fn expect(&mut self, is_so: bool, problem: &str, attribute: &str, wanted: u64) {
        if !is_so {
            self.add(problem, &self.repair_or(&format!("set `{attribute}` to {wanted}")));
        }
    }

    /// Adds a finding whose remedy is a policy that lets the role send.
    fn mend(&mut self, problem: &str) {
        let remedy = match &self.queue.whose {
            Whose::Existing { client, .. } => {
                let stack = stack_option(&self.findings.facts.stack);
                format!("give it the policy that `fanoutctl policy {client}{stack}` prints")
            }
            Whose::Own { .. } | Whose::Stack(_) => {
                self.repair_or("give it the policy that `template.yml` has")
            }
        };
        self.add(problem, &remedy);
    }

    /// The command that mends a queue that the stack made for a client; for another queue, `remedy`.
    fn repair_or(&self, remedy: &str) -> String {
        match &self.queue.whose {
            Whose::Own { client, .. } => {
                format!("run `fanoutctl queue repair {client}{}`", stack_option(&self.findings.facts.stack))
            }
            Whose::Existing { .. } | Whose::Stack(_) => remedy.to_owned(),
        }
    }

    /// Adds a finding whose remedy is the queue owner's task.
    fn add(&mut self, problem: &str, remedy: &str) {
        let remedy = if self.is_foreign {
            format!("ask account `{}` to {remedy}", self.queue.arn.account)
        } else {
            remedy.to_owned()
        };
        self.findings.add(&self.subject, problem, remedy);
    }

    fn text(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).parse().unwrap_or(default)
    }
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
