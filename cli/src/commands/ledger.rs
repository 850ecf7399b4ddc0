//! What the commands about the ledger share: the stack's ledger, its clients, and the function that orders are given to.

use std::time::{SystemTime, UNIX_EPOCH};

use aws::dynamodb::LedgerTable;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::retry::RetryConfig;
use deploy::invoke::{Answer, CATCH_UP_NAME, invoke};
use deploy::stack::DeployedStack;
use deploy::target::Target;
use futures_util::{StreamExt as _, stream};
use serde::de::DeserializeOwned;
use shared::config::{ClientName, nearest};
use shared::ledger::{ClientId, Control, ItemKey, Registration, State};
use shared::text::printable;
use shared::time::Timestamp;

use crate::args::stack_option;
use crate::aws::ledger::{ledger, unread};
use crate::aws::{CallError, sts};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::orders::Order;
use crate::output::instant;
use crate::replay::Orders;
use crate::standing::{self, Backlog, Leaving, Served, Standing};

/// How many groups of a client are counted where one client is looked at.
const GROUPS_LIMIT: usize = 10_000;

/// How many groups of each client are counted where all are looked at: a hundred broken clients take 100,000 read units.
const GROUPS_OF_EACH: usize = 1_000;

/// With 20 ms a call, a hundred clients who are level take half a second.
const CALLS_AT_ONCE: usize = 4;

/// A stack with a ledger, and who gives orders to it.
pub(super) struct Desk {
    pub(super) target: Target,
    pub(super) stack: DeployedStack,
    pub(super) ledger: LedgerTable,
    pub(super) control: Control,
    function: String,
    lambda: Client,
    caller: String,
}

/// A client, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: String,
    pub(super) id: ClientId,
    pub(super) is_paused: bool,
    pub(super) leaving: Option<Leaving>,
}

impl Desk {
    /// That of the context's stack.
    ///
    /// # Errors
    ///
    /// [`Exit::Config`]: the stack has no ledger. [`Exit::Unreachable`]: there is no stack, or its ledger is still empty.
    pub(super) async fn of_stack(context: &Context) -> Result<Self, Failure> {
        let target = context.target().await?;
        let stack = context.deployed(&target).await?;
        let (Some(name), Some(function)) =
            (stack.outputs.get("LedgerTableName"), stack.outputs.get(CATCH_UP_NAME))
        else {
            return Err(Failure::new(Exit::Config, no_ledger(&context.stack)));
        };
        let (ledger, function) = (ledger(&target, name), function.clone());
        let (control, caller) = tokio::join!(control(&ledger, name), sts::caller(&target));
        let control = control?.ok_or_else(|| Failure::new(Exit::Unreachable, empty_ledger(name)))?;
        let lambda = target.lambda();
        Ok(Self { target, stack, ledger, control, function, lambda, caller: caller? })
    }

    /// The client called `name`.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`]: there is none.
    pub(super) fn client(&self, name: &str) -> Result<Known, Failure> {
        known(&self.control, name).map_err(|message| Failure::new(Exit::Usage, message))
    }

    /// The client called `name`, to be sent something.
    ///
    /// # Errors
    ///
    /// [`Exit::Usage`]: there is none, or it is in no deployed config.
    pub(super) fn served(&self, name: &str) -> Result<Known, Failure> {
        let client = self.client(name)?;
        match client.leaving {
            None => Ok(client),
            Some(leaving) => Err(Failure::new(Exit::Usage, not_served(name, leaving))),
        }
    }

    /// One line for whoever looks later at what was done, and who did it.
    pub(super) fn log(&self, what: &str) {
        eprintln!("{}", printable(&format!("`{}`: {what}, stack `{}`", self.caller, self.stack.name)));
    }

