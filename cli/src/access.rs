//! Whether the policy of a queue, or of a push client's target, lets a role send: the part of IAM's policy evaluation that decides that, without a call.
//!
//! What can't be decided here (a condition on an organisation, a tag, the hour) is unclear, and never guessed.

mod condition;
mod pattern;
mod read;
#[cfg(test)]
mod tests;

use shared::config::TargetArn;
use shared::naming::QueueArn;

use self::pattern::matches;
pub use self::read::InvalidPolicy;
use self::read::{Effect, Scope, Statement};

/// The policy of a queue, a topic or an event bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// A request to send over TLS, as IAM sees it, by a role whose own policies allow it.
#[derive(Clone, Copy, Debug)]
pub struct SendRequest<'a> {
    /// The ARN of the role, with its path: `arn:aws:iam::111122223333:role/…`.
    pub role: &'a str,
    /// The account of the role, twelve digits.
    pub account: &'a str,
    /// Where to.
    pub to: Destination<'a>,
}

/// What is sent to, and the one right that takes.
#[derive(Clone, Copy, Debug)]
pub enum Destination<'a> {
    /// A message to a queue.
    Queue(&'a QueueArn),
    /// A message to a topic.
    Topic(&'a TargetArn),
    /// An event to a bus.
    Bus(&'a TargetArn),
}

impl Destination<'_> {
    /// The right.
    pub fn action(self) -> &'static str {
        match self {
            Self::Queue(_) => "sqs:SendMessage",
            Self::Topic(_) => "sns:Publish",
            Self::Bus(_) => "events:PutEvents",
        }
    }

    fn arn(self) -> String {
        match self {
            Self::Queue(queue) => queue.to_string(),
            Self::Topic(arn) | Self::Bus(arn) => arn.text.clone(),
        }
    }

    fn account(&self) -> &str {
        match self {
            Self::Queue(queue) => &queue.account,
            Self::Topic(arn) | Self::Bus(arn) => &arn.account,
        }
    }

    fn region(&self) -> &str {
        match self {
            Self::Queue(queue) => &queue.region,
            Self::Topic(arn) | Self::Bus(arn) => &arn.region,
        }
    }
}

/// What a policy decides about a [`SendRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// The role may send.
    Allowed,
    /// A statement forbids it.
    Denied {
        /// The statement's `Sid`, or its number, counted from 1.
        statement: String,
    },
    /// No statement allows it.
    NotAllowed,
    /// It depends on what is not known here.
    Unclear {
        /// The statement's `Sid`, or its number, counted from 1.
        statement: String,
        /// The operator and key, the variable or the session that can't be decided.
        reason: String,
    },
}

/// Whether something holds, as far as it can be decided: three-valued logic.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Truth {
    No,
    Yes,
    /// It depends on what the text names.
    Unclear(String),
}

impl Policy {
    /// The policy with this text, as its service returns it.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`]: not a policy.
    pub fn try_new(text: &str) -> Result<Self, InvalidPolicy> {
        Ok(Self { statements: read::statements(text)? })
    }

    /// What the policy decides about `sending` (IAM User Guide, "Policy evaluation logic"): a Deny wins; inside an
    /// account the role's policies suffice, across accounts it takes an Allow of this policy, too.
    pub fn access(&self, sending: &SendRequest<'_>) -> Access {
        let mut may_be_denied = None;
        for statement in self.of(Effect::Deny) {
            match applies(statement, sending) {
                Truth::No => {}
                Truth::Yes => return Access::Denied { statement: statement.name.clone() },
                Truth::Unclear(reason) => may_be_denied = Some((statement.name.clone(), reason)),
            }
        }
        let mut allowed = sending.account == sending.to.account();
        let mut may_be_allowed = None;
        for statement in self.of(Effect::Allow) {
            match applies(statement, sending) {
                Truth::No => {}
                Truth::Yes => allowed = true,
                Truth::Unclear(reason) => may_be_allowed = Some((statement.name.clone(), reason)),
            }
        }
        match if allowed { may_be_denied } else { may_be_allowed } {
            Some((statement, reason)) => Access::Unclear { statement, reason },
            None if allowed => Access::Allowed,
            None => Access::NotAllowed,
        }
    }

