//! Catch-up's Lambda: config and clients once, then one control request, or batch of consumers' requests, after the other.

use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::lambda;
use catchup::CatchUp;
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::ledger::Ports;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let naming = lambda::naming()?;
    let config = lambda::config(&naming)?;
    let connections = Connections::default();
    let sqs = lambda::sqs(&connections)?;
    let tables = lambda::tables(&config, &connections)?;
    let catch_up = CatchUp::new(&config, &naming);
    let ports = Ports { clock: &SystemClock, transport: &sqs, ledger: &tables.ledger, table: &tables.events };
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        catch_up.answer(ports, &event.payload, lambda::deadline(&event.context), tally).await
    })
    .await
}
