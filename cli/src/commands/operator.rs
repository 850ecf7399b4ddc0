//! The parts that the commands about the ledger share: the stack's ledger, its clients, and control requests to the
//! catch-up function.

use aws::clock::SystemClock;
use aws::dynamodb::LedgerTable;
use aws::operator::cloudformation::DeployedStack;
use aws::operator::lambda::{self, Answer};
use aws::operator::ledger::{ledger, unread};
use aws::operator::{CallError, Target};
use deploy::invoke::CATCH_UP_NAME;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde::de::DeserializeOwned;
use shared::clock::Clock as _;
use shared::config::{ClientName, Config};
use shared::control::ControlRequest;
use shared::ledger::times::ABSENCE;
use shared::ledger::{ClientId, ItemKey, Lease, LedgerRead, Registration, Registry, ScanKind, State};
use shared::nearest::nearest;
use shared::text::printable;
use shared::time::Timestamp;

use crate::args::stack_option;
use crate::client_status::{self, Backlog, ClientStatus, Lag};
use crate::context::{Context, output};
use crate::erasures::{self, DueNotices, Receipts};
use crate::exit::{Exit, Failure};
use crate::groups_behind::{self, GroupBehind, GroupsBehind, groups_behind, held_groups};
use crate::output::instant;
use crate::targets::{TargetStatus, targets};

/// The stack's output that names the ledger's table.
pub(super) const LEDGER_TABLE_NAME: &str = "LedgerTableName";

/// The most groups that are counted for a command about one client.
pub(super) const GROUPS_LIMIT: usize = 10_000;

/// The most groups of each client that are counted for a command about all: a hundred broken clients take 100,000 read
/// units.
const GROUPS_OF_EACH: usize = 1_000;

/// The most clients that are read at the same time: with 20 ms a call, a hundred that are up to date take half a
/// second.
const CALLS_AT_ONCE: usize = 4;

/// An operator of a stack with a ledger: makes control requests to its catch-up function.
pub(super) struct Operator {
    pub(super) target: Target,
    pub(super) stack: DeployedStack,
    pub(super) ledger: StackLedger,
    pub(super) registry: Registry,
    function: String,
    /// The operator's ARN: a user's, or that of a role's session. The function logs it.
    caller: String,
}

/// A stack's ledger. An error of it names its table.
pub(super) struct StackLedger {
    pub(super) table: LedgerTable,
    /// The name of the table.
    pub(super) name: String,
}

/// The function that carries out control requests.
pub(super) trait CatchUpFunction {
    /// Makes a request, and waits for the answer. A call without an answer is not repeated.
    ///
    /// # Errors
    ///
    /// [`CallError`]. It is then unknown whether the request was carried out.
    fn request_once(&self, request: &ControlRequest) -> impl Future<Output = Result<Answer, CallError>>;
}

impl Operator {
    /// The operator of the context's stack.
    ///
    /// # Errors
    ///
    /// [`Exit::Unreachable`]: the ledger is still empty. [`Failure::Call`]: there is no ledger, or it can't be read.
    pub(super) async fn of_stack(context: &Context) -> Result<Self, Failure> {
        let (target, stack) = context.deployed().await?;
        let ledger = StackLedger::try_new(&target, &stack)?;
        let function = output(&stack, CATCH_UP_NAME)?.to_owned();
        let (registry, caller) = tokio::join!(ledger.registry(), target.caller());
        let empty = || {
            Exit::Unreachable.because(format!(
                "the ledger `{}` is empty: the catch-up function has not run yet; try again in a minute, and see \
                 `fanoutctl check{}` and the function's log if that does not help",
                ledger.name,
                stack_option(&stack.name)
            ))
        };
        let registry = registry?.ok_or_else(empty)?;
        Ok(Self { target, stack, ledger, registry, function, caller: caller?.arn })
    }

    /// Prints a line for the record: the caller, the command and the stack.
    pub(super) fn log(&self, what: &str) {
        eprintln!("{}", printable(&format!("`{}`: {what}, stack `{}`", self.caller, self.stack.name)));
    }

