//! Lanes: letters whose events must not overtake each other.

use std::collections::BTreeSet;

use shared::config::Source;
use shared::ids::Group;

use super::{Letter, LetterQueue};

/// What must not overtake each other: a group's letters of one queue, for one client.
pub type Lane = (LetterQueue, Option<String>, String);

/// What is remembered of each letter that was seen: bodies of thousands would be too much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The letter's id.
    pub id: String,
    /// Its lane.
    pub lane: Option<Lane>,
    /// Its event's version, where letter and config tell it.
    pub version: Option<u64>,
}

/// A letter that would overtake others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing was sent: the event of `{id}` would overtake those of earlier letters of its group: `{}`; name them too, \
     or use `--all`",
    .earlier.join("`, `")
)]
pub struct OvertakeError {
    /// The letter.
    pub id: String,
    /// The earlier letters of its lane that are not chosen, in order.
    pub earlier: Vec<String>,
}

impl Seen {
    /// What is remembered of `letter`.
    pub fn of(letter: &Letter, source: Option<&Source>) -> Self {
        Self { id: letter.message.id.clone(), lane: lane(letter), version: letter.version(source) }
    }
}

/// `None` for letters that share a group but no aggregate.
pub fn lane(letter: &Letter) -> Option<Lane> {
    let group = letter.group().to_owned();
    let client = letter.client().map(ToString::to_string);
    (group != Group::of_the_unreadable().as_str()).then_some((letter.queue, client, group))
}

/// Whether no `chosen` letter has an earlier one of its lane that is not chosen. `seen` is in the order of the queues;
/// SQS shows no letter of a group without the earlier ones, so that all of those are in it.
///
/// # Errors
///
/// [`OvertakeError`]: the first letter that has one.
pub fn overtakes_none(chosen: &BTreeSet<&str>, seen: &[Seen]) -> Result<(), OvertakeError> {
    for (index, letter) in seen.iter().enumerate().filter(|(_, letter)| chosen.contains(letter.id.as_str())) {
        let Some(lane) = &letter.lane else { continue };
        let earlier = seen.iter().take(index).filter(|earlier| earlier.lane.as_ref() == Some(lane));
        let left_out = earlier.filter(|earlier| !chosen.contains(earlier.id.as_str()));
        let earlier: Vec<String> = left_out.map(|earlier| earlier.id.clone()).collect();
        if !earlier.is_empty() {
            return Err(OvertakeError { id: letter.id.clone(), earlier });
        }
    }
    Ok(())
}

/// How many newer events of the letter's group are letters too, so that its clients do not have them; `None` if its
/// version or its group is not known.
pub fn newer_letters(letter: &Letter, version: Option<u64>, seen: &[Seen]) -> Option<u64> {
    let (version, (_, client, group)) = (version?, lane(letter)?);
    let concerns_the_same = |other: &Lane| {
        let (_, of_client, of_group) = other;
        *of_group == group && (of_client.is_none() || *of_client == client)
    };
    let of_group = seen.iter().filter(|seen| seen.lane.as_ref().is_some_and(concerns_the_same));
    let newer: BTreeSet<u64> =
        of_group.filter_map(|seen| seen.version).filter(|other| *other > version).collect();
    Some(newer.len() as u64)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::letters::samples::{self, source};

    /// `name:group` of the dead-letter queue, `name:group:client` of the undelivered one, `name` of no aggregate.
    fn seen(letters: &str) -> Vec<Seen> {
        let letter = |text: &str| {
            let mut parts = text.split(':').map(str::to_owned);
            let id = parts.next().unwrap();
            let lane = parts.next().map(|group| match parts.next() {
                None => (LetterQueue::DeadLetter, None, group),
                client => (LetterQueue::Undelivered, client, group),
            });
            Seen { version: id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().ok(), id, lane }
        };
        letters.split(' ').map(letter).collect()
    }

    fn check(chosen: &str, letters: &str, expected: &Expect) {
        let found = overtakes_none(&chosen.split(' ').collect(), &seen(letters));
        expected.assert_eq(&found.map_or_else(|error| error.to_string(), |()| "none".to_owned()));
    }

    #[test]
    fn no_letter_overtakes_an_earlier_one_of_its_lane() {
        let letters = "a1:A a2:A b1:B a3:A u1:A:Billing u2:A:Insurance u3:A:Billing x y";
        let none = expect!["none"];
        check("a1", letters, &none);
        check("a1 a2", letters, &none);
        check("a3 a2 a1", letters, &none);
        check("b1 u2 y", letters, &none);
        check("u1 u3", letters, &none);
        check(
            "a2",
            letters,
            &expect![
                "nothing was sent: the event of `a2` would overtake those of earlier letters of its group: `a1`; name them too, or use `--all`"
            ],
        );
        check(
            "a3 b1",
            letters,
            &expect![
                "nothing was sent: the event of `a3` would overtake those of earlier letters of its group: `a1`, `a2`; name them too, or use `--all`"
            ],
        );
        check(
            "a1 a3",
            letters,
            &expect![
                "nothing was sent: the event of `a3` would overtake those of earlier letters of its group: `a2`; name them too, or use `--all`"
            ],
        );
        check(
            "u3",
            letters,
            &expect![
                "nothing was sent: the event of `u3` would overtake those of earlier letters of its group: `u1`; name them too, or use `--all`"
            ],
        );
    }

    #[test]
    fn only_letters_of_one_aggregate_and_client_share_a_lane() {
        let undelivered = |client, group| lane(&samples::undelivered(client, group, Some("2"), "{}"));
        let billing = undelivered("Billing", "AFC%20F5");
        assert!(billing.is_some());
        assert_ne!(billing, undelivered("Insurance", "AFC%20F5"));
        assert_ne!(billing, undelivered("Billing", "X1%20ABC"));
        assert_ne!(billing, lane(&samples::dead_letter("AFC%20F5", "{}")));
        assert_eq!(lane(&samples::unreadable_record()), None);
    }

    #[test]
    fn newer_letters_are_those_that_the_same_client_lacks() {
        let letters = seen("a1:A a2:A:Billing a3:A:Billing a3:A a4:A:Insurance b5:B a:A x");
        let check = |letter: &Letter, version, expected| {
            assert_eq!(newer_letters(letter, version, &letters), expected, "{version:?}");
        };
        let billing = samples::undelivered("Billing", "A", None, "{}");
        check(&billing, Some(1), Some(2));
        check(&billing, Some(2), Some(1));
        check(&billing, Some(3), Some(0));
        check(&billing, None, None);
        check(&samples::dead_letter("A", "{}"), Some(1), Some(1));
        check(&samples::unreadable_record(), Some(1), None);
    }

    #[test]
    fn what_is_remembered_is_the_letters() {
        let letter = samples::rejected("e-3");
        let expected = Seen { id: letter.message.id.clone(), lane: lane(&letter), version: Some(3) };
        assert_eq!(Seen::of(&letter, Some(&source(""))), expected);
        assert_eq!(Seen::of(&letter, None).version, None);
    }
}
