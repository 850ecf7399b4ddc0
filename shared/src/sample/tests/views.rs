//! Views whose paths no event has.

use expect_test::{Expect, expect};

use super::*;

const ITEMS: &str = r#"
{"pk": "a", "sk": "1", "version": 1, "holder": {"name": "Ann", "address": {"town": "Bath"}}, "lines": [{"price": 1}]}
{"pk": "a", "sk": "2", "version": 2, "status": "SOLD"}
{"pk": "a", "sk": "META", "vehicle": "x"}
"#;

fn check_view(view: &str, lines: &str, expected: &Expect) {
    let text =
        format!("[source]\n{SOURCE}[[client]]\nname = \"Billing\"\n{view}\n[[client]]\nname = \"B\"\n");
    let config = Config::try_from_toml("client-queues.toml", &text, None).unwrap();
    let findings = Sample::new(&config, &page(lines)).findings;
    let of_views =
        || findings.iter().filter(|finding| finding.problem.contains(" of client `Billing` is in none"));
    assert!(of_views().all(|finding| finding.severity == Severity::Warning));
    let lines = of_views().map(|finding| format!("{}; {}\n", finding.problem, finding.remedy));
    expected.assert_eq(&lines.collect::<String>());
}

#[test]
fn a_path_that_no_event_has_is_told() {
    check_view("omit = ['holder.name', 'holder.address', 'lines.price', 'status']", ITEMS, &expect![[""]]);
    check_view(
        "omit = ['holder.adress', 'vehicle', 'stauts', 'elsewhere']",
        ITEMS,
        &expect![[r#"
            `elsewhere` of the omit of client `Billing` is in none of 2 events; see whether it is written as in the table
            `holder.adress` of the omit of client `Billing` is in none of 2 events; write `holder.address` in its place
            `stauts` of the omit of client `Billing` is in none of 2 events; write `status` in its place
            `vehicle` of the omit of client `Billing` is in none of 2 events; see whether it is written as in the table
        "#]],
    );
    check_view(
        "fields = ['pk', 'holder.name.first']",
        ITEMS,
        &expect![[r#"
        `holder.name.first` of the fields of client `Billing` is in none of 2 events; see whether it is written as in the table
    "#]],
    );
}

#[test]
fn without_events_nothing_is_said() {
    check_view("omit = ['x']", "", &expect![[""]]);
    check_view("omit = ['x']", r#"{"pk": "a", "sk": "META"}"#, &expect![[""]]);
    check_view("", ITEMS, &expect![[""]]);
}
