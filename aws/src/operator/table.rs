//! DynamoDB: the event table and the ledger's.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType as Role, PointInTimeRecoveryStatus,
    ScalarAttributeType, StreamSpecification, StreamViewType, TableDescription, TimeToLiveStatus,
};

use super::{CallError, Target};

/// How long a table may take to become unprotected, in seconds. It takes one or two.
const CHANGED_WITHIN: u32 = 60;

/// A table, as far as the pipeline depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `ACTIVE`, `CREATING`, ….
    pub status: String,
    /// Its partition key.
    pub partition_key: String,
    /// The partition key's type; nothing if DynamoDB does not say, or names one that did not exist when this was
    /// written.
    pub partition_type: Option<KeyType>,
    /// Its sort key, if it has one.
    pub sort_key: Option<String>,
    /// The sort key's type, as of the partition key.
    pub sort_type: Option<KeyType>,
    /// Its stream, if it has one.
    pub stream: Option<Stream>,
    /// Its size in bytes, as it was within the last six hours (DynamoDB API Reference, `TableDescription`).
    pub size: Option<u64>,
}

/// The type of a key attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// Strings.
    S,
    /// Numbers.
    N,
    /// Bytes.
    B,
}

/// A table's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Its ARN; a stream that is switched off and on again has another.
    pub arn: String,
    /// `NEW_IMAGE`, ….
    pub view_type: String,
}

impl Stream {
    /// Whether it carries items as they were written.
    pub fn has_new_images(&self) -> bool {
        matches!(self.view_type.as_str(), "NEW_IMAGE" | "NEW_AND_OLD_IMAGES")
    }
}

/// The names of the first tables of the account and region, at most 100 (DynamoDB API Reference, "ListTables"), and whether
/// there are more.
///
/// # Errors
///
/// [`CallError`].
pub async fn first_names(target: &Target) -> Result<(Vec<String>, bool), CallError> {
    let answer = target.dynamodb.list_tables().send().await;
    let answer = answer.map_err(|error| CallError::new("ListTables", "the account", &error))?;
    let is_more = answer.last_evaluated_table_name.is_some();
    Ok((answer.table_names.unwrap_or_default(), is_more))
}

/// Makes the table called `name` with these keys, texts: the partition key, and perhaps a sort key. With a stream of
/// new images, if it is to have one, whose ARN is the answer.
///
/// # Errors
///
/// [`CallError`].
pub async fn create(
    target: &Target,
    name: &str,
    keys: &[&str],
    has_stream: bool,
) -> Result<Option<String>, CallError> {
    let attributes = keys.iter().filter_map(|key| {
        AttributeDefinition::builder()
            .attribute_name(*key)
            .attribute_type(ScalarAttributeType::S)
            .build()
            .ok()
    });
    let schema = keys.iter().zip([Role::Hash, Role::Range]);
    let schema = schema.filter_map(|(key, role)| {
        KeySchemaElement::builder().attribute_name(*key).key_type(role).build().ok()
    });
    let stream =
        StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewImage);
    let call = target.dynamodb_once.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let call = call.set_attribute_definitions(Some(attributes.collect()));
    let call = call.set_key_schema(Some(schema.collect()));
    let made = call.set_stream_specification(stream.build().ok().filter(|_| has_stream)).send().await;
    let made = made.map_err(|error| CallError::new("CreateTable", name, &error))?;
    Ok(made.table_description.and_then(|description| description.latest_stream_arn))
}

