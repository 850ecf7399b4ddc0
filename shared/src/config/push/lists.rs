//! What the stack's parameters list of push clients.

use std::iter;

use super::{Push, PushTarget, S3Target, SecretArn};

/// ARNs, in the order of the file, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushLists {
    /// Secrets of Secrets Manager, of webhooks.
    pub secrets: Vec<String>,
    /// Parameters of Systems Manager, of webhooks.
    pub parameters: Vec<String>,
    /// Functions, with their alias or version if they have one.
    pub functions: Vec<String>,
    /// Topics.
    pub topics: Vec<String>,
    /// Event buses.
    pub buses: Vec<String>,
    /// Data streams.
    pub streams: Vec<String>,
    /// The objects of buckets: `arn:aws:s3:::bucket/prefix/*`.
    pub bucket_objects: Vec<String>,
    /// These buckets.
    pub buckets: Vec<String>,
}

impl PushLists {
    /// Adds what a client is delivered to.
    pub(in crate::config) fn add(&mut self, push: &Push, partition: &str) {
        match &push.target {
            PushTarget::Webhook(target) => {
                let of_oauth = target.oauth.as_ref().map(|oauth| &oauth.client_secret);
                for secret in iter::once(&target.secret).chain(of_oauth) {
                    match secret {
                        SecretArn::SecretsManager(arn) => add_once(&mut self.secrets, arn),
                        SecretArn::Parameter(arn) => add_once(&mut self.parameters, arn),
                    }
                }
            }
            PushTarget::Lambda(target) => add_once(&mut self.functions, &target.function.text),
            PushTarget::Sns(target) => add_once(&mut self.topics, &target.topic.text),
            PushTarget::EventBridge(target) => add_once(&mut self.buses, &target.bus.text),
            PushTarget::Kinesis(target) => add_once(&mut self.streams, &target.stream.text),
            PushTarget::S3(S3Target { bucket, prefix, .. }) => {
                let bucket = format!("arn:{partition}:s3:::{bucket}");
                let slash = if prefix.is_empty() { "" } else { "/" };
                add_once(&mut self.bucket_objects, &format!("{bucket}/{prefix}{slash}*"));
                add_once(&mut self.buckets, &bucket);
            }
        }
    }

    /// The lists of ARNs, and the key of the config that each is about.
    pub(super) fn by_key(&self) -> [(&'static str, &[String]); 8] {
        [
            ("client.push.webhook.secret", &self.secrets),
            ("client.push.webhook.secret", &self.parameters),
            ("client.push.lambda.function", &self.functions),
            ("client.push.sns.topic", &self.topics),
            ("client.push.eventbridge.bus", &self.buses),
            ("client.push.kinesis.stream", &self.streams),
            ("client.push.s3.prefix", &self.bucket_objects),
            ("client.push.s3.bucket", &self.buckets),
        ]
    }

    /// The lists that stand together in one policy of the operators': targets in AWS, and secrets.
    pub(super) fn by_policy(&self) -> [Vec<&[String]>; 2] {
        [
            vec![&self.functions, &self.topics, &self.buses, &self.streams, &self.buckets],
            vec![&self.secrets, &self.parameters],
        ]
    }
}

fn add_once(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}
