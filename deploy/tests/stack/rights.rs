//! The rights in `template.yml`: the statements of every policy, and rules about all of them.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "in tests a panic is the report; clippy.toml reaches no functions beside them"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use deploy::functions;
use expect_test::{Expect, expect};
use serde_json::{Value as Json, json};

use crate::support::{QUEUES, REQUESTS, loop_over, plain, resource, resources, template};

/// Actions without resources, so that a right to them is for `*` (AWS Service Authorization Reference: X-Ray, Lambda,
/// CloudWatch).
const WITHOUT_RESOURCES: [&str; 5] = [
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "lambda:ListEventSourceMappings",
    "cloudwatch:GetMetricData",
    "dynamodb:ListStreams",
];

#[test]
fn the_converter_has_these_rights() {
    check(
        "ProcessDynamoDBStreamRole",
        &expect![[r#"
            WriteLogs: allow logs:CreateLogStream, logs:PutLogEvents on ProcessDynamoDBStreamLogs.Arn
            WriteTraces: allow xray:PutTraceSegments, xray:PutTelemetryRecords on *
            ReadStreams: allow dynamodb:DescribeStream, dynamodb:GetRecords, dynamodb:GetShardIterator on part 0 of (StreamIsImported ? import DynamoDBStreamArn : EventStreamArn) split at /stream/ + /stream/ + *
            FindStreams: allow dynamodb:ListStreams on *
            SendEventsAndRejections: allow sqs:SendMessage on FanOutQueue.Arn, RejectedQueue.Arn
            UseKeysOfQueues: allow kms:GenerateDataKey, kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}
            EncryptDiscardedRecords: allow kms:GenerateDataKey on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}
            KeepDiscardedRecords: allow s3:PutObject on ${DiscardedRecords.Arn}/*
            FindBucketOfDiscardedRecords: allow s3:ListBucket on DiscardedRecords.Arn
        "#]],
    );
}

#[test]
fn the_fan_out_has_these_rights() {
    check(
        "FanOutRole",
        &expect![[r#"
            WriteLogs: allow logs:CreateLogStream, logs:PutLogEvents on FanOutLogs.Arn, CatchUpLogs.Arn
            WriteTraces: allow xray:PutTraceSegments, xray:PutTelemetryRecords on *
            ReceiveEvents: allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ChangeMessageVisibility on FanOutQueue.Arn, RequestsQueue.Arn
            UseKeysOfQueues: allow kms:GenerateDataKey, kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}
            SendToClients: allow sqs:SendMessage on arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${QueuePrefix}MarkFanOutClient*.fifo
            SendToExternalQueues (if HasExternalQueues): allow sqs:SendMessage on ExternalQueueArns
            SendRepairsAndRejections: allow sqs:SendMessage on FanOutQueue.Arn, RejectedQueue.Arn
            KeepLedger: allow dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query on LedgerTable.Arn
            ReadEvents: allow dynamodb:GetItem, dynamodb:Query, dynamodb:Scan on part 0 of (StreamIsImported ? import DynamoDBStreamArn : EventStreamArn) split at /stream/
            DecryptEvents: allow kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService dynamodb.${AWS::Region}.${AWS::URLSuffix}
        "#]],
    );
}

#[test]
fn the_push_functions_have_these_rights() {
    check(
        "PushHttpRole",
        &expect![[r#"
        WriteLogs: allow logs:CreateLogStream, logs:PutLogEvents on PushHttpLogs.Arn
        WriteTraces: allow xray:PutTraceSegments, xray:PutTelemetryRecords on *
        ReceiveEvents: allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ChangeMessageVisibility on PushHttpQueueArns
        SendRejections: allow sqs:SendMessage on RejectedQueue.Arn
        UseKeysOfQueues: allow kms:GenerateDataKey, kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
            where StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}
        ReadLedger: allow dynamodb:BatchGetItem, dynamodb:GetItem on LedgerTable.Arn
            where ForAllValues:StringLike dynamodb:LeadingKeys registry, group#*, push#* and Null dynamodb:LeadingKeys false
        KeepDeliveries: allow dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:PutItem on LedgerTable.Arn
            where ForAllValues:StringLike dynamodb:LeadingKeys push#* and Null dynamodb:LeadingKeys false
    "#]],
    );
    check(
        "PushAwsRole",
        &expect![[r#"
            WriteLogs: allow logs:CreateLogStream, logs:PutLogEvents on PushAwsLogs.Arn
            WriteTraces: allow xray:PutTraceSegments, xray:PutTelemetryRecords on *
            ReceiveEvents: allow sqs:ReceiveMessage, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ChangeMessageVisibility on PushAwsQueueArns
            NeverThePipeline: deny lambda:InvokeFunction on ProcessDynamoDBStream.Arn, FanOut.Arn, CatchUp.Arn, ${ProcessDynamoDBStream.Arn}:*, ${FanOut.Arn}:*, ${CatchUp.Arn}:*
            SendRejections: allow sqs:SendMessage on RejectedQueue.Arn
            UseKeysOfQueues: allow kms:GenerateDataKey, kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}
            ReadLedger: allow dynamodb:BatchGetItem, dynamodb:GetItem on LedgerTable.Arn
                where ForAllValues:StringLike dynamodb:LeadingKeys registry, group#*, push#* and Null dynamodb:LeadingKeys false
            KeepDeliveries: allow dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:PutItem on LedgerTable.Arn
                where ForAllValues:StringLike dynamodb:LeadingKeys push#* and Null dynamodb:LeadingKeys false
        "#]],
    );
}

#[test]
fn rights_to_targets_are_to_those_of_the_config() {
    let mut found = String::new();
    for role in ["PushHttpRole", "PushAwsRole"] {
        writeln!(found, "{role}").unwrap();
        for policy in resource(role)["Properties"]["ManagedPolicyArns"].as_array().unwrap() {
            let parts = policy["Fn::If"].as_array().unwrap();
            let policy = parts[1]["Ref"].as_str().unwrap();
            assert_eq!(parts[0], resource(policy)["Condition"], "{policy}");
            writeln!(found, "{policy} (if {}):\n{}", plain(&parts[0]), listed(policy)).unwrap();
        }
    }
    expect![[r#"
        PushHttpRole
        PushSecretsPolicy (if HasPushSecrets):
        ReadSecrets: allow secretsmanager:GetSecretValue on PushSecretArns
        DecryptSecrets: allow kms:Decrypt on arn:${AWS::Partition}:kms:*:*:key/*
            where StringLike kms:ViaService secretsmanager.*.${AWS::URLSuffix}

        PushParametersPolicy (if HasPushParameters):
        ReadParameters: allow ssm:GetParameter on PushParameterArns
        DecryptParameters: allow kms:Decrypt on arn:${AWS::Partition}:kms:*:*:key/*
            where StringLike kms:ViaService ssm.*.${AWS::URLSuffix}

        PushAwsRole
        PushFunctionsPolicy (if HasPushFunctions):
        InvokeTargets: allow lambda:InvokeFunction on PushFunctionArns

        PushTopicsPolicy (if HasPushTopics):
        PublishToTargets: allow sns:Publish on PushTopicArns
        UseKeysOfTopics: allow kms:GenerateDataKey, kms:Decrypt on arn:${AWS::Partition}:kms:*:*:key/*
            where StringLike kms:ViaService sns.*.${AWS::URLSuffix}

        PushBusesPolicy (if HasPushBuses):
        PutEventsToTargets: allow events:PutEvents on PushBusArns

        PushStreamsPolicy (if HasPushStreams):
        PutRecordsToTargets: allow kinesis:PutRecord on PushStreamArns
        UseKeysOfStreams: allow kms:GenerateDataKey on arn:${AWS::Partition}:kms:*:*:key/*
            where StringLike kms:ViaService kinesis.*.${AWS::URLSuffix}

        PushObjectsPolicy (if HasPushBuckets):
        KeepObjects: allow s3:PutObject, s3:DeleteObject on PushBucketObjects
        UseKeysOfObjects: allow kms:GenerateDataKey on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
            where StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}

        PushBucketsPolicy (if HasPushBuckets):
        FindObjects: allow s3:ListBucket on PushBuckets

    "#]]
    .assert_eq(&found);
}

/// IAM quotas: a role's own policies have 10,240 characters together, a managed policy 6,144, without white space; a role has ten
/// of these. A list of ARNs is as long as a parameter at most.
#[test]
fn every_policy_of_a_push_function_fits() {
    let list = 4_096 + 2 * shared::config::PUSH_LIMIT;
    let length = |logical_id: &str| {
        let documents: Vec<Json> = statements(logical_id);
        let lists = documents.iter().filter(|statement| statement["Resource"]["Ref"].is_string()).count();
        // What is put in for a reference is at most as long: a queue's ARN, a partition.
        let text = serde_json::to_string(&documents).unwrap().len() + 40 * documents.len() + 100;
        (text + lists * list, lists)
    };
    for role in ["PushHttpRole", "PushAwsRole"] {
        let (length, lists) = length(role);
        assert!(lists == 1 && length <= 10_240, "{role}: {length}");
        assert!(resource(role)["Properties"]["ManagedPolicyArns"].as_array().unwrap().len() <= 10);
    }
    let of_lists = |id: &str| id.starts_with("Push") && id.ends_with("Policy") && id != "PushTestPolicy";
    for (id, _) in resources().into_iter().filter(|(id, _)| of_lists(id)) {
        let (length, lists) = length(&id);
        assert!(lists == 1 && length <= 6_144, "{id}: {length}");
    }
    // The config's reader lets their lists be as long together as one of the others.
    for (id, expected) in [("WatchTargetsPolicy", 5), ("WatchSecretsPolicy", 2)] {
        let (length, lists) = length(id);
        assert!(lists == expected && length - (lists - 1) * list <= 6_144, "{id}: {length}");
    }
}

#[test]
fn who_looks_at_targets_has_these_rights() {
    check(
        "WatchTargetsPolicy",
        &expect![[r#"
        SeeFunctions (if HasPushFunctions): allow lambda:GetFunctionConfiguration on PushFunctionArns
        SeeTopics (if HasPushTopics): allow sns:GetTopicAttributes on PushTopicArns
        SeeBuses (if HasPushBuses): allow events:DescribeEventBus on PushBusArns
        SeeStreams (if HasPushStreams): allow kinesis:DescribeStreamSummary on PushStreamArns
        SeeBuckets (if HasPushBuckets): allow s3:GetBucketVersioning on PushBuckets
    "#]],
    );
    check(
        "WatchSecretsPolicy",
        &expect![[r#"
        SeeSecrets (if HasPushSecrets): allow secretsmanager:DescribeSecret on PushSecretArns
        SeeParameters (if HasPushParameters): allow ssm:ListTagsForResource on PushParameterArns
    "#]],
    );
}

#[test]
fn who_tests_targets_has_these_rights() {
    check(
        "PushTestPolicy",
        &expect![[r#"
        TestWebhooks (if HasPushHttp): allow lambda:InvokeFunction on PushHttp.Arn
        TestTargets (if HasPushAws): allow lambda:InvokeFunction on PushAws.Arn
    "#]],
    );
}

#[test]
fn the_watch_policy_has_these_rights() {
    check(
        "WatchPolicy",
        &expect![[r#"
            SeeStack: allow cloudformation:DescribeStacks, cloudformation:GetTemplate on arn:${AWS::Partition}:cloudformation:${AWS::Region}:${AWS::AccountId}:stack/${AWS::StackName}/*
            SeeQueues: allow sqs:GetQueueAttributes, sqs:GetQueueUrl on arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${QueuePrefix}MarkFanOut*.fifo
            SeeExternalQueues (if HasExternalQueues): allow sqs:GetQueueAttributes, sqs:GetQueueUrl on ExternalQueueArns
            SeeKeys: allow kms:DescribeKey on arn:${AWS::Partition}:kms:${AWS::Region}:${AWS::AccountId}:key/*
            ReadDeployedConfig: allow s3:GetObject on arn:${AWS::Partition}:s3:::mark-event-queue-packages-${AWS::AccountId}-${AWS::Region}/fanout/*
            SeeMappingsAndMetrics: allow lambda:ListEventSourceMappings, cloudwatch:GetMetricData on *
            SeeEventTable: allow dynamodb:DescribeTable, dynamodb:DescribeTimeToLive on part 0 of (StreamIsImported ? import DynamoDBStreamArn : EventStreamArn) split at /stream/
            SeeLedger: allow dynamodb:BatchGetItem, dynamodb:DescribeContinuousBackups, dynamodb:DescribeTable, dynamodb:GetItem, dynamodb:Query, dynamodb:Scan on LedgerTable.Arn
            SeeCatchUp: allow lambda:GetFunctionConfiguration on CatchUp.Arn
        "#]],
    );
}

#[test]
fn the_inspect_policy_has_these_rights() {
    check(
        "InspectPolicy",
        &expect![[r#"
            ReadRejections: allow sqs:ReceiveMessage, sqs:ChangeMessageVisibility on RejectedQueue.Arn
            ReadEvents: allow dynamodb:GetItem, dynamodb:Query, dynamodb:Scan on part 0 of (StreamIsImported ? import DynamoDBStreamArn : EventStreamArn) split at /stream/
            DecryptEvents: allow kms:Decrypt on arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*
                where StringEquals kms:ViaService sqs.${AWS::Region}.${AWS::URLSuffix}, dynamodb.${AWS::Region}.${AWS::URLSuffix}
        "#]],
    );
}

#[test]
fn the_resend_policy_has_these_rights() {
    check(
        "ResendPolicy",
        &expect![[r#"
            DeleteRejections: allow sqs:DeleteMessage on RejectedQueue.Arn
            Resend: allow lambda:InvokeFunction on ProcessDynamoDBStream.Arn
        "#]],
    );
}

#[test]
fn the_replay_policy_has_these_rights() {
    check(
        "ReplayPolicy",
        &expect![[r#"
            MakeControlRequests: allow lambda:InvokeFunction on CatchUp.Arn
        "#]],
    );
}

#[test]
fn no_other_role_sends_to_a_queue() {
    let mut found = String::new();
    for policy in ["FanOutQueuePolicy", "RejectedQueuePolicy", "Policy${Client}", "RequestsQueuePolicy"] {
        writeln!(found, "{}:\n{}", plain(&resource(policy)["Properties"]["Queues"]), listed(policy)).unwrap();
    }
    expect![[r#"
        FanOutQueue:
        EncryptedTransportOnly: deny * sqs:* on FanOutQueue.Arn
            where Bool aws:SecureTransport false
        NobodyElseSends: deny * sqs:SendMessage on FanOutQueue.Arn
            where ArnNotEquals aws:PrincipalArn ProcessDynamoDBStreamRole.Arn, FanOutRole.Arn

        RejectedQueue:
        EncryptedTransportOnly: deny * sqs:* on RejectedQueue.Arn
            where Bool aws:SecureTransport false
        NobodyElseSends: deny * sqs:SendMessage on RejectedQueue.Arn
            where ArnNotEquals aws:PrincipalArn ProcessDynamoDBStreamRole.Arn, FanOutRole.Arn, (HasPushHttp ? PushHttpRole.Arn : AWS::NoValue), (HasPushAws ? PushAwsRole.Arn : AWS::NoValue)

        Queue${Client}:
        EncryptedTransportOnly: deny * sqs:* on Queue${Client}.Arn
            where Bool aws:SecureTransport false
        NobodyElseSends: deny * sqs:SendMessage on Queue${Client}.Arn
            where ArnNotEquals aws:PrincipalArn FanOutRole.Arn

        RequestsQueue:
        EncryptedTransportOnly: deny * sqs:* on RequestsQueue.Arn
            where Bool aws:SecureTransport false
        ConsumersAsk (if HasRequestRoles): allow AWS RequestAccounts sqs:SendMessage on RequestsQueue.Arn
            where ArnEquals aws:PrincipalArn RequestRoleArns
        NobodyElseSends: deny * sqs:SendMessage on RequestsQueue.Arn
            where (HasRequestRoles ? ArnNotEquals aws:PrincipalArn RequestRoleArns : AWS::NoValue)

    "#]]
    .assert_eq(&found);
    assert_eq!(loop_over("ClientQueues"), json!({ "Ref": "Clients" }));
}

#[test]
fn every_queue_and_bucket_has_a_policy_that_requires_tls() {
    let mut protected: Vec<String> = Vec::new();
    for (id, resource) in resources() {
        let kind = resource["Type"].as_str().unwrap();
        if !matches!(kind, "AWS::SQS::QueuePolicy" | "AWS::S3::BucketPolicy") {
            continue;
        }
        let tls = &statements(&id)[0];
        assert_eq!(tls["Sid"], "EncryptedTransportOnly", "{id}");
        assert_eq!((&tls["Effect"], &tls["Principal"]), (&json!("Deny"), &json!("*")), "{id}");
        assert!(tls["Action"] == "sqs:*" || tls["Action"] == "s3:*", "{id}");
        assert_eq!(tls["Condition"], json!({ "Bool": { "aws:SecureTransport": "false" } }), "{id}");
        protected
            .push(plain(resource["Properties"].get("Queues").unwrap_or(&resource["Properties"]["Bucket"])));
    }
    protected.sort();
    let mut all: Vec<&str> = QUEUES.into_iter().chain([REQUESTS, "DiscardedRecords"]).collect();
    all.sort_unstable();
    assert_eq!(protected, all);
}

#[test]
fn no_right_is_wider_than_it_is_written() {
    for (id, _) in resources() {
        for statement in statements(&id) {
            let (sid, resources) = (&statement["Sid"], listed_of(&statement["Resource"]));
            if statement["Effect"] == "Deny" {
                continue;
            }
            assert_ne!(statement["Principal"], "*", "{id}: {sid}: every principal may");
            let actions = listed_of(&statement["Action"]);
            assert!(!actions.is_empty(), "{id}: {sid}");
            for action in actions {
                assert!(!action.contains('*'), "{id}: {sid}: {action}");
                let has_no_resources = WITHOUT_RESOURCES.contains(&action.as_str());
                assert_eq!(resources == ["*"], has_no_resources, "{id}: {sid}: {action}");
            }
        }
    }
    // SAM makes no role of its own: it would have AWS's managed policies.
    for function in functions::ALL {
        let properties = &resource(function.logical_id)["Properties"];
        assert!(properties.get("Role").is_some());
        assert!(properties.get("Policies").is_none());
    }
}

#[test]
fn roles_are_assumed_by_lambda_for_this_account_only() {
    for role in ["ProcessDynamoDBStreamRole", "FanOutRole", "PushHttpRole", "PushAwsRole"] {
        let trust = &resource(role)["Properties"]["AssumeRolePolicyDocument"]["Statement"];
        let expected = json!([{
            "Effect": "Allow",
            "Principal": { "Service": "lambda.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } },
        }]);
        assert_eq!(trust, &expected, "{role}");
        let managed =
            resource(role)["Properties"]["ManagedPolicyArns"].as_array().cloned().unwrap_or_default();
        assert!(managed.iter().all(|arn| plain(arn).starts_with("(HasPush")), "{role}: {managed:?}");
    }
}

/// A queue gets another key before the roles that refer to it change, and its messages stay encrypted with the old key.
/// So a right to use keys depends on the service that calls KMS, and not on the settings.
#[test]
fn the_right_to_use_keys_does_not_depend_on_the_stacks_key() {
    let by_way_of = |services: &[&str]| {
        let named =
            |service: &&str| json!({ "Fn::Sub": format!("{service}.${{AWS::Region}}.${{AWS::URLSuffix}}") });
        let services = match services {
            [service] => named(service),
            services => services.iter().map(named).collect(),
        };
        json!({ "StringEquals": { "kms:ViaService": services } })
    };
    let send = ["kms:GenerateDataKey", "kms:Decrypt"].as_slice();
    let read = ["kms:Decrypt"].as_slice();
    let encrypt = ["kms:GenerateDataKey"].as_slice();
    for (id, expected) in [
        ("ProcessDynamoDBStreamRole", vec![(["sqs"].as_slice(), send), (&["s3"], encrypt)]),
        ("FanOutRole", vec![(&["sqs"], send), (&["dynamodb"], read)]),
        ("PushHttpRole", vec![(&["sqs"], send)]),
        ("PushAwsRole", vec![(&["sqs"], send)]),
        ("WatchPolicy", vec![]),
        ("InspectPolicy", vec![(&["sqs", "dynamodb"], read)]),
        ("ResendPolicy", vec![]),
        ("ReplayPolicy", vec![]),
        ("WatchTargetsPolicy", vec![]),
        ("WatchSecretsPolicy", vec![]),
        ("PushTestPolicy", vec![]),
    ] {
        let uses = |statement: &&Json| {
            let actions = listed_of(&statement["Action"]);
            actions.iter().any(|action| action.starts_with("kms:") && action != "kms:DescribeKey")
        };
        let all = raw_statements(id);
        let found: Vec<&Json> = all.iter().filter(uses).collect();
        assert_eq!(found.len(), expected.len(), "{id}");
        for (statement, (services, actions)) in found.into_iter().zip(expected) {
            assert_eq!(listed_of(&statement["Action"]), actions, "{id}");
            assert_eq!(statement["Condition"], by_way_of(services), "{id}");
            let keys = "arn:${AWS::Partition}:kms:${AWS::Region}:*:key/*";
            assert_eq!(statement["Resource"], json!({ "Fn::Sub": keys }), "{id}");
        }
    }
}

/// A policy refers only to conditions that the template has.
#[test]
fn conditions_of_rights_are_those_of_the_template() {
    let conditions = template()["Conditions"].as_object().unwrap().clone();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _) in resources() {
        for condition in raw_statements(&id).iter().filter_map(|statement| statement["Fn::If"][0].as_str()) {
            *used.entry(condition.to_owned()).or_default() += 1;
        }
    }
    let expected = [
        ("HasExternalQueues", 2),
        ("HasPushAws", 1),
        ("HasPushBuckets", 1),
        ("HasPushBuses", 1),
        ("HasPushFunctions", 1),
        ("HasPushHttp", 1),
        ("HasPushParameters", 1),
        ("HasPushSecrets", 1),
        ("HasPushStreams", 1),
        ("HasPushTopics", 1),
        ("HasRequestRoles", 1),
    ];
    assert_eq!(used, expected.map(|(name, count)| (name.to_owned(), count)).into());
    assert!(used.keys().all(|name| conditions.contains_key(name)));
}

fn check(logical_id: &str, expected: &Expect) {
    expected.assert_eq(&listed(logical_id));
}

/// The statements of a policy, or of a role's policies: a line each, and one for the condition.
fn listed(logical_id: &str) -> String {
    let mut text = String::new();
    for statement in raw_statements(logical_id) {
        let (only_if, statement) = match &statement["Fn::If"] {
            Json::Array(parts) => {
                assert_eq!(parts[2], json!({ "Ref": "AWS::NoValue" }));
                (format!(" (if {})", plain(&parts[0])), parts[1].clone())
            }
            _ => (String::new(), statement),
        };
        let part = |name: &str| plain(&statement[name]);
        let who = statement.get("Principal").map(|who| format!("{} ", plain(who))).unwrap_or_default();
        let (sid, effect) = (part("Sid"), part("Effect").to_lowercase());
        writeln!(text, "{sid}{only_if}: {effect} {who}{} on {}", part("Action"), part("Resource")).unwrap();
        if let Some(condition) = statement.get("Condition") {
            writeln!(text, "    where {}", plain(condition)).unwrap();
        }
    }
    text
}

/// The statements of a policy or role, as if every condition of the template held.
fn statements(logical_id: &str) -> Vec<Json> {
    let unwrapped = |statement: Json| match &statement["Fn::If"] {
        Json::Array(parts) => parts[1].clone(),
        _ => statement,
    };
    raw_statements(logical_id).into_iter().map(unwrapped).collect()
}

fn raw_statements(logical_id: &str) -> Vec<Json> {
    let properties = resource(logical_id)["Properties"].clone();
    let inline = properties["Policies"].as_array().cloned().unwrap_or_default();
    let documents = inline.iter().chain([&properties]).map(|policy| &policy["PolicyDocument"]["Statement"]);
    documents.filter_map(Json::as_array).flatten().cloned().collect()
}

fn listed_of(value: &Json) -> Vec<String> {
    value.as_array().map_or_else(|| vec![plain(value)], |items| items.iter().map(plain).collect())
}
