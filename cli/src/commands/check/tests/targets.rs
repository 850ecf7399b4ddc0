//! Findings about the targets of push clients, and those that are none of the target.

use aws::operator::bus::Bus;
use aws::operator::host::HostState;
use aws::operator::s3::BucketState;
use aws::operator::secret::Secret;
use aws::operator::stream::Stream;
use expect_test::{Expect, expect};
use shared::exchange::NoAnswer;

use super::*;
use crate::commands::check::look::{KeyFacts, SecretState, TargetFacts, TargetState, WebhookState};
use crate::target_report::account;

const HOOK: &str = "[client.push.webhook]\nurl = 'https://hooks.example.com/marks'\nsecret = 'arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks-AbCdEf'\n";
const OAUTH: &str = "[client.push.webhook.oauth]\ntoken_url = 'https://login.example.com/token'\nclient_id = 'me'\nclient_secret = 'arn:aws:ssm:eu-west-2:111122223333:parameter/hooks/client'\n";
const INTERNAL: &str = "[client.push.webhook]\nurl = 'https://hooks.internal.example.com/'\nsecret = 'arn:aws:ssm:eu-west-2:444455556666:parameter/hooks'\n";
const FUNCTION: &str =
    "[client.push.lambda]\nfunction = 'arn:aws:lambda:eu-west-2:111122223333:function:marks:live'\n";
const TOPIC: &str = "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:marks.fifo'\n";
const STANDARD_TOPIC: &str = "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:marks'\n";
const FOREIGN_TOPIC: &str = "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:444455556666:marks.fifo'\n";
const FOREIGN_BUS: &str = "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:444455556666:event-bus/marks'\nsource = 'marks'\ndetail_type = 'mark'\n";
const STREAM: &str =
    "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:111122223333:stream/marks'\n";
const FOREIGN_STREAM: &str =
    "[client.push.kinesis]\nstream = 'arn:aws:kinesis:eu-west-2:444455556666:stream/marks'\n";
const BUCKET: &str = "[client.push.s3]\nbucket = 'marks'\n";
const KEPT: &str = "[client.push.s3]\nbucket = 'marks'\non_erased = 'keep'\n";
const ROLE: &str = "arn:aws:iam::111122223333:role/MarkFanOutPushAws-eu-west-2";

/// A stack in which nothing is wrong, with a push client.
fn with_client(push: &str) -> Facts {
    let mut facts = good();
    let hosts = "allowed_hosts = ['hooks.example.com', 'login.example.com', { host = 'hooks.internal.example.com', internal = true }]\n";
    let accounts = "allowed_accounts = ['111122223333', '444455556666']\n";
    let text = CONFIG.replace("allowed_accounts = [\"444455556666\"]\n", &format!("{hosts}{accounts}"));
    facts.config = config(&format!("{text}[[client]]\nname = 'Hook'\n{push}"));
    facts
}

/// The findings about a client's target in this state.
fn found(push: &str, state: TargetState) -> String {
    let mut facts = with_client(push);
    let client = facts.config.clients.last().unwrap();
    let target = client.push.as_ref().unwrap().target.clone();
    let account = account(&target, Some(&facts.place));
    facts.targets = Ok(vec![TargetFacts { client: "Hook".into(), target, account, state }]);
    let of_target = |line: &str| line.starts_with("target of client");
    lines(&facts).lines().filter(|line| of_target(line)).map(|line| line.to_owned() + "\n").collect()
}

fn check(push: &str, state: TargetState, expected: &Expect) {
    expected.assert_eq(&found(push, state));
}

fn call(call: &'static str, fault: CallFault) -> CallError {
    CallError { call, ..error(fault) }
}

/// What is said of a part that is missing, that the operator may not see, and that can't be seen for now.
fn check_unseen(
    push: &str,
    call_name: &'static str,
    state: impl Fn(CallError) -> TargetState,
    expected: &Expect,
) {
    let faults = [CallFault::Missing, CallFault::NotAllowed, CallFault::Unreachable];
    let all: String = faults.iter().map(|fault| found(push, state(call(call_name, *fault)))).collect();
    expected.assert_eq(&all);
}

