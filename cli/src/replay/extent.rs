//! What a replay comes to, before it is ordered.

use serde::Serialize;
use shared::text::printable;

use super::Walked;
use crate::output::{Style, Tone, table};

/// The most groups that one request has an event of (SQS: SendMessageBatch).
const ENTRIES_PER_REQUEST: u64 = 10;

/// A million requests to FIFO queues, in dollars: Amazon SQS pricing, us-east-1, noted on 2026-11-21. The first million of
/// each month is free, and not taken off.
const DOLLARS_PER_MILLION: f64 = 0.50;

/// What a replay comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Extent {
    /// Who gets events again.
    pub client: String,
    /// From which version on.
    pub from: u64,
    /// Of how many groups.
    pub groups: u64,
    /// How many events, each of which is a message. At most: what the client does not have yet is no repetition, and what
    /// its filter does not want is not sent.
    pub events: u64,
    /// How many requests they take.
    pub requests: Requests,
    /// What those cost.
    pub dollars: Prices,
    /// Whether the client gets nothing before it is resumed.
    pub is_paused: bool,
}

/// How many requests to SQS messages take, for messages of up to 64 KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// If each request is as full as it can be.
    pub at_least: u64,
    /// If each has one message.
    pub at_most: u64,
}

/// What requests cost, in dollars.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prices {
    /// If each request is as full as it can be.
    pub at_least: f64,
    /// If each has one message.
    pub at_most: f64,
}

impl Extent {
    /// What it comes to that `client` gets again what `walked` found.
    pub fn new(client: &str, from: u64, walked: &Walked, is_paused: bool) -> Self {
        let requests = Requests::new(walked.events(), walked.largest());
        Self {
            client: client.to_owned(),
            from,
            groups: u64::try_from(walked.0.len()).unwrap_or(u64::MAX),
            events: walked.events(),
            requests,
            dollars: Prices::new(requests),
            is_paused,
        }
    }

    /// For people; ends with a line feed. `stack` names the stack in a command line.
    pub fn to_text(&self, stack: &str, style: Style) -> String {
        let client = printable(&self.client);
        let Requests { at_least, at_most } = self.requests;
        let row = [
            self.groups.to_string(),
            self.events.to_string(),
            range(at_least.to_string(), at_most.to_string()),
            range(dollars(self.dollars.at_least), dollars(self.dollars.at_most)),
        ];
        let row = row.map(|text| (text, Tone::Neutral)).into();
        let table = table(&["groups", "events (at most)", "SQS requests", "price"], &[row], style);
        let paused = if self.is_paused {
            format!(
                "The client is paused: it gets them after `fanoutctl resume {client}{}`.\n",
                printable(stack)
            )
        } else {
            String::new()
        };
        format!(
            "Client {client} gets again what it has from version {} on, marked with the attribute `replay`:\n\n{table}\n\n\
             A request takes one event each of up to ten groups; $0.50 per million, for events of up to 64 KiB.\n{paused}",
            self.from
        )
    }
}

impl Requests {
    /// For `events`, of which one group has `largest`: these go one after the other.
    pub fn new(events: u64, largest: u64) -> Self {
        Self { at_least: events.div_ceil(ENTRIES_PER_REQUEST).max(largest), at_most: events }
    }
}

impl Prices {
    /// Of `requests`.
    pub fn new(requests: Requests) -> Self {
        // No number of requests that anybody pays for loses a digit.
        #[expect(clippy::cast_precision_loss, reason = "a price has few digits")]
        let price = |requests: u64| requests as f64 * DOLLARS_PER_MILLION / 1_000_000.0;
        Self { at_least: price(requests.at_least), at_most: price(requests.at_most) }
    }
}

fn range(least: String, most: String) -> String {
    if least == most { most } else { format!("{least} to {most}") }
}

fn dollars(price: f64) -> String {
    if price > 0.0 && price < 0.01 { "under $0.01".to_owned() } else { format!("${price:.2}") }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::orders::KeyValue;
    use crate::replay::Aggregate;

    #[test]
    fn requests_are_between_full_ones_and_one_for_each_event() {
        let check = |events, largest, at_least, at_most| {
            assert_eq!(Requests::new(events, largest), Requests { at_least, at_most }, "{events}, {largest}");
        };
        check(0, 0, 0, 0);
        check(1, 1, 1, 1);
        check(20, 20, 20, 20);
        check(240, 20, 24, 240);
        check(241, 20, 25, 241);
        check(240, 100, 100, 240);
    }

    fn walked(aggregates: &[u64]) -> Walked {
        let key = KeyValue::S("AFC".to_owned());
        Walked(aggregates.iter().map(|events| Aggregate { key: key.clone(), events: *events }).collect())
    }

    fn check(aggregates: &[u64], is_paused: bool, expected: &Expect) {
        let extent = Extent::new("Billing", 3, &walked(aggregates), is_paused);
        expected.assert_eq(&extent.to_text(" --stack test", Style::Plain));
    }

    #[test]
    fn what_a_replay_comes_to_is_told() {
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
    fn what_a_replay_comes_to_for_programs() {
        let extent = Extent::new("Billing", 3, &walked(&[20, 30, 10]), false);
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
        .assert_eq(&serde_json::to_string_pretty(&extent).unwrap());
    }
}
