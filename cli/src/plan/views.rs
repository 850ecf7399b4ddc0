//! The changes of views: what clients will get of each event, and get now.

use serde::Serialize;
use shared::config::Config;
use shared::text::printable;

use super::RunningStack;
use crate::output::{Style, Tone, row, table};

/// A client's view that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ViewChange {
    /// The client's name.
    pub client: String,
    /// The view now; none for a client that is new.
    pub old: Option<String>,
    /// The view after the deploy.
    pub new: String,
}

/// The views that a deploy of `config` changes, and those of new clients that don't get events as they are. None are
/// known if the config that runs isn't.
pub(super) fn changes(config: &Config, running: &RunningStack, is_new: bool) -> Vec<ViewChange> {
    if running.config.is_none() && !is_new {
        return Vec::new();
    }
    let mut changes = Vec::new();
    for client in &config.clients {
        let mut served = running.config.iter().flat_map(|config| &config.clients);
        let now = served.find(|now| now.name == client.name);
        let is_as_before = match now {
            Some(now) => now.view == client.view,
            None => client.view.is_whole(),
        };
        if !is_as_before {
            let old = now.map(|now| now.view.to_string());
            changes.push(ViewChange { client: client.name.to_string(), old, new: client.view.to_string() });
        }
    }
    changes
}

/// The table of all changes; empty if there is none. `stack` is the option that names the stack in a command.
pub(super) fn to_text(changes: &[ViewChange], stack: &str, style: Style) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let rows = changes.iter().map(|ViewChange { client, old, new }| {
        let old = old.as_deref().unwrap_or("(none)");
        row([client.clone(), printable(old), printable(new)], Tone::Neutral)
    });
    let mut text = table(["view of", "now", "will be"], rows, style);
    if changes.iter().any(|change| change.old.is_some()) {
        text += &format!(
            "\nA view holds from the deploy on: what was sent before is not taken back, and is sent again by `fanoutctl \
             replay{stack}` only.\n"
        );
    }
    text
}
