//! How the targets of push clients are, read from the ledger; and how much they took, from CloudWatch.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::operator::cloudformation::DeployedStack;
use aws::operator::cloudwatch::{self, MetricName, SUM_WINDOW};
use aws::operator::{CallError, Target};
use deploy::invoke::{PUSH_AWS_NAME, PUSH_HTTP_NAME};
use serde::Serialize;
use shared::config::Config;
use shared::ledger::{ClientId, ItemKey, Ledger, READ_LIMIT, Registry, State, TargetState, Unread};
use shared::metrics::{CLIENT, DELIVERED, FUNCTION, NAMESPACE};
use shared::text::printable;
use shared::time::Timestamp;

use crate::groups_behind::read;
use crate::output::{figure, instant, time};

/// For how long a circuit breaker may be open before that needs attention: the threshold of the stack's alarm
/// `TargetFailing`.
pub const FAILING_LONG: Duration = Duration::from_secs(15 * 60);

/// A push client, and how its target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStatus {
    /// The client's name.
    pub client: String,
    /// The word for the kind of its target; `None` if the config that runs isn't known.
    pub kind: Option<&'static str>,
    /// What the ledger has of it; `None`: it never failed.
    pub state: Option<TargetState>,
}

/// How many events the target of each client took in [`SUM_WINDOW`], by the clients' names.
pub type DeliveredByClient = BTreeMap<String, u64>;

/// How the target of a push client is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TargetRow {
    /// The client's name.
    pub client: String,
    /// `webhook`, `lambda`, `sns`, `eventbridge`, `kinesis` or `s3`; null if the config that runs isn't known.
    pub kind: Option<&'static str>,
    /// How it is.
    pub state: TargetWord,
    /// Since when, if it isn't well.
    pub since: Option<String>,
    /// For how long.
    pub seconds: Option<u64>,
    /// Why.
    pub reason: Option<String>,
    /// When it is tried next, if its circuit breaker is open.
    pub probe_at: Option<String>,
    /// Its last failure.
    pub failure: Option<FailureRow>,
    /// How many events it took in the last `delivered_seconds`; null if that isn't known.
    pub delivered: Option<u64>,
    /// The time that `delivered` counts.
    pub delivered_seconds: u64,
    /// Whether an operator has to look.
    pub needs_attention: bool,
}

/// In a word, how a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetWord {
    /// Events are delivered.
    Delivering,
    /// Its circuit breaker is open: it refuses every event, and one at a time tries whether it is well again.
    Refusing,
    /// There is none any more: its client is paused.
    Gone,
}

/// The last failure of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureRow {
    /// When.
    pub at: String,
    /// How long ago.
    pub seconds: u64,
    /// The `MessageGroupId` of the event.
    pub group: String,
    /// What the target said.
    pub reason: String,
}

