//! The consumer's rule: what a message means for a consumer that has received others of its aggregate, and how a missing
//! one shows.
//!
//! One function on values, [`decide`]. The kit for consumers is built on it, and so is everything else that delivers from
//! a client's queue.

mod received;
mod stored;

use crate::ids::{IncarnationToken, ReplayId, digest};

pub use received::UnreadableAttribute;
pub use stored::InvalidState;

/// What a consumer keeps of one aggregate, in the same write as the effect of the messages that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerState {
    /// The version of the last message that was taken; one below the first version where none was.
    pub version: i64,
    /// The incarnation that it was of. `None`: no message was taken, or none that named its incarnation.
    pub incarnation: Option<IncarnationToken>,
    /// The replay that was asked for, while something is missing.
    pub asked: Option<AskedReplay>,
}

/// A replay that a consumer asked for, because something was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedReplay {
    /// The first version that it should send.
    pub from: i64,
    /// The incarnation of the message that showed the gap.
    pub incarnation: Option<IncarnationToken>,
    /// The replay that this message was of, if it was of one: the replay has a gap itself.
    pub shown_by: Option<ReplayId>,
    /// Whether the request was sent. If not, the next message asks again.
    pub is_sent: bool,
}

impl AskedReplay {
    /// The `MessageDeduplicationId` of the message that asks for it: the same for the same gap of `group`.
    pub fn deduplication_id(&self, group: &str) -> String {
        let incarnation = self.incarnation.as_ref().map_or("", IncarnationToken::as_str);
        let shown_by = self.shown_by.as_ref().map_or("", ReplayId::as_str);
        let parts = [group, &self.from.to_string(), incarnation, shown_by];
        digest(b'q', &parts.map(str::as_bytes))
    }
}

/// What the rule reads of a message: its attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// `version`.
    pub version: i64,
    /// `previousVersion`: the version of the message of this incarnation that was sent to this client before, one below
    /// the first version where there was none. `None` where the message does not say: then it is taken for the lowest
    /// there is, and no gap is seen.
    pub previous_version: Option<i64>,
    /// `incarnation`. `None` where the message does not say: then it is taken for the one that the consumer has.
    pub incarnation: Option<IncarnationToken>,
    /// Whether it has `erased`: the message is no event, but the notice that the aggregate was erased.
    pub is_erasure: bool,
    /// `replay`.
    pub replay: Option<ReplayId>,
}

/// What a consumer knows beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerSettings {
    /// The version of an aggregate's first event, as `[source] first_version` has it.
    pub first_version: i64,
    /// With which message an aggregate begins.
    pub start: Start,
}

/// With which message an aggregate begins of which a consumer has no state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With whatever comes first: the client joined without history.
    #[default]
    Anywhere,
    /// With the first that was sent of its incarnation: the client joined with history, or rebuilds its store from a
    /// backfill.
    FromTheBeginning,
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Apply its effect, and keep the state in the same write.
    Take {
        /// The state from now on.
        state: ConsumerState,
        /// Whether it is the first that is taken of its incarnation: what the store still holds of the aggregate is of
        /// another one, and goes in the same write.
        begins: bool,
    },
    /// It had its effect already, or is of no concern any more: acknowledge it.
    Had,
    /// The aggregate was erased: delete all that the store holds of it. The state tells late repetitions from a new
    /// incarnation; a consumer that may not even keep the aggregate's name drops it, and takes those for news.
    Forget(ConsumerState),
    /// Something is missing: ask for the replay that `asked` of the state says, then keep the state, and acknowledge the
    /// message without effect. A group that is stopped instead never sees the replay: it is enqueued behind.
    ///
    /// Ask first: a consumer that dies in between asks twice, which is harmless, and never not at all. One that can't ask keeps
    /// the state with `is_sent` false, and is told to ask again.
    Ask(ConsumerState),
    /// Something is missing that was asked for already: acknowledge the message without effect. The state stays.
    Wait,
    /// The message can't be what it says: return it, with its group, until an operator has looked. Its version is below the
    /// first one, so that the [settings](ConsumerSettings) are not the source's, or not above its predecessor's.
    Refuse,
}

