//! The contract that the FIFO double keeps, kept by the SQS adapter and MiniStack's queues. The five minutes of
//! deduplication and time-outs are the double's alone: nothing here waits.

#![expect(
    clippy::expect_used,
    reason = "a test reports by panicking; clippy sees that only in functions marked as tests"
)]

use std::cell::Cell;
use std::time::Duration;

use aws::access::{Access, Endpoint};
use aws::connections::Connections;
use aws::sqs::Sqs;
use aws_credential_types::Credentials;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use local::ministack::REGION;
use shared::message::{Attribute, AttributeValue, Message};
use shared::naming::{Naming, QueueUrl};
use shared::send::{SendError, Transport as _};
use testkit::contract::fifo::{self, Delivery, FifoQueue};

use crate::support::{SdkClients as _, ground};

const ACCOUNT: &str = "000000000000";

/// A queue of MiniStack's: messages are sent by the functions' own adapter, and received by the SDK's client.
struct Queue {
    sqs: Sqs,
    client: Client,
    url: QueueUrl,
}

#[tokio::test]
async fn queues_of_the_emulator_keep_the_contract() -> anyhow::Result<()> {
    let ground = ground("fifo-contract").await?;
    let number = Cell::new(0);
    let queue = async || {
        number.set(number.get() + 1);
        let naming =
            Naming::try_new("aws", REGION, ACCOUNT, &format!("T{}-", number.get())).expect("a place");
        let client = ground.connection().sqs(ACCOUNT);
        let create = client.create_queue().queue_name(naming.client_queue_name("Contract"));
        let create = create.attributes(QueueAttributeName::FifoQueue, "true");
        let create = create.attributes(QueueAttributeName::VisibilityTimeout, "30");
        create.send().await.expect("a queue");
        let sqs = Sqs::try_new(&Access {
            credentials: Credentials::new(ACCOUNT, "test", None, None, "test"),
            region: REGION.to_owned(),
            endpoint: Endpoint::Url(ground.connection().endpoint().to_owned()),
            connections: Connections::default(),
        });
        let sqs = sqs.expect("an endpoint");
        Queue { sqs, client, url: naming.client_queue("Contract") }
    };
    fifo::check(queue).await;
    Ok(())
}

impl FifoQueue for Queue {
    async fn send(&self, batch: &[&Message]) -> Result<Vec<Result<(), SendError>>, SendError> {
        self.sqs.send(&self.url, batch).await
    }

    async fn receive(&self, limit: usize) -> Vec<Delivery> {
        let receive = self.client.receive_message().queue_url(self.url.as_str());
        let receive = receive.max_number_of_messages(i32::try_from(limit.min(10)).expect("ten"));
        let receive = receive.message_attribute_names("All");
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let received = receive.send().await.expect("an answer").messages.unwrap_or_default();
        received.into_iter().map(delivery).collect()
    }

    async fn delete(&self, receipt: &str) {
        let delete = self.client.delete_message().queue_url(self.url.as_str()).receipt_handle(receipt);
        delete.send().await.expect("a deletion");
    }

    async fn change_visibility(&self, receipt: &str, visibility: Duration) {
        let results = self.sqs.change_visibility(&self.url, &[(receipt, visibility)]).await;
        assert!(results.expect("an answer").iter().all(Result::is_ok));
    }
}

fn delivery(message: aws_sdk_sqs::types::Message) -> Delivery {
    let system = |name| {
        let attributes = message.attributes.as_ref().expect("system attributes");
        attributes.get(&name).expect("the attribute").clone()
    };
    let attributes = message.message_attributes.iter().flatten().map(|(name, value)| Attribute {
        name: name.clone(),
        data_type: value.data_type.clone(),
        value: match (&value.string_value, &value.binary_value) {
            (Some(text), _) => AttributeValue::Text(text.clone()),
            (None, bytes) => AttributeValue::Base64(STANDARD.encode(bytes.as_ref().expect("a value"))),
        },
    });
    let mut attributes: Vec<Attribute> = attributes.collect();
    attributes.sort_by(|one, other| one.name.cmp(&other.name));
    Delivery {
        receipt: message.receipt_handle.clone().expect("a receipt handle"),
        receive_count: system(MessageSystemAttributeName::ApproximateReceiveCount).parse().expect("a number"),
        group: system(MessageSystemAttributeName::MessageGroupId),
        deduplication_id: system(MessageSystemAttributeName::MessageDeduplicationId),
        body: message.body.clone().expect("a body"),
        attributes,
    }
}
