//! What a client was sent last in a group, as the ledger's items say it.

use super::{Cursor, GroupItem, LastVersion, Registration};
use crate::time::Timestamp;

/// What a client was sent in a group's incarnation, as far as it was recorded: its queue accepted that much at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// It has everything that it wants.
    UpToDate {
        /// What it was sent last.
        version: LastVersion,
    },
    /// It has less than the group.
    Behind {
        /// What it was sent last; in a replay, before the first event that is repeated.
        version: LastVersion,
        /// It has everything that it wants up to this version.
        position: i64,
        /// Since when it is behind; `None` if its cursor is still to be written.
        since: Option<Timestamp>,
        /// Up to which version events come with the mark of a replay: the client may have them.
        repeated_until: Option<i64>,
    },
}

/// What `client` was sent last by the group's `item` and its own `cursor` there. `None` if one does not fit the other:
/// they were read during a write, or are damaged.
pub fn attestation(item: &GroupItem, client: &Registration, cursor: Option<&Cursor>) -> Option<Attestation> {
    let nothing = item.first.version.saturating_sub(1);
    // Before the first event, it only says that there was something.
    let event = |last: LastVersion| last.filter(|version| *version > nothing);
    match (item.behind.contains(&client.id), cursor) {
        // The item does not account for the client yet, and what it says of the others is not true of it.
        (false, None) if item.revision < client.since => Some(if client.history {
            Attestation::Behind { version: None, position: nothing, since: None, repeated_until: None }
        } else {
            Attestation::UpToDate { version: None }
        }),
        (false, None) => Some(Attestation::UpToDate { version: event(item.sent.of(client.id)) }),
        (true, Some(cursor)) if cursor.incarnation_number == item.incarnation_number => {
            let replay = cursor.replay.as_ref().filter(|replay| cursor.position < replay.until);
            Some(Attestation::Behind {
                version: event(cursor.last),
                position: cursor.position,
                since: Some(cursor.at),
                // A hold, and a replay that closes a gap, reach further than what there is.
                repeated_until: replay.map(|replay| replay.until.min(item.version)),
            })
        }
        // Of this incarnation, it was sent nothing yet.
        (true, Some(cursor)) if cursor.incarnation_number < item.incarnation_number => {
            let since = Some(cursor.at);
            Some(Attestation::Behind { version: None, position: nothing, since, repeated_until: None })
        }
        (true, _) | (false, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::filter::FilterDigest;
    use crate::ids::{IncarnationToken, Key, ReplayId};
    use crate::ledger::{ClientId, First, LastSent, Repetition, State, WriteCount};

    const CLIENT: ClientId = ClientId(2);

    /// A group at version 9 in its second incarnation; all were sent 8 last but client 3, which was sent 4,
    /// and client 4, whose replay brought nothing.
    fn item(is_behind: bool) -> GroupItem {
        GroupItem {
            write_count: WriteCount(1),
            version: 9,
            behind: is_behind.then_some(CLIENT).into_iter().collect(),
            sent: LastSent::new(Some(8), [(ClientId(3), Some(4)), (ClientId(4), Some(0))]),
            revision: 5,
            incarnation_number: 2,
            token: IncarnationToken::try_new("0123456789abcdef").unwrap(),
            first: First { identity: Key::S("1".to_owned()).into(), version: 1 },
            time: None,
            streamed_at: None,
            closed: None,
            key: Key::S("a".to_owned()),
            holes: Vec::new(),
            pairs: Vec::new(),
            unknown: [].into(),
        }
    }

    fn client(id: u32, since: u64, history: bool) -> Registration {
        Registration {
            id: ClientId(id),
            state: State::Live,
            pause: None,
            history,
            erasures: false,
            filter: FilterDigest::of(None),
            since,
            absent_at: None,
            retired_at: None,
            unknown: [].into(),
        }
    }

    fn cursor(incarnation_number: u64, replay_until: Option<i64>) -> Cursor {
        let id = ReplayId::try_new("r-1").unwrap();
        Cursor {
            write_count: WriteCount(1),
            epoch: 1,
            incarnation_number,
            position: 5,
            last: Some(4),
            replay: replay_until.map(|until| Repetition { id, until, settles_at: None }),
            at: Timestamp::from_millis(7),
            hold: None,
            unknown: [].into(),
        }
    }

    fn check(is_behind: bool, client: &Registration, cursor: Option<&Cursor>, expected: &Expect) {
        let found = attestation(&item(is_behind), client, cursor);
        expected.assert_eq(&found.map_or_else(|| "do not fit".to_owned(), |found| format!("{found:?}")));
    }

    #[test]
    fn an_up_to_date_client_was_sent_what_the_item_says() {
        check(false, &client(2, 1, false), None, &expect!["UpToDate { version: Some(8) }"]);
        check(false, &client(3, 1, false), None, &expect!["UpToDate { version: Some(4) }"]);
        check(false, &client(4, 1, false), None, &expect!["UpToDate { version: None }"]);
    }

    #[test]
    fn a_client_that_is_behind_was_sent_what_its_cursor_of_this_incarnation_says() {
        let billing = client(2, 1, false);
        check(
            true,
            &billing,
            Some(&cursor(2, None)),
            &expect![
                "Behind { version: Some(4), position: 5, since: Some(Timestamp(7)), repeated_until: None }"
            ],
        );
        check(
            true,
            &billing,
            Some(&cursor(2, Some(8))),
            &expect![
                "Behind { version: Some(4), position: 5, since: Some(Timestamp(7)), repeated_until: Some(8) }"
            ],
        );
        // What was to be repeated is.
        check(
            true,
            &billing,
            Some(&cursor(2, Some(5))),
            &expect![
                "Behind { version: Some(4), position: 5, since: Some(Timestamp(7)), repeated_until: None }"
            ],
        );
        check(
            true,
            &billing,
            Some(&cursor(1, Some(8))),
            &expect![
                "Behind { version: None, position: 0, since: Some(Timestamp(7)), repeated_until: None }"
            ],
        );
    }

    #[test]
    fn a_client_that_the_item_does_not_account_for_was_sent_nothing() {
        check(false, &client(2, 6, false), None, &expect!["UpToDate { version: None }"]);
        check(
            false,
            &client(2, 6, true),
            None,
            &expect!["Behind { version: None, position: 0, since: None, repeated_until: None }"],
        );
        check(false, &client(2, 5, true), None, &expect!["UpToDate { version: Some(8) }"]);
    }

    #[test]
    fn items_that_were_read_during_a_write_say_nothing() {
        let billing = client(2, 1, false);
        check(true, &billing, None, &expect!["do not fit"]);
        check(false, &billing, Some(&cursor(2, None)), &expect!["do not fit"]);
        check(true, &billing, Some(&cursor(3, None)), &expect!["do not fit"]);
    }
}
