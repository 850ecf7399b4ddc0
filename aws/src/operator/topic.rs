//! SNS: topics.

use std::collections::BTreeMap;

use super::services::{Content, ServiceCall, elements, part_of_arn};
use super::{CallError, Target};

/// The attributes of the topic with this ARN, by SNS's names: `FifoTopic`, `KmsMasterKeyId`, `Policy`, ….
///
/// # Errors
///
/// [`CallError`].
pub async fn attributes(target: &Target, arn: &str) -> Result<BTreeMap<String, String>, CallError> {
    // An ARN has nothing that a form must escape but its colons, and those it may keep.
    let form = format!("Action=GetTopicAttributes&Version=2010-03-31&TopicArn={arn}");
    let call = ServiceCall {
        name: "GetTopicAttributes",
        subject: arn,
        service: "sns",
        region: part_of_arn(arn, 3),
        content: Content::Form(form),
    };
    let body = target.call(&call).await?;
    let body = String::from_utf8(body).map_err(|error| call.unreadable(error.to_string()))?;
    let attributes: BTreeMap<String, String> = elements(&body, "key").zip(elements(&body, "value")).collect();
    // Every topic has some.
    if attributes.is_empty() { Err(call.unreadable("no attributes".to_owned())) } else { Ok(attributes) }
}
