//! Ids under which events are sent again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use crate::commands::operator::now;

/// A new id.
pub(in crate::commands) fn fresh() -> String {
    replay_id(now().as_millis(), RandomState::new().build_hasher().finish())
}

/// The text of a [`ReplayId`](shared::ids::ReplayId) from `milliseconds` since the Unix epoch and a random number. It
/// is unique, so that a log can be searched for it.
fn replay_id(milliseconds: u64, random: u64) -> String {
    format!("{milliseconds}-{random:016x}")
}

#[cfg(test)]
mod tests {
    use shared::ids::ReplayId;

    use super::*;

    #[test]
    fn a_replays_id_is_valid_and_unique() {
        for (milliseconds, random) in [(0, 0), (1_795_242_720_123, 7), (u64::MAX, u64::MAX)] {
            let id = replay_id(milliseconds, random);
            assert!(ReplayId::try_new(&id).is_ok(), "{id}");
        }
        assert_ne!(replay_id(1, 23), replay_id(12, 3));
        assert_ne!(fresh(), fresh());
    }
}