fn function(state: &str, reason: Option<&str>, timeout: i32) -> TargetState {
    let reason = reason.map(str::to_owned);
    TargetState::Function(Ok(Function { state: state.into(), reason, timeout: Some(timeout) }))
}

#[test]
fn a_function_is_there_and_active() {
    check(FUNCTION, function("Active", None, 15), &expect![[""]]);
    check(
        FUNCTION,
        function("Pending", Some("creating"), 15),
        &expect![[r#"
        target of client `Hook`: isn't ready yet (`Pending`: creating); check again in a minute
    "#]],
    );
    check(
        FUNCTION,
        function("Inactive", None, 20),
        &expect![[r#"
        target of client `Hook`: warning: is `Inactive`, because it was not used for long: the first event brings it back, and comes again; nothing has to be done
        target of client `Hook`: warning: may run for 20 s, and push waits for 20 s: it would go on while the event comes again; give it a time-out below 20 s
    "#]],
    );
    check(
        FUNCTION,
        function("Failed", Some("its key is disabled"), 15),
        &expect![[r#"
        target of client `Hook`: can't run (`Failed`: its key is disabled); mend what the reason names
    "#]],
    );
    check_unseen(
        FUNCTION,
        "GetFunctionConfiguration",
        |error| TargetState::Function(Err(error)),
        &expect![[r#"
            target of client `Hook`: doesn't exist (`arn:aws:lambda:eu-west-2:111122223333:function:marks:live`); make it, or correct `function` in the config
            target of client `Hook`: warning: was not looked at: you may not: `GetFunctionConfiguration` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/WatchTargets` to your user or role (it has the targets of the config that is deployed)
            target of client `Hook`: can't be checked: `GetFunctionConfiguration` of `it`: dispatch failure; check again, and look into the reason if it stays
        "#]],
    );
}

fn topic(attributes: &[(&str, &str)], key: Option<KeyFacts>) -> TargetState {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    TargetState::Topic(Ok(attributes.collect()), key)
}

fn key(arn: &str, key: Result<(&str, bool), CallError>) -> Option<KeyFacts> {
    let key = key.map(|(state, is_of_aws)| Key { state: state.into(), is_of_aws });
    Some(KeyFacts { arn: arn.into(), key: Some(key) })
}

fn key_of_aws(service: &str) -> Option<KeyFacts> {
    let arn = format!("arn:aws:kms:eu-west-2:111122223333:alias/aws/{service}");
    Some(KeyFacts { arn, key: None })
}

#[test]
fn a_topic_is_what_plan_says_of_it() {
    let fifo = ("FifoTopic", "true");
    check(TOPIC, topic(&[fifo], None), &expect![[""]]);
    check(STANDARD_TOPIC, topic(&[], None), &expect![[""]]);
    check(
        TOPIC,
        topic(&[("FifoTopic", "false")], None),
        &expect![[r#"
        target of client `Hook`: is not FIFO, though its name says so, and `plan`: events would come in any order; make a FIFO topic, and name it in the config
    "#]],
    );
    check(
        STANDARD_TOPIC,
        topic(&[fifo], None),
        &expect![[r#"
        target of client `Hook`: is FIFO, and `plan` says that order ends there: it takes no event without a group; name a topic whose name ends in `.fifo`, or a standard one
    "#]],
    );
    check_unseen(
        TOPIC,
        "GetTopicAttributes",
        |error| TargetState::Topic(Err(error), None),
        &expect![[r#"
        target of client `Hook`: doesn't exist (`arn:aws:sns:eu-west-2:111122223333:marks.fifo`); make it, or correct `topic` in the config
        target of client `Hook`: warning: was not looked at: you may not: `GetTopicAttributes` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/WatchTargets` to your user or role (it has the targets of the config that is deployed)
        target of client `Hook`: can't be checked: `GetTopicAttributes` of `it`: dispatch failure; check again, and look into the reason if it stays
    "#]],
    );
    check_unseen(
        FOREIGN_TOPIC,
        "GetTopicAttributes",
        |error| TargetState::Topic(Err(error), None),
        &expect![[r#"
            target of client `Hook`: doesn't exist (`arn:aws:sns:eu-west-2:444455556666:marks.fifo`); ask account `444455556666` to do this: make it, or correct `topic` in the config
            target of client `Hook`: warning: was not looked at: you may not: `GetTopicAttributes` of `it`: no permission (`AccessDenied`); let account `444455556666` look at it, or have it let you (`sns:GetTopicAttributes`)
            target of client `Hook`: can't be checked: `GetTopicAttributes` of `it`: dispatch failure; check again, and look into the reason if it stays
        "#]],
    );
}

#[test]
fn a_key_can_be_used() {
    let of_topic = |key| topic(&[("FifoTopic", "true")], key);
    check(TOPIC, of_topic(key(KEY, Ok(("Enabled", false)))), &expect![[""]]);
    check(TOPIC, of_topic(key_of_aws("sns")), &expect![[""]]);
    check(
        TOPIC,
        of_topic(key(KEY, Ok(("PendingDeletion", false)))),
        &expect![[r#"
        target of client `Hook`: can't be used: its key `arn:aws:kms:eu-west-2:444455556666:key/1234` is `PendingDeletion`; bring the key back, or encrypt with another
    "#]],
    );
    for fault in [CallFault::Missing, CallFault::NotAllowed, CallFault::Unreachable] {
        let expected = match fault {
            CallFault::Missing => expect![[r#"
                target of client `Hook`: can't be used: its key `arn:aws:kms:eu-west-2:444455556666:key/1234` doesn't exist; encrypt with another
            "#]],
            CallFault::NotAllowed => expect![[r#"
                target of client `Hook`: warning: its key was not looked at: you may not: `DescribeKey` of `it`: no permission (`AccessDenied`); let your user or role do that, and the key's policy you (`kms:DescribeKey`)
            "#]],
            _ => expect![[r#"
                target of client `Hook`: can't be checked: `DescribeKey` of `it`: dispatch failure; check again, and look into the reason if it stays
            "#]],
        };
        check(TOPIC, of_topic(key(KEY, Err(call("DescribeKey", fault)))), &expected);
    }
    // `WatchPolicy` has the right to see the keys of the stack's account, in its region.
    let own = "arn:aws:kms:eu-west-2:111122223333:key/1234";
    check(
        TOPIC,
        of_topic(key(own, Err(call("DescribeKey", CallFault::NotAllowed)))),
        &expect![[r#"
        target of client `Hook`: warning: its key was not looked at: you may not: `DescribeKey` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    let stream = |key| TargetState::Stream(Ok(Stream { status: "ACTIVE".into(), key: None }), key);
    check(
        FOREIGN_STREAM,
        stream(key_of_aws("kinesis")),
        &expect![[r#"
        target of client `Hook`: is encrypted with a key of AWS's own, which no other account can use; ask account `444455556666` to do this: encrypt it with a customer managed key, or not
    "#]],
    );
    check(
        FOREIGN_STREAM,
        stream(key(KEY, Ok(("Enabled", true)))),
        &expect![[r#"
        target of client `Hook`: is encrypted with a key of AWS's own, which no other account can use; ask account `444455556666` to do this: encrypt it with a customer managed key, or not
    "#]],
    );
}

#[test]
fn the_policy_of_a_topic_or_bus_lets_the_function_send() {
    let policy = |statement: serde_json::Value| json!({ "Statement": [statement] }).to_string();
    let allow = policy(
        json!({ "Effect": "Allow", "Principal": { "AWS": ROLE }, "Action": ["sns:Publish", "events:PutEvents"], "Resource": "*" }),
    );
    let deny = policy(
        json!({ "Sid": "No", "Effect": "Deny", "Principal": "*", "Action": "SNS:Publish", "Resource": "*" }),
    );
    let unclear = policy(
        json!({ "Sid": "Org", "Effect": "Allow", "Principal": "*", "Action": "events:PutEvents", "Resource": "*",
        "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-1" } } }),
    );
    let of_topic = |policy: &str| topic(&[("FifoTopic", "true"), ("Policy", policy)], None);
    let of_bus = |policy: Option<&str>| {
        TargetState::Bus(Ok(Bus { policy: policy.map(str::to_owned), key: None }), None)
    };
    check(TOPIC, of_topic(&allow), &expect![[""]]);
    check(
        TOPIC,
        of_topic(&deny),
        &expect![[r#"
        target of client `Hook`: forbids the stack's function to send (statement `No` of its policy); let `arn:aws:iam::111122223333:role/MarkFanOutPushAws-eu-west-2` do that in its policy: `sns:Publish` on `arn:aws:sns:eu-west-2:111122223333:marks.fifo`
    "#]],
    );
    check(
        TOPIC,
        of_topic("[]"),
        &expect![[r#"
        target of client `Hook`: has a policy that can't be read: not a policy: it has no `Statement`; mend its policy
    "#]],
    );
    check(FOREIGN_TOPIC, of_topic(&allow), &expect![[""]]);
    check(
        FOREIGN_TOPIC,
        of_topic(r#"{"Statement":[]}"#),
        &expect![[r#"
        target of client `Hook`: doesn't let the stack's function send; ask account `444455556666` to do this: let `arn:aws:iam::111122223333:role/MarkFanOutPushAws-eu-west-2` do that in its policy: `sns:Publish` on `arn:aws:sns:eu-west-2:444455556666:marks.fifo`
    "#]],
    );
    check(FOREIGN_BUS, of_bus(Some(&allow)), &expect![[""]]);
    check(
        FOREIGN_BUS,
        of_bus(None),
        &expect![[r#"
        target of client `Hook`: doesn't let the stack's function send; ask account `444455556666` to do this: let `arn:aws:iam::111122223333:role/MarkFanOutPushAws-eu-west-2` do that in its policy: `events:PutEvents` on `arn:aws:events:eu-west-2:444455556666:event-bus/marks`
    "#]],
    );
    check(
        FOREIGN_BUS,
        of_bus(Some(&unclear)),
        &expect![[r#"
        target of client `Hook`: warning: may or may not let the stack's function send: statement `Org` of its policy depends on `StringEquals` of `aws:principalorgid`; let `arn:aws:iam::111122223333:role/MarkFanOutPushAws-eu-west-2` do that in its policy: `events:PutEvents` on `arn:aws:events:eu-west-2:444455556666:event-bus/marks`; whether it can, `fanoutctl push test Hook` says
    "#]],
    );
}

#[test]
fn a_stream_is_active() {
    let stream = |status: &str| TargetState::Stream(Ok(Stream { status: status.into(), key: None }), None);
    for status in ["ACTIVE", "UPDATING"] {
        check(STREAM, stream(status), &expect![[""]]);
    }
    check(
        STREAM,
        stream("CREATING"),
        &expect![[r#"
        target of client `Hook`: isn't made yet (`CREATING`); check again in a minute
    "#]],
    );
    check(
        STREAM,
        stream("DELETING"),
        &expect![[r#"
        target of client `Hook`: takes nothing: it is `DELETING`; make it again, or correct `stream` in the config
    "#]],
    );
    check_unseen(
        STREAM,
        "DescribeStreamSummary",
        |error| TargetState::Stream(Err(error), None),
        &expect![[r#"
            target of client `Hook`: doesn't exist (`arn:aws:kinesis:eu-west-2:111122223333:stream/marks`); make it, or correct `stream` in the config
            target of client `Hook`: warning: was not looked at: you may not: `DescribeStreamSummary` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/WatchTargets` to your user or role (it has the targets of the config that is deployed)
            target of client `Hook`: can't be checked: `DescribeStreamSummary` of `it`: dispatch failure; check again, and look into the reason if it stays
        "#]],
    );
}

#[test]
fn a_bucket_is_its_owners_and_says_what_erasure_leaves() {
    let here = |versioning: Option<&str>| {
        TargetState::Bucket(Ok(BucketState::Here { versioning: versioning.map(str::to_owned) }), None)
    };
    check(BUCKET, here(None), &expect![[""]]);
    check(
        BUCKET,
        here(Some("Enabled")),
        &expect![[r#"
        target of client `Hook`: warning: keeps versions (`Enabled`): what is deleted when an aggregate is erased stays as a noncurrent version; give it a lifecycle rule that ends noncurrent versions, if it has none
    "#]],
    );
    check(
        BUCKET,
        here(Some("Suspended")),
        &expect![[r#"
        target of client `Hook`: warning: kept versions (`Suspended`): what is deleted when an aggregate is erased stays as a noncurrent version; give it a lifecycle rule that ends noncurrent versions, if it has none
    "#]],
    );
    check(KEPT, here(Some("Enabled")), &expect![[""]]);
    let elsewhere = |region: Option<&str>| {
        TargetState::Bucket(Ok(BucketState::Elsewhere(region.map(str::to_owned))), None)
    };
    check(
        BUCKET,
        elsewhere(Some("us-east-1")),
        &expect![[r#"
        target of client `Hook`: is in `us-east-1`, and the stack in `eu-west-2`; name a bucket of the stack's region
    "#]],
    );
    check(
        BUCKET,
        elsewhere(None),
        &expect![[r#"
        target of client `Hook`: is in another region, and the stack in `eu-west-2`; name a bucket of the stack's region
    "#]],
    );
    check_unseen(
        BUCKET,
        "GetBucketVersioning",
        |error| TargetState::Bucket(Err(error), None),
        &expect![[r#"
            target of client `Hook`: doesn't exist (`marks`); make it, or correct `bucket` in the config
            target of client `Hook`: warning: was not looked at: you may not, or account `111122223333` does not own it: `GetBucketVersioning` of `it`: no permission (`AccessDenied`); see whether account `111122223333` owns the bucket; attach the policy `arn:aws:iam::111122223333:policy/WatchTargets` to your user or role (it has the targets of the config that is deployed)
            target of client `Hook`: can't be checked: `GetBucketVersioning` of `it`: dispatch failure; check again, and look into the reason if it stays
        "#]],
    );
    // What can't be seen of a bucket is no reason not to look at its key.
    let error = call("GetBucketVersioning", CallFault::NotAllowed);
    check(
        BUCKET,
        TargetState::Bucket(Err(error), key(KEY, Ok(("Disabled", false)))),
        &expect![[r#"
        target of client `Hook`: warning: was not looked at: you may not, or account `111122223333` does not own it: `GetBucketVersioning` of `it`: no permission (`AccessDenied`); see whether account `111122223333` owns the bucket; attach the policy `arn:aws:iam::111122223333:policy/WatchTargets` to your user or role (it has the targets of the config that is deployed)
        target of client `Hook`: can't be used: its key `arn:aws:kms:eu-west-2:444455556666:key/1234` is `Disabled`; bring the key back, or encrypt with another
    "#]],
    );
}

/// A host whose certificate ends in so many hours.
fn host(hours: u64) -> HostState {
    HostState { refused: Vec::new(), certificate: Ok(Timestamp::from_millis(NOW + hours * 3_600_000)) }
}

fn unreached(error: NoAnswer) -> HostState {
    HostState { refused: Vec::new(), certificate: Err(error) }
}

fn good_secret() -> SecretState {
    SecretState::Secret(Ok(Secret { is_deleted: false, has_value: true, key: None }))
}

fn webhook(host: HostState) -> TargetState {
    TargetState::Webhook(WebhookState { host, secret: good_secret(), oauth: None })
}

#[test]
fn a_host_has_a_certificate_for_two_weeks_and_addresses_that_may_be_asked() {
    check(HOOK, webhook(host(14 * 24)), &expect![[""]]);
    check(
        HOOK,
        webhook(host(14 * 24 - 1)),
        &expect![[r#"
        target of client `Hook`: warning: the certificate of its host `hooks.example.com:443` ends in 13 days, at 2026-01-19T08:00:00Z; have it renewed: nothing is delivered when it has ended
    "#]],
    );
    check(
        HOOK,
        webhook(host(25)),
        &expect![[r#"
        target of client `Hook`: warning: the certificate of its host `hooks.example.com:443` ends in 1 day, at 2026-01-06T10:00:00Z; have it renewed: nothing is delivered when it has ended
    "#]],
    );
    let both = HostState { refused: vec!["169.254.169.254".parse().unwrap()], ..host(1_000) };
    check(
        HOOK,
        webhook(both),
        &expect![[r#"
        target of client `Hook`: warning: its host `hooks.example.com:443` has the address 169.254.169.254 among others, which may not be asked, and never is; take it out of DNS
    "#]],
    );
    let address = "10.0.0.1".parse().unwrap();
    let refused =
        HostState { refused: vec![address], certificate: Err(NoAnswer::Address(address.to_string())) };
    check(
        HOOK,
        webhook(refused),
        &expect![[r#"
        target of client `Hook`: its host `hooks.example.com:443` can't be asked: the host has the address 10.0.0.1, which may not be asked; a private one may, if `allowed_hosts` names the host with `internal = true`; correct the URL, the config or DNS
    "#]],
    );
    check(
        HOOK,
        webhook(unreached(NoAnswer::Tls("certificate expired".into()))),
        &expect![[r#"
        target of client `Hook`: its host `hooks.example.com:443` can't be asked: no TLS connection: certificate expired; have its certificate be for this name, of an authority that everybody trusts, and not ended
    "#]],
    );
}

#[test]
fn what_this_machine_does_not_reach_may_be_in_reach_of_the_function() {
    let name = || unreached(NoAnswer::Name("no such name".into()));
    check(
        HOOK,
        webhook(name()),
        &expect![[r#"
        target of client `Hook`: its host `hooks.example.com:443` can't be asked: the name of the host can't be looked up: no such name; correct the URL, or DNS
    "#]],
    );
    check(
        INTERNAL,
        webhook(name()),
        &expect![[r#"
        target of client `Hook`: warning: its host `hooks.internal.example.com:443` was not looked at: from here, the name of the host can't be looked up: no such name; see whether it is up; whether the stack's function can reach it, `fanoutctl check --ping` says
    "#]],
    );
    let connection = unreached(NoAnswer::Connection("1.2.3.4: refused".into()));
    check(
        HOOK,
        webhook(connection),
        &expect![[r#"
        target of client `Hook`: warning: its host `hooks.example.com:443` was not looked at: from here, no connection: 1.2.3.4: refused; see whether it is up; whether the stack's function can reach it, `fanoutctl check --ping` says
    "#]],
    );
}

#[test]
fn a_secret_is_there_and_its_value_is_not_read() {
    let with = |secret| TargetState::Webhook(WebhookState { host: host(1_000), secret, oauth: None });
    let secret = |is_deleted, has_value| SecretState::Secret(Ok(Secret { is_deleted, has_value, key: None }));
    check(
        HOOK,
        with(secret(true, false)),
        &expect![[r#"
        target of client `Hook`: its secret `arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks-AbCdEf` is being deleted, and can't be read; restore it (`aws secretsmanager restore-secret`), or name another in the config
    "#]],
    );
    check(
        HOOK,
        with(secret(false, false)),
        &expect![[r#"
        target of client `Hook`: its secret `arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks-AbCdEf` has no value yet; put one in
    "#]],
    );
    check(INTERNAL, with(SecretState::Parameter(Ok(()))), &expect![[""]]);
    check(
        INTERNAL,
        with(SecretState::Foreign),
        &expect![[r#"
        target of client `Hook`: warning: its secret `arn:aws:ssm:eu-west-2:444455556666:parameter/hooks` was not looked at: it is another account's; whether the stack's function can read it, `fanoutctl check --ping` says
    "#]],
    );
    check_unseen(
        HOOK,
        "DescribeSecret",
        |error| with(SecretState::Secret(Err(error))),
        &expect![[r#"
        target of client `Hook`: its secret `arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks-AbCdEf` doesn't exist; make it, or correct its ARN in the config (a secret that is made anew has another)
        target of client `Hook`: warning: its secret `arn:aws:secretsmanager:eu-west-2:111122223333:secret:hooks-AbCdEf` was not looked at: you may not: `DescribeSecret` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/WatchSecrets` to your user or role (it has the targets of the config that is deployed)
        target of client `Hook`: can't be checked: `DescribeSecret` of `it`: dispatch failure; check again, and look into the reason if it stays
    "#]],
    );
}

#[test]
fn what_gives_tokens_is_looked_at_alike() {
    let error = call("ListTagsForResource", CallFault::NotAllowed);
    let oauth = (unreached(NoAnswer::Tls("bad certificate".into())), SecretState::Parameter(Err(error)));
    let state = WebhookState { host: host(1_000), secret: good_secret(), oauth: Some(oauth) };
    check(
        &format!("{HOOK}{OAUTH}"),
        TargetState::Webhook(state),
        &expect![[r#"
        target of client `Hook`: its host `login.example.com:443` can't be asked: no TLS connection: bad certificate; have its certificate be for this name, of an authority that everybody trusts, and not ended
        target of client `Hook`: warning: its secret `arn:aws:ssm:eu-west-2:111122223333:parameter/hooks/client` was not looked at: you may not: `ListTagsForResource` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/WatchSecrets` to your user or role (it has the targets of the config that is deployed)
    "#]],
    );
}

#[test]
fn without_a_policy_of_the_stack_the_right_itself_is_named() {
    let mut facts = with_client(TOPIC);
    let target = facts.config.clients.last().unwrap().push.as_ref().unwrap().target.clone();
    let error = call("GetTopicAttributes", CallFault::NotAllowed);
    let (client, account) = ("Hook".to_owned(), Some("111122223333".to_owned()));
    let state = TargetState::Topic(Err(error), None);
    facts.targets = Ok(vec![TargetFacts { client, target, account, state }]);
    facts.watch_targets_policy = None;
    let report = Report::new(&facts, None, false);
    let finding = report.findings.iter().find(|finding| finding.subject.starts_with("target")).unwrap();
    expect![[r#"
        {
          "subject": "target of client `Hook`",
          "line": null,
          "key": "client.push.sns.topic",
          "problem": "was not looked at: you may not: `GetTopicAttributes` of `it`: no permission (`AccessDenied`)",
          "remedy": "let your user or role do that (`sns:GetTopicAttributes`)",
          "advice": null,
          "severity": "warning"
        }"#]].assert_eq(&serde_json::to_string_pretty(finding).unwrap());
    expect!["stack `mark-event-queue`, with 4 queues, 1 target, the table's stream, all three functions and the ledger: 1 finding, 1 warning"].assert_eq(text(&report, Style::Plain).lines().rev().nth(2).unwrap());
}

#[test]
fn without_credentials_none_is_looked_at() {
    let mut facts = good();
    facts.targets = Err(call("credentials", CallFault::Expired));
    expect![[r#"
        targets of push clients: can't be checked: `credentials` of `it`: old (`ExpiredToken`); sign in again
    "#]]
    .assert_eq(&lines(&facts));
}
