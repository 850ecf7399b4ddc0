//! The template's parameters: those that an operator sets, and those that follow from the config.

mod error;
mod numbers;
mod texts;

use shared::config::Config;

use crate::clients::{self, ClientLists};

pub use error::SettingsError;
pub use numbers::{
    FunctionTimeout, InvalidNumber, LogRetention, MaximumConcurrency, Memory, StreamBatchSize,
};
pub use texts::{Architecture, KeyArn, QueuePrefix, StreamArn, TopicArn};

/// The settings that an operator sets. A setting that is not set stays as it is in the stack; a stack without it gets
/// the template's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The stream of the event table; empty to import it.
    pub event_stream_arn: Option<StreamArn>,
    /// The beginning of the names of all queues. A stack keeps the prefix that it was made with.
    pub queue_prefix: Option<QueuePrefix>,
    /// The KMS key that encrypts the queues; empty for SQS's own.
    pub kms_key_arn: Option<KeyArn>,
    /// The SNS topic that alarms go to; empty for none.
    pub alarm_topic_arn: Option<TopicArn>,
    /// Whether alarms watch the event source mappings, whose metrics cost extra.
    pub mapping_alarms: Option<bool>,
    /// How long the functions' logs are kept, in days.
    pub log_retention: Option<LogRetention>,
    /// The processors of the functions. The packages must be built for them.
    pub architecture: Option<Architecture>,
    /// How long converter and fan-out may each run, in seconds. The fan-out queue's visibility time-out follows from
    /// it.
    pub function_timeout: Option<FunctionTimeout>,
    /// The most batches that are fanned out at the same time.
    pub fan_out_maximum_concurrency: Option<MaximumConcurrency>,
    /// The most batches of each client that are delivered to its webhook at the same time.
    pub push_http_maximum_concurrency: Option<MaximumConcurrency>,
    /// The most batches of each client that are delivered to its target in AWS at the same time.
    pub push_aws_maximum_concurrency: Option<MaximumConcurrency>,
    /// The most stream records in one batch of the converter.
    pub stream_batch_size: Option<StreamBatchSize>,
    /// The converter's memory.
    pub converter_memory: Option<Memory>,
    /// The fan-out's memory.
    pub fan_out_memory: Option<Memory>,
    /// Catch-up's memory.
    pub catch_up_memory: Option<Memory>,
    /// The memory of each function that delivers to targets.
    pub push_memory: Option<Memory>,
}

