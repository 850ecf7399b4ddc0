//! Findings about the config, the table and the functions.

use expect_test::{Expect, expect};

use super::*;

#[test]
fn another_config_runs() {
    check(
        |facts| facts.running = Ok(None),
        &expect![[r#"
        config: the functions run with another config than this file's; see `fanoutctl plan`, then `fanoutctl deploy`
    "#]],
    );
    check(
        |facts| facts.running = Ok(Some(config(&CONFIG.replace("Billing", "Tax")))),
        &expect![[r#"
            config: the functions run with another config than this file's; see `fanoutctl plan`, then `fanoutctl deploy`
            client `Tax`: the ledger does not know it: it gets nothing; see the catch-up function's log, and whether its schedule (EventBridge, Rules) is enabled
        "#]],
    );
    check(|facts| facts.running = Ok(Some(config(&format!("# only a comment\n{CONFIG}")))), &expect![[""]]);
}

#[test]
fn the_config_that_runs_is_not_known() {
    let check_unread = |call: &'static str, subject: &str, fault: CallFault, expected: Expect| {
        let error = CallError { call, subject: subject.into(), ..error(fault) };
        check(|facts| facts.running = Err(UnknownConfig::Call(error)), &expected);
    };
    let package = "mark-event-queue-packages-111122223333-eu-west-2/fanout/1.zip";
    check_unread(
        "GetObject",
        package,
        CallFault::NotAllowed,
        expect![[r#"
        config: what the functions run with isn't known: `GetObject` of `mark-event-queue-packages-111122223333-eu-west-2/fanout/1.zip`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check_unread(
        "GetObject",
        package,
        CallFault::Missing,
        expect![[r#"
        config: what the functions run with isn't known: `GetObject` of `mark-event-queue-packages-111122223333-eu-west-2/fanout/1.zip`: nothing there (`QueueDoesNotExist`); deploy the stack again
    "#]],
    );
    check_unread(
        "GetObject",
        package,
        CallFault::Unreachable,
        expect![[r#"
        config: what the functions run with isn't known: `GetObject` of `mark-event-queue-packages-111122223333-eu-west-2/fanout/1.zip`: dispatch failure; check again, and look into the reason if it stays
    "#]],
    );
    // Deployed with `--bucket`, or by another tool.
    check_unread(
        "GetObject",
        "packages/1.zip",
        CallFault::NotAllowed,
        expect![[r#"
        config: what the functions run with isn't known: `GetObject` of `packages/1.zip`: no permission (`AccessDenied`); let your user or role read `packages/1.zip` (`s3:GetObject`)
    "#]],
    );
    check_unread(
        "GetTemplate",
        "mark-event-queue",
        CallFault::NotAllowed,
        expect![[r#"
        config: what the functions run with isn't known: `GetTemplate` of `mark-event-queue`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check(
        |facts| facts.running = Err(UnknownConfig::NoPackage { stack: facts.stack.clone() }),
        &expect![[r#"
        config: what the functions run with isn't known: the template of stack `mark-event-queue` names no package on S3 for `FanOut`; deploy with `fanoutctl deploy`
    "#]],
    );
}

#[test]
fn the_table_and_its_stream() {
    let check_table = |change: &dyn Fn(&mut Table), expected: &Expect| {
        check(|facts| change(facts.table.as_mut().unwrap().as_mut().unwrap()), expected);
    };
    check_table(
        &|table| table.partition_key = "id".into(),
        &expect![[r#"
        event table `Events`: its partition key is `id`, not `mark`; correct `partition_key` in the config, and deploy
    "#]],
    );
    check_table(
        &|table| table.sort_key = None,
        &expect![[r#"
        event table `Events`: its sort key is none, and the config's `createTime`; correct `sort_key` in the config, and deploy
    "#]],
    );
    check_table(
        &|table| table.sort_key = Some("time".into()),
        &expect![[r#"
        event table `Events`: its sort key is `time`, and the config's `createTime`; correct `sort_key` in the config, and deploy
    "#]],
    );
    check_table(
        &|table| table.stream = None,
        &expect![[r#"
        event table `Events`: it has no stream; give it a stream of `NEW_IMAGE`, and deploy with that (`--stream-arn`)
    "#]],
    );
    let stream = |arn: &str, view_type: &str| Some(Stream { arn: arn.into(), view_type: view_type.into() });
    check_table(&|table| table.stream = stream(STREAM, "NEW_IMAGE"), &expect![[""]]);
    check_table(
        &|table| table.stream = stream(STREAM, "NEW_AND_OLD_IMAGES"),
        &expect![[r#"
        event table `Events`: its stream carries old images, too (`NEW_AND_OLD_IMAGES`): a record of two large items can exceed the 6 MB that Lambda takes, and then it never gets through; switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)
    "#]],
    );
    check_table(
        &|table| table.stream = stream(STREAM, "KEYS_ONLY"),
        &expect![[r#"
        event table `Events`: its stream carries `KEYS_ONLY`, and no new images; switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)
    "#]],
    );
    check_table(
        &|table| table.stream = stream(STREAM, "OLD_IMAGE"),
        &expect![[r#"
        event table `Events`: its stream carries `OLD_IMAGE`, and no new images; switch the stream off, and on again with `NEW_IMAGE`, and deploy with it (`--stream-arn`)
    "#]],
    );
    let newer = STREAM.replace("2026-01", "2026-02");
    check_table(
        &|table| table.stream = stream(&newer, "NEW_IMAGE"),
        &expect![[r#"
            event table `Events`: the stack reads its stream `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000`, which is closed; run `fanoutctl deploy --stream-arn arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-02-05T09:00:00.000`
        "#]],
    );
    check(
        |facts| facts.table = Some(Err(error(CallFault::Missing))),
        &expect![[r#"
        event table `Events`: it doesn't exist; make the table again, and deploy with its stream (`--stream-arn`)
    "#]],
    );
    check(
        |facts| facts.table = Some(Err(error(CallFault::NotAllowed))),
        &expect![[r#"
        event table `Events`: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
    check(
        |facts| {
            facts.stream = None;
            facts.table = None;
        },
        &expect![[r#"
            stack `mark-event-queue`: it doesn't name the stream that it reads; deploy it again
        "#]],
    );
}

#[test]
fn the_mapping_of_the_requests_is_there_if_a_client_may_ask() {
    let role = "request_role = \"arn:aws:iam::444455556666:role/consumer\"\n";
    let asking = |change: &dyn Fn(&mut Facts), expected: &Expect| {
        check(
            |facts| {
                facts.running = Ok(Some(config(&format!("{CONFIG}{role}"))));
                facts.config = config(&format!("{CONFIG}{role}"));
                facts.catch_up =
                    Ok(vec![queue_mapping(facts.place.own_queue_arn(OwnQueue::Requests).to_string())]);
                change(facts);
            },
            expected,
        );
    };
    asking(&|_| (), &expect![[""]]);
    asking(
        &|facts| facts.catch_up = Ok(Vec::new()),
        &expect![[r#"
        catch-up's mapping: nothing is read: there is none of `arn:aws:sqs:eu-west-2:111122223333:MarkFanOutRequests.fifo`; make the mapping that `template.yml` has, or delete the stack and deploy it again
    "#]],
    );
    asking(
        &|facts| facts.catch_up.as_mut().unwrap()[0].state = "Disabled".into(),
        &expect![[r#"
        catch-up's mapping: nothing is read (`Disabled`); enable it
    "#]],
    );
    asking(
        &|facts| facts.catch_up = Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        catch-up's mapping: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
}

#[test]
fn the_mapping_of_the_stream() {
    let check_mapping = |change: &dyn Fn(&mut Mapping), expected: &Expect| {
        check(|facts| change(&mut facts.converter.as_mut().unwrap()[0]), expected);
    };
    check_mapping(
        &|mapping| mapping.source = "arn:of:another".into(),
        &expect![[r#"
        converter's mapping: nothing is read: there is none of `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000`; make the mapping that `template.yml` has, or delete the stack and deploy it again
    "#]],
    );
    check_mapping(
        &|mapping| mapping.state = "Disabled".into(),
        &expect![[r#"
        converter's mapping: nothing is read (`Disabled`); enable it
    "#]],
    );
    check_mapping(
        &|mapping| mapping.state = "Updating".into(),
        &expect![[r#"
        converter's mapping: it is not at work yet (`Updating`); check again in a minute
    "#]],
    );
    check_mapping(
        &|mapping| mapping.last_result = Some("PROBLEM: Function call failed".into()),
        &expect![[r#"
            converter's mapping: Lambda says `PROBLEM: Function call failed`; see the function's log and its role's rights
        "#]],
    );
    check_mapping(
        &|mapping| mapping.reports_failures = false,
        &expect![[r#"
        converter's mapping: one record that fails takes its whole batch along; set `FunctionResponseTypes` to `ReportBatchItemFailures`, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.maximum_retries = Some(0),
        &expect![[r#"
        converter's mapping: events are discarded after 0 retries; set `MaximumRetryAttempts` to -1, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.maximum_age = Some(3600),
        &expect![[r#"
        converter's mapping: events are discarded when they are 3600 s old; set `MaximumRecordAgeInSeconds` to -1, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.bisects = None,
        &expect![[r#"
        converter's mapping: a batch that the function can't process is never split; set `BisectBatchOnFunctionError` to true, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.bisects = Some(false),
        &expect![[r#"
        converter's mapping: a batch that the function can't process is never split; set `BisectBatchOnFunctionError` to true, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.on_failure = None,
        &expect![[r#"
        converter's mapping: what Lambda discards is gone; set the `OnFailure` destination to the stack's bucket of discarded records, as `template.yml` does
    "#]],
    );
    check_mapping(&|mapping| mapping.batch_size = Some(100), &expect![[""]]);
    check(
        |facts| facts.converter = Ok(Vec::new()),
        &expect![[r#"
        converter's mapping: nothing is read: there is none of `arn:aws:dynamodb:eu-west-2:111122223333:table/Events/stream/2026-01-05T09:00:00.000`; make the mapping that `template.yml` has, or delete the stack and deploy it again
    "#]],
    );
    check(
        |facts| facts.converter = Err(error(CallFault::NotAllowed)),
        &expect![[r#"
        converter's mapping: can't be checked: `Look` of `it`: no permission (`AccessDenied`); attach the policy `arn:aws:iam::111122223333:policy/Watch` to your user or role
    "#]],
    );
}

#[test]
fn the_mapping_of_the_queue() {
    let check_mapping = |change: &dyn Fn(&mut Mapping), expected: &Expect| {
        check(|facts| change(&mut facts.fan_out.as_mut().unwrap()[0]), expected);
    };
    check_mapping(
        &|mapping| mapping.batch_size = Some(5),
        &expect![[r#"
            fan-out's mapping: a batch has at most 5 messages, so that requests are not full; set `BatchSize` to 10, as `template.yml` does
        "#]],
    );
    check_mapping(
        &|mapping| mapping.maximum_concurrency = None,
        &expect![[r#"
        fan-out's mapping: nothing limits how many functions run at once; set `MaximumConcurrency`, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.reports_failures = false,
        &expect![[r#"
        fan-out's mapping: one record that fails takes its whole batch along; set `FunctionResponseTypes` to `ReportBatchItemFailures`, as `template.yml` does
    "#]],
    );
    check_mapping(
        &|mapping| mapping.state = "Disabling".into(),
        &expect![[r#"
        fan-out's mapping: nothing is read (`Disabling`); enable it
    "#]],
    );
    check_mapping(
        &|mapping| mapping.source = STREAM.into(),
        &expect![[r#"
        fan-out's mapping: nothing is read: there is none of `arn:aws:sqs:eu-west-2:111122223333:MarkFanOutQueue.fifo`; make the mapping that `template.yml` has, or delete the stack and deploy it again
    "#]],
    );
    check(
        |facts| facts.fan_out = Err(error(CallFault::Missing)),
        &expect![[r#"
        fan-out's mapping: can't be checked: `Look` of `it`: nothing there (`QueueDoesNotExist`); deploy the stack again
    "#]],
    );
}
