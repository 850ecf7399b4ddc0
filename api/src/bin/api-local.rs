//! `cargo api`: the API on a port of this machine, over the tables that the environment names, or in memory.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;

use api::events::{self, OtherEvents, Schemas};
use api::http::{DocsPage, router_with};
use api::marks::{Marks, schema};
use api::store::{SdkDynamoDb, Store};
use api::surroundings::Machine;
use aws::connections::Connections;
use aws::lambda;
use clap::Parser;
use tokio::net::TcpListener;

/// Where the schemas of events of other aggregates are, from the folder of the workspace.
const SCHEMAS: &str = "api/events";

/// Serves the companion on this machine: an event-sourced API that keeps registration marks.
///
/// In memory, until it ends; or in the tables that the environment names. Nobody is asked who they are, so that only this
/// machine may ask.
#[derive(Debug, Parser)]
#[command(name = "cargo api", bin_name = "cargo api", version, term_width = 110, after_long_help = EXAMPLES)]
struct Args {
    /// The port of the loopback interface; 0: any that is free
    #[arg(long, default_value_t = 8080, value_name = "PORT")]
    port: u16,

    /// Show the description as a page, at /docs/
    #[arg(long)]
    docs: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo api                              http://127.0.0.1:8080, in memory
  cargo api --docs                       with a page to look at its routes, and to try them
  cargo api --port 0                     on a free port, which the first line names
  EVENT_TABLE=Events STATE_TABLE=States cargo api
                                         in these tables, made as api/template.yml makes them

In another terminal:
  curl -s http://127.0.0.1:8080/mark/v1/entitlement -H 'Content-Type: application/json' -d '
    {\"mark\": \"AFC F5\", \"price\": 299.90, \"nomineeName\": \"Ada Example\",
     \"address\": {\"addressLine1\": \"1 Mill Lane\", \"postCode\": \"AA9 9AA\"}}'
  curl -s http://127.0.0.1:8080/mark/v1/registrationNumber/AFC%20F5

docs/event-source.md goes on from here.

Environment, for tables:
  EVENT_TABLE, STATE_TABLE               their names
  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
                                         where they are, and who asks
  AWS_ENDPOINT_URL                       an emulator's address, in place of AWS's
  AWS_LAMBDA_LOG_LEVEL                   what is logged: ERROR, WARN, INFO, DEBUG

Exit status:
  0  it was ended, by Ctrl-C
  1  it could not begin: the port is taken, or a variable is missing
  2  the command line is wrong";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse();
    match serve(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    lambda::init_logging();
    let docs = if args.docs { DocsPage::Shown } else { DocsPage::Hidden };
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
        (router_with(marks, others, docs), place)
    } else {
        let (schema, others) = (schema("Events", "States"), events::schema("OtherEvents", "OtherStates"));
        let marks = Marks::new(Store::new(schema.in_memory(), machine, schema));
        let others = OtherEvents::new(Store::new(others.in_memory(), machine, others), schemas);
        (router_with(marks, Some(others), docs), "in memory, until it ends".to_owned())
    };
    // Nobody is asked who they are: only this machine may ask.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port)).await;
    let listener = listener.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {} is taken; name another one with `--port`", args.port),
        _ => format!("port {} can't be used: {error}", args.port),
    })?;
    let address = listener.local_addr()?;
    let page = if args.docs { format!(", and http://{address}/docs/ shows it") } else { String::new() };
    println!("marks are kept {place}; http://{address}/openapi.json says how to use them{page}");
    let stopped = async { drop(tokio::signal::ctrl_c().await) };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await?;
    Ok(())
}
