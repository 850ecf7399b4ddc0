//! The template's parameters: what an operator sets, and what follows from the config.

use shared::config::{ClientQueue, Config};

/// What an empty list is called in the template: `Fn::ForEach` can't have one.
const NONE: &str = "0";

/// How long a function may run. The visibility time-out of its queue follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionTimeout(u32);

/// What an operator sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The stream of the event table; without it, it is imported as `DynamoDBStreamArn`.
    pub event_stream_arn: Option<String>,
    /// What the names of all queues begin with: up to 16 letters, digits and hyphens. May be empty.
    pub queue_prefix: String,
    /// How long each function may run.
    pub function_timeout: FunctionTimeout,
}

/// A setting that no stack can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Not one of those that the template has a visibility time-out for.
    #[error("a function timeout of {seconds} s is not possible; choose one of {} s", allowed())]
    FunctionTimeout {
        /// What was asked for.
        seconds: u32,
    },
}

impl FunctionTimeout {
    /// Those that the template takes, in seconds. All are under 43 s, so that a message that is delivered again still
    /// falls into the five minutes in which SQS recognises what is sent twice.
    pub const ALLOWED: [u32; 7] = [2, 5, 10, 15, 20, 30, 40];

    /// A timeout of `seconds`.
    ///
    /// # Errors
    ///
    /// It is not one of [`Self::ALLOWED`].
    pub fn try_new(seconds: u32) -> Result<Self, SettingsError> {
        if Self::ALLOWED.contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(SettingsError::FunctionTimeout { seconds })
        }
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// How long a message that was received stays hidden, in seconds: six times as long (AWS Lambda Developer Guide,
    /// "Using Lambda with Amazon SQS").
    pub fn visibility_seconds(self) -> u32 {
        6 * self.0
    }
}

impl Default for FunctionTimeout {
    fn default() -> Self {
        Self(30)
    }
}

impl Settings {
    /// The value of each of the template's parameters that does not have its default. A valid config fits them.
    pub fn parameters(&self, config: &Config) -> Vec<(&'static str, String)> {
        let own: Vec<&str> = config.own_clients().map(|name| name.as_str()).collect();
        let mut external: Vec<String> = Vec::new();
        for client in &config.clients {
            if let ClientQueue::Existing(arn) = &client.queue {
                external.push(arn.to_string());
            }
        }
        vec![
            ("EventStreamArn", self.event_stream_arn.clone().unwrap_or_default()),
            ("Clients", list(own.join(","))),
            ("ExternalQueueArns", list(external.join(","))),
            ("QueuePrefix", self.queue_prefix.clone()),
            ("FunctionTimeout", self.function_timeout.seconds().to_string()),
            ("VisibilityTimeout", self.function_timeout.visibility_seconds().to_string()),
        ]
    }
}

fn list(joined: String) -> String {
    if joined.is_empty() { NONE.to_owned() } else { joined }
}

fn allowed() -> String {
    FunctionTimeout::ALLOWED.map(|seconds| seconds.to_string()).join(", ")
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;

    fn config(clients: &str) -> Config {
        let mut text = String::from(
            "[source]\npartition_key = \"mark\"\ngroup = \"mark\"\nallowed_accounts = [\"111122223333\"]\n",
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
    fn parameters_follow_from_settings_and_config() {
        check(
            &Settings::default(),
            "Zeta Alpha",
            &expect![[r#"
                EventStreamArn=
                Clients=Zeta,Alpha
                ExternalQueueArns=0
                QueuePrefix=
                FunctionTimeout=30
                VisibilityTimeout=180
            "#]],
        );
        let settings = Settings {
            event_stream_arn: Some("arn:of:the:stream".into()),
            queue_prefix: "test-".into(),
            function_timeout: FunctionTimeout::try_new(2).unwrap(),
        };
        check(
            &settings,
            "Alpha* Beta*",
            &expect![[r#"
                EventStreamArn=arn:of:the:stream
                Clients=0
                ExternalQueueArns=arn:aws:sqs:eu-west-2:111122223333:Alpha.fifo,arn:aws:sqs:eu-west-2:111122223333:Beta.fifo
                QueuePrefix=test-
                FunctionTimeout=2
                VisibilityTimeout=12
            "#]],
        );
    }

    #[test]
    fn a_timeout_that_the_template_does_not_know_is_refused() {
        assert_eq!(
            FunctionTimeout::try_new(43).unwrap_err().to_string(),
            "a function timeout of 43 s is not possible; choose one of 2, 5, 10, 15, 20, 30, 40 s"
        );
        assert_eq!(
            FunctionTimeout::try_new(FunctionTimeout::default().seconds()),
            Ok(FunctionTimeout::default())
        );
    }
}