/// The table called `name`.
///
/// # Errors
///
/// [`CallError`].
pub async fn describe(target: &Target, name: &str) -> Result<Table, CallError> {
    let answer = target.dynamodb.describe_table().table_name(name).send().await;
    let answer = answer.map_err(|error| CallError::new("DescribeTable", name, &error))?;
    let table = answer.table.unwrap_or_else(|| TableDescription::builder().build());
    let key = |role: Role| {
        let key = table.key_schema().iter().find(|key| key.key_type == role);
        key.map(|key| key.attribute_name.clone())
    };
    let (partition_key, sort_key) = (key(Role::Hash).unwrap_or_default(), key(Role::Range));
    let specification = table.stream_specification.as_ref();
    let view_type = specification
        .filter(|stream| stream.stream_enabled)
        .and_then(|stream| stream.stream_view_type.as_ref())
        .map(|view_type| view_type.as_str().to_owned());
    let stream = table.latest_stream_arn.clone().zip(view_type);
    Ok(Table {
        status: table.table_status.as_ref().map(|status| status.as_str().to_owned()).unwrap_or_default(),
        partition_type: key_type(&table, &partition_key),
        partition_key,
        sort_type: sort_key.as_ref().and_then(|key| key_type(&table, key)),
        sort_key,
        stream: stream.map(|(arn, view_type)| Stream { arn, view_type }),
        size: table.table_size_bytes.and_then(|size| u64::try_from(size).ok()),
    })
}

/// Deletes the table called `name`, protected or not.
///
/// # Errors
///
/// [`CallError`]. The table may be unprotected then.
pub async fn delete(target: &Target, name: &str) -> Result<(), CallError> {
    let call = target.dynamodb.update_table().table_name(name).deletion_protection_enabled(false);
    call.send().await.map_err(|error| CallError::new("UpdateTable", name, &error))?;
    // A table that is being changed can't be deleted (DynamoDB API Reference, `DeleteTable`).
    for _ in 0..CHANGED_WITHIN {
        if describe(target, name).await?.status != "UPDATING" {
            break;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let deleted = target.dynamodb.delete_table().table_name(name).send().await;
    deleted.map(drop).map_err(|error| CallError::new("DeleteTable", name, &error))
}

/// Whether the table called `name` can be brought back as it was at any moment of the last days.
///
/// # Errors
///
/// [`CallError`].
pub async fn has_point_in_time_recovery(target: &Target, name: &str) -> Result<bool, CallError> {
    let answer = target.dynamodb.describe_continuous_backups().table_name(name).send().await;
    let answer = answer.map_err(|error| CallError::new("DescribeContinuousBackups", name, &error))?;
    let recovery =
        answer.continuous_backups_description.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(status == Some(PointInTimeRecoveryStatus::Enabled))
}

/// The attribute by which the table called `name` lets items expire, if it does, or is about to.
///
/// # Errors
///
/// [`CallError`].
pub async fn expiry(target: &Target, name: &str) -> Result<Option<String>, CallError> {
    let answer = target.dynamodb.describe_time_to_live().table_name(name).send().await;
    let answer = answer.map_err(|error| CallError::new("DescribeTimeToLive", name, &error))?;
    let is_on =
        |status: &TimeToLiveStatus| matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling);
    let expiry = answer.time_to_live_description;
    let expiry = expiry.filter(|expiry| expiry.time_to_live_status.as_ref().is_some_and(is_on));
    Ok(expiry.and_then(|expiry| expiry.attribute_name))
}

/// The name of the table that has this stream.
///
/// # Errors
///
/// It is not the ARN of a table's stream.
pub fn of_stream(arn: &str) -> Result<&str, String> {
    let table = arn_of_stream(arn).and_then(|table| table.rsplit_once('/'));
    let (_, name) = table.ok_or_else(|| format!("the stack's stream `{arn}` is not that of a table"))?;
    Ok(name)
}

/// The ARN of the table that has this stream (`arn:…:table/Events/stream/2026-01-05T09:00:00.000`); nothing if it is
/// not that of a table's stream.
pub fn arn_of_stream(arn: &str) -> Option<&str> {
    arn.split_once("/stream/").map(|(table, _)| table)
}

fn key_type(table: &TableDescription, name: &str) -> Option<KeyType> {
    let definition =
        table.attribute_definitions().iter().find(|definition| definition.attribute_name == name)?;
    match definition.attribute_type {
        ScalarAttributeType::S => Some(KeyType::S),
        ScalarAttributeType::N => Some(KeyType::N),
        ScalarAttributeType::B => Some(KeyType::B),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_by_its_stream() {
        let stream = "arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000";
        assert_eq!(of_stream(stream), Ok("Events"));
        for other in ["", "nonsense", "/stream/x"] {
            assert!(of_stream(other).is_err(), "{other}");
        }
    }
}
