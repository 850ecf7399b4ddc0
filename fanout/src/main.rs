//! The fan-out's Lambda: config and clients once, then one batch after the other.

use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::lambda;
use fanout::handler::Fanout;
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
    let fanout = Fanout::new(&config, &naming);
    let ports = Ports { clock: &SystemClock, transport: &sqs, ledger: &tables.ledger, table: &tables.events };
    tokio::join!(tables.ledger.connect(), sqs.connect(config.clients.len()));
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        fanout.handle(ports, &event.payload, lambda::deadline(&event.context), tally).await
    })
    .await
}
