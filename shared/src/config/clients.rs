//! Who may be a client: names that can be told apart, and queues that are the clients' own.

use std::borrow::Cow;
use std::collections::HashMap;

use toml::Spanned;
use toml::de::DeValue;

use super::filter::{self, Lacking};
use super::findings::{Report, whose};
use super::push::{self, AllowedHosts, Push, PushRules, PushTarget, S3Target, Targets};
use super::raw::RawClient;
use super::request_role::RequestRoles;
use super::section::Value;
use super::{
    Client, ClientName, ClientQueue, ClientView, EXISTING_LIMIT, OWN_LIMIT, PARAMETER_LIMIT, PUSH_LIMIT, view,
};
use crate::naming::{self, Naming, OwnQueue, QueueArn};
use crate::quoted::quoted;

const NAME: &str = "client.name";
const QUEUE_ARN: &str = "client.queue_arn";
const ERASURES: &str = "client.erasures";
const PUSH: &str = "client.push";

/// What clients are checked against.
pub(super) struct Rules<'a> {
    /// None: not known, so not checked.
    pub(super) allowed_accounts: Option<&'a [String]>,
    /// None: not known, so not checked.
    pub(super) allowed_hosts: Option<&'a AllowedHosts>,
    pub(super) naming: Option<&'a Naming>,
    pub(super) cloud_events: &'a view::CloudEventsSection,
    /// What no message says about its event, because `[source]` doesn't say where it is.
    pub(super) lacking: Lacking,
}

/// The clients that are right; whatever is wrong is reported. `complete`: `raw` is all that the file names.
pub(super) fn validate(
    raw: Vec<RawClient<'_>>,
    complete: bool,
    rules: &Rules<'_>,
    report: &mut Report<'_>,
) -> Vec<Client> {
    if raw.is_empty() && complete {
        report.add(0, "client", "no client is registered; add a section `[[client]]` with a `name`");
    }
    report_too_many(&raw, report);
    let names = validate_names(&raw, report);
    let own_queues = OwnQueues::new(&raw, &names, rules.naming);
    let mut beside = Beside {
        existing: ExistingQueues { rules, own_queues, home: None, seen: HashMap::new() },
        length: Length::default(),
        request_roles: RequestRoles::default(),
        targets: Targets::new(rules.naming),
    };
    let clients = raw.into_iter().zip(names);
    clients.filter_map(|(raw, name)| validate_client(raw, name, &mut beside, rules, report)).collect()
}

/// What a client is checked beside: the clients above it.
struct Beside<'a> {
    existing: ExistingQueues<'a>,
    length: Length,
    request_roles: RequestRoles,
    targets: Targets,
}

