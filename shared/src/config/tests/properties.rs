//! Properties of any file: it is read or has findings, and a valid one means what was written.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Filters of clients, as the file has them.
const FILTERS: [&str; 3] = [
    "price = [{ numeric = ['>=', 100] }]",
    "'$message' = { eventName = ['A', { prefix = 'B' }, { exists = false }], version = [1.0] }",
    "'$or' = [{ a = [1] }, { '$message' = { group = [{ anything-but = 'x' }] } }]",
];

fn filter(text: &str) -> Pattern {
    let document = toml::de::DeTable::parse(text).unwrap();
    let section = document.span();
    let section = toml::Spanned::new(section, toml::de::DeValue::Table(document.into_inner()));
    Pattern::try_from_toml("client.filter", &section).unwrap()
}

/// The text of a file that stands for `config`.
fn written(config: &Config) -> String {
    let mut file = String::from("[source]\n");
    let source = &config.source;
    let version = match &source.version {
        VersionPlace { path, after: None, .. } => format!("'{path}'"),
        VersionPlace { path, after: Some(after), .. } => format!("{{ path = '{path}', after = '{after}' }}"),
    };
    let keys = [
        ("partition_key", Some(source.partition_key.clone())),
        ("sort_key", Some(source.sort_key.clone())),
        ("id", source.id.as_ref().map(ToString::to_string)),
        ("name", source.name.as_ref().map(ToString::to_string)),
        ("time", source.time.as_ref().map(ToString::to_string)),
    ];
    for (key, value) in keys {
        file += &value.map(|value| format!("{key} = '{value}'\n")).unwrap_or_default();
    }
    file += &format!("version = {version}\n");
    if source.version.first == 0 {
        file += "first_version = 0\n";
    }
    file += &format!("scan_read_units = {}\n", config.scan_read_units);
    file += "allowed_accounts = ['111122223333', '444455556666']\n";
    file += "allowed_hosts = ['hooks.example.com', { host = 'erp.corp', internal = true }, '2606:4700::1']\n";
    file += &format!("[sending]\nrequests_in_flight = {}\n", config.requests_in_flight);
    for client in &config.clients {
        file += &format!("[[client]]\nname = '{}'\n", client.name);
        if let ClientQueue::Existing(arn) = &client.queue {
            file += &format!("queue_arn = '{arn}'\n");
        }
        if client.history {
            file += "history = true\n";
        }
        let listed = match &client.view.members {
            Members::All => None,
            Members::Fields(paths) => Some(("fields", paths)),
            Members::Omit(paths) => Some(("omit", paths)),
        };
        if let Some((key, paths)) = listed {
            let paths: Vec<String> = paths.iter().map(|path| format!("'{path}'")).collect();
            file += &format!("{key} = [{}]\n", paths.join(", "));
        }
        if let Some(role) = &client.request_role {
            file += &format!("request_role = '{role}'\n");
        }
        if let Some(push) = &client.push {
            file += &written_push(push);
        }
        if let Some(pattern) = &client.filter {
            let text = FILTERS.into_iter().find(|text| filter(text) == *pattern).unwrap();
            file += &format!("[client.filter]\n{text}\n");
        }
    }
    file
}

/// The section that stands for `push`.
fn written_push(push: &Push) -> String {
    let mut section = String::from("[client.push]\n");
    let time = push.give_up_after.map(|after| format!("give_up_after = '{}m'\n", after.as_secs() / 60));
    section += &time.unwrap_or_default();
    section += &format!("on_refused = '{}'\n", push.on_refused);
    section += &format!("[client.push.{}]\n", push.target.kind());
    let url = |WebUrl { host, port, path_and_query, .. }: &WebUrl| {
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        format!("https://{host}:{port}{path_and_query}")
    };
    let pairs = |pairs: Vec<String>| format!("{{ {} }}", pairs.join(", "));
    section += &match &push.target {
        PushTarget::Webhook(target) => {
            let headers =
                target.headers.iter().map(|(name, value)| format!("'{name}' = '{value}'")).collect();
            let oauth = target.oauth.iter().map(|oauth| {
                format!(
                    "[client.push.webhook.oauth]\ntoken_url = '{}'\nclient_id = '{}'\nclient_secret = '{}'\nscope = '{}'\n",
                    url(&oauth.token_url),
                    oauth.client_id,
                    oauth.client_secret,
                    oauth.scope.as_ref().unwrap(),
                )
            });
            format!(
                "url = '{}'\nsecret = '{}'\ntimeout = {}\nheaders = {}\n{}",
                url(&target.url),
                target.secret,
                target.timeout.as_secs(),
                pairs(headers),
                oauth.collect::<String>(),
            )
        }
        PushTarget::Lambda(target) => format!("function = '{}'\nbatch = {}\n", target.function, target.batch),
        PushTarget::Sns(target) => {
            let attributes =
                target.attributes.iter().map(|(name, path)| format!("{name} = '{path}'")).collect();
            format!("topic = '{}'\nattributes = {}\n", target.topic, pairs(attributes))
        }
        PushTarget::EventBridge(target) => {
            let detail_type = target.detail_type.as_ref().unwrap();
            format!("bus = '{}'\nsource = '{}'\ndetail_type = '{detail_type}'\n", target.bus, target.source)
        }
        PushTarget::Kinesis(target) => format!("stream = '{}'\n", target.stream),
        PushTarget::S3(target) => {
            let on_erased = if target.deletes_erased { "delete" } else { "keep" };
            let account = target.account.as_ref().map(|account| format!("account = '{account}'\n"));
            format!(
                "bucket = '{}'\nprefix = '{}'\non_erased = '{on_erased}'\n{}",
                target.bucket,
                target.prefix,
                account.unwrap_or_default()
            )
        }
    };
    section
}

