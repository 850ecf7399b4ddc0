//! Table and ledger compared: the only thing that finds an event whose message was lost when no later one came.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::plausible;
use super::scan::is_young;
use super::{EventTime, GroupItem, Row, RowHead};
use crate::control::{Comparison, EventPair, EventVersion, GroupAhead, TypedKey};
use crate::event::Event;
use crate::ids::Key;
use crate::time::Timestamp;

/// How old an event is, by its own time, when it is taken for lost. Stream and queue bring it within seconds; what they
/// bring later was only put there too early, which costs one message. Longer than a hole is young.
pub const LATE: Duration = Duration::from_secs(120);

/// The deduplication ids of what is put on the fan-out queue again change as often, so that an event is put there once
/// in that time. As long as SQS remembers an id.
const WINDOW: Duration = super::times::DEDUPLICATION;

/// What the table has of a group and the ledger does not know, or the other way round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The lowest event is to be put on the fan-out queue: the group began anew, or lost its oldest events.
    pub lowest: bool,
    /// The highest event is to be put there: it was not sent, or the group is not known. (Not the lowest: of a group
    /// that it sees for the first time, the fan-out looks for what is old unless it is shown the first version.)
    pub highest: bool,
    /// The versions that were given up and are there now.
    pub holes: Vec<i64>,
    /// The table's highest version, if what was sent is higher.
    pub ahead: Option<i64>,
    /// The lowest version that is too far above all others to be believed.
    pub implausible: Option<i64>,
    /// The highest version of a group that the ledger does not know, if no event's time tells whether it is older than
    /// the ledger.
    pub of_unknown_age: Option<i64>,
    /// The versions that two events have, with the two lowest sort keys of each.
    pub pairs: Vec<VersionPair>,
}

/// A version that two events have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionPair {
    /// The version.
    pub version: i64,
    /// The events' sort keys.
    pub sort_keys: [Key; 2],
}

/// The lowest and the highest event of an aggregate that can be sent.
#[derive(Debug, Default)]
pub struct Ends {
    /// The lowest.
    pub lowest: Option<Event>,
    /// The highest.
    pub highest: Option<Event>,
}

/// Compares all `rows` that the table has of a group with its item. A row whose version can't be read is no event.
///
/// A group without an item, all of whose events are before `start`, is old and nothing is missing. If times that cannot
/// be read leave that open, its age is unknown, and nothing is repaired. An event whose time lies ahead by [`LATE`] is
/// neither old nor on its way.
pub fn compare<'r>(
    rows: impl IntoIterator<Item = &'r RowHead>,
    item: Option<&GroupItem>,
    start: Timestamp,
    now: Timestamp,
) -> Difference {
    let events: Vec<(i64, &RowHead)> = rows.into_iter().filter_map(|row| Some((row.version?, row))).collect();
    let versions = || events.iter().map(|(version, _)| *version);
    let plausible = match item {
        // What was sent was believed.
        Some(item) => plausible::highest(versions().chain([item.version]), &[item.version]),
        None => plausible::highest(versions(), &[]),
    };
    let implausible = versions().filter(|version| *version > plausible).min();
    let events: Vec<_> = events.iter().copied().filter(|(version, _)| *version <= plausible).collect();
    let difference = Difference { implausible, pairs: pairs(&events), ..Difference::default() };
    let Some(&(highest, last)) = events.iter().max_by_key(|(version, _)| *version) else {
        return difference;
    };
    let is_late = last.time.is_none_or(|time| !is_young(time, LATE, now));
    let Some(item) = item else {
        let is_new =
            events.iter().any(|(_, row)| row.time.is_some_and(|time| time >= EventTime::from(start)));
        let is_known = is_new || events.iter().all(|(_, row)| row.time.is_some());
        let of_unknown_age = (!is_known).then_some(highest);
        return Difference { highest: is_late && is_new, of_unknown_age, ..difference };
    };
    let highest_is_missing = highest > item.version && is_late;
    // Of a closed group, whatever is there is of a new incarnation.
    let has_first =
        item.closed.is_none() && events.iter().any(|(_, row)| row.identity == item.first.identity);
    if !has_first {
        return Difference { lowest: true, highest: highest_is_missing, ..difference };
    }
    let versions: BTreeSet<i64> = events.iter().map(|(version, _)| *version).collect();
    Difference {
        lowest: false,
        highest: highest_is_missing,
        holes: item.holes.iter().copied().filter(|hole| versions.contains(hole)).collect(),
        ahead: (item.version > highest).then_some(highest),
        ..difference
    }
}