/// The push clients of `config` that `registry` has and that are not retired, with their targets; if `config` isn't known, every
/// client whose target ever failed.
///
/// # Errors
///
/// [`Unread`]: the ledger could not be read.
pub async fn targets<L: Ledger>(
    ledger: &L,
    registry: &Registry,
    config: Option<&Config>,
) -> Result<Vec<TargetStatus>, Unread> {
    let kind = |name: &str| {
        let client = config?.clients.iter().find(|client| client.name.as_str() == name)?;
        Some(client.push.as_ref()?.target.kind())
    };
    let served = registry.clients.iter().filter(|(_, client)| client.state != State::Retired);
    let served = served.map(|(name, client)| (name.to_string(), kind(name.as_str()), client.id));
    // Stacks without push clients, and those are many, pay nothing.
    let asked: Vec<(String, Option<&'static str>, ClientId)> =
        served.filter(|(_, kind, _)| config.is_none() || kind.is_some()).collect();
    let mut targets = Vec::new();
    for asked in asked.chunks(READ_LIMIT) {
        let keys: Vec<ItemKey> = asked.iter().map(|(_, _, id)| ItemKey::Target(*id)).collect();
        let found = read(ledger, &keys).await?;
        let statuses = asked.iter().map(|(client, kind, id)| TargetStatus {
            client: client.clone(),
            kind: *kind,
            state: found.target(*id).present().cloned(),
        });
        targets.extend(statuses.filter(|status| status.kind.is_some() || status.state.is_some()));
    }
    Ok(targets)
}

/// How many events each of `targets` took. A target of an unknown kind is not in the answer. Without targets nothing is asked.
///
/// # Errors
///
/// [`CallError`].
pub async fn delivered(
    target: &Target,
    stack: &DeployedStack,
    targets: &[TargetStatus],
) -> Result<DeliveredByClient, CallError> {
    let function = |kind| stack.outputs.get(if kind == "webhook" { PUSH_HTTP_NAME } else { PUSH_AWS_NAME });
    let names = targets.iter().filter_map(|status| {
        let dimensions = vec![(FUNCTION, function(status.kind?)?.clone()), (CLIENT, status.client.clone())];
        Some((status.client.clone(), MetricName { namespace: NAMESPACE, metric: DELIVERED.name, dimensions }))
    });
    let (clients, names): (Vec<String>, Vec<MetricName>) = names.unzip();
    let sums = cloudwatch::sums(target, &names).await?;
    let of = |name| sums.get(name).map(|sum| format!("{:.0}", sum.max(0.0)).parse().unwrap_or(u64::MAX));
    Ok(clients.into_iter().zip(&names).filter_map(|(client, name)| Some((client, of(name)?))).collect())
}

impl TargetRow {
    /// The target of `status`, as it is `now`, and how much it took, as far as that is known.
    pub fn new(status: &TargetStatus, delivered: Option<&DeliveredByClient>, now: Timestamp) -> Self {
        let TargetStatus { client, kind, state } = status;
        let breaker = state.as_ref().and_then(|state| state.breaker.as_ref());
        let gone = state.as_ref().and_then(|state| state.gone.as_ref());
        let failure = state.as_ref().and_then(|state| state.failure.as_ref());
        let (word, since, reason) = match (gone, breaker) {
            (Some(gone), _) => (TargetWord::Gone, Some(gone.since), Some(&gone.reason)),
            (None, Some(open)) => (TargetWord::Refusing, Some(open.since), Some(&open.reason)),
            (None, None) => (TargetWord::Delivering, None, None),
        };
        let age = since.map(|since| now.since(since));
        Self {
            client: client.clone(),
            kind: *kind,
            state: word,
            since: since.map(instant),
            seconds: age.map(|age| age.as_secs()),
            reason: reason.cloned(),
            probe_at: breaker.filter(|_| gone.is_none()).map(|open| instant(open.probe_at)),
            failure: failure.map(|failure| FailureRow {
                at: instant(failure.at),
                seconds: now.since(failure.at).as_secs(),
                group: failure.group.as_str().to_owned(),
                reason: failure.reason.clone(),
            }),
            delivered: delivered.and_then(|delivered| delivered.get(client).copied()),
            delivered_seconds: SUM_WINDOW.as_secs(),
            needs_attention: gone.is_some() || age.is_some_and(|age| age >= FAILING_LONG),
        }
    }

    /// What a client's row says of its target, if it needs attention.
    pub fn attention(&self) -> Option<&'static str> {
        match self.state {
            _ if !self.needs_attention => None,
            TargetWord::Gone => Some("its target is gone"),
            TargetWord::Refusing | TargetWord::Delivering => Some("its target refuses every event"),
        }
    }

    /// A line for people; a second one with what helps, if its target isn't well. `stack` is the option that names the stack.
    pub fn text(&self, stack: &str) -> String {
        let client = printable(&self.client);
        let target = self.kind.map_or("its target".to_owned(), |kind| format!("target {kind}"));
        let reason =
            self.reason.as_deref().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
        let age = self.seconds.map(time).unwrap_or_default();
        let mut text = format!("client {client}, {target}: ");
        text += &match self.state {
            TargetWord::Delivering => "delivering".to_owned(),
            TargetWord::Refusing => format!("refuses every event, for {age}{reason}"),
            TargetWord::Gone => format!("gone, for {age}{reason}"),
        };
        let delivered = figure(self.delivered);
        text += &format!("; delivered in the last {}: {delivered}", time(self.delivered_seconds));
        if let Some(FailureRow { seconds, group, reason, .. }) = &self.failure {
            text += &format!("; failed last {} ago, group {}", time(*seconds), printable(group));
            if self.reason.as_ref() != Some(reason) {
                text += &format!(": {}", printable(reason));
            }
        }
        text += "\n";
        let stack = printable(stack);
        text += &match self.state {
            TargetWord::Delivering => String::new(),
            TargetWord::Refusing => format!(
                "  it is tried by itself, every five minutes at the latest; at once with\n  fanoutctl resume {client}{stack}\n"
            ),
            TargetWord::Gone => format!(
                "  mend the target, or its place in client-queues.toml, then\n  fanoutctl resume {client}{stack}\n"
            ),
        };
        text
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::config::ClientName;
    use shared::filter::FilterDigest;
    use shared::ids::Group;
    use shared::ledger::{Gone, Item, OpenBreaker, Registration, TargetFailure, WriteCount};
    use testkit::memory::MemoryLedger;

    use super::*;

    /// 2026-01-05T09:00:00Z
    const NOW: u64 = 1_767_603_600_000;

    fn minutes_ago(minutes: u64) -> Timestamp {
        Timestamp::from_millis(NOW - minutes * 60_000)
    }

    fn failure(minutes: u64, reason: &str) -> Option<TargetFailure> {
        let group = Group::try_from_sqs("AFC%20F5").unwrap();
        Some(TargetFailure { at: minutes_ago(minutes), group, reason: reason.to_owned() })
    }

    fn open(minutes: u64) -> TargetState {
        let (since, probe_at) = (minutes_ago(minutes), Timestamp::from_millis(NOW + 60_000));
        let reason = "403 Forbidden: \"no such key\"".to_owned();
        let breaker = Some(OpenBreaker { since, probe_at, probes: 4, reason, alike: None });
        let failure = failure(1, "403 Forbidden: \"no such key\"");
        TargetState { breaker, failure, ..TargetState::default() }
    }

    fn gone() -> TargetState {
        let reason = "410 Gone".to_owned();
        let gone = Some(Gone { since: minutes_ago(2), reason, paused_at: Some(minutes_ago(1)) });
        TargetState { gone, ..open(30) }
    }

    fn row(kind: Option<&'static str>, state: Option<TargetState>) -> TargetRow {
        let status = TargetStatus { client: "Billing".to_owned(), kind, state };
        let delivered = DeliveredByClient::from([("Billing".to_owned(), 41), ("Tax".to_owned(), 1)]);
        TargetRow::new(&status, Some(&delivered), Timestamp::from_millis(NOW))
    }

    fn check(
        kind: Option<&'static str>,
        state: Option<TargetState>,
        attention: Option<&str>,
        expected: &Expect,
    ) {
        let row = row(kind, state);
        assert_eq!(row.attention(), attention);
        expected.assert_eq(&row.text(" --stack test"));
    }

    #[test]
    fn a_target_is_said_in_a_line_with_what_helps() {
        let failed = |minutes| TargetState { failure: failure(minutes, "503"), ..TargetState::default() };
        check(
            Some("webhook"),
            None,
            None,
            &expect![[r#"
                client Billing, target webhook: delivering; delivered in the last 60 min: 41
            "#]],
        );
        check(
            Some("webhook"),
            Some(failed(3)),
            None,
            &expect![[r#"
                client Billing, target webhook: delivering; delivered in the last 60 min: 41; failed last 3 min ago, group AFC%20F5: 503
            "#]],
        );
        check(
            None,
            Some(failed(200)),
            None,
            &expect![[r#"
                client Billing, its target: delivering; delivered in the last 60 min: 41; failed last 3 h ago, group AFC%20F5: 503
            "#]],
        );
        check(
            Some("sns"),
            Some(open(14)),
            None,
            &expect![[r#"
                client Billing, target sns: refuses every event, for 14 min: 403 Forbidden: "no such key"; delivered in the last 60 min: 41; failed last 60 s ago, group AFC%20F5
                  it is tried by itself, every five minutes at the latest; at once with
                  fanoutctl resume Billing --stack test
            "#]],
        );
        check(
            Some("sns"),
            Some(open(15)),
            Some("its target refuses every event"),
            &expect![[r#"
                client Billing, target sns: refuses every event, for 15 min: 403 Forbidden: "no such key"; delivered in the last 60 min: 41; failed last 60 s ago, group AFC%20F5
                  it is tried by itself, every five minutes at the latest; at once with
                  fanoutctl resume Billing --stack test
            "#]],
        );
        check(
            Some("s3"),
            Some(gone()),
            Some("its target is gone"),
            &expect![[r#"
                client Billing, target s3: gone, for 2 min: 410 Gone; delivered in the last 60 min: 41; failed last 60 s ago, group AFC%20F5: 403 Forbidden: "no such key"
                  mend the target, or its place in client-queues.toml, then
                  fanoutctl resume Billing --stack test
            "#]],
        );
    }

    #[test]
    fn programs_get_the_same() {
        let row = row(Some("webhook"), Some(open(20)));
        expect![[r#"
            {
              "client": "Billing",
              "kind": "webhook",
              "state": "refusing",
              "since": "2026-01-05T08:40:00Z",
              "seconds": 1200,
              "reason": "403 Forbidden: \"no such key\"",
              "probe_at": "2026-01-05T09:01:00Z",
              "failure": {
                "at": "2026-01-05T08:59:00Z",
                "seconds": 60,
                "group": "AFC%20F5",
                "reason": "403 Forbidden: \"no such key\""
              },
              "delivered": 41,
              "delivered_seconds": 3600,
              "needs_attention": true
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&row).unwrap());
    }

    fn registry(clients: &[(&str, u32, State)]) -> Registry {
        let clients = clients.iter().map(|(name, id, state)| {
            let registration = Registration {
                id: ClientId(*id),
                state: *state,
                pause: None,
                history: false,
                filter: FilterDigest::of(None),
                erasures: false,
                since: 1,
                absent_at: None,
                retired_at: None,
                unknown: [].into(),
            };
            (ClientName::try_new(name).unwrap(), registration)
        });
        Registry {
            write_count: WriteCount(1),
            revision: 1,
            start: Timestamp::from_millis(0),
            clients: BTreeMap::from_iter(clients),
            unknown: [].into(),
        }
    }

    #[tokio::test]
    async fn only_push_clients_are_read_and_if_the_config_is_unknown_those_that_ever_failed() {
        let ledger = MemoryLedger::new(0);
        for id in [1, 3] {
            ledger.put(ItemKey::Target(ClientId(id)), Item::Target(Box::new(open(1))));
        }
        let registry =
            registry(&[("Billing", 1, State::Live), ("Old", 3, State::Retired), ("Tax", 2, State::Paused)]);
        let found = targets(&ledger, &registry, None).await.unwrap();
        let found: Vec<(&str, bool)> =
            found.iter().map(|status| (status.client.as_str(), status.state.is_some())).collect();
        assert_eq!(found, [("Billing", true)]);
        let source = "[source]\npartition_key = 'mark'\nsort_key = 'at'\nversion = 'version'\n";
        let text = format!("{source}[[client]]\nname = 'Billing'\n[[client]]\nname = 'Tax'\n");
        let config = Config::try_from_toml("client-queues.toml", &text, None).unwrap();
        ledger.forget_calls();
        assert_eq!(targets(&ledger, &registry, Some(&config)).await.unwrap(), []);
        assert_eq!(ledger.calls().reads, 0, "no client has a target");
        ledger.fail_read(ItemKey::Target(ClientId(1)));
        assert!(targets(&ledger, &registry, None).await.is_err());
    }
}
