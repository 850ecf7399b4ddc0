//! The Lambda behind the queue of events of other aggregates: wiring only.

use api::events::intake::Intake;
use api::events::{OtherEvents, Schemas, schema};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::clock::SystemClock;
use aws::connections::Connections;
use aws::lambda;
use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::metrics::Tally;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    lambda::init_logging();
    let connections = Connections::default();
    let source = lambda::event_source(&connections)?;
    let schema = schema(source.events, source.states);
    let store = Store::new(SdkDynamoDb::new(source.client), Machine::try_new()?, schema);
    let events = OtherEvents::new(store, Schemas::try_read_packaged()?);
    let intake = Intake::new(events, lambda::rejected_queue(&lambda::naming()?)?);
    let sqs = lambda::sqs(&connections)?;
    lambda::run(async |event: LambdaEvent<Box<RawValue>>, tally: &mut Tally| {
        let deadline = lambda::deadline(&event.context);
        intake.handle(&SystemClock, &sqs, &event.payload, deadline, tally).await
    })
    .await
}
