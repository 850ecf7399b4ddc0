//! The kinds of push targets over the wire: their contract, and what only some of them do.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "in tests a panic is the report"
)]

mod aws_targets;
mod certificates;
mod meanings;
#[expect(dead_code, unreachable_pub, reason = "it is a program of its own")]
#[path = "../../../../docs/push/receiver.rs"]
mod receiver;
mod receivers;
mod webhook;
mod world;

use testkit::contract::push::check;

use self::world::{AwsKind, Kind, WebhookKind, block_on, secrets};

fn check_aws(kind: AwsKind) {
    check(async || Kind::of(kind), &secrets(), |future| block_on(future));
}

#[test]
fn a_function_keeps_the_contract() {
    check_aws(AwsKind::Lambda);
}

#[test]
fn a_topic_keeps_the_contract() {
    check_aws(AwsKind::Sns);
}

#[test]
fn a_bus_keeps_the_contract() {
    check_aws(AwsKind::EventBridge);
}

#[test]
fn a_stream_keeps_the_contract() {
    check_aws(AwsKind::Kinesis);
}

#[test]
fn a_bucket_keeps_the_contract() {
    check_aws(AwsKind::S3);
}

#[test]
fn a_webhook_keeps_the_contract() {
    check(async || WebhookKind::new(false), &secrets(), |future| block_on(future));
}

#[test]
fn a_webhook_with_a_token_keeps_the_contract() {
    check(async || WebhookKind::new(true), &secrets(), |future| block_on(future));
}
