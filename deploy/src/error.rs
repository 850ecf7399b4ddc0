//! Why a stack was not deployed, by what the caller will do about it.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};

use crate::template::TemplateError;

/// Why a stack was not deployed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The template is not one that this code can complete: mend it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The stack is in a state that no deploy changes: delete it, or wait.
    #[error("stack `{stack}` is `{status}`; {remedy}")]
    NotReady {
        /// Its name.
        stack: String,
        /// Its status.
        status: String,
        /// What makes it ready.
        remedy: &'static str,
    },
    /// CloudFormation tried, and undid what it had done: look at the resource.
    #[error("stack `{stack}` ended as `{status}`: {}", cause(.first_failure.as_ref()))]
    Failed {
        /// Its name.
        stack: String,
        /// Its status.
        status: String,
        /// The first resource that failed; later ones only follow from it.
        first_failure: Option<FailedResource>,
    },
    /// AWS did not answer, or refused: mend access, input or network, and try again.
    #[error("`{call}` of `{subject}`: {reason}")]
    Call {
        /// The operation.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// What the service says, or else why it could not be reached.
        reason: String,
        /// The SDK's own error.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A resource that CloudFormation could not make, change or delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedResource {
    /// What it is called in the template.
    pub logical_id: String,
    /// Its type.
    pub kind: String,
    /// What CloudFormation says.
    pub reason: String,
}

impl DeployError {
    /// The error of an SDK's `call` about `subject`.
    pub(crate) fn of_call<E, R>(call: &'static str, subject: &str, error: SdkError<E, R>) -> Self
    where
        E: Error + ProvideErrorMetadata + Send + Sync + 'static,
        R: Debug + Send + Sync + 'static,
    {
        let reason = match (error.code(), error.message()) {
            (Some(code), Some(message)) => format!("{message} (`{code}`)"),
            (Some(code), None) => format!("`{code}`"),
            _ => chain(&error),
        };
        Self::Call { call, subject: subject.to_owned(), reason, source: Box::new(error) }
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    text
}

fn cause(failure: Option<&FailedResource>) -> String {
    failure.map_or_else(
        || "no resource is named as the cause".to_owned(),
        |FailedResource { logical_id, kind, reason }| format!("`{logical_id}` ({kind}): {reason}"),
    )
}
