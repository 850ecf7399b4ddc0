//! `template.yml` agrees with the code: names, time-outs, variables, clients, the ledger.
//!
//! These tests, with `rights.rs` and `alarms.rs`, find what a linter doesn't. The end-to-end tests look at the stack
//! once it exists.

use std::collections::BTreeSet;

use aws::operator::lambda::INVOKE_TIMEOUT;
use deploy::functions::{self, CATCH_UP, CONVERTER, FANOUT, PUSH_AWS, PUSH_HTTP};
use deploy::invoke::{CATCH_UP_NAME, MAINTENANCE};
use deploy::package::Package;
use deploy::settings::{
    Architecture, FunctionTimeout, LogRetention, MaximumConcurrency, Memory, Settings, StreamBatchSize,
};
use deploy::template::with_code;
use serde_json::{Value as Json, json};
use shared::config::Config;
use shared::ledger::times;
use shared::naming::{Naming, OwnQueue};

use crate::support::{QUEUES, REQUESTS, TEMPLATE, json_of, loop_over, resource, resources, template};

const CONFIG: &str = include_str!("../../../client-queues.toml");

#[test]
fn the_place_of_every_functions_code_can_be_put_in() {
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
    let naming = Naming::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap();
    let mut computed: Vec<String> =
        [OwnQueue::FanOut, OwnQueue::Rejected].map(|queue| naming.own_queue_name(queue)).to_vec();
    computed.push(naming.client_queue_name("Billing"));
    computed.push(naming.own_queue_name(OwnQueue::Requests));

    let names = QUEUES.into_iter().chain([REQUESTS]).map(|queue| {
        let name = resource(queue)["Properties"]["QueueName"]["Fn::Sub"].as_str().unwrap().to_owned();
        name.replace("${QueuePrefix}", "test-").replace("${Client}", "Billing")
    });
    assert_eq!(names.collect::<Vec<_>>(), computed);

    let roles = ["ProcessDynamoDBStreamRole", "FanOutRole"].map(|role| {
        let name = resource(role)["Properties"]["RoleName"]["Fn::Sub"].as_str().unwrap().to_owned();
        name.replace("${QueuePrefix}", "test-").replace("${AWS::Region}", "eu-west-2")
    });
    let computed = [naming.converter_role_arn(), naming.fan_out_role_arn()];
    assert_eq!(roles.map(|name| format!("arn:aws:iam::111122223333:role/{name}")), computed);
}

#[test]
fn every_queue_keeps_its_events_two_weeks_encrypted_and_its_stack_in_peace() {
    for name in QUEUES {
        let queue = resource(name);
        // Retained, unless the operation that made it fails.
        assert_eq!(queue["DeletionPolicy"], "RetainExceptOnCreate", "{name}");
        assert_eq!(queue["UpdateReplacePolicy"], "Retain", "{name}");
        let properties = &queue["Properties"];
        let nothing = json!({ "Ref": "AWS::NoValue" });
        let key = json!({ "Ref": "KmsKeyArn" });
        for (property, expected) in [
            ("FifoQueue", json!(true)),
            ("DeduplicationScope", json!("messageGroup")),
            ("FifoThroughputLimit", json!("perMessageGroupId")),
            ("SqsManagedSseEnabled", json!({ "Fn::If": ["HasKey", nothing, true] })),
            ("KmsMasterKeyId", json!({ "Fn::If": ["HasKey", key, nothing] })),
            ("MessageRetentionPeriod", json!(1_209_600)),
            ("MaximumMessageSize", json!(1_048_576)),
        ] {
            assert_eq!(properties[property], expected, "{name}: {property}");
        }
        // It would take messages out of their group.
        assert!(properties.get("RedrivePolicy").is_none(), "{name}");
    }
}

