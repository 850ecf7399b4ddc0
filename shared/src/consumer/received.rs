//! A received message, from its attributes.

use crate::ids::{IncarnationToken, ReplayId};
use crate::message::{ERASED, INCARNATION, PREVIOUS_VERSION, REPLAY};

use super::ReceivedMessage;

const VERSION: &str = "version";

/// An attribute that a message of the pipeline has, or has otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableAttribute {
    /// It is not there, and every message has it.
    #[error("the attribute `{0}` is missing: no message of the pipeline")]
    Missing(&'static str),
    /// Its value is none that the pipeline writes.
    #[error("the attribute `{0}` can't be read: no message of the pipeline, or of a later release")]
    Invalid(&'static str),
}

impl ReceivedMessage {
    /// The message whose attributes of the types `String` and `Number` are `attribute`.
    ///
    /// `previousVersion` and `incarnation` may be missing: a release that does not send them is in use.
    ///
    /// # Errors
    ///
    /// [`UnreadableAttribute`]: `version` is missing, or one of those that are there can't be read.
    pub fn try_from_attributes<'m>(
        attribute: impl Fn(&str) -> Option<&'m str>,
    ) -> Result<Self, UnreadableAttribute> {
        let number = |name| match attribute(name) {
            None => Ok(None),
            Some(text) => whole_number(text).map(Some).ok_or(UnreadableAttribute::Invalid(name)),
        };
        let token = attribute(INCARNATION).map(IncarnationToken::try_new).transpose();
        let replay = attribute(REPLAY).map(ReplayId::try_new).transpose();
        Ok(Self {
            version: number(VERSION)?.ok_or(UnreadableAttribute::Missing(VERSION))?,
            previous_version: number(PREVIOUS_VERSION)?,
            incarnation: token.map_err(|_| UnreadableAttribute::Invalid(INCARNATION))?,
            is_erasure: attribute(ERASED).is_some(),
            replay: replay.map_err(|_| UnreadableAttribute::Invalid(REPLAY))?,
        })
    }
}

/// The number whose one spelling `text` is: as the pipeline writes it, so that all languages read the same.
fn whole_number(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}
