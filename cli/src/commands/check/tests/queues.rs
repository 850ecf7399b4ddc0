//! Findings about queues.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use shared::naming::{QueueArn, RoleArn};

use super::super::collect::{Whose, key_arn};
use super::*;

#[test]
fn a_queue_that_is_not_there() {
    for queue in [FAN_OUT, REJECTED] {
        let mut facts = good();
        facts.queues[queue].attributes = Err(error(CallFault::Missing));
        let name = &facts.queues[queue].arn.name;
        let found = lines(&facts);
        assert!(
            found.contains(&format!("queue: doesn't exist any more (`{name}`); make a FIFO queue")),
            "{found}"
        );
        assert_eq!(found.lines().count(), 1);
    }
    let missing =
        |facts: &mut Facts, queue: usize| facts.queues[queue].attributes = Err(error(CallFault::Missing));
    check(
        |facts| missing(facts, BILLING),
        &expect![[r#"
            queue of client `Billing`: doesn't exist any more (`MarkFanOutClientBilling.fifo`), so it falls behind; what it held comes back only by `fanoutctl replay`; run `fanoutctl queue repair Billing`
        "#]],
    );
    check(
        |facts| {
            missing(facts, BILLING);
            facts.queues[BILLING].whose = Whose::Own { client: "Billing".into(), is_deployed: false };
        },
        &expect![[r#"
            queue of client `Billing`: isn't made yet; deploy
        "#]],
    );
    check(
        |facts| missing(facts, REPORTING),
        &expect![[r#"
        queue of client `Reporting`: doesn't exist (`arn:aws:sqs:eu-west-2:444455556666:Reporting.fifo`); make it, or correct `queue_arn` in the config
    "#]],
    );
}

#[test]
fn a_queue_that_may_not_be_looked_at() {
    let unseen = |facts: &mut Facts, queue: usize, fault| facts.queues[queue].attributes = Err(error(fault));
    check(
        |facts| unseen(facts, BILLING, CallFault::NotAllowed),
        &expect![[r#"
        queue of client `Billing`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check(
        |facts| {
            unseen(facts, FAN_OUT, CallFault::NotAllowed);
            facts.watch_policy = None;
        },
        &expect![[r#"
            fan-out queue: can't be checked: `Look` of `it`: no permission (`AccessDenied`); let your user or role do that
        "#]],
    );
    check(
        |facts| unseen(facts, REPORTING, CallFault::NotAllowed),
        &expect![[r#"
        queue of client `Reporting`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); let account `444455556666` check it, or let you read its attributes
    "#]],
    );
    check(
        |facts| unseen(facts, REPORTING, CallFault::Unreachable),
        &expect![[r#"
            queue of client `Reporting`: can't be checked: `Look` of `it`: dispatch failure; check again, and look into the reason if it stays
        "#]],
    );
    check(
        |facts| unseen(facts, BILLING, CallFault::Refused),
        &expect![[r#"
            queue of client `Billing`: can't be checked: `Look` of `it`: not so (`InvalidAddress`); check again, and look into the reason if it stays
        "#]],
    );
}

#[test]
fn settings_of_a_queue() {
    check_queue(
        BILLING,
        "FifoQueue",
        "",
        &expect![[r#"
        queue of client `Billing`: is not FIFO; register a FIFO queue
    "#]],
    );
    check_queue(
        REPORTING,
        "MaximumMessageSize",
        "262144",
        &expect![[r#"
        queue of client `Reporting`: takes no event larger than 262144 bytes, attributes included; ask account `444455556666` to set `MaximumMessageSize` to 1048576
    "#]],
    );
    check_queue(
        FAN_OUT,
        "MaximumMessageSize",
        "1048575",
        &expect![[r#"
        fan-out queue: takes no event larger than 1048575 bytes, attributes included; set `MaximumMessageSize` to 1048576
    "#]],
    );
    check_queue(
        BILLING,
        "DelaySeconds",
        "5",
        &expect![[r#"
            queue of client `Billing`: holds everything back for 5 s; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(
        BILLING,
        "VisibilityTimeout",
        "30",
        &expect![[r#"
            queue of client `Billing`: shows an event again 30 s after it was received, though its consumer may still be at work on it; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(BILLING, "VisibilityTimeout", "900", &expect![[""]]);
    // The owner of an existing queue knows its consumer.
    check_queue(REPORTING, "VisibilityTimeout", "30", &expect![[""]]);
    check_queue(
        BILLING,
        "MessageRetentionPeriod",
        "1209599",
        &expect![[r#"
            queue of client `Billing`: loses what is not received for 1209599 s; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(
        REJECTED,
        "MessageRetentionPeriod",
        "345600",
        &expect![[r#"
        rejected queue: loses what is not received for 4 days; set `MessageRetentionPeriod` to 1209600
    "#]],
    );
    check_queue(REPORTING, "MessageRetentionPeriod", "345600", &expect![[""]]);
    check_queue(
        REPORTING,
        "MessageRetentionPeriod",
        "86400",
        &expect![[r#"
        queue of client `Reporting`: loses what is not received for a day; ask account `444455556666` to set `MessageRetentionPeriod` to 1209600
    "#]],
    );
    check_queue(
        REPORTING,
        "MessageRetentionPeriod",
        "7200",
        &expect![[r#"
        queue of client `Reporting`: loses what is not received for 2 h; ask account `444455556666` to set `MessageRetentionPeriod` to 1209600
    "#]],
    );
    check_queue(
        BILLING,
        "FifoThroughputLimit",
        "perQueue",
        &expect![[r#"
            queue of client `Billing`: takes 300 requests a second of all groups together, and not of each; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(
        REPORTING,
        "RedrivePolicy",
        "{\"maxReceiveCount\":3}",
        &expect![[r#"
        queue of client `Reporting`: loses its order: its `RedrivePolicy` takes an event out and lets later ones through; ask account `444455556666` to take the `RedrivePolicy` away, and let the consumer set aside what it can't process
    "#]],
    );
    check_queue(
        BILLING,
        "RedrivePolicy",
        "{}",
        &expect![[r#"
            queue of client `Billing`: loses its order: its `RedrivePolicy` takes an event out and lets later ones through; run `fanoutctl queue repair Billing`, and let the consumer set aside what it can't process
        "#]],
    );
}

#[test]
fn encryption_of_a_queue() {
    check_queue(
        BILLING,
        "SqsManagedSseEnabled",
        "false",
        &expect![[r#"
            queue of client `Billing`: is not encrypted; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(
        BILLING,
        "SqsManagedSseEnabled",
        "",
        &expect![[r#"
            queue of client `Billing`: is not encrypted; run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(BILLING, "KmsMasterKeyId", "alias/aws/sqs", &expect![[""]]);
    check_queue(
        REPORTING,
        "KmsMasterKeyId",
        "alias/aws/sqs",
        &expect![[r#"
            queue of client `Reporting`: is encrypted with a key of AWS's own, which no other account can use; ask account `444455556666` to set `SqsManagedSseEnabled` to true, or take a customer managed key
        "#]],
    );

    let check_key = |queue: usize, key: Result<Key, CallError>, expected: &Expect| {
        check(
            |facts| {
                let attributes = facts.queues[queue].attributes.as_mut().unwrap();
                attributes.insert("KmsMasterKeyId".into(), KEY.into());
                attributes.remove("SqsManagedSseEnabled");
                facts.queues[queue].key = Some(key);
            },
            expected,
        );
    };
    let key = |state: &str, is_of_aws| Ok(Key { state: state.into(), is_of_aws });
    check_key(REPORTING, key("Enabled", false), &expect![[""]]);
    check_key(
        REPORTING,
        key("Enabled", true),
        &expect![[r#"
            queue of client `Reporting`: is encrypted with a key of AWS's own, which no other account can use; ask account `444455556666` to set `SqsManagedSseEnabled` to true, or take a customer managed key
        "#]],
    );
    check_key(BILLING, key("Enabled", true), &expect![[""]]);
    check_key(
        BILLING,
        key("PendingDeletion", false),
        &expect![[r#"
            queue of client `Billing`: can't be used: its key `arn:aws:kms:eu-west-2:444455556666:key/1234` is `PendingDeletion`; bring the key back, or encrypt with another
        "#]],
    );
    check_key(
        REPORTING,
        Err(error(CallFault::Missing)),
        &expect![[r#"
        queue of client `Reporting`: can't be used: its key `arn:aws:kms:eu-west-2:444455556666:key/1234` doesn't exist; ask account `444455556666` to encrypt with another
    "#]],
    );
    check_key(
        REPORTING,
        Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        queue of client `Reporting`: has a key that can't be checked: `Look` of `it`: no permission (`AccessDenied`); ask account `444455556666` to let you call `kms:DescribeKey`
    "#]],
    );
    check_key(
        BILLING,
        Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        queue of client `Billing`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
}

#[test]
fn a_key_without_an_account_is_one_of_the_queues() {
    let arn = QueueArn::try_new("arn:aws:sqs:eu-west-2:444455556666:Reporting.fifo").unwrap();
    for (id, expected) in [
        ("", None),
        ("1234", Some(KEY)),
        (KEY, Some(KEY)),
        ("alias/events", Some("arn:aws:kms:eu-west-2:444455556666:alias/events")),
    ] {
        let attributes = BTreeMap::from([("KmsMasterKeyId".to_owned(), id.to_owned())]);
        assert_eq!(key_arn(&arn, &attributes).as_deref(), expected);
    }
}

#[test]
fn rights_at_a_queue() {
    // The role's own policy lets it send to the stack's own queues; theirs keep others from it.
    for queue in [FAN_OUT, REJECTED, BILLING] {
        let mut facts = good();
        facts.queues[queue].attributes.as_mut().unwrap().remove("Policy");
        let found = lines(&facts);
        assert!(
            found.contains(": lets other roles of the account send, which can forge events; "),
            "{found}"
        );
        assert!(!found.contains("doesn't let"), "{found}");
    }
    check_queue(
        REPORTING,
        "Policy",
        "",
        &expect![[r#"
        queue of client `Reporting`: doesn't let the fan-out send; ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
    "#]],
    );
    let deny =
        r#"{"Statement":{"Sid":"Freeze","Effect":"Deny","Principal":"*","Action":"sqs:*","Resource":"*"}}"#;
    check_queue(
        FAN_OUT,
        "Policy",
        deny,
        &expect![[r#"
        fan-out queue: forbids the converter to send (statement `Freeze` of its policy); give it the policy that `template.yml` has
    "#]],
    );
    check_queue(
        BILLING,
        "Policy",
        deny,
        &expect![[r#"
            queue of client `Billing`: forbids the fan-out to send (statement `Freeze` of its policy); run `fanoutctl queue repair Billing`
        "#]],
    );
    check_queue(
        REPORTING,
        "Policy",
        deny,
        &expect![[r#"
        queue of client `Reporting`: forbids the fan-out to send (statement `Freeze` of its policy); ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
    "#]],
    );
    check_queue(
        REPORTING,
        "Policy",
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*",
            "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}}}"#,
        &expect![[r#"
            queue of client `Reporting`: may or may not let the fan-out send: statement `1` of its policy depends on `StringEquals` of `aws:principalorgid`; ask account `444455556666` to give it the policy that `fanoutctl policy Reporting` prints
        "#]],
    );
    let open = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sqs:*","Resource":"*"}}"#;
    check_queue(
        REPORTING,
        "Policy",
        open,
        &expect![[r#"
        queue of client `Reporting`: is public (statement `1` of its policy); ask account `444455556666` to name in it the account that may, or narrow it by a condition
    "#]],
    );
    check_queue(
        BILLING,
        "Policy",
        "{}",
        &expect![[r#"
            queue of client `Billing`: has a policy that can't be read: not a policy: it has no `Statement`; run `fanoutctl queue repair Billing`
        "#]],
    );
    check(
        |facts| {
            facts.queues[REPORTING].whose = Whose::Existing { client: "Reporting".into(), is_deployed: false }
        },
        &expect![[r#"
            queue of client `Reporting`: is in the config, but the stack has no right to send to it yet; deploy
        "#]],
    );
}

/// A stack whose consumers may ask, and their queue.
fn with_requests() -> Facts {
    let mut facts = good();
    let text = CONFIG.replace(
        "name = \"Billing\"",
        "name = \"Billing\"\nrequest_role = \"arn:aws:iam::444455556666:role/consumer\"",
    );
    facts.config = config(&text);
    facts.running = Ok(Some(facts.config.clone()));
    let whose = Whose::Stack(OwnQueue::Requests);
    let (account, name) = (facts.place.account.clone(), facts.place.own_queue_name(OwnQueue::Requests));
    let mut queue = good_queue(whose, &account, &name, &facts.place);
    let role = "arn:aws:iam::444455556666:role/consumer";
    let policy = json!({ "Statement": [
        { "Sid": "ConsumersAsk", "Effect": "Allow", "Principal": { "AWS": ["arn:aws:iam::444455556666:root"] },
          "Action": "sqs:SendMessage", "Resource": queue.arn.to_string(),
          "Condition": { "ArnEquals": { "aws:PrincipalArn": [role] } } },
        { "Sid": "NobodyElseSends", "Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage",
          "Resource": queue.arn.to_string(), "Condition": { "ArnNotEquals": { "aws:PrincipalArn": [role] } } },
    ] });
    let attributes = queue.attributes.as_mut().unwrap();
    for (name, value) in [
        ("MaximumMessageSize", "1024"),
        ("VisibilityTimeout", "1080"),
        ("MessageRetentionPeriod", "86400"),
        ("Policy", &policy.to_string()),
    ] {
        attributes.insert(name.to_owned(), value.to_owned());
    }
    facts.queues.push(queue);
    facts
}

#[test]
fn the_queue_of_requests() {
    let check = |change: &dyn Fn(&mut Queue, &mut Config), expected: Expect| {
        let mut facts = with_requests();
        let mut running = facts.config.clone();
        change(facts.queues.last_mut().unwrap(), &mut running);
        facts.running = Ok(Some(running));
        facts.catch_up = Ok(vec![queue_mapping(facts.place.own_queue_arn(OwnQueue::Requests).to_string())]);
        expected.assert_eq(&lines(&facts));
    };
    let set = |queue: &mut Queue, name: &str, value: &str| {
        queue.attributes.as_mut().unwrap().insert(name.to_owned(), value.to_owned());
    };
    check(&|_, _| {}, expect![""]);
    check(
        &|queue, _| queue.attributes = Err(error(CallFault::Missing)),
        expect![[r#"
        requests queue: doesn't exist (`MarkFanOutRequests.fifo`), so no consumer can ask for a replay; deploy, if the stack was made by an earlier release; else make a FIFO queue of that name as `template.yml` does
    "#]],
    );
    check(
        &|queue, _| set(queue, "VisibilityTimeout", "180"),
        expect![[r#"
        requests queue: shows a request again 180 s after it was received, though catch-up may be at work on it; set `VisibilityTimeout` to 1080
    "#]],
    );
    check(
        &|queue, _| set(queue, "MessageRetentionPeriod", "60"),
        expect![[r#"
        requests queue: loses a request that waits for 60 s; set `MessageRetentionPeriod` to 86400
    "#]],
    );
    check(
        &|queue, _| set(queue, "Policy", ""),
        expect![[r#"
        requests queue: doesn't let `arn:aws:iam::444455556666:role/consumer` ask for replays, though the config that runs does; give it the policy that `template.yml` has
        requests queue: lets other roles of the account ask for replays; give it the policy that `template.yml` has
    "#]],
    );
    let other = RoleArn::try_new("arn:aws:iam::444455556666:role/other").ok();
    check(
        &|_, running| running.clients[0].request_role = other.clone(),
        expect![[r#"
        config: the functions run with another config than this file's; see `fanoutctl plan`, then `fanoutctl deploy`
        requests queue: doesn't let `arn:aws:iam::444455556666:role/other` ask for replays, though the config that runs does; give it the policy that `template.yml` has
    "#]],
    );
    check(
        &|_, running| running.clients[0].request_role = None,
        expect![[r#"
        config: the functions run with another config than this file's; see `fanoutctl plan`, then `fanoutctl deploy`
    "#]],
    );
}
