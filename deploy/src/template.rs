//! Reads a template, and puts the places of uploaded code into its text.
//!
//! The rest of the text stays as it is: a template has short tags (`!Ref`) and comments, which would be lost if it were
//! read and written as YAML.

use std::collections::BTreeSet;
use std::ops::Range;

use serde_yaml_ng::Value;

/// The place of a function's code on S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CodePlace {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: Option<String>,
}

/// Why a template can't be deployed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is not YAML.
    #[error("the template is not the YAML of a stack: {reason}")]
    Yaml {
        /// The parser's error.
        reason: String,
    },
    /// The resource is not there, or more than once.
    #[error("the template has {count} resources `{logical_id}`; there must be one")]
    Resource {
        /// The resource's name in the template.
        logical_id: String,
        /// The number of resources of this name.
        count: usize,
    },
    /// The resource has no `CodeUri`, or several.
    #[error("resource `{logical_id}` has {count} lines `CodeUri`; there must be one")]
    CodeUri {
        /// The resource's name in the template.
        logical_id: String,
        /// The number of its lines `CodeUri`.
        count: usize,
    },
    /// The value is not on the line of its key.
    #[error(
        "line {line}: the `CodeUri` of `{logical_id}` is no plain text; write the build folder behind it"
    )]
    NoScalar {
        /// The resource's name in the template.
        logical_id: String,
        /// The number of the line, counted from 1.
        line: usize,
    },
    /// The value is made by a function that this release does not know.
    #[error(
        "resource `{logical_id}` has a `{property}` that can't be read here; deploy with this version of `fanoutctl`, and try \
         again"
    )]
    Property {
        /// The resource's name in the template.
        logical_id: String,
        /// The property's name.
        property: String,
    },
}

/// `template` with the `CodeUri` of the resource `logical_id` replaced by `uri`; nothing else differs.
///
/// # Errors
///
/// [`TemplateError`]: there is not exactly one such value.
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

/// The names of the parameters of `template`.
pub(crate) fn parameter_names(template: &str) -> Result<BTreeSet<String>, TemplateError> {
    let yaml: Value = serde_yaml_ng::from_str(template)
        .map_err(|error| TemplateError::Yaml { reason: error.to_string() })?;
    let parameters = yaml.get("Parameters").and_then(Value::as_mapping);
    let names = parameters.into_iter().flat_map(|parameters| parameters.keys());
    Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Where the code of the function `logical_id` is, if that is on S3: `s3://bucket/key?versionId=version`, as this code
/// and `sam package` write it, or as a mapping (AWS SAM specification, "FunctionCode").
pub(crate) fn code_place(template: &str, logical_id: &str) -> Option<CodePlace> {
    let yaml: Value = serde_yaml_ng::from_str(template).ok()?;
    let code = yaml.get("Resources")?.get(logical_id)?.get("Properties")?.get("CodeUri")?;
    let text = |name: &str| code.get(name).and_then(Value::as_str).map(str::to_owned);
    let Some(uri) = code.as_str() else {
        return Some(CodePlace { bucket: text("Bucket")?, key: text("Key")?, version: text("Version") });
    };
    let (bucket, path) = uri.strip_prefix("s3://")?.split_once('/')?;
    let (key, version) =
        path.split_once("?versionId=").map_or((path, None), |(key, version)| (key, Some(version)));
    Some(CodePlace { bucket: bucket.to_owned(), key: key.to_owned(), version: version.map(str::to_owned) })
}

/// The lines of the resource `logical_id`, without the first.
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

/// The lines that belong to the key on line `number`: those that follow and are indented further.
fn body(lines: &[&str], number: usize) -> Range<usize> {
    let depth = lines.get(number).map_or(0, |line| indent(line));
    let start = number + 1;
    let inside = lines.iter().skip(start).take_while(|line| !has_content(line) || indent(line) > depth);
    start..start + inside.count()
}

/// `line`, a key with a scalar and perhaps a comment, with the scalar replaced.
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
    fn there_must_be_exactly_one_such_value() {
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

    #[test]
    fn code_on_s3_is_found_however_it_is_written() {
        let check = |code: &str, expected: Option<[&str; 3]>| {
            let template = TEMPLATE.replace("fanout/ ", code);
            let found = code_place(&template, "FanOut");
            let found =
                found.map(|CodePlace { bucket, key, version }| [bucket, key, version.unwrap_or_default()]);
            assert_eq!(found, expected.map(|parts| parts.map(str::to_owned)), "{code}");
        };
        check("s3://packages/fanout/1f.zip ", Some(["packages", "fanout/1f.zip", ""]));
        check("s3://packages/1f?versionId=v1 ", Some(["packages", "1f", "v1"]));
        check("'s3://packages/1f' ", Some(["packages", "1f", ""]));
        check("{ Bucket: b, Key: c/d, Version: '2' } ", Some(["b", "c/d", "2"]));
        check("fanout/ ", None);
        check("s3://packages ", None);
        check("!Ref Code ", None);
        assert_eq!(code_place(TEMPLATE, "Missing"), None);

        // `sam deploy` writes JSON so.
        let json = r#"{"Resources": {"FanOut": {"Properties": {"CodeUri": "s3://b/k"}}}}"#;
        let place = CodePlace { bucket: "b".into(), key: "k".into(), version: None };
        assert_eq!(code_place(json, "FanOut"), Some(place));

        let written = with_code(TEMPLATE, "FanOut", "s3://bucket/a/b.zip").unwrap();
        assert_eq!(code_place(&written, "FanOut").unwrap().key, "a/b.zip");
    }

    #[test]
    fn parameters_are_those_of_the_template() {
        let names = |text: &str| parameter_names(text).map(|names| names.into_iter().collect::<Vec<_>>());
        let template = "Parameters:\n  A: { Type: String }\n  B:\n    Default: !Ref x\nResources: {}\n";
        assert_eq!(names(template).unwrap(), ["A", "B"]);
        assert_eq!(names(TEMPLATE).unwrap(), Vec::<String>::new());
        assert!(matches!(names("a: [").unwrap_err(), TemplateError::Yaml { .. }));
    }
}
