//! What a service answered: its JSON, or an error as the SDK reads it.

use std::time::{Duration, SystemTime};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::Headers;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::date_time::{DateTime, Format};
use aws_smithy_types::error::ErrorMetadata;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Failure;

/// How far a signature's time may be from the service's (IAM User Guide, "Elements of an AWS API request signature": a
/// request must arrive within five minutes of its time stamp).
const SKEW: Duration = Duration::from_secs(5 * 60);

/// What the JSON of `response` says.
///
/// # Errors
///
/// [`Failure`]: the service's error, an answer that breaks off, or one that cannot be read, which is a service's error
/// without a code. Where a request was refused whose signature, of `signed_at`, is too old or of the future, it names
/// the clock.
pub(super) async fn read<T: DeserializeOwned>(
    mut response: HttpResponse,
    signed_at: SystemTime,
) -> Result<T, Failure> {
    let body = match ByteStream::new(response.take_body()).collect().await {
        Ok(body) => body.into_bytes(),
        Err(error) => return Err(Failure::response_error(error, response)),
    };
    let status = response.status();
    if status.is_success() {
        let unreadable = |_| Failure::service_error(ErrorMetadata::builder().build(), response);
        return serde_json::from_slice(&body).map_err(unreadable);
    }
    let skew = skew(response.headers(), signed_at).filter(|_| status.is_client_error());
    Err(Failure::service_error(error(response.headers(), &body, skew.as_deref()), response))
}

/// The error in an answer of the AWS JSON protocol. SQS names its errors besides as its older protocol does, and the
/// SDK prefers those names.
fn error(headers: &Headers, body: &[u8], skew: Option<&str>) -> ErrorMetadata {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
    let of_query = headers.get("x-amzn-query-error").and_then(|error| error.split_once(';'));
    let of_json = headers.get("x-amzn-errortype").or_else(|| text(&["code", "__type"])).map(|code| {
        let code = code.split(':').next().unwrap_or_default();
        code.rsplit('#').next().unwrap_or_default()
    });
    let message = text(&["message", "Message", "errorMessage"]);
    let message = match (message, skew) {
        (Some(message), Some(skew)) => Some(format!("{}; {skew}", message.trim_end_matches('.'))),
        (message, skew) => message.or(skew).map(str::to_owned),
    };
    let mut error = ErrorMetadata::builder();
    if let Some(code) = of_query.map(|(code, _)| code).or(of_json) {
        error = error.code(code);
    }
    if let Some(message) = message {
        error = error.message(message);
    }
    error.build()
}

/// What is wrong with the clock here, by the answer's own `Date`.
fn skew(headers: &Headers, signed_at: SystemTime) -> Option<String> {
    let date = DateTime::from_str(headers.get("date")?, Format::HttpDate).ok()?;
    let service = SystemTime::try_from(date).ok()?;
    let (skew, side) = match signed_at.duration_since(service) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    let seconds = skew.as_secs();
    (skew > SKEW).then(|| format!("the clock here is {seconds} s {side} the service's: set it right"))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use expect_test::{Expect, expect};
    use shared::text::with_sources;

    use super::*;

    /// Midnight of 1 January 2025.
    const MIDNIGHT: Duration = Duration::from_secs(1_735_689_600);

    async fn check(
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: &'static str,
        expected: Expect,
    ) {
        let mut response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            response.headers_mut().insert(*name, *value);
        }
        let found = read::<Value>(response, SystemTime::UNIX_EPOCH + MIDNIGHT).await;
        let shown = match found {
            Ok(answer) => answer.to_string(),
            Err(Failure::ServiceError(error)) => {
                let (code, message) = (error.err().code(), error.err().message());
                format!("{} {code:?} {message:?}", error.raw().status().as_u16())
            }
            Err(error) => with_sources(&error),
        };
        expected.assert_eq(&shown);
    }

    #[tokio::test]
    async fn an_error_is_named_as_the_sdk_names_it() {
        check(200, &[], r#"{"a":1}"#, expect![[r#"{"a":1}"#]]).await;
        check(200, &[], "<html>", expect!["200 None None"]).await;
        check(503, &[], "", expect!["503 None None"]).await;
        check(
            400,
            &[],
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"No."}"#,
            expect![[r#"400 Some("QueueDoesNotExist") Some("No.")"#]],
        )
        .await;
        check(
            400,
            &[],
            r#"{"__type":"a#B:http://c/","Message":"No."}"#,
            expect![[r#"400 Some("B") Some("No.")"#]],
        )
        .await;
        check(
            400,
            &[],
            r#"{"__type":"A","code":"B","errorMessage":"No.","message":7}"#,
            expect![[r#"400 Some("B") Some("No.")"#]],
        )
        .await;
        check(
            400,
            &[("x-amzn-errortype", "a#B:http://c/")],
            r#"{"__type":"C"}"#,
            expect![[r#"400 Some("B") None"#]],
        )
        .await;
        let query = ("x-amzn-query-error", "AWS.SimpleQueueService.NonExistentQueue;Sender");
        check(
            400,
            &[query],
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#,
            expect![[r#"400 Some("AWS.SimpleQueueService.NonExistentQueue") None"#]],
        )
        .await;
        check(400, &[("x-amzn-query-error", "A")], r#"{"__type":"B"}"#, expect![[r#"400 Some("B") None"#]])
            .await;
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_is_named() {
        let body = r#"{"__type":"InvalidSignatureException","message":"Signature expired."}"#;
        let plain = || expect![[r#"403 Some("InvalidSignatureException") Some("Signature expired.")"#]];
        check(403, &[("date", "Wed, 01 Jan 2025 00:05:00 GMT")], body, plain()).await;
        check(403, &[("date", "Tue, 31 Dec 2024 23:55:00 GMT")], body, plain()).await;
        check(403, &[("date", "yesterday")], body, plain()).await;
        let behind = expect![[
            r#"403 Some("InvalidSignatureException") Some("Signature expired; the clock here is 301 s behind the service's: set it right")"#
        ]];
        check(403, &[("date", "Wed, 01 Jan 2025 00:05:01 GMT")], body, behind).await;
        let ahead = ("date", "Tue, 31 Dec 2024 23:00:00 GMT");
        check(
            403,
            &[ahead],
            "",
            expect![[r#"403 None Some("the clock here is 3600 s ahead of the service's: set it right")"#]],
        )
        .await;
        // The service's own fault is not the clock's.
        check(503, &[ahead], "", expect!["503 None None"]).await;
    }
}
