use super::*;

const ROLE: &str = "arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2";
const SAME: &str = "arn:aws:sqs:eu-west-2:111122223333:Events.fifo";
const OTHER: &str = "arn:aws:sqs:eu-west-2:444455556666:Events.fifo";

fn access(queue: &str, statements: &str) -> String {
    let text = format!("{{\"Statement\": [{}]}}", statements.replace('\'', "\""));
    let policy = Policy::try_new(&text).unwrap();
    let queue = QueueArn::try_new(queue).unwrap();
    match policy.access(&SendRequest { role: ROLE, account: "111122223333", to: Destination::Queue(&queue) })
    {
        Access::Allowed => "allowed".to_owned(),
        Access::NotAllowed => "not allowed".to_owned(),
        Access::Denied { statement } => format!("denied by {statement}"),
        Access::Unclear { statement, reason } => format!("unclear: {statement}: {reason}"),
    }
}

/// The policy of another account's queue, to which the role's own policy lets it send.
fn check(statements: &str, expected: &str) {
    assert_eq!(access(OTHER, statements), expected, "{statements}");
}

/// As [`check`], with an Allow of which `part` replaces or adds an element.
fn check_allow(part: &str, expected: &str) {
    let mut statement = String::from("{'Sid': 'A', 'Effect': 'Allow'");
    for (key, value) in
        [("Principal", "{'AWS': '111122223333'}"), ("Action", "'sqs:SendMessage'"), ("Resource", "'*'")]
    {
        if !part.contains(&format!("{key}'")) {
            statement.push_str(&format!(", '{key}': {value}"));
        }
    }
    check(&format!("{statement}, {part} }}"), expected);
}

/// As [`check`], with an Allow for everything, and a Deny of which `part` replaces or adds an element.
fn check_deny(part: &str, expected: &str) {
    let mut deny = String::from("{'Sid': 'D', 'Effect': 'Deny'");
    for (key, value) in [("Principal", "'*'"), ("Action", "'sqs:*'"), ("Resource", "'*'")] {
        if !part.contains(&format!("{key}'")) {
            deny.push_str(&format!(", '{key}': {value}"));
        }
    }
    check(
        &format!(
            "{deny}, {part} }}, {{'Effect': 'Allow', 'Principal': '*', 'Action': '*', 'Resource': '*'}}"
        ),
        expected,
    );
}

#[test]
fn a_statement_reaches_the_role_by_its_arn_its_account_or_a_star() {
    for principal in [
        "'*'",
        "{'AWS': '*'}",
        "{'AWS': '111122223333'}",
        "{'AWS': 'arn:aws:iam::111122223333:root'}",
        "{'AWS': 'arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2'}",
        "{'AWS': ['444455556666', 'arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2']}",
        "{'Service': 'sns.amazonaws.com', 'AWS': '111122223333'}",
    ] {
        check_allow(&format!("'Principal': {principal}"), "allowed");
    }
    for principal in [
        "{'AWS': '444455556666'}",
        "{'AWS': 'arn:aws:iam::444455556666:root'}",
        "{'AWS': 'arn:aws:iam::111122223333:role/Other'}",
        "{'AWS': 'AROAEXAMPLEID'}",
        "{'Service': 'lambda.amazonaws.com'}",
        "{'Federated': '*'}",
        "{'AWS': []}",
    ] {
        check_allow(&format!("'Principal': {principal}"), "not allowed");
    }
    check_allow("'NotPrincipal': {'AWS': '444455556666'}", "allowed");
    check_allow(
        "'Principal': {'AWS': 'arn:aws:sts::111122223333:assumed-role/MarkFanOut-eu-west-2/function'}",
        "unclear: A: the session `assumed-role/MarkFanOut-eu-west-2/function`",
    );
}

#[test]
fn actions_and_resources_have_wildcards() {
    for action in
        ["'sqs:*'", "'*'", "'SQS:sendmessage'", "'sqs:Send*'", "['sqs:ReceiveMessage', 'sqs:S?nd*']"]
    {
        check_allow(&format!("'Action': {action}"), "allowed");
    }
    for action in ["'sqs:ReceiveMessage'", "'sns:*'", "[]"] {
        check_allow(&format!("'Action': {action}"), "not allowed");
    }
    check_allow("'NotAction': 'sqs:ReceiveMessage'", "allowed");
    check_allow("'NotAction': 'sqs:*'", "not allowed");
    for resource in [&format!("'{OTHER}'"), "'arn:aws:sqs:*:444455556666:*'", "['x', '*.fifo']"] {
        check_allow(&format!("'Resource': {resource}"), "allowed");
    }
    check_allow(&format!("'Resource': '{SAME}'"), "not allowed");
    check_allow("'Resource': '*EVENTS.fifo'", "not allowed");
    check_allow(&format!("'NotResource': '{OTHER}'"), "not allowed");
    check_allow(
        "'Resource': 'arn:aws:sqs:*:*:${aws:username}'",
        "unclear: A: `arn:aws:sqs:*:*:${aws:username}`",
    );
}

