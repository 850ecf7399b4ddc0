//! How a target is, as all invocations see it: the circuit breaker, that the target is gone, and whether refusals are an
//! event's fault or the target's. Functions on values.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::ids::Group;
use shared::ledger::{ALIKE_LIMIT, Gone, OpenBreaker, Refusal, TargetFailure, TargetState};
use shared::time::Timestamp;

/// How long refusals of different groups count together: as many as [`ALIKE_LIMIT`] that are alike are the target's fault.
pub(crate) const ALIKE_WITHIN: Duration = Duration::from_secs(60);

/// When the first probe follows the opening of the circuit breaker; then twice as long each time.
const FIRST_PROBE: Duration = Duration::from_secs(30);

/// The longest time between two probes.
const LONGEST_PROBE: Duration = Duration::from_secs(5 * 60);

/// For how long a failure that is kept for operators stays the last one: a target that fails is no reason to write as often
/// as events come.
const FAILURE_STAYS: Duration = Duration::from_secs(60);

/// Something that was learned about the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// It took an event.
    Took,
    /// It failed in a way that passes by itself.
    Failed { group: Group, reason: String },
    /// It refused an event.
    Refused { group: Group, alike: String, reason: String },
    /// It refuses this sender, whatever the event.
    Unwilling { group: Group, reason: String },
    /// There is no such target.
    Gone { group: Group, reason: String },
}

/// Applies `note` at `now` to `state`. Nothing changes that need not be written.
pub(crate) fn apply(state: &mut TargetState, note: &Note, now: Timestamp) {
    match note {
        Note::Took => state.breaker = None,
        Note::Failed { group, reason } => keep_failure(state, group, reason, now),
        Note::Refused { group, alike, reason } => {
            state.refusals.retain(|refusal| now.since(refusal.at) < ALIKE_WITHIN && refusal.group != *group);
            if state.refusals.len() >= ALIKE_LIMIT {
                state.refusals.remove(0);
            }
            state.refusals.push(Refusal { group: group.clone(), alike: alike.clone(), at: now });
            keep_failure(state, group, reason, now);
            let of_this_kind = state.refusals.iter().filter(|refusal| refusal.alike == *alike);
            let groups: BTreeSet<&Group> = of_this_kind.map(|refusal| &refusal.group).collect();
            let is_alike = groups.len() >= ALIKE_LIMIT;
            // A target that answers to the event itself is well again, unless it is this that is wrong with it.
            state.breaker.take_if(|breaker| breaker.alike.as_ref() != Some(alike));
            if is_alike || state.breaker.is_some() {
                let reason = format!("{reason}; {ALIKE_LIMIT} aggregates were refused so within a minute");
                open(state, &reason, Some(alike.as_str()), now);
            }
        }
        Note::Unwilling { group, reason } => {
            keep_failure(state, group, reason, now);
            open(state, reason, None, now);
        }
        Note::Gone { group, reason } => {
            keep_failure(state, group, reason, now);
            state.gone.get_or_insert_with(|| Gone { since: now, reason: reason.clone(), paused_at: None });
        }
    }
}

/// The state in which one invocation may probe at `now`, once it is written; `None` if the breaker is closed, or it is too
/// soon.
pub(crate) fn claim_probe(state: &TargetState, now: Timestamp) -> Option<TargetState> {
    let mut claimed = state.clone();
    let breaker = claimed.breaker.as_mut().filter(|breaker| breaker.probe_at <= now)?;
    breaker.probes = breaker.probes.saturating_add(1);
    breaker.probe_at = now.plus(pause(breaker.probes));
    Some(claimed)
}

/// For how long the target has not been served as it should, at `now`.
pub(crate) fn failing_age(state: &TargetState, now: Timestamp) -> Option<Duration> {
    let breaker = state.breaker.as_ref().map(|breaker| breaker.since);
    let gone = state.gone.as_ref().map(|gone| gone.since);
    breaker.into_iter().chain(gone).min().map(|since| now.since(since))
}

fn open(state: &mut TargetState, reason: &str, alike: Option<&str>, now: Timestamp) {
    let probe_at = now.plus(FIRST_PROBE);
    let breaker = state.breaker.get_or_insert(OpenBreaker {
        since: now,
        probe_at,
        probes: 0,
        reason: String::new(),
        alike: None,
    });
    breaker.reason = reason.to_owned();
    breaker.alike = alike.map(str::to_owned);
}

fn pause(probes: u32) -> Duration {
    FIRST_PROBE.saturating_mul(1_u32.checked_shl(probes).unwrap_or(u32::MAX)).min(LONGEST_PROBE)
}

