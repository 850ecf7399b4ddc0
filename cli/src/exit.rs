//! The exit statuses, which scripts rely on: one for each thing that a caller can do about it.

use std::process::ExitCode;

/// How a command ended.
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
    /// Interrupted (128 and the number of the signal, as shells do).
    Interrupted = 130,
}

/// Why a command has no result.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the process exits with.
    pub exit: Exit,
    /// For people: what is wrong with which thing, and the way out.
    pub message: String,
}

impl Failure {
    /// A failure that ends as `exit`.
    pub fn new(exit: Exit, message: impl ToString) -> Self {
        Self { exit, message: message.to_string() }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    #[test]
    fn help_tells_every_status() {
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
            Exit::Interrupted,
        ];
        for exit in all {
            let line = format!("\n  {:<4} ", exit as u8);
            assert!(help.contains(line.trim_end_matches(' ')), "{exit:?}");
        }
    }
}
