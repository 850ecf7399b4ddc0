//! The errors of settings.

use shared::naming::InvalidNaming;

use super::numbers::InvalidNumber;

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
    /// A number that the template does not allow.
    #[error(transparent)]
    Number(#[from] InvalidNumber),
}
