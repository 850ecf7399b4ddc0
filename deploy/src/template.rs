//! Puts the places of uploaded code into the text of a template. The rest of the text stays as it is: a template has
//! short tags (`!Ref`) and comments, which reading and writing it as YAML would lose.

use std::ops::Range;

/// Why the code's place could not be put into a template.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The resource is not there, or more than once.
    #[error("the template has {count} resources `{logical_id}`; there must be one")]
    Resource {
        /// The resource's name.
        logical_id: String,
        /// How many there are.
        count: usize,
    },
    /// The resource has no `CodeUri`, or several.
    #[error("resource `{logical_id}` has {count} lines `CodeUri`; there must be one")]
    CodeUri {
        /// The resource's name.
        logical_id: String,
        /// How many it has.
        count: usize,
    },
    /// The value is not on the line of its key.
    #[error(
        "line {line}: the `CodeUri` of `{logical_id}` is no plain text; write the build folder behind it"
    )]
    NoScalar {
        /// The resource's name.
        logical_id: String,
        /// Counted from one.
        line: usize,
    },
}

/// `template` with the `CodeUri` of the resource `logical_id` replaced by `uri`; nothing else differs.
///
/// # Errors
///
/// [`TemplateError`], if there is not exactly one such value.
pub fn with_code(template: &str, logical_id: &str, uri: &str) -> Result<String, TemplateError> {
    let lines: Vec<&str> = template.split_inclusive('\n').collect();
    let block = resource(&lines, logical_id)?;
    let line_number = code_line(&lines, block, logical_id)?;

    let mut text = String::with_capacity(template.len() + uri.len());
    for (number, line) in lines.iter().enumerate() {
        if number == line_number {
            let no_scalar =
                || TemplateError::NoScalar { logical_id: logical_id.to_owned(), line: number + 1 };
            text.push_str(&replaced(line, uri).ok_or_else(no_scalar)?);
        } else {
            text.push_str(line);
        }
    }
    Ok(text)
}

/// The lines of the resource `logical_id`, without its first.
fn resource(lines: &[&str], logical_id: &str) -> Result<Range<usize>, TemplateError> {
    let mut found = Vec::new();
    for (number, _) in
        lines.iter().enumerate().filter(|(_, line)| is_key(line, "Resources") && indent(line) == 0)
    {
        let section = body(lines, number);
        let Some(depth) =
            section.clone().find_map(|inside| lines.get(inside).filter(|line| has_content(line)))
        else {
            continue;
        };
        let is_resource = |line: &&str| is_key(line, logical_id) && indent(line) == indent(depth);
        found.extend(section.filter(|inside| lines.get(*inside).is_some_and(is_resource)));
    }
    match found.as_slice() {
        [number] => Ok(body(lines, *number)),
        _ => Err(TemplateError::Resource { logical_id: logical_id.to_owned(), count: found.len() }),
    }
}

fn code_line(lines: &[&str], block: Range<usize>, logical_id: &str) -> Result<usize, TemplateError> {
    let is_code = |line: &&str| line.trim_start().starts_with("CodeUri:");
    let found: Vec<usize> = block.filter(|number| lines.get(*number).is_some_and(is_code)).collect();
    match found.as_slice() {
        [number] => Ok(*number),
        _ => Err(TemplateError::CodeUri { logical_id: logical_id.to_owned(), count: found.len() }),
    }
}

/// The lines that belong to the key on line `number`: those that follow and are further in.
fn body(lines: &[&str], number: usize) -> Range<usize> {
    let depth = lines.get(number).map_or(0, |line| indent(line));
    let start = number + 1;
    let inside = lines.iter().skip(start).take_while(|line| !has_content(line) || indent(line) > depth);
    start..start + inside.count()
}

