//! A page of the event table, or of a file of its items: what it shows about the config, for people and programs.

use aws::operator::items::{FirstPage, first_items};
use aws::operator::{CallError, Target, table};
use serde::Serialize;
use shared::config::{Client, Config};
use shared::control::TypedKey;
use shared::event::{Along, Event};
use shared::message::{Attribute, AttributeValue};
use shared::sample::{Kind, Reason, Sample, SampledPage};
use shared::text::{counted, printable};

use crate::output::{Style, Tone, row, table as columns};
use crate::rejections::indented;
use crate::views::ViewExample;

/// The most items of a page.
pub const ITEMS_LIMIT: i32 = 200;

/// What of the event table could be read.
#[derive(Clone, Debug)]
pub struct PageFacts {
    /// Its first items.
    pub items: Result<FirstPage, CallError>,
    /// The attribute by which it lets items expire, if it does.
    pub expiry: Result<Option<String>, CallError>,
}

/// What a page shows, apart from findings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PageReport {
    /// How many items were read.
    pub items: usize,
    /// How many would be events, if they were new.
    pub events: usize,
    /// How many the source's filter passes over.
    pub skipped: usize,
    /// How many would be rejected.
    pub rejected: usize,
    /// The same by the beginning of the sort key.
    pub kinds: Vec<Kind>,
    /// Why items are no events.
    pub reasons: Vec<Reason>,
    /// One of the events, as a message.
    pub example: Option<Example>,
    /// The same event, as clients with a view get it.
    pub views: Vec<ViewExample>,
}

/// An event as a message, without what it gets on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The value of the partition key; base64 if it is bytes.
    pub partition_key: String,
    /// The value of the sort key; base64 if it is bytes.
    pub sort_key: String,
    /// Its `MessageGroupId`.
    pub group: String,
    /// The event's number in its aggregate.
    pub version: i64,
    /// The event's time, as the item has it.
    pub time: Option<String>,
    /// The event's id.
    pub id: String,
    /// The message attributes.
    pub attributes: Vec<ExampleAttribute>,
    /// The bytes that SQS counts: body and attributes.
    pub size: usize,
    /// The body, if it was asked for.
    pub body: Option<String>,
}

/// An attribute of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExampleAttribute {
    /// Its name.
    pub name: String,
    /// `String`, `Number` or `Binary`.
    pub data_type: String,
    /// Its value; base64 if it is binary.
    pub value: String,
}

impl PageFacts {
    /// Reads a page of the table called `name`, once and not consistently: it costs 1 MB of reads at most.
    pub async fn read(target: &Target, name: &str) -> Self {
        Self::read_pages(target, name, 1).await
    }

    /// As [`Self::read`], at most so many `pages`.
    pub async fn read_pages(target: &Target, name: &str, pages: usize) -> Self {
        let (items, expiry) =
            tokio::join!(first_items(target, name, ITEMS_LIMIT, pages), table::expiry(target, name));
        Self { items, expiry }
    }

    /// What can be said of it; what could not be read says nothing.
    pub fn sample(&self, config: &Config) -> Sample {
        Sample::new(config, &self.sampled())
    }

    /// The items; none if they could not be read.
    pub fn sampled(&self) -> SampledPage {
        let FirstPage { items, is_whole } = self.items.clone().unwrap_or_default();
        SampledPage { items, is_whole, expiry: self.expiry.clone().unwrap_or_default() }
    }
}

impl PageReport {
    /// The report of `sample` for these clients, with the body of the example if `shows_body`.
    pub fn new(sample: &Sample, clients: &[Client], shows_body: bool) -> Self {
        let Sample { items, events, skipped, rejected, kinds, reasons, example, .. } = sample;
        Self {
            items: *items,
            events: *events,
            skipped: *skipped,
            rejected: *rejected,
            kinds: kinds.clone(),
            reasons: reasons.clone(),
            example: example.as_ref().map(|event| Example::new(event, shows_body)),
            views: example
                .as_ref()
                .map_or_else(Vec::new, |event| ViewExample::of(clients, event, shows_body)),
        }
    }

