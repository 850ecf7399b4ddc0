//! The loop around a handler.

use std::error::Error;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use lambda_runtime::{Context, Diagnostic, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::{Instrument as _, error, error_span};

use crate::time::Timestamp;

/// When Lambda ends the invocation.
pub fn deadline(context: &Context) -> Timestamp {
    Timestamp::from_millis(context.deadline)
}

/// Hands one payload after the other to `handler`, and its answers to Lambda. What is logged meanwhile carries the
/// request id. An error or a panic fails the invocation, not the process.
///
/// # Errors
///
/// The Runtime API cannot be reached.
pub async fn run<H, R, E>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: AsyncFn(LambdaEvent<Box<RawValue>>) -> Result<R, E>,
    R: Serialize,
    E: Error,
{
    let handler = &handler;
    let service = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        // Of the highest level, so that every line has it whatever the log level.
        let span = error_span!("invocation", request_id = event.context.request_id);
        async move {
            // Boxed: the states of nested futures make types deeper than the compiler follows.
            let answer = unwound(Box::pin(handler(event))).await;
            answer.inspect_err(|failure| error!(error = failure.error_message, "invocation failed"))
        }
        .instrument(span)
    });
    Runtime::new(service).run().await
}

/// What `invocation` yields, or what to tell Lambda instead. The message of a panic is not told.
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

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn an_invocation_yields_its_answer_its_error_or_that_it_panicked() {
        let told = |outcome: Result<u8, Diagnostic>| match outcome {
            Ok(answer) => answer.to_string(),
            Err(failure) => format!("{}: {}", failure.error_type, failure.error_message),
        };
        let answer = unwound(async { Ok::<_, std::io::Error>(1) }).now_or_never();
        expect!["1"].assert_eq(&told(answer.unwrap()));
        let error = unwound(async { Err(std::io::Error::other("no ledger")) }).now_or_never();
        expect!["InvocationFailed: no ledger"].assert_eq(&told(error.unwrap()));
        let panicking = async { if true { panic!("a secret") } else { Ok::<_, std::io::Error>(1) } };
        let panicked = unwound(panicking).now_or_never();
        expect!["Panicked: the function panicked; its log names the place"]
            .assert_eq(&told(panicked.unwrap()));
    }
}
