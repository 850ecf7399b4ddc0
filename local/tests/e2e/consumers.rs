//! The consumers of `docs/consume.md`, deployed with its template on two clients' queues.

#![expect(
    clippy::indexing_slicing,
    reason = "a member that a JSON value does not have is null, and no match"
)]

use std::fs;
use std::io::{Cursor, Write as _};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use aws::operator::lambda::{Answer, invoke_once};
use aws::operator::{Target, s3, sqs};
use aws_sdk_cloudformation::types::{Capability, Parameter, StackStatus};
use aws_sdk_sqs::types::{MessageAttributeValue, MessageSystemAttributeName, QueueAttributeName};
use deploy::template::with_code;
use local::check::ExpectedEvents;
use local::event::Event;
use local::json::{Json, Number};
use local::ministack::{ACCOUNT, REGION};
use local::stack::{ClientAddress, Extras, Stack};
use local::{marks, workspace, write};
use serde_json::{Value, json};
use shared::consumer::ConsumerState;
use shared::control::ReplayRequest;
use shared::ids::{Group, Key};
use shared::naming::OwnQueue;
use testkit::wire::dynamodb::{DynamoDbProxy, Update};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::support::{START, SdkClients as _, stack};

const MARKS: usize = 6;
const EVENTS: usize = 8;

/// The mark whose writes are refused for a while.
const BROKEN: &str = "AFC F5";

/// Another mark, and its price: as many digits as DynamoDB has.
const WIDE: (&str, &str) = ("X1 ABC", "12345678901234567890.123456789012345678");

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

const PAGE: &str = include_str!("../../../docs/consume.md");
const RUST: &str = include_str!("../../../docs/consume/consumer.rs");
const PYTHON: &str = include_str!("../../../docs/consume/consumer.py");
const LOOP: &str = include_str!("../../../docs/consume/loop.py");
const TEMPLATE: &str = include_str!("../../../docs/consume/template.yml");

/// A consumer and the client whose queue it is on.
struct Consumer {
    client: ClientAddress,
    /// Its Lambda function.
    function: String,
    table: String,
}

#[test]
fn the_page_holds_the_files_as_they_are() {
    for (language, file) in [("rust", RUST), ("python", PYTHON), ("python", LOOP), ("yaml", TEMPLATE)] {
        assert!(PAGE.contains(&format!("\n```{language}\n{file}```\n")), "the block of {language} differs");
    }
}

