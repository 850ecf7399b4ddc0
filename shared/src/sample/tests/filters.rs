//! Clients' filters.

use expect_test::{Expect, expect};

use super::{SOURCE, page, shown};
use crate::config::Config;
use crate::sample::{MatchedItem, Sample, items_of_lines, match_items};

const LINES: &str = r#"
{"pk": "A 1", "sk": "x", "version": 1, "at": "2026-11-01T10:00:00Z", "type": "Made", "order": {"status": "OPEN", "a.b": 1}}
{"pk": "A 1", "sk": "y", "version": 2, "at": "2026-11-01T10:01:00Z", "type": "Paid", "order": {"status": "PAID"}}
{"pk": "A 1", "sk": "HEAD", "rare": 1}
{"pk": "A 1", "sk": "z", "at": "2026-11-01T10:01:00Z"}
"#;

fn config(clients: &str) -> Config {
    let text = format!(
        "[source]\n{SOURCE}name = \"type\"\n[source.filter]\nsk = [{{ anything-but = \"HEAD\" }}]\n{clients}"
    );
    Config::try_from_toml("client-queues.toml", &text, None).unwrap()
}

#[track_caller]
fn check(filter: &str, expected: &Expect) {
    let config = config(&format!(
        "[[client]]\nname = \"All\"\n[[client]]\nname = \"Some\"\n[client.filter]\n{filter}\n"
    ));
    let findings = shown(&Sample::new(&config, &page(LINES)));
    let about: Vec<&str> = findings.lines().filter(|line| line.contains("client `")).collect();
    expected.assert_eq(&about.join("\n"));
}

#[test]
fn a_clients_filter_that_no_event_matches_is_a_warning() {
    check("order.status = [\"PAID\"]\n\"$message\".eventName = [\"Paid\"]", &expect![[r#""#]]);
    check(
        "\"$message\".eventName = [\"Sold\"]",
        &expect![[r#"
            - warning: the filter of client `Some` matches none of 2 events; compare its values with those of events, if it should; `fanoutctl match FILE` names the field that says no
            - warning: `Sold` in `"$message".eventName` of the filter of client `Some` is the value of none of 2 events; see whether it is written as in the table, unless it is rare"#]],
    );
    check(
        "\"$message\".version = [{ numeric = [\">\", 2] }]",
        &expect![
            "- warning: the filter of client `Some` matches none of 2 events; compare its values with those of events, if it should; `fanoutctl match FILE` names the field that says no"
        ],
    );
    check(
        "order.statsu = [\"PAID\"]",
        &expect![
            "- warning: `order.statsu` of the filter of client `Some` has a value in none of 2 events; write `order.status` in its place"
        ],
    );
    check("order.statsu = [{ exists = false }]", &expect![[r#""#]]);
    // The filter matches others; what is in no text or may be anything isn't looked for.
    check(
        "\"$message\".eventName = [\"Made\", \"Payd\", { prefix = \"X\" }]",
        &expect![[
            r#"- warning: `Payd` in `"$message".eventName` of the filter of client `Some` is the value of none of 2 events; did you mean `Paid`?"#
        ]],
    );
    check(
        "order.status = [\"OPEN\", \"CLOSED\", \"PIAD\", 7]\n\"$message\".group = [\"A%201\"]",
        &expect![[r#"
            - warning: `CLOSED` in `order.status` of the filter of client `Some` is the value of none of 2 events; see whether it is written as in the table, unless it is rare
            - warning: `PIAD` in `order.status` of the filter of client `Some` is the value of none of 2 events; see whether it is written as in the table, unless it is rare"#]],
    );
    check(
        "order.a.b = [1]",
        &expect![[
            r#"- warning: `order.a.b` of the filter of client `Some` has a value in none of 2 events; write `order."a.b"` in its place: in quotes it is one name with a dot"#
        ]],
    );
    // Only what is an event is asked: this is in an item that is none.
    check(
        "rare = [1]",
        &expect![
            "- warning: `rare` of the filter of client `Some` has a value in none of 2 events; see whether it is written as in the table"
        ],
    );
    check(
        "x = [1]\ny = [2]",
        &expect![[r#"
        - warning: `x` of the filter of client `Some` has a value in none of 2 events; see whether it is written as in the table
        - warning: `y` of the filter of client `Some` has a value in none of 2 events; see whether it is written as in the table"#]],
    );
}

#[test]
fn without_an_event_clients_filters_are_not_judged() {
    let config = config("[[client]]\nname = \"Some\"\n[client.filter]\nx = [1]\n");
    for lines in ["", r#"{"pk": "a", "sk": "HEAD"}"#, r#"{"pk": "a", "sk": "z"}"#] {
        let sample = Sample::new(&config, &page(lines));
        assert!(sample.findings.iter().all(|finding| !finding.problem.contains("client `")), "{lines}");
    }
}

#[test]
fn each_item_is_matched_with_each_client() {
    let config = config(
        "[[client]]\nname = \"All\"\n[[client]]\nname = \"Paid\"\nfilter.\"$message\".eventName = [\"Paid\"]\n\
         [[client]]\nname = \"Open\"\n[client.filter]\n\"$message\".group = [\"A%201\"]\norder.status = [\"OPEN\"]\n",
    );
    let mut text = String::new();
    for item in match_items(&config, &items_of_lines(LINES).unwrap()) {
        text += &match item {
            MatchedItem::Event { event, unwanted_by } => {
                let unwanting = unwanted_by
                    .iter()
                    .map(|unwanted| format!(", not {}: {}", unwanted.place, unwanted.reason));
                format!("{}{}\n", event.version(), unwanting.collect::<String>())
            }
            MatchedItem::Skipped(reason) => format!("skipped: {reason}\n"),
            MatchedItem::Rejected(reason) => format!("rejected: {reason}\n"),
        };
    }
    expect![[r#"
        1, not 1: `"$message".eventName` has another value
        2, not 2: `order.status` has another value
        skipped: `sk` has another value
        rejected: the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is
    "#]]
    .assert_eq(&text);
}
