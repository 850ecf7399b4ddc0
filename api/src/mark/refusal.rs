//! Why a command has no event.

/// A command that can't be carried out as the mark is now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct Refusal {
    /// What it is, in a word that never changes.
    pub kind: Kind,
    /// The field of the command that it is about.
    pub field: &'static str,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

/// What a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// There is no such mark.
    MarkUnknown,
    /// The mark is there already.
    MarkExists,
    /// The mark is locked.
    MarkLocked,
    /// The mark is not locked.
    MarkNotLocked,
    /// The entitlement would end too late.
    TermTooLong,
}

impl Kind {
    /// The stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MarkUnknown => "mark-unknown",
            Self::MarkExists => "mark-exists",
            Self::MarkLocked => "mark-locked",
            Self::MarkNotLocked => "mark-not-locked",
            Self::TermTooLong => "term-too-long",
        }
    }
}