#[test]
fn the_queue_of_requests_holds_no_event_and_leaves_catch_up_its_time() {
    let queue = resource(REQUESTS);
    assert_eq!(
        (&queue["DeletionPolicy"], &queue["UpdateReplacePolicy"]),
        (&json!("RetainExceptOnCreate"), &json!("Retain"))
    );
    let properties = &queue["Properties"];
    let fan_out = &resource("FanOutQueue")["Properties"];
    for same in
        ["FifoQueue", "DeduplicationScope", "FifoThroughputLimit", "SqsManagedSseEnabled", "KmsMasterKeyId"]
    {
        assert_eq!(properties[same], fan_out[same], "{same}");
    }
    let catch_up = resource(CATCH_UP.logical_id)["Properties"]["Timeout"].as_u64().unwrap();
    assert_eq!(properties["VisibilityTimeout"], 6 * catch_up);
    assert_eq!(
        (&properties["MessageRetentionPeriod"], &properties["MaximumMessageSize"]),
        (&json!(86_400), &json!(1_024))
    );
    assert!(properties.get("RedrivePolicy").is_none());
    let mapping = resource("CatchUpRequestsQueue");
    assert_eq!(mapping["Condition"], "HasRequestRoles");
    let expected = json!({
        "FunctionName": { "Ref": CATCH_UP.logical_id },
        "EventSourceArn": { "Fn::GetAtt": [REQUESTS, "Arn"] },
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": { "MaximumConcurrency": 2 },
    });
    assert_eq!(mapping["Properties"], expected);
}

#[test]
fn the_ledger_outlives_its_stack_and_mistakes() {
    let table = resource("LedgerTable");
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    // A name of its own would be in the way of the next stack.
    assert!(properties.get("TableName").is_none());
    assert_eq!(properties["BillingMode"], "PAY_PER_REQUEST");
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    // Its items never expire.
    assert!(properties.get("TimeToLiveSpecification").is_none());
}

#[test]
fn every_stack_has_the_ledger_and_its_catch_up() {
    let conditional = resources().into_iter().filter(|(_, resource)| resource.get("Condition").is_some());
    let conditional: BTreeSet<String> = conditional.map(|(id, _)| id).collect();
    // The resources of clients, of which there may be none, the mapping and the alarms of their requests, all that delivers to
    // targets or looks at them, and alarms that cost extra.
    let expected = [
        "Queue${Client}",
        "Policy${Client}",
        "Alarm${Client}",
        "CatchUpRequestsQueue",
        "RequestsRefused",
        "RequestsLate",
        "ConverterStopped",
        "FanOutStopped",
        "Queue00",
        "TargetFailing",
        "TargetGone",
        "WatchTargetsPolicy",
        "WatchSecretsPolicy",
    ];
    let expected = expected.into_iter().map(str::to_owned);
    let of_push = resources().into_iter().map(|(id, _)| id).filter(|id| is_of_push(id));
    assert_eq!(conditional, expected.chain(of_push).collect());
    let template = template();
    for (output, id) in
        [("LedgerTableName", "LedgerTable"), (CATCH_UP_NAME, "CatchUp"), ("ReplayPolicyARN", "ReplayPolicy")]
    {
        let output = &template["Outputs"][output];
        assert_eq!((output.get("Condition"), &output["Value"]), (None, &json!({ "Ref": id })));
    }
}

#[test]
fn catch_up_is_invoked_every_minute_without_retries() {
    let properties = &resource(CATCH_UP.logical_id)["Properties"];
    let events = properties["Events"].as_object().unwrap();
    let schedule =
        json!({ "Type": "Schedule", "Properties": { "Schedule": "rate(1 minute)", "Input": MAINTENANCE } });
    assert_eq!(events.values().collect::<Vec<_>>(), [&schedule]);
    assert_eq!(times::SCHEDULE.as_secs(), 60);
    assert_eq!(
        properties["EventInvokeConfig"],
        json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": times::SCHEDULE.as_secs() })
    );
    assert_eq!(properties["Role"], resource(FANOUT.logical_id)["Properties"]["Role"]);
}

/// Whether it is a resource of the functions that deliver to targets.
fn is_of_push(logical_id: &str) -> bool {
    logical_id.starts_with("Push") || logical_id.starts_with("Delivery")
}