    /// Makes a request, and waits for the answer. The request may arrive twice, so it must be one that does nothing the
    /// second time.
    ///
    /// # Errors
    ///
    /// [`Exit::Findings`]: the function failed. [`Failure::Call`]: it is unknown whether the request was carried
    /// out.
    pub(super) async fn request<A: DeserializeOwned>(&self, request: &ControlRequest) -> Result<A, Failure> {
        understood(lambda::invoke(&self.target, &self.function, &self.payload(request)).await?)
    }

    /// The operator's ARN.
    pub(super) fn caller(&self) -> &str {
        &self.caller
    }

    fn payload(&self, request: &ControlRequest) -> String {
        request.clone().asked_by(&self.caller).payload()
    }

    /// The option that names the stack in a command line.
    pub(super) fn stack_option(&self) -> String {
        stack_option(&self.stack.name)
    }
}

impl StackLedger {
    /// The ledger of `stack`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: no output of the stack names its table.
    pub(super) fn try_new(target: &Target, stack: &DeployedStack) -> Result<Self, CallError> {
        let name = output(stack, LEDGER_TABLE_NAME)?.to_owned();
        Ok(Self { table: ledger(target, &name), name })
    }

    /// Reads the items of `keys`, all or none.
    ///
    /// # Errors
    ///
    /// [`CallError`]: one of them was not read.
    pub(super) async fn read(&self, keys: &[ItemKey]) -> Result<LedgerRead, CallError> {
        groups_behind::read(&self.table, keys).await.map_err(|error| unread(&self.name, &error))
    }

    /// How far behind a client is in its first groups, at most `limit`.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger can't be read.
    pub(super) async fn lag(&self, client: ClientId, limit: usize) -> Result<Lag, CallError> {
        client_status::lag(&self.table, client, limit).await.map_err(|error| unread(&self.name, &error))
    }

    /// The first groups in which a client is behind, at most `limit`, and its lease; none if it was never behind.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger can't be read.
    pub(super) async fn behind(
        &self,
        client: ClientId,
        limit: usize,
    ) -> Result<(GroupsBehind, Option<Lease>), CallError> {
        let groups = groups_behind(&self.table, client, limit).await;
        let groups = groups.map_err(|error| unread(&self.name, &error))?;
        Ok((groups, self.read(&[ItemKey::Lease(client)]).await?.lease(client).present().cloned()))
    }

    /// The groups that are held for a client.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger can't be read.
    pub(super) async fn held(&self, client: ClientId) -> Result<Vec<GroupBehind>, CallError> {
        held_groups(&self.table, client).await.map_err(|error| unread(&self.name, &error))
    }

    /// A client's receipts of notices of erasures: all that are due, and at most `limit` of the others.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger can't be read.
    pub(super) async fn receipts(&self, client: ClientId, limit: usize) -> Result<Receipts, CallError> {
        erasures::receipts(&self.table, client, limit).await.map_err(|error| unread(&self.name, &error))
    }

    /// The notices of erasures that clients are due, by the clients' names.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger can't be read.
    pub(super) async fn due_notices(&self) -> Result<Vec<(String, DueNotices)>, CallError> {
        let Some(registry) = self.registry().await? else { return Ok(Vec::new()) };
        if !registry.clients.values().any(|client| client.erasures) {
            return Ok(Vec::new());
        }
        // As maintenance counts them: a client that wants no more notices may be due some, while another wants them.
        let served = registry.clients.iter().filter(|(_, client)| client.state != State::Retired);
        let due = served.map(async |(name, client)| {
            let due = erasures::due_notices(&self.table, client.id, GROUPS_OF_EACH).await;
            Ok((name.to_string(), due.map_err(|error| unread(&self.name, &error))?))
        });
        stream::iter(due).buffered(CALLS_AT_ONCE).try_collect().await
    }

    /// The registry; none if the ledger is empty.
    async fn registry(&self) -> Result<Option<Registry>, CallError> {
        Ok(self.read(&[ItemKey::Registry]).await?.registry().present().cloned())
    }

