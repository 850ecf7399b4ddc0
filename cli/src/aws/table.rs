//! What DynamoDB tells of the event table.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeyType;

use super::CallError;

/// A table, as far as the pipeline depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its partition key.
    pub partition_key: String,
    /// Its sort key, if it has one.
    pub sort_key: Option<String>,
    /// Its stream, if it has one.
    pub stream: Option<Stream>,
}

/// A table's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its ARN; a stream that is switched off and on again has another.
    pub arn: String,
    /// `NEW_IMAGE`, ….
    pub view_type: String,
}

/// The table called `name`.
///
/// # Errors
///
/// [`CallError`].
pub async fn describe(client: &Client, name: &str) -> Result<Table, CallError> {
    let answer = client.describe_table().table_name(name).send().await;
    let answer = answer.map_err(|error| CallError::new("DescribeTable", name, &error))?;
    let table = answer.table;
    let key = |kind: KeyType| {
        let keys = table.as_ref().map(|table| table.key_schema()).unwrap_or_default();
        keys.iter().find(|key| key.key_type == kind).map(|key| key.attribute_name.clone())
    };
    let (partition_key, sort_key) = (key(KeyType::Hash).unwrap_or_default(), key(KeyType::Range));
    let specification = table.as_ref().and_then(|table| table.stream_specification.as_ref());
    let view_type = specification
        .filter(|stream| stream.stream_enabled)
        .and_then(|stream| stream.stream_view_type.as_ref())
        .map(|view_type| view_type.as_str().to_owned());
    let arn = table.as_ref().and_then(|table| table.latest_stream_arn.clone());
    let stream = arn.zip(view_type).map(|(arn, view_type)| Stream { arn, view_type });
    Ok(Table { partition_key, sort_key, stream })
}
