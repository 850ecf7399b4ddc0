//! The converter's Lambda: config and client once, then one batch after the other.

use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::lambda;
use converter::handler::Converter;
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let naming = lambda::naming()?;
    let config = lambda::config(&naming)?;
    let sqs = lambda::sqs(&Connections::default())?;
    let converter = Converter::new(&config, &naming);
    sqs.connect(1).await;
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        let (deadline, trace) = (lambda::deadline(&event.context), lambda::trace_header(&event.context));
        converter.handle(&SystemClock, &sqs, &event.payload, deadline, trace, tally).await
    })
    .await
}