    /// The registry, and the status of each client that is not retired. An empty ledger has neither.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the registry could not be read.
    pub(super) async fn client_statuses(&self) -> Result<(Option<Registry>, Vec<ClientStatus>), CallError> {
        let registry = self.registry().await?;
        let clients = registry.iter().flat_map(|registry| &registry.clients);
        let served = clients.filter(|(_, client)| client.state != State::Retired);
        let statuses = served.map(async |(client, registration)| ClientStatus {
            name: client.to_string(),
            is_paused: registration.state == State::Paused,
            absent_at: registration.absent_at,
            lag: self.lag(registration.id, GROUPS_OF_EACH).await,
        });
        let statuses = stream::iter(statuses).buffered(CALLS_AT_ONCE).collect().await;
        Ok((registry, statuses))
    }

    /// How the targets of push clients are: of those of `config`, or if that isn't known, of those that ever failed.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger could not be read.
    pub(super) async fn targets(
        &self,
        registry: &Registry,
        config: Option<&Config>,
    ) -> Result<Vec<TargetStatus>, CallError> {
        targets(&self.table, registry, config).await.map_err(|error| unread(&self.name, &error))
    }

    /// The scans that are on, and when each began.
    ///
    /// # Errors
    ///
    /// [`CallError`]: the ledger could not be read.
    pub(super) async fn scans(&self) -> Result<Vec<(ScanKind, Timestamp)>, CallError> {
        let kinds = [ScanKind::History, ScanKind::Reconcile];
        let items = self.read(&kinds.map(ItemKey::Scan)).await?;
        let on = kinds.into_iter().filter_map(|kind| Some((kind, items.scan(kind).present()?)));
        Ok(on.filter(|(_, scan)| scan.is_on).map(|(kind, scan)| (kind, scan.at)).collect())
    }
}

impl CatchUpFunction for Operator {
    async fn request_once(&self, request: &ControlRequest) -> Result<Answer, CallError> {
        lambda::invoke_once(&self.target, &self.function, &self.payload(request)).await
    }
}

/// Reads the catch-up function's answer to a control request.
///
/// # Errors
///
/// [`Exit::Findings`]: the function failed, or is of another version.
pub(super) fn understood<A: DeserializeOwned>(answer: Answer) -> Result<A, Failure> {
    understood_of("catch-up", answer)
}

/// The same, of the function called so.
///
/// # Errors
///
/// [`Exit::Findings`]: the function failed, or is of another version.
pub(super) fn understood_of<A: DeserializeOwned>(function: &str, answer: Answer) -> Result<A, Failure> {
    match answer {
        Answer::Said(answer) => serde_json::from_str(&answer).map_err(|error| {
            Exit::Findings.because(format!(
                "the {function} function's answer can't be read: {error}; deploy the stack with this version of `fanoutctl`"
            ))
        }),
        Answer::Failed(why) => Err(Exit::Findings.because(format!("the {function} function failed: {why}"))),
    }
}

/// The registry of `stack`, if its ledger is not empty, and the backlog of each client, or why they aren't known; none if the
/// stack was deployed without a ledger.
pub(super) async fn backlogs(
    target: &Target,
    stack: &DeployedStack,
) -> Option<Result<(Option<Registry>, Vec<Backlog>), String>> {
    let ledger = StackLedger::try_new(target, stack).ok()?;
    let statuses = ledger.client_statuses().await.map_err(|error| error.to_string());
    Some(statuses.map(|(registry, clients)| (registry, clients.iter().map(Backlog::from).collect())))
}

/// The time by this machine's clock.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// The client called `name`.
///
/// # Errors
///
/// [`Exit::Usage`]: there is none.
pub(super) fn registered<'r>(registry: &'r Registry, name: &str) -> Result<&'r Registration, Failure> {
    match registry.clients.iter().find(|(client, _)| client.as_str() == name) {
        Some((_, Registration { state: State::Retired, .. })) => Err(Exit::Usage.because(format!(
            "client `{name}` was retired, because it is in no config; add it to client-queues.toml again, and deploy"
        ))),
        Some((_, registration)) => Ok(registration),
        None => {
            let served = registry.clients.iter().filter(|(_, client)| client.state != State::Retired);
            Err(Exit::Usage.because(no_client(name, served.map(|(name, _)| name))))
        }
    }
}

