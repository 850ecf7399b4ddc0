//! The API's Lambda, behind an HTTP API: wiring only.

use std::sync::Arc;

use api::events::{self, OtherEvents, Schemas};
use api::http::{DocsPage, router_with};
use api::marks::{Marks, schema};
use api::metrics::{Counted, TableCounts, measured};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    lambda::init_logging();
    let (connections, machine) = (Connections::default(), Machine::try_new()?);
    let source = lambda::event_source(&connections)?;
    let schema = schema(source.events, source.states);
    let counts = Arc::<TableCounts>::default();
    let tables = |client| Counted::new(SdkDynamoDb::new(client), Arc::clone(&counts));
    let marks = Marks::new(Store::new(tables(source.client), machine, schema));
    let others = match lambda::other_event_source(&connections)? {
        Some(source) => {
            let schema = events::schema(source.events, source.states);
            let store = Store::new(tables(source.client), machine, schema);
            Some(OtherEvents::new(store, Schemas::try_read_packaged()?))
        }
        None => None,
    };
    let router = router_with(marks, others, DocsPage::from_env());
    lambda_http::run(measured(router, counts, lambda::metrics_writer())).await
}
