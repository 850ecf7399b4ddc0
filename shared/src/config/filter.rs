//! The patterns of the file: which items are events, and which events a client wants.

use toml::Spanned;
use toml::de::DeValue;

use super::findings::Report;
use crate::pattern::{MESSAGE, Pattern, PatternFinding};

/// What the source doesn't name, so that no message has it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lacking {
    /// Events' names.
    pub(super) name: bool,
    /// Events' times.
    pub(super) time: bool,
}

/// The pattern of `[source.filter]`; whatever is wrong is reported.
pub(super) fn of_source(section: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Pattern> {
    const KEY: &str = "source.filter";
    let pattern = read(KEY, "", section, report)?;
    if pattern.names_message() {
        let at = place_of_message(section);
        let problem = "is about an event's message, and an item has none before it is an event";
        report.add(at, format!("{KEY}.{MESSAGE}"), format_args!("{problem}; name the item's attribute"));
        return None;
    }
    Some(pattern)
}

/// The pattern of a `[client.filter]`; whatever is wrong is reported. `whose` begins what is said about it.
pub(super) fn of_client(
    whose: &str,
    section: &Spanned<DeValue<'_>>,
    lacking: Lacking,
    report: &mut Report<'_>,
) -> Option<Pattern> {
    const KEY: &str = "client.filter";
    let pattern = read(KEY, whose, section, report)?;
    let wanted = pattern.paths_of_values();
    for (field, setting, is_lacking) in
        [("eventName", "name", lacking.name), ("eventTime", "time", lacking.time)]
    {
        let names_it = wanted.iter().any(|path| path.0 == [MESSAGE, field]);
        if is_lacking && names_it {
            let problem = format_args!("{whose}is in no message, because `source.{setting}` is missing");
            let remedy = format_args!("name the attribute with events' {setting}s as `source.{setting}`");
            report.add(
                place_of_message(section),
                format!("{KEY}.{MESSAGE}.{field}"),
                format_args!("{problem}; {remedy}"),
            );
        }
    }
    Some(pattern)
}

/// Where `$message` stands, or the section if it stands deeper in it.
fn place_of_message(section: &Spanned<DeValue<'_>>) -> usize {
    let table = section.get_ref().as_table();
    let key = table.and_then(|table| table.get_key_value(MESSAGE)).map(|(key, _)| key.span());
    key.unwrap_or_else(|| section.span()).start
}

fn read(key: &str, whose: &str, section: &Spanned<DeValue<'_>>, report: &mut Report<'_>) -> Option<Pattern> {
    let found = Pattern::try_from_toml(key, section);
    let note = |PatternFinding { at, key, problem, remedy }: PatternFinding| {
        report.add(at, key, format_args!("{whose}{problem}; {remedy}"));
    };
    found.map_err(|findings| findings.into_iter().for_each(note)).ok()
}
