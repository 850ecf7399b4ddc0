//! A consumer of events: keeps the newest status and price of every mark in a table.

use std::collections::HashSet;

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The version of an aggregate's first event: 0 where the source counts from 0.
const FIRST_VERSION: &str = "1";

/// What is read of an event; whatever else it has is passed over.
#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow, rename = "RegistrationNumber")]
    mark: Mark<'a>,
}

#[derive(Deserialize)]
struct Mark<'a> {
    status: String,
    /// As it was written: an event's numbers have up to 38 digits, an `f64` keeps 15.
    #[serde(borrow)]
    price: &'a RawValue,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let dynamodb = &Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let table = &std::env::var("TABLE")?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(handle(dynamodb, table, event.payload.records).await)
    }))
    .await
}

/// Returns the first message that failed of each group, and all later ones of that group.
async fn handle(dynamodb: &Client, table: &str, messages: Vec<SqsMessage>) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    let mut failed_groups = HashSet::new();
    for message in messages {
        let group = message.attributes.get("MessageGroupId").cloned().unwrap_or_default();
        if !failed_groups.contains(&group) {
            let Err(error) = project(dynamodb, table, &group, &message).await else { continue };
            tracing::error!(group, error = %DisplayErrorContext(&*error), "returned, with its group");
            failed_groups.insert(group);
        }
        // Without an id, Lambda returns the whole batch: nothing is lost.
        response.add_failure(message.message_id.unwrap_or_default());
    }
    response
}

/// One write: the version and what follows from it are stored together, or not at all.
async fn project(dynamodb: &Client, table: &str, group: &str, message: &SqsMessage) -> Result<(), Error> {
    let (version, event_id) = (attribute(message, "version")?, attribute(message, "eventId")?);
    let Event { mark } = serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    let write = dynamodb
        .update_item()
        .table_name(table)
        .key("group", S(group.to_owned()))
        .expression_attribute_names("#status", "status")
        .expression_attribute_values(":version", N(version.clone()))
        .expression_attribute_values(":status", S(mark.status))
        .expression_attribute_values(":price", N(mark.price.get().to_owned()));
    let update = "SET version = :version, #status = :status, price = :price";
    // The first version begins an aggregate; with another event id, one that was erased and created anew.
    let write = if version == FIRST_VERSION {
        write
            .update_expression(format!("{update}, firstEvent = :firstEvent"))
            .condition_expression("attribute_not_exists(firstEvent) OR firstEvent <> :firstEvent")
            .expression_attribute_values(":firstEvent", S(event_id))
    } else {
        write
            .update_expression(update)
            .condition_expression("attribute_not_exists(version) OR version < :version")
    };
    match write.send().await.map_err(aws_sdk_dynamodb::Error::from) {
        // This event, or a newer one, was seen before.
        Ok(_) | Err(aws_sdk_dynamodb::Error::ConditionalCheckFailedException(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn attribute(message: &SqsMessage, name: &str) -> Result<String, Error> {
    let value = message.message_attributes.get(name).and_then(|value| value.string_value.clone());
    value.ok_or_else(|| format!("no attribute `{name}`").into())
}
