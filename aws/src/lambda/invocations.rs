//! The loop around a handler.

use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::metrics::Tally;
use shared::time::Timestamp;
use tracing::{Instrument as _, error, error_span};

use super::{metrics, variable};

/// When Lambda ends the invocation.
pub fn deadline(context: &Context) -> Timestamp {
    Timestamp::from_millis(context.deadline)
}

/// The invocation's `AWSTraceHeader`, if there is one that SQS takes: it refuses a message with a malformed one.
pub fn trace_header(context: &Context) -> Option<&str> {
    context.xray_trace_id.as_deref().filter(|header| is_trace_header(header))
}

/// Hands one payload after the other to `handler`, and its answers to Lambda. What is logged meanwhile carries the
/// request id. An error or a panic fails the invocation, not the process. What was counted is written in any case.
///
/// # Errors
///
/// The Runtime API cannot be reached.
pub async fn run<H, R, E>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(LambdaEvent<Box<RawValue>>, &mut Tally) -> Result<R, E>,
    R: Serialize,
    E: Error,
{
    let (handler, write_metrics) = (&handler, &metrics_writer());
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        // Of the highest level, so that every line has it whatever the log level.
        let request_id = event.context.request_id.clone();
        let span = error_span!("invocation", request_id);
        async move {
            let mut tally = Tally::default();
            // Boxed: the states of nested futures make types deeper than the compiler follows.
            let answer = unwound(Box::pin(handler(event, &mut tally))).await;
            write_metrics(&tally, &request_id);
            answer.inspect_err(|failure| error!(error = failure.error_message, "invocation failed"))
        }
        .instrument(span)
    });
    Runtime::new(service).run().await
}

/// What writes the metrics of an invocation with this request id, for a function with a loop of its own. [`run`] does it by
/// itself.
pub fn metrics_writer() -> impl Fn(&Tally, &str) + Clone + Send + Sync + 'static {
    let function = variable("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "unknown".to_owned());
    move |tally, request_id| metrics::write(tally, &function, request_id)
}

/// What `invocation` yields, or what to tell Lambda instead. The message of a panic is left out.
async fn unwound<R, E: Error>(invocation: impl Future<Output = Result<R, E>>) -> Result<R, Diagnostic> {
    let failure = |error_type: &str, error_message: String| Diagnostic {
        error_type: error_type.to_owned(),
        error_message,
    };
    let mut invocation = pin!(invocation);
    poll_fn(|context| {
        // Nothing of an invocation is looked at again after it has panicked.
        match catch_unwind(AssertUnwindSafe(|| invocation.as_mut().poll(context))) {
            Ok(answer) => answer.map_err(|error| failure("InvocationFailed", error.to_string())),
            Err(_) => Poll::Ready(Err(failure(
                "Panicked",
                "the function panicked; its log names the place".to_owned(),
            ))),
        }
    })
    .await
}

/// Whether `header` is a tracing header as X-Ray documents it: pairs such as
/// `Root=1-5759e988-bd862e3fe1be46a994272793`, that one among them, separated by `;` (X-Ray concepts, "Tracing
/// header").
fn is_trace_header(header: &str) -> bool {
    let is_pair = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            !name.is_empty() && !value.is_empty() && pair.bytes().all(|byte| byte.is_ascii_graphic())
        })
    };
    let root = header.split(';').find_map(|pair| pair.strip_prefix("Root="));
    root.is_some_and(is_trace_id) && header.split(';').all(is_pair)
}

/// Version, seconds and a random part: `1-5759e988-bd862e3fe1be46a994272793`.
fn is_trace_id(id: &str) -> bool {
    let is_hex =
        |text: &str, digits| text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let mut parts = id.split('-');
    parts.next() == Some("1")
        && parts.next().is_some_and(|seconds| is_hex(seconds, 8))
        && parts.next().is_some_and(|random| is_hex(random, 24))
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn only_a_well_formed_trace_header_is_carried() {
        let check = |header: Option<&str>, expected: bool| {
            let mut context = Context::default();
            context.xray_trace_id = header.map(str::to_owned);
            assert_eq!(trace_header(&context), header.filter(|_| expected), "{header:?}");
        };
        let root = "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700";
        check(Some(root), true);
        check(Some(&format!("{root};Parent=9a9197af755a6419;Sampled=1")), true);
        check(
            Some(&format!("{root};Parent=9a9197af755a6419;Sampled=0;Lineage=1:a87bd80c:0|68fd508a:5")),
            true,
        );
        check(Some(&format!("Self=1-67891234-12456789abcdef012345678;{root}")), true);
        check(None, false);
        for malformed in [
            "",
            "Parent=9a9197af755a6419;Sampled=1",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e70",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700-1",
            "Root=2-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "Root=1-5bef4deg-ad49b0e87f6ef6c87fc2e700",
            "root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
            "1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        ] {
            check(Some(malformed), false);
        }
        for after in [";", ";Sampled", ";Sampled=", ";=1", ";Sampled=1 ", ";Sampled=é", ";Sampled=\n"] {
            check(Some(&format!("{root}{after}")), false);
        }
    }

    #[test]
    fn an_invocation_yields_its_answer_its_error_or_that_it_panicked() {
        let shown = |outcome: Result<u8, Diagnostic>| match outcome {
            Ok(answer) => answer.to_string(),
            Err(failure) => format!("{}: {}", failure.error_type, failure.error_message),
        };
        let answer = unwound(async { Ok::<_, std::io::Error>(1) }).now_or_never();
        expect!["1"].assert_eq(&shown(answer.unwrap()));
        let error = unwound(async { Err(std::io::Error::other("no ledger")) }).now_or_never();
        expect!["InvocationFailed: no ledger"].assert_eq(&shown(error.unwrap()));
        let panicking = async { if true { panic!("a secret") } else { Ok::<_, std::io::Error>(1) } };
        let panicked = unwound(panicking).now_or_never();
        expect!["Panicked: the function panicked; its log names the place"]
            .assert_eq(&shown(panicked.unwrap()));
    }
}
