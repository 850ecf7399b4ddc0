//! What the file may hold, what it may not, and what an operator reads then.

use expect_test::{Expect, expect};

use super::*;

mod clients;
mod properties;
mod push;
mod schema;
mod source;
mod view;

const VALID: &str = "\
[source]
partition_key = 'mark'
sort_key = 'createTime'
id = 'eventId'
name = 'eventName'
time = 'createTime'
version = 'RegistrationNumber.version'
allowed_accounts = ['111122223333']

[sending]
requests_in_flight = 6

[[client]]
name = 'Billing'

[[client]]
name = 'Insurers'
queue_arn = 'arn:aws:sqs:eu-west-2:111122223333:InsurersEvents.fifo'
history = true
";

const SHIPPED: &str = include_str!("../../../client-queues.toml");

fn naming() -> Naming {
    Naming::try_new("aws", "eu-west-2", "111122223333", "test-").unwrap()
}

/// Reads `text`. What is valid has to be valid by the schema, too.
#[track_caller]
fn read(text: &str, naming: Option<&Naming>) -> Result<Config, String> {
    let config = Config::try_from_toml("f.toml", text, naming).map_err(|findings| findings.to_string());
    if config.is_ok() {
        assert_eq!(schema::errors(text), Vec::<String>::new(), "{text}");
    }
    config
}

/// In each row, `VALID` with its only `from` replaced by `to` has one finding, with a naming and without.
#[track_caller]
fn check(rows: &[(&str, &str)], expected: Expect) {
    let mut all = String::new();
    for (from, to) in rows {
        let text = edited(from, to);
        let finding = read(&text, Some(&naming())).unwrap_err();
        assert_eq!(read(&text, None).as_ref(), Err(&finding));
        assert_eq!(finding.lines().count(), 1, "{finding}");
        assert!(finding.contains("; "), "no remedy: {finding}");
        all += &(finding + "\n");
    }
    expected.assert_eq(&all);
}

#[track_caller]
fn edited(from: &str, to: &str) -> String {
    assert_eq!(VALID.matches(from).count(), 1, "`{from}` is not unique");
    VALID.replace(from, to)
}

fn names(config: &Config) -> Vec<&str> {
    config.clients.iter().map(|client| client.name.as_str()).collect()
}

#[test]
fn every_key_is_read() {
    let config = read(VALID, Some(&naming())).unwrap();
    let attribute = |name: &str| Some(Path(vec![name.to_owned()]));
    let expected = Source {
        partition_key: "mark".to_owned(),
        sort_key: "createTime".to_owned(),
        id: attribute("eventId"),
        name: attribute("eventName"),
        time: attribute("createTime"),
        version: Path(vec!["RegistrationNumber".to_owned(), "version".to_owned()]).into(),
        filter: None,
    };
    assert_eq!(config.source, expected);
    assert_eq!(config.requests_in_flight, 6);
    assert_eq!(names(&config), ["Billing", "Insurers"]);
    let arn = QueueArn::try_new("arn:aws:sqs:eu-west-2:111122223333:InsurersEvents.fifo").unwrap();
    assert_eq!(config.clients[1].queue, ClientQueue::Existing(arn));
    assert_eq!(config.clients.iter().map(|client| client.history).collect::<Vec<_>>(), [false, true]);
    assert_eq!(config.own_clients().map(ClientName::as_str).collect::<Vec<_>>(), ["Billing"]);
}

#[test]
fn what_is_left_out_has_its_default() {
    let text = "source = { partition_key = 'k', sort_key = 's', version = 'v' }\n\
                client = [{ name = 'A' }]";
    let config = read(text, None).unwrap();
    assert_eq!(config.requests_in_flight, 6);
    assert_eq!((config.source.id, config.source.name, config.source.time), (None, None, None));
    assert!(!config.clients[0].history);
}

#[test]
fn the_shipped_file_is_valid() {
    let config = Config::try_from_toml("client-queues.toml", SHIPPED, Some(&naming())).unwrap();
    assert_eq!(names(&config), ["Billing", "Insurance", "Enforcement"]);
    assert_eq!(config.own_clients().count(), 3);
    assert_eq!(config.source.version.to_string(), "RegistrationNumber.version");
    assert_eq!(
        (config.source.partition_key, config.source.id.map(|id| id.to_string())),
        ("mark".to_owned(), Some("eventId".to_owned()))
    );
}