#[test]
fn the_page_names_the_crates_that_the_consumer_uses() {
    let lines: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("cargo add ")).collect();
    let added: Vec<&str> = lines.iter().flat_map(|line| line.split([' ', '/'])).collect();
    let used = RUST.lines().filter_map(|line| line.strip_prefix("use ")?.split([':', ';']).next());
    for name in used.filter(|name| *name != "std").chain(["tokio"]) {
        assert!(added.iter().any(|added| added.replace('-', "_") == name), "`{name}` is not in {lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_return_the_affected_group_only_and_take_each_version_once_and_in_order()
-> anyhow::Result<()> {
    let stack = stack("consumers", Extras::default()).await?;
    let dynamodb =
        DynamoDbProxy::start(stack.connection().endpoint().trim_start_matches("http://").parse()?)?;
    let [billing, insurance, ..] = stack.clients() else { anyhow::bail!("{:?}", stack.clients()) };
    let in_python = TEMPLATE.replacen("Runtime: provided.al2023", "Runtime: python3.13", 1);
    let in_python = in_python.replacen("Handler: bootstrap", "Handler: consumer.handler", 1);
    let binary = fs::read(testkit::wire::consumer()?)?;
    let consumers = [
        deploy(&stack, billing, TEMPLATE, zip(&[("bootstrap".to_owned(), binary)])?, &dynamodb).await?,
        deploy(&stack, insurance, &in_python, zip(&python_package()?)?, &dynamodb).await?,
    ];

    let broken = group(BROKEN);
    dynamodb.refuse(move |item| item["group"]["S"] == broken);
    let expected = events();
    assert_eq!(write::write_all(&stack.connection().target(ACCOUNT), &expected.events(), &|_| ()).await?, []);
    let all_others_are_done_and_it_was_tried_again = |updates: &[Update], table: &str| {
        let refused = of_mark(updates, table, BROKEN).count();
        refused >= 2 && complete(updates, table) == MARKS - 1
    };
    wait(&stack, &dynamodb, |updates| {
        consumers.iter().all(|consumer| all_others_are_done_and_it_was_tried_again(updates, &consumer.table))
    })?;
    let updates = dynamodb.updates();
    for Consumer { table, .. } in &consumers {
        let versions: Vec<usize> = of_mark(&updates, table, BROKEN).map(version).collect();
        assert!(versions.iter().all(|version| *version == 1), "{table}: a later one was tried: {versions:?}");
    }
    for consumer in &consumers {
        let returned = async |batch: &[(&str, usize)]| {
            let batch = batch.iter().map(|(mark, version)| expected_event(&expected, mark, *version));
            returned(&stack, consumer, &batch.collect::<anyhow::Result<Vec<_>>>()?).await
        };
        let other = WIDE.0;
        assert_eq!(returned(&[(BROKEN, 1), (other, 1), (BROKEN, 2), (other, 2)]).await?, [0, 2]);
        assert_eq!(returned(&[(other, 1), (BROKEN, 1)]).await?, [1]);
        assert_eq!(returned(&[(BROKEN, 1), (BROKEN, 2)]).await?, [0, 1]);
    }

    dynamodb.refuse(|_| false);
    wait(&stack, &dynamodb, |updates| {
        consumers.iter().all(|consumer| complete(updates, &consumer.table) == MARKS)
    })?;

    // Repetitions of an event that has had its effect: one by the pipeline, one by an operator.
    let event = expected_event(&expected, WIDE.0, 1)?;
    for consumer in &consumers {
        let before = dynamodb.updates().len();
        send_again(&stack, consumer, event, Link::Unsaid, None).await?;
        send_again(&stack, consumer, event, Link::Unsaid, Some("repair-1")).await?;
        wait_for_empty_queue(&stack, consumer).await?;
        assert_eq!(dynamodb.updates().get(before..), Some(&[][..]), "nothing is written");
    }

    for consumer in &consumers {
        check(&dynamodb.updates(), &consumer.table, &expected);
    }

    // The mark was erased and created anew: its first event begins the new incarnation, once. Then something falls out.
    let anew = |version: usize| {
        let version = version.to_string();
        Event { id: format!("anew-{version}"), version: Number::new(version), ..event.clone() }
    };
    for consumer in &consumers {
        let before = dynamodb.updates().len();
        let send = async |version: usize, replay: Option<&str>| {
            send_again(&stack, consumer, &anew(version), Link::After(version - 1), replay).await
        };
        send(1, None).await?;
        send(1, Some("repair-2")).await?;
        send(3, None).await?;
        send(4, None).await?;
        wait_for_empty_queue(&stack, consumer).await?;
        let states = || -> Vec<String> {
            let updates = dynamodb.updates();
            let since = updates.get(before..).unwrap_or_default();
            of_mark(since, &consumer.table, WIDE.0).map(state_after).collect()
        };
        let of_1 = r#"{"incarnation":"00000000000000aa","version":1}"#;
        let behind_the_gap = r#"{"asked":{"from":2,"incarnation":"00000000000000aa"},"incarnation":"00000000000000aa","version":1}"#;
        assert_eq!(states(), [of_1, behind_the_gap], "one write for the gap");
        assert_eq!(asked(&stack).await?, [(consumer.client.name.clone(), group(WIDE.0), 2)]);
        // The replay that it asks for.
        for version in 2..=4 {
            send(version, Some("repair-3")).await?;
        }
        wait_for_empty_queue(&stack, consumer).await?;
        let of = |version: usize| format!(r#"{{"incarnation":"00000000000000aa","version":{version}}}"#);
        assert_eq!(states(), [of_1, behind_the_gap, &of(2), &of(3), &of(4)]);

        // It is erased: what is there goes, but for the state.
        let all = ["consumerState", "group", "price", "status"].map(str::to_owned);
        assert_eq!(stored(&stack, consumer, WIDE.0).await?, all);
        send_notice(&stack, consumer, WIDE.0, 5).await?;
        wait_for_empty_queue(&stack, consumer).await?;
        assert_eq!(stored(&stack, consumer, WIDE.0).await?, ["consumerState", "group"]);
        assert_eq!(states().last(), Some(&of(5)));
    }
    Ok(())
}

/// The names of what the consumer has stored of the mark.
async fn stored(stack: &Stack, consumer: &Consumer, mark: &str) -> anyhow::Result<Vec<String>> {
    let key = aws_sdk_dynamodb::types::AttributeValue::S(group(mark));
    let call = stack.connection().dynamodb().get_item().table_name(&consumer.table).key("group", key);
    let item = call.consistent_read(true).send().await?.item.context("no item")?;
    let mut names: Vec<String> = item.into_keys().collect();
    names.sort();
    Ok(names)
}

/// What consumers have asked for, each by its client, group and version; it is taken away.
async fn asked(stack: &Stack) -> anyhow::Result<Vec<(String, String, i64)>> {
    let (sqs, url) = (stack.connection().sqs(ACCOUNT), stack.own_queue_url(OwnQueue::Requests));
    let call = sqs.receive_message().queue_url(&url).max_number_of_messages(10);
    let answer = call.message_system_attribute_names(MessageSystemAttributeName::All).send().await?;
    let mut asked = Vec::new();
    for message in answer.messages.unwrap_or_default() {
        let attributes = message.attributes.unwrap_or_default();
        let client = attributes.get(&MessageSystemAttributeName::MessageGroupId).context("no client")?;
        let (request, group) = ReplayRequest::try_from_body(message.body.as_deref().unwrap_or_default())?;
        asked.push((client.clone(), group.as_str().to_owned(), request.from));
        let receipt = message.receipt_handle.context("no receipt")?;
        sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await?;
    }
    Ok(asked)
}

async fn wait_for_empty_queue(stack: &Stack, consumer: &Consumer) -> anyhow::Result<()> {
    let target = stack.connection().target(ACCOUNT);
    until("the queue is empty", async || {
        Ok(sqs::depth(&target, &consumer.client.queue_url).await?.is_empty().then_some(()))
    })
    .await
}

/// The handler in Python, and the kit that is installed beside it.
fn python_package() -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    const KIT: &str = "mark_event_queue_consumer";
    let directory = workspace::root().join("consumer/python").join(KIT);
    let mut files = vec![("consumer.py".to_owned(), PYTHON.as_bytes().to_vec())];
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            files.push((format!("{KIT}/{name}"), fs::read(&path)?));
        }
    }
    Ok(files)
}

