//! The clients' queues, as a stack's parameters list them.

use std::collections::{BTreeMap, BTreeSet};

use aws::operator::cloudformation::DeployedStack;
use shared::config::{ClientQueue, Config};

const OWN: &str = "Clients";
const EXISTING: &str = "ExternalQueueArns";

const REQUEST_ROLES: &str = "RequestRoleArns";
const REQUEST_ACCOUNTS: &str = "RequestAccounts";

/// The template's word for an empty list, which `Fn::ForEach` can't have.
const NONE: &str = "0";

/// The queues of all clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientLists {
    /// The names of the clients that the stack makes a queue for.
    pub own: Vec<String>,
    /// The ARNs of the existing queues of the other clients.
    pub existing: Vec<String>,
}

impl ClientLists {
    /// The queues of the clients in `config`.
    pub fn of_config(config: &Config) -> Self {
        let own = config.own_clients().map(ToString::to_string).collect();
        let existing = config.clients.iter().filter_map(|client| match &client.queue {
            ClientQueue::Own => None,
            ClientQueue::Existing(arn) => Some(arn.to_string()),
        });
        Self { own, existing: existing.collect() }
    }

    /// The queues that `stack` has.
    pub fn of_stack(stack: &DeployedStack) -> Self {
        Self::of_parameters(&stack.parameters)
    }

    /// The queues of a stack with these parameters.
    pub fn of_parameters(parameters: &BTreeMap<String, String>) -> Self {
        let items = |name: &str| {
            let value = parameters.get(name).map_or(NONE, String::as_str);
            let items = value.split(',').map(str::trim).filter(|item| !item.is_empty() && *item != NONE);
            items.map(str::to_owned).collect()
        };
        Self { own: items(OWN), existing: items(EXISTING) }
    }

    /// The parameters that list the queues, by name.
    pub fn parameters(&self) -> [(&'static str, String); 2] {
        [(OWN, listed(&self.own)), (EXISTING, listed(&self.existing))]
    }

    /// These queues, and then those of `other` that are not among them.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let joined = |these: &[String], others: &[String]| {
            let new = others.iter().filter(|item| !these.contains(item));
            these.iter().chain(new).cloned().collect()
        };
        Self { own: joined(&self.own, &other.own), existing: joined(&self.existing, &other.existing) }
    }
}

/// The parameters that list the roles that may ask for replays, and their accounts.
pub(crate) fn request_parameters(config: &Config) -> [(&'static str, String); 2] {
    let roles = config.request_roles();
    let accounts: BTreeSet<&str> = roles.iter().map(|role| role.account.as_str()).collect();
    let accounts: Vec<String> = accounts.into_iter().map(str::to_owned).collect();
    let roles: Vec<String> = roles.iter().map(ToString::to_string).collect();
    [(REQUEST_ROLES, listed(&roles)), (REQUEST_ACCOUNTS, listed(&accounts))]
}

pub(crate) fn listed(items: &[String]) -> String {
    if items.is_empty() { NONE.to_owned() } else { items.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_from_parameters_and_written_to_them() {
        let check = |own: &str, existing: &str, expected: [&[&str]; 2]| {
            let values = [(OWN, own), (EXISTING, existing)];
            let parameters = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let lists = ClientLists::of_parameters(&parameters.clone().into());
            assert_eq!([lists.own.as_slice(), lists.existing.as_slice()], expected);
            assert_eq!(lists.parameters().map(|(name, value)| (name.to_owned(), value)), parameters);
        };
        check("Billing,Tax", "arn:a", [&["Billing", "Tax"], &["arn:a"]]);
        check("0", "arn:a,arn:b", [&[], &["arn:a", "arn:b"]]);
        check("Billing", "0", [&["Billing"], &[]]);
        check("0", "0", [&[], &[]]);

        let spaced = [(OWN.to_owned(), " Billing, Tax ,".to_owned())];
        let expected = ClientLists { own: vec!["Billing".into(), "Tax".into()], existing: Vec::new() };
        assert_eq!(ClientLists::of_parameters(&spaced.into()), expected);
        assert_eq!(ClientLists::of_parameters(&BTreeMap::new()), ClientLists::default());
    }

    #[test]
    fn roles_that_ask_and_their_accounts_are_listed_once() {
        let role = |name: &str, role: &str| {
            format!("[[client]]\nname = '{name}'\nrequest_role = 'arn:aws:iam::{role}'\n")
        };
        let check = |clients: &str, expected: [&str; 2]| {
            let source = "[source]\npartition_key = 'k'\nsort_key = 's'\ntime = 't'\nversion = 'v'\n";
            let config = Config::try_from_toml("f", &format!("{source}{clients}"), None).unwrap();
            assert_eq!(request_parameters(&config).map(|(_, value)| value), expected.map(str::to_owned));
        };
        check("[[client]]\nname = 'A'\n", ["0", "0"]);
        let [a, b, c] = [
            role("A", "222222222222:role/x"),
            role("B", "111111111111:role/y"),
            role("C", "222222222222:role/x"),
        ];
        check(
            &format!("{a}{b}{c}"),
            [
                "arn:aws:iam::222222222222:role/x,arn:aws:iam::111111111111:role/y",
                "111111111111,222222222222",
            ],
        );
    }
}
