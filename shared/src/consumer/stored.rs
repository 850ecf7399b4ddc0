//! The text in which a store keeps a consumer's state: the same state has the same text, so that a store can compare it.

use serde::{Deserialize, Serialize};

use crate::ids::{IncarnationToken, ReplayId};

use super::{AskedReplay, ConsumerState};

/// Text that is not the state of a consumer.
#[derive(Debug, thiserror::Error)]
#[error("not the state of a consumer, or one of a later release: {0}")]
pub struct InvalidState(#[source] Box<dyn std::error::Error + Send + Sync>);

/// The members are sorted, and one without a value is left out.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    asked: Option<StoredReplay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incarnation: Option<String>,
    version: i64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredReplay {
    from: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    incarnation: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown_by: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unsent: bool,
}

impl ConsumerState {
    /// The state as JSON, its members sorted and without spaces.
    pub fn to_text(&self) -> String {
        let text = |token: &Option<IncarnationToken>| token.as_ref().map(|token| token.as_str().to_owned());
        let stored = StoredState {
            version: self.version,
            incarnation: text(&self.incarnation),
            asked: self.asked.as_ref().map(|asked| StoredReplay {
                from: asked.from,
                incarnation: text(&asked.incarnation),
                shown_by: asked.shown_by.as_ref().map(|id| id.as_str().to_owned()),
                unsent: !asked.is_sent,
            }),
        };
        // Numbers and text always have a JSON.
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// The state of which `text` is the text.
    ///
    /// # Errors
    ///
    /// [`InvalidState`]: it is none, or has members that this release does not know. Nothing is passed over: a state that
    /// is written back without them would be another one.
    pub fn try_from_text(text: &str) -> Result<Self, InvalidState> {
        let stored: StoredState = serde_json::from_str(text).map_err(InvalidState::new)?;
        let token = |text: Option<String>| {
            text.map(|text| IncarnationToken::try_new(&text)).transpose().map_err(InvalidState::new)
        };
        let asked = stored.asked.map(|asked| {
            let shown_by = asked.shown_by.map(|id| ReplayId::try_new(&id)).transpose();
            Ok(AskedReplay {
                from: asked.from,
                incarnation: token(asked.incarnation)?,
                shown_by: shown_by.map_err(InvalidState::new)?,
                is_sent: !asked.unsent,
            })
        });
        Ok(Self {
            version: stored.version,
            incarnation: token(stored.incarnation)?,
            asked: asked.transpose()?,
        })
    }
}

impl InvalidState {
    fn new(why: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self(Box::new(why))
    }
}
