//! The template's parameters that are text. A value that a stack would refuse can't be constructed.

use std::fmt;

use aws::operator::cloudformation::DeployedStack;
use shared::naming::Naming;

use super::SettingsError;

/// The ARN of the event table's stream; empty: it is imported as `DynamoDBStreamArn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamArn(String);

/// The ARN of the KMS key of the stack's queues; empty: SQS encrypts with keys of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyArn(String);

/// The ARN of the SNS topic that alarms go to; empty: they go nowhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArn(String);

/// The beginning of the names of all queues: up to 16 letters, digits and hyphens. May be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueuePrefix(String);

/// The processors of the functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Architecture {
    /// 64 bits, of Intel and AMD.
    #[default]
    X86_64,
    /// 64 bits, of Arm: Graviton.
    Arm64,
}

impl StreamArn {
    /// A stream's ARN, or empty text.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: `text` is neither.
    pub fn try_new(text: &str) -> Result<Self, SettingsError> {
        let is_stream = |resource: &str| {
            let parts = resource.strip_prefix("table/").and_then(|rest| rest.split_once("/stream/"));
            parts.is_some_and(|(table, label)| is_word(table, "_.-") && is_word(label, ":.-"))
        };
        let is_right = text.is_empty() || is_arn(text, "dynamodb", is_stream);
        if is_right { Ok(Self(text.to_owned())) } else { Err(SettingsError::StreamArn(text.to_owned())) }
    }

    /// The ARN, or empty text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeyArn {
    /// A key's ARN, or empty text.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: `text` is neither.
    pub fn try_new(text: &str) -> Result<Self, SettingsError> {
        let is_key = |resource: &str| resource.strip_prefix("key/").is_some_and(|id| is_word(id, "-"));
        let is_right = text.is_empty() || is_arn(text, "kms", is_key);
        if is_right { Ok(Self(text.to_owned())) } else { Err(SettingsError::KeyArn(text.to_owned())) }
    }

    /// The ARN, or empty text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TopicArn {
    /// A topic's ARN, or empty text.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: `text` is neither.
    pub fn try_new(text: &str) -> Result<Self, SettingsError> {
        // No FIFO topic: alarms can't be sent to one.
        let is_right = text.is_empty() || is_arn(text, "sns", |name| is_word(name, "_-"));
        if is_right { Ok(Self(text.to_owned())) } else { Err(SettingsError::TopicArn(text.to_owned())) }
    }

    /// The ARN, or empty text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl QueuePrefix {
    /// A prefix, which may be empty.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: it is too long, or has other characters.
    pub fn try_new(text: &str) -> Result<Self, SettingsError> {
        // A prefix is valid in every place or in none.
        Naming::try_new("aws", "us-east-1", "000000000000", text)?;
        Ok(Self(text.to_owned()))
    }

    /// The prefix; may be empty.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Architecture {
    /// The architecture of this name: `x86_64` or `arm64`.
    ///
    /// # Errors
    ///
    /// [`SettingsError`]: there is none of this name.
    pub fn try_new(text: &str) -> Result<Self, SettingsError> {
        match text {
            "x86_64" => Ok(Self::X86_64),
            "arm64" => Ok(Self::Arm64),
            _ => Err(SettingsError::Architecture(text.to_owned())),
        }
    }

    /// The architecture of the functions of `stack`.
    pub fn of_stack(stack: &DeployedStack) -> Self {
        let parameter = stack.parameters.get("Architecture").map(String::as_str);
        parameter.and_then(|text| Self::try_new(text).ok()).unwrap_or_default()
    }

    /// Lambda's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The Rust compiler's target for Lambda on it.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether `text` is an ARN of `service`, with region and account, and a resource that `is_resource` accepts.
fn is_arn(text: &str, service: &str, is_resource: impl Fn(&str) -> bool) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut part = || parts.next().unwrap_or_default();
    let [scheme, partition, found, region, account, resource] = [(); 6].map(|()| part());
    scheme == "arn"
        && found == service
        && Naming::try_new(partition, region, account, "").is_ok()
        && is_resource(resource)
}

