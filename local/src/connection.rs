//! How the services of the local stack are reached.

use aws::operator::Target;

use crate::ministack::{ACCOUNT, REGION};

/// The endpoint of a local stack.
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

    /// A target that acts for `account`. MiniStack takes an access key of twelve digits for the account, and any other
    /// for its default account.
    pub fn target(&self, account: &str) -> Target {
        let access_key = if account == ACCOUNT { "test" } else { account };
        Target::local_as(access_key, &self.endpoint, REGION)
    }
}
