//! EventBridge: event buses.

use serde_json::{Value, json};

use super::services::{Content, ServiceCall, part_of_arn};
use super::{CallError, Target};

/// An event bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bus {
    /// Its policy; none if only its own account may put events.
    pub policy: Option<String>,
    /// The key of the account's own that encrypts it, as an ARN, an alias or an id.
    pub key: Option<String>,
}

/// The bus with this ARN, which is called `name`: as its own account calls it, or by its ARN.
///
/// # Errors
///
/// [`CallError`].
pub async fn bus(target: &Target, arn: &str, name: &str) -> Result<Bus, CallError> {
    let call = ServiceCall {
        name: "DescribeEventBus",
        subject: arn,
        service: "events",
        region: part_of_arn(arn, 3),
        content: Content::Json { prefix: "AWSEvents", body: json!({ "Name": name }) },
    };
    let found: Value = target.json(&call).await?;
    let text = |name: &str| {
        found.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
    };
    Ok(Bus { policy: text("Policy"), key: text("KmsKeyIdentifier") })
}