    /// The text for people about the page of `what`; ends with a line feed.
    pub fn to_text(&self, what: &str, style: Style) -> String {
        if self.items == 0 {
            return format!("{}: no items\n", printable(what));
        }
        let mut text = format!("{}: {}\n\n", printable(what), self.summary());
        let rows = self.kinds.iter().map(|kind| {
            let tone = if kind.rejected > 0 { Tone::Bad } else { Tone::Neutral };
            let [events, skipped, rejected] =
                [kind.events, kind.skipped, kind.rejected].map(|count| count.to_string());
            row([kind.sort_key.clone(), events, skipped, rejected], tone)
        });
        text += &columns(["sort key", "events", "passed over", "rejected"], rows, style);
        text += "\n";
        for (index, Reason { reason, is_skipped, items }) in self.reasons.iter().enumerate() {
            let gap = if index == 0 { "\n" } else { "" };
            let how = if *is_skipped { "passed over" } else { "rejected" };
            text += &format!("{gap}{items} {how}: {}\n", printable(reason));
        }
        text += &self.example.as_ref().map_or_else(String::new, Example::to_text);
        let views = ViewExample::to_text(&self.views);
        if views.is_empty() { text } else { text + "\n" + &views }
    }

    /// `5 items, as new ones: 2 events, 1 passed over, 2 rejected`.
    pub fn summary(&self) -> String {
        let Self { items, events, skipped, rejected, .. } = self;
        format!(
            "{}, as new ones: {}, {skipped} passed over, {rejected} rejected",
            counted(*items, "item"),
            counted(*events, "event")
        )
    }
}

impl Example {
    fn new(event: &Event, shows_body: bool) -> Self {
        let message = event.message(Along::default());
        let text = |key| TypedKey::from(key).as_text().to_owned();
        Self {
            partition_key: text(event.key()),
            sort_key: text(&event.identity().sort),
            group: event.group().as_str().to_owned(),
            version: event.version(),
            time: event.time().map(str::to_owned),
            id: event.id().to_owned(),
            attributes: message.attributes().iter().map(ExampleAttribute::new).collect(),
            size: event.size(),
            body: shows_body.then(|| event.body().to_owned()),
        }
    }

    fn to_text(&self) -> String {
        let (version, size) = (self.version.to_string(), counted(self.size, "byte"));
        let fields = [
            ("partition key", Some(self.partition_key.as_str())),
            ("sort key", Some(&self.sort_key)),
            ("group", Some(&self.group)),
            ("version", Some(&version)),
            ("time", self.time.as_deref()),
            ("id", Some(&self.id)),
            ("size", Some(&size)),
        ];
        let mut text = "\none of the events as a message\n".to_owned();
        for (name, value) in fields {
            text += &value.map_or_else(String::new, |value| format!("  {name:<15}{}\n", printable(value)));
        }
        text += "  attributes\n";
        for ExampleAttribute { name, data_type, value } in &self.attributes {
            text += &format!("    {}\n", printable(&format!("{name:<13}{value} ({data_type})")));
        }
        let Some(body) = &self.body else { return text };
        let body = indented(body).unwrap_or_else(|| body.clone());
        let lines = body.lines().map(|line| format!("    {}\n", printable(line)));
        text + "  body\n" + &lines.collect::<String>()
    }
}