fn keep_failure(state: &mut TargetState, group: &Group, reason: &str, now: Timestamp) {
    let is_fresh = |failure: &TargetFailure| now.since(failure.at) < FAILURE_STAYS;
    if !state.failure.as_ref().is_some_and(is_fresh) {
        state.failure = Some(TargetFailure { at: now, group: group.clone(), reason: reason.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};
    use shared::ids::Key;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000 + seconds * 1_000)
    }

    fn group(name: &str) -> Group {
        Group::of(&Key::S(name.to_owned()))
    }

    /// `10 refused a 400` a line: at the 10th second, the target refuses an event of `a` with 400.
    fn check(script: &str, expected: &Expect) {
        let mut state = TargetState::default();
        let mut shown = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let now = at(words[0].parse().unwrap());
            let of = |index: usize| words.get(index).copied().unwrap_or("a");
            let (group, reason) = (group(of(2)), of(3).to_owned());
            let note = match words[1] {
                "took" => Note::Took,
                "failed" => Note::Failed { group, reason },
                "refused" => Note::Refused { group, alike: reason.clone(), reason },
                "unwilling" => Note::Unwilling { group, reason },
                "gone" => Note::Gone { group, reason },
                "probe" => {
                    let claimed = claim_probe(&state, now);
                    writeln!(shown, "{line}: {}", claimed.is_some()).unwrap();
                    state = claimed.unwrap_or(state);
                    continue;
                }
                other => panic!("{other}"),
            };
            apply(&mut state, &note, now);
            let breaker = state.breaker.as_ref().map_or_else(
                || "closed".to_owned(),
                |breaker| {
                    let probe = breaker.probe_at.since(at(0)).as_secs();
                    format!(
                        "open since {}, probe at {probe}: {}",
                        breaker.since.since(at(0)).as_secs(),
                        breaker.reason
                    )
                },
            );
            let gone = state.gone.as_ref().map_or("", |_| ", gone");
            let failure = state.failure.as_ref().map_or_else(String::new, |failure| {
                format!(", last {} at {}", failure.reason, failure.at.since(at(0)).as_secs())
            });
            writeln!(shown, "{line}: {breaker}{gone}{failure}").unwrap();
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn ten_groups_refused_alike_within_a_minute_are_the_targets_fault() {
        let ten = |step: u64, kind: fn(u64) -> String| -> String {
            (0..10).map(|number| format!("{} refused g{number} {}\n", number * step, kind(number))).collect()
        };
        check(
            &ten(6, |_| "400".to_owned()),
            &expect![[r#"
            0 refused g0 400: closed, last 400 at 0
            6 refused g1 400: closed, last 400 at 0
            12 refused g2 400: closed, last 400 at 0
            18 refused g3 400: closed, last 400 at 0
            24 refused g4 400: closed, last 400 at 0
            30 refused g5 400: closed, last 400 at 0
            36 refused g6 400: closed, last 400 at 0
            42 refused g7 400: closed, last 400 at 0
            48 refused g8 400: closed, last 400 at 0
            54 refused g9 400: open since 54, probe at 84: 400; 10 aggregates were refused so within a minute, last 400 at 0
        "#]],
        );
        check(
            &ten(7, |_| "400".to_owned()),
            &expect![[r#"
            0 refused g0 400: closed, last 400 at 0
            7 refused g1 400: closed, last 400 at 0
            14 refused g2 400: closed, last 400 at 0
            21 refused g3 400: closed, last 400 at 0
            28 refused g4 400: closed, last 400 at 0
            35 refused g5 400: closed, last 400 at 0
            42 refused g6 400: closed, last 400 at 0
            49 refused g7 400: closed, last 400 at 0
            56 refused g8 400: closed, last 400 at 0
            63 refused g9 400: closed, last 400 at 63
        "#]],
        );
        check(
            &ten(1, |number| if number == 4 { "413" } else { "400" }.to_owned()),
            &expect![[r#"
            0 refused g0 400: closed, last 400 at 0
            1 refused g1 400: closed, last 400 at 0
            2 refused g2 400: closed, last 400 at 0
            3 refused g3 400: closed, last 400 at 0
            4 refused g4 413: closed, last 400 at 0
            5 refused g5 400: closed, last 400 at 0
            6 refused g6 400: closed, last 400 at 0
            7 refused g7 400: closed, last 400 at 0
            8 refused g8 400: closed, last 400 at 0
            9 refused g9 400: closed, last 400 at 0
        "#]],
        );
    }

    #[test]
    fn one_group_is_no_ten() {
        let again: String = (0..12).map(|number| format!("{number} refused a 400\n")).collect();
        check(
            &again,
            &expect![[r#"
            0 refused a 400: closed, last 400 at 0
            1 refused a 400: closed, last 400 at 0
            2 refused a 400: closed, last 400 at 0
            3 refused a 400: closed, last 400 at 0
            4 refused a 400: closed, last 400 at 0
            5 refused a 400: closed, last 400 at 0
            6 refused a 400: closed, last 400 at 0
            7 refused a 400: closed, last 400 at 0
            8 refused a 400: closed, last 400 at 0
            9 refused a 400: closed, last 400 at 0
            10 refused a 400: closed, last 400 at 0
            11 refused a 400: closed, last 400 at 0
        "#]],
        );
    }

    #[test]
    fn a_breaker_opens_probes_and_closes() {
        check(
            "0 unwilling a 403
             10 probe
             30 probe
             31 unwilling b 401
             60 probe
             90 probe
             400 probe
             401 took",
            &expect![[r#"
                0 unwilling a 403: open since 0, probe at 30: 403, last 403 at 0
                10 probe: false
                30 probe: true
                31 unwilling b 401: open since 0, probe at 90: 401, last 403 at 0
                60 probe: false
                90 probe: true
                400 probe: true
                401 took: closed, last 403 at 0
            "#]],
        );
    }

    #[test]
    fn a_gone_target_stays_gone_and_failures_are_kept_once_a_minute() {
        check(
            "0 failed a 503
             59 failed b 502
             60 failed b 502
             61 gone a 410
             62 gone b 404
             63 took",
            &expect![[r#"
                0 failed a 503: closed, last 503 at 0
                59 failed b 502: closed, last 503 at 0
                60 failed b 502: closed, last 502 at 60
                61 gone a 410: closed, gone, last 502 at 60
                62 gone b 404: closed, gone, last 502 at 60
                63 took: closed, gone, last 502 at 60
            "#]],
        );
    }
}
