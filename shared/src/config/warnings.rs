//! What a valid file says, and its operator may not want.

use std::fmt;

use serde::Serialize;

use super::{Client, Config, PushTarget, Source};

/// A consequence of a valid config that can be missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigWarning {
    /// `section.key`.
    pub key: &'static str,
    /// What follows from it.
    pub problem: String,
    /// What to do.
    pub remedy: &'static str,
}

impl Config {
    /// What can be missed about it.
    pub fn warnings(&self) -> Vec<ConfigWarning> {
        self.source.warnings().into_iter().chain(self.clients.iter().flat_map(Client::warnings)).collect()
    }
}

impl Source {
    /// What can be missed about the source.
    fn warnings(&self) -> Option<ConfigWarning> {
        let is_sort_key = self.version.path.0.as_slice() == [self.sort_key.as_str()];
        let sort_keys_return = ConfigWarning {
            key: "source.id",
            problem: "is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the \
                      sort keys of before, and its events are taken for the old ones"
                .to_owned(),
            remedy: "name the events' own ids as `id`, or never erase an aggregate",
        };
        Some(sort_keys_return).filter(|_| is_sort_key && self.id.is_none())
    }
}

impl Client {
    /// What can be missed about where its events are pushed to.
    fn warnings(&self) -> Vec<ConfigWarning> {
        const REMEDY: &str =
            "let receivers put an aggregate's events in order by `version`, or choose another target";
        let Some(push) = &self.push else {
            return Vec::new();
        };
        let warning = |key, problem: &str, remedy| ConfigWarning {
            key,
            problem: format!("client `{}`: {problem}", self.name),
            remedy,
        };
        let mut warnings = Vec::new();
        match &push.target {
            PushTarget::Sns(target) if !target.is_fifo() => warnings.push(warning(
                "client.push.sns.topic",
                "order ends at a standard topic: its subscribers get an aggregate's events in any order, and some twice",
                "name a FIFO topic, or let subscribers put events in order by `version`",
            )),
            PushTarget::EventBridge(_) => warnings.push(warning(
                "client.push.eventbridge.bus",
                "order ends at an event bus: its rules' targets get an aggregate's events in any order, and some twice",
                REMEDY,
            )),
            PushTarget::Webhook(target) => {
                let urls = [Some((&target.url, "client.push.webhook.url"))];
                let oauth = target.oauth.as_ref();
                let token = oauth.map(|oauth| (&oauth.token_url, "client.push.webhook.oauth.token_url"));
                for (url, key) in urls.into_iter().chain([token]).flatten() {
                    if url.is_loopback() {
                        warnings.push(warning(
                            key,
                            "names the function's own machine, which only a stack of `cargo local` connects to",
                            "name the host that receives events",
                        ));
                    }
                }
            }
            PushTarget::Sns(_) | PushTarget::Lambda(_) | PushTarget::Kinesis(_) | PushTarget::S3(_) => {}
        }
        warnings
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.key, self.problem, self.remedy)
    }
}
