//! The API's Lambda, behind an HTTP API: wiring only.

use api::http::{DocsPage, router_with};
use api::marks::{Marks, schema};
use api::metrics::{counted, measured};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logging();
    let source = lambda::event_source(&Connections::default())?;
    let schema = schema(source.events, source.states);
    let (tables, counts) = counted(SdkDynamoDb::new(source.client));
    let store = Store::new(tables, Machine::try_new()?, schema);
    let router = router_with(Marks::new(store), DocsPage::from_env());
    lambda_http::run(measured(router, counts, lambda::metrics_writer())).await
}
