//! What goes over the wire for each look at a target, and what its answers mean.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use expect_test::{Expect, expect};
use testkit::wire::scripted::{Arrival, Reaction, ScriptedServer};

use serde_json::Value;

use super::*;
use crate::access::Endpoint;
use crate::operator::CallFault;
use crate::operator::cloudwatch::MetricName;
use crate::operator::lambda::Answer;
use crate::operator::s3::{Bucket, look_at_bucket};
use crate::operator::{Origin, bus, cloudwatch, kms, lambda, secret, stream, topic};

/// In another region than the target's: each call goes where its ARN says.
const REGION: &str = "us-east-1";

/// The call that is looked at.
#[derive(Clone, Copy)]
enum Look {
    Function,
    Mappings,
    Concurrency,
    Topic,
    Bus,
    Stream,
    Secret,
    Parameter(&'static str),
    Key,
    Bucket,
}

fn target(server: &ScriptedServer) -> Target {
    Target::local(&format!("http://{}", server.address), "eu-west-2")
}

/// What was sent, and what is made of the answer.
async fn looked(look: Look, react: impl Fn(&Arrival) -> Reaction + Send + Sync + 'static) -> String {
    let server = ScriptedServer::plain(react);
    let target = target(&server);
    let arn = |rest: &str| format!("arn:aws:{}", rest.replacen("::", &format!(":{REGION}:444455556666:"), 1));
    let found = match look {
        Look::Function => {
            format!("{:?}", lambda::function(&target, &arn("lambda::function:target:live")).await)
        }
        Look::Mappings => format!("{:?}", lambda::mappings(&target, "fan out").await),
        Look::Concurrency => format!("{:?}", lambda::unreserved_concurrency(&target).await),
        Look::Topic => format!("{:?}", topic::attributes(&target, &arn("sns::target.fifo")).await),
        Look::Bus => {
            format!("{:?}", bus::bus(&target, &arn("events::event-bus/target"), "target").await)
        }
        Look::Stream => format!("{:?}", stream::stream(&target, &arn("kinesis::stream/target")).await),
        Look::Secret => {
            format!("{:?}", secret::secret(&target, &arn("secretsmanager::secret:hooks-AbCdEf")).await)
        }
        Look::Parameter(name) => {
            let parameter = arn(&format!("ssm::parameter/{name}"));
            format!("{:?}", secret::look_at_parameter(&target, &parameter).await)
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
        GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus%2Deast%2D1%3A444455556666%3Afunction%3Atarget%3Alive/configuration (us-east-1, lambda)
        Ok(Function { state: "Active", reason: None, timeout: Some(15) })
    "#]]).await;
    check(Look::Function, 404, NOT_FOUND, expect![[r#"
        GET /2015-03-31/functions/arn%3Aaws%3Alambda%3Aus%2Deast%2D1%3A444455556666%3Afunction%3Atarget%3Alive/configuration (us-east-1, lambda)
        Err(CallError { call: "GetFunctionConfiguration", subject: "arn:aws:lambda:us-east-1:444455556666:function:target:live", fault: Missing, reason: "nothing there (`ResourceNotFoundException`)" })
    "#]]).await;
}

#[tokio::test]
async fn mappings_come_in_pages() {
    let pages = |arrival: &Arrival| match arrival.path.contains("Marker") {
        false => Reaction::answer(
            200,
            r#"{"NextMarker":"a+b","EventSourceMappings":[{"UUID":"1","EventSourceArn":"arn:aws:dynamodb:…","State":"Enabled",
                "BatchSize":100,"ParallelizationFactor":10,"MaximumRetryAttempts":-1,"MaximumRecordAgeInSeconds":-1,
                "BisectBatchOnFunctionError":false,"FunctionResponseTypes":["ReportBatchItemFailures"],"LastProcessingResult":"OK",
                "DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:…"}}}]}"#,
        ),
        true => Reaction::answer(
            200,
            r#"{"EventSourceMappings":[{"State":"Disabled","DestinationConfig":{"OnFailure":{}},
                "ScalingConfig":{"MaximumConcurrency":2}}]}"#,
        ),
    };
    expect![[r#"
        GET /2015-03-31/event-source-mappings/?FunctionName=fan%20out (eu-west-2, lambda)
        GET /2015-03-31/event-source-mappings/?FunctionName=fan%20out&Marker=a%2Bb (eu-west-2, lambda)
        Ok([Mapping { source: "arn:aws:dynamodb:…", state: "Enabled", last_result: Some("OK"), batch_size: Some(100), reports_failures: true, parallelization_factor: Some(10), maximum_retries: Some(-1), maximum_age: Some(-1), bisects: Some(false), on_failure: Some("arn:aws:sqs:…"), maximum_concurrency: None }, Mapping { source: "", state: "Disabled", last_result: None, batch_size: None, reports_failures: false, parallelization_factor: None, maximum_retries: None, maximum_age: None, bisects: None, on_failure: None, maximum_concurrency: Some(2) }])
    "#]].assert_eq(&looked(Look::Mappings, pages).await);
    check(
        Look::Mappings,
        200,
        "{}",
        expect![[r#"
        GET /2015-03-31/event-source-mappings/?FunctionName=fan%20out (eu-west-2, lambda)
        Ok([])
    "#]],
    )
    .await;
    check(Look::Mappings, 403, DENIED, expect![[r#"
        GET /2015-03-31/event-source-mappings/?FunctionName=fan%20out (eu-west-2, lambda)
        Err(CallError { call: "ListEventSourceMappings", subject: "fan out", fault: NotAllowed, reason: "not authorized (`AccessDeniedException`)" })
    "#]]).await;
}

#[tokio::test]
async fn an_account_says_what_concurrency_is_left() {
    let body = r#"{"AccountLimit":{"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":900},"AccountUsage":{}}"#;
    check(
        Look::Concurrency,
        200,
        body,
        expect![[r#"
        GET /2016-08-19/account-settings/ (eu-west-2, lambda)
        Ok(Some(900))
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_function_is_invoked_and_its_error_is_no_answer() {
    for (function_error, body, expected) in [
        (None, r#"{"done":1}"#, Answer::Said(r#"{"done":1}"#.to_owned())),
        (Some("Unhandled"), r#"{"errorMessage":"no"}"#, Answer::Failed("no".to_owned())),
        (
            Some("Unhandled"),
            r#"{"done":1}"#,
            Answer::Failed("it gives no message; its log says more".to_owned()),
        ),
    ] {
        let server = ScriptedServer::plain(move |_| match function_error {
            Some(error) => Reaction::answer_with(200, "X-Amz-Function-Error", error, body),
            None => Reaction::answer(200, body),
        });
        let answer = lambda::invoke(&target(&server), "catch up", "{}").await.unwrap();
        assert_eq!(answer, expected);
        let arrivals = server.arrivals();
        let [arrival] = arrivals.as_slice() else { panic!("{} arrivals", arrivals.len()) };
        assert_eq!(arrival.path, "/2015-03-31/functions/catch%20up/invocations");
        assert_eq!(arrival.header("x-amz-invocation-type"), Some("RequestResponse"));
        assert_eq!((arrival.method.as_str(), arrival.text().as_str()), ("POST", "{}"));
    }
}

/// The second answer counts, where one is asked for.
#[tokio::test]
async fn a_call_is_made_again_unless_it_must_not_be() {
    let throttled = r#"{"__type":"TooManyRequestsException","message":"slower"}"#;
    let scripted = || {
        let is_first = AtomicBool::new(true);
        ScriptedServer::plain(move |_| match is_first.swap(false, Ordering::SeqCst) {
            true => Reaction::answer(429, throttled),
            false => Reaction::answer(200, "{}"),
        })
    };
    let server = scripted();
    let answer = lambda::invoke(&target(&server), "f", "{}").await.unwrap();
    assert_eq!((answer, server.arrivals().len()), (Answer::Said("{}".to_owned()), 2));

    let server = scripted();
    let error = lambda::invoke_once(&target(&server), "f", "{}").await.unwrap_err();
    assert_eq!((error.fault, server.arrivals().len()), (CallFault::Unreachable, 1));

    let server = ScriptedServer::plain(|_| Reaction::answer(400, DENIED));
    let error = lambda::invoke(&target(&server), "f", "{}").await.unwrap_err();
    assert_eq!((error.fault, server.arrivals().len()), (CallFault::NotAllowed, 1));
}

#[tokio::test]
async fn metrics_come_in_pages_and_by_what_they_are_of() {
    let server = ScriptedServer::plain(|arrival| match arrival.text().contains("NextToken") {
        false => Reaction::answer(
            200,
            r#"{"NextToken":"more","MetricDataResults":[
                {"Id":"m0","Label":"a","Timestamps":[1.7E9,1.70000006E9],"Values":[3.0,4.5],"StatusCode":"Complete"},
                {"Id":"m7","Timestamps":[1.7E9],"Values":[1.0]},
                {"Id":"q0","Timestamps":[1.7E9],"Values":[1.0]}]}"#,
        ),
        true => Reaction::answer(
            200,
            r#"{"MetricDataResults":[{"Id":"m0","Timestamps":[1.69999994E9],"Values":[9.0]},{"Id":"m1","Values":[]}]}"#,
        ),
    });
    let dimensions =
        vec![("Function", "mark-event-queue-PushHttp".to_owned()), ("Client", "Billing".to_owned())];
    let delivered = MetricName { namespace: "MarkEventQueue", metric: "Delivered", dimensions };
    let age = MetricName { namespace: "AWS/Lambda", metric: "IteratorAge", dimensions: Vec::new() };
    let names = [delivered.clone(), age.clone()];
    let newest = cloudwatch::newest(&target(&server), &names).await.unwrap();
    assert_eq!(newest, BTreeMap::from([(delivered.clone(), 4.5)]));
    let sums = cloudwatch::sums(&target(&server), &names).await.unwrap();
    assert_eq!(sums, BTreeMap::from([(delivered, 16.5), (age, 0.0)]));

    let mut shown = String::new();
    for arrival in server.arrivals() {
        let mut body: Value = serde_json::from_str(&arrival.text()).unwrap();
        let mut second = |name: &str| body.as_object_mut().unwrap().remove(name).unwrap().as_u64().unwrap();
        let window = second("EndTime") - second("StartTime");
        shown += &format!("{:?} {window} s {body}\n", arrival.header("x-amz-target").unwrap_or_default());
    }
    expect![[r#"
        "GraniteServiceVersion20100801.GetMetricData" 600 s {"MetricDataQueries":[{"Id":"m0","MetricStat":{"Metric":{"Dimensions":[{"Name":"Function","Value":"mark-event-queue-PushHttp"},{"Name":"Client","Value":"Billing"}],"MetricName":"Delivered","Namespace":"MarkEventQueue"},"Period":60,"Stat":"Maximum"}},{"Id":"m1","MetricStat":{"Metric":{"Dimensions":[],"MetricName":"IteratorAge","Namespace":"AWS/Lambda"},"Period":60,"Stat":"Maximum"}}]}
        "GraniteServiceVersion20100801.GetMetricData" 600 s {"MetricDataQueries":[{"Id":"m0","MetricStat":{"Metric":{"Dimensions":[{"Name":"Function","Value":"mark-event-queue-PushHttp"},{"Name":"Client","Value":"Billing"}],"MetricName":"Delivered","Namespace":"MarkEventQueue"},"Period":60,"Stat":"Maximum"}},{"Id":"m1","MetricStat":{"Metric":{"Dimensions":[],"MetricName":"IteratorAge","Namespace":"AWS/Lambda"},"Period":60,"Stat":"Maximum"}}],"NextToken":"more"}
        "GraniteServiceVersion20100801.GetMetricData" 3600 s {"MetricDataQueries":[{"Id":"m0","MetricStat":{"Metric":{"Dimensions":[{"Name":"Function","Value":"mark-event-queue-PushHttp"},{"Name":"Client","Value":"Billing"}],"MetricName":"Delivered","Namespace":"MarkEventQueue"},"Period":300,"Stat":"Sum"}},{"Id":"m1","MetricStat":{"Metric":{"Dimensions":[],"MetricName":"IteratorAge","Namespace":"AWS/Lambda"},"Period":300,"Stat":"Sum"}}]}
        "GraniteServiceVersion20100801.GetMetricData" 3600 s {"MetricDataQueries":[{"Id":"m0","MetricStat":{"Metric":{"Dimensions":[{"Name":"Function","Value":"mark-event-queue-PushHttp"},{"Name":"Client","Value":"Billing"}],"MetricName":"Delivered","Namespace":"MarkEventQueue"},"Period":300,"Stat":"Sum"}},{"Id":"m1","MetricStat":{"Metric":{"Dimensions":[],"MetricName":"IteratorAge","Namespace":"AWS/Lambda"},"Period":300,"Stat":"Sum"}}],"NextToken":"more"}
    "#]].assert_eq(&shown);
}

#[tokio::test]
async fn credentials_are_asked_for_again_before_they_end() {
    for (lasts, expected) in [(None, 1), (Some(3_600), 1), (Some(30), 2)] {
        let server = ScriptedServer::plain(|_| Reaction::answer(200, "{}"));
        let asked = Arc::new(AtomicUsize::new(0));
        let provider = Counting { asked: Arc::clone(&asked), lasts: lasts.map(Duration::from_secs) };
        let config = SdkConfig::builder()
            .behavior_version(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new("eu-west-2"))
            .endpoint_url(format!("http://{}", server.address))
            .credentials_provider(SharedCredentialsProvider::new(provider));
        let target = Target::of_config(config.build(), Origin::default(), |_| None);
        for _ in 0..2 {
            lambda::invoke_once(&target, "f", "{}").await.unwrap();
        }
        assert_eq!(asked.load(Ordering::SeqCst), expected, "{lasts:?}");
    }
}

/// Counts how often it is asked.
#[derive(Debug)]
struct Counting {
    asked: Arc<AtomicUsize>,
    lasts: Option<Duration>,
}

impl ProvideCredentials for Counting {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let end = self.lasts.map(|lasts| SystemTime::now() + lasts);
        future::ProvideCredentials::ready(Ok(Credentials::new("a", "b", None, end, "test")))
    }
}

#[test]
fn a_service_may_have_a_url_of_its_own() {
    let variable = |name: &str| match name {
        "AWS_ENDPOINT_URL_CLOUDWATCH" => Some("http://own".to_owned()),
        "AWS_ENDPOINT_URL_KMS" => Some(String::new()),
        _ => None,
    };
    let services = Services::new(&Endpoint::STANDARD, variable);
    let endpoint = |name: &str| {
        let mut endpoints = services.endpoints.iter();
        endpoints.find(|(service, _)| service.name == name).map(|(_, endpoint)| endpoint.clone())
    };
    assert_eq!(endpoint("monitoring"), Some(Endpoint::Url("http://own".to_owned())));
    assert_eq!(endpoint("kms"), Some(Endpoint::STANDARD));
    assert_eq!(endpoint("lambda"), Some(Endpoint::STANDARD));
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
        POST / (us-east-1, sns)
        Action=GetTopicAttributes&Version=2010-03-31&TopicArn=arn:aws:sns:us-east-1:444455556666:target.fifo
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