/// The client called `name`, if events can be sent to it.
///
/// # Errors
///
/// [`Exit::Usage`]: there is none, or it is in no deployed config.
pub(super) fn served<'r>(registry: &'r Registry, name: &str) -> Result<&'r Registration, Failure> {
    let client = registered(registry, name)?;
    let Some(since) = client.absent_at else { return Ok(client) };
    Err(Exit::Usage.because(format!(
        "client `{name}` has been in no deployed config since {}; it is retired at {}; add it to client-queues.toml again, and \
         deploy",
        instant(since),
        instant(since.plus(ABSENCE))
    )))
}

/// The message that no client is called `name`, with the name that may be meant.
pub(super) fn no_client<'n>(name: &str, names: impl Iterator<Item = &'n ClientName>) -> String {
    let names: Vec<&str> = names.map(ClientName::as_str).collect();
    match nearest(name, &names) {
        Some(near) => format!("no client is called `{name}`; did you mean `{near}`?"),
        None if names.is_empty() => format!("no client is called `{name}`; the ledger knows none"),
        None => format!("no client is called `{name}`; there are `{}`", names.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};
    use shared::ledger::WriteCount;
    use shared::time::Timestamp;

    use super::*;

    fn registry() -> Registry {
        let client = |name: &str, id, state| {
            let registration = Registration {
                id: ClientId(id),
                state,
                pause: None,
                history: false,
                filter: shared::filter::FilterDigest::of(None),
                erasures: false,
                since: 1,
                absent_at: None,
                retired_at: None,
                unknown: [].into(),
            };
            (ClientName::try_new(name).unwrap(), registration)
        };
        let clients = [
            client("Billing", 1, State::Live),
            client("Tax", 2, State::Paused),
            client("Old", 3, State::Retired),
        ];
        Registry {
            write_count: WriteCount(1),
            revision: 1,
            start: Timestamp::from_millis(0),
            clients: BTreeMap::from(clients),
            unknown: [].into(),
        }
    }

    #[test]
    fn a_client_is_found_by_its_name() {
        for (name, id) in [("Billing", 1), ("Tax", 2)] {
            assert_eq!(registered(&registry(), name).unwrap().id, ClientId(id));
        }
    }

    #[test]
    fn a_client_that_is_not_found_is_an_error_with_a_remedy() {
        let check = |registry: &Registry, name, expected: Expect| {
            expected.assert_eq(&registered(registry, name).unwrap_err().to_string());
        };
        check(&registry(), "Biling", expect!["no client is called `Biling`; did you mean `Billing`?"]);
        check(
            &registry(),
            "Enforcement",
            expect!["no client is called `Enforcement`; there are `Billing`, `Tax`"],
        );
        check(
            &registry(),
            "Old",
            expect![
                "client `Old` was retired, because it is in no config; add it to client-queues.toml again, and deploy"
            ],
        );
        check(
            &Registry { clients: BTreeMap::new(), ..registry() },
            "Billing",
            expect!["no client is called `Billing`; the ledger knows none"],
        );
    }

    /// A control request about it would have no effect, though its answer would say that it has.
    #[test]
    fn a_client_that_leaves_is_found_and_not_served() {
        let mut registry = registry();
        let absent_at = Some(Timestamp::from_millis(1_767_603_600_000));
        registry.clients.get_mut(&ClientName::try_new("Tax").unwrap()).unwrap().absent_at = absent_at;
        assert!(registered(&registry, "Tax").is_ok());
        let failure = served(&registry, "Tax").unwrap_err().to_string();
        expect!["client `Tax` has been in no deployed config since 2026-01-05T09:00:00Z; it is retired at 2026-01-05T10:00:00Z; add it to client-queues.toml again, and deploy"].assert_eq(&failure);
        assert!(served(&registry, "Billing").is_ok());
    }

    #[test]
    fn a_stack_is_named_where_it_must_be() {
        assert_eq!(stack_option("mark-event-queue"), "");
        assert_eq!(stack_option("events-test"), " --stack events-test");
    }
}
