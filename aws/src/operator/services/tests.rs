//! What goes over the wire for each look at a target, and what its answers mean.

use expect_test::{Expect, expect};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use super::*;
use crate::operator::s3::{Bucket, look_at_bucket};
use crate::operator::{bus, kms, lambda, secret, stream, topic};

/// In another region than the target's: each call goes where its ARN says.
const REGION: &str = "us-east-1";

/// The call that is looked at.
#[derive(Clone, Copy)]
enum Look {
    Function,
    Topic,
    Bus,
    Stream,
    Secret,
    Parameter(&'static str),
    Key,
    Bucket,
}

/// What was sent, and what is made of the answer.
async fn looked(look: Look, react: impl Fn(&Arrival) -> Reaction + Send + Sync + 'static) -> String {
    let server = ScriptedServer::plain(react);
    let target = Target::local(&format!("http://{}", server.address), "eu-west-2");
    let services = Services::try_new(&target, |_| None).await.unwrap();
    let arn = |rest: &str| format!("arn:aws:{}", rest.replacen("::", &format!(":{REGION}:444455556666:"), 1));
    let found = match look {
        Look::Function => {
            format!("{:?}", lambda::function(&target, &arn("lambda::function:target:live")).await)
        }
        Look::Topic => format!("{:?}", topic::attributes(&services, &arn("sns::target.fifo")).await),
        Look::Bus => {
            format!("{:?}", bus::bus(&services, &arn("events::event-bus/target"), "target").await)
        }
        Look::Stream => format!("{:?}", stream::stream(&services, &arn("kinesis::stream/target")).await),
        Look::Secret => {
            format!("{:?}", secret::secret(&services, &arn("secretsmanager::secret:hooks-AbCdEf")).await)
        }
        Look::Parameter(name) => {
            let parameter = arn(&format!("ssm::parameter/{name}"));
            format!("{:?}", secret::look_at_parameter(&services, &parameter).await)
        }
        Look::Key => format!("{:?}", kms::key(&target, &arn("kms::key/1234")).await),
        Look::Bucket => {
            let bucket = Bucket { name: "target", owner: "444455556666" };
            format!("{:?}", look_at_bucket(&target, bucket).await)
        }
    };
    let mut shown = String::new();
    for arrival in server.arrivals() {
        let authorization = arrival.header("authorization").unwrap_or_default();
        // `AWS4-HMAC-SHA256 Credential=test/20260105/eu-west-2/sns/aws4_request, …`
        let scope: Vec<&str> = authorization.split('/').skip(2).take(2).collect();
        shown += &format!("{} {} ({})\n", arrival.method, arrival.path, scope.join(", "));
        for name in ["x-amz-target", "x-amz-expected-bucket-owner"] {
            if let Some(value) = arrival.header(name) {
                shown += &format!("{name}: {value}\n");
            }
        }
        if !arrival.body.is_empty() {
            shown += &format!("{}\n", arrival.text());
        }
    }
    shown + &found + "\n"
}

async fn check(look: Look, status: u16, body: &'static str, expected: Expect) {
    expected.assert_eq(&looked(look, move |_| Reaction::answer(status, body)).await);
}

const DENIED: &str =
    r#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}"#;
const NOT_FOUND: &str = r#"{"__type":"ResourceNotFoundException","message":"nothing there"}"#;

#[tokio::test]
async fn a_function_is_looked_at_in_its_region() {
    let body = r#"{"FunctionName":"target","State":"Active","Timeout":15}"#;
    check(Look::Function, 200, body, expect![[r#"
        GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A444455556666%3Afunction%3Atarget%3Alive/configuration (us-east-1, lambda)
        Ok(Function { state: "Active", reason: None, timeout: Some(15) })
    "#]]).await;
    check(Look::Function, 404, NOT_FOUND, expect![[r#"
        GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A444455556666%3Afunction%3Atarget%3Alive/configuration (us-east-1, lambda)
        Err(CallError { call: "GetFunctionConfiguration", subject: "arn:aws:lambda:us-east-1:444455556666:function:target:live", fault: Missing, reason: "nothing there (`ResourceNotFoundException`)" })
    "#]]).await;
}

#[tokio::test]
async fn a_topic_says_its_attributes() {
    let body = "<GetTopicAttributesResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><GetTopicAttributesResult><Attributes>\
                <entry>\n<key>Policy</key>\n<value>{&quot;Sid&quot;:&quot;a &amp;lt; b&quot;}</value></entry>\
                <entry><key>FifoTopic</key><value>true</value></entry></Attributes></GetTopicAttributesResult></GetTopicAttributesResponse>";
    check(
        Look::Topic,
        200,
        body,
        expect![[r#"
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
        Ok({"FifoTopic": "true", "Policy": "{\"Sid\":\"a &lt; b\"}"})
    "#]],
    )
    .await;
    check(Look::Topic, 200, "<GetTopicAttributesResponse/>", expect![[r#"
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
        Err(CallError { call: "GetTopicAttributes", subject: "arn:aws:sns:us-east-1:444455556666:target.fifo", fault: Unreachable, reason: "its answer can't be read: no attributes" })
    "#]]).await;
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AuthorizationError</Code><Message>not authorized</Message></Error></ErrorResponse>";
    check(Look::Topic, 403, denied, expect![[r#"
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
        Err(CallError { call: "GetTopicAttributes", subject: "arn:aws:sns:us-east-1:444455556666:target.fifo", fault: NotAllowed, reason: "not authorized (`AuthorizationError`)" })
    "#]]).await;
    let missing = "<ErrorResponse><Error><Code>NotFound</Code><Message>Topic does not exist</Message></Error></ErrorResponse>";
    check(Look::Topic, 404, missing, expect![[r#"
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
        Err(CallError { call: "GetTopicAttributes", subject: "arn:aws:sns:us-east-1:444455556666:target.fifo", fault: Missing, reason: "Topic does not exist (`NotFound`)" })
    "#]]).await;
    check(Look::Topic, 502, "<html>", expect![[r#"
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
        Err(CallError { call: "GetTopicAttributes", subject: "arn:aws:sns:us-east-1:444455556666:target.fifo", fault: Unreachable, reason: "HTTP status 502, without a reason" })
    "#]]).await;
}

#[tokio::test]
async fn a_bus_says_its_policy_and_its_key() {
    check(
        Look::Bus,
        200,
        r#"{"Name":"target","Policy":"{}"}"#,
        expect![[r#"
        POST / (us-east-1, events)
        x-amz-target: AWSEvents.DescribeEventBus
        {"Name":"target"}
        Ok(Bus { policy: Some("{}"), key: None })
    "#]],
    )
    .await;
    check(
        Look::Bus,
        200,
        r#"{"Name":"target","KmsKeyIdentifier":"1234","Policy":""}"#,
        expect![[r#"
        POST / (us-east-1, events)
        x-amz-target: AWSEvents.DescribeEventBus
        {"Name":"target"}
        Ok(Bus { policy: None, key: Some("1234") })
    "#]],
    )
    .await;
    check(Look::Bus, 400, DENIED, expect![[r#"
        POST / (us-east-1, events)
        x-amz-target: AWSEvents.DescribeEventBus
        {"Name":"target"}
        Err(CallError { call: "DescribeEventBus", subject: "arn:aws:events:us-east-1:444455556666:event-bus/target", fault: NotAllowed, reason: "not authorized (`AccessDeniedException`)" })
    "#]]).await;
}

#[tokio::test]
async fn a_stream_says_its_status_and_its_key() {
    let body = r#"{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE","EncryptionType":"KMS","KeyId":"alias/aws/kinesis"}}"#;
    check(
        Look::Stream,
        200,
        body,
        expect![[r#"
        POST / (us-east-1, kinesis)
        x-amz-target: Kinesis_20131202.DescribeStreamSummary
        {"StreamARN":"arn:aws:kinesis:us-east-1:444455556666:stream/target","StreamName":"target"}
        Ok(Stream { status: "ACTIVE", key: Some("alias/aws/kinesis") })
    "#]],
    )
    .await;
    check(Look::Stream, 200, "{}", expect![[r#"
        POST / (us-east-1, kinesis)
        x-amz-target: Kinesis_20131202.DescribeStreamSummary
        {"StreamARN":"arn:aws:kinesis:us-east-1:444455556666:stream/target","StreamName":"target"}
        Err(CallError { call: "DescribeStreamSummary", subject: "arn:aws:kinesis:us-east-1:444455556666:stream/target", fault: Unreachable, reason: "its answer can't be read: no `StreamStatus`" })
    "#]]).await;
    check(Look::Stream, 400, NOT_FOUND, expect![[r#"
        POST / (us-east-1, kinesis)
        x-amz-target: Kinesis_20131202.DescribeStreamSummary
        {"StreamARN":"arn:aws:kinesis:us-east-1:444455556666:stream/target","StreamName":"target"}
        Err(CallError { call: "DescribeStreamSummary", subject: "arn:aws:kinesis:us-east-1:444455556666:stream/target", fault: Missing, reason: "nothing there (`ResourceNotFoundException`)" })
    "#]]).await;
}

#[tokio::test]
async fn a_secret_is_described_and_not_read() {
    let body = r#"{"Name":"hooks","VersionIdsToStages":{"a":["AWSPREVIOUS"],"b":["AWSCURRENT"]}}"#;
    check(
        Look::Secret,
        200,
        body,
        expect![[r#"
        POST / (us-east-1, secretsmanager)
        x-amz-target: secretsmanager.DescribeSecret
        {"SecretId":"arn:aws:secretsmanager:us-east-1:444455556666:secret:hooks-AbCdEf"}
        Ok(Secret { is_deleted: false, has_value: true, key: None })
    "#]],
    )
    .await;
    let deleted = r#"{"Name":"hooks","DeletedDate":1.7E9,"KmsKeyId":"alias/own"}"#;
    check(
        Look::Secret,
        200,
        deleted,
        expect![[r#"
        POST / (us-east-1, secretsmanager)
        x-amz-target: secretsmanager.DescribeSecret
        {"SecretId":"arn:aws:secretsmanager:us-east-1:444455556666:secret:hooks-AbCdEf"}
        Ok(Secret { is_deleted: true, has_value: false, key: Some("alias/own") })
    "#]],
    )
    .await;
    check(Look::Secret, 400, DENIED, expect![[r#"
        POST / (us-east-1, secretsmanager)
        x-amz-target: secretsmanager.DescribeSecret
        {"SecretId":"arn:aws:secretsmanager:us-east-1:444455556666:secret:hooks-AbCdEf"}
        Err(CallError { call: "DescribeSecret", subject: "arn:aws:secretsmanager:us-east-1:444455556666:secret:hooks-AbCdEf", fault: NotAllowed, reason: "not authorized (`AccessDeniedException`)" })
    "#]]).await;
}

#[tokio::test]
async fn a_parameter_is_looked_for_by_both_names_that_its_arn_can_mean() {
    const MISSING: &str = r#"{"__type":"InvalidResourceId","message":"no such parameter"}"#;
    check(
        Look::Parameter("hooks"),
        200,
        r#"{"TagList":[]}"#,
        expect![[r#"
        POST / (us-east-1, ssm)
        x-amz-target: AmazonSSM.ListTagsForResource
        {"ResourceId":"hooks","ResourceType":"Parameter"}
        Ok(())
    "#]],
    )
    .await;
    let with_a_slash = |arrival: &Arrival| match arrival.text().contains("\"/hooks\"") {
        true => Reaction::answer(200, "{}"),
        false => Reaction::answer(400, MISSING),
    };
    expect![[r#"
        POST / (us-east-1, ssm)
        x-amz-target: AmazonSSM.ListTagsForResource
        {"ResourceId":"hooks","ResourceType":"Parameter"}
        POST / (us-east-1, ssm)
        x-amz-target: AmazonSSM.ListTagsForResource
        {"ResourceId":"/hooks","ResourceType":"Parameter"}
        Ok(())
    "#]]
    .assert_eq(&looked(Look::Parameter("hooks"), with_a_slash).await);
    check(Look::Parameter("hooks/billing"), 400, MISSING, expect![[r#"
        POST / (us-east-1, ssm)
        x-amz-target: AmazonSSM.ListTagsForResource
        {"ResourceId":"/hooks/billing","ResourceType":"Parameter"}
        Err(CallError { call: "ListTagsForResource", subject: "arn:aws:ssm:us-east-1:444455556666:parameter/hooks/billing", fault: Missing, reason: "no such parameter (`InvalidResourceId`)" })
    "#]]).await;
    check(Look::Parameter("hooks"), 400, DENIED, expect![[r#"
        POST / (us-east-1, ssm)
        x-amz-target: AmazonSSM.ListTagsForResource
        {"ResourceId":"hooks","ResourceType":"Parameter"}
        Err(CallError { call: "ListTagsForResource", subject: "arn:aws:ssm:us-east-1:444455556666:parameter/hooks", fault: NotAllowed, reason: "not authorized (`AccessDeniedException`)" })
    "#]]).await;
}

#[tokio::test]
async fn a_key_is_looked_at_in_its_region() {
    let body = r#"{"KeyMetadata":{"KeyId":"1234","KeyState":"Disabled","KeyManager":"CUSTOMER"}}"#;
    check(
        Look::Key,
        200,
        body,
        expect![[r#"
        POST / (us-east-1, kms)
        x-amz-target: TrentService.DescribeKey
        {"KeyId":"arn:aws:kms:us-east-1:444455556666:key/1234"}
        Ok(Key { state: "Disabled", is_of_aws: false })
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_bucket_says_whether_it_has_versions_and_where_it_is() {
    let body = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status></VersioningConfiguration>";
    check(
        Look::Bucket,
        200,
        body,
        expect![[r#"
        GET /target/?versioning (eu-west-2, s3)
        x-amz-expected-bucket-owner: 444455556666
        Ok(Here { versioning: Some("Enabled") })
    "#]],
    )
    .await;
    check(
        Look::Bucket,
        200,
        "<VersioningConfiguration/>",
        expect![[r#"
        GET /target/?versioning (eu-west-2, s3)
        x-amz-expected-bucket-owner: 444455556666
        Ok(Here { versioning: None })
    "#]],
    )
    .await;
    let elsewhere = "<Error><Code>PermanentRedirect</Code><Message>use the endpoint</Message></Error>";
    let redirect =
        move |_: &Arrival| Reaction::answer_with(301, "x-amz-bucket-region", "us-west-2", elsewhere);
    expect![[r#"
        GET /target/?versioning (eu-west-2, s3)
        x-amz-expected-bucket-owner: 444455556666
        Ok(Elsewhere(Some("us-west-2")))
    "#]]
    .assert_eq(&looked(Look::Bucket, redirect).await);
    check(Look::Bucket, 403, "<Error><Code>AccessDenied</Code></Error>", expect![[r#"
        GET /target/?versioning (eu-west-2, s3)
        x-amz-expected-bucket-owner: 444455556666
        Err(CallError { call: "GetBucketVersioning", subject: "target", fault: NotAllowed, reason: "`AccessDenied`" })
    "#]]).await;
    check(Look::Bucket, 404, "<Error><Code>NoSuchBucket</Code></Error>", expect![[r#"
        GET /target/?versioning (eu-west-2, s3)
        x-amz-expected-bucket-owner: 444455556666
        Err(CallError { call: "GetBucketVersioning", subject: "target", fault: Missing, reason: "`NoSuchBucket`" })
    "#]]).await;
}
