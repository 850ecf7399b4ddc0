//! The API's Lambda, behind an HTTP API: wiring only.

use api::http::router;
use api::marks::{Marks, schema};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logging();
    let source = lambda::event_source(&Connections::default())?;
    let schema = schema(source.events, source.states);
    let store = Store::new(SdkDynamoDb::new(source.client), Machine::try_new()?, schema);
    lambda_http::run(router(Marks::new(store))).await
}
