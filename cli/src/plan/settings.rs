//! What changes besides who receives events: the template's parameters, and the rest of the config.

use serde::Serialize;
use shared::config::{Config, Source};

use super::Running;

/// Told as clients, or following from another parameter.
const TOLD_ELSEWHERE: [&str; 3] = ["Clients", "ExternalQueueArns", "VisibilityTimeout"];

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The template's parameter, or section and key of the config.
    pub name: &'static str,
    /// What it is now; nothing in a new stack.
    pub old: Option<String>,
    /// What it will be.
    pub new: String,
}

/// What `config` and `parameters` change of what runs. Of a new stack, all that is set.
pub(super) fn changes(
    config: &Config,
    parameters: &[(&'static str, String)],
    running: &Running,
    is_new: bool,
) -> Vec<Setting> {
    let told_here = parameters.iter().filter(|(name, _)| !TOLD_ELSEWHERE.contains(name));
    let mut settings: Vec<Setting> = told_here
        .map(|(name, new)| Setting { name, old: running.parameters.get(*name).cloned(), new: new.clone() })
        .collect();
    if let Some(old) = running.config.as_ref().filter(|_| !is_new) {
        let pairs = values(old).into_iter().zip(values(config));
        settings.extend(pairs.map(|((name, old), (_, new))| Setting { name, old: Some(old), new }));
    }
    // What is empty is what a stack has that was never given it.
    settings.retain(|setting| setting.old.as_deref().unwrap_or_default() != setting.new);
    settings
}

/// Everything in a config but its clients.
fn values(config: &Config) -> [(&'static str, String); 7] {
    let Config { source, clients: _, requests_in_flight } = config;
    let Source { partition_key, sort_key, id, name, time, version, .. } = source;
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        ("source.partition_key", partition_key.clone()),
        ("source.sort_key", sort_key.clone()),
        ("source.id", text(id)),
        ("source.name", text(name)),
        ("source.time", time.clone()),
        ("source.version", version.to_string()),
        ("sending.requests_in_flight", requests_in_flight.to_string()),
    ]
}
