//! `cargo api`: the API on a port of this machine, over the tables that the environment names, or in memory.

use std::error::Error;
use std::net::Ipv4Addr;
use std::path::Path;

use api::events::{self, OtherEvents, Schemas};
use api::http::router_with;
use api::marks::{Marks, schema};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;
use tokio::net::TcpListener;

/// Where the schemas of events of other aggregates are, from the folder of the workspace.
const SCHEMAS: &str = "api/events";

/// The port, if the first argument names none.
const PORT: u16 = 8080;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    lambda::init_logging();
    let port = std::env::args().nth(1).map(|port| port.parse()).transpose();
    let port = port.map_err(|_| "the argument must be a port, such as 8080")?.unwrap_or(PORT);
    let machine = Machine::try_new()?;
    let schemas = Schemas::try_read(Path::new(SCHEMAS))?;
    let (router, place) = if std::env::var_os("EVENT_TABLE").is_some() {
        let connections = Connections::default();
        let source = lambda::event_source(&connections)?;
        let place = format!("in the tables `{}` and `{}`", source.events, source.states);
        let schema = schema(source.events, source.states);
        let marks = Marks::new(Store::new(SdkDynamoDb::new(source.client), machine, schema));
        let others = lambda::other_event_source(&connections)?.map(|source| {
            let schema = events::schema(source.events, source.states);
            OtherEvents::new(Store::new(SdkDynamoDb::new(source.client), machine, schema), schemas)
        });
        (router_with(marks, others), place)
    } else {
        let (schema, others) = (schema("Events", "States"), events::schema("OtherEvents", "OtherStates"));
        let marks = Marks::new(Store::new(schema.in_memory(), machine, schema));
        let others = OtherEvents::new(Store::new(others.in_memory(), machine, others), schemas);
        (router_with(marks, Some(others)), "in memory, until it ends".to_owned())
    };
    // Nobody is asked who they are: only this machine may ask.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("marks are kept {place}; http://{}/openapi.json says how to use them", listener.local_addr()?);
    let stopped = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    Ok(())
}
