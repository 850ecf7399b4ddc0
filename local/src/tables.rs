//! The companion API's two tables: the rows of the marks, and their events with a stream.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};

/// The table of the marks.
pub const ROWS: &str = "RegistrationNumber";

/// The event table.
pub const EVENTS: &str = "RegistrationNumberEvent";

/// A table could not be made.
#[derive(Debug, thiserror::Error)]
#[error("table `{table}` could not be made: {reason}")]
pub struct TableError {
    table: &'static str,
    reason: String,
}

/// Makes both tables and returns the ARN of the event table's stream.
///
/// # Errors
///
/// [`TableError`].
pub async fn make(dynamodb: &Client) -> Result<String, TableError> {
    make_table(dynamodb, ROWS, &["mark"], None).await?;
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    let stream = stream.build().map_err(|error| TableError { table: EVENTS, reason: error.to_string() })?;
    let arn = make_table(dynamodb, EVENTS, &["mark", "createTime"], Some(stream)).await?;
    arn.ok_or_else(|| TableError { table: EVENTS, reason: "it has no stream".to_owned() })
}

async fn make_table(
    dynamodb: &Client,
    table: &'static str,
    keys: &[&str],
    stream: Option<StreamSpecification>,
) -> Result<Option<String>, TableError> {
    let unusable = |reason: String| TableError { table, reason };
    let mut request = dynamodb.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (key, kind) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let attribute =
            AttributeDefinition::builder().attribute_name(*key).attribute_type(ScalarAttributeType::S);
        let element = KeySchemaElement::builder().attribute_name(*key).key_type(kind);
        request = request
            .attribute_definitions(attribute.build().map_err(|error| unusable(error.to_string()))?)
            .key_schema(element.build().map_err(|error| unusable(error.to_string()))?);
    }
    let made = request.set_stream_specification(stream).send().await;
    let made = made.map_err(|error| unusable(DisplayErrorContext(error).to_string()))?;
    Ok(made.table_description.and_then(|description| description.latest_stream_arn))
}
