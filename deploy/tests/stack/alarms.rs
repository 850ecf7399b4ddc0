//! The alarms of `template.yml`: each watches a metric that exists, and has its recipe.

#![expect(
    clippy::indexing_slicing,
    reason = "in tests a panic is the report; clippy.toml reaches no functions beside them"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use deploy::functions;
use expect_test::expect;
use serde_json::{Value as Json, json};

use crate::support::{QUEUES, REQUESTS, plain, resources};

const OPERATIONS: &str = include_str!("../../../docs/operations.md");

/// AWS Lambda Developer Guide, "Types of metrics for Lambda functions", by function, and by event source mapping.
const LAMBDA_METRICS: [&str; 4] = ["Errors", "Invocations", "IteratorAge", "Throttles"];
const MAPPING_METRICS: [&str; 1] = ["PolledEventCount"];
/// Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS", by queue.
const SQS_METRICS: [&str; 2] = ["ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"];

#[test]
fn these_are_the_alarms() {
    let mut found = String::new();
    for (id, alarm) in alarms() {
        let part = |name: &str| plain(&alarm[name]);
        writeln!(
            found,
            "{id}: {} of {} of {} {} {} in {}{} x {} s, else {}",
            part("Statistic"),
            part("MetricName"),
            plain(&alarm["Dimensions"][0]["Value"]),
            if part("ComparisonOperator") == "LessThanThreshold" { "<" } else { ">=" },
            part("Threshold"),
            alarm.get("DatapointsToAlarm").map(|some| format!("{} of ", plain(some))).unwrap_or_default(),
            part("EvaluationPeriods"),
            part("Period"),
            part("TreatMissingData"),
        )
        .unwrap();
    }
    expect![[r#"
        BehindLong: Maximum of BehindAge of CatchUp >= 900000 in 1 x 300 s, else notBreaching
        CatchUpErrors: Sum of Errors of CatchUp >= 1 in 3 x 300 s, else notBreaching
        CatchUpStopped: Sum of Invocations of CatchUp < 1 in 3 x 300 s, else missing
        CatchUpVersionTwice: Sum of VersionsUsedTwice of CatchUp >= 1 in 1 x 300 s, else notBreaching
        ConverterErrors: Sum of Errors of ProcessDynamoDBStream >= 1 in 3 x 300 s, else notBreaching
        ConverterLate: Maximum of IteratorAge of ProcessDynamoDBStream >= 3600000 in 1 x 300 s, else notBreaching
        ConverterStopped: SampleCount of PolledEventCount of ProcessDynamoDBStreamStream < 1 in 3 x 300 s, else missing
        ConverterThrottles: Sum of Throttles of ProcessDynamoDBStream >= 1 in 3 x 300 s, else notBreaching
        ConverterVeryLate: Maximum of IteratorAge of ProcessDynamoDBStream >= 43200000 in 1 x 300 s, else notBreaching
        ErasureLate: Maximum of ErasureAge of CatchUp >= 86400000 in 1 x 300 s, else notBreaching
        FanOutErrors: Sum of Errors of FanOut >= 1 in 3 x 300 s, else notBreaching
        FanOutLate: Maximum of ApproximateAgeOfOldestMessage of FanOutQueue.QueueName >= 900 in 1 x 300 s, else notBreaching
        FanOutStopped: SampleCount of PolledEventCount of FanOutFanOutJobQueue < 1 in 3 x 300 s, else missing
        FanOutThrottles: Sum of Throttles of FanOut >= 1 in 3 x 300 s, else notBreaching
        FanOutVersionTwice: Sum of VersionsUsedTwice of FanOut >= 1 in 1 x 300 s, else notBreaching
        FanOutWaiting: Maximum of WaitingAge of FanOut >= 900000 in 1 x 300 s, else notBreaching
        Alarm${Client}: Maximum of ApproximateAgeOfOldestMessage of Queue${Client}.QueueName >= 86400 in 1 x 300 s, else notBreaching
        HeldLong: Maximum of HeldAge of CatchUp >= 3600000 in 1 x 300 s, else notBreaching
        PushAwsErrors: Sum of Errors of PushAws >= 1 in 3 x 300 s, else notBreaching
        PushAwsThrottles: Sum of Throttles of PushAws >= 1 in 3 x 300 s, else notBreaching
        PushHttpErrors: Sum of Errors of PushHttp >= 1 in 3 x 300 s, else notBreaching
        PushHttpThrottles: Sum of Throttles of PushHttp >= 1 in 3 x 300 s, else notBreaching
        RejectedRecords: Maximum of ApproximateNumberOfMessagesVisible of RejectedQueue.QueueName >= 1 in 1 of 5 x 300 s, else ignore
        RequestsLate: Maximum of ApproximateAgeOfOldestMessage of RequestsQueue.QueueName >= 3600 in 1 x 300 s, else notBreaching
        RequestsRefused: Sum of RequestsRefused of CatchUp >= 1 in 1 x 300 s, else notBreaching
        TargetFailing: Maximum of TargetFailingAge of CatchUp >= 900000 in 1 x 300 s, else notBreaching
        TargetGone: Maximum of TargetsGone of CatchUp >= 1 in 1 x 300 s, else notBreaching
    "#]].assert_eq(&found);
}

/// `rejected resend` hides rejections, which are still in the queue.
#[test]
fn an_alarm_outlasts_rejections_that_are_hidden_for_a_quarter_of_an_hour() {
    let mut queues = BTreeSet::new();
    for (id, alarm) in alarms() {
        if alarm["MetricName"] != "ApproximateNumberOfMessagesVisible" {
            continue;
        }
        queues.insert(plain(&alarm["Dimensions"][0]["Value"]));
        assert_eq!(alarm["DatapointsToAlarm"], 1, "{id}");
        let number = |name: &str| alarm[name].as_u64().unwrap();
        // Rejections are seen in a part of the first and of the last period, so that these do not count.
        assert!((number("EvaluationPeriods") - 2) * number("Period") >= 15 * 60, "{id}");
    }
    assert_eq!(queues, ["RejectedQueue.QueueName".to_owned()].into());
}

#[test]
fn every_metric_is_one_that_aws_documents_or_the_code_emits() {
    for (id, alarm) in alarms() {
        let text = |name: &str| alarm[name].as_str().unwrap().to_owned();
        let (namespace, metric) = (text("Namespace"), text("MetricName"));
        let (metrics, dimension) = match namespace.as_str() {
            "AWS/Lambda" if MAPPING_METRICS.contains(&metric.as_str()) => {
                (MAPPING_METRICS.to_vec(), "EventSourceMappingUUID")
            }
            "AWS/Lambda" => (LAMBDA_METRICS.to_vec(), "FunctionName"),
            "AWS/SQS" => (SQS_METRICS.to_vec(), "QueueName"),
            _ => {
                assert_eq!(namespace, shared::metrics::NAMESPACE, "{id}");
                (shared::metrics::NAMES.map(|metric| metric.name).to_vec(), shared::metrics::FUNCTION)
            }
        };
        assert!(metrics.contains(&metric.as_str()), "{id}: `{metric}` is not emitted in `{namespace}`");
        let dimensions = alarm["Dimensions"].as_array().unwrap();
        assert_eq!(dimensions.len(), 1, "{id}");
        assert_eq!(dimensions[0]["Name"], dimension, "{id}");
    }
}

#[test]
fn every_queue_and_function_is_watched() {
    let watched: BTreeSet<String> =
        alarms().iter().map(|(_, alarm)| plain(&alarm["Dimensions"][0]["Value"])).collect();
    let queues = QUEUES.into_iter().chain([REQUESTS]).map(|queue| format!("{queue}.QueueName"));
    let functions = functions::ALL.map(|function| function.logical_id.to_owned());
    let mappings = ["ProcessDynamoDBStreamStream", "FanOutFanOutJobQueue"].map(str::to_owned);
    assert_eq!(watched, queues.into_iter().chain(functions).chain(mappings).collect());
}

#[test]
fn an_alarm_says_where_its_recipe_is() {
    let anchors: BTreeSet<String> =
        OPERATIONS.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    for (id, alarm) in alarms() {
        let description = plain(&alarm["AlarmDescription"]);
        let (meaning, recipe) = description.split_once(" docs/operations.md#").unwrap();
        assert!(meaning.ends_with('.'), "{id}: {meaning}");
        assert!(anchors.contains(recipe), "{id}: docs/operations.md has no `#{recipe}`");
        // CloudWatch API Reference, "PutMetricAlarm". A client's name has up to 40 characters.
        assert!(description.len() + 40 <= 1_024, "{id}");
    }
}

#[test]
fn alarms_are_sent_to_the_topic_if_there_is_one() {
    let actions =
        json!({ "Fn::If": ["HasAlarmTopic", [{ "Ref": "AlarmTopicArn" }], { "Ref": "AWS::NoValue" }] });
    for (id, alarm) in alarms() {
        assert_eq!(alarm["AlarmActions"], actions, "{id}");
        assert_eq!(alarm["OKActions"], actions, "{id}");
        // What rings because nothing is measured any more rings by its third state, which it has at first, too.
        if alarm["TreatMissingData"] == "missing" {
            assert_eq!(alarm["ComparisonOperator"], "LessThanThreshold", "{id}");
            assert_eq!(alarm["InsufficientDataActions"], actions, "{id}");
        } else {
            assert_eq!(alarm["ComparisonOperator"], "GreaterThanOrEqualToThreshold", "{id}");
            assert!(alarm.get("InsufficientDataActions").is_none(), "{id}");
        }
    }
}

/// The properties of the alarms, by logical id.
fn alarms() -> Vec<(String, Json)> {
    let alarms = resources().into_iter().filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let alarms: Vec<_> = alarms.map(|(id, resource)| (id, resource["Properties"].clone())).collect();
    assert!(!alarms.is_empty());
    alarms
}

/// The anchor of a heading: lower-case words, joined by hyphens.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|character| character.is_alphanumeric() || matches!(character, '-' | '_')).collect()
}
