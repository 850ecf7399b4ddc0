//! The dashboard of `template.yml` shows what there is: alarms, metrics, and every client by a search.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::support::{resource, resources};

const METRICS: &str = include_str!("../../../docs/metrics.md");

/// The body as CloudWatch gets it, of a stack with push clients of both sides, or without any. References stay as they are
/// written.
fn body_with(push: bool) -> Json {
    let body = &resource("Dashboard")["Properties"]["DashboardBody"]["Fn::Sub"];
    let mut text = body[0].as_str().unwrap().to_owned();
    for (name, value) in body[1].as_object().unwrap() {
        let parts = &value["Fn::If"];
        assert!(parts[0].as_str().unwrap().starts_with("HasPush"), "{name}");
        let part = if push { &parts[1]["Fn::Sub"] } else { &parts[2] };
        text = text.replace(&format!("${{{name}}}"), part.as_str().unwrap());
    }
    serde_json::from_str(&text.replace("${!", "${")).unwrap()
}

fn body() -> Json {
    body_with(true)
}

fn widgets(kind: &str) -> Vec<Json> {
    let body = body();
    let widgets = body["widgets"].as_array().unwrap().iter();
    widgets.filter(|widget| widget["type"] == kind).cloned().collect()
}

#[test]
fn it_shows_the_alarms_that_every_stack_has_and_those_of_targets() {
    let every = resources().into_iter().filter(|(id, resource)| {
        let condition = resource.get("Condition").and_then(Json::as_str);
        resource["Type"] == "AWS::CloudWatch::Alarm"
            && condition.is_none_or(|condition| condition.starts_with("HasPush"))
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
    assert_eq!(searches, 9);
}

#[test]
fn a_stack_without_push_clients_shows_nothing_of_targets() {
    let text = body_with(false).to_string();
    assert!(!text.contains("Push") && !text.contains("Target"), "{text}");
    assert_eq!(
        body()["widgets"].as_array().unwrap().len(),
        body_with(false)["widgets"].as_array().unwrap().len() + 7
    );
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
