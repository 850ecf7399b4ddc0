//! The errors of settings.

use shared::naming::InvalidNaming;

use super::{FunctionTimeout, LogRetention, MaximumConcurrency, Memory, StreamBatchSize};

/// A setting that no stack can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Text that is neither the ARN of a table's stream nor empty.
    #[error(
        "`{}` is not the ARN of a table's stream; write `arn:aws:dynamodb:region:account:table/name/stream/label`, or \
         nothing to import `DynamoDBStreamArn`", .0.escape_debug()
    )]
    StreamArn(String),
    /// Text that is neither the ARN of a KMS key nor empty.
    #[error(
        "`{}` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id` (not an alias), or nothing for \
         the encryption of SQS", .0.escape_debug()
    )]
    KeyArn(String),
    /// Text that is neither the ARN of an SNS topic nor empty.
    #[error(
        "`{}` is not the ARN of an SNS topic; write `arn:aws:sns:region:account:name`, or nothing for none",
        .0.escape_debug()
    )]
    TopicArn(String),
    /// A prefix that is too long, or has other characters.
    #[error(transparent)]
    QueuePrefix(#[from] InvalidNaming),
    /// Text that is not an architecture of Lambda.
    #[error("`{}` is not an architecture; write `x86_64` or `arm64`", .0.escape_debug())]
    Architecture(String),
    /// A time-out that the template does not allow.
    #[error("a function timeout of {seconds} s is not possible; choose one of {} s", list(&FunctionTimeout::ALLOWED))]
    FunctionTimeout {
        /// The time-out that was set.
        seconds: u32,
    },
    /// A retention that CloudWatch Logs does not allow.
    #[error("logs can't be kept for {days} days; choose one of {} days", list(&LogRetention::ALLOWED))]
    LogRetention {
        /// The retention that was set.
        days: u32,
    },
    /// A concurrency that Lambda does not allow.
    #[error(
        "{number} batches at the same time are not possible; choose {} to {}",
        MaximumConcurrency::LOWEST,
        MaximumConcurrency::HIGHEST
    )]
    MaximumConcurrency {
        /// The concurrency that was set.
        number: u32,
    },
    /// A batch size that the template does not allow.
    #[error(
        "{number} records in a batch are not possible; choose {} to {}",
        StreamBatchSize::LOWEST,
        StreamBatchSize::HIGHEST
    )]
    StreamBatchSize {
        /// The batch size that was set.
        number: u32,
    },
    /// Memory that the functions are not made for, or that Lambda does not allow.
    #[error(
        "a function can't have {megabytes} MB of memory; choose {} to {}",
        Memory::LOWEST,
        Memory::HIGHEST
    )]
    Memory {
        /// The memory that was set, in MB.
        megabytes: u32,
    },
}

fn list(numbers: &[u32]) -> String {
    let texts: Vec<String> = numbers.iter().map(u32::to_string).collect();
    texts.join(", ")
}
