//! Figures and times, as `status` shows them.

use std::collections::BTreeMap;

use super::facts::Figure;

/// The figure as a whole number. If it isn't known, `unknown` gets the reason under `name`.
pub(super) fn figure(
    name: &'static str,
    figure: &Figure,
    unknown: &mut BTreeMap<&'static str, String>,
) -> Option<u64> {
    match figure {
        // CloudWatch's figures are floating-point; these are whole seconds or milliseconds.
        Ok(value) => format!("{:.0}", value.max(0.0)).parse().ok(),
        Err(reason) => {
            unknown.insert(name, reason.clone());
            None
        }
    }
}

/// A time in the largest unit of which there are at least two: `119 s`, `2 min`.
pub(super) fn time(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
