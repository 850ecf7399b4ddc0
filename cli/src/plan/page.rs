//! The event table's part in a plan: what a page of it shows about the config.

use serde::Serialize;
use shared::config::Config;
use shared::sample::Sample;
use shared::text::{counted, printable};

use crate::finding::Finding;
use crate::page::PageFacts;
use crate::views::ViewExample;

/// What a page of the event table shows about the config of a deploy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PlannedPage {
    /// How many items were read.
    pub items: usize,
    /// How many would be events, if they were new.
    pub events: usize,
    /// How many the source's filter passes over.
    pub skipped: usize,
    /// How many would be rejected.
    pub rejected: usize,
    /// One of the events, without its values, as clients with a view get it.
    pub views: Vec<ViewExample>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Why items, or whether they expire, could not be read.
    pub unread: Vec<String>,
}

impl PlannedPage {
    pub(super) fn new(facts: &PageFacts, config: &Config) -> Self {
        let sample = facts.sample(config);
        let errors = [facts.items.as_ref().err(), facts.expiry.as_ref().err()];
        let unread = errors.into_iter().flatten().map(ToString::to_string).collect();
        let Sample { items, events, skipped, rejected, findings, example, .. } = sample;
        let findings = findings.iter().map(|finding| Finding::of_sample("event table", finding)).collect();
        let views = example.map_or_else(Vec::new, |event| ViewExample::of(&config.clients, &event, false));
        Self { items, events, skipped, rejected, views, findings, unread }
    }

    /// Whether there are items, and none of them would be an event.
    pub fn has_no_event(&self) -> bool {
        self.items > 0 && self.events == 0
    }

    /// A line for each finding, and one for all items; none if there is nothing to say.
    /// `stack` is the option that names the stack in a command.
    pub(super) fn to_text(&self, stack: &str) -> String {
        let Self { items, events, skipped, rejected, views, findings, unread } = self;
        let mut lines: Vec<String> = findings
            .iter()
            .map(|Finding { subject, problem, remedy, .. }| {
                format!("ATTENTION: {subject}: {}; {}", printable(problem), printable(remedy))
            })
            .collect();
        if *items > 0 {
            lines.push(format!(
                "Of the event table's first {}, as new ones, {} would be {}, {skipped} passed over, {rejected} rejected; \
                 `fanoutctl check{stack}` shows more.",
                counted(*items, "item"),
                if *events == 0 { "none".to_owned() } else { events.to_string() },
                if *events == 1 { "an event" } else { "events" },
            ));
        }
        lines.extend(
            unread.iter().map(|why| format!("The event table was not looked at: {}", printable(why))),
        );
        if !views.is_empty() {
            lines.push(format!("\n{}", ViewExample::to_text(views).trim_end()));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use aws::operator::items::FirstPage;
    use aws::operator::{CallError, CallFault};
    use expect_test::{Expect, expect};
    use shared::sample::items_of_lines;

    use super::*;

    fn planned(items: Result<&str, CallFault>) -> PlannedPage {
        let config = "[source]\npartition_key = \"pk\"\nsort_key = \"sk\"\nversion = \"seq\"\n[[client]]\nname = \"A\"\n";
        let config = Config::try_from_toml("client-queues.toml", config, None).unwrap();
        let items = items.map(|items| FirstPage { items: items_of_lines(items).unwrap(), is_whole: true });
        let items = items.map_err(|fault| {
            let (subject, reason) = ("Events".to_owned(), "no permission".to_owned());
            CallError { call: "Scan", subject, fault, reason }
        });
        PlannedPage::new(&PageFacts { items, expiry: Ok(None) }, &config)
    }

    fn check(items: Result<&str, CallFault>, expected: &Expect) {
        expected.assert_eq(&planned(items).to_text(""));
    }

    #[test]
    fn what_a_page_shows_stands_in_the_plan() {
        check(
            Ok(r#"{"pk": "a", "sk": "b", "seq": 1}"#),
            &expect![
                "Of the event table's first 1 item, as new ones, 1 would be an event, 0 passed over, 0 rejected; `fanoutctl check` shows more."
            ],
        );
        check(
            Ok(r#"{"pk": "a", "sk": "b", "sequence": 1}"#),
            &expect![[r#"
                ATTENTION: event table: the only item has no version at `seq`; name the attribute that counts each aggregate's events; if there is none: docs/ordering.md, "My events have no version"
                Of the event table's first 1 item, as new ones, none would be events, 0 passed over, 1 rejected; `fanoutctl check` shows more."#]],
        );
        check(Ok(""), &expect![[""]]);
        check(
            Err(CallFault::NotAllowed),
            &expect!["The event table was not looked at: `Scan` of `Events`: no permission"],
        );
    }

    #[test]
    fn a_page_without_events_is_told_from_one_without_items() {
        assert!(planned(Ok(r#"{"pk": "a", "sk": "b"}"#)).has_no_event());
        assert!(!planned(Ok(r#"{"pk": "a", "sk": "b", "seq": 1}"#)).has_no_event());
        assert!(!planned(Ok("")).has_no_event());
    }
}
