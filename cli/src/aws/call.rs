//! How a command ends that can do nothing without a call that failed.

use deploy::call::{CallError, CallFault};

use crate::exit::{Exit, Failure};

impl From<CallFault> for Exit {
    fn from(fault: CallFault) -> Self {
        match fault {
            CallFault::NotAllowed => Self::NotAllowed,
            CallFault::Missing | CallFault::Unreachable => Self::Unreachable,
            CallFault::Refused => Self::Fault,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Failure::new(error.fault.into(), error)
    }
}
