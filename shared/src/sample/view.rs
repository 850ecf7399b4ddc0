//! Findings about the clients' views.

use std::collections::BTreeSet;

use super::SampleFinding;
use super::item::SampledItem;
use super::line::is_nameable;
use crate::config::{Client, ClientView, Members, Path};
use crate::event::Event;
use crate::nearest::nearest;
use crate::quoted::quoted;
use crate::text::counted;
use crate::view::{EventFacts, View};

/// Finds paths of views that no event of `items` has: a slip in `omit` sends what it should leave out.
///
/// These are warnings, because the table may have events with what these lack.
pub(super) fn view_findings(clients: &[Client], items: &[SampledItem]) -> Vec<SampleFinding> {
    let events: Vec<&Event> = items.iter().filter_map(SampledItem::event).collect();
    if events.is_empty() {
        return Vec::new();
    }
    let named = clients.iter().filter(|client| !client.view.paths().is_empty());
    let mut findings = Vec::new();
    for client in named {
        let (key, paths) = match &client.view.members {
            Members::All => continue,
            Members::Fields(paths) => ("fields", paths),
            Members::Omit(paths) => ("omit", paths),
        };
        for path in paths.iter().filter(|path| !is_in_any(path, &events)) {
            let problem = format!(
                "{} of the {key} of client `{}` is in none of {}",
                quoted(&path.to_string()),
                client.name,
                counted(events.len(), "event")
            );
            findings.push(SampleFinding::new(problem, remedy(path, items)).into_warning());
        }
    }
    findings
}

fn is_in_any(path: &Path, events: &[&Event]) -> bool {
    let members = Members::Fields(vec![path.clone()]);
    let view = View::new(&ClientView { members, envelope: None });
    let is_in = |event: &&Event| {
        view.encode(&EventFacts::of_event(event), event.body()).is_ok_and(|found| found != "{}")
    };
    events.iter().any(is_in)
}

/// What to write in place of `path`.
fn remedy(path: &Path, items: &[SampledItem]) -> String {
    let known: BTreeSet<String> = items
        .iter()
        .filter(|item| item.event().is_some())
        .flat_map(|item| item.scalars.keys())
        .filter(|path| is_nameable(path))
        .flat_map(|path| (1..=path.len()).filter_map(|length| path.get(..length)))
        .map(|path| path.join("."))
        .collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match nearest(&path.to_string(), &known) {
        Some(near) => format!("write {} in its place", quoted(near)),
        None => "see whether it is written as in the table".to_owned(),
    }
}