/// `line`, a key with its scalar and perhaps a comment, with another scalar.
fn replaced(line: &str, scalar: &str) -> Option<String> {
    let (key, rest) = line.split_once(':')?;
    let value = rest.trim_start();
    let old = value.split_once(" #").map_or(value, |(old, _)| old).trim_end();
    // `{`, `[`: a collection; `|`, `>`: a block; `&`, `*`, `!`: not plain.
    if old.is_empty() || old.starts_with(['{', '[', '|', '>', '&', '*', '!', '#']) {
        return None;
    }
    let behind = value.strip_prefix(old)?;
    Some(format!("{key}: {scalar}{behind}"))
}

fn is_key(line: &str, key: &str) -> bool {
    line.trim()
        .strip_prefix(key)
        .is_some_and(|rest| rest == ":" || rest.starts_with(": ") || rest.starts_with(": #"))
}

fn has_content(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const TEMPLATE: &str = "\
Globals:
  Function:
    CodeUri: everywhere/

Resources:
  # A comment, and a resource whose name begins alike.
  FanOutQueue:
    Type: AWS::SQS::Queue
  FanOut: # the function
    Properties:
      Name: !Sub '${Prefix}: #1'

# A comment without indentation ends nothing.
      CodeUri: fanout/   # built by make
      Tags:
        FanOut:
          CodeUri1: no
  Other:
    Properties: { CodeUri: other/ }
Outputs:
  FanOut:
    CodeUri: elsewhere
";

    fn check(template: &str, expected: &Expect) {
        let found = match with_code(template, "FanOut", "s3://bucket/key.zip") {
            Err(error) => error.to_string(),
            Ok(text) => {
                let lines: Vec<(&str, &str)> = template.lines().zip(text.lines()).collect();
                assert_eq!(lines.len(), text.lines().count());
                assert_eq!(template.ends_with('\n'), text.ends_with('\n'));
                let changed = lines.iter().filter(|(old, new)| old != new);
                changed.map(|(old, new)| format!("{old} → {new}")).collect::<Vec<_>>().join("\n")
            }
        };
        expected.assert_eq(&found);
    }

    #[test]
    fn only_the_code_of_the_named_resource_changes() {
        check(
            TEMPLATE,
            &expect![
                "      CodeUri: fanout/   # built by make →       CodeUri: s3://bucket/key.zip   # built by make"
            ],
        );
    }

    #[test]
    fn line_ends_stay() {
        let found = with_code("Resources:\r\n  A:\r\n    CodeUri: a/\r\n  B:\r\n", "A", "x");
        assert_eq!(found.as_deref(), Ok("Resources:\r\n  A:\r\n    CodeUri: x\r\n  B:\r\n"));
        let found = with_code("Resources:\n  A:\n    CodeUri: 'a b'", "A", "x");
        assert_eq!(found.as_deref(), Ok("Resources:\n  A:\n    CodeUri: x"));
    }

    #[test]
    fn there_must_be_one_such_value() {
        check("", &expect!["the template has 0 resources `FanOut`; there must be one"]);
        check("Resources:\n", &expect!["the template has 0 resources `FanOut`; there must be one"]);
        check(
            &TEMPLATE.replace("  FanOut: # the function", "  FanOut1:"),
            &expect!["the template has 0 resources `FanOut`; there must be one"],
        );
        check(
            &TEMPLATE.replace("  Other:", "  FanOut:"),
            &expect!["the template has 2 resources `FanOut`; there must be one"],
        );
        check(
            &TEMPLATE.replace("CodeUri: fanout/", "CodeUris: fanout/"),
            &expect!["resource `FanOut` has 0 lines `CodeUri`; there must be one"],
        );
        check(
            &TEMPLATE.replace("CodeUri1:", "CodeUri:"),
            &expect!["resource `FanOut` has 2 lines `CodeUri`; there must be one"],
        );
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        for value in ["", "!Ref Code", "{ Bucket: b, Key: k }", "[a]", "|", ">-", "*code", "# nothing"] {
            let found = with_code(&TEMPLATE.replace("fanout/ ", value), "FanOut", "x");
            assert_eq!(
                found,
                Err(TemplateError::NoScalar { logical_id: "FanOut".into(), line: 14 }),
                "{value}"
            );
        }
    }
}
