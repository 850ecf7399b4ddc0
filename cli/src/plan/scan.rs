//! How long a scan of the event table takes, at the pace that the config sets.

use serde::Serialize;

/// The bytes that a read unit reads, eventually consistent (DynamoDB Developer Guide, "Read consistency").
const BYTES_IN_A_UNIT: u64 = 8 * 1_024;

/// What takes less is not worth a line.
const SHOWN_FROM: u64 = 10 * 60;

/// A scan of the whole event table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScanEstimate {
    /// The table's size in bytes.
    pub bytes: u64,
    /// The read units of a second that scans may take.
    pub read_units: u32,
    /// How long the scan takes.
    pub seconds: u64,
}

impl ScanEstimate {
    /// The estimate for a table of this size. None: it isn't known, or there is nothing to scan.
    pub(super) fn of(bytes: Option<u64>, read_units: u32) -> Option<Self> {
        let bytes = bytes.filter(|bytes| *bytes > 0)?;
        let seconds = bytes.div_ceil(BYTES_IN_A_UNIT).div_ceil(u64::from(read_units.max(1)));
        Some(Self { bytes, read_units, seconds })
    }

    /// The text for people; none if the scan is over soon.
    pub(super) fn to_text(&self) -> Option<String> {
        let Self { bytes, read_units, seconds } = self;
        let (megabytes, minutes) = (bytes.div_ceil(1_000_000), seconds.div_ceil(60));
        let time =
            if minutes < 120 { format!("{minutes} min") } else { format!("{} h", minutes.div_ceil(60)) };
        (*seconds >= SHOWN_FROM).then(|| {
            format!(
                "A scan of the event table ({megabytes} MB) takes about {time} at {read_units} read units a second \
                 (`scan_read_units`): so long until a new client with history has everything, and between two \
                 reconciliations if that is more than a day."
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(bytes: u64, read_units: u32, expected: &Expect) {
        let text = ScanEstimate::of(Some(bytes), read_units).and_then(|estimate| estimate.to_text());
        expected.assert_eq(&text.unwrap_or_default());
    }

    #[test]
    fn a_scan_takes_as_long_as_its_read_units() {
        check(
            17_000_000_000,
            25,
            &expect![
                "A scan of the event table (17000 MB) takes about 24 h at 25 read units a second (`scan_read_units`): so long until a new client with history has everything, and between two reconciliations if that is more than a day."
            ],
        );
        check(
            200_000_000,
            25,
            &expect![
                "A scan of the event table (200 MB) takes about 17 min at 25 read units a second (`scan_read_units`): so long until a new client with history has everything, and between two reconciliations if that is more than a day."
            ],
        );
        check(100_000_000, 25, &expect![""]);
        check(17_000_000_000, 100_000, &expect![""]);
        assert_eq!(ScanEstimate::of(Some(0), 25), None);
        assert_eq!(ScanEstimate::of(None, 25), None);
        assert_eq!(ScanEstimate::of(Some(1), 25).map(|estimate| estimate.seconds), Some(1));
    }
}
