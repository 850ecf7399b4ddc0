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
