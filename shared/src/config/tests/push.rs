//! Clients that are pushed to: what their sections may say.

use std::time::Duration;

use expect_test::{Expect, expect};

use super::*;

mod limits;
mod targets;
mod text;
mod webhook;

const SOURCE: &str = "\
[source]
partition_key = 'k'
sort_key = 's'
name = 'n'
version = 'v'
allowed_accounts = ['111122223333', '444455556666']
allowed_hosts = ['hooks.example.com', { host = 'erp.corp', internal = true }, 'login.example.com', '8.8.8.8', '2606:4700::1']
";

const SECRET: &str = "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks/billing-AbCdEf";

/// A file with these clients.
fn file(clients: &str) -> String {
    format!("{SOURCE}\n[[client]]\nname = 'Billing'\n{clients}\n")
}

fn webhook(url: &str) -> String {
    format!("[client.push.webhook]\nurl = '{url}'\nsecret = '{SECRET}'\n")
}

/// The client that these lines make.
#[track_caller]
fn client(lines: &str) -> Client {
    let text = file(lines);
    let config = read(&text, Some(&naming())).unwrap();
    assert_eq!(read(&text, None).as_ref(), Ok(&config));
    config.clients.into_iter().next().unwrap()
}

#[track_caller]
fn target(lines: &str) -> PushTarget {
    client(lines).push.unwrap().target
}

/// In each row, a client of these lines has one finding, with a naming and without. Lines are counted from the client's name.
#[track_caller]
fn check_client(rows: &[&str], expected: Expect) {
    let mut all = String::new();
    for lines in rows {
        let text = file(lines);
        let finding = read(&text, Some(&naming())).expect_err(lines);
        assert_eq!(read(&text, None).as_ref(), Err(&finding));
        assert_eq!(finding.lines().count(), 1, "{finding}");
        assert!(finding.contains("; "), "no remedy: {finding}");
        let (line, rest) = finding.strip_prefix("f.toml:").unwrap().split_once(": ").unwrap();
        let line = line.parse::<usize>().unwrap() - SOURCE.lines().count() - 3;
        all += &format!("+{line}: {rest}\n");
    }
    expected.assert_eq(&all);
}

#[test]
fn four_lines_push_to_a_url() {
    let push = client(&webhook("https://hooks.example.com/marks")).push.unwrap();
    let expected = Push {
        target: PushTarget::Webhook(WebhookTarget {
            url: WebUrl {
                host: "hooks.example.com".to_owned(),
                port: 443,
                path_and_query: "/marks".to_owned(),
                is_internal: false,
            },
            secret: SecretArn::SecretsManager(SECRET.to_owned()),
            timeout: Duration::from_secs(15),
            headers: Vec::new(),
            oauth: None,
        }),
        give_up_after: None,
        on_refused: OnRefused::Hold,
    };
    assert_eq!(push, expected);
    assert!(push.target.is_web() && push.target.keeps_order());
}

#[test]
fn a_client_without_a_target_is_not_pushed_to() {
    assert_eq!(client("").push, None);
}

