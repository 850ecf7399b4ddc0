use expect_test::{Expect, expect};

use super::*;

/// The variables that Lambda and the template set, with those of `changed` changed.
fn environment<'c>(changed: &'c [(&str, Option<&str>)]) -> impl Fn(&str) -> Option<String> + 'c {
    |name| {
        let set = [
            ("AWS_REGION", "eu-west-2"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_SESSION_TOKEN", "token"),
            ("LAMBDA_TASK_ROOT", "/nowhere"),
            ("PARTITION", "aws"),
            ("ACCOUNT_ID", "123456789012"),
            ("QUEUE_PREFIX", "test-"),
        ];
        let changed = changed.iter().find(|(variable, _)| *variable == name);
        let value = changed.map_or_else(
            || set.iter().find(|(variable, _)| *variable == name).map(|(_, value)| *value),
            |(_, value)| *value,
        );
        value.map(str::to_owned)
    }
}

fn check(changed: &[(&str, Option<&str>)], expected: Expect) {
    let naming = naming_from(environment(changed)).map(|naming| format!("{naming:?}"));
    let sqs = sqs_from(environment(changed), &Connections::default()).map(|_| "SQS".to_owned());
    let shown = |result: Result<String, ColdStartError>| result.unwrap_or_else(|error| format!("{error:?}"));
    expected.assert_eq(&format!("{}\n{}", shown(naming), shown(sqs)));
}