impl Settings {
    /// The parameters that are set, by the template's names, and those that follow from `config`.
    pub fn parameters(&self, config: &Config) -> Vec<(&'static str, String)> {
        let mut found = ClientLists::of_config(config).parameters().to_vec();
        found.extend(clients::request_parameters(config));
        let mut add = |name, value: Option<String>| found.extend(value.map(|value| (name, value)));
        add("EventStreamArn", self.event_stream_arn.as_ref().map(|arn| arn.as_str().to_owned()));
        add("QueuePrefix", self.queue_prefix.as_ref().map(|prefix| prefix.as_str().to_owned()));
        add("KmsKeyArn", self.kms_key_arn.as_ref().map(|arn| arn.as_str().to_owned()));
        add("AlarmTopicArn", self.alarm_topic_arn.as_ref().map(|arn| arn.as_str().to_owned()));
        let switch = |is_on| if is_on { "on" } else { "off" };
        add("MappingAlarms", self.mapping_alarms.map(|is_on| switch(is_on).to_owned()));
        add("LogRetentionDays", self.log_retention.map(|retention| retention.days().to_string()));
        add("Architecture", self.architecture.map(|architecture| architecture.to_string()));
        let timeout = self.function_timeout;
        add("FunctionTimeout", timeout.map(|timeout| timeout.seconds().to_string()));
        add("VisibilityTimeout", timeout.map(|timeout| timeout.visibility_seconds().to_string()));
        for (name, concurrency) in [
            ("FanOutMaximumConcurrency", self.fan_out_maximum_concurrency),
            ("PushHttpMaximumConcurrency", self.push_http_maximum_concurrency),
            ("PushAwsMaximumConcurrency", self.push_aws_maximum_concurrency),
        ] {
            add(name, concurrency.map(|concurrency| concurrency.number().to_string()));
        }
        add("StreamBatchSize", self.stream_batch_size.map(|size| size.number().to_string()));
        for (name, memory) in [
            ("ConverterMemory", self.converter_memory),
            ("FanOutMemory", self.fan_out_memory),
            ("CatchUpMemory", self.catch_up_memory),
            ("PushMemory", self.push_memory),
        ] {
            add(name, memory.map(|memory| memory.megabytes().to_string()));
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    fn config(clients: &str) -> Config {
        let mut text = String::from(
            "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\ntime = \"createTime\"\nversion = \"version\"\n\
             allowed_accounts = [\"111122223333\"]\n",
        );
        for client in clients.split_whitespace() {
            write!(text, "[[client]]\nname = \"{}\"\n", client.trim_end_matches('*')).unwrap();
            if let Some(name) = client.strip_suffix('*') {
                writeln!(text, "queue_arn = \"arn:aws:sqs:eu-west-2:111122223333:{name}.fifo\"").unwrap();
            }
        }
        Config::try_from_toml("client-queues.toml", &text, None).unwrap()
    }

    fn check(settings: &Settings, clients: &str, expected: &Expect) {
        let parameters = settings.parameters(&config(clients));
        let found: String = parameters.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        expected.assert_eq(&found);
    }

    #[test]
    fn a_setting_that_is_not_set_is_left_to_the_stack() {
        check(
            &Settings::default(),
            "Zeta Alpha",
            &expect![[r#"
                Clients=Zeta,Alpha
                ExternalQueueArns=0
                RequestRoleArns=0
                RequestAccounts=0
            "#]],
        );
        check(
            &Settings::default(),
            "Alpha* Beta*",
            &expect![[r#"
                Clients=0
                ExternalQueueArns=arn:aws:sqs:eu-west-2:111122223333:Alpha.fifo,arn:aws:sqs:eu-west-2:111122223333:Beta.fifo
                RequestRoleArns=0
                RequestAccounts=0
            "#]],
        );
    }

    #[test]
    fn a_setting_that_is_set_is_a_parameter() {
        let settings = Settings {
            event_stream_arn: Some(
                StreamArn::try_new("arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1").unwrap(),
            ),
            queue_prefix: Some(QueuePrefix::try_new("test-").unwrap()),
            kms_key_arn: Some(KeyArn::try_new("").unwrap()),
            alarm_topic_arn: Some(TopicArn::try_new("arn:aws:sns:eu-west-2:111122223333:Alarms").unwrap()),
            mapping_alarms: Some(true),
            log_retention: Some(LogRetention::try_new(7).unwrap()),
            architecture: Some(Architecture::Arm64),
            function_timeout: Some(FunctionTimeout::try_new(2).unwrap()),
            fan_out_maximum_concurrency: Some(MaximumConcurrency::try_new(12).unwrap()),
            push_http_maximum_concurrency: Some(MaximumConcurrency::try_new(3).unwrap()),
            push_aws_maximum_concurrency: Some(MaximumConcurrency::try_new(1_000).unwrap()),
            stream_batch_size: Some(StreamBatchSize::try_new(100).unwrap()),
            converter_memory: Some(Memory::try_new(256).unwrap()),
            fan_out_memory: Some(Memory::try_new(1_769).unwrap()),
            catch_up_memory: Some(Memory::try_new(10_240).unwrap()),
            push_memory: Some(Memory::try_new(512).unwrap()),
        };
        check(
            &settings,
            "Alpha Beta*",
            &expect![[r#"
                Clients=Alpha
                ExternalQueueArns=arn:aws:sqs:eu-west-2:111122223333:Beta.fifo
                RequestRoleArns=0
                RequestAccounts=0
                EventStreamArn=arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/1
                QueuePrefix=test-
                KmsKeyArn=
                AlarmTopicArn=arn:aws:sns:eu-west-2:111122223333:Alarms
                MappingAlarms=on
                LogRetentionDays=7
                Architecture=arm64
                FunctionTimeout=2
                VisibilityTimeout=12
                FanOutMaximumConcurrency=12
                PushHttpMaximumConcurrency=3
                PushAwsMaximumConcurrency=1000
                StreamBatchSize=100
                ConverterMemory=256
                FanOutMemory=1769
                CatchUpMemory=10240
                PushMemory=512
            "#]],
        );
    }
}
