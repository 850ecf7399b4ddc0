//! `template.yml` agrees with the code: names, time-outs, variables, clients.
//!
//! What a linter doesn't see is here; what only shows once the stack is there, the end-to-end tests look at.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "in tests a panic is the report; clippy.toml reaches no functions beside them"
)]

use std::collections::BTreeSet;

use deploy::functions::{self, CONVERTER, FANOUT};
use deploy::package::Package;
use deploy::settings::{FunctionTimeout, Settings};
use deploy::template::with_code;
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value as Yaml;
use shared::config::Config;
use shared::place::{OwnQueue, Place};

const TEMPLATE: &str = include_str!("../../template.yml");
const CONFIG: &str = include_str!("../../client-queues.toml");

/// The queues of the template that hold events, by logical id; the last is each client's.
const QUEUES: [&str; 5] =
    ["FanOutQueue", "RejectedQueue", "UndeliveredQueue", "DeadLetterQueue", "Queue${Client}"];

#[test]
fn the_code_of_both_functions_can_be_put_in() {
    for function in functions::ALL {
        let package = Package::try_new(function, b"binary", CONFIG).unwrap();
        let text = with_code(TEMPLATE, function.logical_id, &format!("s3://bucket/{}", package.key)).unwrap();
        let changed = json_of(&text);
        let mut expected = template();
        expected["Resources"][function.logical_id]["Properties"]["CodeUri"] =
            json!(format!("s3://bucket/{}", package.key));
        assert_eq!(changed, expected);
    }
}

#[test]
fn names_of_own_queues_are_those_that_the_functions_compute() {
    let place = Place::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap();
    let mut computed: Vec<String> =
        [OwnQueue::FanOut, OwnQueue::Rejected, OwnQueue::Undelivered, OwnQueue::DeadLetter]
            .map(|queue| place.own_queue_name(queue))
            .to_vec();
    computed.push(place.client_queue_name("Billing"));

    let names = QUEUES.map(|queue| {
        let name = resource(queue)["Properties"]["QueueName"]["Fn::Sub"].as_str().unwrap().to_owned();
        name.replace("${QueuePrefix}", "test-").replace("${Client}", "Billing")
    });
    assert_eq!(names.to_vec(), computed);

    // The fan-out may send to every client's queue, and to none of the stack's others by the same pattern.
    let allowed =
        statement("FanOutRole", "SendToOwnQueues")["Resource"]["Fn::Sub"].as_str().unwrap().to_owned();
    let pattern = allowed.rsplit(':').next().unwrap().replace("${QueuePrefix}", "test-");
    let (start, end) = pattern.split_once('*').unwrap();
    let matching = computed.iter().filter(|name| name.starts_with(start) && name.ends_with(end));
    assert_eq!(matching.collect::<Vec<_>>(), ["test-MarkFanOutClientBilling.fifo"]);
}

