//! What clients can't share, and how many of them fit.

use super::*;

/// A file of clients with these targets.
fn clients(targets: &[String]) -> String {
    let clients = targets.iter().enumerate();
    SOURCE.to_owned()
        + &clients
            .map(|(number, target)| format!("[[client]]\nname = 'C{number}'\n{target}\n"))
            .collect::<String>()
}

fn found(targets: &[String]) -> String {
    read(&clients(targets), Some(&naming())).err().unwrap_or_default()
}

fn function(name: &str) -> String {
    format!("[client.push.lambda]\nfunction = 'arn:aws:lambda:eu-west-2:111122223333:function:{name}'")
}

fn bucket(bucket: &str, prefix: &str) -> String {
    let prefix = if prefix.is_empty() { String::new() } else { format!("\nprefix = '{prefix}'") };
    format!("[client.push.s3]\nbucket = '{bucket}'{prefix}")
}

#[test]
fn two_clients_have_two_targets() {
    let bus = |source: &str| {
        format!(
            "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/a'\nsource = '{source}'"
        )
    };
    let one_line = |targets: [String; 2]| found(&targets);
    for targets in [
        [function("a"), function("b")],
        [function("a"), function("a:live")],
        [bus("a"), bus("b")],
        [webhook("https://hooks.example.com/a"), webhook("https://hooks.example.com/b")],
        [webhook("https://hooks.example.com/"), webhook("https://login.example.com/")],
        [bucket("one", ""), bucket("two", "")],
        [bucket("one", "a"), bucket("one", "b")],
        [bucket("one", "a"), bucket("one", "ab")],
        [bucket("one", "a/b"), bucket("one", "a/c")],
    ] {
        assert_eq!(one_line(targets), "");
    }
    let mut all = String::new();
    for targets in [
        [function("a"), function("a")],
        [bus("a"), bus("a")],
        [webhook("https://hooks.example.com"), webhook("https://HOOKS.example.com:443/")],
        [bucket("one", ""), bucket("one", "")],
        [bucket("one", "a"), bucket("one", "a/")],
        [bucket("one", ""), bucket("one", "a")],
        [bucket("one", "a/b"), bucket("one", "a")],
    ] {
        let finding = one_line(targets);
        assert_eq!(finding.lines().count(), 1, "{finding}");
        all += &(finding + "\n");
    }
    expect![[r#"
        f.toml:14: client.push.lambda: client `C1`: is the target in line 10, which would take one client's events for repetitions of the other's; give each client its own, or one of them a filter for both
        f.toml:15: client.push.eventbridge: client `C1`: is the target in line 10, which would take one client's events for repetitions of the other's; give each client its own, or one of them a filter for both
        f.toml:16: client.push.webhook: client `C1`: is the target in line 10, which would take one client's events for repetitions of the other's; give each client its own, or one of them a filter for both
        f.toml:14: client.push.s3: client `C1`: has objects of `one` among those of line 10, where the erasure of an aggregate could delete them; choose prefixes of which none lies in the other
        f.toml:15: client.push.s3: client `C1`: has objects of `one` among those of line 10, where the erasure of an aggregate could delete them; choose prefixes of which none lies in the other
        f.toml:14: client.push.s3: client `C1`: has objects of `one` among those of line 10, where the erasure of an aggregate could delete them; choose prefixes of which none lies in the other
        f.toml:15: client.push.s3: client `C1`: has objects of `one` among those of line 10, where the erasure of an aggregate could delete them; choose prefixes of which none lies in the other
    "#]].assert_eq(&all);
}

#[test]
fn a_stack_pushes_to_thirty_clients_at_most() {
    let targets: Vec<String> = (0..32).map(|number| function(&format!("f{number}"))).collect();
    assert_eq!(found(&targets[..30]), "");
    expect!["f.toml:128: client: more than 30 clients with `push`; register the others in another stack"]
        .assert_eq(&found(&targets));
}

#[test]
fn targets_fit_the_parameters_of_a_stack() {
    let long = |number: usize, length: usize| format!("{number:02}{}", "x".repeat(length));
    // The promise: thirty targets with names that people choose.
    let functions: Vec<String> = (0..30).map(|number| function(&long(number, 62))).collect();
    assert_eq!(found(&functions), "");
    let aliases: Vec<String> =
        (0..30).map(|number| function(&format!("{}:{}", long(number, 62), long(0, 60)))).collect();
    expect!["f.toml:102: client.push.lambda.function: client `C23`: all of these together are longer than the 4096 characters that a stack's parameter holds; shorten names, or register the others in another stack"].assert_eq(&found(&aliases));
    let buckets: Vec<String> = (0..30).map(|number| bucket(&long(number, 61), "")).collect();
    assert_eq!(found(&buckets), "");
    let prefixes: Vec<String> = (0..30).map(|number| bucket("one", &long(number, 150))).collect();
    expect!["f.toml:125: client.push.s3.prefix: client `C23`: all of these together are longer than the 4096 characters that a stack's parameter holds; shorten names, or register the others in another stack"].assert_eq(&found(&prefixes));
    let hook = |number: usize, secret: &str| {
        format!("[client.push.webhook]\nurl = 'https://hooks.example.com/{number}'\nsecret = '{secret}'")
    };
    let hooks = |name: &dyn Fn(usize) -> String| {
        (0..30).map(|number| hook(number, &name(number))).collect::<Vec<_>>()
    };
    let secret =
        |number| format!("arn:aws:secretsmanager:eu-west-2:111122223333:secret:{}-AbCdEf", long(number, 60));
    let parameter = |number| format!("arn:aws:ssm:eu-west-2:111122223333:parameter/{}", long(number, 100));
    assert_eq!(found(&hooks(&secret)), "");
    assert_eq!(found(&hooks(&|_| SECRET.to_owned())), "");
    expect!["f.toml:145: client.push.webhook.secret: client `C27`: all of these together are longer than the 4096 characters that a stack's parameter holds; shorten names, or register the others in another stack"].assert_eq(&found(&hooks(&parameter)));
}

#[test]
fn targets_of_all_kinds_fit_one_policy_of_the_operators() {
    let long = |number: usize, length: usize| format!("{number:02}{}", "x".repeat(length));
    let topic = |number: usize| {
        format!("[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:{}'", long(number, 200))
    };
    let mut targets: Vec<String> = (0..15).map(|number| function(&long(number, 62))).collect();
    targets.extend((0..8).map(topic));
    assert_eq!(found(&targets), "");
    targets.extend((8..14).map(topic));
    expect!["f.toml:110: client.push: client `C25`: the targets of all clients, or their secrets, have ARNs of more than 4096 characters together, and no policy for those who check them holds that; shorten names, or register the others in another stack"].assert_eq(&found(&targets));
    let hook = |number: usize, secret: &str| {
        format!("[client.push.webhook]\nurl = 'https://hooks.example.com/{number}'\nsecret = '{secret}'")
    };
    let secret =
        |number| format!("arn:aws:secretsmanager:eu-west-2:111122223333:secret:{}-AbCdEf", long(number, 60));
    let parameter = |number| format!("arn:aws:ssm:eu-west-2:111122223333:parameter/{}", long(number, 150));
    let hooks: Vec<String> = (0..30)
        .map(|number| hook(number, &if number < 15 { secret(number) } else { parameter(number) }))
        .collect();
    expect!["f.toml:140: client.push: client `C26`: the targets of all clients, or their secrets, have ARNs of more than 4096 characters together, and no policy for those who check them holds that; shorten names, or register the others in another stack"].assert_eq(&found(&hooks));
}

/// They are parameters, too, and no finding is about them.
#[test]
fn the_queues_of_thirty_clients_always_fit_a_parameter() {
    let naming = Naming::try_new("aws-us-gov", "us-gov-west-1", "111122223333", &"p".repeat(16)).unwrap();
    let arn = naming.client_queue_arn(&"x".repeat(40)).to_string();
    // With some letters more for the regions to come, and a comma.
    assert!(PUSH_LIMIT * (arn.len() + 10) <= 4_096, "{}", arn.len());
}

#[test]
fn the_stack_lists_what_its_functions_may_reach_once() {
    let parameter = "arn:aws:ssm:eu-west-2:111122223333:parameter/hooks";
    let targets = [
        webhook("https://hooks.example.com/a")
            + &format!(
                "[client.push.webhook.oauth]\ntoken_url = 'https://login.example.com/'\nclient_id = 'a'\n\
                 client_secret = '{parameter}'"
            ),
        webhook("https://hooks.example.com/b"),
        function("a:live"),
        bucket("one", "marks"),
        bucket("one", "rest"),
        bucket("two", ""),
        "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:444455556666:t'".to_owned(),
        "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/b'\nsource = 'a'"
            .to_owned(),
        "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/b'\nsource = 'b'"
            .to_owned(),
        "[client.push.kinesis]\nstream = 'arn:aws:kinesis:us-east-1:111122223333:stream/s'".to_owned(),
        String::new(),
    ];
    let lists = read(&clients(&targets), Some(&naming())).unwrap().push_lists("aws");
    expect![[r#"
        PushLists {
            secrets: [
                "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks/billing-AbCdEf",
            ],
            parameters: [
                "arn:aws:ssm:eu-west-2:111122223333:parameter/hooks",
            ],
            functions: [
                "arn:aws:lambda:eu-west-2:111122223333:function:a:live",
            ],
            topics: [
                "arn:aws:sns:eu-west-2:444455556666:t",
            ],
            buses: [
                "arn:aws:events:eu-west-2:111122223333:event-bus/b",
            ],
            streams: [
                "arn:aws:kinesis:us-east-1:111122223333:stream/s",
            ],
            bucket_objects: [
                "arn:aws:s3:::one/marks/*",
                "arn:aws:s3:::one/rest/*",
                "arn:aws:s3:::two/*",
            ],
            buckets: [
                "arn:aws:s3:::one",
                "arn:aws:s3:::two",
            ],
        }"#]]
    .assert_eq(&format!("{lists:#?}"));
    let none = read(VALID, None).unwrap().push_lists("aws");
    assert_eq!(none, PushLists::default());
}
