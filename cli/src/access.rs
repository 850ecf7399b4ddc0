//! Whether a queue's policy lets a role send: as much of IAM's policy evaluation as decides that, without a call.
//!
//! What this reading does not know (a condition on an organisation, a tag, the hour) is told as unclear, never guessed.

mod condition;
mod pattern;
mod read;
#[cfg(test)]
mod tests;
mod truth;

use shared::naming::QueueArn;

use self::pattern::matches;
pub use self::read::InvalidPolicy;
use self::read::{Effect, Principals, Scope, Statement};
use self::truth::Truth;

/// The one right that the pipeline needs of a queue.
const SEND: &str = "sqs:SendMessage";

/// A queue's policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// A role's sending to a queue over TLS, as IAM sees it.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The ARN of the role.
    pub role: &'a str,
    /// The account of the role.
    pub account: &'a str,
    /// The queue.
    pub queue: &'a QueueArn,
    /// Whether the role's own policy has the right.
    pub role_may: bool,
}

/// What a policy says of a sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// It is let in.
    Allowed,
    /// A statement forbids it.
    Denied {
        /// The statement's `Sid`, or its number.
        statement: String,
    },
    /// No statement allows it.
    NotAllowed,
    /// It depends on what is not known here.
    Unclear {
        /// The statement's `Sid`, or its number.
        statement: String,
        /// What it depends on.
        reason: String,
    },
}

/// Whom a statement reaches, as far as the sender is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    Others,
    /// The account: its own policies decide.
    Account,
    Role,
    Everybody,
    Unclear(String),
}

impl Reach {
    fn rank(&self) -> u8 {
        match self {
            Self::Others => 0,
            Self::Unclear(_) => 1,
            Self::Account => 2,
            Self::Role => 3,
            Self::Everybody => 4,
        }
    }
}

impl Policy {
    /// The policy with this text, as SQS returns it.
    ///
    /// # Errors
    ///
    /// [`InvalidPolicy`]: not a policy.
    pub fn try_new(text: &str) -> Result<Self, InvalidPolicy> {
        Ok(Self { statements: read::statements(text)? })
    }

    /// What it says of `sending` (IAM User Guide, "Policy evaluation logic"): a Deny wins; inside an account the
    /// role's policy or the queue's suffices, across accounts it takes both.
    pub fn access(&self, sending: &Sending<'_>) -> Access {
        let mut may_be_denied = None;
        for statement in self.of(Effect::Deny) {
            match applies(statement, sending).1 {
                Truth::No => {}
                Truth::Yes => return Access::Denied { statement: statement.name.clone() },
                Truth::Unclear(reason) => may_be_denied = Some((statement.name.clone(), reason)),
            }
        }
        let is_same_account = sending.account == sending.queue.account;
        let mut allowed = is_same_account && sending.role_may;
        let mut may_be_allowed = None;
        for statement in self.of(Effect::Allow) {
            let (reach, truth) = applies(statement, sending);
            let suffices = if is_same_account { reach != Reach::Account } else { sending.role_may };
            match truth {
                Truth::Yes => allowed |= suffices,
                Truth::Unclear(reason) if suffices => may_be_allowed = Some((statement.name.clone(), reason)),
                _ => {}
            }
        }
        match if allowed { may_be_denied } else { may_be_allowed } {
            Some((statement, reason)) => Access::Unclear { statement, reason },
            None if allowed => Access::Allowed,
            None => Access::NotAllowed,
        }
    }

    /// The `Sid` or number of a statement that allows something to everybody: a principal `*` that no condition
    /// narrows to an account, an organisation, a network or a resource.
    pub fn open_to_everybody(&self) -> Option<&str> {
        let is_open = |statement: &&Statement| {
            let everybody = match &statement.principals {
                Principals::Only(principals) => principals.iter().any(|principal| principal == "*"),
                Principals::AllBut(_) => true,
                Principals::None => false,
            };
            everybody && !condition::narrows(&statement.conditions)
        };
        self.of(Effect::Allow).find(is_open).map(|statement| statement.name.as_str())
    }

    fn of(&self, effect: Effect) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| statement.effect == effect)
    }
}

/// Whom of the sender's side `statement` reaches, and whether it is about this sending.
fn applies(statement: &Statement, sending: &Sending<'_>) -> (Reach, Truth) {
    let reach = reach(statement, sending);
    let reached = match &reach {
        Reach::Others => Truth::No,
        Reach::Unclear(reason) => Truth::Unclear(reason.clone()),
        Reach::Account | Reach::Role | Reach::Everybody => Truth::Yes,
    };
    let queue = sending.queue.to_string();
    let truth = reached
        // Actions are compared without regard to case (IAM User Guide, "IAM JSON policy elements: Action").
        .and(|| covers(&statement.actions, &SEND.to_ascii_lowercase(), str::to_ascii_lowercase))
        .and(|| covers(&statement.resources, &queue, str::to_owned))
        .and(|| condition::hold(&statement.conditions, sending));
    (reach, truth)
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

fn reach(statement: &Statement, sending: &Sending<'_>) -> Reach {
    match &statement.principals {
        Principals::None => Reach::Others,
        Principals::Only(principals) => widest(principals, sending),
        Principals::AllBut(principals) => match widest(principals, sending) {
            Reach::Others => Reach::Everybody,
            // A Deny must except the role's session and its account too to spare it (IAM User Guide, "NotPrincipal").
            _ if statement.effect == Effect::Deny => Reach::Unclear("`NotPrincipal`".to_owned()),
            _ => Reach::Others,
        },
    }
}

/// Of equals the first.
fn widest(principals: &[String], sending: &Sending<'_>) -> Reach {
    let reaches = principals.iter().rev().map(|principal| one(principal, sending));
    reaches.max_by_key(Reach::rank).unwrap_or(Reach::Others)
}

fn one(principal: &str, sending: &Sending<'_>) -> Reach {
    if principal == "*" {
        return Reach::Everybody;
    }
    if principal == sending.role {
        return Reach::Role;
    }
    let role_name = sending.role.rsplit('/').next().unwrap_or_default();
    let session = format!("assumed-role/{role_name}/");
    match principal.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        [account] | ["arn", _, "iam", _, account, "root"] if *account == sending.account => Reach::Account,
        ["arn", _, "sts", _, account, name] if *account == sending.account && name.starts_with(&session) => {
            Reach::Unclear(format!("the session `{name}`"))
        }
        // A role that is gone stays in a policy as its id, and the role that has its name now is another.
        _ => Reach::Others,
    }
}