#[test]
fn every_queue_keeps_its_events_two_weeks_encrypted_and_its_stack_in_peace() {
    let policies = [("${Own}Policy", "${Own}"), ("Policy${Client}", "Queue${Client}")];
    for (policy, queue) in policies {
        let properties = &resource(policy)["Properties"];
        assert_eq!(properties["Queues"], json!([{ "Ref": { "Fn::Sub": queue } }]), "{policy}");
        for statement in properties["PolicyDocument"]["Statement"].as_array().unwrap() {
            let arn = json!({ "Fn::GetAtt": [{ "Fn::Sub": queue }, "Arn"] });
            assert_eq!(statement["Resource"], arn, "{policy}: another form comes out empty");
            assert!(statement["Effect"] == "Deny" || statement["Principal"] != "*", "{policy}: anybody may");
        }
    }
    assert_eq!(loop_of("OwnQueuePolicies")[1], json!(QUEUES[..4]));
    assert_eq!(loop_of("ClientQueues")[1], json!({ "Ref": "Clients" }));

    for name in QUEUES {
        let queue = resource(name);
        assert_eq!(queue["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(queue["UpdateReplacePolicy"], "Retain", "{name}");
        let properties = &queue["Properties"];
        for (property, expected) in [
            ("FifoQueue", json!(true)),
            ("SqsManagedSseEnabled", json!(true)),
            ("MessageRetentionPeriod", json!(1_209_600)),
            ("MaximumMessageSize", json!(1_048_576)),
        ] {
            assert_eq!(properties[property], expected, "{name}: {property}");
        }
    }
}

#[test]
fn both_mappings_report_failures_by_item_and_discard_nothing() {
    let stream = &resource(CONVERTER.logical_id)["Properties"]["Events"]["Stream"]["Properties"];
    let queue = &resource(FANOUT.logical_id)["Properties"]["Events"]["FanOutJobQueue"]["Properties"];
    for mapping in [stream, queue] {
        assert_eq!(mapping["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]));
    }
    assert_eq!(stream["ParallelizationFactor"], 1, "more would break the order of an aggregate");
    assert_eq!(stream["MaximumRetryAttempts"], -1);
    assert_eq!(stream["MaximumRecordAgeInSeconds"], -1);
    assert_eq!(stream["StartingPosition"], "TRIM_HORIZON");
}

#[test]
fn visibility_is_six_times_the_function_timeout() {
    let template = template();
    let seconds = |parameter: &str| &template["Parameters"][parameter];
    let allowed: Vec<FunctionTimeout> =
        FunctionTimeout::ALLOWED.iter().map(|seconds| FunctionTimeout::try_new(*seconds).unwrap()).collect();

    let functions: Vec<u32> = allowed.iter().map(|timeout| timeout.seconds()).collect();
    assert_eq!(seconds("FunctionTimeout")["AllowedValues"], json!(functions));
    let visibilities: Vec<u32> = functions.iter().map(|seconds| 6 * seconds).collect();
    assert_eq!(allowed.iter().map(|timeout| timeout.visibility_seconds()).collect::<Vec<_>>(), visibilities);
    assert_eq!(seconds("VisibilityTimeout")["AllowedValues"], json!(visibilities));
    assert!(
        functions.iter().all(|seconds| 7 * seconds < 300),
        "a redelivery must fall into the deduplication window"
    );

    let pairs = functions.iter().map(|seconds| {
        let equals = |name: &str, value: u32| json!({ "Fn::Equals": [{ "Ref": name }, value] });
        json!({ "Fn::And": [equals("FunctionTimeout", *seconds), equals("VisibilityTimeout", 6 * seconds)] })
    });
    let rule = &template["Rules"]["VisibilityIsSixTimesFunctionTimeout"]["Assertions"][0]["Assert"];
    assert_eq!(rule, &json!({ "Fn::Or": pairs.collect::<Vec<_>>() }));

    assert_eq!(template["Globals"]["Function"]["Timeout"], json!({ "Ref": "FunctionTimeout" }));
    assert_eq!(
        resource("FanOutQueue")["Properties"]["VisibilityTimeout"],
        json!({ "Ref": "VisibilityTimeout" })
    );
}

#[test]
fn defaults_are_those_of_the_shipped_config_and_the_default_settings() {
    let config = Config::try_from_toml("client-queues.toml", CONFIG, None).unwrap();
    let template = template();
    for (name, value) in Settings::default().parameters(&config) {
        let default = &template["Parameters"][name]["Default"];
        let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        assert_eq!(text, value, "{name}");
    }
}

#[test]
fn every_variable_that_the_functions_read_is_set() {
    let code = include_str!("../../shared/src/lambda.rs").split("#[cfg(test)]").next().unwrap();
    let is_name = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let read = code.split('"').filter(is_name);
    // Lambda sets these itself (AWS Lambda Developer Guide, "Defined runtime environment variables"), and a developer
    // the endpoint.
    let own: BTreeSet<&str> =
        read.filter(|name| !name.starts_with("AWS_") && *name != "LAMBDA_TASK_ROOT").collect();

    let template = template();
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap();
    // `PARTITION` alone is one word.
    let set: BTreeSet<&str> =
        variables.keys().map(String::as_str).filter(|name| *name != "PARTITION").collect();
    assert_eq!(set, own);
    assert!(code.contains("\"PARTITION\"") && variables.contains_key("PARTITION"));
}

#[test]
fn there_are_no_aliases_which_cloudformation_does_not_read() {
    for (line, text) in TEMPLATE.lines().enumerate() {
        let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        assert!(!words.any(|word| word.starts_with(['&', '*'])), "line {}: {text}", line + 1);
    }
}

fn template() -> Json {
    json_of(TEMPLATE)
}

/// A resource of the template or of one of its loops.
fn resource(logical_id: &str) -> Json {
    let resources = template()["Resources"].clone();
    let loops = resources.as_object().unwrap().iter().filter(|(name, _)| name.starts_with("Fn::ForEach"));
    let found = loops.map(|(_, parts)| &parts[2]).chain([&resources]).find_map(|place| place.get(logical_id));
    found.unwrap_or_else(|| panic!("no resource `{logical_id}`")).clone()
}

fn loop_of(name: &str) -> Json {
    template()["Resources"][format!("Fn::ForEach::{name}")].clone()
}

fn statement(role: &str, sid: &str) -> Json {
    let role = resource(role);
    let statements = role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"].as_array().unwrap();
    statements.iter().find(|statement| statement["Sid"] == sid).unwrap().clone()
}

fn json_of(text: &str) -> Json {
    json_from(serde_yaml_ng::from_str(text).unwrap())
}

/// With short tags in their long form.
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
