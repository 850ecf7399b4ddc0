//! What a client gets of each event: all of its JSON or some members, alone or in an envelope.
//!
//! A view is made once, at cold start. It changes the body of a message and nothing else: ids, version and attributes
//! never depend on it.

mod clients;
mod envelope;
mod facts;
mod members;
#[cfg(test)]
mod tests;

use crate::config::{ClientView, Envelope, Members};
use crate::message::Message;
use crate::pattern::BodyError;
use envelope::CloudEvents;
use members::Selection;

pub use clients::{ClientViews, MessageViews};
pub use envelope::{DEFAULT_TYPE, ENVELOPE_LIMIT};
pub use facts::EventFacts;

/// What a client gets of each event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// None for all members.
    selection: Option<Selection>,
    envelope: Option<CloudEvents>,
}

/// Why there is no view of an event. It holds nothing of the event.
///
/// Bodies and attributes are written by the converter, or read from the table by the same code, so this can't happen to
/// an event of ours. Repeating the attempt helps nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The body is no JSON object.
    #[error("the event's body is {0}")]
    Body(#[from] BodyError),
    /// The body of a message stands for no text.
    #[error("the event's body is no text")]
    NotText,
    /// A message without an event's attribute.
    #[error("the event lacks the attribute `{0}`")]
    Lacks(&'static str),
    /// A message whose version is none.
    #[error("the event's attribute `version` is not a whole number")]
    Version,
}

impl View {
    /// The view that the config describes.
    pub fn new(view: &ClientView) -> Self {
        let ClientView { members, envelope } = view;
        Self {
            selection: match members {
                Members::All => None,
                Members::Fields(paths) => Some(Selection::fields(paths)),
                Members::Omit(paths) => Some(Selection::omit(paths)),
            },
            envelope: envelope.as_ref().map(|Envelope::CloudEvents(source)| CloudEvents::new(source)),
        }
    }

    /// Whether an event goes out as it is.
    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// What the client gets of the event with these `facts` and this `body`, its JSON. The same text for the same event,
    /// wherever it was read.
    ///
    /// Names and values stay as they are written, to the last digit, in their order; white space around what is selected
    /// goes. Without an envelope the text is never longer than `body`; with one, by [`ENVELOPE_LIMIT`] bytes at most. So
    /// an event near the limit of a message can be too long in its envelope: its queue refuses it then, as it does any
    /// event that is too long for it.
    ///
    /// # Errors
    ///
    /// [`ViewError::Body`] if `body` is no JSON object, or one with more than 128 levels. A view of the whole event without
    /// an envelope doesn't look at it.
    pub fn encode(&self, facts: &EventFacts<'_>, body: &str) -> Result<String, ViewError> {
        let around = if self.envelope.is_some() { ENVELOPE_LIMIT } else { 0 };
        let mut text = String::with_capacity(body.len() + around);
        if let Some(envelope) = &self.envelope {
            envelope.begin(facts, &mut text);
        }
        match &self.selection {
            Some(selection) => selection.select(body, &mut text)?,
            None if self.envelope.is_some() => members::copy(body, &mut text)?,
            None => text.push_str(body),
        }
        if self.envelope.is_some() {
            text.push_str(envelope::END);
        }
        Ok(text)
    }

    /// The message to a client with this view, of its event's `message` from the fan-out queue or the table. It has the
    /// ids, attributes and trace header of `message`; of a whole event it is `message` itself.
    ///
    /// # Errors
    ///
    /// As for [`encode`](Self::encode), or [`ViewError`] if `message` is no event's.
    pub fn message(&self, message: &Message) -> Result<Message, ViewError> {
        MessageViews::new(message).message(self)
    }
}
