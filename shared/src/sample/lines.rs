//! Items from a file, one a line.

use serde_json::{Map, Value, json};

/// A line that is no item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "line {line}: {problem}; write one item a line, as DynamoDB's JSON (`{{\"pk\": {{\"S\": \"a\"}}}}`) or as an event's"
)]
pub struct UnreadableLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// The items of `text`, each in DynamoDB's JSON; empty lines are passed over.
///
/// A line is an item in DynamoDB's JSON, perhaps as the `Item` of an export, if each of its values is an object that
/// has a type for its only name. Any other object is taken for the JSON of an event: texts, numbers, lists.
///
/// # Errors
///
/// [`UnreadableLine`]: the first line that is no JSON object.
pub fn items_of_lines(text: &str) -> Result<Vec<String>, UnreadableLine> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| item(line).map_err(|problem| UnreadableLine { line: index + 1, problem }))
        .collect()
}

fn item(line: &str) -> Result<String, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| format!("not JSON ({error})"))?;
    let Value::Object(object) = value else { return Err("not a JSON object".to_owned()) };
    if let (1, Some(Value::Object(exported))) = (object.len(), object.get("Item"))
        && is_typed(exported)
    {
        return Ok(Value::Object(exported.clone()).to_string());
    }
    // As it stands, so that no digit is lost.
    Ok(if is_typed(&object) { line.trim().to_owned() } else { typed_map(&object).to_string() })
}

fn is_typed(attributes: &Map<String, Value>) -> bool {
    const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];
    let has_type = |value: &Value| match value {
        Value::Object(typed) => typed.len() == 1 && typed.keys().all(|tag| TYPES.contains(&tag.as_str())),
        _ => false,
    };
    !attributes.is_empty() && attributes.values().all(has_type)
}

fn typed_map(object: &Map<String, Value>) -> Value {
    Value::Object(object.iter().map(|(name, value)| (name.clone(), typed(value))).collect())
}

fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({ "N": number.to_string() }),
        Value::String(text) => json!({ "S": text }),
        Value::Array(values) => json!({ "L": values.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(object) => json!({ "M": typed_map(object) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_an_item_in_one_of_two_forms() {
        let dynamodb = r#"{"pk":{"S":"a"},"n":{"N":"1.10"}}"#;
        for (line, expected) in [
            (dynamodb, dynamodb),
            (r#"{"Item":{"pk":{"S":"a"}}}"#, r#"{"pk":{"S":"a"}}"#),
            (
                r#"{"pk":"a","n":1,"l":[true,null],"m":{"S":"x"}}"#,
                r#"{"l":{"L":[{"BOOL":true},{"NULL":true}]},"m":{"M":{"S":{"S":"x"}}},"n":{"N":"1"},"pk":{"S":"a"}}"#,
            ),
        ] {
            assert_eq!(items_of_lines(&format!("\n{line}\n\n")), Ok(vec![expected.to_owned()]));
        }
        let unread = |text: &str| items_of_lines(text).map_err(|error| (error.line, error.problem));
        assert_eq!(unread("{}\n\n[1]"), Err((3, "not a JSON object".to_owned())));
        assert!(unread("{\"a\":").is_err());
    }
}