impl ExampleAttribute {
    fn new(attribute: &Attribute) -> Self {
        let (AttributeValue::Text(value) | AttributeValue::Base64(value)) = &attribute.value;
        let (name, data_type) = (attribute.name.clone(), attribute.data_type.clone());
        Self { name, data_type, value: value.clone() }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::sample::items_of_lines;

    use super::*;

    const CONFIG: &str = "[source]\npartition_key = \"pk\"\nsort_key = \"sk\"\nversion = \"seq\"\n\
                          [source.filter]\nsk = [{ anything-but = [\"META\"] }]\n[[client]]\nname = \"A\"\n";

    const ITEMS: &str = r#"
{"pk": "ORDER#1", "sk": "EVENT#1", "seq": 1, "price": 1.10}
{"pk": "ORDER#1", "sk": "EVENT#2", "seq": 2}
{"pk": "ORDER#1", "sk": "META"}
{"pk": "ORDER#1", "sk": "SNAPSHOT#2"}
"#;

    fn report(items: &str, shows_body: bool) -> PageReport {
        let config = Config::try_from_toml("client-queues.toml", CONFIG, None).unwrap();
        let page = SampledPage { items: items_of_lines(items).unwrap(), is_whole: true, expiry: None };
        PageReport::new(&Sample::new(&config, &page), &config.clients, shows_body)
    }

    fn check(items: &str, shows_body: bool, expected: &Expect) {
        expected.assert_eq(&report(items, shows_body).to_text("event table `Events`", Style::Plain));
    }

    #[test]
    fn a_page_in_a_pipe() {
        check(
            ITEMS,
            false,
            &expect![[r#"
            event table `Events`: 4 items, as new ones: 2 events, 1 passed over, 1 rejected

            sort key    events  passed over  rejected
            EVENT#…          2            0         0
            META             0            1         0
            SNAPSHOT#…       0            0         1

            1 passed over: `sk` has another value
            1 rejected: the event lacks `seq`, its version; `[source]` in `client-queues.toml` says where it is

            one of the events as a message
              partition key  ORDER#1
              sort key       EVENT#1
              group          ORDER#1
              version        1
              id             01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a
              size           142 bytes
              attributes
                eventId      01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a (String)
                version      1 (Number)
        "#]],
        );
        check(
            "",
            true,
            &expect![[r#"
            event table `Events`: no items
        "#]],
        );
        check(
            r#"{"pk": "a\u001b[2J", "sk": "b", "seq": 1, "text": "\u202e"}"#,
            true,
            &expect![[r#"
            event table `Events`: 1 item, as new ones: 1 event, 0 passed over, 0 rejected

            sort key  events  passed over  rejected
            b              1            0         0

            one of the events as a message
              partition key  a\u{1b}[2J
              sort key       b
              group          a%1B[2J
              version        1
              id             806553fe7e65a2df4870d4225ec7b6f2fc7edbdc4a44177a4c5474c91b7efd96
              size           140 bytes
              attributes
                eventId      806553fe7e65a2df4870d4225ec7b6f2fc7edbdc4a44177a4c5474c91b7efd96 (String)
                version      1 (Number)
              body
                {
                  "pk": "a\u001b[2J",
                  "seq": 1,
                  "sk": "b",
                  "text": "\u{202e}"
                }
        "#]],
        );
    }

    #[test]
    fn a_page_for_programs() {
        expect![[r#"
            {
              "items": 4,
              "events": 2,
              "skipped": 1,
              "rejected": 1,
              "kinds": [
                {
                  "sort_key": "EVENT#…",
                  "events": 2,
                  "skipped": 0,
                  "rejected": 0
                },
                {
                  "sort_key": "META",
                  "events": 0,
                  "skipped": 1,
                  "rejected": 0
                },
                {
                  "sort_key": "SNAPSHOT#…",
                  "events": 0,
                  "skipped": 0,
                  "rejected": 1
                }
              ],
              "reasons": [
                {
                  "reason": "`sk` has another value",
                  "is_skipped": true,
                  "items": 1
                },
                {
                  "reason": "the event lacks `seq`, its version; `[source]` in `client-queues.toml` says where it is",
                  "is_skipped": false,
                  "items": 1
                }
              ],
              "example": {
                "partition_key": "ORDER#1",
                "sort_key": "EVENT#1",
                "group": "ORDER#1",
                "version": 1,
                "time": null,
                "id": "01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a",
                "attributes": [
                  {
                    "name": "eventId",
                    "data_type": "String",
                    "value": "01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a"
                  },
                  {
                    "name": "version",
                    "data_type": "Number",
                    "value": "1"
                  }
                ],
                "size": 142,
                "body": "{\"pk\":\"ORDER#1\",\"price\":1.1,\"seq\":1,\"sk\":\"EVENT#1\"}"
              },
              "views": []
            }"#]].assert_eq(&serde_json::to_string_pretty(&report(ITEMS, true)).unwrap());
    }
}
