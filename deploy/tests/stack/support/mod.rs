//! `template.yml` as JSON, for the tests.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in tests a panic is the report; clippy.toml reaches no functions beside them"
)]

use serde_json::{Value as Json, json};
use serde_yaml_ng::Value as Yaml;

pub(crate) const TEMPLATE: &str = include_str!("../../../../template.yml");

/// The logical ids of the template's queues of events; the last is that of each client's.
pub(crate) const QUEUES: [&str; 3] = ["FanOutQueue", "RejectedQueue", "Queue${Client}"];

/// The logical id of the queue of consumers' requests.
pub(crate) const REQUESTS: &str = "RequestsQueue";

pub(crate) fn template() -> Json {
    json_of(TEMPLATE)
}

/// The resources of the template and of its loops, by logical id as the template writes it.
pub(crate) fn resources() -> Vec<(String, Json)> {
    let template = template();
    let resources = template["Resources"].as_object().unwrap();
    let mut found = Vec::new();
    for (id, resource) in resources {
        if id.starts_with("Fn::ForEach") {
            found.extend(resource[2].as_object().unwrap().clone());
        } else {
            found.push((id.clone(), resource.clone()));
        }
    }
    found
}

/// A resource of the template or of one of its loops.
pub(crate) fn resource(logical_id: &str) -> Json {
    let found = resources().into_iter().find(|(id, _)| id == logical_id);
    found.unwrap_or_else(|| panic!("no resource `{logical_id}`")).1
}

/// The collection that a loop goes over.
pub(crate) fn loop_over(name: &str) -> Json {
    template()["Resources"][format!("Fn::ForEach::{name}")][1].clone()
}

/// A value in one short line: `Ref` and `Fn::GetAtt` by their target, `Fn::Sub` by its text.
pub(crate) fn plain(value: &Json) -> String {
    let listed = |items: &[Json]| items.iter().map(plain).collect::<Vec<_>>().join(", ");
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => listed(items),
        Json::Object(members) => {
            let member = |(name, value): (&String, &Json)| match (name.as_str(), value) {
                ("Ref" | "Fn::Sub", _) => plain(value),
                ("Fn::GetAtt", Json::Array(path)) => path.iter().map(plain).collect::<Vec<_>>().join("."),
                ("Fn::If", Json::Array(parts)) => {
                    format!("({} ? {} : {})", plain(&parts[0]), plain(&parts[1]), plain(&parts[2]))
                }
                ("Fn::ImportValue", _) => format!("import {}", plain(value)),
                ("Fn::Split", Json::Array(parts)) => {
                    format!("{} split at {}", plain(&parts[1]), plain(&parts[0]))
                }
                ("Fn::Select", Json::Array(parts)) => {
                    format!("part {} of {}", plain(&parts[0]), plain(&parts[1]))
                }
                ("Fn::Join", Json::Array(parts)) => {
                    let items: Vec<_> = parts[1].as_array().into_iter().flatten().map(plain).collect();
                    items.join(&format!(" + {} + ", plain(&parts[0])))
                }
                (name, _) => format!("{name} {}", plain(value)),
            };
            members.iter().map(member).collect::<Vec<_>>().join(" and ")
        }
        scalar => scalar.to_string(),
    }
}

pub(crate) fn json_of(text: &str) -> Json {
    json_from(serde_yaml_ng::from_str(text).unwrap())
}

/// YAML as JSON, with short tags in their long form.
fn json_from(yaml: Yaml) -> Json {
    match yaml {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string();
            let value = json_from(tagged.value);
            match (name.trim_start_matches('!'), &value) {
                ("Ref", _) => json!({ "Ref": value }),
                ("GetAtt", Json::String(path)) => {
                    json!({ "Fn::GetAtt": path.split('.').collect::<Vec<_>>() })
                }
                (name, _) => json!({ format!("Fn::{name}"): value }),
            }
        }
        Yaml::Sequence(items) => items.into_iter().map(json_from).collect(),
        Yaml::Mapping(members) => members
            .into_iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), json_from(value)))
            .collect(),
        scalar => serde_json::to_value(scalar).unwrap(),
    }
}