#[test]
fn conditions_are_read() {
    let holds = [
        "{'ArnEquals': {'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2'}}",
        "{'ArnLike': {'AWS:principalarn': ['x', 'arn:aws:iam::*:role/MarkFanOut-*']}}",
        "{'StringEquals': {'aws:PrincipalAccount': ['111122223333', '444455556666']}}",
        "{'StringLike': {'aws:PrincipalArn': '*MarkFanOut*'}}",
        "{'Bool': {'aws:SecureTransport': 'true'}}",
        "{'Bool': {'aws:SecureTransport': true}}",
        "{'ArnNotEquals': {'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/Other'}}",
        "{'StringNotEquals': {'aws:SourceAccount': '444455556666'}}",
        "{'StringEqualsIfExists': {'aws:SourceAccount': '444455556666'}}",
        "{'Null': {'aws:SourceArn': 'true'}}",
        "{'StringEquals': {'aws:RequestedRegion': 'eu-west-2'}, 'Bool': {'aws:ViaAWSService': 'false'}}",
    ];
    for condition in holds {
        check_allow(&format!("'Condition': {condition}"), "allowed");
        check_deny(&format!("'Condition': {condition}"), "denied by D");
    }
    let fails = [
        "{'ArnEquals': {'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/Other'}}",
        "{'ArnNotEquals': {'aws:PrincipalArn': 'arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2'}}",
        "{'StringEquals': {'aws:PrincipalAccount': '1111*'}}",
        "{'StringNotLike': {'aws:PrincipalArn': '*MarkFanOut*'}}",
        "{'StringEquals': {'aws:SourceAccount': '111122223333'}}",
        "{'ArnLike': {'aws:SourceArn': 'arn:aws:sns:*:*:*'}}",
        "{'Bool': {'aws:SecureTransport': 'false'}}",
        "{'Null': {'aws:PrincipalArn': 'true'}}",
        // Both must hold: one that fails makes the other irrelevant.
        "{'StringEquals': {'aws:PrincipalOrgID': 'o-1', 'aws:PrincipalAccount': '444455556666'}}",
    ];
    for condition in fails {
        check_allow(&format!("'Condition': {condition}"), "not allowed");
        check_deny(&format!("'Condition': {condition}"), "allowed");
    }
    for (condition, reason) in [
        ("{'StringEquals': {'aws:PrincipalOrgID': 'o-1'}}", "`StringEquals` of `aws:principalorgid`"),
        ("{'IpAddress': {'aws:SourceIp': '10.0.0.0/8'}}", "`IpAddress` of `aws:sourceip`"),
        (
            "{'ForAnyValue:StringEquals': {'aws:PrincipalArn': 'x'}}",
            "`ForAnyValue:StringEquals` of `aws:principalarn`",
        ),
        (
            "{'StringEquals': {'aws:PrincipalAccount': '${aws:ResourceAccount}'}}",
            "`StringEquals` of `aws:principalaccount`",
        ),
    ] {
        check_allow(&format!("'Condition': {condition}"), &format!("unclear: A: {reason}"));
        check_deny(&format!("'Condition': {condition}"), &format!("unclear: D: {reason}"));
    }
}

#[test]
fn a_deny_wins() {
    check_deny("'X': 0", "denied by D");
    check_deny("'Action': 'sqs:ReceiveMessage'", "allowed");
    check_deny("'Principal': {'AWS': '111122223333'}", "denied by D");
    check_deny("'Principal': {'AWS': '444455556666'}", "allowed");
    check_deny("'NotPrincipal': {'AWS': '444455556666'}", "denied by D");
    check_deny(
        "'NotPrincipal': {'AWS': 'arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2'}",
        "unclear: D: `NotPrincipal`",
    );
}

