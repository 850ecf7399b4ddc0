//! Findings about `[source.filter]`.

use super::item::ItemReader;
use super::line::{dotted, nearest_path};
use super::{SampleFinding, Survey};
use crate::config::Path;
use crate::quoted::quoted;
use crate::text::counted;

/// Finds keys of the filter that no item has, and a filter that admits nothing.
pub(super) fn find(survey: &Survey<'_>, reader: &ItemReader, findings: &mut Vec<SampleFinding>) {
    let Some(filter) = &survey.source.filter else { return };
    let wanted = filter.paths_of_values();
    for (index, path) in reader.filter_paths().iter().enumerate() {
        let is_there = survey.items.iter().any(|item| item.present.get(index) == Some(&true));
        if is_there || !wanted.contains(&path) {
            continue;
        }
        let problem = format!(
            "{} of `[source.filter]` has a value in none of {}",
            quoted(&dotted(&path.0)),
            counted(survey.items.len(), "item")
        );
        findings.push(SampleFinding::new(problem, remedy(survey, path)));
    }
    if survey.admitted.is_empty() && findings.is_empty() {
        let problem = format!("`[source.filter]` admits none of {}", counted(survey.items.len(), "item"));
        findings.push(SampleFinding::new(
            problem,
            "compare its values with those of the table's events; nothing is sent of what it passes over",
        ));
    }
}

/// What to write in place of `path`.
fn remedy(survey: &Survey<'_>, path: &Path) -> String {
    let text = path.to_string();
    let mut known = survey.items.iter().flat_map(|item| item.scalars.keys());
    if let Some(alike) = known.find(|known| known.join(".") == text) {
        let why = if alike.len() > path.0.len() {
            "without quotes it is a path"
        } else {
            "in quotes it is one name with a dot"
        };
        return format!("write {} in its place: {why}", quoted(&dotted(alike)));
    }
    match nearest_path(&text, survey.items.iter()).and_then(|near| Path::try_new(&near).ok()) {
        Some(near) => format!("write {} in its place", quoted(&dotted(&near.0))),
        None => "see whether it is written as in the table".to_owned(),
    }
}
