//! Which versions are believed. A source counts up by one: a version far above all others is a fault of its own, and
//! must not make every later event look like an old one.

/// The most versions in a row that are passed over because nothing has them. An event behind more of them is not
/// believed, unless an operator sends it again.
pub const JUMP_LIMIT: i64 = 1_000;

/// How far above what a group has a version is looked for: no invocation reads so many events.
pub const LOOK_UP_LIMIT: i64 = 1_000_000;

/// The highest version that is reached from `from` through `versions`, where no more than [`JUMP_LIMIT`] in a row are
/// missing. Those of `resent` are reached from anywhere.
pub fn reach(from: i64, versions: impl IntoIterator<Item = i64>, resent: &[i64]) -> i64 {
    let mut above: Vec<i64> = versions.into_iter().filter(|version| *version > from).collect();
    above.sort_unstable();
    above.into_iter().fold(from, |top, version| {
        let is_near = version - top <= JUMP_LIMIT + 1;
        if is_near || resent.contains(&version) { version } else { top }
    })
}

/// The highest plausible one of all `versions` that a group has; below all of them if none is. A group need not begin
/// with the first version: its oldest events may have been removed.
pub fn highest(versions: impl IntoIterator<Item = i64>, resent: &[i64]) -> i64 {
    let versions: Vec<i64> = versions.into_iter().collect();
    let lowest = versions.iter().copied().min().filter(|lowest| *lowest <= LOOK_UP_LIMIT);
    reach(lowest.map_or(0, |lowest| lowest.saturating_sub(1)), versions, resent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_reached_over_a_thousand_missing_ones_and_not_over_more() {
        let check = |from: i64, versions: &[i64], resent: &[i64], expected: i64| {
            assert_eq!(
                reach(from, versions.iter().copied(), resent),
                expected,
                "{from} {versions:?} {resent:?}"
            );
            let backwards = versions.iter().rev().copied();
            assert_eq!(reach(from, backwards, resent), expected, "{from} {versions:?} {resent:?}");
        };
        check(7, &[], &[], 7);
        check(7, &[3, 7], &[], 7);
        check(0, &[1, 2, 3], &[], 3);
        check(0, &[1_001], &[], 1_001);
        check(0, &[1_002], &[], 0);
        check(0, &[500, 1_501, 2_502], &[], 2_502);
        check(5, &[6, 1_767_600_000_000], &[], 6);
        check(5, &[6, i64::MAX], &[], 6);
        check(i64::MAX, &[i64::MAX], &[], i64::MAX);
        // What an operator sent again is meant, and what follows it.
        check(5, &[6, 9_000, 9_001, 20_000], &[9_000], 9_001);
        check(5, &[i64::MAX], &[i64::MAX], i64::MAX);
    }

    #[test]
    fn a_group_may_have_lost_its_oldest_events_but_not_any_number_of_them() {
        let check = |versions: &[i64], expected: i64| {
            assert_eq!(highest(versions.iter().copied(), &[]), expected, "{versions:?}");
        };
        check(&[], 0);
        check(&[1, 2, 3], 3);
        check(&[5_001, 5_002], 5_002);
        check(&[LOOK_UP_LIMIT], LOOK_UP_LIMIT);
        check(&[LOOK_UP_LIMIT + 1], 0);
        check(&[1, 2, i64::MAX], 2);
        check(&[i64::MAX], 0);
        check(&[0, 1], 1);
        assert_eq!(highest([i64::MAX], &[i64::MAX]), i64::MAX);
    }
}