/// A block with a `[source]` is a whole file; an operator appends any other to one.
#[test]
fn what_the_documentation_shows_is_valid() {
    let pages = [
        include_str!("../../../docs/configuration.md"),
        include_str!("../../../docs/deploy.md"),
        include_str!("../../../README.md"),
    ];
    let blocks = pages.iter().flat_map(|page| page.split("```toml\n").skip(1));
    let blocks: Vec<&str> = blocks.map(|block| block.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 9);
    for block in blocks {
        let is_whole = block.contains("[source]\n");
        let file = if is_whole { block.to_owned() } else { format!("{SHIPPED}\n{block}") };
        assert_eq!(read(&file, Some(&naming())).map(|_| ()), Ok(()), "{block}");
    }
}

#[test]
fn what_is_not_toml_is_refused() {
    check(
        &[
            ("sort_key = 'createTime'", "sort_key = 'createTime"),
            ("[[client]]\nname = 'Billing'", "[[client]\nname = 'Billing'"),
            ("id = 'eventId'", "sort_key = 'eventId'"),
            ("history = true\n", "history = true\nnames = [\n\n"),
        ],
        expect![[r#"
            f.toml:3: not TOML: invalid literal string, expected `'`; correct it, then the rest of the file is checked
            f.toml:13: not TOML: unclosed array table, expected `]`; correct it, then the rest of the file is checked
            f.toml:4: not TOML: duplicate key; correct it, then the rest of the file is checked
            f.toml:20: not TOML: unclosed array, expected `]`; correct it, then the rest of the file is checked
        "#]],
    );
}

#[test]
fn unknown_keys_are_refused() {
    check(
        &[
            ("[source]", "sources = 1\n[source]"),
            ("[sending]", "[proxy]\nport = 1\n[sending]"),
            ("id = 'eventId'", "\nsort-key = 'eventId'"),
            ("id = 'eventId'", r#""i\u0000\nd" = 1"#),
            ("requests_in_flight", "RequestsInFlight"),
            ("name = 'Billing'", "name = 'Billing'\nview = []"),
            ("queue_arn", "queueArn"),
            ("history", "History"),
        ],
        expect![[r#"
            f.toml:1: sources: unknown key; did you mean `source`?
            f.toml:10: proxy: unknown key; known here are `source`, `sending`, `cloudevents`, `client`
            f.toml:5: source.sort-key: unknown key; did you mean `sort_key`?
            f.toml:4: source.i\0\nd: unknown key; known here are `partition_key`, `sort_key`, `id`, `name`, `time`, `version`, `first_version`, `scan_read_units`, `filter`, `allowed_accounts`, `allowed_hosts`
            f.toml:11: sending.RequestsInFlight: unknown key; did you mean `requests_in_flight`?
            f.toml:15: client.view: unknown key; known here are `name`, `queue_arn`, `history`, `erasures`, `filter`, `fields`, `omit`, `envelope`, `request_role`, `push`
            f.toml:18: client.queueArn: unknown key; did you mean `queue_arn`?
            f.toml:19: client.History: unknown key; did you mean `history`?
        "#]],
    );
}

#[test]
fn wrong_types_are_refused() {
    check(
        &[
            ("id = 'eventId'", "id = 1"),
            ("id = 'eventId'", "id = { attribute = 'eventId' }"),
            ("allowed_accounts = ['111122223333']", "allowed_accounts = '111122223333'"),
            ("allowed_accounts = ['111122223333']", "allowed_accounts = [\n'111122223333',\ntrue]"),
            ("version = 'RegistrationNumber.version'", "version = 7"),
            ("allowed_accounts = ['111122223333']", "allowed_accounts = [111122223333]"),
            ("requests_in_flight = 6", "requests_in_flight = 6.0"),
            ("requests_in_flight = 6", "requests_in_flight = 1979-05-27"),
            ("name = 'Billing'", "name = ['Billing']"),
            ("history = true", "history = 'all'"),
            ("[[client]]\nname = 'Billing'\n", "[[sending.client]]"),
            ("[sending]\nrequests_in_flight", "[[sending]]\nrequests_in_flight"),
        ],
        expect![[r#"
            f.toml:4: source.id: is a whole number; write text in quotes
            f.toml:4: source.id: is a section; write text in quotes
            f.toml:8: source.allowed_accounts: is text; write a list in brackets, of texts in quotes
            f.toml:10: source.allowed_accounts: is true or false; write text in quotes
            f.toml:7: source.version: is a whole number; write text in quotes, or `{ path = "…", after = "…" }`
            f.toml:8: source.allowed_accounts: is a whole number; write text in quotes
            f.toml:11: sending.requests_in_flight: is a decimal number; write a whole number without quotes
            f.toml:11: sending.requests_in_flight: is a date or time; write a whole number without quotes
            f.toml:14: client.name: is a list; write text in quotes
            f.toml:19: client.history: is text; write `true` or `false` without quotes
            f.toml:13: sending.client: unknown key; known here are `requests_in_flight`
            f.toml:10: sending: is a list; write one section headed `[sending]`
        "#]],
    );
}

#[test]
fn every_wrong_account_is_reported() {
    let text = edited("['111122223333']", "[\n'12',\n111122223333,\n'111122223333',\n'abc', true]");
    expect![[r#"
        f.toml:9: source.allowed_accounts: `12` is not an account; write its twelve digits
        f.toml:10: source.allowed_accounts: is a whole number; write text in quotes
        f.toml:12: source.allowed_accounts: is true or false; write text in quotes
        f.toml:12: source.allowed_accounts: `abc` is not an account; write its twelve digits"#]]
    .assert_eq(&read(&text, None).unwrap_err());
}

#[test]
fn sections_of_the_wrong_kind_are_refused() {
    let clients = VALID.find("[[client]]").unwrap();
    let (head, _) = VALID.split_at(clients);
    let check = |tail: &str, expected: Expect| {
        expected.assert_eq(&read(&format!("{head}{tail}"), None).unwrap_err());
    };
    check(
        "[client]\nname = 'Billing'",
        expect!["f.toml:13: client: is not a list of clients; write `[[client]]` above each client"],
    );
    check("", expect!["f.toml:1: client: no client is registered; add a section `[[client]]` with a `name`"]);
    expect!["f.toml:1: client: no client is registered; add a section `[[client]]` with a `name`"]
        .assert_eq(&read(&format!("client = []\n{head}"), None).unwrap_err());
    expect!["f.toml:1: client: is a whole number; write `[[client]]` above each client"]
        .assert_eq(&read(&format!("client = [1, {{ name = 'A' }}]\n{head}"), None).unwrap_err());
    expect!["f.toml:1: client: is a whole number; write `[[client]]` above each client"]
        .assert_eq(&read(&format!("client = [1]\n{head}"), None).unwrap_err());
    expect!["f.toml:1: source: missing; write a section `[source]` that names the event table's attributes"]
        .assert_eq(&read("[[client]]\nname = 'A'", None).unwrap_err());
    expect![[r#"
        f.toml:1: source: missing; write a section `[source]` that names the event table's attributes
        f.toml:1: client: no client is registered; add a section `[[client]]` with a `name`"#]]
    .assert_eq(&read("", None).unwrap_err());
}

#[test]
fn everything_that_is_wrong_is_reported_at_once() {
    let text = r#"
owner = "nobody"

[source]
partitionkey = "mark"
sort_key = 7
group = ""
id = ["eventId"]
version = "RegistrationNumber..version"
changes = ["INSERT", "REMOVE", "UPDATE", "INSERT"]
allowed_accounts = ["1111-2222-3333", "111122223333"]

[sending]
requests_in_flight = 500
timeout = 3

[[client]]
name = "my-team"
queue_arn = "arn:aws:sns:eu-west-2:111122223333:Topic.fifo"

[[client]]
name = "Billing"
queue_arn = "arn:aws:sqs:us-east-1:999999999999:test-MarkFanOutQueue.fifo"

[[client]]
nam = "BILLING"

[[client]]
name = "BILLING"
queue_arn = "arn:aws:sqs:eu-west-2:111122223333:Events"

[[client]]
name = "Insurers"
queue_arn = "arn:aws:sqs:us-east-1:999999999999:test-MarkFanOutQueue.fifo"
"#;
    let findings = Config::try_from_toml("client-queues.toml", text, Some(&naming())).unwrap_err();
    let said = findings.all().map(|ConfigFinding { line, key, problem, remedy }| {
        assert!(!problem.is_empty() && !remedy.is_empty(), "{problem}; {remedy}");
        format!("client-queues.toml:{line}: {}: {problem}; {remedy}", key.unwrap_or_default())
    });
    assert_eq!(said.collect::<Vec<_>>().join("\n"), findings.to_string());
    expect![[r#"
        client-queues.toml:2: owner: unknown key; known here are `source`, `sending`, `cloudevents`, `client`
        client-queues.toml:4: source.partition_key: missing; name an attribute of the event table
        client-queues.toml:5: source.partitionkey: unknown key; did you mean `partition_key`?
        client-queues.toml:6: source.sort_key: is a whole number; write text in quotes
        client-queues.toml:7: source.group: is gone: events with the same partition key are a group, because what is missing of a group is read from its partition; delete the line
        client-queues.toml:8: source.id: is a list; write text in quotes
        client-queues.toml:9: source.version: `RegistrationNumber..version` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
        client-queues.toml:10: source.changes: is gone: a new item (`INSERT`) is an event and nothing else is, because an item that is written over would have the same version twice; delete the line
        client-queues.toml:11: source.allowed_accounts: `1111-2222-3333` is not an account; write its twelve digits
        client-queues.toml:14: sending.requests_in_flight: is not among 1 to 50; leave it out for 6, enough for a queue without high throughput
        client-queues.toml:15: sending.timeout: unknown key; known here are `requests_in_flight`
        client-queues.toml:18: client.name: `my-team` is not a client's name; use a letter, then up to 39 letters and digits
        client-queues.toml:19: client.queue_arn: `arn:aws:sns:eu-west-2:111122223333:Topic.fifo` is not of the service `sqs`; name an SQS queue
        client-queues.toml:23: client.queue_arn: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        client-queues.toml:23: client.queue_arn: is in `us-east-1` of `aws`, the stack in `eu-west-2` of `aws`; name a queue of the stack's region
        client-queues.toml:25: client.name: missing; name the client, as in `name = "Billing"`
        client-queues.toml:26: client.nam: unknown key; did you mean `name`?
        client-queues.toml:29: client.name: `BILLING` differs only in case from the name in line 22; choose another
        client-queues.toml:30: client.queue_arn: queue `Events` is not FIFO; its name must end in `.fifo`
        client-queues.toml:34: client.queue_arn: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        client-queues.toml:34: client.queue_arn: is in `us-east-1` of `aws`, the stack in `eu-west-2` of `aws`; name a queue of the stack's region
        client-queues.toml:34: client.queue_arn: is the queue of the client in line 23 too; give each client its own queue"#]].assert_eq(&findings.to_string());
}

#[test]
fn every_line_that_is_not_toml_is_reported_at_once() {
    let text = "[source]\nsort_key = mark\nid = 'eventId'\nid = 'eventName'\n\n[[client]]\nname = 'Billing\n";
    expect![[r#"
        f.toml:2: not TOML: string values must be quoted, expected literal string; correct it, then the rest of the file is checked
        f.toml:4: not TOML: duplicate key; correct it, then the rest of the file is checked
        f.toml:7: not TOML: invalid literal string, expected `'`; correct it, then the rest of the file is checked"#]].assert_eq(&read(text, None).unwrap_err());
}

#[test]
fn lines_are_counted_behind_windows_line_ends_too() {
    let text = edited("Billing", "my-team").replace('\n', "\r\n");
    assert!(read(&text, None).unwrap_err().starts_with("f.toml:14: client.name: "));
}

#[test]
fn foreign_text_is_printed_escaped() {
    let findings = Config::try_from_toml("a\u{1b}[2J\n.toml", r#""k\u0007" = 1"#, None).unwrap_err();
    expect![[r#"
        a\u{1b}[2J\n.toml:1: k\u{7}: unknown key; known here are `source`, `sending`, `cloudevents`, `client`
        a\u{1b}[2J\n.toml:1: source: missing; write a section `[source]` that names the event table's attributes
        a\u{1b}[2J\n.toml:1: client: no client is registered; add a section `[[client]]` with a `name`"#]].assert_eq(&findings.to_string());
}
