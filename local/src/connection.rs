//! How the services of the local stack are reached.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};

use crate::ministack::{ACCOUNT, REGION};

/// The endpoint of a local stack, and clients for it.
#[derive(Clone, Debug)]
pub struct Connection {
    endpoint: String,
}

impl Connection {
    /// A connection to the services at `endpoint`.
    pub fn new(endpoint: String) -> Self {
        Self { endpoint }
    }

    /// The address of every service.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A queue's URL.
    pub fn queue_url(&self, account: &str, name: &str) -> String {
        format!("{}/{account}/{name}", self.endpoint)
    }

    /// A DynamoDB client. It repeats nothing: a write whose answer is lost would be refused the second time.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(credentials(ACCOUNT))
            .retry_config(RetryConfig::disabled())
            .build();
        aws_sdk_dynamodb::Client::from_conf(config)
    }

    /// An SQS client that acts for `account`.
    pub fn sqs(&self, account: &str) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .endpoint_url(&self.endpoint)
            .credentials_provider(credentials(account))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }
}

/// MiniStack takes an access key of twelve digits for the account, and any other for its default account.
fn credentials(account: &str) -> Credentials {
    let access_key = if account == ACCOUNT { "test" } else { account };
    Credentials::new(access_key, "test", None, None, "local")
}
