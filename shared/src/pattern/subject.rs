//! What a pattern is asked about.

use super::message::MessageFields;

/// A body and, if it is that of an event, what its message says beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'s> {
    /// A JSON object.
    pub body: &'s str,
    /// None for an item that is no event yet: then nothing stands under `$message`.
    pub message: Option<MessageFields<'s>>,
}

/// A body alone.
impl<'s, T: AsRef<str> + ?Sized> From<&'s T> for Subject<'s> {
    fn from(body: &'s T) -> Self {
        Self { body: body.as_ref(), message: None }
    }
}
