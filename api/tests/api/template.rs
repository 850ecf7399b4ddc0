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

#[test]
fn each_alarm_watches_a_metric_that_is_written_and_has_its_recipe() {
    let (template, page) = (read("api/template.yml"), read("docs/event-source.md"));
    let anchors: Vec<String> = page
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| heading.to_lowercase().replace(' ', "-"))
        .collect();
    let mut found = Vec::new();
    for alarm in template.split("    Type: AWS::CloudWatch::Alarm\n").skip(1) {
        let (alarm, _) = alarm.split_once("\n\n").unwrap();
        let part = |name: &str| {
            let (_, rest) = alarm.split_once(&format!("\n      {name}: ")).unwrap();
            rest.lines().next().unwrap()
        };
        let (namespace, metric) = (part("Namespace"), part("MetricName"));
        if namespace == shared::metrics::NAMESPACE {
            assert!(shared::metrics::OF_THE_API.iter().any(|written| written.name == metric), "{metric}");
            assert_eq!(part("Dimensions"), "[{ Name: Function, Value: !Ref Api }]");
        } else {
            // API Gateway Developer Guide, "Monitoring CloudWatch metrics for HTTP APIs".
            assert_eq!((namespace, metric), ("AWS/ApiGateway", "5xx"));
            assert_eq!(part("Dimensions"), "[{ Name: ApiId, Value: !Ref HttpApi }]");
        }
        let (_, recipe) = alarm.split_once("docs/event-source.md#").unwrap();
        let recipe = recipe.lines().next().unwrap();
        assert!(anchors.iter().any(|anchor| anchor == recipe), "{recipe}");
        for actions in ["AlarmActions", "OKActions"] {
            assert_eq!(part(actions), "!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]");
        }
        found.push(metric);
    }
    assert_eq!(found, ["5xx", "ApiThrottled"]);
}
