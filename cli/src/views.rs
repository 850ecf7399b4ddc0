//! What clients with a view get of one of the event table's events, for people and programs.

use serde::Serialize;
use serde_json::Value;
use shared::config::{Client, ClientView};
use shared::event::Event;
use shared::text::{counted, printable};
use shared::view::{EventFacts, View};

use crate::rejections::indented;

/// The most lines of a body that are printed.
const LINES_LIMIT: usize = 60;

/// An event as clients with one view get it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewExample {
    /// The names of these clients.
    pub clients: Vec<String>,
    /// The view, as the config has it.
    pub view: String,
    /// The length of the event's JSON, in bytes.
    pub event_size: usize,
    /// The length of what the clients get as a body, in bytes.
    pub size: usize,
    /// The body. Unless values were asked for, each value of the event is `…`, and an array has one element.
    pub body: String,
}

impl ViewExample {
    /// What those of `clients` get of `event` that don't get it as it is: one example for each view.
    pub fn of(clients: &[Client], event: &Event, shows_values: bool) -> Vec<Self> {
        let facts = EventFacts::of_event(event);
        let shown = if shows_values { Some(event.body().to_owned()) } else { masked(event.body()) };
        let mut seen: Vec<(&ClientView, Self)> = Vec::new();
        for client in clients.iter().filter(|client| !client.view.is_whole()) {
            let name = client.name.to_string();
            if let Some((_, example)) = seen.iter_mut().find(|(view, _)| **view == client.view) {
                example.clients.push(name);
                continue;
            }
            let view = View::new(&client.view);
            let encode = |body: &str| view.encode(&facts, body).ok();
            // An event's JSON has a view.
            let (Some(whole), Some(body)) = (encode(event.body()), shown.as_deref().and_then(encode)) else {
                continue;
            };
            let (event_size, size) = (event.body().len(), whole.len());
            let example = Self { clients: vec![name], view: client.view.to_string(), event_size, size, body };
            seen.push((&client.view, example));
        }
        seen.into_iter().map(|(_, example)| example).collect()
    }

    /// The text of all examples, for people; empty if there is none, else it ends with a line feed.
    pub fn to_text(examples: &[Self]) -> String {
        let Some(first) = examples.first() else {
            return String::new();
        };
        let mut text =
            format!("one of the events, of {}, for clients with a view\n", counted(first.event_size, "byte"));
        for Self { clients, view, size, body, .. } in examples {
            text += &format!("  {}: {}, {}\n", clients.join(", "), printable(view), counted(*size, "byte"));
            let body = indented(body).unwrap_or_else(|| body.clone());
            let mut lines = body.lines();
            for line in lines.by_ref().take(LINES_LIMIT) {
                text += &format!("    {}\n", printable(line));
            }
            if lines.next().is_some() {
                text += "    …\n";
            }
        }
        text
    }
}

/// An event's JSON without its values: they may be personal data, and a plan may stand in a log.
fn masked(body: &str) -> Option<String> {
    Some(without_values(serde_json::from_str(body).ok()?).to_string())
}

fn without_values(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            members.into_iter().map(|(name, value)| (name, without_values(value))).collect()
        }
        Value::Array(elements) => elements.into_iter().take(1).map(without_values).collect(),
        _ => Value::from("…"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::config::Config;
    use shared::event::Reader;

    use super::*;

    const CONFIG: &str = "[source]\npartition_key = \"pk\"\nsort_key = \"sk\"\nversion = \"seq\"\nname = \"name\"\n\
                          [cloudevents]\nsource = \"urn:example:orders\"\n\
                          [[client]]\nname = \"Whole\"\n\
                          [[client]]\nname = \"Billing\"\nomit = [\"holder.name\"]\n\
                          [[client]]\nname = \"Events\"\nfields = [\"lines\"]\nenvelope = \"cloudevents\"\n\
                          [[client]]\nname = \"Audit\"\nomit = [\"holder.name\"]\n";

    const ITEM: &str = r#"{"pk":{"S":"ORDER#1"},"sk":{"S":"EVENT#1"},"seq":{"N":"1"},"name":{"S":"Placed"},
        "holder":{"M":{"name":{"S":"Ann"},"age":{"N":"31"}}},
        "lines":{"L":[{"M":{"price":{"N":"1.10"}}},{"M":{"price":{"N":"2"}}}]}}"#;

    fn check(shows_values: bool, expected: &Expect) {
        let config = Config::try_from_toml("client-queues.toml", CONFIG, None).unwrap();
        let event = Reader::new(&config.source).read(ITEM).unwrap();
        expected.assert_eq(&ViewExample::to_text(&ViewExample::of(&config.clients, &event, shows_values)));
    }

    #[test]
    fn values_are_shown_only_if_asked_for() {
        check(
            false,
            &expect![[r#"
            one of the events, of 125 bytes, for clients with a view
              Billing, Audit: omit = ["holder.name"], 112 bytes
                {
                  "holder": {
                    "age": "…"
                  },
                  "lines": [
                    {
                      "price": "…"
                    }
                  ],
                  "name": "…",
                  "pk": "…",
                  "seq": "…",
                  "sk": "…"
                }
              Events: fields = ["lines"], envelope = "cloudevents" from urn:example:orders, 276 bytes
                {
                  "specversion": "1.0",
                  "id": "01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a",
                  "source": "urn:example:orders",
                  "type": "Placed",
                  "subject": "ORDER#1",
                  "datacontenttype": "application/json",
                  "sequence": "00000000000000000001",
                  "data": {
                    "lines": [
                      {
                        "price": "…"
                      }
                    ]
                  }
                }
        "#]],
        );
        check(
            true,
            &expect![[r#"
            one of the events, of 125 bytes, for clients with a view
              Billing, Audit: omit = ["holder.name"], 112 bytes
                {
                  "holder": {
                    "age": 31
                  },
                  "lines": [
                    {
                      "price": 1.10
                    },
                    {
                      "price": 2
                    }
                  ],
                  "name": "Placed",
                  "pk": "ORDER#1",
                  "seq": 1,
                  "sk": "EVENT#1"
                }
              Events: fields = ["lines"], envelope = "cloudevents" from urn:example:orders, 276 bytes
                {
                  "specversion": "1.0",
                  "id": "01858c280931395f52b34ead6efbc14603c4135df74ef252d40de1081b59316a",
                  "source": "urn:example:orders",
                  "type": "Placed",
                  "subject": "ORDER#1",
                  "datacontenttype": "application/json",
                  "sequence": "00000000000000000001",
                  "data": {
                    "lines": [
                      {
                        "price": 1.10
                      },
                      {
                        "price": 2
                      }
                    ]
                  }
                }
        "#]],
        );
    }

    #[test]
    fn a_long_body_is_cut() {
        let example = ViewExample {
            clients: vec!["A".to_owned()],
            view: "v".to_owned(),
            event_size: 1,
            size: 1,
            body: format!("[{}]", vec!["1"; 100].join(",")),
        };
        let text = ViewExample::to_text(&[example]);
        assert_eq!(text.lines().count(), 2 + LINES_LIMIT + 1);
        assert!(text.ends_with("    …\n"));
        assert_eq!(ViewExample::to_text(&[]), "");
    }
}