#[test]
fn a_stack_without_push_clients_has_nothing_that_delivers() {
    for (id, resource) in resources().into_iter().filter(|(id, _)| is_of_push(id)) {
        let condition = resource["Condition"].as_str().unwrap();
        let side = ["Http", "Aws"].into_iter().find(|side| id.contains(side));
        match side {
            Some(side) => assert_eq!(condition, format!("HasPush{side}"), "{id}"),
            // A policy about targets of one kind.
            None => assert!(id.ends_with("Policy") && condition.starts_with("HasPush"), "{id}: {condition}"),
        }
    }
    let template = template();
    for (condition, parameter) in [
        ("HasPushHttp", "PushHttpClients"),
        ("HasPushAws", "PushAwsClients"),
        ("HasPushTopics", "PushTopicArns"),
    ] {
        let first = json!({ "Fn::Select": [0, { "Ref": parameter }] });
        let none = if parameter.ends_with("Clients") { "00" } else { "0" };
        let expected = json!({ "Fn::Not": [{ "Fn::Equals": [first, none] }] });
        assert_eq!(template["Conditions"][condition], expected, "{condition}");
    }
    let either = json!({ "Fn::Or": [{ "Fn::Condition": "HasPushHttp" }, { "Fn::Condition": "HasPushAws" }] });
    assert_eq!(template["Conditions"]["HasPush"], either);
    // What the mapping of no client refers to, which CloudFormation looks for even so.
    assert_eq!(resource("Queue00")["Condition"], "Never");
    let never = json!({ "Fn::Equals": [{ "Ref": "AWS::Region" }, "never"] });
    assert_eq!(template["Conditions"]["Never"], never);
}

#[test]
fn each_push_client_s_queue_has_a_mapping() {
    for (function, clients, concurrency, prefix) in [
        (PUSH_HTTP, "PushHttpClients", "PushHttpMaximumConcurrency", "DeliveryHttp"),
        (PUSH_AWS, "PushAwsClients", "PushAwsMaximumConcurrency", "DeliveryAws"),
    ] {
        assert_eq!(loop_over(&format!("{}Mappings", function.logical_id)), json!({ "Ref": clients }));
        let expected = json!({
            "FunctionName": { "Ref": function.logical_id },
            "EventSourceArn": { "Fn::GetAtt": [{ "Fn::Sub": "Queue${Client}" }, "Arn"] },
            "BatchSize": 10,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": { "MaximumConcurrency": { "Ref": concurrency } },
        });
        assert_eq!(resource(&format!("{prefix}${{Client}}"))["Properties"], expected);

        let properties = &resource(function.logical_id)["Properties"];
        assert_eq!(
            properties["Environment"]["Variables"],
            json!({ "LEDGER_TABLE": { "Ref": "LedgerTable" } })
        );
        let timeout = properties["Timeout"].as_u64().unwrap();
        assert_eq!(resource("Queue${Client}")["Properties"]["VisibilityTimeout"], 6 * timeout);
        assert_eq!(
            template()["Outputs"][format!("{}Name", function.logical_id)]["Value"],
            json!({ "Ref": function.logical_id })
        );
    }
}

/// CloudFormation quotas: 500 resources, 200 parameters, 200 outputs.
#[test]
fn a_hundred_clients_with_thirty_targets_fit_into_a_stack() {
    let per_client = |id: &str| match id {
        _ if !id.contains("${Client}") => 1,
        _ if id.starts_with("Delivery") => shared::config::PUSH_LIMIT,
        _ => 100,
    };
    // A loop over both sides counts thirty twice, and SAM makes resources of a function's schedule: both on the safe side.
    let count: usize = resources().iter().map(|(id, _)| per_client(id)).sum();
    assert!(count + 2 <= 500, "{count} resources");
    let template = template();
    assert!(template["Parameters"].as_object().unwrap().len() <= 200);
    assert!(template["Outputs"].as_object().unwrap().len() + 100 <= 200);
}

