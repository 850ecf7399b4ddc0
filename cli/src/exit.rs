//! The exit statuses, which scripts rely on, and the errors that end a command: one status for each thing that a caller
//! can do about the error.

use std::fmt::Display;

use aws::operator::{CallError, CallFault};
use deploy::stack::DeployError;

/// The exit status of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing found.
    Done = 0,
    /// A fault of this program.
    Fault = 1,
    /// The command line is wrong (clap's own status).
    Usage = 2,
    /// The config, or another file, is wrong.
    Config = 3,
    /// AWS can't be reached, or the stack isn't there.
    Unreachable = 4,
    /// Not allowed.
    NotAllowed = 5,
    /// There are findings: something needs attention, or was refused.
    Findings = 6,
    /// The stack could not be deployed or deleted.
    Failed = 7,
    /// A question was answered with no.
    Declined = 8,
    /// Interrupted by a signal (128 and the number of SIGINT, as shells do).
    Interrupted = 130,
    /// Nobody reads what it prints any more, as after `| head` (128 and the number of SIGPIPE, as shells do).
    Closed = 141,
}

/// Why a command has no result. Its text is for people: it names the thing, what is wrong with it, and the remedy.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What this program found out itself, and the exit status that it leads to.
    #[error("{1}")]
    Message(Exit, String),
    /// A call that the command depends on failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The stack could not be looked at, or is not as it must be.
    #[error(transparent)]
    Stack(#[from] DeployError),
    /// The stack could not be changed. A fault that is not one of access or network counts as the stack's.
    #[error(transparent)]
    Change(DeployError),
}

impl Exit {
    /// The failure that leads to this status, with its text for people.
    pub fn because(self, text: impl Display) -> Failure {
        Failure::Message(self, text.to_string())
    }
}

impl Failure {
    /// The fault of the call that failed, if one did.
    pub fn call_fault(&self) -> Option<CallFault> {
        match self {
            Self::Call(error) => Some(error.fault),
            Self::Stack(error) | Self::Change(error) => match error {
                DeployError::Call(error) => Some(error.fault),
                DeployError::OutOfSight { source, .. } => Some(source.fault),
                _ => None,
            },
            Self::Message(..) => None,
        }
    }

    /// The exit status that the failure leads to.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Message(exit, _) => *exit,
            Self::Call(error) => error.fault.into(),
            Self::Stack(error) => error.into(),
            Self::Change(error) => match error.into() {
                Exit::Fault => Exit::Failed,
                exit => exit,
            },
        }
    }
}

impl Failure {
    /// Whether a right was missing, and not credentials.
    pub fn lacks_right(&self) -> bool {
        match self {
            Self::Message(..) => false,
            Self::Call(error)
            | Self::Stack(DeployError::Call(error))
            | Self::Change(DeployError::Call(error)) => error.fault == CallFault::NotAllowed,
            Self::Stack(_) | Self::Change(_) => false,
        }
    }
}

impl From<CallFault> for Exit {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::NotAllowed | CallFault::Expired | CallFault::Unrecognized => Self::NotAllowed,
            CallFault::Missing | CallFault::Unreachable | CallFault::Offline => Self::Unreachable,
            CallFault::Refused => Self::Fault,
        }
    }
}

impl From<&DeployError> for Exit {
    fn from(error: &DeployError) -> Self {
        match error {
            DeployError::Template(_) => Self::Config,
            // The prefix was checked before, so that the region is at fault.
            DeployError::Naming(_) | DeployError::OutOfSight { .. } => Self::Unreachable,
            DeployError::PrefixChanged { .. } => Self::Usage,
            DeployError::KeptQueues { .. } => Self::Findings,
            DeployError::NotReady { .. } | DeployError::Failed { .. } => Self::Failed,
            DeployError::Call(error) => error.fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use deploy::stack::FailedResource;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn help_names_every_status() {
        let help = Arguments::command().render_long_help().to_string();
        let all = [
            Exit::Done,
            Exit::Fault,
            Exit::Usage,
            Exit::Config,
            Exit::Unreachable,
            Exit::NotAllowed,
            Exit::Findings,
            Exit::Failed,
            Exit::Declined,
            Exit::Interrupted,
            Exit::Closed,
        ];
        for exit in all {
            let line = format!("\n  {:<4} ", exit as u8);
            assert!(help.contains(line.trim_end_matches(' ')), "{exit:?}");
        }
    }

    #[test]
    fn a_change_that_fails_without_a_fault_of_access_or_network_is_the_stacks() {
        let call = |fault| {
            let (subject, reason) = ("events".to_owned(), "because".to_owned());
            DeployError::Call(CallError { call: "UpdateStack", subject, fault, reason })
        };
        let first_failure = Some(Box::new(FailedResource {
            logical_id: "QueueBilling".to_owned(),
            kind: "AWS::SQS::Queue".to_owned(),
            reason: "because".to_owned(),
        }));
        let undone = DeployError::Failed {
            stack: "events".to_owned(),
            status: "UPDATE_ROLLBACK_COMPLETE".to_owned(),
            first_failure,
            look: "aws …".to_owned(),
        };
        for (error, expected) in [
            (call(CallFault::Refused), Exit::Failed),
            (call(CallFault::NotAllowed), Exit::NotAllowed),
            (call(CallFault::Unreachable), Exit::Unreachable),
            (undone, Exit::Failed),
            (DeployError::KeptQueues { queues: Vec::new() }, Exit::Findings),
        ] {
            let text = error.to_string();
            assert_eq!(Failure::Change(error).exit(), expected, "{text}");
        }
    }
}
