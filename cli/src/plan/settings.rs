//! The changes of settings: the template's parameters, and the config except its clients.

use serde::Serialize;
use shared::config::{Config, Path, Source};

use super::RunningStack;

/// Parameters that are shown as clients, or that follow from another parameter.
const SHOWN_ELSEWHERE: [&str; 3] = ["Clients", "ExternalQueueArns", "VisibilityTimeout"];

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The name of a template's parameter, or section and key of the config: `source.time`.
    pub name: &'static str,
    /// The value now; none in a new stack.
    pub old: Option<String>,
    /// The value after the deploy.
    pub new: String,
}

/// The settings that `config` and `parameters` change; for a new stack, all that are set.
pub(super) fn changes(
    config: &Config,
    parameters: &[(&'static str, String)],
    running: &RunningStack,
    is_new: bool,
) -> Vec<Setting> {
    let shown_here = parameters.iter().filter(|(name, _)| !SHOWN_ELSEWHERE.contains(name));
    let mut settings: Vec<Setting> = shown_here
        .map(|(name, new)| Setting { name, old: running.parameters.get(*name).cloned(), new: new.clone() })
        .collect();
    if let Some(old) = running.config.as_ref().filter(|_| !is_new) {
        let pairs = values(old).into_iter().zip(values(config));
        settings.extend(pairs.map(|((name, old), (_, new))| Setting { name, old: Some(old), new }));
    }
    // A parameter that a stack never had counts as empty.
    settings.retain(|setting| setting.old.as_deref().unwrap_or_default() != setting.new);
    settings
}

/// The values of a config, except its clients.
fn values(config: &Config) -> [(&'static str, String); 10] {
    let Config { source, clients: _, requests_in_flight, scan_read_units } = config;
    let Source { partition_key, sort_key, id, name, time, version, filter } = source;
    let text = |path: &Option<Path>| path.as_ref().map(ToString::to_string).unwrap_or_default();
    [
        ("source.partition_key", partition_key.clone()),
        ("source.sort_key", sort_key.clone()),
        ("source.id", text(id)),
        ("source.name", text(name)),
        ("source.time", text(time)),
        ("source.version", version.to_string()),
        ("source.first_version", version.first.to_string()),
        ("source.filter", filter.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("source.scan_read_units", scan_read_units.to_string()),
        ("sending.requests_in_flight", requests_in_flight.to_string()),
    ]
}