    /// Gives an order, and waits for the answer. It may be given twice, so it must be one that then does no more.
    ///
    /// # Errors
    ///
    /// [`Exit::Findings`]: the function failed. Others as the call ended; whether it was done is then unknown.
    pub(super) async fn order<A: DeserializeOwned>(&self, order: &Order) -> Result<A, Failure> {
        let function = &self.function;
        match invoke(&self.lambda, function, &order.payload(&self.caller)).await? {
            Answer::Said(answer) => serde_json::from_str(&answer).map_err(|error| {
                let message = format!(
                    "the answer of function `{function}` can't be read: {error}; deploy the stack with this version of \
                     `fanoutctl`"
                );
                Failure::new(Exit::Findings, message)
            }),
            Answer::Failed(why) => {
                Err(Failure::new(Exit::Findings, format!("function `{function}` failed: {why}")))
            }
        }
    }

    /// How far a client is.
    ///
    /// # Errors
    ///
    /// The ledger can't be read.
    pub(super) async fn standing(&self, client: ClientId) -> Result<Standing, Failure> {
        let found = standing::standing(&self.ledger, client, GROUPS_LIMIT).await;
        found.map_err(|error| unread(self.ledger_name(), &error).into())
    }

    /// The name of the ledger's table.
    pub(super) fn ledger_name(&self) -> &str {
        self.stack.outputs.get("LedgerTableName").map_or("", String::as_str)
    }

    /// What names the stack in a command line.
    pub(super) fn stack_option(&self) -> String {
        stack_option(&self.stack.name)
    }
}

impl Orders for Desk {
    async fn give_once(&self, order: &Order) -> Result<Answer, CallError> {
        let once = self.lambda.config().to_builder().retry_config(RetryConfig::disabled());
        invoke(&Client::from_conf(once.build()), &self.function, &order.payload(&self.caller)).await
    }
}

/// Who is served; nothing if the ledger is empty.
pub(super) async fn control(ledger: &LedgerTable, name: &str) -> Result<Option<Control>, CallError> {
    let found = standing::read(ledger, &[ItemKey::Control]).await.map_err(|error| unread(name, &error))?;
    Ok(found.control().flatten().cloned())
}

/// What the ledger called `name` says of all, and how far each client is. Nobody is served if it is empty.
///
/// # Errors
///
/// [`CallError`]: not even that could be read.
pub(super) async fn standings(
    target: &Target,
    name: &str,
) -> Result<(Option<Control>, Vec<Served>), CallError> {
    let ledger = ledger(target, name);
    let control = control(&ledger, name).await?;
    let clients = control.iter().flat_map(|control| &control.clients);
    let served = clients.filter(|(_, client)| client.state != State::Retired);
    let looks = served.map(async |(client, registration)| {
        let standing = standing::standing(&ledger, registration.id, GROUPS_OF_EACH).await;
        let standing = standing.map_err(|error| unread(name, &error));
        let is_paused = registration.state == State::Paused;
        Served { name: client.to_string(), is_paused, leaving: Leaving::of(registration), standing }
    });
    let standings = stream::iter(looks).buffered(CALLS_AT_ONCE).collect().await;
    Ok((control, standings))
}

/// What each client of `stack` lacks, or why that isn't known; nothing if the stack has no ledger.
pub(super) async fn backlogs(target: &Target, stack: &DeployedStack) -> Option<Result<Vec<Backlog>, String>> {
    let name = stack.outputs.get("LedgerTableName")?;
    let standings = standings(target, name).await.map_err(|error| error.to_string());
    Some(standings.map(|(_, clients)| clients.iter().map(Backlog::from).collect()))
}

/// The moment.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The client called `name`, or what is wrong with that.
fn known(control: &Control, name: &str) -> Result<Known, String> {
    let registered = |(known, registration): (&ClientName, &Registration)| {
        (known.as_str() == name).then_some(registration.clone())
    };
    match control.clients.iter().find_map(registered) {
        Some(Registration { state: State::Retired, .. }) => Err(format!(
            "client `{name}` was retired, because it is in no config; add it to client-queues.toml again, and deploy"
        )),
        Some(registration) => Ok(Known {
            name: name.to_owned(),
            id: registration.id,
            is_paused: registration.state == State::Paused,
            leaving: Leaving::of(&registration),
        }),
        None => {
            let served = control.clients.iter().filter(|(_, client)| client.state != State::Retired);
            let names: Vec<&str> = served.map(|(name, _)| name.as_str()).collect();
            Err(match nearest(name, &names) {
                Some(near) => format!("no client is called `{name}`; did you mean `{near}`?"),
                None if names.is_empty() => format!("no client is called `{name}`; the ledger knows none"),
                None => format!("no client is called `{name}`; there are `{}`", names.join("`, `")),
            })
        }
    }
}