/// What `message` means for a consumer with this `state` of its aggregate; `None` where it never received anything of it.
///
/// Messages are decided on in the order in which the queue gives those of a group. The verdict follows from the arguments
/// alone, so that a message that is delivered again, before its effect or after, does no harm.
pub fn decide(
    state: Option<&ConsumerState>,
    message: &ReceivedMessage,
    settings: &ConsumerSettings,
) -> Verdict {
    let none_yet = settings.first_version.saturating_sub(1);
    let is_contradiction = message.previous_version.is_some_and(|previous| previous >= message.version);
    if message.version < settings.first_version || is_contradiction {
        return Verdict::Refuse;
    }
    // Never guessed upwards: a predecessor that is too low is safe, one that is too high is a false alarm.
    let follows = |version: i64| message.previous_version.is_none_or(|previous| previous <= version);

    let Some(state) = state else {
        if message.is_erasure {
            return Verdict::Forget(message.taken_by(None));
        }
        if settings.start == Start::Anywhere || follows(none_yet) {
            return Verdict::Take { state: message.taken_by(None), begins: true };
        }
        let nothing_yet = ConsumerState { version: none_yet, incarnation: None, asked: None };
        return missing(&nothing_yet, message, settings.first_version);
    };

    let mine = state.version.max(none_yet);
    let is_same = match (&state.incarnation, &message.incarnation) {
        (Some(mine), Some(its)) => mine == its,
        _ => true,
    };
    if message.is_erasure {
        let is_newer = state.incarnation.is_none() && message.version > mine;
        let is_of_mine = state.incarnation.is_some() && is_same;
        // Nothing of that incarnation was sent: what is there is of one before it.
        let is_of_a_later_one = !is_same && follows(none_yet);
        return if is_newer || is_of_mine || is_of_a_later_one || state.waits_for(message) {
            Verdict::Forget(message.taken_by(is_same.then_some(state)))
        } else {
            Verdict::Had
        };
    }
    if !is_same {
        return if follows(none_yet) {
            Verdict::Take { state: message.taken_by(None), begins: true }
        } else {
            missing(state, message, settings.first_version)
        };
    }
    if message.version <= mine {
        return Verdict::Had;
    }
    if follows(mine) {
        let begins = mine == none_yet;
        return Verdict::Take { state: message.taken_by(Some(state)), begins };
    }
    missing(state, message, mine.saturating_add(1))
}

impl Verdict {
    /// The state after this verdict, of a consumer that had `state`.
    pub fn state_after(self, state: Option<ConsumerState>) -> Option<ConsumerState> {
        match self {
            Self::Take { state, .. } | Self::Forget(state) | Self::Ask(state) => Some(state),
            Self::Had | Self::Wait | Self::Refuse => state,
        }
    }

    /// Whether something is missing before the message.
    pub fn is_gap(&self) -> bool {
        matches!(self, Self::Ask(_) | Self::Wait)
    }
}

impl ConsumerState {
    /// Whether something of the message's incarnation is missing. That incarnation came after the one of the state: the
    /// state's own can be gone only with it.
    fn waits_for(&self, message: &ReceivedMessage) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.incarnation == message.incarnation)
    }
}

impl ReceivedMessage {
    /// The state of a consumer that takes it, and had `state` of the same incarnation.
    fn taken_by(&self, state: Option<&ConsumerState>) -> ConsumerState {
        let known = state.and_then(|state| state.incarnation.as_ref());
        let version = state.map_or(self.version, |state| state.version.max(self.version));
        ConsumerState { version, incarnation: self.incarnation.as_ref().or(known).cloned(), asked: None }
    }
}

impl Default for ConsumerSettings {
    fn default() -> Self {
        Self { first_version: 1, start: Start::default() }
    }
}

/// Asks for a replay from `from` on, unless this was done. It is done again whenever a replay comes that has the gap, too.
fn missing(state: &ConsumerState, message: &ReceivedMessage, from: i64) -> Verdict {
    let (incarnation, shown_by) = (message.incarnation.clone(), message.replay.clone());
    let asked = AskedReplay { from, incarnation, shown_by, is_sent: true };
    let is_asked = state.asked.as_ref().is_some_and(|before| {
        let is_known = asked.shown_by.is_none() || asked.shown_by == before.shown_by;
        before.is_sent && before.from == asked.from && before.incarnation == asked.incarnation && is_known
    });
    if is_asked { Verdict::Wait } else { Verdict::Ask(ConsumerState { asked: Some(asked), ..state.clone() }) }
}

#[cfg(test)]
mod tests;
