//! The kinds of AWS.

use super::*;

const KINDS: [(&str, &str); 4] = [
    ("[client.push.lambda]\nfunction = '", "arn:aws:lambda:eu-west-2:111122223333:function:marks"),
    ("[client.push.sns]\ntopic = '", "arn:aws:sns:eu-west-2:111122223333:marks.fifo"),
    (
        "[client.push.eventbridge]\nsource = 'mark-event-queue'\nbus = '",
        "arn:aws:events:eu-west-2:111122223333:event-bus/marks",
    ),
    ("[client.push.kinesis]\nstream = '", "arn:aws:kinesis:eu-west-2:111122223333:stream/marks"),
];

#[test]
fn a_target_of_any_region_and_allowed_account_is_named_by_its_arn() {
    for (lines, arn) in KINDS {
        for arn in
            [arn.to_owned(), arn.replace("eu-west-2", "us-east-1").replace("111122223333", "444455556666")]
        {
            let found = target(&format!("{lines}{arn}'"));
            let found = match found {
                PushTarget::Lambda(target) => target.function,
                PushTarget::Sns(target) => target.topic,
                PushTarget::EventBridge(target) => target.bus,
                PushTarget::Kinesis(target) => target.stream,
                other => panic!("{other:?}"),
            };
            let TargetArn { partition, region, account, resource, text } = found;
            assert_eq!(text, arn);
            assert!(arn.starts_with(&format!("arn:{partition}:")));
            assert!(arn.ends_with(&format!(":{region}:{account}:{resource}")));
        }
    }
}

