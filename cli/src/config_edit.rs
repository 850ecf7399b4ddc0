//! Changes of the config's text: a client more, a client less. Every other byte stays as it is.
//!
//! Lines are put in and taken out where the parser says that clients stand. To write the whole document anew, as
//! `toml_edit` does, would give a comment below one section to the next, and change line ends.

use std::ops::Range;

use shared::text::toml_literal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::args::AddClientArguments;

/// Why a text can't be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is not TOML, which is for the reader of configs to say.
    #[error("not TOML")]
    NotToml,
    /// The clients stand in a list of another form.
    #[error(
        "client: is a list in brackets, which is changed by hand; or write `[[client]]` above each client"
    )]
    Inline,
    /// There is no client of the name.
    #[error("no such client")]
    NoClient,
    /// Something else stands among its lines.
    #[error(
        "client: its lines can't be told from others; move its sections together, or delete them by hand"
    )]
    Scattered,
}

/// `text` with one more client, behind the others.
///
/// # Errors
///
/// [`EditError`]. Whether the client is right isn't looked at.
pub fn with_client(text: &str, client: &AddClientArguments) -> Result<String, EditError> {
    let AddClientArguments { name, queue_arn, history, filter } = client;
    let mut lines = vec![String::new(), "[[client]]".to_owned(), format!("name = {}", toml_literal(name))];
    lines.extend(queue_arn.iter().map(|arn| format!("queue_arn = {}", toml_literal(arn))));
    lines.extend(history.then(|| "history = true".to_owned()));
    if !filter.is_empty() {
        lines.extend([String::new(), "[client.filter]".to_owned()]);
        lines.extend(filter.iter().flat_map(|lines| lines.lines()).map(str::to_owned));
    }
    let document = DeTable::parse(text).map_err(|_| EditError::NotToml)?;
    let end = clients(document.get_ref(), text)?.last().map_or(text.len(), |last| block(text, last).end);
    let (before, behind) = split(text, end);
    let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { line_end };
    let added: String = lines.iter().map(|line| format!("{line}{line_end}")).collect();
    Ok(format!("{before}{gap}{added}{behind}"))
}

/// `text` without the client called `name`, and without comments right above and below it.
///
/// # Errors
///
/// [`EditError`].
pub fn without_client(text: &str, name: &str) -> Result<String, EditError> {
    let document = DeTable::parse(text).map_err(|_| EditError::NotToml)?;
    let is_meant = |client: &&&Spanned<DeValue<'_>>| {
        let found = client.get_ref().as_table().and_then(|client| client.get("name"));
        found.and_then(|found| found.get_ref().as_str()) == Some(name)
    };
    let clients = clients(document.get_ref(), text)?;
    let index = clients.iter().position(|client| is_meant(&client)).ok_or(EditError::NoClient)?;
    let Range { start, end } = clients.get(index).map_or(0..0, |removed| block(text, removed));
    let (before, _) = split(text, start);
    let (_, behind) = split(text, end);
    let without_gap = ["\r\n", "\n"].into_iter().find_map(|line_end| {
        let rest = before.strip_suffix(line_end)?;
        (rest.is_empty() || rest.ends_with('\n')).then_some(rest)
    });
    let edited = format!("{}{behind}", without_gap.unwrap_or(before));
    let values = |text| toml::from_str::<toml::Table>(text).ok();
    let mut expected = values(text);
    if let Some(clients) = expected.as_mut().and_then(|file| file.get_mut("client")?.as_array_mut()) {
        clients.remove(index);
        if clients.is_empty() {
            expected.as_mut().map(|file| file.remove("client"));
        }
    }
    if expected.is_some() && values(&edited) == expected { Ok(edited) } else { Err(EditError::Scattered) }
}

/// The clients of a file, each with its section.
fn clients<'d>(document: &'d DeTable<'_>, text: &str) -> Result<Vec<&'d Spanned<DeValue<'d>>>, EditError> {
    let Some(clients) = document.get("client") else { return Ok(Vec::new()) };
    let clients = clients.get_ref().as_array().ok_or(EditError::Inline)?;
    let is_section = |client: &Spanned<DeValue<'_>>| split(text, client.span().start).1.starts_with("[[");
    if clients.iter().all(is_section) { Ok(clients.iter().collect()) } else { Err(EditError::Inline) }
}

/// The lines of a client, with the comments right above and below them. Comments right above the next section are that
/// section's.
fn block(text: &str, client: &Spanned<DeValue<'_>>) -> Range<usize> {
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let (before, _) = split(text, client.span().start);
    let above = before.split_inclusive('\n').rev().take_while(is_comment).map(str::len).sum::<usize>();
    let (inside, behind) = split(text, end(client));
    let mut lines = behind.split_inclusive('\n');
    let rest = lines.next().map_or(0, str::len);
    let below = lines.by_ref().take_while(is_comment).map(str::len).sum::<usize>();
    let (_, next) = split(behind, rest + below);
    let below = if next.trim_start_matches([' ', '\t']).starts_with('[') { 0 } else { below };
    before.len() - above..inside.len() + rest + below
}

/// Where the last value of `value` ends.
fn end(value: &Spanned<DeValue<'_>>) -> usize {
    let inner = match value.get_ref() {
        DeValue::Table(table) => table.values().map(end).max(),
        DeValue::Array(entries) => entries.iter().map(end).max(),
        _ => None,
    };
    inner.unwrap_or_default().max(value.span().end)
}

/// `text` up to the byte `at`, and from there on.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const TEXT: &str = "\
# Who gets what.

