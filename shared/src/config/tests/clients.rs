//! Names and queues that a client may have.

use expect_test::{Expect, expect};

use super::*;

#[test]
fn clients_names_can_be_logical_ids_and_differ() {
    for name in ["a", "Z9", &"x".repeat(40)] {
        assert_eq!(names(&read(&edited("Billing", name), None).unwrap()), [name, "Insurers"]);
    }
    check(
        &[
            ("Billing", ""),
            ("Billing", "my-team"),
            ("Billing", "my_team"),
            ("Billing", "1st"),
            ("Billing", "Straße"),
            ("'Billing'", r#""a\u001b[31m\u202e\n""#),
            ("Billing", &"x".repeat(41)),
            ("Billing", &"y".repeat(500)),
            ("'Billing'", "'''\nBilling\n'''"),
            ("name = 'Billing'", ""),
            ("Billing", "Insurers"),
            ("Billing", "insurers"),
        ],
        expect![[r#"
            f.toml:14: client.name: `` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `my-team` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `my_team` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `1st` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `Straße` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `a\u{1b}[31m\u{202e}\n` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy…` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:14: client.name: `Billing\n` is not a client's name; use a letter, then up to 39 letters and digits
            f.toml:13: client.name: missing; name the client, as in `name = "Billing"`
            f.toml:17: client.name: `Insurers` is the name in line 14; choose another
            f.toml:17: client.name: `Insurers` differs only in case from the name in line 14; choose another
        "#]],
    );
}

#[test]
fn only_fifo_queues_of_allowed_accounts_are_clients_queues() {
    const ARN: &str = "arn:aws:sqs:eu-west-2:111122223333:InsurersEvents.fifo";
    let too_long = format!("arn:aws:sqs:eu-west-2:111122223333:{}.fifo", "q".repeat(76));
    check(
        &[
            (ARN, ""),
            (ARN, "https://sqs.eu-west-2.amazonaws.com/111122223333/InsurersEvents.fifo"),
            (ARN, "arn:aws:sqs:eu-west-2:111122223333:Insurers:Events.fifo"),
            (ARN, "arn:aws:sns:eu-west-2:111122223333:InsurersEvents.fifo"),
            (ARN, "arn:AWS:sqs:eu-west-2:111122223333:InsurersEvents.fifo"),
            (ARN, "arn:aws:sqs:London:111122223333:InsurersEvents.fifo"),
            (ARN, "arn:aws:sqs:eu-west-2:11112222333:InsurersEvents.fifo"),
            (ARN, "arn:aws:sqs:eu-west-2:111122223333:InsurersEvents"),
            (ARN, "arn:aws:sqs:eu-west-2:111122223333:.fifo"),
            (ARN, "arn:aws:sqs:eu-west-2:111122223333:Insurers.Events.fifo"),
            (ARN, &too_long),
            (ARN, "arn:aws:sqs:eu-west-2:444455556666:InsurersEvents.fifo"),
            ("['111122223333']", "[]"),
            ("['111122223333']", "[\n'111122223333',\n'12']"),
        ],
        expect![[r#"
            f.toml:18: client.queue_arn: `` is not a queue's ARN; write `arn:aws:sqs:region:account:name.fifo`
            f.toml:18: client.queue_arn: `https://sqs.eu-west-2.amazonaws.com/111122223333/InsurersEvents.fifo` is not a queue's ARN; write `arn:aws:sqs:region:account:name.fifo`
            f.toml:18: client.queue_arn: `arn:aws:sqs:eu-west-2:111122223333:Insurers:Events.fifo` is not a queue's ARN; write `arn:aws:sqs:region:account:name.fifo`
            f.toml:18: client.queue_arn: `arn:aws:sns:eu-west-2:111122223333:InsurersEvents.fifo` is not of the service `sqs`; name an SQS queue
            f.toml:18: client.queue_arn: partition `AWS` is unknown; known are `aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`
            f.toml:18: client.queue_arn: `London` is not a region; write its code, as in `eu-west-2`
            f.toml:18: client.queue_arn: `11112222333` is not an account; write its twelve digits
            f.toml:18: client.queue_arn: queue `InsurersEvents` is not FIFO; its name must end in `.fifo`
            f.toml:18: client.queue_arn: `.fifo` is not a queue's name; use up to 80 letters, digits, `-` and `_`, `.fifo` included
            f.toml:18: client.queue_arn: `Insurers.Events.fifo` is not a queue's name; use up to 80 letters, digits, `-` and `_`, `.fifo` included
            f.toml:18: client.queue_arn: `qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq.fifo` is not a queue's name; use up to 80 letters, digits, `-` and `_`, `.fifo` included
            f.toml:18: client.queue_arn: account `444455556666` is not among `source.allowed_accounts`; add it if it may receive every event
            f.toml:18: client.queue_arn: account `111122223333` is not among `source.allowed_accounts`; add it if it may receive every event
            f.toml:10: source.allowed_accounts: `12` is not an account; write its twelve digits
        "#]],
    );

    let longest = format!("arn:aws:sqs:eu-west-2:111122223333:{}.fifo", "q".repeat(75));
    assert_eq!(read(&edited(ARN, &longest), None).map(|_| ()), Ok(()));
}

/// A file of clients with these queues; `-` is an own queue.
fn with_queues(queues: &[&str]) -> String {
    let mut text = String::from(
        "[source]\npartition_key = 'k'\nsort_key = 's'\ntime = 't'\nversion = 'v'\n\
         allowed_accounts = ['111122223333', '444455556666']\n",
    );
    for (index, queue) in queues.iter().enumerate() {
        text += &format!("[[client]]\nname = 'C{index}'\n");
        if *queue != "-" {
            text += &format!("queue_arn = 'arn:{queue}.fifo'\n");
        }
    }
    text
}

#[test]
fn each_queue_is_one_clients_own_and_none_of_the_stacks() {
    let here = naming();
    let check = |naming: Option<&Naming>, queues: &[&str], expected: Expect| {
        expected.assert_eq(&read(&with_queues(queues), naming).err().unwrap_or_default());
    };
    let london = "aws:sqs:eu-west-2:111122223333:A";
    let ireland = "aws:sqs:eu-west-1:111122223333:A";
    let china = "aws-cn:sqs:cn-north-1:111122223333:A";
    check(Some(&here), &[london, "aws:sqs:eu-west-2:444455556666:A", "-"], expect![[""]]);
    check(
        Some(&here),
        &[london, "-", london, london],
        expect![[r#"
        f.toml:14: client.queue_arn: is the queue of the client in line 9 too; give each client its own queue
        f.toml:17: client.queue_arn: is the queue of the client in line 9 too; give each client its own queue"#]],
    );
    check(
        Some(&here),
        &[ireland, china],
        expect![[r#"
        f.toml:9: client.queue_arn: is in `eu-west-1` of `aws`, the stack in `eu-west-2` of `aws`; name a queue of the stack's region
        f.toml:12: client.queue_arn: is in `cn-north-1` of `aws-cn`, the stack in `eu-west-2` of `aws`; name a queue of the stack's region"#]],
    );
    check(
        Some(&here),
        &["aws-cn:sqs:eu-west-2:111122223333:A"],
        expect![
            "f.toml:9: client.queue_arn: is in `eu-west-2` of `aws-cn`, the stack in `eu-west-2` of `aws`; name a queue of the stack's region"
        ],
    );
    check(None, &[ireland], expect![[""]]);
    check(
        None,
        &["-", ireland, london, china],
        expect![[r#"
        f.toml:14: client.queue_arn: is in `eu-west-2` of `aws`, the queue in line 11 in `eu-west-1` of `aws`; name a queue of the stack's region
        f.toml:17: client.queue_arn: is in `cn-north-1` of `aws-cn`, the queue in line 11 in `eu-west-1` of `aws`; name a queue of the stack's region"#]],
    );

    let own = [
        "aws:sqs:eu-west-2:111122223333:test-MarkFanOutQueue",
        "aws:sqs:eu-west-2:111122223333:test-MarkFanOutRejected",
        "aws:sqs:eu-west-2:111122223333:test-MarkFanOutClientC3",
        "-",
    ];
    check(
        Some(&here),
        &own,
        expect![[r#"
        f.toml:9: client.queue_arn: `test-MarkFanOutQueue.fifo` is the stack's own fan-out queue; name another queue
        f.toml:12: client.queue_arn: `test-MarkFanOutRejected.fifo` is the stack's own rejected queue; name another queue
        f.toml:15: client.queue_arn: `test-MarkFanOutClientC3.fifo` is the queue that the stack makes for the client `C3`; name another queue"#]],
    );
    check(
        None,
        &own,
        expect![[r#"
        f.toml:9: client.queue_arn: `test-MarkFanOutQueue.fifo` could be the stack's own fan-out queue; name another queue
        f.toml:12: client.queue_arn: `test-MarkFanOutRejected.fifo` could be the stack's own rejected queue; name another queue
        f.toml:15: client.queue_arn: `test-MarkFanOutClientC3.fifo` could be the queue that the stack makes for the client `C3`; name another queue"#]],
    );
    let others = [
        "aws:sqs:eu-west-2:444455556666:test-MarkFanOutQueue",
        "aws:sqs:eu-west-2:111122223333:live-MarkFanOutQueue",
        "aws:sqs:eu-west-2:111122223333:test-MarkFanOutClientC2",
        "aws:sqs:eu-west-2:111122223333:a_MarkFanOutQueue",
    ];
    check(Some(&here), &others, expect![[""]]);
    check(
        None,
        &others,
        expect![[r#"
        f.toml:9: client.queue_arn: `test-MarkFanOutQueue.fifo` could be the stack's own fan-out queue; name another queue
        f.toml:12: client.queue_arn: `live-MarkFanOutQueue.fifo` could be the stack's own fan-out queue; name another queue"#]],
    );
}

#[test]
fn a_stack_has_a_hundred_own_and_thirty_existing_queues_at_most() {
    let existing: Vec<String> =
        (0..31).map(|number| format!("aws:sqs:eu-west-2:111122223333:Q{number}")).collect();
    let mut queues: Vec<&str> = existing.iter().take(30).map(String::as_str).collect();
    queues.extend(["-"; 100]);
    assert_eq!(read(&with_queues(&queues), None).unwrap().clients.len(), 130);

    let check = |queues: &[&str], expected: Expect| {
        expected.assert_eq(&read(&with_queues(queues), None).unwrap_err());
    };
    check(
        &["-"; 102],
        expect![
            "f.toml:207: client: more than 100 clients without a `queue_arn`; register the others in another stack"
        ],
    );
    check(
        &existing.iter().map(String::as_str).collect::<Vec<_>>(),
        expect![
            "f.toml:97: client: more than 30 clients with a `queue_arn`; register the others in another stack"
        ],
    );
}

#[test]
fn clients_fit_the_parameters_of_a_stack() {
    let source = "[source]\npartition_key = 'k'\nsort_key = 's'\ntime = 't'\nversion = 'v'\n\
                  allowed_accounts = ['111122223333']\n";
    let own = |count: usize| -> String {
        (0..count).map(|number| format!("[[client]]\nname = '{}{number:02}'\n", "x".repeat(38))).collect()
    };
    assert!(read(&format!("{source}{}", own(99)), None).is_ok());
    let found = read(&format!("{source}{}", own(100)), None).unwrap_err();
    expect!["f.toml:205: client.name: all of these together are longer than the 4096 characters that a stack's parameter holds; shorten some, or register the others in another stack"].assert_eq(&found);

    let arn =
        |number: usize| format!("arn:aws:sqs:eu-west-2:111122223333:{}{number:02}.fifo", "q".repeat(70));
    let existing = |count: usize| -> String {
        (0..count)
            .map(|number| format!("[[client]]\nname = 'C{number}'\nqueue_arn = '{}'\n", arn(number)))
            .collect()
    };
    assert!(read(&format!("{source}{}", existing(30)), None).is_ok(), "the promise");
}

/// The config of two clients, where the second has a filter of these lines, and the line at which they begin.
fn with_filter(lines: &str) -> (String, usize) {
    let text = format!("{VALID}\n[client.filter]\n");
    let line = text.lines().count() + 1;
    (text + lines + "\n", line)
}

#[test]
fn a_filter_is_that_of_the_client_above() {
    let (text, _) = with_filter(
        "RegistrationNumber.price = [{ numeric = ['>=', 100.50] }]\n[client.filter.'$message']\n\
         eventName = ['MarkSold', { prefix = 'Entitlement' }]\nversion = [{ numeric = ['<', 7] }, 9]",
    );
    let filters = |text: &str| -> Vec<Option<String>> {
        let clients = read(text, Some(&naming())).unwrap().clients;
        clients.iter().map(|client| client.filter.as_ref().map(ToString::to_string)).collect()
    };
    let insurers = r#"{"$message":{"eventName":["MarkSold",{"prefix":"Entitlement"}],"version":[{"numeric":["<",7]},9]},"RegistrationNumber":{"price":[{"numeric":[">=",100.50]}]}}"#;
    assert_eq!(filters(&text), [None, Some(insurers.to_owned())]);
    assert_eq!(filters(VALID), [None, None]);
    let of_both = edited("name = 'Billing'", "name = 'Billing'\nfilter = { a = [1] }")
        + "filter.'$message'.group = ['AFC']";
    assert_eq!(
        filters(&of_both),
        [Some(r#"{"a":[1]}"#.to_owned()), Some(r#"{"$message":{"group":["AFC"]}}"#.to_owned())]
    );
}

#[test]
fn findings_about_a_filter_name_line_key_client_and_remedy() {
    let mut all = String::new();
    for lines in [
        "sk = [{ prefxi = 'EVENT#' }]",
        "type = 'event'",
        "",
        "'$message' = ['MarkSold']",
        "'$message' = 7",
        "'$message' = {}",
        "'$message'.name = ['MarkSold']",
        "'$message'.eventname = ['MarkSold']",
        "'$message'.replay = [{ exists = false }]",
        "'$message'.previousVersion = [1]",
        "'$message'.eventName.text = ['MarkSold']",
        "'$message'.eventName = 'MarkSold'",
        "'$message'.prefix = 'Mark'",
        "'$message'.version = ['1']",
        "'$message'.version = [1, { prefix = '1' }]",
        "'$message'.version = [{ anything-but = ['1'] }]",
        "'$message'.version = [{ exists = false }, 1]",
        "'$message'.group = [{ exists = false }]",
        "'$message'.eventId = [{ exists = false }]",
        "'$message'.eventTime = [2026]",
        "'$message'.eventName = [{ null = true }]",
        "'$message'.eventName = [{ anything-but = 1 }]",
        "'$message'.eventName = [{ numeric = ['>', 1] }]",
        "'$message'.'$or' = [{ eventName = ['A'] }, { eventNames = ['B'] }]",
        "'$or' = [{ a = [1] }, { '$message' = { version = ['1'] } }]",
    ] {
        let (text, line) = with_filter(lines);
        let finding = read(&text, Some(&naming())).unwrap_err();
        assert_eq!(finding.lines().count(), 1, "{finding}");
        let place = if lines.is_empty() { line - 1 } else { line };
        all += finding.strip_prefix(&format!("f.toml:{place}: ")).unwrap_or(&finding);
        all += "\n";
    }
    expect![[r#"
        client.filter.sk.prefxi: client `Insurers`: unknown operator; did you mean `prefix`?
        client.filter.type: client `Insurers`: is text; list the values that it may have, in brackets
        client.filter: client `Insurers`: is empty; name a field in it, or delete it
        client.filter.$message: client `Insurers`: is a list; write a section in which `group`, `eventId`, `eventName`, `eventTime`, `version` can stand
        client.filter.$message: client `Insurers`: is a number; write a section in which `group`, `eventId`, `eventName`, `eventTime`, `version` can stand
        client.filter.$message: client `Insurers`: is empty; name a field in it, or delete it
        client.filter.$message.name: client `Insurers`: is nothing that a message says about its event; known here are `group`, `eventId`, `eventName`, `eventTime`, `version`
        client.filter.$message.eventname: client `Insurers`: is nothing that a message says about its event; did you mean `eventName`?
        client.filter.$message.replay: client `Insurers`: says how the message came, not what its event is, and a filter decides on the event alone; delete it
        client.filter.$message.previousVersion: client `Insurers`: says how the message came, not what its event is, and a filter decides on the event alone; delete it
        client.filter.$message.eventName: client `Insurers`: is a section; list the values that it may have, in brackets
        client.filter.$message.eventName: client `Insurers`: is text; list the values that it may have, in brackets
        client.filter.$message.prefix: client `Insurers`: is nothing that a message says about its event; known here are `group`, `eventId`, `eventName`, `eventTime`, `version`
        client.filter.$message.version: client `Insurers`: is a number in every message; write a number without quotes
        client.filter.$message.version: client `Insurers`: is a number in every message; write a number without quotes
        client.filter.$message.version: client `Insurers`: is a number in every message; write a number without quotes
        client.filter.$message.version: client `Insurers`: is in every message, so that no event matches; delete the entry
        client.filter.$message.group: client `Insurers`: is in every message, so that no event matches; delete the entry
        client.filter.$message.eventId: client `Insurers`: is in every message, so that no event matches; delete the entry
        client.filter.$message.eventTime: client `Insurers`: is text in every message; write text in quotes
        client.filter.$message.eventName: client `Insurers`: is text in every message; write text in quotes
        client.filter.$message.eventName: client `Insurers`: is text in every message; write text in quotes
        client.filter.$message.eventName: client `Insurers`: is text in every message; write text in quotes
        client.filter.$message.$or[1].eventNames: client `Insurers`: is nothing that a message says about its event; did you mean `eventName`?
        client.filter.$or[1].$message.version: client `Insurers`: is a number in every message; write a number without quotes
    "#]]
    .assert_eq(&all);
}

#[test]
fn what_a_message_may_lack_or_is_named_inside_can_be_asked_for() {
    for lines in [
        "'$message'.eventName = [{ exists = false }, 'A']",
        "'$message'.eventTime = [{ exists = false }]",
        "'$message'.version = [{ exists = true }, { anything-but = [1, 2] }]",
        "'$message'.group = [{ cidr = '10.0.0.0/8' }, { wildcard = '*x' }, { anything-but = { suffix = 'x' } }]",
        "'$message'.'$or' = [{ eventName = ['A'] }, { version = [1] }]",
        // No message: an attribute that happens to be called so.
        "item.'$message'.replay = [1]",
    ] {
        let (text, _) = with_filter(lines);
        assert_eq!(read(&text, None).map(drop), Ok(()), "{lines}");
    }
}

#[test]
fn a_client_with_a_wrong_filter_and_no_name_has_both_findings() {
    let text = format!("{VALID}[[client]]\nfilter.a = 1\n");
    expect![[r#"
        f.toml:20: client.name: missing; name the client, as in `name = "Billing"`
        f.toml:21: client.filter.a: is a number; list the values that it may have, in brackets"#]]
    .assert_eq(&read(&text, None).unwrap_err());
}

#[test]
fn what_no_message_says_cannot_be_wanted() {
    let finding = |removed: &str, filter: &str| {
        let (text, _) = with_filter(filter);
        read(&text.replace(removed, ""), None).map(drop).unwrap_err()
    };
    expect!["f.toml:22: client.filter.$message.eventName: client `Insurers`: is in no message, because `source.name` is missing; name the attribute with events' names as `source.name`"].assert_eq(&finding("name = 'eventName'\n", "a = [1]\n'$message'.eventName = ['A']"));
    expect!["f.toml:20: client.filter.$message.eventTime: client `Insurers`: is in no message, because `source.time` is missing; name the attribute with events' times as `source.time`"].assert_eq(&finding(
        "time = 'createTime'\n",
        "'$or' = [{ a = [1] }, { '$message'.eventTime = [{ prefix = '2026' }] }]",
    ));
    let absent = "'$message' = { eventName = [{ exists = false }, 'A'], version = [1] }";
    let (text, _) = with_filter(absent);
    assert_eq!(read(&text.replace("name = 'eventName'\n", ""), None).map(drop), Ok(()));
}

#[test]
fn a_role_that_asks_is_one_role() {
    const NAME: &str = "name = 'Billing'";
    let role = |role: &str| format!("{NAME}\nrequest_role = {role}");
    let config = read(&edited(NAME, &role("'arn:aws:iam::444455556666:role/billing'")), None).unwrap();
    let roles: Vec<_> = config.clients.iter().map(|client| client.request_role.as_ref()).collect();
    assert_eq!(roles, [Some(&RoleArn::try_new("arn:aws:iam::444455556666:role/billing").unwrap()), None]);
    check(
        &[
            (NAME, &role("true")),
            (NAME, &role("'billing'")),
            (NAME, &role("'arn:aws:iam::444455556666:role/*'")),
            (NAME, &role("'arn:aws:iam::444455556666:root'")),
            (NAME, &role("'arn:aws:sts::444455556666:assumed-role/billing/1'")),
        ],
        expect![[r#"
            f.toml:15: client.request_role: is true or false; write text in quotes
            f.toml:15: client.request_role: `billing` is not a role's ARN; write `arn:aws:iam::account:role/name`
            f.toml:15: client.request_role: `arn:aws:iam::444455556666:role/*` has a wildcard; name one role
            f.toml:15: client.request_role: `arn:aws:iam::444455556666:root` is a whole account; name its role, as in `arn:aws:iam::444455556666:role/name`
            f.toml:15: client.request_role: `arn:aws:sts::444455556666:assumed-role/billing/1` is a role's session; write the role itself, `arn:aws:iam::444455556666:role/billing` (with its path, if it has one)
        "#]],
    );
}

#[test]
fn as_many_roles_ask_as_a_policy_holds() {
    let file = |roles: &[String]| {
        let mut text =
            String::from("[source]\npartition_key = 'k'\nsort_key = 's'\ntime = 't'\nversion = 'v'\n");
        for (index, role) in roles.iter().enumerate() {
            text += &format!(
                "[[client]]\nname = 'C{index}'\nrequest_role = 'arn:aws:iam::444455556666:role/{role}'\n"
            );
        }
        text
    };
    let numbered = |count: usize| (0..count).map(|index| format!("r{index}")).collect::<Vec<_>>();
    let shared = |count: usize| vec!["shared".to_owned(); count];
    assert_eq!(read(&file(&numbered(50)), None).unwrap().request_roles().len(), 50);
    assert_eq!(read(&file(&shared(60)), None).unwrap().request_roles().len(), 1);
    let long: Vec<String> = (10..41).map(|index| format!("{index}{}", "r".repeat(55))).collect();
    let found = |roles: &[String]| read(&file(roles), None).err().unwrap_or_default();
    expect!["f.toml:158: client.request_role: more than 50 roles, which is all that a queue's policy holds; let clients of one account share a role"].assert_eq(&found(&numbered(52)));
    expect!["f.toml:92: client.request_role: all of these together are longer than the 2500 characters that a queue's policy has room for; shorten names, or let clients of one account share a role"].assert_eq(&found(&long));
}
