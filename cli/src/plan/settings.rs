//! The changes of settings: the template's parameters, and the config except its clients.

use shared::config::{Client, Config, Path, Source};
use shared::pattern::Pattern;

use super::setting::Setting;
use super::{RunningStack, targets};

/// Parameters that are shown as clients, or that follow from another parameter.
const SHOWN_ELSEWHERE: [&str; 9] = [
    "Clients",
    "ExternalQueueArns",
    "VisibilityTimeout",
    "RequestRoleArns",
    "RequestAccounts",
    "PushHttpClients",
    "PushHttpQueueArns",
    "PushAwsClients",
    "PushAwsQueueArns",
];

/// The settings that `config` and `parameters` change; for a new stack, all that are set.
pub(super) fn changes(
    config: &Config,
    parameters: &[(&'static str, String)],
    running: &RunningStack,
    is_new: bool,
) -> Vec<Setting> {
    let shown_here = parameters.iter().filter(|(name, _)| !SHOWN_ELSEWHERE.contains(name));
    let mut settings: Vec<Setting> = shown_here
        .map(|(name, new)| Setting {
            name: (*name).into(),
            old: running.parameters.get(*name).cloned(),
            new: new.clone(),
        })
        .collect();
    if let Some(old) = running.config.as_ref().filter(|_| !is_new) {
        let pairs = values(old).into_iter().zip(values(config));
        settings.extend(pairs.map(|((name, old), (_, new))| Setting {
            name: name.into(),
            old: Some(old),
            new,
        }));
        settings.extend(filters(old, config));
        settings.extend(erasures(old, config));
        settings.extend(request_roles(Some(old), config));
        settings.extend(targets::changes(old, config));
    } else if is_new {
        settings.extend(request_roles(None, config));
    }
    // A parameter that a stack never had counts as empty.
    settings.retain(|setting| setting.old.as_deref().unwrap_or_default() != setting.new);
    settings
}

/// What the key of each client's filter begins with.
pub(super) const CLIENT_FILTER: &str = "client.filter";

/// The filters of the clients that are in both configs.
fn filters(old: &Config, config: &Config) -> Vec<Setting> {
    let stays = |client: &Client| {
        let before = old.clients.iter().find(|before| before.name == client.name)?;
        Some(Setting {
            name: format!("{CLIENT_FILTER} of {}", client.name).into(),
            old: Some(text(before.filter.as_ref())),
            new: text(client.filter.as_ref()),
        })
    };
    config.clients.iter().filter_map(stays).collect()
}

/// What the key of each client's `erasures` begins with.
pub(super) const CLIENT_ERASURES: &str = "client.erasures";

/// Whether the clients that are in both configs are told when an aggregate is erased.
fn erasures(old: &Config, config: &Config) -> Vec<Setting> {
    let stays = |client: &Client| {
        let before = old.clients.iter().find(|before| before.name == client.name)?;
        Some(Setting {
            name: format!("{CLIENT_ERASURES} of {}", client.name).into(),
            old: Some(before.erasures.to_string()),
            new: client.erasures.to_string(),
        })
    };
    config.clients.iter().filter_map(stays).collect()
}

/// The roles of consumers that may ask for replays: of all clients, since each is a right that is given or taken.
fn request_roles(old: Option<&Config>, config: &Config) -> Vec<Setting> {
    let role = |client: &Client| client.request_role.as_ref().map(ToString::to_string).unwrap_or_default();
    let setting = |client: &Client| {
        let mut before = old.into_iter().flat_map(|old| &old.clients);
        Setting {
            name: format!("client.request_role of {}", client.name).into(),
            old: before.find(|before| before.name == client.name).map(role),
            new: role(client),
        }
    };
    config.clients.iter().map(setting).collect()
}

fn text(filter: Option<&Pattern>) -> String {
    filter.map(ToString::to_string).unwrap_or_default()
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
        ("source.filter", self::text(filter.as_ref())),
        ("source.scan_read_units", scan_read_units.to_string()),
        ("sending.requests_in_flight", requests_in_flight.to_string()),
    ]
}