fn expected_event<'e>(expected: &'e ExpectedEvents, mark: &str, version: usize) -> anyhow::Result<&'e Event> {
    let is_meant = |event: &&Event| event.mark == mark && event.version.as_str() == version.to_string();
    expected.events().into_iter().find(is_meant).context("no event")
}

/// Each event was stored once, those of a mark in order, with its status and all digits of its price.
fn check(updates: &[Update], table: &str, expected: &ExpectedEvents) {
    let stored = |mark: &str| -> Vec<_> {
        let updates = of_mark(updates, table, mark).filter(|update| update.error.is_none());
        updates
            .map(|update| {
                let price = update.item["price"]["N"].as_str().map(Json::number);
                let version = Json::number(version(update).to_string());
                (Some(version), update.item["status"]["S"].as_str().map(Json::from), price)
            })
            .collect()
    };
    let written = |mark: &str| -> Vec<_> {
        let events = expected.events().into_iter().filter(|event| event.mark == mark);
        events
            .map(|event| {
                let member = |name: &str| event.item.at(&["RegistrationNumber", name]).cloned();
                (member("version"), member("status"), member("price"))
            })
            .collect()
    };
    for event in expected.events().iter().take(MARKS) {
        assert_eq!(stored(&event.mark), written(&event.mark), "{table}: {}", event.mark);
    }
}

fn of_mark<'p>(
    updates: &'p [Update],
    table: &'p str,
    mark: &str,
) -> impl Iterator<Item = &'p Update> + use<'p> {
    let group = group(mark);
    updates.iter().filter(move |update| update.table == table && update.item["group"]["S"] == group)
}

/// How many marks have their last version.
fn complete(updates: &[Update], table: &str) -> usize {
    let is_last =
        |update: &&Update| update.table == table && update.error.is_none() && version(update) == EVENTS;
    updates.iter().filter(is_last).count()
}

/// The version that is kept with the update's effect.
fn version(update: &Update) -> usize {
    let state = ConsumerState::try_from_text(&state_after(update)).ok();
    state.and_then(|state| usize::try_from(state.version).ok()).unwrap_or_default()
}

/// The state that the update keeps.
fn state_after(update: &Update) -> String {
    update.item["after"]["S"].as_str().unwrap_or_default().to_owned()
}

fn group(mark: &str) -> String {
    Group::of(&Key::S(mark.into())).as_str().to_owned()
}

fn events() -> ExpectedEvents {
    let mut events = marks::histories(MARKS, EVENTS, START);
    for event in events.iter_mut().filter(|event| event.mark == WIDE.0) {
        if let Json::Map(item) = &mut event.item
            && let Some(Json::Map(row)) = item.get_mut("RegistrationNumber")
        {
            row.insert("price".to_owned(), Json::number(WIDE.1));
        }
    }
    ExpectedEvents::new(events)
}

