//! The cost of a replay, shown before it is requested.

use serde::Serialize;
use shared::text::printable;

use super::estimate::ReplayEstimate;
use crate::output::{Style, Tone, row, table};
use crate::prices::Prices;

/// The most events in a request, each of another group (SQS API Reference, "SendMessageBatch").
const ENTRIES_PER_REQUEST: u64 = 10;

/// The cost of a replay.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct ReplayCost {
    pub(super) client: String,
    /// The first version to send again.
    pub(super) from: i64,
    groups: u64,
    /// The most events, each of which is a message: what the client does not have yet is no repetition, and what its
    /// filter does not want is not sent.
    events: u64,
    /// Requests to SQS, for messages of up to 64 KiB.
    requests: Range<u64>,
    dollars: Range<f64>,
    #[serde(skip)]
    dollars_per_million: f64,
    /// Whether the client gets nothing before it is resumed.
    pub(super) is_paused: bool,
}

/// From the figure for requests that are as full as they can be, to that for requests of one message each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Range<N> {
    at_least: N,
    at_most: N,
}

impl ReplayCost {
    /// The cost of a replay of the events of `estimate` to `client`.
    pub(super) fn new(
        client: &str,
        from: i64,
        estimate: &ReplayEstimate,
        is_paused: bool,
        prices: &Prices,
    ) -> Self {
        let dollars_per_million = prices.sqs_fifo_million_requests;
        let price = |requests| price(requests, dollars_per_million);
        let requests = Range::requests(estimate.events(), estimate.largest());
        Self {
            client: client.to_owned(),
            from,
            groups: estimate.0.len() as u64,
            events: estimate.events(),
            requests,
            dollars: Range { at_least: price(requests.at_least), at_most: price(requests.at_most) },
            dollars_per_million,
            is_paused,
        }
    }

    /// The text for people; ends with a line feed. `stack` is the option that names the stack in a command line.
    pub(super) fn to_text(&self, stack: &str, style: Style) -> String {
        let Self { client, from, groups, events, requests, dollars, dollars_per_million, is_paused } = self;
        let client = printable(client);
        let requests = requests.to_text(|count| count.to_string());
        let row =
            row([groups.to_string(), events.to_string(), requests, dollars.to_text(priced)], Tone::Neutral);
        let table = table(["groups", "events (at most)", "SQS requests", "price"], [row], style);
        let resume = format!(
            "The client is paused: it gets them after `fanoutctl resume {client}{}`.\n",
            printable(stack)
        );
        let paused = if *is_paused { resume.as_str() } else { "" };
        format!(
            "Client {client} gets again what it has from version {from} on, marked with the attribute `replay`:\n\n{table}\n\n\
             A request takes one event each of up to ten groups; ${dollars_per_million:.2} per million, for events of up to 64 KiB.\n{paused}"
        )
    }
}

impl Range<u64> {
    /// The requests for `events`, of which one group has `largest`: these go one after the other.
    fn requests(events: u64, largest: u64) -> Self {
        Self { at_least: events.div_ceil(ENTRIES_PER_REQUEST).max(largest), at_most: events }
    }
}

impl<N: Copy> Range<N> {
    fn to_text(self, text: impl Fn(N) -> String) -> String {
        let (least, most) = (text(self.at_least), text(self.at_most));
        if least == most { most } else { format!("{least} to {most}") }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a price has few digits")]
fn price(requests: u64, dollars_per_million: f64) -> f64 {
    requests as f64 * dollars_per_million / 1_000_000.0
}

fn priced(dollars: f64) -> String {
    if dollars > 0.0 && dollars < 0.01 { "under $0.01".to_owned() } else { format!("${dollars:.2}") }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::control::TypedKey;

    use super::*;
    use crate::commands::replay::estimate::AggregateEvents;

    #[test]
    fn requests_are_between_full_ones_and_one_for_each_event() {
        let check = |events, largest, at_least, at_most| {
            assert_eq!(Range::requests(events, largest), Range { at_least, at_most }, "{events}, {largest}");
        };
        check(0, 0, 0, 0);
        check(1, 1, 1, 1);
        check(20, 20, 20, 20);
        check(240, 20, 24, 240);
        check(241, 20, 25, 241);
        check(240, 100, 100, 240);
    }

    fn estimate(aggregates: &[u64]) -> ReplayEstimate {
        let key = TypedKey::S("AFC".to_owned());
        ReplayEstimate(
            aggregates.iter().map(|events| AggregateEvents { key: key.clone(), events: *events }).collect(),
        )
    }

    fn check(aggregates: &[u64], is_paused: bool, expected: &Expect) {
        let cost = ReplayCost::new("Billing", 3, &estimate(aggregates), is_paused, &Prices::load().unwrap());
        expected.assert_eq(&cost.to_text(" --stack test", Style::Plain));
    }

    #[test]
    fn people_get_the_cost_as_a_table() {
        check(
            &[20; 12],
            false,
            &expect![[r#"
                Client Billing gets again what it has from version 3 on, marked with the attribute `replay`:

                groups  events (at most)  SQS requests  price
                    12               240     24 to 240  under $0.01

                A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.
            "#]],
        );
        check(
            &[40_000_000],
            true,
            &expect![[r#"
                Client Billing gets again what it has from version 3 on, marked with the attribute `replay`:

                groups  events (at most)  SQS requests  price
                     1          40000000      40000000  $20.00

                A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.
                The client is paused: it gets them after `fanoutctl resume Billing --stack test`.
            "#]],
        );
        check(
            &[40_000; 1_000],
            false,
            &expect![[r#"
                Client Billing gets again what it has from version 3 on, marked with the attribute `replay`:

                groups  events (at most)  SQS requests         price
                  1000          40000000  4000000 to 40000000  $2.00 to $20.00

                A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.
            "#]],
        );
    }

    #[test]
    fn programs_get_the_cost_as_json() {
        let cost = ReplayCost::new("Billing", 3, &estimate(&[20, 30, 10]), false, &Prices::load().unwrap());
        expect![[r#"
            {
              "client": "Billing",
              "from": 3,
              "groups": 3,
              "events": 60,
              "requests": {
                "at_least": 30,
                "at_most": 60
              },
              "dollars": {
                "at_least": 0.000015,
                "at_most": 0.00003
              },
              "is_paused": false
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&cost).unwrap());
    }
}
