//! The dashboard of `template.yml` shows what there is: alarms, metrics, and every client by a search.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::Value as Json;
use support::{resource, resources};

const METRICS: &str = include_str!("../../docs/metrics.md");

/// The body as CloudWatch gets it. References stay as they are written.
fn body() -> Json {
    let body = &resource("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"];
    serde_json::from_str(&body.as_str().unwrap().replace("${!", "${")).unwrap()
}

fn widgets(kind: &str) -> Vec<Json> {
    let body = body();
    let widgets = body["widgets"].as_array().unwrap().iter();
    widgets.filter(|widget| widget["type"] == kind).cloned().collect()
}

#[test]
fn it_shows_the_alarms_that_every_stack_has() {
    let every = resources().into_iter().filter(|(id, resource)| {
        resource["Type"] == "AWS::CloudWatch::Alarm"
            && resource.get("Condition").is_none()
            && !id.contains("${")
    });
    let every: BTreeSet<String> = every.map(|(id, _)| format!("${{{id}.Arn}}")).collect();
    let shown = widgets("alarm")[0]["properties"]["alarms"].clone();
    let shown: BTreeSet<String> = serde_json::from_value(shown).unwrap();
    assert_eq!(shown, every);
}

#[test]
fn every_graph_is_of_metrics_that_are_made() {
    // AWS's own (Amazon SQS and AWS Lambda Developer Guides).
    let of_aws = |namespace: &str| match namespace {
        "AWS/SQS" => ["ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"].as_slice(),
        "AWS/Lambda" => ["IteratorAge", "Duration", "Errors", "Throttles"].as_slice(),
        other => panic!("{other}"),
    };
    let check = |namespace: &str, name: &str, dimension: &str| {
        if namespace == "MarkEventQueue" {
            let row = METRICS.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            assert!(row.is_some_and(|row| row.contains(&format!("`{dimension}`"))), "{name} by {dimension}");
        } else {
            assert!(of_aws(namespace).contains(&name), "{namespace} {name}");
        }
    };
    let mut searches = 0;
    for widget in widgets("metric") {
        let title = &widget["properties"]["title"];
        for metric in widget["properties"]["metrics"].as_array().unwrap() {
            let Some(expression) = metric[0]["expression"].as_str() else {
                let [namespace, name, dimension] = [0, 1, 2].map(|place| metric[place].as_str().unwrap());
                check(namespace, name, dimension);
                assert!(metric[4]["stat"].is_string(), "{title}");
                continue;
            };
            searches += 1;
            // A search has at most 1,024 characters (Amazon CloudWatch User Guide), and the longest prefix has 16.
            assert!(expression.replace("${QueuePrefix}", &"p".repeat(16)).len() < 1024, "{title}");
            let (_, search) = expression.split_once("SEARCH('{").unwrap();
            let (schema, term) = search.split_once('}').unwrap();
            let (namespace, dimensions) = schema.split_once(',').unwrap();
            let name = term.split('"').nth(1).unwrap();
            dimensions.split(',').for_each(|dimension| check(namespace, name, dimension));
        }
    }
    assert_eq!(searches, 4);
}

#[test]
fn nothing_lies_on_another_widget() {
    let mut cells = BTreeSet::new();
    for widget in body()["widgets"].as_array().unwrap() {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|name| widget[name].as_u64().unwrap());
        assert!(x + width <= 24);
        for row in y..y + height {
            for column in x..x + width {
                assert!(cells.insert((row, column)), "{}", widget["properties"]["title"]);
            }
        }
    }
    assert_eq!(cells.len() % 24, 0, "a row is not full");
}
