//! `fanoutctl validate`: checks the config file alone.

use serde::Serialize;
use shared::config::{ClientQueue, Config};
use shared::text::printable;

use crate::context::Context;
use crate::exit::{Exit, Failure};

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
/// [`Failure::Config`], with every finding. For programs, the findings are in the result, with [`Exit::Config`].
pub fn execute(context: &Context) -> Result<Exit, Failure> {
    let file = context.config_path.display().to_string();
    let validity = match context.config(None) {
        Ok(config) => valid(&config),
        Err(failure) if context.output.is_json() => broken(&failure),
        Err(failure) => return Err(failure),
    };
    context.output.print(&validity, |validity, _| text(&file, validity))?;
    Ok(if validity.valid { Exit::Done } else { Exit::Config })
}

fn valid(config: &Config) -> Validity {
    let clients = config.clients.iter().map(|client| Registered {
        name: client.name.to_string(),
        queue_arn: match &client.queue {
            ClientQueue::Own => None,
            ClientQueue::Existing(arn) => Some(arn.to_string()),
        },
    });
    Validity { valid: true, clients: clients.collect(), findings: Vec::new() }
}

fn broken(failure: &Failure) -> Validity {
    let findings = failure.to_string().lines().map(str::to_owned).collect();
    Validity { valid: false, clients: Vec::new(), findings }
}

fn text(file: &str, validity: &Validity) -> String {
    let total = validity.clients.len();
    let existing = validity.clients.iter().filter(|client| client.queue_arn.is_some()).count();
    let plural = if total == 1 { "" } else { "s" };
    format!("{} is valid: {total} client{plural}, {existing} with an existing queue\n", printable(file))
}
