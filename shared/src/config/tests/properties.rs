//! Properties of any file: it is read or has findings, and a valid one means what was written.

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
        if let Some(pattern) = &client.filter {
            let text = FILTERS.into_iter().find(|text| filter(text) == *pattern).unwrap();
            file += &format!("[client.filter]\n{text}\n");
        }
    }
    file
}

/// One of a few roles, so that clients share some.
fn role(index: usize) -> RoleArn {
    RoleArn::try_new(&format!("arn:aws:iam::44445555666{}:role/consumer", index % 7)).unwrap()
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
    ) -> Config {
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
        Config { source, clients: names.into_iter().zip(own).enumerate().map(client).collect(), requests_in_flight, scan_read_units }
    }
}

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
        let mut text: Vec<char> = VALID.chars().collect();
        for (start, length, put) in cuts {
            let start = start.index(text.len() + 1);
            let end = (start + length).min(text.len());
            text.splice(start..end, put.chars());
        }
        check_any(&String::from_iter(text))?;
    }
}