/// Whether `text` is not empty, and consists of letters, digits and `others`.
fn is_word(text: &str, others: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_ascii_alphanumeric() || others.contains(character))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check<T>(made: Result<T, SettingsError>, expected: Expect) {
        expected.assert_eq(&made.map_or_else(|error| error.to_string(), |_| "right".to_owned()));
    }

    #[test]
    fn a_stream_is_that_of_a_table() {
        let arn = "arn:aws:dynamodb:eu-west-2:111122223333:table/Event_s.1/stream/2026-11-20T00:00:00.000";
        check(StreamArn::try_new(arn), expect!["right"]);
        check(StreamArn::try_new(&arn.replace(":aws:", ":aws-us-gov:")), expect!["right"]);
        check(StreamArn::try_new(""), expect!["right"]);
        check(
            StreamArn::try_new("arn:aws:dynamodb:eu-west-2:111122223333:table/Events"),
            expect![
                "`arn:aws:dynamodb:eu-west-2:111122223333:table/Events` is not the ARN of a table's stream; write `arn:aws:dynamodb:region:account:table/name/stream/label`, or nothing to import `DynamoDBStreamArn`"
            ],
        );
        for wrong in [
            arn.replace("dynamodb", "kinesis"),
            arn.replace("111122223333", "1111"),
            arn.replace("eu-west-2", "west"),
            arn.replace("table/", ""),
            arn.replace("2026-11-20T00:00:00.000", ""),
            arn.replace("Event_s.1", ""),
            arn.replace("Event_s.1", "Event s"),
            format!("{arn},{arn}"),
            format!(" {arn}"),
        ] {
            assert_eq!(StreamArn::try_new(&wrong), Err(SettingsError::StreamArn(wrong)));
        }
    }

    #[test]
    fn a_key_is_no_alias() {
        let arn = "arn:aws:kms:eu-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
        check(KeyArn::try_new(arn), expect!["right"]);
        check(KeyArn::try_new("arn:aws:kms:eu-west-2:111122223333:key/mrk-1234abcd"), expect!["right"]);
        check(KeyArn::try_new(""), expect!["right"]);
        check(
            KeyArn::try_new("arn:aws:kms:eu-west-2:111122223333:alias/events"),
            expect![
                "`arn:aws:kms:eu-west-2:111122223333:alias/events` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id` (not an alias), or nothing for the encryption of SQS"
            ],
        );
        check(
            KeyArn::try_new("arn:aws:kms:eu-west-2:111122223333:key/"),
            expect![
                "`arn:aws:kms:eu-west-2:111122223333:key/` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id` (not an alias), or nothing for the encryption of SQS"
            ],
        );
    }

    #[test]
    fn a_topic_has_no_subscription() {
        check(TopicArn::try_new("arn:aws:sns:eu-west-2:111122223333:On-call_1"), expect!["right"]);
        check(TopicArn::try_new(""), expect!["right"]);
        check(
            TopicArn::try_new("arn:aws:sns:eu-west-2:111122223333:On-call:1f"),
            expect![
                "`arn:aws:sns:eu-west-2:111122223333:On-call:1f` is not the ARN of an SNS topic; write `arn:aws:sns:region:account:name`, or nothing for none"
            ],
        );
        check(
            TopicArn::try_new("arn:aws:sns:eu-west-2:111122223333:Alarms.fifo"),
            expect![
                "`arn:aws:sns:eu-west-2:111122223333:Alarms.fifo` is not the ARN of an SNS topic; write `arn:aws:sns:region:account:name`, or nothing for none"
            ],
        );
    }

    #[test]
    fn a_prefix_fits_before_every_name() {
        check(QueuePrefix::try_new(""), expect!["right"]);
        check(QueuePrefix::try_new("sixteen-letters-"), expect!["right"]);
        check(
            QueuePrefix::try_new("test_"),
            expect!["`test_` is not a prefix; use up to 16 letters, digits and hyphens, or none"],
        );
    }

    #[test]
    fn an_architecture_has_lambdas_name() {
        for architecture in [Architecture::X86_64, Architecture::Arm64] {
            assert_eq!(Architecture::try_new(architecture.as_str()), Ok(architecture));
        }
        check(
            Architecture::try_new("aarch64"),
            expect!["`aarch64` is not an architecture; write `x86_64` or `arm64`"],
        );
    }
}
