//! What is known of a pattern while it is read.

use super::Field;

/// A field on its way into a pattern.
pub(super) struct FieldDraft {
    /// Where its list begins.
    pub(super) at: usize,
    /// What findings call it.
    pub(super) key: String,
    pub(super) field: Field,
}