    /// The `Sid` or number of a statement that makes the queue public: it allows something to a principal `*` that no
    /// condition narrows to an account, an organisation, a network or a resource.
    pub fn public_statement(&self) -> Option<&str> {
        let is_public = |statement: &&Statement| {
            let is_about_all = match &statement.principals {
                Scope::Only(principals) => principals.iter().any(|principal| principal == "*"),
                Scope::AllBut(_) => true,
            };
            is_about_all && !condition::narrows(&statement.conditions)
        };
        self.of(Effect::Allow).find(is_public).map(|statement| statement.name.as_str())
    }

    /// The `Sid` or number of each statement.
    pub fn names(&self) -> Vec<&str> {
        self.statements.iter().map(|statement| statement.name.as_str()).collect()
    }

    fn of(&self, effect: Effect) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| statement.effect == effect)
    }
}

/// Whether the statement is about this sending.
fn applies(statement: &Statement, sending: &SendRequest<'_>) -> Truth {
    let (action, resource) = (sending.to.action().to_ascii_lowercase(), sending.to.arn());
    is_about(statement, sending)
        // Actions are compared without regard to case (IAM User Guide, "IAM JSON policy elements: Action").
        .and(|| covers(&statement.actions, &action, str::to_ascii_lowercase))
        .and(|| covers(&statement.resources, &resource, str::to_owned))
        .and(|| condition::hold(&statement.conditions, sending))
}

fn covers(scope: &Scope, text: &str, normal: impl Fn(&str) -> String) -> Truth {
    let any = |patterns: &[String]| {
        if let Some(variable) = patterns.iter().find(|pattern| pattern.contains("${")) {
            return Truth::Unclear(format!("`{variable}`"));
        }
        Truth::from(patterns.iter().any(|pattern| matches(&normal(pattern), text)))
    };
    match scope {
        Scope::Only(patterns) => any(patterns),
        Scope::AllBut(patterns) => any(patterns).not(),
    }
}

/// Whether the sender is one of the statement's principals.
fn is_about(statement: &Statement, sending: &SendRequest<'_>) -> Truth {
    match &statement.principals {
        Scope::Only(principals) => any(principals, sending),
        Scope::AllBut(principals) => match any(principals, sending) {
            Truth::No => Truth::Yes,
            // To spare the role, a Deny must except its session and its account too (IAM User Guide, "NotPrincipal").
            _ if statement.effect == Effect::Deny => Truth::Unclear("`NotPrincipal`".to_owned()),
            _ => Truth::No,
        },
    }
}

fn any(principals: &[String], sending: &SendRequest<'_>) -> Truth {
    let mut truth = Truth::No;
    for principal in principals {
        match is_sender(principal, sending) {
            Truth::Yes => return Truth::Yes,
            Truth::Unclear(reason) if truth == Truth::No => truth = Truth::Unclear(reason),
            _ => {}
        }
    }
    truth
}

fn is_sender(principal: &str, sending: &SendRequest<'_>) -> Truth {
    if principal == "*" || principal == sending.role {
        return Truth::Yes;
    }
    let role_name = sending.role.rsplit('/').next().unwrap_or_default();
    let session = format!("assumed-role/{role_name}/");
    match principal.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        [account] | ["arn", _, "iam", _, account, "root"] => Truth::from(*account == sending.account),
        ["arn", _, "sts", _, account, name] if *account == sending.account && name.starts_with(&session) => {
            Truth::Unclear(format!("the session `{name}`"))
        }
        // A role that was deleted stays in a policy as its id, and the role that has its name now is another.
        _ => Truth::No,
    }
}

impl Truth {
    fn and(self, other: impl FnOnce() -> Truth) -> Truth {
        match self {
            Truth::No => Truth::No,
            Truth::Yes => other(),
            Truth::Unclear(reason) => match other() {
                Truth::No => Truth::No,
                _ => Truth::Unclear(reason),
            },
        }
    }

    fn not(self) -> Truth {
        match self {
            Truth::No => Truth::Yes,
            Truth::Yes => Truth::No,
            unclear @ Truth::Unclear(_) => unclear,
        }
    }
}

impl From<bool> for Truth {
    fn from(is_true: bool) -> Self {
        if is_true { Truth::Yes } else { Truth::No }
    }
}
