//! `cargo api`: the API on a port of this machine, over the tables that the environment names, or in memory.

use std::error::Error;
use std::net::Ipv4Addr;

use api::http::router;
use api::marks::{Marks, schema};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;
use tokio::net::TcpListener;

/// The port, if the first argument names none.
const PORT: u16 = 8080;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    lambda::init_logging();
    let port = std::env::args().nth(1).map(|port| port.parse()).transpose();
    let port = port.map_err(|_| "the argument must be a port, such as 8080")?.unwrap_or(PORT);
    let machine = Machine::try_new()?;
    let (router, place) = if std::env::var_os("EVENT_TABLE").is_some() {
        let source = lambda::event_source(&Connections::default())?;
        let place = format!("in the tables `{}` and `{}`", source.events, source.states);
        let schema = schema(source.events, source.states);
        (router(Marks::new(Store::new(SdkDynamoDb::new(source.client), machine, schema))), place)
    } else {
        let schema = schema("Events", "States");
        let store = Store::new(schema.in_memory(), machine, schema);
        (router(Marks::new(store)), "in memory, until it ends".to_owned())
    };
    // Nobody is asked who they are: only this machine may ask.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    println!("marks are kept {place}; http://{}/openapi.json says how to use them", listener.local_addr()?);
    let stopped = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    Ok(())
}