#[test]
fn a_client_has_one_target_and_a_queue_of_the_stack() {
    let stream = "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/marks'\n";
    let queue = "queue_arn = 'arn:aws:sqs:eu-west-2:111122223333:Q.fifo'\n";
    let hook = webhook("https://hooks.example.com/");
    check_client(
        &[
            "push = true",
            "push = 'https://hooks.example.com'",
            "[client.push]",
            "[client.push]\non_refused = 'skip'",
            "[client.push]\non_refuse = 'skip'",
            "[client.push.sqs]\nqueue = 'a'",
            "[client.push.web_hook]\nurl = 'a'",
            "push.webhook = 7",
            &format!("{hook}{stream}"),
            &format!("{stream}{hook}"),
            &format!("{queue}{stream}"),
        ],
        expect![[r#"
            +1: client.push: client `Billing`: is true or false; write a section with a kind in it, as in `[client.push.webhook]`
            +1: client.push: client `Billing`: is text; write a section with a kind in it, as in `[client.push.webhook]`
            +1: client.push: client `Billing`: has no kind; add one section, as in `[client.push.webhook]`: known are `webhook`, `lambda`, `sns`, `eventbridge`, `kinesis`, `s3`
            +1: client.push: client `Billing`: has no kind; add one section, as in `[client.push.webhook]`: known are `webhook`, `lambda`, `sns`, `eventbridge`, `kinesis`, `s3`
            +2: client.push.on_refuse: client `Billing`: unknown key; did you mean `on_refused`?
            +1: client.push.sqs: client `Billing`: unknown key; did you mean `sns`?
            +1: client.push.web_hook: client `Billing`: unknown key; did you mean `webhook`?
            +1: client.push.webhook: client `Billing`: is a whole number; write a section headed `[client.push.webhook]`
            +4: client.push.kinesis: client `Billing`: stands beside `webhook` in line 11, and a client has one target; delete one of the two, or register another client
            +3: client.push.webhook: client `Billing`: stands beside `kinesis` in line 11, and a client has one target; delete one of the two, or register another client
            +2: client.push: client `Billing`: stands beside `queue_arn`, and what is delivered comes from a queue that the stack makes; delete one of the two
        "#]],
    );
}

#[test]
fn policies_have_words_and_units() {
    let hook = webhook("https://hooks.example.com/");
    let policies = |lines: &str| {
        let push = client(&format!("[client.push]\n{lines}\n{hook}")).push.unwrap();
        (push.give_up_after.map(|after| after.as_secs()), push.on_refused)
    };
    for (text, seconds) in [
        ("1m", 60),
        ("90m", 5_400),
        ("36h", 129_600),
        ("7d", 604_800),
        ("13d", 1_123_200),
        ("0312h", 1_123_200),
    ] {
        let found = policies(&format!("give_up_after = '{text}'\non_refused = 'skip'"));
        assert_eq!(found, (Some(seconds), OnRefused::Skip), "{text}");
    }
    assert_eq!(policies("on_refused = 'hold'"), (None, OnRefused::Hold));
    let with = |lines: &str| format!("[client.push]\n{lines}\n{hook}");
    let rows = [
        "give_up_after = 7",
        "give_up_after = 07:00:00",
        "give_up_after = ''",
        "give_up_after = '7'",
        "give_up_after = 'd'",
        "give_up_after = '-7d'",
        "give_up_after = '+7d'",
        "give_up_after = '7 d'",
        "give_up_after = '1.5d'",
        "give_up_after = '7D'",
        "give_up_after = '7w'",
        "give_up_after = '60s'",
        "give_up_after = '0m'",
        "give_up_after = '14d'",
        "give_up_after = '313h'",
        "give_up_after = '99999999999999999999d'",
        "give_up_after = '18446744073709551615d'",
        "on_refused = true",
        "on_refused = 'Hold'",
        "on_refused = 'drop'",
    ]
    .map(with);
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +2: client.push.give_up_after: client `Billing`: is a whole number; write text in quotes
        +2: client.push.give_up_after: client `Billing`: is a date or time; write text in quotes
        +2: client.push.give_up_after: client `Billing`: `` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `7` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `-7d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `+7d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `7 d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `1.5d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `7D` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `7w` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `60s` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `0m` is not among `1m` to `13d`, and a queue keeps events for 14 days; correct it, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `14d` is not among `1m` to `13d`, and a queue keeps events for 14 days; correct it, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `313h` is not among `1m` to `13d`, and a queue keeps events for 14 days; correct it, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `99999999999999999999d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.give_up_after: client `Billing`: `18446744073709551615d` is no time; write a number with its unit, as in `7d`, `36h` or `90m`, or leave it out to go on trying
        +2: client.push.on_refused: client `Billing`: is true or false; write text in quotes
        +2: client.push.on_refused: client `Billing`: `Hold` is no such policy; write `hold`, so that an event that is refused holds its group, or `skip`, so that it is rejected
        +2: client.push.on_refused: client `Billing`: `drop` is no such policy; write `hold`, so that an event that is refused holds its group, or `skip`, so that it is rejected
    "#]],
    );
}
