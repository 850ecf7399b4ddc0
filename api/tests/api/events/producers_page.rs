//! What docs/event-source/producers.md shows.

use api::events::schema;
use shared::config::Config;

const PAGE: &str = include_str!("../../../../docs/event-source/producers.md");

#[test]
fn a_pipeline_reads_the_table_with_the_source_of_the_page() {
    let toml = PAGE.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = Config::try_from_toml("client-queues.toml", toml, None).unwrap();
    let (source, schema) = (config.source, schema("", ""));
    assert_eq!((source.partition_key.as_str(), source.sort_key.as_str()), (schema.partition, schema.sort));
    for (key, value) in
        [("id", schema.id), ("name", schema.name), ("time", schema.sort), ("version", schema.version[0])]
    {
        assert!(toml.contains(&format!("\n{key} = \"{value}\"\n")), "{key}");
    }
}
