use std::collections::BTreeSet;

use super::*;

const DOCUMENT: &str = include_str!("../../../docs/metrics.md");

#[test]
fn names_are_unique_and_as_cloudwatch_takes_them() {
    let names: BTreeSet<&str> = NAMES.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), NAMES.len());
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric())));
}

#[test]
fn every_metric_is_documented_as_it_is() {
    for Metric { name, unit, meaning } in NAMES {
        let row = DOCUMENT.lines().find(|line| line.starts_with(&format!("| `{name}` | {} |", unit.name())));
        assert!(row.is_some_and(|row| row.ends_with(&format!("| {meaning} |"))), "`{name}`: {meaning}");
    }
    let documented = DOCUMENT.lines().filter(|line| line.starts_with("| `") && line.contains("` | Count |"));
    let counts = NAMES.iter().filter(|metric| metric.unit == Unit::Count);
    assert_eq!(documented.count(), counts.count(), "a metric is documented that is not there");
    assert!(DOCUMENT.contains(&format!("`{NAMESPACE}`")));
}

#[test]
fn a_tally_has_a_line_for_the_function_and_for_each_client_and_none_for_nothing() {
    let client = |name| ClientName::try_new(name).unwrap();
    let mut tally = Tally::default();
    tally.latencies(END_TO_END_LATENCY, Latencies::default());
    assert!(tally.lines().is_empty());
    tally.count(RECORDS_IN, 2);
    tally.count_of(&client("Billing"), BECAME_BEHIND, 1);
    tally.count_of(&client("Search"), GROUPS_BEHIND, 2);
    tally.count_of(&client("Billing"), GROUPS_BEHIND, 0);
    tally.count(SENT, usize::MAX);
    assert_eq!(
        tally.to_string(),
        format!(
            "RecordsIn 2, Sent {}\nBilling: BecameBehind 1, GroupsBehind 0\nSearch: GroupsBehind 2",
            u64::MAX
        )
    );
}
