//! Figures and times, as `status` tells them.

use std::collections::BTreeMap;

use super::facts::Figure;

/// What CloudWatch tells, or in `unknown` why not.
pub(super) fn figure(
    name: &'static str,
    figure: &Figure,
    unknown: &mut BTreeMap<&'static str, String>,
) -> Option<u64> {
    match figure {
        // CloudWatch's figures are floating-point; these are counts of time.
        Ok(value) => format!("{:.0}", value.max(0.0)).parse().ok(),
        Err(reason) => {
            unknown.insert(name, reason.clone());
            None
        }
    }
}

/// A time as people say it: in its largest unit of which there are at least two.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