/// `docs/ledger.md`, "Times".
#[test]
fn the_times_are_those_of_the_ledger() {
    let template = template();
    let default = |parameter: &str| template["Parameters"][parameter]["Default"].as_u64().unwrap();
    assert_eq!(default("FunctionTimeout"), times::FAN_OUT_LIMIT.as_secs());
    assert_eq!(default("VisibilityTimeout"), times::VISIBILITY.as_secs());

    let allowed = template["Parameters"]["FunctionTimeout"]["AllowedValues"].as_array().unwrap();
    let longest = allowed.iter().map(|seconds| seconds.as_u64().unwrap()).max();
    assert_eq!(longest, Some(times::FAN_OUT_LIMIT.as_secs()), "a stack allows no longer ones");

    let catch_up = resource(CATCH_UP.logical_id)["Properties"]["Timeout"].as_u64().unwrap();
    let pass = times::PASS_LIMIT + times::CALL_LIMIT + times::RECORD_LIMIT;
    assert!(pass.as_secs() < catch_up, "a pass must fit in");
    // AWS Lambda Developer Guide, "Lambda quotas". A client that is absent for longer than that is gone.
    assert!(catch_up <= 15 * 60);
    assert!(times::ABSENCE.as_secs() > catch_up);
    assert!(catch_up < INVOKE_TIMEOUT.as_secs(), "a caller waits for its end");
}