/// The highest version of `rows` that is believed, where those of `sent` are.
pub fn plausible_limit<'r>(rows: impl IntoIterator<Item = &'r RowHead>, sent: &[i64]) -> i64 {
    let versions = rows.into_iter().filter_map(|row| row.version);
    plausible::highest(versions.chain(sent.iter().copied()), sent)
}

/// The versions that two of `events` have.
fn pairs(events: &[(i64, &RowHead)]) -> Vec<VersionPair> {
    let mut first = BTreeMap::<i64, &RowHead>::new();
    let mut pairs = BTreeMap::<i64, VersionPair>::new();
    for (version, row) in events {
        let Some(other) = first.insert(*version, row) else { continue };
        let sort_keys = [other, *row].map(|row| row.identity.sort.clone());
        pairs.entry(*version).or_insert(VersionPair { version: *version, sort_keys });
    }
    pairs.into_values().collect()
}

/// The number of the time window for [`Event::repair`](crate::event::Event::repair).
pub fn window(now: Timestamp) -> u64 {
    now.as_millis() / u64::try_from(WINDOW.as_millis()).unwrap_or(u64::MAX)
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// What is to be put on the fan-out queue of `ends`, the lowest first, where `sent` is the group's version. An event that
    /// can't be sent is not missing: the converter wrote a rejection about it.
    pub fn missing(&self, ends: Ends, sent: Option<i64>) -> Vec<Event> {
        let lowest = ends.lowest.filter(|_| self.lowest);
        let has_lowest = lowest.as_ref().map(Event::version);
        let highest = ends.highest.filter(|event| {
            self.highest
                && sent.is_none_or(|sent| event.version() > sent)
                && Some(event.version()) != has_lowest
        });
        lowest.into_iter().chain(highest).collect()
    }

    /// Adds what was found of the aggregate with this `key`, whose `missing` versions are these, to `comparison`.
    pub fn note(
        self,
        key: &Key,
        sent: Option<i64>,
        missing: impl IntoIterator<Item = i64>,
        comparison: &mut Comparison,
    ) {
        let version = |version| EventVersion::of(key, version);
        comparison.missing.extend(missing.into_iter().map(version));
        comparison.holes.extend(self.holes.into_iter().map(version));
        comparison.implausible.extend(self.implausible.map(version));
        comparison.of_unknown_age.extend(self.of_unknown_age.map(version));
        comparison.pairs.extend(self.pairs.iter().map(|pair| {
            let EventVersion { group, key, version } = version(pair.version);
            EventPair { group, key, version, sort_keys: pair.sort_keys.each_ref().map(TypedKey::from) }
        }));
        if let Some((highest, sent)) = self.ahead.zip(sent) {
            let EventVersion { group, key, version } = version(sent);
            comparison.ahead.push(GroupAhead { group, key, version, highest });
        }
    }
}