/// One of a few roles, so that clients share some.
fn role(index: usize) -> RoleArn {
    RoleArn::try_new(&format!("arn:aws:iam::44445555666{}:role/consumer", index % 7)).unwrap()
}

prop_compose! {
    /// Some target, and what stands in names of it that are not a number: each client has its own target.
    fn push()(
        kind in 0..6,
        name in "[a-z][a-z0-9]{0,9}",
        path in "[A-Za-z0-9._~!&()*+,;=:@/?-]{0,12}",
        header in prop::option::of(("x-[a-z0-9]{1,9}", "[ -&(-~]{0,9}")),
        (is_first, is_second) in (any::<bool>(), any::<bool>()),
        seconds in 1..=20_u64,
        minutes in prop::option::of(1..=18_720_u64),
    ) -> Push {
        let arn = |service: &str, resource: String| {
            let account = if is_first { "111122223333" } else { "444455556666" };
            let text = format!("arn:aws:{service}:us-east-1:{account}:{resource}");
            let (partition, region) = ("aws".to_owned(), "us-east-1".to_owned());
            TargetArn { partition, region, account: account.to_owned(), resource, text }
        };
        let (host, is_internal) = match (is_first, is_second) {
            (true, _) => ("hooks.example.com", false),
            (false, true) => ("erp.corp", true),
            (false, false) => ("2606:4700::1", false),
        };
        let url = |path: &str| {
            let path_and_query = format!("/{path}");
            WebUrl { host: host.to_owned(), port: 443 + u16::try_from(seconds).unwrap(), path_and_query, is_internal }
        };
        let secret = |name: &str| {
            if is_second {
                SecretArn::SecretsManager(format!("arn:aws:secretsmanager:eu-west-2:111122223333:secret:{name}-AbCdEf"))
            } else {
                SecretArn::Parameter(format!("arn:aws:ssm:eu-west-2:111122223333:parameter/{name}"))
            }
        };
        let target = match kind {
            0 => PushTarget::Webhook(WebhookTarget {
                url: url(&path),
                secret: secret(&name),
                timeout: Duration::from_secs(seconds),
                headers: header.into_iter().map(|(name, value)| (name, format!("a{value}b"))).collect(),
                oauth: is_first.then(|| OAuth {
                    token_url: url("token"),
                    client_id: name.clone(),
                    client_secret: secret("client"),
                    scope: Some("a b".to_owned()),
                    audience: None,
                }),
            }),
            1 => PushTarget::Lambda(LambdaTarget {
                function: arn("lambda", format!("function:{name}{}", if is_second { ":live" } else { "" })),
                batch: is_second,
            }),
            2 => PushTarget::Sns(SnsTarget {
                topic: arn("sns", format!("{name}{}", if is_second { ".fifo" } else { "" })),
                attributes: Vec::new(),
            }),
            3 => PushTarget::EventBridge(EventBridgeTarget {
                bus: arn("events", format!("event-bus/{name}")),
                source: name,
                detail_type: Some(path + "d"),
            }),
            4 => PushTarget::Kinesis(KinesisTarget { stream: arn("kinesis", format!("stream/{name}")) }),
            _ => PushTarget::S3(S3Target {
                bucket: "our-events".to_owned(),
                account: is_first.then(|| "444455556666".to_owned()),
                prefix: format!("{name}/a"),
                kms_key: None,
                deletes_erased: is_second,
            }),
        };
        let on_refused = if is_first { OnRefused::Hold } else { OnRefused::Skip };
        Push { target, give_up_after: minutes.map(|minutes| Duration::from_secs(minutes * 60)), on_refused }
    }
}

/// Whether its queue exists, in another account or not; whether it wants the history; its filter.
type ClientDraft = (Option<bool>, bool, Option<&'static str>);

fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec("[\\PC&&[^.']]{1,5}", 1..4).prop_map(Path)
}

/// Any view without an envelope.
fn view() -> impl Strategy<Value = ClientView> {
    // Names differ at the first level, so that no path lies in another.
    let paths = prop::collection::btree_map("[\\PC&&[^.']]{1,5}", path(), 1..4);
    let path = |(name, Path(rest))| Path([name].into_iter().chain(rest).collect());
    (paths, 0..3).prop_map(move |(paths, kind)| {
        let paths = paths.into_iter().map(path).collect();
        let members = match kind {
            0 => Members::All,
            1 => Members::Fields(paths),
            _ => Members::Omit(paths),
        };
        ClientView { members, envelope: None }
    })
}

