//! URLs, their hosts, secrets, headers and tokens.

use super::*;

fn url(text: &str) -> WebUrl {
    match target(&webhook(text)) {
        PushTarget::Webhook(target) => target.url,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_url_is_split_as_it_is_asked() {
    let parts = |text: &str| {
        let WebUrl { host, port, path_and_query, is_internal } = url(text);
        format!("{host} {port} {path_and_query} {is_internal}")
    };
    for (text, expected) in [
        ("https://hooks.example.com", "hooks.example.com 443 / false"),
        ("https://hooks.example.com/", "hooks.example.com 443 / false"),
        ("HTTPS://Hooks.Example.COM/A/b", "hooks.example.com 443 /A/b false"),
        ("https://hooks.example.com?a=b", "hooks.example.com 443 /?a=b false"),
        ("https://hooks.example.com:8443/a%20b?c=d&e=%2F", "hooks.example.com 8443 /a%20b?c=d&e=%2F false"),
        ("https://hooks.example.com:00443/a@b:c//d", "hooks.example.com 443 /a@b:c//d false"),
        ("https://erp.corp/marks", "erp.corp 443 /marks true"),
        ("https://8.8.8.8/", "8.8.8.8 443 / false"),
        ("https://[2606:4700:0::0001]:444/", "2606:4700::1 444 / false"),
    ] {
        assert_eq!(parts(text), expected, "{text}");
    }
}

#[test]
fn a_url_has_https_a_host_that_may_receive_and_nothing_secret_in_front_of_it() {
    let rows = [
        "",
        "hooks.example.com/marks",
        "http://hooks.example.com/marks",
        "https:/hooks.example.com/marks",
        "ftp://hooks.example.com",
        "https://",
        "https:///marks",
        "https://hooks.example.com/#top",
        "https://anna:hunter2@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://evil.example\\@hooks.example.com/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\u{eb}",
        "https://hooks.ex\u{e4}mple.com/",
        "https://hooks.example.com/100%",
        "https://hooks.example.com/%zz",
        "https://hooks.example.com/{id}",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:65536/",
        "https://hooks.example.com:443443/",
        "https://hooks.example.com:/",
        "https://hooks.example.com:x/",
        "https://hooks.example.com./",
        "https://hooks.example.com.evil.example/",
        "https://evil.example/hooks.example.com",
        "https://other.example.com/?token=hunter2",
        "https://-a.example.com/",
        "https://a..example.com/",
        "https://2130706433/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[8.8.8.8]/",
        "https://[2606:4700::1%25eth0]/",
        "https://2606:4700::1/",
        &format!("https://hooks.example.com/{}", "x".repeat(1_975)),
    ]
    .map(webhook);
    for row in &rows {
        let finding = read(&file(row), None).unwrap_err();
        assert!(!finding.contains("hunter2"), "{finding}");
    }
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +2: client.push.webhook.url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        +2: client.push.webhook.url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        +2: client.push.webhook.url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        +2: client.push.webhook.url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        +2: client.push.webhook.url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        +2: client.push.webhook.url: client `Billing`: `` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: has a fragment, which no server gets; delete the `#` and what follows it
        +2: client.push.webhook.url: client `Billing`: has a user or a password before its host; delete them, because requests are signed, or carry a token (`oauth`)
        +2: client.push.webhook.url: client `Billing`: has a user or a password before its host; delete them, because requests are signed, or carry a token (`oauth`)
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a character that no URL has, or a `%` without two digits; percent-encode it, and write a host's name in its ASCII form
        +2: client.push.webhook.url: client `Billing`: has a port that is not among 1 to 65535; correct it, or leave it out for 443
        +2: client.push.webhook.url: client `Billing`: has a port that is not among 1 to 65535; correct it, or leave it out for 443
        +2: client.push.webhook.url: client `Billing`: has a port that is not among 1 to 65535; correct it, or leave it out for 443
        +2: client.push.webhook.url: client `Billing`: has a port that is not among 1 to 65535; correct it, or leave it out for 443
        +2: client.push.webhook.url: client `Billing`: has a port that is not among 1 to 65535; correct it, or leave it out for 443
        +2: client.push.webhook.url: client `Billing`: `hooks.example.com.` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: host `hooks.example.com.evil.example` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: host `evil.example` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: host `other.example.com` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: `-a.example.com` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `a..example.com` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `2130706433` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `127.1` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `0x7f.0.0.1` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `0177.0.0.1` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: host `127.0.0.1` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: host `::1` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: host `::ffff:169.254.169.254` is not among `source.allowed_hosts`; add it if it may receive every event
        +2: client.push.webhook.url: client `Billing`: `[8.8.8.8]` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `[2606:4700::1%25eth0]` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: `2606:4700:` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        +2: client.push.webhook.url: client `Billing`: is longer than 2000 characters; shorten it
    "#]],
    );
    url(&format!("https://hooks.example.com/{}", "x".repeat(1_974)));
}

/// In each row, `source.allowed_hosts` with this entry in place of the first.
#[test]
fn an_allowed_host_is_public_unless_it_is_called_internal() {
    let with =
        |entry: &str| file(&webhook("https://login.example.com/")).replace("'hooks.example.com'", entry);
    for entry in [
        "'a.example'",
        "'xn--exmple-cua.com'",
        "'[2606:4700::2]'",
        "{ host = 'a.example', internal = false }",
        "{ host = 'intranet', internal = true }",
        "{ host = '10.1.2.3', internal = true }",
        "{ host = 'fd00::1', internal = true }",
        "{ host = 'localhost', internal = true }",
        "{ host = '127.0.0.1', internal = true }",
        "{ host = '8.8.4.4', internal = true }",
    ] {
        assert_eq!(read(&with(entry), None).map(drop), Ok(()), "{entry}");
    }
    let mut all = String::new();
    for entry in [
        "7",
        "['a.example']",
        "{ host = 7 }",
        "{ name = 'a.example', host = 'a.example' }",
        "{ internal = true }",
        "{ host = 'a.example', internal = 'yes' }",
        "''",
        "'*.example.com'",
        "'https://a.example'",
        "'a.example/marks'",
        "'a.example:443'",
        "'a_b.example'",
        "'\u{e4}.example'",
        "'a.example.'",
        "'1.2.3'",
        "'intranet'",
        "'localhost'",
        "{ host = 'localhost' }",
        "'10.1.2.3'",
        "'127.0.0.1'",
        "'169.254.169.254'",
        "'::ffff:10.0.0.1'",
        "'64:ff9b::7f00:1'",
        "{ host = '169.254.169.254', internal = true }",
        "{ host = 'fd00:ec2::254', internal = true }",
        "{ host = '0.0.0.0', internal = true }",
        "{ host = '224.0.0.1', internal = true }",
        "'LOGIN.example.com'",
        "{ host = 'login.example.com', internal = true }",
        "'2606:4700:0::1'",
    ] {
        let text = with(entry);
        let finding = read(&text, Some(&naming())).expect_err(entry);
        assert_eq!(read(&text, None).as_ref(), Err(&finding));
        assert_eq!(finding.lines().count(), 1, "{finding}");
        all += &(finding + "\n");
    }
    expect![[r#"
        f.toml:7: source.allowed_hosts: is a whole number; write text in quotes, or `{ host = "…", internal = true }`
        f.toml:7: source.allowed_hosts: is a list; write text in quotes, or `{ host = "…", internal = true }`
        f.toml:7: source.allowed_hosts.host: is a whole number; write text in quotes
        f.toml:7: source.allowed_hosts.name: unknown key; known here are `host`, `internal`
        f.toml:7: source.allowed_hosts.host: missing; name the host
        f.toml:7: source.allowed_hosts.internal: is text; write `true` or `false` without quotes
        f.toml:7: source.allowed_hosts: `` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `*.example.com` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `https://a.example` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `a.example/marks` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `a.example:443` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `a_b.example` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `ä.example` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `a.example.` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `1.2.3` is not a host; write its name, as in `hooks.example.com`, or its address, without a scheme, a port or a path
        f.toml:7: source.allowed_hosts: `intranet` is a name of a private network; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `localhost` is a name of a private network; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `localhost` is a name of a private network; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `10.1.2.3` is no public address; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `127.0.0.1` is no public address; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `169.254.169.254` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `::ffff:10.0.0.1` is no public address; write `{ host = "…", internal = true }` if it may receive events
        f.toml:7: source.allowed_hosts: `64:ff9b::7f00:1` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `169.254.169.254` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `fd00:ec2::254` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `0.0.0.0` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `224.0.0.1` is no host's address; name the host that receives events
        f.toml:7: source.allowed_hosts: `login.example.com` is there twice; delete one of the two
        f.toml:7: source.allowed_hosts: `login.example.com` is there twice; delete one of the two
        f.toml:7: source.allowed_hosts: `2606:4700::1` is there twice; delete one of the two
    "#]].assert_eq(&all);
    let none = file(&webhook("https://a.example/")).replace("allowed_hosts", "allowed_host");
    expect![[r#"
        f.toml:7: source.allowed_host: unknown key; did you mean `allowed_hosts`?
        f.toml:12: client.push.webhook.url: client `Billing`: host `a.example` is not among `source.allowed_hosts`; add it if it may receive every event"#]].assert_eq(&read(&none, None).unwrap_err());
    let text =
        format!("{}'\n", VALID.replace("['111122223333']", "['111122223333']\nallowed_hosts = 'a.example'"));
    expect!["f.toml:9: source.allowed_hosts: is text; write a list in brackets, of hosts in quotes"]
        .assert_eq(&read(text.trim_end_matches("'\n"), None).unwrap_err());
}

#[test]
fn a_secret_is_an_arn_and_is_never_repeated() {
    let with = |secret: &str| {
        format!("[client.push.webhook]\nurl = 'https://hooks.example.com/'\nsecret = '{secret}'\n")
    };
    let secret = |text: &str| match target(&with(text)) {
        PushTarget::Webhook(target) => target.secret,
        other => panic!("{other:?}"),
    };
    for text in [
        SECRET,
        "arn:aws:secretsmanager:us-east-1:999999999999:secret:a-AbCdE1",
        "arn:aws:secretsmanager:us-east-1:999999999999:secret:a/_+=.@-b-AbCdEf",
        &format!("arn:aws:secretsmanager:eu-west-2:111122223333:secret:{}-AbCdEf", "s".repeat(512)),
    ] {
        assert_eq!(secret(text), SecretArn::SecretsManager(text.to_owned()));
    }
    for text in [
        "arn:aws:ssm:eu-west-2:111122223333:parameter/billing",
        "arn:aws:ssm:eu-west-2:111122223333:parameter/hooks/billing_1.a-b",
    ] {
        assert_eq!(secret(text), SecretArn::Parameter(text.to_owned()));
        assert_eq!(secret(text).as_str(), text);
    }
    let wrong = [
        "",
        "whsec_hunter2",
        "arn:aws:hunter2",
        "hunter2:aws:secretsmanager:eu-west-2:111122223333:secret:a-AbCdEf",
        "arn:hunter2:secretsmanager:eu-west-2:111122223333:secret:a-AbCdEf",
        "arn:aws:hunter2:eu-west-2:111122223333:secret:a-AbCdEf",
        "arn:aws:secretsmanager:hunter2:111122223333:secret:a-AbCdEf",
        "arn:aws:secretsmanager:eu-west-2:hunter2:secret:a-AbCdEf",
        "arn:aws:secretsmanager:eu-west-2:111122223333:hunter2:a-AbCdEf",
        "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hunter2",
        "arn:aws:secretsmanager:eu-west-2:111122223333:secret:-hunter",
        "arn:aws:secretsmanager:eu-west-2:111122223333:secret:hunter2-*",
        "arn:aws:secretsmanager:eu-west-2:111122223333:secret:a,hunter2-AbCdEf",
        "arn:aws:ssm:eu-west-2:111122223333:parameter/",
        "arn:aws:ssm:eu-west-2:111122223333:parameter//hunter2",
        "arn:aws:ssm:eu-west-2:111122223333:parameter/hunter2*",
        "arn:aws:s3:::hunter2",
        &format!("arn:aws:ssm:eu-west-2:111122223333:parameter/{}", "p".repeat(970)),
    ]
    .map(with);
    for row in &wrong {
        let finding = read(&file(row), None).unwrap_err();
        assert!(!finding.contains("hunter"), "{finding}");
    }
    check_client(
        &wrong.each_ref().map(String::as_str),
        expect![[r#"
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: lacks the hyphen and the six characters at the end of a secret's ARN; write the whole ARN, because the function's right names it
        +3: client.push.webhook.secret: client `Billing`: lacks the hyphen and the six characters at the end of a secret's ARN; write the whole ARN, because the function's right names it
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        +3: client.push.webhook.secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
    "#]],
    );
    let china = file(&with("arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:a-AbCdEf"));
    assert_eq!(read(&china, None).map(drop), Ok(()), "where the stack is isn't known");
    expect!["f.toml:13: client.push.webhook.secret: client `Billing`: is in `aws-cn`, the stack in `aws`; keep it in the stack's partition"].assert_eq(&read(&china, Some(&naming())).unwrap_err());
}

#[test]
fn time_outs_and_headers_leave_the_function_what_is_its_own() {
    let hook = webhook("https://hooks.example.com/");
    let with = |line: &str| format!("{hook}{line}");
    let found =
        target(&with("timeout = 20\nheaders = { X-Team = 'billing', 'a!b' = 'c d', User-Agent = 'x' }"));
    let PushTarget::Webhook(found) = found else { panic!("{found:?}") };
    assert_eq!(found.timeout, Duration::from_secs(20));
    let headers = found.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    assert_eq!(headers.collect::<Vec<_>>(), [("a!b", "c d"), ("user-agent", "x"), ("x-team", "billing")]);
    let many: Vec<String> = (0..21).map(|number| format!("x{number} = 'a'")).collect();
    let rows = [
        "timeout = 0",
        "timeout = 21",
        "timeout = -1",
        "timeout = 99999999999999999999",
        "timeout = '15'",
        "timeout = 1.5",
        "headers = ['x-team: billing']",
        "headers = { x-team = 7 }",
        "headers = { Host = 'a' }",
        "headers = { content-type = 'hunter2' }",
        "headers = { CONTENT-Length = 'hunter2' }",
        "headers = { Authorization = 'Bearer hunter2' }",
        "headers = { Proxy-Authorization = 'hunter2' }",
        "headers = { Cookie = 'hunter2' }",
        "headers = { webhook-id = 'hunter2' }",
        "headers = { Event-Group = 'hunter2' }",
        "headers = { Connection = 'close' }",
        "headers = { Transfer-Encoding = 'chunked' }",
        "headers = { TE = 'trailers' }",
        "headers = { upgrade = 'h2c' }",
        "headers = { '' = 'hunter2' }",
        "headers = { 'x team' = 'hunter2' }",
        "headers = { 'x:team' = 'hunter2' }",
        "headers = { \"x\\r\\nhost\" = 'hunter2' }",
        "headers = { 'x-te\u{e4}m' = 'hunter2' }",
        &format!("headers = {{ {} = 'hunter2' }}", "x".repeat(65)),
        "headers = { x-team = '' }",
        "headers = { x-team = ' hunter2' }",
        "headers = { x-team = \"hunter2\\r\\nhost: a\" }",
        "headers = { x-team = 'hunter2\u{e4}' }",
        "headers = { x-team = \"hunter2\\u0000\" }",
        &format!("headers = {{ x-team = 'hunter2{}' }}", "x".repeat(250)),
        "headers = { x-team = 'a', X-Team = 'b' }",
        &format!("headers = {{ {} }}", many.join(", ")),
    ]
    .map(with);
    for row in &rows {
        assert!(!read(&file(row), None).unwrap_err().contains("hunter2"), "{row}");
    }
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +4: client.push.webhook.timeout: client `Billing`: is not among 1 to 20 (s); leave it out for 15
        +4: client.push.webhook.timeout: client `Billing`: is not among 1 to 20 (s); leave it out for 15
        +4: client.push.webhook.timeout: client `Billing`: is not among 1 to 20 (s); leave it out for 15
        +4: client.push.webhook.timeout: client `Billing`: is not among 1 to 20 (s); leave it out for 15
        +4: client.push.webhook.timeout: client `Billing`: is text; write a whole number without quotes
        +4: client.push.webhook.timeout: client `Billing`: is a decimal number; write a whole number without quotes
        +4: client.push.webhook.headers: client `Billing`: is a list; write `{ x-name = "value" }`
        +4: client.push.webhook.headers: client `Billing`: `x-team` is a whole number; write text in quotes
        +4: client.push.webhook.headers: client `Billing`: `host` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `content-type` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `content-length` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `authorization` is a header that the function sets itself, or that belongs to the connection; use `oauth`, or verify the signature
        +4: client.push.webhook.headers: client `Billing`: `proxy-authorization` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `cookie` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `webhook-id` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `event-group` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `connection` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `transfer-encoding` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `te` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `upgrade` is a header that the function sets itself, or that belongs to the connection; choose another name
        +4: client.push.webhook.headers: client `Billing`: `` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `x team` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `x:team` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `x\r\nhost` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `x-teäm` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx` is not a header's name; use up to 64 letters, digits and hyphens
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` has no header's value; use up to 256 characters of ASCII, without spaces at the ends
        +4: client.push.webhook.headers: client `Billing`: `x-team` is there twice, and case makes no difference; delete one of the two
        +4: client.push.webhook.headers: client `Billing`: more than 20 headers; delete some
    "#]],
    );
}

#[test]
fn a_token_is_asked_for_with_a_secret_that_is_elsewhere() {
    let hook = webhook("https://hooks.example.com/");
    let with = |line: &str| format!("{hook}[client.push.webhook.oauth]\n{line}");
    let whole = format!(
        "token_url = 'https://login.example.com/token'\nclient_id = 'fan out'\nclient_secret = '{SECRET}'\n"
    );
    let oauth = |lines: &str| match target(&with(lines)) {
        PushTarget::Webhook(target) => target.oauth.unwrap(),
        other => panic!("{other:?}"),
    };
    let found = oauth(&whole);
    assert_eq!((found.token_url.host.as_str(), found.client_id.as_str()), ("login.example.com", "fan out"));
    assert_eq!((found.scope, found.audience), (None, None));
    let found = oauth(&format!("{whole}scope = 'a b'\naudience = 'https://erp'"));
    assert_eq!((found.scope.as_deref(), found.audience.as_deref()), (Some("a b"), Some("https://erp")));
    let edited = |from: &str, to: &str| {
        assert!(whole.contains(from));
        with(&whole.replace(from, to))
    };
    let rows = [
        format!("{hook}oauth = 'https://login.example.com'"),
        edited("token_url = 'https://login.example.com/token'\n", ""),
        edited("https://login", "http://login"),
        edited("login.example", "evil.example"),
        edited("client_id = 'fan out'\n", ""),
        edited("fan out", ""),
        edited("fan out", "f\u{e4}n"),
        edited(SECRET, "hunter2"),
        edited(&format!("client_secret = '{SECRET}'\n"), ""),
        edited("client_secret", "client_secrets"),
        with(&format!("{whole}scope = ''")),
        with(&format!("{whole}scope = ['a']")),
        with(&format!("{whole}audience = \"a\\nb\"")),
    ];
    let mut all = String::new();
    for row in &rows {
        let finding = read(&file(row), None).unwrap_err();
        assert!(!finding.contains("hunter2"), "{finding}");
        all += &(finding + "\n");
    }
    expect![[r#"
        f.toml:14: client.push.webhook.oauth: client `Billing`: is text; write a section headed `[client.push.webhook.oauth]`
        f.toml:14: client.push.webhook.oauth.token_url: client `Billing`: missing; write where tokens are had, as in `token_url = "https://login.example.com/oauth2/token"`
        f.toml:15: client.push.webhook.oauth.token_url: client `Billing`: does not begin with `https://`; write the whole URL, of a host that speaks HTTPS
        f.toml:15: client.push.webhook.oauth.token_url: client `Billing`: host `evil.example.com` is not among `source.allowed_hosts`; add it if it may receive every event
        f.toml:14: client.push.webhook.oauth.client_id: client `Billing`: missing; name the client that the token is for
        f.toml:16: client.push.webhook.oauth.client_id: client `Billing`: is not what a token is asked for with; use 1 to 1024 characters of ASCII
        f.toml:16: client.push.webhook.oauth.client_id: client `Billing`: is not what a token is asked for with; use 1 to 1024 characters of ASCII
        f.toml:17: client.push.webhook.oauth.client_secret: client `Billing`: is not the ARN of a secret, and a secret doesn't belong into this file; keep it in Secrets Manager or Systems Manager and write its ARN, `arn:aws:secretsmanager:region:account:secret:name-AbCdEf` or `arn:aws:ssm:region:account:parameter/name`
        f.toml:14: client.push.webhook.oauth.client_secret: client `Billing`: missing; keep the client's secret in Secrets Manager or Systems Manager, and write its ARN
        f.toml:14: client.push.webhook.oauth.client_secret: client `Billing`: missing; keep the client's secret in Secrets Manager or Systems Manager, and write its ARN
        f.toml:17: client.push.webhook.oauth.client_secrets: client `Billing`: unknown key; did you mean `client_secret`?
        f.toml:18: client.push.webhook.oauth.scope: client `Billing`: is not what a token is asked for with; use 1 to 1024 characters of ASCII
        f.toml:18: client.push.webhook.oauth.scope: client `Billing`: is a list; write text in quotes
        f.toml:18: client.push.webhook.oauth.audience: client `Billing`: is not what a token is asked for with; use 1 to 1024 characters of ASCII
    "#]].assert_eq(&all);
}