#[test]
fn variables_are_named_if_they_are_missing_or_wrong() {
    check(
        &[],
        expect![[r#"
            Naming { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "test-" }
            SQS"#]],
    );
    check(
        &[("QUEUE_PREFIX", None), ("AWS_SESSION_TOKEN", None)],
        expect![[r#"
            Naming { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "" }
            SQS"#]],
    );
    check(
        &[("QUEUE_PREFIX", Some("")), ("AWS_SESSION_TOKEN", Some(""))],
        expect![[r#"
            Naming { partition: "aws", region: "eu-west-2", account: "123456789012", prefix: "" }
            SQS"#]],
    );
    check(
        &[("QUEUE_PREFIX", Some("a/b"))],
        expect![[r#"
            environment variable `QUEUE_PREFIX` is `a/b`; it must hold what all queue names begin with: up to 16 letters, digits and `-`, or nothing
            SQS"#]],
    );
    check(
        &[("PARTITION", None), ("AWS_ACCESS_KEY_ID", None)],
        expect![[r#"
        environment variable `PARTITION` is not set; it must hold the stack's partition, such as `aws`
        environment variable `AWS_ACCESS_KEY_ID` is not set; it must hold the access key of the function's role"#]],
    );
    check(
        &[("PARTITION", Some("azure")), ("AWS_SECRET_ACCESS_KEY", Some(""))],
        expect![[r#"
        environment variable `PARTITION` is `azure`; it must hold the stack's partition, such as `aws`
        environment variable `AWS_SECRET_ACCESS_KEY` is not set; it must hold the secret key of the function's role"#]],
    );
    check(
        &[("ACCOUNT_ID", Some("12345678901")), ("AWS_ENDPOINT_URL", Some("localhost:4566"))],
        expect![[r#"
            environment variable `ACCOUNT_ID` is `12345678901`; it must hold the stack's account, twelve digits
            environment variable `AWS_ENDPOINT_URL` is `localhost:4566`; it must hold a URL that begins with `http://` or `https://`"#]],
    );
    check(
        &[("ACCOUNT_ID", Some("12345678901x")), ("AWS_ENDPOINT_URL_SQS", Some("sqs"))],
        expect![[r#"
        environment variable `ACCOUNT_ID` is `12345678901x`; it must hold the stack's account, twelve digits
        environment variable `AWS_ENDPOINT_URL_SQS` is `sqs`; it must hold a URL that begins with `http://` or `https://`"#]],
    );
    check(
        &[("ACCOUNT_ID", Some("")), ("AWS_ENDPOINT_URL", Some(""))],
        expect![[r#"
        environment variable `ACCOUNT_ID` is not set; it must hold the stack's account, twelve digits
        SQS"#]],
    );
    check(
        &[("AWS_REGION", None)],
        expect![[r#"
        environment variable `AWS_REGION` is not set; it must hold the function's region, such as `eu-west-2`
        environment variable `AWS_REGION` is not set; it must hold the function's region, such as `eu-west-2`"#]],
    );
    check(
        &[("AWS_REGION", Some("EU West"))],
        expect![[r#"
            environment variable `AWS_REGION` is `EU West`; it must hold the function's region, such as `eu-west-2`
            SQS has no usable endpoint in `EU West`: invalid value for field: `region` - must be a valid host label; correct or unset `AWS_ENDPOINT_URL`, `AWS_USE_FIPS_ENDPOINT` or `AWS_USE_DUALSTACK_ENDPOINT`"#]],
    );
}

#[test]
fn endpoints_of_aws_are_asked_for_or_refused() {
    let check = |changed: &[(&str, Option<&str>)], expected: Expect| {
        let found = endpoint(environment(changed), "AWS_ENDPOINT_URL_SQS");
        expected.assert_eq(&found.map_or_else(|error| error.to_string(), |found| format!("{found:?}")));
    };
    let (fips, dual_stack) = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT");
    check(&[], expect!["Aws { use_fips: false, use_dual_stack: false }"]);
    check(
        &[(fips, Some("false")), (dual_stack, Some(""))],
        expect!["Aws { use_fips: false, use_dual_stack: false }"],
    );
    check(&[(fips, Some("true"))], expect!["Aws { use_fips: true, use_dual_stack: false }"]);
    check(
        &[(fips, Some("True")), (dual_stack, Some("true"))],
        expect!["Aws { use_fips: true, use_dual_stack: true }"],
    );
    check(
        &[(dual_stack, Some("yes"))],
        expect!["environment variable `AWS_USE_DUALSTACK_ENDPOINT` is `yes`; it must hold `true` or `false`"],
    );
    let url = ("AWS_ENDPOINT_URL", Some("http://localhost:4566"));
    check(&[url, (fips, Some("false"))], expect![[r#"Url("http://localhost:4566")"#]]);
    check(
        &[url, (fips, Some("true"))],
        expect![
            "environment variables `AWS_ENDPOINT_URL` and `AWS_USE_FIPS_ENDPOINT` exclude each other; unset one of them"
        ],
    );
    check(
        &[("AWS_ENDPOINT_URL_SQS", Some("https://sqs")), url, (dual_stack, Some("true"))],
        expect![
            "environment variables `AWS_ENDPOINT_URL_SQS` and `AWS_USE_DUALSTACK_ENDPOINT` exclude each other; unset one of them"
        ],
    );
}

#[test]
fn the_config_is_named_if_it_is_missing_or_wrong() {
    let package = std::env::temp_dir().join(format!("cold-start-{}", std::process::id()));
    std::fs::create_dir_all(&package).unwrap();
    let check = |root: Option<&str>, expected: Expect| {
        let changed = [("LAMBDA_TASK_ROOT", root)];
        let naming = naming_from(environment(&changed)).unwrap();
        let error = config_from(environment(&changed), &naming).unwrap_err();
        expected.assert_eq(&error.to_string());
    };
    check(
        None,
        expect![
            "environment variable `LAMBDA_TASK_ROOT` is not set; it must hold the directory of the function's package"
        ],
    );
    check(
        Some("/nowhere"),
        expect![
            "`/nowhere/client-queues.toml` cannot be read: No such file or directory (os error 2); it belongs into the function's package, beside the binary"
        ],
    );
    std::fs::write(package.join(CONFIG), "[source]\nkeys = 1\n").unwrap();
    check(
        package.to_str(),
        expect![[r#"
            client-queues.toml:1: source.partition_key: missing; name an attribute of the event table
            client-queues.toml:1: source.sort_key: missing; name the table's sort key, by which an aggregate's events differ
            client-queues.toml:1: source.version: missing; name the attribute that numbers an aggregate's events, or, if yours have no number, count on condition from now on: docs/ordering.md says how under "My events have no version"
            client-queues.toml:1: client: no client is registered; add a section `[[client]]` with a `name`
            client-queues.toml:2: source.keys: unknown key; known here are `partition_key`, `sort_key`, `id`, `name`, `time`, `version`, `first_version`, `scan_read_units`, `filter`, `allowed_accounts`, `allowed_hosts`"#]],
    );
    std::fs::remove_dir_all(&package).unwrap();
}

#[test]
fn the_tables_are_named_by_variables() {
    let text =
        "[source]\npartition_key = 'a'\nsort_key = 'b'\ntime = 'b'\nversion = 'v'\n[[client]]\nname = 'A'\n";
    let config = Config::try_from_toml(CONFIG, text, None).unwrap();
    let check = |changed: &[(&str, Option<&str>)], expected: Expect| {
        let tables = tables_from(environment(changed), &config, &Connections::default());
        expected.assert_eq(&tables.map_or_else(|error| format!("{error:?}"), |_| "tables".to_owned()));
    };
    let (ledger, events) = (("LEDGER_TABLE", Some("Ledger-1")), ("EVENT_TABLE", Some("Events")));
    check(&[ledger, events], expect!["tables"]);
    check(
        &[events],
        expect![
            "environment variable `LEDGER_TABLE` is not set; it must hold the name of the ledger's table"
        ],
    );
    check(
        &[("LEDGER_TABLE", Some("")), events],
        expect![
            "environment variable `LEDGER_TABLE` is not set; it must hold the name of the ledger's table"
        ],
    );
    check(
        &[ledger],
        expect!["environment variable `EVENT_TABLE` is not set; it must hold the event table's name"],
    );
    check(
        &[ledger, ("EVENT_TABLE", Some(""))],
        expect!["environment variable `EVENT_TABLE` is not set; it must hold the event table's name"],
    );
    check(
        &[ledger, events, ("AWS_REGION", None)],
        expect![
            "environment variable `AWS_REGION` is not set; it must hold the function's region, such as `eu-west-2`"
        ],
    );
    check(
        &[ledger, events, ("AWS_ENDPOINT_URL", Some("localhost"))],
        expect![
            "environment variable `AWS_ENDPOINT_URL` is `localhost`; it must hold a URL that begins with `http://` or `https://`"
        ],
    );
    check(
        &[ledger, events, ("AWS_ENDPOINT_URL_DYNAMODB", Some("localhost"))],
        expect![
            "environment variable `AWS_ENDPOINT_URL_DYNAMODB` is `localhost`; it must hold a URL that begins with `http://` or `https://`"
        ],
    );
    check(&[ledger, events, ("AWS_ENDPOINT_URL_SQS", Some("localhost"))], expect!["tables"]);
}

fn check_push(changed: &[(&str, Option<&str>)], expected: Expect) {
    let shown = |result: Result<String, ColdStartError>| result.unwrap_or_else(|error| format!("{error:?}"));
    let signed = signed_from(environment(changed), signed::TARGETS).map(|_| "targets".to_owned());
    let web = web_from(environment(changed)).map(|web| format!("{web:?}"));
    expected.assert_eq(&format!("{}\n{}", shown(signed), shown(web)));
}

#[test]
fn push_reaches_its_services_where_the_environment_has_them() {
    check_push(
        &[],
        expect![[r#"
        targets
        Web { is_loopback_allowed: false, .. }"#]],
    );
    check_push(
        &[("AWS_SECRET_ACCESS_KEY", None)],
        expect![[r#"
        environment variable `AWS_SECRET_ACCESS_KEY` is not set; it must hold the secret key of the function's role
        environment variable `AWS_SECRET_ACCESS_KEY` is not set; it must hold the secret key of the function's role"#]],
    );
    check_push(
        &[("AWS_ENDPOINT_URL_SNS", Some("localhost"))],
        expect![[r#"
        environment variable `AWS_ENDPOINT_URL_SNS` is `localhost`; it must hold a URL that begins with `http://` or `https://`
        Web { is_loopback_allowed: false, .. }"#]],
    );
    check_push(
        &[("AWS_ENDPOINT_URL_SSM", Some("localhost"))],
        expect![[r#"
        targets
        environment variable `AWS_ENDPOINT_URL_SSM` is `localhost`; it must hold a URL that begins with `http://` or `https://`"#]],
    );
    let fips = ("AWS_USE_FIPS_ENDPOINT", Some("true"));
    check_push(
        &[fips, ("AWS_ENDPOINT_URL", Some("http://localhost:4566"))],
        expect![[r#"
        environment variables `AWS_ENDPOINT_URL` and `AWS_USE_FIPS_ENDPOINT` exclude each other; unset one of them
        environment variables `AWS_ENDPOINT_URL` and `AWS_USE_FIPS_ENDPOINT` exclude each other; unset one of them"#]],
    );
    check_push(
        &[fips, ("AWS_REGION", Some("cn-north-1"))],
        expect![[r#"
        `s3` has no FIPS endpoint in `cn-north-1`; unset `AWS_USE_FIPS_ENDPOINT`
        Web { is_loopback_allowed: false, .. }"#]],
    );
    let s3 = ("AWS_ENDPOINT_URL_S3", Some("http://localhost:4566"));
    check_push(
        &[("AWS_REGION", Some("cn-north-1")), s3],
        expect![[r#"
        targets
        Web { is_loopback_allowed: false, .. }"#]],
    );
}

#[test]
fn loopback_and_certificates_of_ones_own_are_for_ones_own_machine() {
    let here = ("AWS_ENDPOINT_URL", Some("http://127.0.0.1:4566"));
    let loopback = ("PUSH_LOCAL_LOOPBACK", Some("true"));
    check_push(
        &[here, loopback],
        expect![[r#"
        targets
        Web { is_loopback_allowed: true, .. }"#]],
    );
    check_push(
        &[loopback],
        expect![[r#"
        targets
        environment variable `PUSH_LOCAL_LOOPBACK` is for a stack on this machine, with `AWS_ENDPOINT_URL` a loopback address; unset it"#]],
    );
    check_push(
        &[here, ("PUSH_LOCAL_LOOPBACK", Some("yes"))],
        expect![[r#"
        targets
        environment variable `PUSH_LOCAL_LOOPBACK` is `yes`; it must hold `true`, or nothing"#]],
    );
    check_push(
        &[here, ("PUSH_LOCAL_LOOPBACK", Some(""))],
        expect![[r#"
        targets
        Web { is_loopback_allowed: false, .. }"#]],
    );
    check_push(
        &[("PUSH_LOCAL_CA", Some("/nowhere.pem"))],
        expect![[r#"
        targets
        environment variable `PUSH_LOCAL_CA` is for a stack on this machine, with `AWS_ENDPOINT_URL` a loopback address; unset it"#]],
    );
    check_push(
        &[here, ("PUSH_LOCAL_CA", Some("/nowhere.pem"))],
        expect![[r#"
        targets
        `PUSH_LOCAL_CA` names `/nowhere.pem`, which is no readable file of PEM certificates; correct or unset it"#]],
    );
    for (url, expected) in [
        ("http://127.0.0.1:4566", true),
        ("http://127.9.9.9", true),
        ("https://localhost/x", true),
        ("http://[::1]:4566/", true),
        ("http://127.0.0.1@evil.example/", false),
        ("http://localhost.evil.example", false),
        ("http://evil.example/?http://localhost", false),
        ("http://10.0.0.1:4566", false),
        ("localhost", false),
    ] {
        assert_eq!(is_loopback(url), expected, "{url}");
    }
}
