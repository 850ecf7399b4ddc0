//! Pages as people's tables have them. Whatever line is advised is taken, and must help.

mod designs;
mod details;
mod draft;
mod filters;
mod heads;
mod views;

use std::fmt::Write as _;

use expect_test::Expect;

use super::{ConfigLine, Sample, SampledPage, Severity, items_of_lines};
use crate::config::{Config, Source};

/// `[source]` as most of these tables need it.
const SOURCE: &str = "partition_key = \"pk\"\nsort_key = \"sk\"\ntime = \"at\"\nversion = \"version\"\n";

fn config(text: &str) -> Config {
    let text = format!("[source]\n{text}\n[[client]]\nname = \"A\"\n");
    Config::try_from_toml("client-queues.toml", &text, None).unwrap()
}

fn page(lines: &str) -> SampledPage {
    SampledPage { items: items_of_lines(lines).unwrap(), is_whole: true, expiry: None }
}

/// Checks what the page of `lines` shows, and that each line that is advised helps.
fn check(text: &str, lines: &str, expected: &Expect) {
    check_page(text, &page(lines), expected);
}

fn check_page(text: &str, page: &SampledPage, expected: &Expect) {
    let Source { partition_key, sort_key, .. } = config(text).source;
    // A table's keys are known.
    if page.items.iter().all(|item| [&partition_key, &sort_key].iter().all(|key| item.contains(key.as_str())))
    {
        draft::check(&draft::drafted(&partition_key, &sort_key, page), page);
    }
    let sample = Sample::new(&config(text), page);
    expected.assert_eq(&shown(&sample));
    for finding in &sample.findings {
        if let Some(line) = &finding.line {
            let changed = with_line(text, line);
            let helped = Sample::new(&config(&changed), page);
            let stays = helped.findings.iter().any(|other| other.problem == finding.problem);
            assert!(!stays && helped.events > 0, "{changed}\n{}", shown(&helped));
        }
    }
}

/// The config after the operator has followed the advice. A line takes the place of that with the same key.
fn with_line(text: &str, line: &ConfigLine) -> String {
    let key = line.text.split_once(" =").unwrap().0;
    let others = |section: &str| {
        let is_same = |old: &&str| old.split_once(" =").is_some_and(|(old, _)| old == key);
        section.lines().filter(|old| !is_same(old)).collect::<Vec<_>>().join("\n")
    };
    let (source, filter) = text.split_once("[source.filter]").unwrap_or((text, ""));
    match (line.section, filter) {
        ("source", "") => format!("{}\n{}", line.text, others(source)),
        ("source", _) => format!("{}\n{}\n[source.filter]{filter}", line.text, others(source)),
        _ => format!("{source}\n[source.filter]\n{}\n{}", line.text, others(filter)),
    }
}

fn shown(sample: &Sample) -> String {
    let Sample { items, events, skipped, rejected, kinds, reasons, findings, .. } = sample;
    let mut text = format!("{items} items: {events} events, {skipped} skipped, {rejected} rejected\n");
    for kind in kinds {
        writeln!(text, "  {}: {} {} {}", kind.sort_key, kind.events, kind.skipped, kind.rejected).unwrap();
    }
    for reason in reasons {
        let how = if reason.is_skipped { "skipped" } else { "rejected" };
        writeln!(text, "{} {how}: {}", reason.items, reason.reason).unwrap();
    }
    for finding in findings {
        let mark = if finding.severity == Severity::Warning { "warning: " } else { "" };
        writeln!(text, "- {mark}{}; {}", finding.problem, finding.remedy).unwrap();
    }
    text
}
