//! A consumer of events: keeps the newest status and price of every mark in a table.

use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue::{N, S};
use consumer::{
    Consumer, ConsumerState, Effect, RequestMessage, RequestQueue, StateWrite, Store, StoreError,
    WriteOutcome,
};
use lambda_runtime::{Error, LambdaEvent, service_fn, tracing};
use serde::Deserialize;
use serde_json::value::RawValue;

#[tokio::main]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let aws = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let marks = Marks { dynamodb: Client::new(&aws), table: std::env::var("TABLE")? };
    // Without a URL, an operator is asked for what is missing.
    let url = std::env::var("REQUESTS_QUEUE_URL").ok().filter(|url| !url.is_empty());
    let requests = url.map(|url| Requests { sqs: aws_sdk_sqs::Client::new(&aws), url });
    let consumer = &Consumer::new(std::env::var("CLIENT")?, marks).asking(requests);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let consumed = consumer.consume(event.payload.records).await;
        println!("{}", consumed.metrics(SystemTime::now()));
        Ok::<_, Error>(consumed.response)
    }))
    .await
}

/// The pipeline's queue of requests.
struct Requests {
    sqs: aws_sdk_sqs::Client,
    url: String,
}

impl RequestQueue for Requests {
    async fn send(&self, request: &RequestMessage) -> Result<(), StoreError> {
        let call = self.sqs.send_message().queue_url(&self.url).message_body(&request.body);
        let call = call.message_group_id(&request.group_id);
        call.message_deduplication_id(&request.deduplication_id).send().await?;
        Ok(())
    }
}

/// A table with an item for each mark: its status, its price, and the kit's state.
struct Marks {
    dynamodb: Client,
    table: String,
}

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

impl Store for Marks {
    async fn load(&self, group: &str) -> Result<Option<ConsumerState>, StoreError> {
        let request = self.dynamodb.get_item().table_name(&self.table).key("group", S(group.to_owned()));
        let answer = request.consistent_read(true).send().await?;
        let text = answer.item().and_then(|item| item.get("consumerState")?.as_s().ok());
        Ok(text.map(|text| ConsumerState::try_from_text(text)).transpose()?)
    }

    /// One write: the effect and the state are stored together, or not at all.
    async fn write(&self, write: &StateWrite<'_>) -> Result<WriteOutcome, StoreError> {
        let request =
            self.dynamodb.update_item().table_name(&self.table).key("group", S(write.group.to_owned()));
        let request = request.expression_attribute_values(":after", S(write.after.to_text()));
        let request = match write.before {
            None => request.condition_expression("attribute_not_exists(consumerState)"),
            Some(before) => request
                .condition_expression("consumerState = :before")
                .expression_attribute_values(":before", S(before.to_text())),
        };
        let request = match write.effect {
            Effect::Begin | Effect::Apply => {
                let body = write.message.body.as_deref().unwrap_or_default();
                let Event { mark } = serde_json::from_str(body)?;
                request
                    .update_expression("SET consumerState = :after, #status = :status, price = :price")
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":status", S(mark.status))
                    .expression_attribute_values(":price", N(mark.price.get().to_owned()))
            }
            Effect::Erase => request
                .update_expression("SET consumerState = :after REMOVE #status, price")
                .expression_attribute_names("#status", "status"),
            Effect::Nothing => request.update_expression("SET consumerState = :after"),
        };
        match request.send().await.map_err(aws_sdk_dynamodb::Error::from) {
            Ok(_) => Ok(WriteOutcome::Done),
            Err(aws_sdk_dynamodb::Error::ConditionalCheckFailedException(_)) => Ok(WriteOutcome::Overtaken),
            Err(error) => Err(error.into()),
        }
    }
}
