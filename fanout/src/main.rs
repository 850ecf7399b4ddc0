//! The fan-out's Lambda: config and client once, then one batch after the other.

use fanout::handler::Fanout;
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::lambda;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let place = lambda::place()?;
    let config = lambda::config(&place)?;
    let sqs = lambda::sqs()?;
    let fanout = Fanout::new(&config, &place);
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        fanout.handle(&sqs, &event.payload, lambda::deadline(&event.context), tally).await
    })
    .await
}
