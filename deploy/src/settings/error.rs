//! Why a setting is refused.

use shared::naming::InvalidNaming;

use super::{FunctionTimeout, LogRetention, MaximumConcurrency, StreamBatchSize};

/// A setting that no stack can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not the ARN of a table's stream.
    #[error(
        "`{}` is not the ARN of a table's stream; write `arn:aws:dynamodb:region:account:table/name/stream/label`, or \
         nothing to import `DynamoDBStreamArn`", .0.escape_debug()
    )]
    StreamArn(String),
    /// Not the ARN of a KMS key.
    #[error(
        "`{}` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id` (not an alias), or nothing for \
         the encryption of SQS", .0.escape_debug()
    )]
    KeyArn(String),
    /// Not the ARN of an SNS topic.
    #[error(
        "`{}` is not the ARN of an SNS topic; write `arn:aws:sns:region:account:name`, or nothing for none",
        .0.escape_debug()
    )]
    TopicArn(String),
    /// Too long, or with other characters.
    #[error(transparent)]
    QueuePrefix(#[from] InvalidNaming),
    /// Neither of the two.
    #[error("`{}` is not an architecture; write `x86_64` or `arm64`", .0.escape_debug())]
    Architecture(String),
    /// Not one of those that the template has a visibility time-out for.
    #[error("a function timeout of {seconds} s is not possible; choose one of {} s", list(&FunctionTimeout::ALLOWED))]
    FunctionTimeout {
        /// What was asked for.
        seconds: u32,
    },
    /// Not one of those that CloudWatch Logs knows.
    #[error("logs can't be kept for {days} days; choose one of {} days", list(&LogRetention::ALLOWED))]
    LogRetention {
        /// What was asked for.
        days: u32,
    },
    /// Too few or too many.
    #[error(
        "{number} batches at the same time are not possible; choose {} to {}",
        MaximumConcurrency::LOWEST,
        MaximumConcurrency::HIGHEST
    )]
    MaximumConcurrency {
        /// What was asked for.
        number: u32,
    },
    /// Too few or too many.
    #[error(
        "{number} records in a batch are not possible; choose {} to {}",
        StreamBatchSize::LOWEST,
        StreamBatchSize::HIGHEST
    )]
    StreamBatchSize {
        /// What was asked for.
        number: u32,
    },
}

fn list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(", ")
}
