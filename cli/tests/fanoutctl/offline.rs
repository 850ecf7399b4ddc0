//! Output and exit status of the tool when it does not ask AWS, or gets no answer.

use std::fs::{self, Permissions};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use expect_test::{Expect, expect};

use crate::support::{CONFIG, directory, fanoutctl, fanoutctl_at, run, service};

const BROKEN: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
time = "createTime"
verison = "version"

[[client]]
name = "my-team"

[[client]]
name = "Reporting"
queue_arn = "arn:aws:sqs:eu-west-2:444455556666:Events"
"#;

#[test]
fn a_valid_config_is_summed_up() {
    let directory = directory("valid");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl(&directory, arguments)));
    };
    check(
        &["validate"],
        expect![[r#"
        exit 0
        --- stdout
        client-queues.toml is valid: 2 clients, 1 with an existing queue
    "#]],
    );
    check(
        &["validate", "--json"],
        expect![[r#"
            exit 0
            --- stdout
            {"valid":true,"clients":[{"name":"Billing","queue_arn":null,"push":null},{"name":"Reporting","queue_arn":"arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo","push":null}],"findings":[],"sample":null}
        "#]],
    );
}

#[test]
fn a_reader_that_had_enough_is_no_error() {
    let directory = directory("closed");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let ended = fanoutctl(&directory, &["validate"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(141), b"".as_slice()));
}

const PUSHED: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
name = "name"
version = "version"
allowed_accounts = ["111122223333", "444455556666"]
allowed_hosts = ["hooks.example.com"]

[[client]]
name = "Billing"
[client.push]
give_up_after = "36h"
on_refused = "skip"
[client.push.webhook]
url = "https://hooks.example.com/marks?key=hunter2"
secret = "arn:aws:ssm:eu-west-2:111122223333:parameter/hooks"

[[client]]
name = "News"
push.sns.topic = "arn:aws:sns:eu-west-2:444455556666:news"

[[client]]
name = "Archive"
[client.push.s3]
bucket = "our-events"
"#;

#[test]
fn targets_are_listed_and_a_client_with_one_can_be_taken_out() {
    let directory = directory("pushed");
    fs::write(directory.join("client-queues.toml"), PUSHED).unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        let printed = run(&mut fanoutctl(&directory, arguments));
        assert!(!printed.contains("hunter2"), "{printed}");
        expected.assert_eq(&printed);
    };
    check(
        &["validate"],
        expect![[r#"
        exit 0
        --- stdout
        client-queues.toml: warning: client.push.sns.topic: client `News`: order ends at a standard topic: its subscribers get an aggregate's events in any order, and some twice; name a FIFO topic, or let subscribers put events in order by `version`
        client-queues.toml is valid: 3 clients, 0 with an existing queue, 3 pushed to a target
          Billing: webhook https://hooks.example.com/marks?… (leaves AWS; what fails for 36h counts as refused; what it refuses is left out, with a rejection)
          News: sns arn:aws:sns:eu-west-2:444455556666:news (goes to account 444455556666; order ends there)
          Archive: s3 our-events (stays in the account; an erased aggregate's objects are deleted)
    "#]],
    );
    check(
        &["validate", "--json"],
        expect![[r#"
        exit 0
        --- stdout
        {"valid":true,"clients":[{"name":"Billing","queue_arn":null,"push":{"client":"Billing","kind":"webhook","target":"https://hooks.example.com/marks?…","account":null,"region":null,"is_internal":false,"token_url":null,"keeps_order":true,"give_up_after":"36h","on_refused":"skip","on_erased":null}},{"name":"News","queue_arn":null,"push":{"client":"News","kind":"sns","target":"arn:aws:sns:eu-west-2:444455556666:news","account":"444455556666","region":"eu-west-2","is_internal":null,"token_url":null,"keeps_order":false,"give_up_after":null,"on_refused":"hold","on_erased":null}},{"name":"Archive","queue_arn":null,"push":{"client":"Archive","kind":"s3","target":"our-events","account":null,"region":null,"is_internal":null,"token_url":null,"keeps_order":true,"give_up_after":null,"on_refused":"hold","on_erased":"delete"}}],"findings":[{"subject":"client-queues.toml","line":null,"key":"client.push.sns.topic","problem":"client `News`: order ends at a standard topic: its subscribers get an aggregate's events in any order, and some twice","remedy":"name a FIFO topic, or let subscribers put events in order by `version`","advice":null,"severity":"warning"}],"sample":null}
    "#]],
    );
    fs::write(directory.join("client-queues.toml"), PUSHED.replace("?key=hunter2", "#hunter2")).unwrap();
    check(
        &["validate"],
        expect![[r#"
        exit 3
        --- stderr
        error: client-queues.toml:16: client.push.webhook.url: client `Billing`: has a fragment, which no server gets; delete the `#` and what follows it
    "#]],
    );
    fs::write(directory.join("client-queues.toml"), PUSHED).unwrap();
    run(&mut fanoutctl(&directory, &["client", "remove", "Billing"]));
    let (before, rest) = PUSHED.split_once("[[client]]\nname = \"Billing\"").unwrap();
    let (_, behind) = rest.split_once("[[client]]").unwrap();
    let left = fs::read_to_string(directory.join("client-queues.toml")).unwrap();
    assert_eq!(left, format!("{before}[[client]]{behind}"));
}

#[test]
fn a_sample_shows_how_the_config_reads_items() {
    let directory = directory("sample");
    let config = CONFIG.replace("sort_key = \"createTime\"", "sort_key = \"version\"");
    fs::write(directory.join("client-queues.toml"), config).unwrap();
    let check = |items: &str, arguments: &[&str], expected: Expect| {
        fs::write(directory.join("items.jsonl"), items).unwrap();
        let arguments = [&["validate", "--sample", "items.jsonl"], arguments].concat();
        expected.assert_eq(&run(&mut fanoutctl(&directory, &arguments)));
    };
    let item = r#"{"mark": {"S": "A"}, "version": {"N": "1"}, "createTime": {"S": "2026-01-05T09:00:00Z"}}"#;
    check(
        item,
        &["--show-body"],
        expect![[r#"
        exit 0
        --- stdout
        client-queues.toml: warning: source.id: is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the sort keys of before, and its events are taken for the old ones; name the events' own ids as `id`, or never erase an aggregate
        client-queues.toml is valid: 2 clients, 1 with an existing queue

        items.jsonl: 1 item, as new ones: 1 event, 0 passed over, 0 rejected

        sort key  events  passed over  rejected
        (number)       1            0         0

        one of the events as a message
          partition key  A
          sort key       1
          group          A
          version        1
          time           2026-01-05T09:00:00Z
          id             6f079092b122b89da1f9b6fb2cd42f4a9993256b2cba42ac81c58058c7e8bcee
          size           186 bytes
          attributes
            eventId      6f079092b122b89da1f9b6fb2cd42f4a9993256b2cba42ac81c58058c7e8bcee (String)
            eventTime    2026-01-05T09:00:00Z (String)
            version      1 (Number)
          body
            {
              "createTime": "2026-01-05T09:00:00Z",
              "mark": "A",
              "version": 1
            }
    "#]],
    );
    check(
        &item.replace("version", "sequence"),
        &[],
        expect![[r#"
        exit 6
        --- stdout
        client-queues.toml: warning: source.id: is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the sort keys of before, and its events are taken for the old ones; name the events' own ids as `id`, or never erase an aggregate
        client-queues.toml is valid: 2 clients, 1 with an existing queue
        items.jsonl: no item has `version`, the sort key; name the table's sort key as `sort_key`

        items.jsonl: 1 item, as new ones: 0 events, 0 passed over, 1 rejected

        sort key  events  passed over  rejected
        (none)         0            0         1

        1 rejected: the event lacks `version`, its sort key; `[source]` in `client-queues.toml` says where it is
    "#]],
    );
    check(
        &item.replace("version", "sequence"),
        &["--json"],
        expect![[r#"
            exit 6
            --- stdout
            {"valid":true,"clients":[{"name":"Billing","queue_arn":null,"push":null},{"name":"Reporting","queue_arn":"arn:aws:sqs:eu-west-2:444455556666:ReportingEvents.fifo","push":null}],"findings":[{"subject":"client-queues.toml","line":null,"key":"source.id","problem":"is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the sort keys of before, and its events are taken for the old ones","remedy":"name the events' own ids as `id`, or never erase an aggregate","advice":null,"severity":"warning"},{"subject":"items.jsonl","line":null,"key":null,"problem":"no item has `version`, the sort key","remedy":"name the table's sort key as `sort_key`","advice":null,"severity":"fault"}],"sample":{"file":"items.jsonl","page":{"items":1,"events":0,"skipped":0,"rejected":1,"kinds":[{"sort_key":"(none)","events":0,"skipped":0,"rejected":1}],"reasons":[{"reason":"the event lacks `version`, its sort key; `[source]` in `client-queues.toml` says where it is","is_skipped":false,"items":1}],"example":null,"views":[]}}}
        "#]],
    );
    check(
        &format!("{item}\nmark,version\n"),
        &[],
        expect![[r#"
        exit 3
        --- stderr
        error: `items.jsonl`, line 2: not JSON (expected value at line 1 column 1); write one item a line, as DynamoDB's JSON (`{"pk": {"S": "a"}}`) or as an event's
    "#]],
    );
}

const FILTERED: &str = r#"
[source]
partition_key = "mark"
sort_key = "createTime"
name = "eventName"
version = "version"

[source.filter]
createTime = [{ anything-but = "HEAD" }]

[[client]]
name = "Billing"

[[client]]
name = "Insurance"

[client.filter]
price = [{ numeric = [">=", 1000] }]

[client.filter."$message"]
eventName = ["MarkSold"]

[[client]]
name = "Tax"
filter = { price = [{ exists = true }] }
"#;

const FILTERED_ITEMS: &str = r#"
{"mark": "AFC F5", "createTime": "2026-01-05T09:00:00Z", "version": 1, "eventName": "MarkMade"}
{"mark": "AFC F5", "createTime": "2026-01-05T09:00:01Z", "version": 2, "eventName": "MarkSold", "price": 299.90}

{"mark": {"S": "AFC F5"}, "createTime": {"S": "2026-01-05T09:00:02Z"}, "version": {"N": "3"}, "eventName": {"S": "MarkSold"}, "price": {"N": "1000.0"}}
{"mark": "AFC F5", "createTime": "HEAD", "version": 3}
{"mark": "AFC F5", "createTime": "2026-01-05T09:00:03Z"}
"#;

#[test]
fn a_file_of_events_shows_who_gets_them() {
    let directory = directory("match");
    fs::write(directory.join("client-queues.toml"), FILTERED).unwrap();
    fs::write(directory.join("items.jsonl"), FILTERED_ITEMS).unwrap();
    fs::write(directory.join("empty.jsonl"), "\n").unwrap();
    fs::write(directory.join("broken.jsonl"), "{}\n[]\n").unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl(&directory, &[&["match"], arguments].concat())));
    };
    check(
        &["items.jsonl"],
        expect![[r#"
            exit 0
            --- stdout
            items.jsonl: 5 items, as new ones: 3 events, 1 passed over, 1 rejected

            item  group     version  event       client         gets it  why not
            #1    AFC%20F5        1  MarkMade    Billing        yes
            #1    AFC%20F5        1  MarkMade    Insurance      no       `price` is not there
            #1    AFC%20F5        1  MarkMade    Tax            no       `price` is not there
            #2    AFC%20F5        2  MarkSold    Billing, Tax   yes
            #2    AFC%20F5        2  MarkSold    Insurance      no       `price` has another value
            #3    AFC%20F5        3  MarkSold    all 3 clients  yes
            #4    -               -  (no event)  -              -        `createTime` has another value
            #5    -               -  (rejected)  -              -        the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is

            client     filter  events
            Billing    no           3
            Insurance  yes          1
            Tax        yes          2
        "#]],
    );
    check(
        &["items.jsonl", "--client", "Insurance"],
        expect![[r#"
            exit 0
            --- stdout
            items.jsonl: 5 items, as new ones: 3 events, 1 passed over, 1 rejected

            item  group     version  event       client     gets it  why not
            #1    AFC%20F5        1  MarkMade    Insurance  no       `price` is not there
            #2    AFC%20F5        2  MarkSold    Insurance  no       `price` has another value
            #3    AFC%20F5        3  MarkSold    Insurance  yes
            #4    -               -  (no event)  -          -        `createTime` has another value
            #5    -               -  (rejected)  -          -        the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is

            client     filter  events
            Insurance  yes          1
        "#]],
    );
    check(
        &["items.jsonl", "--json"],
        expect![[r#"
        exit 0
        --- stdout
        {"file":"items.jsonl","items":[{"item":1,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"3fe53f1d195a940aa17b9fe293d70022fe881a1cb18ad11c366ec02b3f5664b2","name":"MarkMade","time":null,"version":1},"clients":[{"client":"Billing","is_wanted":true,"reason":null},{"client":"Insurance","is_wanted":false,"reason":"`price` is not there"},{"client":"Tax","is_wanted":false,"reason":"`price` is not there"}]},{"item":2,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"5f93199cdbebabe49981e06e26208c6ae11ee1f62e4db89513ab0cce9e90365a","name":"MarkSold","time":null,"version":2},"clients":[{"client":"Billing","is_wanted":true,"reason":null},{"client":"Insurance","is_wanted":false,"reason":"`price` has another value"},{"client":"Tax","is_wanted":true,"reason":null}]},{"item":3,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"018b5cb3ab93f58b84a4685d953372be51fe51f16d75effb7b2b776a078af660","name":"MarkSold","time":null,"version":3},"clients":[{"client":"Billing","is_wanted":true,"reason":null},{"client":"Insurance","is_wanted":true,"reason":null},{"client":"Tax","is_wanted":true,"reason":null}]},{"item":4,"outcome":"skipped","reason":"`createTime` has another value","event":null,"clients":[]},{"item":5,"outcome":"rejected","reason":"the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is","event":null,"clients":[]}],"clients":[{"client":"Billing","has_filter":false,"events":3},{"client":"Insurance","has_filter":true,"events":1},{"client":"Tax","has_filter":true,"events":2}]}
    "#]],
    );
    check(
        &["items.jsonl", "--client", "Tax", "--json"],
        expect![[r#"
        exit 0
        --- stdout
        {"file":"items.jsonl","items":[{"item":1,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"3fe53f1d195a940aa17b9fe293d70022fe881a1cb18ad11c366ec02b3f5664b2","name":"MarkMade","time":null,"version":1},"clients":[{"client":"Tax","is_wanted":false,"reason":"`price` is not there"}]},{"item":2,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"5f93199cdbebabe49981e06e26208c6ae11ee1f62e4db89513ab0cce9e90365a","name":"MarkSold","time":null,"version":2},"clients":[{"client":"Tax","is_wanted":true,"reason":null}]},{"item":3,"outcome":"event","reason":null,"event":{"group":"AFC%20F5","id":"018b5cb3ab93f58b84a4685d953372be51fe51f16d75effb7b2b776a078af660","name":"MarkSold","time":null,"version":3},"clients":[{"client":"Tax","is_wanted":true,"reason":null}]},{"item":4,"outcome":"skipped","reason":"`createTime` has another value","event":null,"clients":[]},{"item":5,"outcome":"rejected","reason":"the event lacks `version`, its version; `[source]` in `client-queues.toml` says where it is","event":null,"clients":[]}],"clients":[{"client":"Tax","has_filter":true,"events":2}]}
    "#]],
    );
    check(
        &["items.jsonl", "--client", "Insurence"],
        expect![[r#"
        exit 2
        --- stderr
        error: no client is called `Insurence`; did you mean `Insurance`?
    "#]],
    );
    check(
        &["empty.jsonl"],
        expect![[r#"
        exit 0
        --- stdout
        empty.jsonl: 0 items, as new ones: 0 events, 0 passed over, 0 rejected
    "#]],
    );
    check(
        &["broken.jsonl"],
        expect![[r#"
        exit 3
        --- stderr
        error: `broken.jsonl`, line 2: not a JSON object; write one item a line, as DynamoDB's JSON (`{"pk": {"S": "a"}}`) or as an event's
    "#]],
    );
    check(
        &["missing.jsonl"],
        expect![[r#"
        exit 3
        --- stderr
        error: `missing.jsonl` can't be read: No such file or directory (os error 2)
    "#]],
    );
}

#[test]
fn a_sample_shows_clients_filters_that_match_none_of_it() {
    let directory = directory("sample-of-filters");
    fs::write(directory.join("client-queues.toml"), FILTERED.replace("[\"MarkSold\"]", "[\"MarkSlod\"]"))
        .unwrap();
    fs::write(directory.join("items.jsonl"), FILTERED_ITEMS.lines().take(3).collect::<Vec<_>>().join("\n"))
        .unwrap();
    let found = run(&mut fanoutctl(&directory, &["validate", "--sample", "items.jsonl"]));
    let head: Vec<&str> = found.lines().take(5).collect();
    expect![[r#"
        exit 0
        --- stdout
        client-queues.toml is valid: 3 clients, 0 with an existing queue
        items.jsonl: warning: the filter of client `Insurance` matches none of 2 events; compare its values with those of events, if it should; `fanoutctl match FILE` names the field that says no
        items.jsonl: warning: `MarkSlod` in `"$message".eventName` of the filter of client `Insurance` is the value of none of 2 events; did you mean `MarkSold`?"#]].assert_eq(&head.join("\n"));
}

#[test]
fn every_finding_about_a_broken_config_is_printed() {
    let directory = directory("broken");
    fs::write(directory.join("teams.toml"), BROKEN).unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl(&directory, arguments)));
    };
    check(
        &["validate", "--config", "teams.toml"],
        expect![[r#"
            exit 3
            --- stderr
            error: teams.toml:2: source.version: missing; name the attribute that numbers an aggregate's events, or, if yours have no number, count on condition from now on: docs/ordering.md says how under "My events have no version"
            error: teams.toml:6: source.verison: unknown key; did you mean `version`?
            error: teams.toml:9: client.name: `my-team` is not a client's name; use a letter, then up to 39 letters and digits
            error: teams.toml:13: client.queue_arn: queue `Events` is not FIFO; its name must end in `.fifo`
        "#]],
    );
    check(
        &["validate", "--config", "teams.toml", "--json"],
        expect![[r#"
            exit 3
            --- stdout
            {"valid":false,"clients":[],"findings":[{"subject":"teams.toml","line":2,"key":"source.version","problem":"missing","remedy":"name the attribute that numbers an aggregate's events, or, if yours have no number, count on condition from now on: docs/ordering.md says how under \"My events have no version\"","advice":null,"severity":"fault"},{"subject":"teams.toml","line":6,"key":"source.verison","problem":"unknown key","remedy":"did you mean `version`?","advice":null,"severity":"fault"},{"subject":"teams.toml","line":9,"key":"client.name","problem":"`my-team` is not a client's name","remedy":"use a letter, then up to 39 letters and digits","advice":null,"severity":"fault"},{"subject":"teams.toml","line":13,"key":"client.queue_arn","problem":"queue `Events` is not FIFO","remedy":"its name must end in `.fifo`","advice":null,"severity":"fault"}],"sample":null}
        "#]],
    );
    check(
        &["validate"],
        expect![[r#"
            exit 3
            --- stderr
            error: `client-queues.toml` can't be read: No such file or directory (os error 2); run this in the clone, or name the file with `--config`
        "#]],
    );
}

#[test]
fn nothing_is_asked_while_the_config_is_broken() {
    let directory = directory("nothing-asked");
    fs::write(directory.join("client-queues.toml"), BROKEN).unwrap();
    fs::write(directory.join("template.yml"), "Resources: {}\n").unwrap();
    // A command that asks AWS is refused, and ends with another status.
    let endpoint = service(
        "403 Forbidden",
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>",
    );
    for arguments in [&["plan"][..], &["deploy", "--yes"], &["policy", "Reporting"]] {
        let output = fanoutctl_at(&endpoint, &directory, arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains("client.name: `my-team`"), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_command_line_that_cannot_be_followed_is_explained() {
    let directory = directory("command-line");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl(&directory, arguments)));
    };
    check(
        &["policy", "Reportin"],
        expect![[r#"
        exit 2
        --- stderr
        error: no client is called `Reportin`; did you mean `Reporting`?
    "#]],
    );
    check(
        &["policy", "Enforcement"],
        expect![[r#"
        exit 2
        --- stderr
        error: no client is called `Enforcement`; there are `Billing`, `Reporting`
    "#]],
    );
    check(
        &["policy", "Billing", "--key"],
        expect![[r#"
        exit 2
        --- stderr
        error: client `Billing` has no `queue_arn`: its queue has the stack's key, which the stack's role may use; there is nothing to paste
    "#]],
    );
    check(
        &["plan", "--function-timeout", "7"],
        expect![[r#"
            exit 2
            --- stderr
            error: invalid value '7' for '--function-timeout <SECONDS>': a function timeout of 7 s is not possible; choose one of 2, 5, 10, 15, 20, 30 s

            For more information, try '--help'.
        "#]],
    );
    check(
        &["replay", "Billing", "--from", "1"],
        expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          <--group <KEY>|--all>

        Usage: fanoutctl replay --from <VERSION> <--group <KEY>|--all> <CLIENT>

        For more information, try '--help'.
    "#]],
    );
    check(
        &["replay", "Billing", "--group", "-7", "--from", "-1"],
        expect![[r#"
            exit 2
            --- stderr
            error: invalid value '-1' for '--from <VERSION>': a version is a whole number, 0 or above

            For more information, try '--help'.
        "#]],
    );
    check(
        &["backfill", "Billing", "--from", "3"],
        expect![[r#"
            exit 2
            --- stderr
            error: invalid value '3' for '--from <VERSION>': a backfill begins at the first version; use `fanoutctl replay CLIENT --all --from VERSION`

            For more information, try '--help'.
        "#]],
    );
    check(
        &["plan", "--kms-key-arn", "alias/aws/sqs"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'alias/aws/sqs' for '--kms-key-arn <ARN>': `alias/aws/sqs` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id` (not an alias), or nothing for the encryption of SQS

        For more information, try '--help'.
    "#]],
    );
    check(
        &["plan", "--prefix", "test_"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'test_' for '--prefix <PREFIX>': `test_` is not a prefix; use up to 16 letters, digits and hyphens, or none

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn deploy_needs_a_clone_of_the_repository() {
    // Not below the target directory, which may be inside a clone.
    let directory = std::env::temp_dir().join(format!("fanoutctl-no-clone-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let found = run(&mut fanoutctl(&directory, &["deploy", "--yes"]));
    let found = found.replace(&directory.canonicalize().unwrap().display().to_string(), "DIRECTORY");
    fs::remove_dir_all(&directory).unwrap();
    expect![[r#"
        exit 3
        --- stderr
        error: there is no `template.yml` in `DIRECTORY` or above it; run `fanoutctl deploy` in a clone of the repository
    "#]].assert_eq(&found);
}

#[test]
fn a_missing_region_or_credential_is_named() {
    let directory = directory("unreachable");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    expect![[r#"
        exit 4
        --- stderr
        error: no AWS region; set `AWS_REGION`, or `region` in the profile that `AWS_PROFILE` names; for `cargo local --stay`, set what it prints
    "#]]
    .assert_eq(&run(&mut fanoutctl(&directory, &["plan"])));
    let mut without_credentials = fanoutctl(&directory, &["plan"]);
    let found = run(without_credentials.env("AWS_REGION", "eu-west-2"));
    // The text between the two is the SDK's.
    assert!(found.starts_with("exit 4\n--- stderr\nerror: no AWS credentials"), "{found}");
    assert!(found.contains("sign in (`aws sso login`)"), "{found}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_an_error() {
    let directory = directory("no-answer");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    // Free a moment ago: no process listens on it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    for arguments in [&["plan"][..], &["policy", "Reporting"], &["delete", "--yes"]] {
        let output = fanoutctl_at(&endpoint, &directory, arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: `DescribeStacks` of `mark-event-queue`: "), "{errors}");
        assert!(errors.contains("Connection refused"), "{errors}");
        let advice = format!(
            "nothing answers at `{endpoint}`, which `AWS_ENDPOINT_URL` names; if that was `cargo local --stay`"
        );
        assert!(errors.contains(&advice), "{errors}");
    }
}

#[test]
fn a_call_that_is_not_allowed_has_a_status_of_its_own() {
    let directory = directory("not-allowed");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let endpoint = service(
        "403 Forbidden",
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:aws:iam::111122223333:\
         user/Somebody is not authorized to perform: cloudformation:DescribeStacks</Message></Error></ErrorResponse>",
    );
    expect![[r#"
        exit 5
        --- stderr
        error: `DescribeStacks` of `mark-event-queue`: User: arn:aws:iam::111122223333:user/Somebody is not authorized to perform: cloudformation:DescribeStacks (`AccessDenied`)
        Rights: `WatchPolicy`; with `InspectPolicy` besides, how items of the event table are read; for a new stack, `cloudformation:ListExports`, `dynamodb:ListTables` and `dynamodb:DescribeTable`, to look its stream up.
    "#]].assert_eq(&run(&mut fanoutctl_at(&endpoint, &directory, &["plan"])));
    // The answer of a proxy between here and AWS.
    let endpoint = service("403 Forbidden", "");
    expect![[r#"
        exit 5
        --- stderr
        error: `DescribeStacks` of `mark-event-queue`: HTTP status 403, without a reason
        Rights: `WatchPolicy`; with `InspectPolicy` besides, how items of the event table are read; for a new stack, `cloudformation:ListExports`, `dynamodb:ListTables` and `dynamodb:DescribeTable`, to look its stream up.
    "#]]
    .assert_eq(&run(&mut fanoutctl_at(&endpoint, &directory, &["plan"])));
}

#[test]
fn nothing_is_deleted_where_there_is_no_stack() {
    let directory = directory("no-stack");
    let endpoint = service(
        "400 Bad Request",
        "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id events does not \
         exist</Message></Error></ErrorResponse>",
    );
    let arguments = ["delete", "--yes", "--stack", "events"];
    expect![[r#"
        exit 4
        --- stderr
        error: there is no stack `events` in eu-west-2 of this account (region from `AWS_REGION`, endpoint `…` from `AWS_ENDPOINT_URL`, credentials from `AWS_ACCESS_KEY_ID`); name another with `--stack`, or another region with `AWS_REGION`, or make it with `fanoutctl deploy --stack events`
    "#]]
    .assert_eq(&run(&mut fanoutctl_at(&endpoint, &directory, &arguments)).replace(&endpoint, "…"));
}

#[test]
fn credentials_that_are_not_taken_are_named_with_what_helps() {
    let directory = directory("credentials");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let check = |code: &str, message: &str, expected: Expect| {
        let body = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        let endpoint = service("403 Forbidden", Box::leak(body.into_boxed_str()));
        expected
            .assert_eq(&run(&mut fanoutctl_at(&endpoint, &directory, &["status"])).replace(&endpoint, "…"));
    };
    check(
        "ExpiredToken",
        "The security token included in the request is expired",
        expect![[r#"
            exit 5
            --- stderr
            error: `DescribeStacks` of `mark-event-queue`: The security token included in the request is expired (`ExpiredToken`); the credentials of `AWS_ACCESS_KEY_ID` have expired; set new ones (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`), or unset these and take a profile
        "#]],
    );
    check(
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
        expect![[r#"
            exit 5
            --- stderr
            error: `DescribeStacks` of `mark-event-queue`: The security token included in the request is invalid. (`InvalidClientTokenId`); `…` does not take the credentials of `AWS_ACCESS_KEY_ID`; set new ones (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`), or unset these and take a profile
        "#]],
    );
}

#[test]
fn control_requests_need_a_stack_with_the_ledger() {
    let directory = directory("no-ledger");
    fs::write(directory.join("client-queues.toml"), CONFIG).unwrap();
    let endpoint = service(
        "200 OK",
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><DescribeStacksResult>\
         <Stacks><member><StackName>events</StackName><StackId>arn:of:events</StackId><CreationTime>2026-01-05T09:00:00Z\
         </CreationTime><StackStatus>CREATE_COMPLETE</StackStatus></member></Stacks></DescribeStacksResult>\
         </DescribeStacksResponse>",
    );
    for arguments in [
        &["pause", "Billing"][..],
        &["resume", "Billing"],
        &["catch-up", "Billing"],
        &["replay", "Billing", "--all", "--from", "1", "--dry-run"],
        &["backfill", "Billing", "--yes"],
        &["reconcile"],
    ] {
        let found =
            run(&mut fanoutctl_at(&endpoint, &directory, &[arguments, &["--stack", "events"]].concat()));
        expect![[r#"
            exit 4
            --- stderr
            error: `DescribeStacks` of `events`: it has no output `LedgerTableName`; deploy it with this version of `fanoutctl`
        "#]].assert_eq(&found);
    }
}

/// The region isn't known, so that there is no plan.
#[test]
fn a_client_is_written_into_the_config_and_taken_out_again() {
    let directory = directory("client");
    let path = directory.join("client-queues.toml");
    fs::write(&path, CONFIG).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&path, directory.join("linked.toml")).unwrap();
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl(&directory, arguments)));
    };
    let filter = "\"$message\".eventVersion = [\"MarkSold\"]";
    check(
        &["client", "add", "Parking", "--config", "linked.toml"],
        expect![[r#"
            exit 0
            --- stdout
            linked.toml: client Parking is added; it is served after a deploy

            no plan: no AWS region; set `AWS_REGION`, or `region` in the profile that `AWS_PROFILE` names; for `cargo local --stay`, set what it prints
        "#]],
    );
    let added = fs::read_to_string(&path).unwrap();
    assert_eq!(added, format!("{CONFIG}\n[[client]]\nname = \"Parking\"\n"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(directory.join("linked.toml")).unwrap().is_symlink());
    for (arguments, expected) in [
        (
            ["add", "Parking", "--history", "--json"].as_slice(),
            expect![[r#"
                exit 3
                --- stderr
                error: client-queues.toml:20: client.name: `Parking` is the name in line 17; choose another
                error: nothing was written; lines are counted with the change
            "#]],
        ),
        (
            &["add", "my-team"],
            expect![[r#"
                exit 3
                --- stderr
                error: client-queues.toml:20: client.name: `my-team` is not a client's name; use a letter, then up to 39 letters and digits
                error: nothing was written; lines are counted with the change
            "#]],
        ),
        (
            &["add", "Tolls", "--filter", filter],
            expect![[r#"
                exit 3
                --- stderr
                error: client-queues.toml:23: client.filter.$message.eventVersion: client `Tolls`: is nothing that a message says about its event; known here are `group`, `eventId`, `eventName`, `eventTime`, `version`
                error: nothing was written; lines are counted with the change; `--filter` takes lines as they stand below `[client.filter]`: `--filter '"$message".eventName = ["MarkSold"]'`
            "#]],
        ),
        (
            &["add", "Tolls", "--filter", "eventName=MarkSold"],
            expect![[r#"
                exit 3
                --- stderr
                error: client-queues.toml:23: not TOML: string values must be quoted, expected literal string; correct it, then the rest of the file is checked
                error: nothing was written; lines are counted with the change; `--filter` takes lines as they stand below `[client.filter]`: `--filter '"$message".eventName = ["MarkSold"]'`
            "#]],
        ),
        (
            &["add", "Tolls", "--queue-arn", "arn:aws:sqs:eu-west-2:999999999999:E.fifo"],
            expect![[r#"
                exit 3
                --- stderr
                error: client-queues.toml:21: client.queue_arn: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
                error: nothing was written; lines are counted with the change
            "#]],
        ),
        (
            &["remove", "parking"],
            expect![[r#"
            exit 2
            --- stderr
            error: no client is called `parking`; did you mean `Parking`?
        "#]],
        ),
    ] {
        check(&[&["client"], arguments].concat(), expected);
        assert_eq!(fs::read_to_string(&path).unwrap(), added);
    }
    check(
        &["client", "remove", "Parking", "--json"],
        expect![[r#"
            exit 0
            --- stdout
            {"file":"client-queues.toml","client":"Parking","change":"removed","plan":null,"no_plan":"no AWS region; set `AWS_REGION`, or `region` in the profile that `AWS_PROFILE` names; for `cargo local --stay`, set what it prints"}
        "#]],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), CONFIG);
    let files = fs::read_dir(&directory).unwrap().count();
    assert_eq!(files, 2, "nothing else is left");
    // Who made it so does not want it changed.
    fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    check(
        &["client", "add", "Parking"],
        expect![[r#"
            exit 3
            --- stderr
            error: `client-queues.toml` can't be written: permission denied
        "#]],
    );
    fs::remove_file(&path).unwrap();
    check(
        &["client", "remove", "Parking"],
        expect![[r#"
        exit 3
        --- stderr
        error: `client-queues.toml` can't be read: No such file or directory (os error 2); run this in the clone, or name the file with `--config`
    "#]],
    );
}

/// The answers to `DescribeTable`, `DescribeTimeToLive` and `Scan` in one.
const TABLE: &str = r#"{
    "Table": {
        "TableName": "Shop", "TableStatus": "ACTIVE",
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}
        ],
        "StreamSpecification": {"StreamEnabled": true, "StreamViewType": "NEW_IMAGE"},
        "LatestStreamArn": "arn:aws:dynamodb:eu-west-2:111122223333:table/Shop/stream/2026-01-05T09:00:00.000"
    },
    "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"},
    "Items": [
        {"pk": {"S": "ORDER#1"}, "sk": {"S": "EVENT#1"}, "seq": {"N": "1"}, "eventId": {"S": "a"}, "at": {"N": "1764489600"}},
        {"pk": {"S": "ORDER#1"}, "sk": {"S": "EVENT#2"}, "seq": {"N": "2"}, "eventId": {"S": "b"}, "at": {"N": "1764489601"}},
        {"pk": {"S": "ORDER#1"}, "sk": {"S": "META"}, "seq": {"N": "2"}}
    ],
    "Count": 3, "ScannedCount": 3
}"#;

#[test]
fn a_first_config_is_written_for_a_table_and_never_over_another() {
    let directory = directory("init");
    let endpoint = service("200 OK", TABLE);
    let check = |arguments: &[&str], expected: Expect| {
        expected.assert_eq(&run(&mut fanoutctl_at(&endpoint, &directory, arguments)));
    };
    check(
        &["init", "--table", "Shop", "--client", "Billing"],
        expect![[r#"
            exit 0
            --- stdout
            table `Shop`: 3 items, as new ones: 2 events, 1 passed over, 0 rejected

            sort key  events  passed over  rejected
            EVENT#…        2            0         0
            META           0            1         0

            1 passed over: `sk` has another value

            one of the events as a message
              partition key  ORDER#1
              sort key       EVENT#1
              group          ORDER#1
              version        1
              time           1764489600
              id             a
              size           122 bytes
              attributes
                eventId      a (String)
                eventTime    1764489600 (String)
                version      1 (Number)

            not known: which attribute is the event's name (`name = "…"`). Without it messages carry none

            client-queues.toml is written. Look at each line of it, then
              fanoutctl deploy --stream-arn arn:aws:dynamodb:eu-west-2:111122223333:table/Shop/stream/2026-01-05T09:00:00.000
            A stack serves one table. If there is one for another table, add --stack NAME --prefix PREFIX.
        "#]],
    );
    let path = directory.join("client-queues.toml");
    let written = fs::read_to_string(&path).unwrap();
    let lines = written.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    expect![[r#"
        [source]
        partition_key = "pk"
        sort_key = "sk"
        id = "eventId"
        time = "at"
        version = "seq"
        allowed_accounts = []
        [source.filter]
        sk = [{ prefix = "EVENT#" }]
        [[client]]
        name = "Billing""#]]
    .assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    check(
        &["validate"],
        expect![[r#"
        exit 0
        --- stdout
        client-queues.toml is valid: 1 client, 0 with an existing queue
    "#]],
    );
    check(
        &["init", "--table", "Shop"],
        expect![[r#"
        exit 2
        --- stderr
        error: `client-queues.toml` exists, and is not written over; move it away, or name another file with `--config`
    "#]],
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), written);
    // Beside the schema, the file names it.
    fs::write(directory.join("client-queues.schema.json"), "{}").unwrap();
    check(
        &["init", "--table", "Shop", "--config", "other.toml", "--json"],
        expect![[r#"
        exit 0
        --- stdout
        {"file":"other.toml","table":"Shop","stream_arn":"arn:aws:dynamodb:eu-west-2:111122223333:table/Shop/stream/2026-01-05T09:00:00.000","page":{"items":3,"events":2,"skipped":1,"rejected":0,"kinds":[{"sort_key":"EVENT#…","events":2,"skipped":0,"rejected":0},{"sort_key":"META","events":0,"skipped":1,"rejected":0}],"reasons":[{"reason":"`sk` has another value","is_skipped":true,"items":1}],"example":{"partition_key":"ORDER#1","sort_key":"EVENT#1","group":"ORDER#1","version":1,"time":"1764489600","id":"a","attributes":[{"name":"eventId","data_type":"String","value":"a"},{"name":"eventTime","data_type":"String","value":"1764489600"},{"name":"version","data_type":"Number","value":"1"}],"size":122,"body":null},"views":[]},"unknown":["which attribute is the event's name (`name = \"…\"`). Without it messages carry none"],"findings":[]}
    "#]],
    );
    let other = fs::read_to_string(directory.join("other.toml")).unwrap();
    assert_eq!(
        other,
        format!("#:schema ./client-queues.schema.json\n{}", written.replace("Billing", "Example"))
    );
    check(
        &["init", "--table", "Shop", "--client", "my-team", "--config", "third.toml"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value 'my-team' for '--client <NAME>': `my-team` is not a client's name; use a letter, then up to 39 letters and digits

        For more information, try '--help'.
    "#]],
    );
    let without =
        service("200 OK", r#"{"Table": {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}}"#);
    let third = ["init", "--table", "Shop", "--config", "third.toml"];
    expect![[r#"
        exit 6
        --- stderr
        error: table `Shop` has no sort key, and so one item for each partition key; name the table that holds each event of an aggregate as an item
    "#]].assert_eq(&run(&mut fanoutctl_at(&without, &directory, &third)));
    assert!(!directory.join("third.toml").exists());
}
