//! `template.yml` with its loops written out: AWS's limits count this form, and linters read it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;

use anyhow::Context as _;
use aws::operator::Target;
use aws::operator::s3::{Bucket, make_bucket};
use aws_sdk_sqs::types::QueueAttributeName;
use deploy::functions;
use deploy::package::Package;
use deploy::settings::{KeyArn, QueuePrefix, Settings, StreamArn, TopicArn};
use deploy::stack::{DeployResult, Deployment};
use local::ministack::{ACCOUNT, REGION};
use local::stack::Ground;
use local::workspace;
use serde_json::Value;
use shared::config::{Config, REQUEST_ROLE_LIMIT};
use shared::naming::OwnQueue;

const TEMPLATE: &str = include_str!("../../../template.yml");
const SHIPPED: &str = include_str!("../../../client-queues.toml");
const STACK: &str = "mark-event-queue";
const BUCKET: &str = "mark-event-queue-packages";

/// AWS CloudFormation User Guide, "Understand CloudFormation quotas": bytes of a template in a bucket, where `fanoutctl
/// deploy` and `sam deploy` put it (in a request, it could have 51,200); resources and outputs of a template.
const TEMPLATE_LIMIT: usize = 1_000_000;
const RESOURCE_LIMIT: usize = 500;
const OUTPUT_LIMIT: usize = 200;
/// IAM User Guide, "IAM and AWS STS quotas": characters without white space of all inline policies of a role, and of a
/// managed policy.
const ROLE_LIMIT: usize = 10_240;
const MANAGED_LIMIT: usize = 6_144;
/// Amazon SQS Developer Guide, "Amazon SQS policy quotas": bytes of a queue's policy.
const QUEUE_POLICY_LIMIT: usize = 8_192;

/// So many clients are promised to fit.
const OWN_CLIENTS: usize = 100;
const EXTERNAL_CLIENTS: usize = 30;
const ROLES: usize = REQUEST_ROLE_LIMIT;