#[test]
fn across_accounts_it_takes_both_and_inside_one_of_them() {
    let to = |principal| {
        format!(
            "{{'Effect': 'Allow', 'Principal': {{'AWS': '{principal}'}}, 'Action': 'sqs:*', 'Resource': '*'}}"
        )
    };
    for (queue, statements, expected) in [
        (OTHER, String::new(), "not allowed"),
        (OTHER, to("111122223333"), "allowed"),
        (OTHER, to(ROLE), "allowed"),
        (SAME, String::new(), "allowed"),
        (SAME, to("444455556666"), "allowed"),
    ] {
        assert_eq!(access(queue, &statements), expected, "{queue} {statements}");
    }
}

#[test]
fn an_unclear_allow_matters_only_alone() {
    let unclear = "{'Sid': 'O', 'Effect': 'Allow', 'Principal': '*', 'Action': '*', 'Resource': '*',
                    'Condition': {'StringEquals': {'aws:PrincipalOrgID': 'o-1'}}}";
    let clear = "{'Effect': 'Allow', 'Principal': {'AWS': '111122223333'}, 'Action': '*', 'Resource': '*'}";
    check(unclear, "unclear: O: `StringEquals` of `aws:principalorgid`");
    check(&format!("{unclear}, {clear}"), "allowed");
    check(&format!("{clear}, {unclear}"), "allowed");
}

#[test]
fn a_star_is_public_unless_a_condition_names_the_caller() {
    let public = |part: &str| {
        let text = format!("{{'Statement': {{'Sid': 'A', 'Action': 'sqs:*', 'Resource': '*', {part} }}}}");
        let policy = Policy::try_new(&text.replace('\'', "\"")).unwrap();
        policy.public_statement().map(str::to_owned)
    };
    for part in [
        "'Effect': 'Allow', 'Principal': '*'",
        "'Effect': 'Allow', 'Principal': {'AWS': ['111122223333', '*']}",
        "'Effect': 'Allow', 'NotPrincipal': {'AWS': '111122223333'}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'Bool': {'aws:SecureTransport': 'true'}}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'StringLike': {'aws:PrincipalArn': '*'}}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'StringNotEquals': {'aws:PrincipalAccount': '1'}}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'ArnLikeIfExists': {'aws:SourceArn': 'arn:aws:sns:a:b:c'}}",
    ] {
        assert_eq!(public(part).as_deref(), Some("A"), "{part}");
    }
    for part in [
        "'Effect': 'Deny', 'Principal': '*'",
        "'Effect': 'Allow', 'Principal': {'AWS': '111122223333'}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'StringEquals': {'aws:PrincipalOrgID': 'o-1'}}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'ArnLike': {'aws:SourceArn': 'arn:aws:sns:a:b:*'}}",
        "'Effect': 'Allow', 'Principal': '*', 'Condition': {'StringEquals': {'aws:PrincipalTag/team': 'a'}}",
    ] {
        assert_eq!(public(part), None, "{part}");
    }
}

#[test]
fn an_invalid_policy_is_an_error_that_names_the_fault() {
    for (text, expected) in [
        ("{}", "not a policy: it has no `Statement`"),
        ("{\"Statement\": [1]}", "not a policy: statement 1 is no object"),
        ("{\"Statement\": {\"Effect\": \"allow\"}}", "not a policy: statement 1 has no `Effect`"),
        ("{\"Statement\": {\"Effect\": \"Deny\"}}", "not a policy: statement 1 has no `Action`"),
    ] {
        assert_eq!(Policy::try_new(text).unwrap_err().to_string(), expected);
    }
    assert!(Policy::try_new("[").is_err());
}

#[test]
fn the_policy_that_owners_paste_lets_the_role_in_and_no_other() {
    let role = crate::policy::FanOutRole::try_new(ROLE).unwrap();
    let queue = QueueArn::try_new(OTHER).unwrap();
    let text = serde_json::to_string(&crate::policy::queue_policy(&queue, &role)).unwrap();
    let policy = Policy::try_new(&text).unwrap();
    assert_eq!(policy.public_statement(), None);
    for (role, account, expected) in [
        (ROLE, "111122223333", Access::Allowed),
        ("arn:aws:iam::111122223333:role/Other", "111122223333", Access::NotAllowed),
        ("arn:aws:iam::777788889999:role/MarkFanOut-eu-west-2", "777788889999", Access::NotAllowed),
    ] {
        assert_eq!(
            policy.access(&SendRequest { role, account, to: Destination::Queue(&queue) }),
            expected,
            "{role}"
        );
    }
}
