//! The template makes the tables that the store expects, and exports the stream as the pipeline imports it.

use std::path::Path;

use api::marks::schema;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::read_to_string(root.join(path)).unwrap()
}

#[test]
fn the_template_has_the_tables_that_the_store_expects() {
    let (template, schema) = (read("api/template.yml"), schema("", ""));
    for line in [
        format!("- {{ AttributeName: {}, KeyType: HASH }}", schema.partition),
        format!("- {{ AttributeName: {}, KeyType: RANGE }}", schema.sort),
        format!(
            "- IndexName: {}\n          KeySchema: [{{ AttributeName: {}, KeyType: HASH }}]",
            schema.id_index, schema.id
        ),
        format!(
            "- IndexName: {}\n          KeySchema:\n            - {{ AttributeName: {}, KeyType: HASH }}\n            - {{ AttributeName: {}, KeyType: RANGE }}",
            schema.name_index, schema.name, schema.sort
        ),
        "KeySchema: [{ AttributeName: key, KeyType: HASH }]".to_owned(),
        "TimeToLiveSpecification: { AttributeName: expires, Enabled: true }".to_owned(),
        "StreamSpecification: { StreamViewType: NEW_IMAGE }".to_owned(),
        "    Default: disabled\n    AllowedValues: [enabled, disabled]".to_owned(),
        "DOCS_PAGE: !Ref DocsPage".to_owned(),
    ] {
        assert!(template.contains(&line), "{line}");
    }
}

#[test]
fn the_pipeline_imports_what_the_template_exports_and_reads_it_as_it_is_shipped() {
    assert!(read("api/template.yml").contains("Export: { Name: DynamoDBStreamArn }"));
    assert!(read("template.yml").contains("!ImportValue DynamoDBStreamArn"));
    let schema = schema("", "");
    let source = read("client-queues.toml");
    for (key, value) in [
        ("partition_key", schema.partition.to_owned()),
        ("sort_key", schema.sort.to_owned()),
        ("id", schema.id.to_owned()),
        ("name", schema.name.to_owned()),
        ("time", schema.sort.to_owned()),
        ("version", schema.version.join(".")),
    ] {
        assert!(source.contains(&format!("\n{key} = \"{value}\"\n")), "{key}");
    }
    assert!(!source.contains("[source.filter]"));
}

/// The resources of the template: their names, each with its text.
fn resources(template: &str) -> Vec<(String, String)> {
    let (_, rest) = template.split_once("\nResources:\n").unwrap();
    let (rest, _) = rest.split_once("\nOutputs:\n").unwrap();
    let mut resources: Vec<(String, String)> = Vec::new();
    for line in rest.lines().filter(|line| !line.trim_start().starts_with('#')) {
        match line.strip_prefix("  ").filter(|line| !line.starts_with(' ') && line.ends_with(':')) {
            Some(name) => resources.push((name.trim_end_matches(':').to_owned(), String::new())),
            None => resources.last_mut().into_iter().for_each(|(_, text)| *text += &format!("{line}\n")),
        }
    }
    resources
}

#[test]
fn events_of_other_aggregates_are_off_unless_a_parameter_turns_them_on() {
    let template = read("api/template.yml");
    let parameter = template.split("\n  OtherEvents:\n").nth(1).unwrap();
    assert!(parameter.split("\n  Memory:").next().unwrap().contains("Default: disabled"));
    let conditional: Vec<String> = resources(&template)
        .into_iter()
        .filter_map(|(name, text)| {
            let condition = text.lines().find_map(|line| line.strip_prefix("    Condition: "))?;
            Some(format!("{name}: {condition}"))
        })
        .collect();
    assert_eq!(
        conditional,
        [
            "OtherEventTable: HasOtherEvents",
            "OtherStateTable: HasOtherEvents",
            "AppendPolicy: HasOtherEvents",
            "AppendEvents: HasQueue",
            "EventQueueMapping: HasQueue",
            "AppendEventsLogs: HasQueue",
            "AppendEventsRole: HasQueue",
            "EventQueue: HasQueue",
            "EventQueuePolicy: HasQueue",
            "RejectedEvents: HasQueue",
            "RejectedEventsPolicy: HasQueue",
            "EventsRejected: HasQueue",
            "ProducerRoute: HasOtherEvents",
            "Authorizer: HasJwt",
        ]
    );
}

