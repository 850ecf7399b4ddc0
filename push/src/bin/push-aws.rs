//! The Lambda that delivers to targets in AWS: config and clients once, then one batch after the other.

use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::lambda;
use lambda_runtime::LambdaEvent;
use push::handler::{Push, PushPorts, Side};
use push::kind::{Home, Target};
use serde_json::value::RawValue;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let naming = lambda::naming()?;
    let config = lambda::config(&naming)?;
    let connections = Connections::default();
    let sqs = lambda::sqs(&connections)?;
    let ledger = lambda::ledger(&connections)?;
    let exchange = lambda::signed()?;
    let home = Home { region: naming.region.clone(), account: naming.account.clone() };
    let push = Push::new(&config, &naming, Side::Aws, |target| {
        Target::new(target.clone(), home.clone(), exchange.clone(), SystemClock)
    });
    let ports = PushPorts { clock: &SystemClock, transport: &sqs, ledger: &ledger };
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        push.answer(ports, &event.payload, lambda::deadline(&event.context), tally).await
    })
    .await
}
