//! The schemas of `docs/json`: one for each command, and each a schema.

use clap::CommandFactory as _;
use fanoutctl::args::Arguments;

use crate::support::commands;
use crate::support::schema::{name, schemas};

/// They print no JSON.
const WITHOUT: [&str; 1] = ["completions"];

#[test]
fn every_command_has_a_schema_and_every_schema_a_command() {
    let commands = commands(&Arguments::command(), "").into_iter().filter(|(_, is_group)| !is_group);
    let prints = commands.filter(|(words, _)| !WITHOUT.contains(&words.as_str()));
    let mut named: Vec<String> =
        prints.map(|(words, _)| name(&words.split(' ').collect::<Vec<_>>())).collect();
    let forms = [["status", "Billing"], ["catch-up", "--all"], ["erasures", "--find"]];
    named.extend(forms.iter().map(|words| name(words)));
    named.sort();
    named.dedup();
    assert_eq!(named, schemas().into_keys().collect::<Vec<_>>());
}

#[test]
fn every_schema_is_one_and_says_what_each_property_is() {
    for (name, schema) in schemas() {
        assert!(jsonschema::meta::is_valid(&schema), "{name}");
        described(&name, &schema);
    }
}

/// Asserts that objects are closed, and that each property has a description.
fn described(place: &str, schema: &serde_json::Value) {
    if let Some(properties) = schema["properties"].as_object() {
        assert_eq!(schema["additionalProperties"], false, "{place}");
        for (name, property) in properties {
            let place = format!("{place}.{name}");
            assert!(property["description"].is_string(), "{place}");
            described(&place, property);
        }
    }
    if schema["items"].is_object() {
        described(&format!("{place}[]"), &schema["items"]);
    }
}