[source]   # the table
partition_key = \"mark\"
sort_key   =   'createTime'
version = \"version\"

# The teams.

# Asked by mail on 5 January.
[[client]]
name = \"Billing\"  # first

  [client.filter] # what they pay for
  price = [ 1,
            2 ]

[[client]]
name = 'Insurance'
# The end of Insurance.

[sending]
requests_in_flight = 6
# The end.
";

    fn client(name: &str, filter: &[&str]) -> AddClientArguments {
        let filter = filter.iter().map(|line| (*line).to_owned()).collect();
        AddClientArguments { name: name.to_owned(), filter, ..AddClientArguments::default() }
    }

    /// The lines that an edit adds and takes away. All others stay, in their order.
    fn check(result: Result<String, EditError>, text: &str, expected: &Expect) {
        let edited = match result {
            Ok(edited) => edited,
            Err(error) => return expected.assert_eq(&error.to_string()),
        };
        let (old, new): (Vec<&str>, Vec<&str>) = (text.lines().collect(), edited.lines().collect());
        let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let rest = old[start..].iter().rev().zip(new[start..].iter().rev());
        let end = rest.take_while(|(old, new)| old == new).count();
        let shown = |mark: &str, lines: &[&str]| -> String {
            lines[start..lines.len() - end].iter().map(|line| format!("{mark}{line}\n")).collect()
        };
        let shown = format!("after line {start}\n{}{}", shown("-", &old), shown("+", &new));
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_client_is_added_behind_the_others() {
        check(
            with_client(TEXT, &client("Parking", &[])),
            TEXT,
            &expect![[r#"
            after line 21
            +[[client]]
            +name = "Parking"
            +
        "#]],
        );
        let all = AddClientArguments {
            queue_arn: Some("arn:aws:sqs:eu-west-2:111122223333:E.fifo".to_owned()),
            history: true,
            ..client("Parking", &["\"$message\".eventName = [\"MarkSold\"] # sold", "price=[{exists=true}]"])
        };
        check(
            with_client(TEXT, &all),
            TEXT,
            &expect![[r#"
            after line 21
            +[[client]]
            +name = "Parking"
            +queue_arn = "arn:aws:sqs:eu-west-2:111122223333:E.fifo"
            +history = true
            +
            +[client.filter]
            +"$message".eventName = ["MarkSold"] # sold
            +price=[{exists=true}]
            +
        "#]],
        );
        let sections = client("Parking", &["a.b = [1]\n[client.filter.\"$message\"]", "eventName = ['A']"]);
        check(
            with_client(TEXT, &sections),
            TEXT,
            &expect![[r#"
            after line 21
            +[[client]]
            +name = "Parking"
            +
            +[client.filter]
            +a.b = [1]
            +[client.filter."$message"]
            +eventName = ['A']
            +
        "#]],
        );
        check(
            with_client("# Nothing yet.", &client("Parking", &[])),
            "",
            &expect![[r#"
            after line 0
            +# Nothing yet.
            +
            +[[client]]
            +name = "Parking"
        "#]],
        );
    }

    #[test]
    fn a_client_is_removed_with_what_is_about_it_alone() {
        for (name, expected) in [
            (
                "Billing",
                expect![[r#"
                after line 9
                -# Asked by mail on 5 January.
                -[[client]]
                -name = "Billing"  # first
                -
                -  [client.filter] # what they pay for
                -  price = [ 1,
                -            2 ]
                -
            "#]],
            ),
            (
                "Insurance",
                expect![[r#"
                after line 17
                -[[client]]
                -name = 'Insurance'
                -# The end of Insurance.
                -
            "#]],
            ),
            ("billing", expect!["no such client"]),
        ] {
            check(without_client(TEXT, name), TEXT, &expected);
        }
        let shipped = include_str!("../../client-queues.toml");
        check(
            without_client(shipped, "Billing"),
            shipped,
            &expect![[r#"
            after line 31
            -name = "Billing"
            -
            -[[client]]
        "#]],
        );
        let only = "# Mine.\n\n[[client]]\nname = 'A'\n";
        check(
            without_client(only, "A"),
            only,
            &expect![[r#"
            after line 1
            -
            -[[client]]
            -name = 'A'
        "#]],
        );
    }

    #[test]
    fn what_can_t_be_changed_is_refused() {
        check(with_client("a = ", &client("A", &[])), "", &expect!["not TOML"]);
        check(
            with_client("client = [{ name = 'A' }]", &client("B", &[])),
            "",
            &expect![
                "client: is a list in brackets, which is changed by hand; or write `[[client]]` above each client"
            ],
        );
        let apart = "[[client]]\nname = 'A'\n[sending]\n[client.filter]\na = [1]\n";
        check(
            without_client(apart, "A"),
            apart,
            &expect![
                "client: its lines can't be told from others; move its sections together, or delete them by hand"
            ],
        );
        check(
            without_client("client = [{ name = 'A' }]", "A"),
            "",
            &expect![
                "client: is a list in brackets, which is changed by hand; or write `[[client]]` above each client"
            ],
        );
    }

    /// What is added and removed again leaves no trace.
    #[test]
    fn a_client_that_is_removed_again_leaves_no_trace() {
        for text in [TEXT.to_owned(), TEXT.replace('\n', "\r\n"), "[[client]]\nname = 'A'\n".to_owned()] {
            let added = with_client(&text, &client("Parking", &["a.b = [1]", "c = ['x']"])).unwrap();
            assert_eq!(without_client(&added, "Parking"), Ok(text));
        }
    }
}