/// Reports the first client of each kind that is too many.
fn report_too_many(raw: &[RawClient<'_>], report: &mut Report<'_>) {
    type Kind = fn(&RawClient<'_>) -> bool;
    let kinds: [(Kind, usize, &str); 3] = [
        (|client| matches!(client.queue_arn, Value::Absent), OWN_LIMIT, "without a `queue_arn`"),
        (|client| !matches!(client.queue_arn, Value::Absent), EXISTING_LIMIT, "with a `queue_arn`"),
        (|client| client.push.is_some(), PUSH_LIMIT, "with `push`"),
    ];
    for (is_of_kind, limit, kind) in kinds {
        if let Some(first_too_many) = raw.iter().filter(|client| is_of_kind(client)).nth(limit) {
            let message =
                format_args!("more than {limit} clients {kind}; register the others in another stack");
            report.add(first_too_many.at, "client", message);
        }
    }
}

fn validate_client(
    raw: RawClient<'_>,
    name: Option<ClientName>,
    beside: &mut Beside<'_>,
    rules: &Rules<'_>,
    report: &mut Report<'_>,
) -> Option<Client> {
    let queue = match &raw.queue_arn {
        Value::Absent => Some(ClientQueue::Own),
        Value::Wrong => None,
        Value::Is(text) => beside.existing.validate(text, report).map(ClientQueue::Existing),
    };
    let history = flag(&raw.history, false);
    let whose = whose(name.as_ref());
    let view = view::validate(&whose, &raw.view, rules.cloud_events, report);
    let filter = match &raw.filter {
        None => Some(None),
        Some(section) => filter::of_client(&whose, section, rules.lacking, report).map(Some),
    };
    let request_role = beside.request_roles.validate(&raw.request_role, report);
    if let (Some(push), false) = (&raw.push, matches!(raw.queue_arn, Value::Absent)) {
        let message = "stands beside `queue_arn`, and what is delivered comes from a queue that the stack makes; delete one of \
                       the two";
        report.add(push.span().start, PUSH, format_args!("{whose}{message}"));
    }
    let push = match raw.push {
        None => Some(None),
        Some(section) => validate_push(section, &whose, view.as_ref(), rules, report).map(Some),
    };
    let push = match (push, &name) {
        (Some(Some((push, at))), Some(name)) => {
            beside.targets.add(name, &push, at, report);
            Some(Some(push))
        }
        (Some(Some((push, _))), None) => Some(Some(push)),
        (Some(None), _) => Some(None),
        (None, _) => None,
    };
    let erasures = validate_erasures(&whose, &raw.erasures, push.as_ref().and_then(Option::as_ref), report);
    let client = Client {
        name: name?,
        queue: queue?,
        history: history?,
        erasures: erasures?,
        filter: filter?,
        view: view?,
        request_role: request_role?,
        push: push?,
    };
    if client.queue == ClientQueue::Own {
        beside.length.add(client.name.as_str(), raw.at, report);
    }
    Some(client)
}

fn validate_push(
    section: Spanned<DeValue<'_>>,
    whose: &str,
    view: Option<&ClientView>,
    rules: &Rules<'_>,
    report: &mut Report<'_>,
) -> Option<(Push, usize)> {
    let rules = PushRules {
        whose,
        allowed_accounts: rules.allowed_accounts,
        allowed_hosts: rules.allowed_hosts,
        naming: rules.naming,
        view,
        has_names: !rules.lacking.name,
    };
    push::read(section, &rules, report)
}

/// Whether the client is told of erasures. A bucket's has to be, so that an erased aggregate's objects go.
fn validate_erasures(
    whose: &str,
    value: &Value<bool>,
    push: Option<&Push>,
    report: &mut Report<'_>,
) -> Option<bool> {
    let deletes =
        push.is_some_and(|push| matches!(push.target, PushTarget::S3(S3Target { deletes_erased: true, .. })));
    match value {
        Value::Is(erasures) if deletes && !*erasures.get_ref() => {
            let message = "is `false`, so that the objects of an erased aggregate would stay; delete the line, or write \
                           `on_erased = \"keep\"` for the bucket";
            report.add(erasures.span().start, ERASURES, format_args!("{whose}{message}"));
            None
        }
        value => flag(value, deletes),
    }
}

/// The value, or `default` if it is left out; none if it is wrong.
fn flag(value: &Value<bool>, default: bool) -> Option<bool> {
    match value {
        Value::Absent => Some(default),
        Value::Wrong => None,
        Value::Is(value) => Some(*value.get_ref()),
    }
}

/// The length of the stack's parameter that lists the clients without a queue of their own. (Thirty ARNs always fit
/// theirs.)
#[derive(Default)]
struct Length(usize);

impl Length {
    /// Adds a name with its comma; reports the first that is too much.
    fn add(&mut self, name: &str, at: usize, report: &mut Report<'_>) {
        let before = self.0;
        self.0 += name.len() + usize::from(before > 0);
        if before <= PARAMETER_LIMIT && self.0 > PARAMETER_LIMIT {
            let message = format_args!(
                "all of these together are longer than the {PARAMETER_LIMIT} characters that a stack's parameter \
                 holds; shorten some, or register the others in another stack"
            );
            report.add(at, NAME, message);
        }
    }
}

/// The name of each of `raw`, none where it is wrong.
fn validate_names(raw: &[RawClient<'_>], report: &mut Report<'_>) -> Vec<Option<ClientName>> {
    let mut seen: HashMap<String, (ClientName, usize)> = HashMap::new();
    let mut names = Vec::with_capacity(raw.len());
    for client in raw {
        let name = validate_name(client, report);
        if let (Some(name), Value::Is(text)) = (&name, &client.name) {
            let at = text.span().start;
            let key = name.as_str().to_ascii_lowercase();
            if let Some((first, first_at)) = seen.get(&key) {
                let line = report.line(*first_at);
                let difference = if first == name { "is" } else { "differs only in case from" };
                let message = format!("`{name}` {difference} the name in line {line}; choose another");
                report.add(at, NAME, message);
            } else {
                seen.insert(key, (name.clone(), at));
            }
        }
        names.push(name);
    }
    names
}

fn validate_name(client: &RawClient<'_>, report: &mut Report<'_>) -> Option<ClientName> {
    match &client.name {
        Value::Absent => {
            report.add(client.at, NAME, "missing; name the client, as in `name = \"Billing\"`");
            None
        }
        Value::Wrong => None,
        Value::Is(text) => ClientName::try_new(text.get_ref())
            .map_err(|error| report.add(text.span().start, NAME, error))
            .ok(),
    }
}

/// The queues that clients bring along.
struct ExistingQueues<'a> {
    rules: &'a Rules<'a>,
    own_queues: OwnQueues<'a>,
    /// Without a place: partition and region of the first queue, and where it stands.
    home: Option<(String, String, usize)>,
    /// Where each queue was first named.
    seen: HashMap<QueueArn, usize>,
}

impl ExistingQueues<'_> {
    fn validate(&mut self, text: &Spanned<Cow<'_, str>>, report: &mut Report<'_>) -> Option<QueueArn> {
        let at = text.span().start;
        let arn = QueueArn::try_new(text.get_ref()).map_err(|error| report.add(at, QUEUE_ARN, error)).ok()?;
        if let Some(allowed) = self.rules.allowed_accounts
            && !allowed.contains(&arn.account)
        {
            let message = format_args!(
                "account `{}` is not among `source.allowed_accounts`; add it if it may receive every event",
                arn.account
            );
            report.add(at, QUEUE_ARN, message);
        }
        self.check_home(&arn, at, report);
        if let Some(role) = self.own_queues.role_of(&arn) {
            let certainty = if self.rules.naming.is_some() { "is" } else { "could be" };
            let message = format_args!("{} {certainty} {role}; name another queue", quoted(&arn.name));
            report.add(at, QUEUE_ARN, message);
        }
        if let Some(first_at) = self.seen.get(&arn) {
            let line = report.line(*first_at);
            let message =
                format!("is the queue of the client in line {line} too; give each client its own queue");
            report.add(at, QUEUE_ARN, message);
        } else {
            self.seen.insert(arn.clone(), at);
        }
        Some(arn)
    }

    fn check_home(&mut self, arn: &QueueArn, at: usize, report: &mut Report<'_>) {
        let (partition, region, whose) = if let Some(naming) = self.rules.naming {
            (&naming.partition, &naming.region, "the stack".to_owned())
        } else {
            let first = || (arn.partition.clone(), arn.region.clone(), at);
            let (partition, region, first_at) = self.home.get_or_insert_with(first);
            (&*partition, &*region, format!("the queue in line {}", report.line(*first_at)))
        };
        if (&arn.partition, &arn.region) != (partition, region) {
            let message = format!(
                "is in `{}` of `{}`, {whose} in `{region}` of `{partition}`; name a queue of the stack's region",
                arn.region, arn.partition
            );
            report.add(at, QUEUE_ARN, message);
        }
    }
}

/// The queues that the stack makes, by the end of their names.
struct OwnQueues<'a> {
    naming: Option<&'a Naming>,
    roles: Vec<(String, String)>,
}