fn not_served(name: &str, leaving: Leaving) -> String {
    let Leaving { since, retired_at } = leaving;
    format!(
        "client `{name}` is in no deployed config since {}; it is retired at {}; add it to client-queues.toml again, and \
         deploy",
        instant(since),
        instant(retired_at)
    )
}

fn no_ledger(stack: &str) -> String {
    format!(
        "stack `{stack}` has no ledger, which this needs; name the events' version in client-queues.toml (`[source] \
         version`), and deploy"
    )
}

fn empty_ledger(table: &str) -> String {
    format!(
        "the ledger `{table}` is empty: the catch-up function has not run yet; try again in a minute, and see \
         `fanoutctl check` if that does not help"
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use shared::ledger::Rev;
    use shared::time::Timestamp;

    use super::*;

    fn control() -> Control {
        let client = |name: &str, id, state| {
            let registration = Registration {
                id: ClientId(id),
                state,
                history: false,
                since: 1,
                absent_at: None,
                retired_at: None,
            };
            (ClientName::try_new(name).unwrap(), registration)
        };
        let clients = [
            client("Billing", 1, State::Live),
            client("Tax", 2, State::Paused),
            client("Old", 3, State::Retired),
        ];
        Control {
            rev: Rev(1),
            edition: 1,
            start: Timestamp::from_millis(0),
            clients: BTreeMap::from(clients),
        }
    }

    #[test]
    fn a_client_is_known_by_its_name() {
        let known = |name| known(&control(), name).map(|known| (known.id, known.is_paused));
        assert_eq!(known("Billing"), Ok((ClientId(1), false)));
        assert_eq!(known("Tax"), Ok((ClientId(2), true)));
    }

    #[test]
    fn a_client_that_is_not_served_is_told_with_the_way_out() {
        let check = |control: &Control, name, expected: Expect| {
            expected.assert_eq(&known(control, name).unwrap_err());
        };
        check(&control(), "Biling", expect!["no client is called `Biling`; did you mean `Billing`?"]);
        check(
            &control(),
            "Enforcement",
            expect!["no client is called `Enforcement`; there are `Billing`, `Tax`"],
        );
        check(
            &control(),
            "Old",
            expect![
                "client `Old` was retired, because it is in no config; add it to client-queues.toml again, and deploy"
            ],
        );
        check(
            &Control { clients: BTreeMap::new(), ..control() },
            "Billing",
            expect!["no client is called `Billing`; the ledger knows none"],
        );
    }

    /// Orders to it would do nothing, and say that they do.
    #[test]
    fn a_client_that_leaves_is_known_and_not_served() {
        let mut control = control();
        let absent_at = Some(Timestamp::from_millis(1_767_603_600_000));
        control.clients.get_mut(&ClientName::try_new("Tax").unwrap()).unwrap().absent_at = absent_at;
        let leaving = known(&control, "Tax").unwrap().leaving.unwrap();
        expect!["client `Tax` is in no deployed config since 2026-01-05T09:00:00Z; it is retired at 2026-01-05T10:00:00Z; add it to client-queues.toml again, and deploy"].assert_eq(&not_served("Tax", leaving));
        assert_eq!(known(&control, "Billing").unwrap().leaving, None);
    }

    #[test]
    fn a_stack_is_named_where_it_must_be() {
        assert_eq!(stack_option("mark-event-queue"), "");
        assert_eq!(stack_option("events-test"), " --stack events-test");
    }
}
