//! `fanoutctl client`: writes a client into the config, or takes one out of it, and shows what a deploy would change.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use serde::Serialize;
use shared::text::printable;

use super::operator::no_client;
use super::prepare::prepare;
use crate::args::{ClientCommand, StackArguments};
use crate::config_edit::{EditError, with_client, without_client};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::output::write;
use crate::plan::Plan;

const NOTHING_WRITTEN: &str = "nothing was written; lines are counted with the change";

const FILTER_HINT: &str = "; `--filter` takes lines as they stand below `[client.filter]`: `--filter \
                           '\"$message\".eventName = [\"MarkSold\"]'`";

/// A change of the file, and what follows from it.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    client: String,
    change: Change,
    /// What a deploy would change; none if it isn't known.
    plan: Option<Plan>,
    /// Why that isn't known.
    no_plan: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Added,
    Removed,
}

/// Changes the config's file, and shows what a deploy would change.
///
/// # Errors
///
/// [`Exit::Config`]: the config would be wrong, with every finding, and nothing is written; or the file can't be read or
/// written. [`Exit::Usage`]: there is no such client.
pub async fn execute(context: &Context, command: &ClientCommand) -> Result<Exit, Failure> {
    let text = context.config_text()?;
    let (client, change, edited) = match command {
        ClientCommand::Add(client) => (&client.name, Change::Added, with_client(&text, client)),
        ClientCommand::Remove { client } => (client, Change::Removed, without_client(&text, client)),
    };
    let edited = edited.map_err(|error| refusal(context, &text, client, error))?;
    context.parse(&edited, None).map_err(|findings| {
        let hint = match command {
            ClientCommand::Add(client) if !client.filter.is_empty() => FILTER_HINT,
            _ => "",
        };
        findings.exit().because(format!("{findings}\n{NOTHING_WRITTEN}{hint}"))
    })?;
    let file = context.config_path.display().to_string();
    replace(&context.config_path, &text, &edited)
        .map_err(|error| Exit::Config.because(format!("`{file}` can't be written: {error}")))?;

    let mut report = Report { file, client: client.clone(), change, plan: None, no_plan: None };
    // The plan may take its time.
    if !context.output.is_json {
        write(&report.to_text())?;
    }
    match prepare(context, &StackArguments::default().settings()).await {
        Ok(preparation) => report.plan = Some(preparation.plan),
        Err(failure) => report.no_plan = Some(failure.to_string().replace('\n', "; ")),
    }
    context.output.print(&report, |report, style| match &report.plan {
        Some(plan) => format!("\n{}", plan.to_text(style)),
        None => format!("\nno plan: {}\n", printable(report.no_plan.as_deref().unwrap_or_default())),
    })?;
    Ok(Exit::Done)
}

/// The failure because of `error`. What is wrong with the text as it stands is found as `validate` finds it.
fn refusal(context: &Context, text: &str, client: &str, error: EditError) -> Failure {
    match (error, context.parse(text, None)) {
        (EditError::NotToml | EditError::NoClient, Err(findings)) => findings,
        (EditError::NoClient, Ok(config)) => {
            Exit::Usage.because(no_client(client, config.clients.iter().map(|client| &client.name)))
        }
        _ => Exit::Config.because(format!("{}: {error}", context.config_path.display())),
    }
}

/// Replaces the text of the file at `path` as a whole, or leaves it as it is. Its permissions stay.
///
/// # Errors
///
/// It can't be written, or is no longer `old`.
fn replace(path: &Path, old: &str, text: &str) -> io::Result<()> {
    // The file that a link leads to, and not the link.
    let path = fs::canonicalize(path)?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let permissions = fs::metadata(&path)?.permissions();
    if permissions.readonly() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(&new)?;
    let written = file
        .set_permissions(permissions)
        .and_then(|()| file.write_all(text.as_bytes()))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::read_to_string(&path))
        .and_then(|now| {
            let is_changed = || io::Error::other("it was changed meanwhile; run the command again");
            if now == old { fs::rename(&new, &path) } else { Err(is_changed()) }
        });
    written.inspect_err(|_| drop(fs::remove_file(&new)))
}

impl Report {
    fn to_text(&self) -> String {
        let (file, client) = (printable(&self.file), printable(&self.client));
        match self.change {
            Change::Added => format!("{file}: client {client} is added; it is served after a deploy\n"),
            Change::Removed => format!(
                "{file}: client {client} is removed; after a deploy nothing more is sent to it\nIts queue stays, with what is \
                 in it, for its consumer to empty. An hour after the deploy the client is retired: what it lacks is \
                 forgotten, and one that is added again then is a new client.\n"
            ),
        }
    }
}