#[test]
fn an_arn_is_that_of_its_kind() {
    let mut rows = Vec::new();
    for (lines, arn) in KINDS {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let with = |at: usize, part: &str| {
            let mut parts = parts.clone();
            parts[at] = part;
            parts.join(":")
        };
        let name = parts[5].rsplit(['/', ':']).next().unwrap();
        let renamed = |name_to: &str| arn.replace(name, name_to);
        for arn in [
            String::new(),
            name.to_owned(),
            with(1, "AWS"),
            with(2, "sqs"),
            with(3, "London"),
            with(4, "1111"),
            with(4, "999999999999"),
            renamed(""),
            renamed("*"),
            renamed("a?"),
            renamed("a,b"),
            renamed("a b"),
            renamed("a/b"),
            renamed(&"x".repeat(257)),
        ] {
            rows.push(format!("{lines}{arn}'"));
        }
        let key = lines.rsplit('\n').next().unwrap();
        rows.push(lines.replace(key, ""));
        rows.push(format!("{lines}{arn}'\nname = 'a'"));
    }
    check_client(
        &rows.iter().map(String::as_str).collect::<Vec<_>>(),
        expect![[r#"
        +2: client.push.lambda.function: client `Billing`: `` is not the ARN of a function; write `arn:aws:lambda:region:account:function:name`
        +2: client.push.lambda.function: client `Billing`: `marks` is not the ARN of a function; write `arn:aws:lambda:region:account:function:name`
        +2: client.push.lambda.function: client `Billing`: partition `AWS` is unknown; known are `aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`
        +2: client.push.lambda.function: client `Billing`: `arn:aws:sqs:eu-west-2:111122223333:function:marks` is not the ARN of a function; write `arn:aws:lambda:region:account:function:name`
        +2: client.push.lambda.function: client `Billing`: `London` is not a region; write its code, as in `eu-west-2`
        +2: client.push.lambda.function: client `Billing`: `1111` is not an account; write its twelve digits
        +2: client.push.lambda.function: client `Billing`: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        +2: client.push.lambda.function: client `Billing`: `function:` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:*` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a?` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a,b` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a b` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a/b` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +1: client.push.lambda.function: client `Billing`: missing; write the function's ARN
        +3: client.push.lambda.name: client `Billing`: unknown key; known here are `function`, `batch`
        +2: client.push.sns.topic: client `Billing`: `` is not the ARN of a topic; write `arn:aws:sns:region:account:name`
        +2: client.push.sns.topic: client `Billing`: `marks.fifo` is not the ARN of a topic; write `arn:aws:sns:region:account:name`
        +2: client.push.sns.topic: client `Billing`: partition `AWS` is unknown; known are `aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`
        +2: client.push.sns.topic: client `Billing`: `arn:aws:sqs:eu-west-2:111122223333:marks.fifo` is not the ARN of a topic; write `arn:aws:sns:region:account:name`
        +2: client.push.sns.topic: client `Billing`: `London` is not a region; write its code, as in `eu-west-2`
        +2: client.push.sns.topic: client `Billing`: `1111` is not an account; write its twelve digits
        +2: client.push.sns.topic: client `Billing`: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        +2: client.push.sns.topic: client `Billing`: `` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `*` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `a?` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `a,b` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `a b` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `a/b` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +2: client.push.sns.topic: client `Billing`: `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +1: client.push.sns.topic: client `Billing`: missing; write the topic's ARN
        +3: client.push.sns.name: client `Billing`: unknown key; known here are `topic`, `attributes`
        +3: client.push.eventbridge.bus: client `Billing`: `` is not the ARN of an event bus; write `arn:aws:events:region:account:event-bus/name`
        +3: client.push.eventbridge.bus: client `Billing`: `marks` is not the ARN of an event bus; write `arn:aws:events:region:account:event-bus/name`
        +3: client.push.eventbridge.bus: client `Billing`: partition `AWS` is unknown; known are `aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`
        +3: client.push.eventbridge.bus: client `Billing`: `arn:aws:sqs:eu-west-2:111122223333:event-bus/marks` is not the ARN of an event bus; write `arn:aws:events:region:account:event-bus/name`
        +3: client.push.eventbridge.bus: client `Billing`: `London` is not a region; write its code, as in `eu-west-2`
        +3: client.push.eventbridge.bus: client `Billing`: `1111` is not an account; write its twelve digits
        +3: client.push.eventbridge.bus: client `Billing`: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/*` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/a?` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/a,b` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/a b` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/a/b` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +3: client.push.eventbridge.bus: client `Billing`: `event-bus/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` does not name an event bus; write `event-bus/name`, a name of up to 256 letters, digits, `_`, `.` and `-`
        +1: client.push.eventbridge.bus: client `Billing`: missing; write the bus's ARN
        +4: client.push.eventbridge.name: client `Billing`: unknown key; known here are `bus`, `source`, `detail_type`
        +2: client.push.kinesis.stream: client `Billing`: `` is not the ARN of a stream; write `arn:aws:kinesis:region:account:stream/name`
        +2: client.push.kinesis.stream: client `Billing`: `marks` is not the ARN of a stream; write `arn:aws:kinesis:region:account:stream/name`
        +2: client.push.kinesis.stream: client `Billing`: partition `AWS` is unknown; known are `aws`, `aws-cn`, `aws-eusc`, `aws-iso`, `aws-iso-b`, `aws-iso-e`, `aws-iso-f`, `aws-us-gov`
        +2: client.push.kinesis.stream: client `Billing`: `arn:aws:sqs:eu-west-2:111122223333:stream/marks` is not the ARN of a stream; write `arn:aws:kinesis:region:account:stream/name`
        +2: client.push.kinesis.stream: client `Billing`: `London` is not a region; write its code, as in `eu-west-2`
        +2: client.push.kinesis.stream: client `Billing`: `1111` is not an account; write its twelve digits
        +2: client.push.kinesis.stream: client `Billing`: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        +2: client.push.kinesis.stream: client `Billing`: `stream/` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/*` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/a?` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/a,b` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/a b` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/a/b` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +2: client.push.kinesis.stream: client `Billing`: `stream/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` does not name a stream; write `stream/name`, a name of up to 128 letters, digits, `_`, `.` and `-`
        +1: client.push.kinesis.stream: client `Billing`: missing; write the stream's ARN
        +3: client.push.kinesis.name: client `Billing`: unknown key; known here are `stream`
    "#]],
    );
    for (lines, arn) in KINDS {
        let text = file(&format!("{lines}{}'", arn.replace("arn:aws:", "arn:aws-cn:")));
        assert_eq!(read(&text, None).map(drop), Ok(()), "where the stack is isn't known");
        assert!(read(&text, Some(&naming())).unwrap_err().contains("is in `aws-cn`, the stack in `aws`; "));
    }
}

#[test]
fn a_function_may_have_an_alias_and_take_lists() {
    let lines = |arn: &str, more: &str| {
        format!("[client.push.lambda]\nfunction = 'arn:aws:lambda:eu-west-2:111122223333:{arn}'\n{more}")
    };
    for (arn, more, batch) in [
        ("function:a", "", false),
        ("function:a:live", "batch = true", true),
        ("function:a:12", "batch = false", false),
    ] {
        let PushTarget::Lambda(found) = target(&lines(arn, more)) else { panic!("{arn}") };
        assert_eq!((found.function.resource.as_str(), found.batch), (arn, batch));
    }
    let rows = [
        lines("function:a:$LATEST", ""),
        lines("function:a:", ""),
        lines("function:a:b:c", ""),
        lines(&format!("function:{}", "f".repeat(65)), ""),
        lines(&format!("function:a:{}", "f".repeat(129)), ""),
        lines("layer:a", ""),
        lines("a", ""),
        lines("function:a", "batch = 'yes'"),
        lines("function:a", "batch = 10"),
    ];
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +2: client.push.lambda.function: client `Billing`: `function:a:$LATEST` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a:` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a:b:c` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `function:a:fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff…` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `layer:a` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +2: client.push.lambda.function: client `Billing`: `a` does not name a function; write `function:name`, perhaps with `:alias` or `:version`; an alias has up to 128 letters, digits, `-` and `_`
        +3: client.push.lambda.batch: client `Billing`: is text; write `true` or `false` without quotes
        +3: client.push.lambda.batch: client `Billing`: is a whole number; write `true` or `false` without quotes
    "#]],
    );
}

#[test]
fn a_topic_has_the_attributes_that_are_free() {
    let lines = |name: &str, more: &str| {
        format!("{more}\n[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:{name}'\n")
    };
    let sns = |lines: &str| match target(lines) {
        PushTarget::Sns(target) => target,
        other => panic!("{other:?}"),
    };
    assert!(sns(&lines("a.fifo", "")).is_fifo());
    assert!(!sns(&lines("a", "")).is_fifo());
    sns(&lines(&format!("{}.fifo", "t".repeat(251)), ""));
    let with = |attributes: &str| format!("{}attributes = {attributes}\n", lines("a", ""));
    let found = sns(&with("{ z = 'lines.sku', item_type = 'itemType', A-1 = 'a' }")).attributes;
    let found: Vec<String> = found.iter().map(|(name, path)| format!("{name} {path}")).collect();
    assert_eq!(found, ["A-1 a", "item_type itemType", "z lines.sku"]);
    let rows = [
        lines(&format!("{}.fifo", "t".repeat(252)), ""),
        lines(".fifo", ""),
        lines("a.b", ""),
        lines("a.fifo.fifo", ""),
        with("['itemType']"),
        with("{ a = 7 }"),
        with("{ a = '' }"),
        with("{ a = 'b..c' }"),
        with("{ '' = 'b' }"),
        with("{ 'a b' = 'b' }"),
        with("{ '.a' = 'b' }"),
        with("{ 'a..b' = 'b' }"),
        with("{ 'AWS.a' = 'b' }"),
        with("{ 'amazon.a' = 'b' }"),
        with("{ eventId = 'b' }"),
        with("{ EventName = 'b' }"),
        with("{ erased = 'b' }"),
        with("{ a = 'a', b = 'b', c = 'c', d = 'd' }"),
        with(&format!("{{ a = '{}' }}", vec!["n"; 33].join("."))),
    ];
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +3: client.push.sns.topic: client `Billing`: `tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt…` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +3: client.push.sns.topic: client `Billing`: `.fifo` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +3: client.push.sns.topic: client `Billing`: `a.b` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +3: client.push.sns.topic: client `Billing`: `a.fifo.fifo` does not name a topic; write a name of up to 256 letters, digits, `-` and `_`, with `.fifo` at its end if the topic is FIFO
        +4: client.push.sns.attributes: client `Billing`: is a list; write `{ name = "field" }`
        +4: client.push.sns.attributes: client `Billing`: `a` is a whole number; write the path of a field in quotes
        +4: client.push.sns.attributes: client `Billing`: `a` has no field: `` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
        +4: client.push.sns.attributes: client `Billing`: `a` has no field: `b..c` is not a path; put a name before, between and after the dots, as in `RegistrationNumber.version`
        +4: client.push.sns.attributes: client `Billing`: `` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `a b` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `.a` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `a..b` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `AWS.a` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `amazon.a` is not an attribute's name; use up to 256 letters, digits, `_`, `-` and single dots inside
        +4: client.push.sns.attributes: client `Billing`: `eventId` is an attribute that every message has; choose another name
        +4: client.push.sns.attributes: client `Billing`: `EventName` is an attribute that every message has; choose another name
        +4: client.push.sns.attributes: client `Billing`: `erased` is an attribute that every message has; choose another name
        +4: client.push.sns.attributes: client `Billing`: more than 3 attributes, which is what is free of ten; delete some
        +4: client.push.sns.attributes: client `Billing`: `a` has a path of more than 32 names; name a field nearer to the root
    "#]],
    );
}

#[test]
fn an_attribute_is_a_field_that_the_client_gets() {
    let file = |view: &str, path: &str| {
        let topic = "[client.push.sns]\ntopic = 'arn:aws:sns:eu-west-2:111122223333:a'\n";
        file(&format!("{view}\n{topic}attributes = {{ a = '{path}' }}"))
            + "[cloudevents]\nsource = 'urn:example'\n"
    };
    for (view, path, is_right) in [
        ("fields = ['a.b', 'c']", "a.b", true),
        ("fields = ['a.b', 'c']", "a.b.c", true),
        ("fields = ['a.b', 'c']", "a", true),
        ("fields = ['a.b', 'c']", "a.c", false),
        ("fields = ['a.b', 'c']", "d", false),
        ("omit = ['a.b']", "a", true),
        ("omit = ['a.b']", "a.c", true),
        ("omit = ['a.b']", "a.b", false),
        ("omit = ['a.b']", "a.b.c", false),
        ("fields = ['a']\nenvelope = 'cloudevents'", "data.a", true),
        ("fields = ['a']\nenvelope = 'cloudevents'", "data.b", false),
        ("fields = ['a']\nenvelope = 'cloudevents'", "data", true),
        ("fields = ['a']\nenvelope = 'cloudevents'", "subject", true),
        ("fields = ['a']\nenvelope = 'cloudevents'", "a", false),
    ] {
        assert_eq!(read(&file(view, path), None).is_ok(), is_right, "{view} {path}");
    }
    expect!["f.toml:14: client.push.sns.attributes: client `Billing`: `a` has the field `a.b.c`, which the client doesn't get; add it to the client's view"].assert_eq(&read(&file("omit = ['a.b']", "a.b.c"), None).unwrap_err());
}

#[test]
fn an_event_of_a_bus_has_a_source_and_a_type() {
    let lines = |more: &str| {
        format!(
            "[client.push.eventbridge]\nbus = 'arn:aws:events:eu-west-2:111122223333:event-bus/default'\n{more}\n"
        )
    };
    let found = |more: &str| match target(&lines(more)) {
        PushTarget::EventBridge(target) => (target.source, target.detail_type),
        other => panic!("{other:?}"),
    };
    assert_eq!(found("source = 'marks'"), ("marks".to_owned(), None));
    let (source, detail_type) = found("source = 'org/marks.v1_a-b'\ndetail_type = 'Mark event \u{eb}'");
    assert_eq!((source.as_str(), detail_type.as_deref()), ("org/marks.v1_a-b", Some("Mark event \u{eb}")));
    let rows = [
        lines(""),
        lines("source = ''"),
        lines("source = 'aws.marks'"),
        lines("source = 'two words'"),
        lines(&format!("source = '{}'", "s".repeat(257))),
        lines("source = 'a'\ndetail_type = ''"),
        lines("source = 'a'\ndetail_type = \"a\\nb\""),
        lines(&format!("source = 'a'\ndetail_type = '{}'", "d".repeat(129))),
    ];
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +1: client.push.eventbridge.source: client `Billing`: missing; say what rules know the events by, as in `source = "mark-event-queue"`
        +3: client.push.eventbridge.source: client `Billing`: is not a source; use up to 256 letters, digits, `/`, `.`, `-` and `_`
        +3: client.push.eventbridge.source: client `Billing`: begins with `aws.`, as AWS's own events do; choose another
        +3: client.push.eventbridge.source: client `Billing`: is not a source; use up to 256 letters, digits, `/`, `.`, `-` and `_`
        +3: client.push.eventbridge.source: client `Billing`: is not a source; use up to 256 letters, digits, `/`, `.`, `-` and `_`
        +4: client.push.eventbridge.detail_type: client `Billing`: is not a detail type; use up to 128 characters
        +4: client.push.eventbridge.detail_type: client `Billing`: is not a detail type; use up to 128 characters
        +4: client.push.eventbridge.detail_type: client `Billing`: is not a detail type; use up to 128 characters
    "#]],
    );
    let nameless = file(&lines("source = 'a'")).replace("name = 'n'\n", "");
    expect!["f.toml:10: client.push.eventbridge.detail_type: client `Billing`: missing, and `source.name` doesn't say where an event's name is, which would stand for it; write one of the two"].assert_eq(&read(&nameless, None).unwrap_err());
    let typed = file(&lines("source = 'a'\ndetail_type = 'b'")).replace("name = 'n'\n", "");
    assert_eq!(read(&typed, None).map(drop), Ok(()));
}

#[test]
fn a_bucket_has_a_name_a_prefix_and_an_owner() {
    let lines = |more: &str| format!("[client.push.s3]\nbucket = 'our-events'\n{more}\n");
    let s3 = |more: &str| match target(&lines(more)) {
        PushTarget::S3(target) => target,
        other => panic!("{other:?}"),
    };
    let plain = S3Target {
        bucket: "our-events".to_owned(),
        account: None,
        prefix: String::new(),
        kms_key: None,
        deletes_erased: true,
    };
    assert_eq!(s3(""), plain);
    for (text, prefix) in
        [("marks", "marks"), ("marks/", "marks"), ("a/year=2026/b_c.d-e", "a/year=2026/b_c.d-e")]
    {
        assert_eq!(s3(&format!("prefix = '{text}'")).prefix, prefix);
    }
    let key = "arn:aws:kms:eu-west-2:999999999999:key/mrk-0123";
    let found = s3(&format!("account = '444455556666'\nkms_key = '{key}'\non_erased = 'keep'"));
    let expected = S3Target {
        account: Some("444455556666".to_owned()),
        kms_key: Some(key.to_owned()),
        deletes_erased: false,
        ..plain
    };
    assert_eq!(found, expected);
    let bucket = |name: &str| format!("[client.push.s3]\nbucket = '{name}'\n");
    for name in ["abc", "a.b.c", "0a9", &"b".repeat(63)] {
        target(&bucket(name));
    }
    let rows = [
        "[client.push.s3]\nprefix = 'a'".to_owned(),
        bucket(""),
        bucket("ab"),
        bucket("Our-Events"),
        bucket("our_events"),
        bucket("-our-events"),
        bucket("our-events-"),
        bucket("our..events"),
        bucket("our-events/marks"),
        bucket("s3://our-events"),
        bucket("arn:aws:s3:::our-events"),
        bucket("10.0.0.1"),
        bucket("xn--events"),
        bucket("our-events--x-s3"),
        bucket("our-events-s3alias"),
        bucket(&"b".repeat(64)),
        lines("prefix = ''"),
        lines("prefix = '/'"),
        lines("prefix = '/marks'"),
        lines("prefix = 'marks//'"),
        lines("prefix = 'a//b'"),
        lines("prefix = 'a/../b'"),
        lines("prefix = 'a/*'"),
        lines("prefix = 'a,b'"),
        lines("prefix = 'a b'"),
        lines(&format!("prefix = '{}'", "p".repeat(201))),
        lines("account = '1'"),
        lines("account = 444455556666"),
        lines("account = '999999999999'"),
        lines("kms_key = 'alias/marks'"),
        lines("kms_key = 'arn:aws:kms:eu-west-2:111122223333:alias/marks'"),
        lines("on_erased = 'Delete'"),
        lines("on_erased = false"),
        lines("region = 'eu-west-2'"),
    ];
    check_client(
        &rows.each_ref().map(String::as_str),
        expect![[r#"
        +1: client.push.s3.bucket: client `Billing`: missing; write the bucket's name
        +2: client.push.s3.bucket: client `Billing`: `` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `ab` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `Our-Events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our_events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `-our-events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our-events-` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our..events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our-events/marks` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `s3://our-events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `arn:aws:s3:::our-events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `10.0.0.1` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `xn--events` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our-events--x-s3` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `our-events-s3alias` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +2: client.push.s3.bucket: client `Billing`: `bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb` is not a bucket's name; write the name alone: 3 to 63 lower-case letters, digits, `-` and `.`
        +3: client.push.s3.prefix: client `Billing`: `` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `/` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `/marks` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `marks//` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `a//b` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `a/../b` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `a/*` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `a,b` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `a b` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.prefix: client `Billing`: `pppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp…` is not a prefix; use up to 200 letters, digits, `-`, `_`, `.`, `=` and single slashes inside, or leave it out
        +3: client.push.s3.account: client `Billing`: `1` is not an account; write its twelve digits
        +3: client.push.s3.account: client `Billing`: is a whole number; write text in quotes
        +3: client.push.s3.account: client `Billing`: account `999999999999` is not among `source.allowed_accounts`; add it if it may receive every event
        +3: client.push.s3.kms_key: client `Billing`: `alias/marks` is not the ARN of a KMS key; write `arn:aws:kms:region:account:key/id`
        +3: client.push.s3.kms_key: client `Billing`: `alias/marks` does not name a KMS key; write `key/id`; an alias could be pointed at another key without a deploy
        +3: client.push.s3.on_erased: client `Billing`: `Delete` is no such policy; write `delete`, so that an erased aggregate's objects go, or `keep`
        +3: client.push.s3.on_erased: client `Billing`: is true or false; write text in quotes
        +3: client.push.s3.region: client `Billing`: unknown key; known here are `bucket`, `prefix`, `account`, `kms_key`, `on_erased`
    "#]],
    );
    let elsewhere = file(&lines("kms_key = 'arn:aws:kms:us-east-1:111122223333:key/a'"));
    expect!["f.toml:13: client.push.s3.kms_key: client `Billing`: is in `us-east-1`, the bucket in the stack's region `eu-west-2`; name a key of that region"].assert_eq(&read(&elsewhere, Some(&naming())).unwrap_err());
}

/// An erased aggregate's objects go by default: so its client has to be told.
#[test]
fn a_buckets_client_is_told_of_erasures_unless_objects_are_kept() {
    let client = |erasures: &str, on_erased: &str| {
        client(&format!("{erasures}\n[client.push.s3]\nbucket = 'our-events'\n{on_erased}")).erasures
    };
    for (erasures, on_erased, expected) in [
        ("", "", true),
        ("", "on_erased = 'delete'", true),
        ("erasures = true", "", true),
        ("", "on_erased = 'keep'", false),
        ("erasures = false", "on_erased = 'keep'", false),
        ("erasures = true", "on_erased = 'keep'", true),
    ] {
        assert_eq!(client(erasures, on_erased), expected, "{erasures} {on_erased}");
    }
    check_client(
        &["erasures = false\n[client.push.s3]\nbucket = 'our-events'"],
        expect![[r#"
        +1: client.erasures: client `Billing`: is `false`, so that the objects of an erased aggregate would stay; delete the line, or write `on_erased = "keep"` for the bucket
    "#]],
    );
}
