//! Kinesis: data streams.

use serde_json::{Value, json};

use super::services::{Content, ServiceCall, part_of_arn};
use super::{CallError, Target};

/// A data stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// `ACTIVE`, `CREATING`, `DELETING`, `UPDATING`.
    pub status: String,
    /// The key that encrypts it, as an ARN, an alias or an id; none if it isn't encrypted.
    pub key: Option<String>,
}

/// The stream with this ARN.
///
/// # Errors
///
/// [`CallError`].
pub async fn stream(target: &Target, arn: &str) -> Result<Stream, CallError> {
    // A local Kinesis knows streams by their names alone.
    let name = arn.rsplit('/').next().unwrap_or_default();
    let call = ServiceCall {
        name: "DescribeStreamSummary",
        subject: arn,
        service: "kinesis",
        region: part_of_arn(arn, 3),
        content: Content::Json {
            prefix: "Kinesis_20131202",
            body: json!({ "StreamName": name, "StreamARN": arn }),
        },
    };
    let found: Value = target.json(&call).await?;
    let found = found.get("StreamDescriptionSummary");
    let text = |name: &str| found.and_then(|found| found.get(name)?.as_str()).map(str::to_owned);
    let status = text("StreamStatus").ok_or_else(|| call.unreadable("no `StreamStatus`".to_owned()))?;
    Ok(Stream { status, key: text("KeyId").filter(|key| !key.is_empty()) })
}
