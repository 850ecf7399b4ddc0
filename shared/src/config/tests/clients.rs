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