#[test]
fn discarded_records_are_kept_for_a_month_in_a_closed_bucket() {
    let bucket = resource("DiscardedRecords");
    assert_eq!(bucket["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(bucket["UpdateReplacePolicy"], "Retain");
    let properties = &bucket["Properties"];
    let access = properties["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert_eq!(access.len(), 4);
    assert!(access.values().all(|setting| setting == true), "{access:?}");
    assert_eq!(
        properties["OwnershipControls"]["Rules"],
        json!([{ "ObjectOwnership": "BucketOwnerEnforced" }])
    );
    let encryption = &properties["BucketEncryption"]["ServerSideEncryptionConfiguration"];
    let if_key = |then: Json, otherwise: Json| json!({ "Fn::If": ["HasKey", then, otherwise] });
    let none = json!({ "Ref": "AWS::NoValue" });
    let default = json!({
        "SSEAlgorithm": if_key(json!("aws:kms"), json!("AES256")),
        "KMSMasterKeyID": if_key(json!({ "Ref": "KmsKeyArn" }), none.clone()),
    });
    let expected = json!([{
        "ServerSideEncryptionByDefault": default,
        "BucketKeyEnabled": if_key(json!(true), none),
    }]);
    assert_eq!(encryption, &expected);
    let rule = &properties["LifecycleConfiguration"]["Rules"][0];
    assert_eq!((&rule["Status"], &rule["ExpirationInDays"]), (&json!("Enabled"), &json!(30)));
    // With versions, an object that expires would stay.
    assert!(properties.get("VersioningConfiguration").is_none());
}

#[test]
fn both_mappings_report_failures_by_item_and_discard_nothing() {
    let if_imported = json!({ "Fn::If": [
        "StreamIsImported", { "Fn::ImportValue": "DynamoDBStreamArn" }, { "Ref": "EventStreamArn" }
    ] });
    let metrics = json!({ "Fn::If": [
        "HasMappingAlarms", { "Metrics": ["EventCount"] }, { "Ref": "AWS::NoValue" }
    ] });
    let stream = json!({
        "FunctionName": { "Ref": CONVERTER.logical_id },
        "EventSourceArn": if_imported,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": { "Ref": "StreamBatchSize" },
        "ParallelizationFactor": { "Ref": "ParallelizationFactor" },
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "BisectBatchOnFunctionError": true,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "DestinationConfig": { "OnFailure": { "Destination": { "Fn::GetAtt": ["DiscardedRecords", "Arn"] } } },
        "MetricsConfig": metrics,
    });
    assert_eq!(resource("ProcessDynamoDBStreamStream")["Properties"], stream);
    let queue = json!({
        "FunctionName": { "Ref": FANOUT.logical_id },
        "EventSourceArn": { "Fn::GetAtt": ["FanOutQueue", "Arn"] },
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": { "MaximumConcurrency": { "Ref": "FanOutMaximumConcurrency" } },
        "MetricsConfig": metrics,
    });
    assert_eq!(resource("FanOutFanOutJobQueue")["Properties"], queue);
}

#[test]
fn functions_are_traced_and_their_logs_expire() {
    let globals = &template()["Globals"]["Function"];
    assert_eq!(globals["Tracing"], "Active");
    assert_eq!(globals["Architectures"], json!([{ "Ref": "Architecture" }]));
    for function in functions::ALL.map(|function| function.logical_id) {
        let logs = format!("{function}Logs");
        let logs = logs.as_str();
        assert_eq!(resource(function)["Properties"]["LoggingConfig"]["LogGroup"], json!({ "Ref": logs }));
        assert_eq!(resource(logs)["Properties"]["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }));
    }
}

#[test]
fn no_clients_name_makes_a_logical_id_that_is_taken() {
    let taken = ["Queue", "Policy", "Alarm", "DeliveryHttp", "DeliveryAws"];
    let ids: Vec<String> = resources().into_iter().map(|(id, _)| id).collect();
    // A client's name begins with a letter.
    for id in ids.iter().filter(|id| !id.contains("${Client}") && *id != "Queue00") {
        assert!(!taken.iter().any(|prefix| id.starts_with(prefix)), "`{id}` could be a client's");
    }
    let of_clients: BTreeSet<&str> = ids.iter().filter_map(|id| id.strip_suffix("${Client}")).collect();
    assert_eq!(of_clients, BTreeSet::from(taken));

    let template = template();
    let outputs = template["Outputs"].as_object().unwrap();
    let is_clients = |name: &String| {
        let name = name.strip_prefix("Queue").and_then(|name| name.strip_suffix("ARN"));
        name.is_some_and(|name| !name.is_empty())
    };
    assert_eq!(outputs.keys().find(|name| is_clients(name)), None);
}

#[test]
fn every_parameter_is_described_has_a_default_and_stands_in_a_group() {
    let template = template();
    let parameters = template["Parameters"].as_object().unwrap();
    for (name, parameter) in parameters {
        assert!(parameter["Description"].is_string() && parameter.get("Default").is_some(), "{name}");
        let is_checked = ["AllowedPattern", "AllowedValues", "MinValue"]
            .iter()
            .any(|check| parameter.get(check).is_some());
        assert!(is_checked, "{name} takes anything");
    }
    let groups =
        template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].as_array().unwrap();
    let mut shown: Vec<&str> = groups
        .iter()
        .flat_map(|group| group["Parameters"].as_array().unwrap())
        .map(|name| name.as_str().unwrap())
        .collect();
    shown.sort_unstable();
    let mut all: Vec<&str> = parameters.keys().map(String::as_str).collect();
    all.sort_unstable();
    assert_eq!(shown, all);
}

#[test]
fn parameters_allow_the_values_of_settings() {
    let template = template();
    let parameter = |name: &str| &template["Parameters"][name];
    assert_eq!(parameter("LogRetentionDays")["AllowedValues"], json!(LogRetention::ALLOWED));
    let architectures = [Architecture::X86_64, Architecture::Arm64].map(Architecture::as_str);
    assert_eq!(parameter("Architecture")["AllowedValues"], json!(architectures));
    assert_eq!(parameter("Architecture")["Default"], Architecture::default().as_str());
    for (name, lowest, highest) in [
        ("FanOutMaximumConcurrency", MaximumConcurrency::LOWEST, MaximumConcurrency::HIGHEST),
        ("PushHttpMaximumConcurrency", MaximumConcurrency::LOWEST, MaximumConcurrency::HIGHEST),
        ("PushAwsMaximumConcurrency", MaximumConcurrency::LOWEST, MaximumConcurrency::HIGHEST),
        ("StreamBatchSize", StreamBatchSize::LOWEST, StreamBatchSize::HIGHEST),
        ("ConverterMemory", Memory::LOWEST, Memory::HIGHEST),
        ("FanOutMemory", Memory::LOWEST, Memory::HIGHEST),
        ("CatchUpMemory", Memory::LOWEST, Memory::HIGHEST),
        ("PushMemory", Memory::LOWEST, Memory::HIGHEST),
    ] {
        let range = (&parameter(name)["MinValue"], &parameter(name)["MaxValue"]);
        assert_eq!(range, (&json!(lowest), &json!(highest)), "{name}");
    }
    // A higher factor breaks the order of aggregates, which the ledger then has to restore.
    assert_eq!(parameter("ParallelizationFactor")["Default"], 1);
}

#[test]
fn a_consumers_function_may_take_a_sixth_of_its_queues_visibility_timeout() {
    let consumer = json_of(include_str!("../../../docs/consume/template.yml"));
    let timeout = consumer["Resources"]["Consumer"]["Properties"]["Timeout"].as_u64().unwrap();
    assert_eq!(resource("Queue${Client}")["Properties"]["VisibilityTimeout"], 6 * timeout);
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
    let code = include_str!("../../../aws/src/lambda.rs").split("#[cfg(test)]").next().unwrap();
    let is_name = |text: &&str| {
        text.contains('_')
            && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let read = code.split('"').filter(is_name);
    // Lambda sets the others itself (AWS Lambda Developer Guide, "Defined runtime environment variables"), and a
    // developer the endpoint.
    let is_set_elsewhere = |name: &str| {
        // The last are for `cargo local`.
        name.starts_with("AWS_") || name == "LAMBDA_TASK_ROOT" || name.starts_with("PUSH_LOCAL_")
    };
    let own: BTreeSet<&str> = read.filter(|name| !is_set_elsewhere(name)).collect();

    let template = template();
    let variables = template["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap();
    // The converter needs neither the ledger nor the event table.
    let [fan_out, catch_up] = [FANOUT, CATCH_UP]
        .map(|function| resource(function.logical_id)["Properties"]["Environment"]["Variables"].clone());
    let [fan_out, catch_up] = [&fan_out, &catch_up].map(|variables| variables.as_object().unwrap());
    assert_eq!(fan_out.keys().collect::<Vec<_>>(), catch_up.keys().collect::<Vec<_>>());
    // `PARTITION` has no underscore, and glibc reads its own.
    let all = variables.keys().chain(fan_out.keys());
    let is_ours = |name: &&str| *name != "PARTITION" && !name.starts_with("MALLOC_");
    let set: BTreeSet<&str> = all.map(String::as_str).filter(is_ours).collect();
    assert_eq!(set, own);
    assert!(code.contains("\"PARTITION\"") && variables.contains_key("PARTITION"));

    let table = json!({ "Ref": "LedgerTable" });
    assert_eq!((&fan_out["LEDGER_TABLE"], &catch_up["LEDGER_TABLE"]), (&table, &table));
    let stream = json!({ "Fn::If": [
        "StreamIsImported", { "Fn::ImportValue": "DynamoDBStreamArn" }, { "Ref": "EventStreamArn" }
    ] });
    let name = json!({ "Fn::Select": [1, { "Fn::Split": ["/", stream] }] });
    assert_eq!((&fan_out["EVENT_TABLE"], &catch_up["EVENT_TABLE"]), (&name, &name));
}

#[test]
fn there_are_no_yaml_aliases_which_cloudformation_does_not_read() {
    for (line, text) in TEMPLATE.lines().enumerate() {
        let mut words = text.split_whitespace().take_while(|word| !word.starts_with('#'));
        assert!(!words.any(|word| word.starts_with(['&', '*'])), "line {}: {text}", line + 1);
    }
}