/// Deploys `template` on the client's queue. Only three things are changed in it: the client's name, the function's DynamoDB,
/// which is `dynamodb`, and where its code is.
async fn deploy(
    stack: &Stack,
    client: &ClientAddress,
    template: &str,
    code: Vec<u8>,
    dynamodb: &DynamoDbProxy,
) -> anyhow::Result<Consumer> {
    const BUCKET: &str = "consumers";
    let target = Target::local(stack.connection().endpoint(), REGION);
    let bucket = s3::Bucket { name: BUCKET, owner: ACCOUNT };
    s3::make_bucket(&target, bucket).await?;
    s3::put_object(&target, bucket, &client.name, &code).await?;
    let template = with_code(template, "Consumer", &format!("s3://{BUCKET}/{}", client.name))?;
    let template = template.replacen("CLIENT: Billing", &format!("CLIENT: {}", client.name), 1);
    let table = "          TABLE: !Ref Projection\n";
    let endpoint = format!("{table}          AWS_ENDPOINT_URL_DYNAMODB: {}\n", dynamodb.endpoint_url());
    let template = template.replacen(table, &endpoint, 1);

    let sqs = stack.connection().sqs(ACCOUNT);
    // A returned message is back after this time. MiniStack has one batch of a FIFO queue under way at a time.
    let request = sqs.set_queue_attributes().queue_url(&client.queue_url);
    request.attributes(QueueAttributeName::VisibilityTimeout, "1").send().await?;
    let request = sqs.get_queue_attributes().queue_url(&client.queue_url);
    let answer = request.attribute_names(QueueAttributeName::QueueArn).send().await?;
    let arn = answer.attributes.unwrap_or_default().remove(&QueueAttributeName::QueueArn);

    let name = format!("consumer-{}", client.name);
    let parameter =
        |name: &str, value| Parameter::builder().parameter_key(name).set_parameter_value(value).build();
    let requests = format!("arn:aws:sqs:{REGION}:{ACCOUNT}:MarkFanOutRequests.fifo");
    let parameters = [
        parameter("QueueArn", arn),
        parameter("RequestsQueueUrl", Some(stack.own_queue_url(OwnQueue::Requests))),
        parameter("RequestsQueueArn", Some(requests)),
    ];
    let cloudformation = aws_sdk_cloudformation::Client::new(target.sdk_config());
    let request = cloudformation.create_stack().stack_name(&name).template_body(template);
    let request = request.set_parameters(Some(parameters.into()));
    let request = request.capabilities(Capability::CapabilityIam);
    request.capabilities(Capability::CapabilityAutoExpand).send().await?;
    until("the consumer is deployed", async || {
        let answer = cloudformation.describe_stacks().stack_name(&name).send().await?;
        let stack = answer.stacks.unwrap_or_default().pop().context("no stack")?;
        match stack.stack_status {
            Some(StackStatus::CreateComplete) => Ok(Some(())),
            Some(StackStatus::CreateInProgress) => Ok(None),
            _ => anyhow::bail!("{:?}: {:?}", stack.stack_status, stack.stack_status_reason),
        }
    })
    .await?;
    let physical_id = async |logical_id: &str| {
        let request = cloudformation.describe_stack_resource().stack_name(&name);
        let answer = request.logical_resource_id(logical_id).send().await?;
        let resource = answer.stack_resource_detail.context("no resource")?;
        resource.physical_resource_id.context("no name")
    };
    let (function, table) = (physical_id("Consumer").await?, physical_id("Projection").await?);
    Ok(Consumer { client: client.clone(), function, table })
}

/// Invokes the consumer with these events, as one batch. The numbers of those that it returns.
async fn returned(stack: &Stack, consumer: &Consumer, batch: &[&Event]) -> anyhow::Result<Vec<usize>> {
    let records = batch.iter().enumerate().map(|(number, event)| {
        let attribute = |data_type: &str, value: &str| json!({ "stringValue": value, "dataType": data_type });
        let version = event.version.as_str();
        json!({
            "messageId": number.to_string(),
            "body": body(version),
            "attributes": { "MessageGroupId": group(&event.mark) },
            "messageAttributes": {
                "version": attribute("Number", version),
                "eventId": attribute("String", &event.id),
            },
        })
    });
    let payload = json!({ "Records": records.collect::<Vec<_>>() }).to_string();
    let target = Target::local(stack.connection().endpoint(), REGION);
    let answer = match invoke_once(&target, &consumer.function, &payload).await? {
        Answer::Said(answer) => answer,
        Answer::Failed(reason) => bail!("the consumer failed: {reason}"),
    };
    let answer: Value = serde_json::from_str(&answer)?;
    let failures = answer["batchItemFailures"].as_array().with_context(|| answer.to_string())?;
    failures
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().context("no id")?.parse().context("another id"))
        .collect()
}

