//! Three-valued logic: yes, no, or unclear and why.

/// Whether something holds, as far as it can be decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    No,
    Yes,
    /// It depends on what the text names.
    Unclear(String),
}

impl Truth {
    pub(super) fn and(self, other: impl FnOnce() -> Truth) -> Truth {
        match self {
            Truth::No => Truth::No,
            Truth::Yes => other(),
            Truth::Unclear(reason) => match other() {
                Truth::No => Truth::No,
                _ => Truth::Unclear(reason),
            },
        }
    }

    pub(super) fn not(self) -> Truth {
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
