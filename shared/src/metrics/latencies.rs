//! Times from the stream to the clients' queues.

use std::time::Duration;

/// What any time is rounded up to: ten steps to each factor of ten (the series R10 of ISO 3), in hundredths.
const STEPS: [u64; 11] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1_000];

/// The longest time that is counted as it is, in milliseconds: more than the fourteen days for which SQS keeps a
/// message.
const LONGEST: u64 = 1_250_000_000;

/// Times in milliseconds, each rounded up to the next of ten steps per factor of ten: up to 28% too long (126 becomes
/// 160), and at most 90 different ones, whatever happens. CloudWatch takes 100 (Embedded metric format specification).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// Ascending, each with how often it occurred.
    values: Vec<(u64, u64)>,
}

impl Latencies {
    /// Adds a time.
    pub fn add(&mut self, time: Duration) {
        self.add_times(rounded(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)), 1);
    }

    /// Adds the times of `others`.
    pub fn extend(&mut self, others: Self) {
        others.values.into_iter().for_each(|(value, times)| self.add_times(value, times));
    }

    fn add_times(&mut self, value: u64, times: u64) {
        match self.values.binary_search_by_key(&value, |(value, _)| *value) {
            Ok(index) => {
                if let Some((_, count)) = self.values.get_mut(index) {
                    *count = count.saturating_add(times);
                }
            }
            Err(index) => self.values.insert(index, (value, times)),
        }
    }

    pub(super) fn into_distribution(self) -> Vec<(u64, u64)> {
        self.values
    }
}

fn rounded(milliseconds: u64) -> u64 {
    if milliseconds >= LONGEST {
        return LONGEST;
    }
    let scale = 10_u64.pow(milliseconds.checked_ilog10().unwrap_or(0));
    let steps = STEPS.iter().map(|step| (step * scale).div_ceil(100));
    if milliseconds == 0 {
        0
    } else {
        steps.into_iter().find(|step| *step >= milliseconds).unwrap_or(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_rounded_up_to_ten_steps_per_factor_of_ten() {
        for (milliseconds, expected) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (6, 7),
            (9, 10),
            (11, 13),
            (13, 13),
            (99, 100),
            (100, 100),
            (101, 125),
            (631, 800),
            (801, 1_000),
            (86_400_000, 100_000_000),
            (1_000_000_000, 1_000_000_000),
            (1_000_000_001, LONGEST),
            (u64::MAX, LONGEST),
        ] {
            assert_eq!(rounded(milliseconds), expected, "{milliseconds}");
        }
    }

    #[test]
    fn there_are_never_more_different_ones_than_cloudwatch_takes() {
        let mut all = BTreeSet::from([rounded(0)]);
        while let Some(last) = all.last().copied().filter(|last| *last < LONGEST) {
            all.insert(rounded(last + 1));
        }
        assert_eq!(all.len(), 90);
    }

    proptest! {
        #[test]
        fn a_time_is_at_most_28_percent_too_long_and_a_longer_one_is_no_shorter(
            time in prop_oneof![0..LONGEST, Just(125_000_001), Just(12_500_001), Just(126)],
        ) {
            let value = rounded(time);
            prop_assert!(value >= time && value * 100 <= time * 128 + 100, "{time}: {value}");
            prop_assert!(rounded(time + 1) >= value);
            prop_assert_eq!(rounded(value), value);
        }

        #[test]
        fn every_time_is_counted_once_ascending(times in prop::collection::vec(0_u64..100_000, 0..200)) {
            let mut latencies = Latencies::default();
            for time in &times {
                latencies.add(Duration::from_millis(*time));
            }
            let values = latencies.into_distribution();
            prop_assert!(values.is_sorted_by_key(|(value, _)| *value));
            let total: u64 = values.iter().map(|(_, count)| *count).sum();
            prop_assert_eq!(total, u64::try_from(times.len()).unwrap());
        }
    }
}
