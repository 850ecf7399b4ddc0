//! What the deployed config says of clients and the ledger does not yet: the next maintenance settles it.

use serde::Serialize;
use shared::config::Config;
use shared::filter::FilterDigest;
use shared::ledger::{Registry, State};
use shared::text::printable;

/// A difference between the deployed config and the ledger's registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RegistryDifference {
    /// The client's name.
    pub client: String,
    /// What differs of it.
    pub what: UnsettledSetting,
}

/// What differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum UnsettledSetting {
    /// The client is in the config, and not admitted.
    Admission,
    /// The client is not in the config, and the ledger has not noticed.
    Absence,
    /// Its filter.
    Filter,
    /// Whether it is told of erasures.
    Erasures,
}

/// How the registry differs from the config that is deployed, as far as both are known.
pub fn unsettled(config: Option<&Config>, registry: Option<&Registry>) -> Vec<RegistryDifference> {
    let (Some(config), Some(registry)) = (config, registry) else { return Vec::new() };
    let mut unsettled = Vec::new();
    let mut note =
        |client: &str, what| unsettled.push(RegistryDifference { client: client.to_owned(), what });
    for client in &config.clients {
        let name = client.name.as_str();
        let served = registry.clients.get(&client.name).filter(|known| known.state != State::Retired);
        let Some(known) = served else {
            note(name, UnsettledSetting::Admission);
            continue;
        };
        if known.filter != FilterDigest::of(client.filter.as_ref()) {
            note(name, UnsettledSetting::Filter);
        }
        if known.erasures != client.erasures {
            note(name, UnsettledSetting::Erasures);
        }
    }
    for (name, known) in &registry.clients {
        let is_gone = known.state != State::Retired && known.absent_at.is_none();
        if is_gone && !config.clients.iter().any(|client| client.name == *name) {
            note(name.as_str(), UnsettledSetting::Absence);
        }
    }
    unsettled
}

/// A line for each difference.
pub fn text(unsettled: &[RegistryDifference]) -> String {
    let lines = unsettled.iter().map(|RegistryDifference { client, what }| {
        let client = printable(client);
        let what = match what {
            UnsettledSetting::Admission => "is in the deployed config, and not admitted yet",
            UnsettledSetting::Absence => "is not in the deployed config, and the ledger has not noticed yet",
            UnsettledSetting::Filter => "has another filter in the deployed config than the one that holds",
            UnsettledSetting::Erasures => "has another `erasures` in the deployed config than what holds",
        };
        format!("client {client} {what}: the maintenance of each minute settles that\n")
    });
    lines.collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;
    use shared::ledger::membership::{FileRegistration, settle};
    use shared::time::Timestamp;

    use super::*;

    fn config(clients: &str) -> Config {
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nversion = 'version'\n";
        Config::try_from_toml("client-queues.toml", &format!("{source}{clients}"), None).unwrap()
    }

    /// The registry that the maintenance makes of a config.
    pub(crate) fn registry(config: &Config) -> Registry {
        let in_file = config.clients.iter().map(|client| {
            let filter = FilterDigest::of(client.filter.as_ref());
            let registration = FileRegistration { history: false, filter, erasures: client.erasures };
            (client.name.clone(), registration)
        });
        let in_file: BTreeMap<_, _> = in_file.collect();
        settle(None, &in_file, &[].into(), Timestamp::from_millis(1_800_000_000_000)).unwrap()
    }

    #[test]
    fn what_the_next_maintenance_changes_is_named() {
        let before = config(
            "[[client]]\nname = 'A'\n[[client]]\nname = 'B'\n[[client]]\nname = 'C'\nerasures = true\n",
        );
        let ledger = registry(&before);
        assert_eq!(unsettled(Some(&before), Some(&ledger)), []);
        assert_eq!((unsettled(None, Some(&ledger)), unsettled(Some(&before), None)), (vec![], vec![]));
        let after = config(
            "[[client]]\nname = 'B'\nfilter = { kind = ['x'] }\n[[client]]\nname = 'C'\n[[client]]\nname = 'D'\n",
        );
        expect![[r"
            client B has another filter in the deployed config than the one that holds: the maintenance of each minute settles that
            client C has another `erasures` in the deployed config than what holds: the maintenance of each minute settles that
            client D is in the deployed config, and not admitted yet: the maintenance of each minute settles that
            client A is not in the deployed config, and the ledger has not noticed yet: the maintenance of each minute settles that
        "]]
        .assert_eq(&text(&unsettled(Some(&after), Some(&ledger))));
    }
}