impl Ends {
    /// Takes in a row, unless its version is above `limit`. Of all events, only two are kept: there can be any number.
    /// Rows come newest first, so that of several with a version the one with the lowest sort key is kept.
    pub fn take(&mut self, row: Row, limit: i64) {
        let Ok(event) = row.event else { return };
        let version = event.version();
        if version > limit {
            return;
        }
        let of = |event: &Option<Event>| event.as_ref().map(Event::version);
        if of(&self.highest).is_none_or(|highest| version >= highest) {
            self.highest = Some(event.clone());
        }
        if of(&self.lowest).is_none_or(|lowest| version <= lowest) {
            self.lowest = Some(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::event::Reader;
    use crate::ids::{EventIdentity, IncarnationToken};
    use crate::ledger::times::YOUNG;
    use crate::ledger::{First, LastSent, WriteCount};

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const START: Timestamp = Timestamp::from_millis(1_799_000_000_000);
    const BEFORE: i64 = 2_000_000;

    /// A version, and how many seconds ago it happened: a negative number is ahead; `None`: unknown.
    type Event = (i64, Option<i64>);

    fn identity(sort: &str) -> EventIdentity {
        Key::N(sort.to_owned()).into()
    }

    /// The ledger's group: its version, its holes; the first event is version 1.
    fn item(version: i64, holes: &[i64]) -> GroupItem {
        GroupItem {
            write_count: WriteCount(3),
            version,
            behind: BTreeSet::new(),
            revision: 1,
            sent: LastSent::default(),
            incarnation_number: 1,
            token: IncarnationToken::new(&Key::S("a".to_owned()), &identity("1"), 1, None),
            first: First { identity: identity("1"), version: 1 },
            time: None,
            streamed_at: None,
            key: Key::S("a".to_owned()),
            holes: holes.to_vec(),
            pairs: Vec::new(),
            closed: None,
            unknown: [].into(),
        }
    }

    fn check(events: &[Event], item: Option<GroupItem>, expected: &str) {
        let at = |age: i64| NOW.as_millis().saturating_add_signed(-age * 1_000);
        let time = |age: i64| EventTime::from(Timestamp::from_millis(at(age)));
        let row = |(version, age): &Event| RowHead {
            identity: identity(&version.to_string()),
            version: Some(*version),
            time: age.map(time),
        };
        let listed: Vec<RowHead> = events.iter().map(row).collect();
        let difference = compare(&listed, item.as_ref(), START, NOW);
        let mut shown = Vec::new();
        shown.extend(difference.lowest.then(|| "lowest".to_owned()));
        shown.extend(difference.highest.then(|| "highest".to_owned()));
        shown.extend(difference.holes.iter().map(|hole| format!("hole {hole}")));
        shown.extend(difference.ahead.map(|highest| format!("ahead of {highest}")));
        shown.extend(difference.implausible.map(|version| format!("implausible {version}")));
        shown.extend(difference.of_unknown_age.map(|highest| format!("age unknown up to {highest}")));
        assert_eq!(shown.join(", "), expected, "{events:?}");
        assert_eq!(difference.is_none(), expected.is_empty());
    }

    /// An event that can be sent.
    fn event(version: i64) -> crate::event::Event {
        let toml = "[source]\npartition_key = \"mark\"\nsort_key = \"at\"\nversion = \"version\"\n[[client]]\nname = \"A\"\n";
        let image =
            format!(r#"{{"mark":{{"S":"a"}},"at":{{"N":"{version}"}},"version":{{"N":"{version}"}}}}"#);
        Reader::new(&Config::try_from_toml("test", toml, None).unwrap().source).read(&image).unwrap()
    }

    #[test]
    fn the_lowest_and_the_highest_event_go_out_once_each_and_only_if_they_are_missing() {
        /// Whether the lowest and the highest are missing; the table's highest that can be sent, the group's version.
        type Case = (bool, bool, Option<i64>, Option<i64>);
        let cases: [(Case, &[i64]); 7] = [
            ((false, true, Some(5), Some(3)), &[5]),
            ((false, true, Some(5), None), &[5]),
            // The one above what was sent can't be sent: the converter wrote a rejection.
            ((false, true, Some(3), Some(3)), &[]),
            ((true, true, Some(5), Some(3)), &[1, 5]),
            ((true, true, Some(1), Some(0)), &[1]),
            ((true, false, Some(5), Some(5)), &[1]),
            ((true, true, None, Some(3)), &[]),
        ];
        for ((lowest, highest, of_table, sent), expected) in cases {
            let difference = Difference { lowest, highest, ..Difference::default() };
            let mut ends = Ends::default();
            for version in (1..=of_table.unwrap_or(0)).rev() {
                let head = RowHead { identity: identity("1"), version: Some(version), time: None };
                ends.take(Row { head, event: Ok(event(version)) }, i64::MAX);
            }
            let missing: Vec<i64> =
                difference.missing(ends, sent).iter().map(|event| event.version()).collect();
            assert_eq!(missing, expected, "{lowest} {highest} {of_table:?} {sent:?}");
        }
    }

    #[test]
    fn what_both_have_is_no_difference() {
        check(&[], None, "");
        check(&[], Some(item(3, &[])), "");
        check(&[(1, Some(900)), (3, Some(900))], Some(item(3, &[2])), "");
    }

    #[test]
    fn a_group_that_the_ledger_does_not_know_is_missing_unless_it_is_old() {
        check(&[(4, Some(900)), (5, Some(800))], None, "highest");
        check(&[(4, Some(BEFORE)), (5, Some(800))], None, "highest");
        check(&[(4, Some(BEFORE)), (5, Some(BEFORE))], None, "");
        check(&[(4, Some(BEFORE)), (5, None)], None, "age unknown up to 5");
        check(&[(4, None), (5, None)], None, "age unknown up to 5");
        check(&[(4, None), (5, Some(900))], None, "highest");
        // Its message may be on its way.
        check(&[(1, Some(900)), (2, Some(119))], None, "");
        check(&[(1, Some(900)), (2, Some(120))], None, "highest");
    }

    #[test]
    fn a_highest_event_that_was_not_sent_is_missing_when_it_is_late() {
        check(&[(1, Some(900)), (4, Some(120))], Some(item(3, &[])), "highest");
        check(&[(1, Some(900)), (4, None)], Some(item(3, &[])), "highest");
        check(&[(1, Some(900)), (4, Some(119))], Some(item(3, &[])), "");
        // Its time lies ahead: a little, by a fast clock; or a month, which is no reason to wait for it.
        check(&[(1, Some(900)), (4, Some(-119))], Some(item(3, &[])), "");
        check(&[(1, Some(900)), (4, Some(-120))], Some(item(3, &[])), "highest");
        check(&[(1, Some(900)), (4, Some(-3_000_000))], Some(item(3, &[])), "highest");
        check(&[(1, Some(900)), (2, Some(-3_000_000))], None, "highest");
        assert!(LATE >= YOUNG);
    }

    #[test]
    fn without_its_first_event_a_group_began_anew_or_lost_its_oldest() {
        check(&[(2, Some(900)), (3, Some(900))], Some(item(3, &[])), "lowest");
        check(&[(2, Some(900)), (4, Some(900))], Some(item(3, &[2])), "lowest, highest");
        check(&[(2, Some(0)), (4, Some(0))], Some(item(9, &[])), "lowest");
        // The aggregate was erased, and the same event is there again.
        let closed = |version| Some(GroupItem { closed: Some(NOW), ..item(version, &[]) });
        check(&[(1, Some(900))], closed(3), "lowest");
        check(&[], closed(3), "");
    }

    #[test]
    fn a_version_given_up_that_is_there_now_is_reported() {
        check(&[(1, Some(900)), (2, Some(0)), (4, Some(900))], Some(item(4, &[2, 3, 17])), "hole 2");
    }

    #[test]
    fn a_version_too_far_above_all_others_is_reported_and_nothing_else_is_made_of_it() {
        let far = 1_767_600_000_000;
        check(
            &[(1, Some(900)), (2, Some(900)), (far, Some(900))],
            Some(item(2, &[])),
            "implausible 1767600000000",
        );
        check(
            &[(1, Some(900)), (3, Some(900)), (far, None)],
            Some(item(2, &[])),
            "highest, implausible 1767600000000",
        );
        check(
            &[(1, Some(900)), (far, Some(900)), (i64::MAX, Some(900))],
            None,
            "highest, implausible 1767600000000",
        );
        check(&[(far, Some(900))], None, "implausible 1767600000000");
        check(
            &[(1, Some(900)), (2, Some(900)), (far, Some(900))],
            Some(item(4, &[])),
            "ahead of 2, implausible 1767600000000",
        );
        // An operator sent it again, and it was sent.
        check(&[(1, Some(900)), (far, Some(900))], Some(item(far, &[])), "");
        // The oldest events were removed.
        check(&[(5_001, Some(900)), (5_002, Some(900))], None, "highest");
    }

    #[test]
    fn what_was_sent_and_is_gone_is_reported() {
        check(&[(1, Some(900)), (4, Some(900))], Some(item(6, &[])), "ahead of 4");
    }

    #[test]
    fn a_window_is_as_long_as_an_id_is_remembered() {
        let first = window(NOW);
        assert_eq!(window(NOW.plus(WINDOW)), first + 1);
        assert_eq!(NOW.as_millis() % 300_000, 0);
        assert_eq!(window(NOW.plus(WINDOW - Duration::from_millis(1))), first);
    }
}