#[test]
fn what_appends_events_of_other_aggregates_reaches_no_mark_and_deletes_nothing() {
    let resources = resources(&read("api/template.yml"));
    let text = |name: &str| &resources.iter().find(|(found, _)| found == name).unwrap().1;
    for name in ["AppendPolicy", "AppendEventsRole", "AppendEvents", "EventQueue", "OtherEventTable"] {
        for foreign in ["EventTable", "StateTable"] {
            let text = text(name).replace(&format!("Other{foreign}"), "");
            assert!(!text.contains(&format!("!Ref {foreign}")), "{name}: {foreign}");
            assert!(!text.contains(&format!("!GetAtt {foreign}")), "{name}: {foreign}");
        }
    }
    for name in ["AppendPolicy", "AppendEventsRole"] {
        assert!(!text(name).contains("dynamodb:Delete"), "{name}");
    }
    assert!(!text("ApiRole").contains("sqs:"));
    // What tells two events apart that say the same.
    assert!(!text("EventQueue").contains("ContentBasedDeduplication"));
    assert!(text("ProducerRoute").contains("AuthorizationType: AWS_IAM\n"));
    assert!(text("ProducerRoute").contains("RouteKey: POST /events/v1/{eventName}\n"));
    let schema = api::events::schema("", "");
    for line in [
        format!("- {{ AttributeName: {}, KeyType: HASH }}", schema.partition),
        format!("- {{ AttributeName: {}, KeyType: RANGE }}", schema.sort),
        "StreamSpecification: { StreamViewType: NEW_IMAGE }".to_owned(),
    ] {
        assert!(text("OtherEventTable").contains(&line), "{line}");
    }
    assert!(text("OtherStateTable").contains("KeySchema: [{ AttributeName: key, KeyType: HASH }]"));
    assert!(text("OtherStateTable").contains("{ AttributeName: expires, Enabled: true }"));
}

#[test]
fn each_alarm_watches_a_metric_that_is_written_and_has_its_recipe() {
    let template = read("api/template.yml");
    let has_recipe = |page: &str, anchor: &str| {
        let page = read(&format!("docs/{page}"));
        let mut headings = page.lines().filter_map(|line| line.strip_prefix("##"));
        headings
            .any(|heading| heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-") == anchor)
    };
    let mut found = Vec::new();
    for alarm in template.split("    Type: AWS::CloudWatch::Alarm\n").skip(1) {
        let (alarm, _) = alarm.split_once("\n\n").unwrap();
        let part = |name: &str| {
            let (_, rest) = alarm.split_once(&format!("\n      {name}: ")).unwrap();
            rest.lines().next().unwrap()
        };
        let (namespace, metric) = (part("Namespace"), part("MetricName"));
        let dimensions = part("Dimensions");
        if namespace == shared::metrics::NAMESPACE {
            assert!(shared::metrics::OF_THE_API.iter().any(|written| written.name == metric), "{metric}");
            assert_eq!(dimensions, "[{ Name: Function, Value: !Ref Api }]");
        } else {
            let of_aws = [
                // API Gateway Developer Guide, "Monitoring CloudWatch metrics for HTTP APIs".
                ("AWS/ApiGateway", "5xx", "[{ Name: ApiId, Value: !Ref HttpApi }]"),
                // SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS".
                (
                    "AWS/SQS",
                    "ApproximateNumberOfMessagesVisible",
                    "[{ Name: QueueName, Value: !GetAtt RejectedEvents.QueueName }]",
                ),
            ];
            assert!(of_aws.contains(&(namespace, metric, dimensions)), "{namespace} {metric} {dimensions}");
        }
        let (_, recipe) = alarm.split_once("docs/").unwrap();
        let (page, anchor) = recipe.lines().next().unwrap().split_once('#').unwrap();
        assert!(has_recipe(page, anchor), "{page}#{anchor}");
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(part(actions), "!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]");
        }
        found.push(metric);
    }
    assert_eq!(found, ["ApproximateNumberOfMessagesVisible", "5xx", "ApiThrottled"]);
}