#[tokio::test(flavor = "multi_thread")]
async fn the_shipped_template_is_written_out_for_checkov() -> anyhow::Result<()> {
    let ground = ground().await?;
    let settings = Settings { event_stream_arn: Some(stream(&ground)?), ..Settings::default() };
    let config = config(SHIPPED)?;
    deploy(&ground, &settings, &config).await?;

    let expanded = expanded(&ground).await?;
    for client in &config.clients {
        let id = format!("Queue{}", client.name);
        assert_eq!(expanded["Resources"][&id]["Type"], "AWS::SQS::Queue", "{id}");
    }
    assert_references(&expanded);
    let path = workspace::directory().join("expanded.json");
    fs::write(&path, serde_json::to_string_pretty(&expanded)?).with_context(|| path.display().to_string())?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_own_and_thirty_external_clients_fit() -> anyhow::Result<()> {
    let ground = ground().await?;
    let settings = Settings {
        event_stream_arn: Some(stream(&ground)?),
        queue_prefix: Some(QueuePrefix::try_new("sixteen-letters-")?),
        kms_key_arn: Some(KeyArn::try_new(
            "arn:aws:kms:eu-west-2:000000000000:key/mrk-1234abcd12ab34cd56ef1234567890ab",
        )?),
        alarm_topic_arn: Some(TopicArn::try_new("arn:aws:sns:eu-west-2:000000000000:operators")?),
        ..Settings::default()
    };
    let all = config(&clients(OWN_CLIENTS, EXTERNAL_CLIENTS)?)?;
    ground.make_existing_queues(&all).await?;
    let deployed = deploy(&ground, &settings, &all).await?;
    assert!(TEMPLATE.len() <= TEMPLATE_LIMIT, "{} bytes", TEMPLATE.len());
    let expanded = expanded(&ground).await?;
    assert_references(&expanded);
    let resources = logical_ids(&expanded).count();
    assert!((3 * OWN_CLIENTS..=RESOURCE_LIMIT).contains(&resources), "{resources} resources");
    let outputs = deployed.outputs.len();
    assert!((OWN_CLIENTS..=OUTPUT_LIMIT).contains(&outputs), "{outputs} outputs");
    for size in queue_policies(&ground).await? {
        assert!((1..=QUEUE_POLICY_LIMIT).contains(&size), "a queue's policy has {size} bytes");
    }

    let policies = policies(&ground)?;
    let (table, _) = ground.stream_arn().split_once("/stream/").context("no stream's ARN")?;
    let read = resources_of(&policies["inline"], "ReadStreams");
    assert_eq!(read, [&Value::from(format!("{table}/stream/*"))]);
    let roles = policies["inline"].as_object().context("no roles")?;
    assert_eq!(roles.len(), 2);
    for (role, documents) in roles {
        let size = documents.as_array().into_iter().flatten().map(size).sum::<usize>();
        assert!((1..=ROLE_LIMIT).contains(&size), "{role}: {size} characters");
    }
    let managed = policies["managed"].as_object().context("no managed policies")?;
    assert_eq!(managed.len(), 4);
    for (name, document) in managed {
        let size = size(document);
        assert!((1..=MANAGED_LIMIT).contains(&size), "{name}: {size} characters");
    }
    Ok(())
}

/// A config of so many clients, with names as long as it may have.
fn clients(own: usize, external: usize) -> anyhow::Result<String> {
    let mut text = String::from(
        "[source]\npartition_key = \"mark\"\nsort_key = \"createTime\"\ntime = \"createTime\"\n\
         version = \"version\"\nallowed_accounts = [\"111122223333\"]\n",
    );
    for number in 0..own {
        writeln!(text, "[[client]]\nname = \"Own{number:0>36}\"")?;
        // As many accounts and characters as roles that ask may have together.
        if number < ROLES.min(own) {
            writeln!(text, "request_role = \"arn:aws:iam::1111222233{number:0>2}:role/{number:0>18}\"")?;
        }
    }
    for number in 0..external {
        let queue = format!("{number:0>75}.fifo");
        writeln!(text, "[[client]]\nname = \"External{number}\"")?;
        writeln!(text, "queue_arn = \"arn:aws:sqs:{REGION}:111122223333:{queue}\"")?;
    }
    Ok(text)
}

async fn ground() -> anyhow::Result<Ground> {
    Ok(Ground::start("expanded", &(Arc::new(|line: &str| eprintln!("{line}")) as local::stack::Say)).await?)
}

fn stream(ground: &Ground) -> anyhow::Result<StreamArn> {
    Ok(StreamArn::try_new(ground.stream_arn())?)
}

fn config(text: &str) -> anyhow::Result<Config> {
    Config::try_from_toml("client-queues.toml", text, None).map_err(|findings| anyhow::anyhow!("{findings}"))
}

/// Deploys functions that are never called: no event is written.
async fn deploy(ground: &Ground, settings: &Settings, config: &Config) -> anyhow::Result<DeployResult> {
    let target = Target::local(ground.connection().endpoint(), REGION);
    make_bucket(&target, Bucket { name: BUCKET, owner: ACCOUNT }).await?;
    let mut packages = Vec::new();
    for function in functions::ALL {
        packages.push(Package::try_new(function, b"nothing that runs", SHIPPED)?);
    }
    let deployment = Deployment {
        stack: STACK,
        template: TEMPLATE,
        settings,
        config,
        packages: &packages,
        bucket: BUCKET,
    };
    Ok(deploy::stack::deploy(&target, &deployment, &mut |_| ()).await?)
}

/// The template with its transforms applied.
async fn expanded(ground: &Ground) -> anyhow::Result<Value> {
    let target = Target::local(ground.connection().endpoint(), REGION);
    let client = aws_sdk_cloudformation::Client::new(target.sdk_config());
    // By default it is the stage `Processed`.
    let answer = client.get_template().stack_name(STACK).send().await?;
    Ok(serde_json::from_str(answer.template_body().context("no template")?)?)
}

fn logical_ids(expanded: &Value) -> impl Iterator<Item = &str> {
    expanded["Resources"].as_object().into_iter().flat_map(|resources| resources.keys().map(String::as_str))
}

/// Asserts that no loop is left, and that every reference has its target: in a loop, a reference in another form comes
/// out empty.
fn assert_references(expanded: &Value) {
    let known: BTreeSet<&str> = expanded["Parameters"]
        .as_object()
        .into_iter()
        .flat_map(|parameters| parameters.keys().map(String::as_str))
        .chain(logical_ids(expanded))
        .collect();
    let mut references = Vec::new();
    for section in ["Resources", "Outputs"] {
        collect_references(&expanded[section], &mut references);
    }
    assert!(references.len() > known.len());
    for reference in references {
        assert!(known.contains(reference) || reference.starts_with("AWS::"), "`{reference}` is not there");
    }
}

fn collect_references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                assert!(!name.starts_with("Fn::ForEach"), "`{name}` is left");
                match name.as_str() {
                    "Ref" => found.push(value.as_str().unwrap_or_default()),
                    "Fn::GetAtt" => found.push(value[0].as_str().unwrap_or_default()),
                    _ => collect_references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => (),
    }
}

/// The policies of the deployed roles, and those for operators.
fn policies(ground: &Ground) -> anyhow::Result<Value> {
    let output = Command::new(&ground.environment().python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/policies.py"))
        .args([ground.connection().endpoint(), REGION])
        .stdin(Stdio::null())
        .output()?;
    anyhow::ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn queue_policies(ground: &Ground) -> anyhow::Result<Vec<usize>> {
    let sqs = aws_sdk_sqs::Client::new(ground.connection().target(ACCOUNT).sdk_config());
    let mut sizes = Vec::new();
    for url in sqs.list_queues().send().await?.queue_urls() {
        let request = sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::Policy);
        let attributes = request.send().await?.attributes.unwrap_or_default();
        let policy = attributes.get(&QueueAttributeName::Policy).with_context(|| url.clone())?;
        sizes.push(size(&serde_json::from_str(policy)?));
    }
    assert_eq!(sizes.len(), OwnQueue::ALL.len() + OWN_CLIENTS);
    Ok(sizes)
}

/// The resources of the statements with this `Sid`, anywhere in `policies`.
fn resources_of<'v>(policies: &'v Value, sid: &str) -> Vec<&'v Value> {
    match policies {
        Value::Object(members) if members.get("Sid").is_some_and(|found| found == sid) => {
            members.get("Resource").into_iter().collect()
        }
        Value::Object(members) => members.values().flat_map(|value| resources_of(value, sid)).collect(),
        Value::Array(items) => items.iter().flat_map(|value| resources_of(value, sid)).collect(),
        _ => Vec::new(),
    }
}

/// The characters of a policy without white space, in the partition and region with the longest names.
fn size(policy: &Value) -> usize {
    policy.to_string().replace("arn:aws:", "arn:aws-iso-f:").replace(REGION, "us-isof-south-1").len()
}
