//! The Lambda that delivers to webhooks: config and clients once, then one batch after the other.

use std::io;

use aws::connections::Connections;
use aws::lambda;
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let naming = lambda::naming()?;
    lambda::config(&naming)?;
    let connections = Connections::default();
    lambda::sqs(&connections)?;
    lambda::ledger(&connections)?;
    lambda::run(async |_: LambdaEvent<Box<RawValue>>, _: &mut Tally| {
        Err::<(), _>(io::Error::other("nothing is delivered yet; the whole batch is returned"))
    })
    .await
}
