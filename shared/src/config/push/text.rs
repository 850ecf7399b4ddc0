//! What targets and policies are called in what people read.

use std::fmt;
use std::net::IpAddr;

use super::{OnRefused, Push, PushTarget, S3Target, SecretArn, TargetArn, WebUrl, WebhookTarget};

/// As it is asked, but `…` for a query, which may hold a key.
impl fmt::Display for WebUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, path_and_query, is_internal: _ } = self;
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, _)) => (path, "?…"),
            None => (path_and_query.as_str(), ""),
        };
        formatter.write_str("https://")?;
        if host.contains(':') {
            write!(formatter, "[{host}]")?;
        } else {
            formatter.write_str(host)?;
        }
        if *port != 443 {
            write!(formatter, ":{port}")?;
        }
        write!(formatter, "{path}{query}")
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let internal = if self.is_internal { " (internal)" } else { "" };
        write!(formatter, "{self}{internal}")
    }
}

impl fmt::Debug for WebhookTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, secret, timeout, headers, oauth } = self;
        let headers: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
        formatter
            .debug_struct("WebhookTarget")
            .field("url", url)
            .field("secret", secret)
            .field("timeout", timeout)
            .field("headers", &headers)
            .field("oauth", oauth)
            .finish()
    }
}

impl WebUrl {
    /// Whether it names the machine that asks.
    pub fn is_loopback(&self) -> bool {
        let is_name = self.host == "localhost" || self.host.ends_with(".localhost");
        is_name || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for TargetArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The kind and the target: `webhook https://hooks.example.com/marks`.
impl fmt::Display for PushTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ", self.kind())?;
        match self {
            Self::Webhook(target) => target.url.fmt(formatter),
            Self::Lambda(target) => target.function.fmt(formatter),
            Self::Sns(target) => target.topic.fmt(formatter),
            Self::EventBridge(target) => target.bus.fmt(formatter),
            Self::Kinesis(target) => target.stream.fmt(formatter),
            Self::S3(S3Target { bucket, prefix, .. }) if prefix.is_empty() => formatter.write_str(bucket),
            Self::S3(S3Target { bucket, prefix, .. }) => write!(formatter, "{bucket}/{prefix}"),
        }
    }
}

/// As the file has it.
impl fmt::Display for OnRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Hold => "hold",
            Self::Skip => "skip",
        })
    }
}

impl Push {
    /// `give_up_after` in the largest unit that it is a whole number of; `None`: never.
    pub fn give_up_after_text(&self) -> Option<String> {
        let minutes = self.give_up_after?.as_secs() / 60;
        let units = [(1_440, 'd'), (60, 'h')];
        let found = units.into_iter().find(|(unit, _)| minutes % unit == 0);
        let (unit, letter) = found.unwrap_or((1, 'm'));
        Some(format!("{}{letter}", minutes / unit))
    }
}