prop_compose! {
    fn source()(
        partition_key in "[a-z]{1,9}",
        sort_key in "[A-Z .ë]{1,9}",
        (id, name, time) in (prop::option::of(path()), prop::option::of(path()), prop::option::of(path())),
        version in path(),
        after in prop::option::of("[\\PC&&[^']]{1,9}"),
        first in 0..=1_i64,
    ) -> Source {
        Source { partition_key, sort_key, id, name, time, version: VersionPlace { path: version, after, first }, filter: None }
    }
}

prop_compose! {
    fn config()(
        source in source(),
        requests_in_flight in 1..=50_usize,
        scan_read_units in 1..=100_000_u32,
        // So many names fit a parameter of the stack, whatever they are.
        names in prop::collection::btree_set("[a-z][a-z0-9]{0,39}", 1..=70_usize),
        own in prop::collection::vec(
            (any::<Option<bool>>(), any::<bool>(), prop::option::of(prop::sample::select(&FILTERS[..]))),
            OWN_LIMIT,
        ),
        views in prop::collection::vec(view(), 1..4),
        pushes in prop::collection::btree_map(0..70_usize, push(), 0..20),
    ) -> Config {
        // No two clients have the same target.
        let mut targets = BTreeSet::new();
        let mut pushes = pushes;
        pushes.retain(|_, push| targets.insert(push.target.to_string()));
        let client = |(index, (name, (other_account, history, text))): (usize, (String, ClientDraft))| Client {
            name: ClientName::try_new(&name).unwrap(),
            queue: match other_account {
                Some(other) if index < EXISTING_LIMIT => {
                    let account = if other { "444455556666" } else { "111122223333" };
                    let arn = format!("arn:aws:sqs:eu-west-2:{account}:Queue_{index}-.fifo");
                    ClientQueue::Existing(QueueArn::try_new(&arn).unwrap())
                }
                _ => ClientQueue::Own,
            },
            history,
            erasures: false,
            filter: text.map(filter),
            view: views[index % views.len()].clone(),
            request_role: (index % 5 == 1).then(|| role(index)),
            push: None,
        };
        let client = |draft: (usize, (String, ClientDraft))| {
            let push = pushes.get(&draft.0);
            let client = client(draft);
            let push = push.filter(|_| client.queue == ClientQueue::Own).cloned();
            let erasures = push.as_ref().is_some_and(|push| {
                matches!(&push.target, PushTarget::S3(S3Target { deletes_erased: true, .. }))
            });
            Client { erasures, push, ..client }
        };
        Config { source, clients: names.into_iter().zip(own).enumerate().map(client).collect(), requests_in_flight, scan_read_units }
    }
}

/// Clients with targets, to be cut into pieces.
const PUSHED: &str = "\
[[client]]
name = 'Hooked'
[client.push]
give_up_after = '7d'
[client.push.webhook]
url = 'https://hooks.example.com/marks'
secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/hooks'
headers = { x-team = 'billing' }
[client.push.webhook.oauth]
token_url = 'https://hooks.example.com/token'
client_id = 'a'
client_secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/client'
[[client]]
name = 'Topical'
[client.push.sns]
topic = 'arn:aws:sns:eu-west-2:111122223333:marks.fifo'
attributes = { kind = 'itemType' }
[[client]]
name = 'Kept'
push.s3 = { bucket = 'our-events', prefix = 'a/b' }
";

/// Characters that TOML is made of.
const PUT: &str = r#"[\[\]{}.=,"'\\# \n\r\ta-z0-9_]{0,6}"#;

/// Checks the properties of any text: no panic, and findings that can be read.
fn check_any(text: &str) -> Result<(), TestCaseError> {
    let (Err(findings), Err(without_naming)) = (read(text, Some(&naming())), read(text, None)) else {
        return Ok(());
    };
    for findings in [findings, without_naming] {
        let mut last = 1;
        for finding in findings.split('\n') {
            let finding = finding.strip_prefix("f.toml:").unwrap();
            let line: usize = finding.split(':').next().unwrap().parse().unwrap();
            prop_assert!(line >= last && line <= text.lines().count().max(1), "{finding}");
            prop_assert!(finding.chars().all(|character| !character.is_control()), "{finding}");
            last = line;
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_valid_config_survives_being_written(config in config()) {
        let text = written(&config);
        prop_assert_eq!(read(&text, Some(&naming())), Ok(config.clone()), "{}", text);
        prop_assert_eq!(read(&text, None), Ok(config));
    }

    #[test]
    fn any_text_is_read_or_has_findings(text in "(?s).{0,200}") {
        check_any(&text)?;
    }

    #[test]
    fn any_mutilated_file_is_read_or_has_findings(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..30_usize, PUT), 1..6),
    ) {
        let mut text: Vec<char> = format!("{VALID}{PUSHED}").chars().collect();
        for (start, length, put) in cuts {
            let start = start.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, put.chars());
        }
        check_any(&String::from_iter(text))?;
    }
}
