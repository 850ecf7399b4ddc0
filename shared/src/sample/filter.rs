//! Findings about `[source.filter]`.

use super::item::ItemReader;
use super::line::nearest_path;
use super::{SampleFinding, Survey};
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
        let text = path.to_string();
        let problem = format!(
            "{} of `[source.filter]` has a value in none of {}",
            quoted(&text),
            counted(survey.items.len(), "item")
        );
        let remedy = match nearest_path(&text, survey.items.iter()) {
            Some(near) => format!("write {} in its place", quoted(&near)),
            None => "see whether it is written as in the table".to_owned(),
        };
        findings.push(SampleFinding::new(problem, remedy));
    }
    if survey.admitted.is_empty() && findings.is_empty() {
        let problem = format!("`[source.filter]` admits none of {}", counted(survey.items.len(), "item"));
        findings.push(SampleFinding::new(
            problem,
            "compare its values with those of the table's events; nothing is sent of what it passes over",
        ));
    }
}
