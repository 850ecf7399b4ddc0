//! `fanoutctl validate`: checks the config file alone.

use serde::Serialize;
use shared::config::{Client, ClientQueue};
use shared::text::printable;

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::counted;

/// The clients of a valid file, or the findings about a broken one.
#[derive(Debug, Serialize)]
struct Validity {
    valid: bool,
    clients: Vec<Registered>,
    /// One for each fault: file, line, key, problem and remedy.
    findings: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Registered {
    name: String,
    /// None if the stack makes the queue.
    queue_arn: Option<String>,
}

/// Validates the config.
///
/// # Errors
///
/// [`Exit::Config`], with every finding. For programs, the findings are in the result, with [`Exit::Config`].
pub fn execute(context: &Context) -> Result<Exit, Failure> {
    let file = context.config_path.display().to_string();
    let validity = match context.config(None) {
        Ok(config) => {
            let clients = config.clients.iter().map(Registered::new).collect();
            Validity { valid: true, clients, findings: Vec::new() }
        }
        Err(failure) if context.output.is_json => {
            let findings = failure.to_string().lines().map(str::to_owned).collect();
            Validity { valid: false, clients: Vec::new(), findings }
        }
        Err(failure) => return Err(failure),
    };
    context.output.print(&validity, |validity, _| text(&file, validity))?;
    Ok(if validity.valid { Exit::Done } else { Exit::Config })
}

impl Registered {
    fn new(client: &Client) -> Self {
        let queue_arn = match &client.queue {
            ClientQueue::Own => None,
            ClientQueue::Existing(arn) => Some(arn.to_string()),
        };
        Self { name: client.name.to_string(), queue_arn }
    }
}

fn text(file: &str, validity: &Validity) -> String {
    let clients = counted(validity.clients.len(), "client");
    let existing = validity.clients.iter().filter(|client| client.queue_arn.is_some()).count();
    format!("{} is valid: {clients}, {existing} with an existing queue\n", printable(file))
}
