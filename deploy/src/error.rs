//! Why a stack was not deployed, by what the caller will do about it.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_cloudformation::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStreamError;
use shared::place::InvalidPlace;
use shared::text::with_sources;

use crate::kept::{KeptQueue, remedies};
use crate::template::TemplateError;

/// Why a stack was not deployed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The template is not one that this code can complete: mend it.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// There is no such region, or no such prefix.
    #[error(transparent)]
    Place(#[from] InvalidPlace),
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
    /// The queues would get other names: new ones would be made, and the old ones left with their events.
    #[error(
        "stack `{stack}` has the prefix `{deployed}`, which can't become `{wanted}`: its queues, and the events in \
         them, would be left behind; deploy another stack with the new prefix"
    )]
    PrefixChanged {
        /// The stack's name.
        stack: String,
        /// Its prefix.
        deployed: String,
        /// What was asked for.
        wanted: String,
    },
    /// Queues that would be made exist already, most likely with events in them. Nothing was touched.
    #[error("{}", remedies(.queues))]
    KeptQueues {
        /// All of them.
        queues: Vec<KeptQueue>,
    },
    /// CloudFormation tried, and undid what it had done: look at the resource.
    #[error("stack `{stack}` ended as `{status}`: {}; all that happened: `{look}`", cause(.first_failure.as_deref()))]
    Failed {
        /// Its name.
        stack: String,
        /// Its status.
        status: String,
        /// The first resource that failed; later ones only follow from it.
        first_failure: Option<Box<FailedResource>>,
        /// The command that shows what CloudFormation did.
        look: String,
    },
    /// AWS did not answer, or refused: mend access, input or network, and try again.
    #[error("`{call}` of `{subject}`: {reason}")]
    Call {
        /// The operation.
        call: &'static str,
        /// What it was about.
        subject: String,
        /// The service's code for it; none if there was no answer.
        code: Option<String>,
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
        let code = error.code().map(str::to_owned);
        let reason = match (&code, error.message()) {
            (Some(code), Some(message)) => format!("{message} (`{code}`)"),
            (Some(code), None) => format!("`{code}`"),
            _ => with_sources(&error),
        };
        Self::Call { call, subject: subject.to_owned(), code, reason, source: Box::new(error) }
    }

    /// The error of an object that broke off while it was read.
    pub(crate) fn of_body(subject: &str, error: ByteStreamError) -> Self {
        let (subject, reason) = (subject.to_owned(), with_sources(&error));
        Self::Call { call: "GetObject", subject, code: None, reason, source: Box::new(error) }
    }
}

fn cause(failure: Option<&FailedResource>) -> String {
    failure.map_or_else(
        || "no resource is named as the cause".to_owned(),
        |FailedResource { logical_id, kind, reason }| format!("`{logical_id}` ({kind}): {reason}"),
    )
}