impl<'a> OwnQueues<'a> {
    /// `names` are those of `raw`.
    fn new(raw: &[RawClient<'_>], names: &[Option<ClientName>], naming: Option<&'a Naming>) -> Self {
        let stack =
            OwnQueue::ALL.map(|queue| (queue.base_name().to_owned(), format!("the stack's own {queue}")));
        let clients = raw.iter().zip(names).filter_map(|(raw, name)| {
            let name = name.as_ref().filter(|_| matches!(raw.queue_arn, Value::Absent))?;
            let role = format!("the queue that the stack makes for the client `{name}`");
            Some((naming::client_base_name(name.as_str()), role))
        });
        Self { naming, roles: stack.into_iter().chain(clients).collect() }
    }

    /// What `arn` is to the stack, if it is one of the stack's queues, or could be where the place is not known.
    fn role_of(&self, arn: &QueueArn) -> Option<&str> {
        let prefix_fits = |prefix: &str| match self.naming {
            Some(naming) => is_at(arn, naming) && prefix == naming.prefix,
            None => naming::check_prefix(prefix).is_ok(),
        };
        let mut roles = self.roles.iter();
        let (_, role) =
            roles.find(|(base, _)| arn.name.strip_suffix(base.as_str()).is_some_and(prefix_fits))?;
        Some(role)
    }
}

fn is_at(arn: &QueueArn, naming: &Naming) -> bool {
    let Naming { partition, region, account, prefix: _ } = naming;
    (&arn.partition, &arn.region, &arn.account) == (partition, region, account)
}
