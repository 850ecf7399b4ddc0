//! Whether a queue's policy lets a role send: the part of IAM's policy evaluation that decides that, without a call.
//!
//! What can't be decided here (a condition on an organisation, a tag, the hour) is unclear, and never guessed.

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
    /// The ARN of the role, with its path: `arn:aws:iam::111122223333:role/…`.
    pub role: &'a str,
    /// The account of the role, twelve digits.
    pub account: &'a str,
    /// The queue that the message goes to.
    pub queue: &'a QueueArn,
    /// Whether the role's own policies allow it to send to the queue.
    pub role_may: bool,
}

/// What a policy decides about a [`Sending`].
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

/// Which principal of a statement the sender is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reach {
    /// None: the statement is about others.
    Others,
    /// The account, whose own policies decide.
    Account,
    Role,
    /// Any: the statement is about every principal.
    All,
    Unclear(String),
}

impl Reach {
    fn rank(&self) -> u8 {
        match self {
            Self::Others => 0,
            Self::Unclear(_) => 1,
            Self::Account => 2,
            Self::Role => 3,
            Self::All => 4,
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

    /// What the policy decides about `sending` (IAM User Guide, "Policy evaluation logic"): a Deny wins; inside an
    /// account the role's policy or the queue's suffices, across accounts it takes both.
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

    /// The `Sid` or number of a statement that makes the queue public: it allows something to a principal `*` that no
    /// condition narrows to an account, an organisation, a network or a resource.
    pub fn public_statement(&self) -> Option<&str> {
        let is_public = |statement: &&Statement| {
            let is_about_all = match &statement.principals {
                Principals::Only(principals) => principals.iter().any(|principal| principal == "*"),
                Principals::AllBut(_) => true,
                Principals::None => false,
            };
            is_about_all && !condition::narrows(&statement.conditions)
        };
        self.of(Effect::Allow).find(is_public).map(|statement| statement.name.as_str())
    }

    fn of(&self, effect: Effect) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(move |statement| statement.effect == effect)
    }
}

/// Which principal of `statement` the sender is, and whether the statement is about this sending.
fn applies(statement: &Statement, sending: &Sending<'_>) -> (Reach, Truth) {
    let reach = reach(statement, sending);
    let reached = match &reach {
        Reach::Others => Truth::No,
        Reach::Unclear(reason) => Truth::Unclear(reason.clone()),
        Reach::Account | Reach::Role | Reach::All => Truth::Yes,
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
            Reach::Others => Reach::All,
            // To spare the role, a Deny must except its session and its account too (IAM User Guide, "NotPrincipal").
            _ if statement.effect == Effect::Deny => Reach::Unclear("`NotPrincipal`".to_owned()),
            _ => Reach::Others,
        },
    }
}

/// The widest reach of `principals`; of several, that of the first.
fn widest(principals: &[String], sending: &Sending<'_>) -> Reach {
    let reaches = principals.iter().rev().map(|principal| one(principal, sending));
    reaches.max_by_key(Reach::rank).unwrap_or(Reach::Others)
}

fn one(principal: &str, sending: &Sending<'_>) -> Reach {
    if principal == "*" {
        return Reach::All;
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
        // A deleted role stays in a policy as its internal id; a new role of its name has another.
        _ => Reach::Others,
    }
}