/// A body that differs from that of the event with this version.
fn body(version: &str) -> String {
    format!(r#"{{"RegistrationNumber":{{"version":{version},"status":"LOCKED","price":0}}}}"#)
}

/// The code's package, of files with their names. Not compressed: that would take this build longer than anything else.
fn zip(files: &[(String, Vec<u8>)]) -> anyhow::Result<Vec<u8>> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(name.as_str(), options.unix_permissions(0o755))?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// What a message says of its incarnation and its predecessor.
#[derive(Clone, Copy)]
enum Link {
    /// Nothing, as a release without the chain.
    Unsaid,
    /// That it came after this version, in an incarnation that is not the one of the table.
    After(usize),
}

/// Sends an event to the consumer's queue once more, as the fan-out would.
async fn send_again(
    stack: &Stack,
    consumer: &Consumer,
    event: &Event,
    link: Link,
    replay: Option<&str>,
) -> anyhow::Result<()> {
    let attribute = |data_type: &str, value: &str| {
        MessageAttributeValue::builder().data_type(data_type).string_value(value).build()
    };
    let id = replay.map_or_else(|| event.id.clone(), |replay| format!("{replay}-{}", event.id));
    let sqs = stack.connection().sqs(ACCOUNT);
    let mut request = sqs
        .send_message()
        .queue_url(&consumer.client.queue_url)
        .message_body(body(event.version.as_str()))
        .message_group_id(group(&event.mark))
        .message_deduplication_id(id)
        .message_attributes("eventId", attribute("String", &event.id)?)
        .message_attributes("version", attribute("Number", event.version.as_str())?);
    if let Link::After(version) = link {
        request = request
            .message_attributes("previousVersion", attribute("Number", &version.to_string())?)
            .message_attributes("incarnation", attribute("String", "00000000000000aa")?);
    }
    if let Some(replay) = replay {
        request = request.message_attributes("replay", attribute("String", replay)?);
    }
    request.send().await?;
    Ok(())
}

/// Sends the consumer the notice that the mark was erased in the incarnation that is not the one of the table.
async fn send_notice(stack: &Stack, consumer: &Consumer, mark: &str, version: i64) -> anyhow::Result<()> {
    let notice = shared::erasure::Notice {
        key: &Key::S(mark.to_owned()),
        incarnation: &shared::ids::IncarnationToken::try_new("00000000000000aa")?,
        version,
        previous_version: version - 1,
        seen_at: shared::time::Timestamp::from_millis(1_767_603_600_000),
        replay: None,
    };
    let notice = notice.message();
    let sqs = stack.connection().sqs(ACCOUNT);
    let mut request = sqs
        .send_message()
        .queue_url(&consumer.client.queue_url)
        .message_body(notice.body().text().context("no text")?)
        .message_group_id(notice.group().as_str())
        .message_deduplication_id(notice.deduplication_id().as_str());
    for attribute in notice.attributes().iter() {
        let value = notice.attribute(&attribute.name).context("no text")?;
        let value = MessageAttributeValue::builder().data_type(&attribute.data_type).string_value(value);
        request = request.message_attributes(&attribute.name, value.build()?);
    }
    request.send().await?;
    Ok(())
}

fn wait(
    stack: &Stack,
    dynamodb: &DynamoDbProxy,
    is_reached: impl Fn(&[Update]) -> bool,
) -> anyhow::Result<()> {
    if dynamodb.wait(PATIENCE, is_reached) {
        return Ok(());
    }
    let log = stack.log();
    let text = fs::read_to_string(&log).unwrap_or_default();
    let end = text.lines().skip(text.lines().count().saturating_sub(10)).collect::<Vec<_>>().join("\n");
    anyhow::bail!("not reached: {:#?}\n{}:\n{end}", dynamodb.updates(), log.display())
}

async fn until(what: &str, ask: impl AsyncFn() -> anyhow::Result<Option<()>>) -> anyhow::Result<()> {
    let start = Instant::now();
    while ask().await?.is_none() {
        anyhow::ensure!(start.elapsed() < PATIENCE, "not reached: {what}");
    }
    Ok(())
}
