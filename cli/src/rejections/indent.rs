//! Indents JSON without a change to any value: a number keeps its digits.

use serde_json::value::RawValue;

/// The deepest JSON that is indented: beyond it, the indentation would be far longer than the text.
const DEPTH_LIMIT: usize = 128;

/// `text` with two spaces for each level, if it is JSON of at most 128 levels.
pub fn indented(text: &str) -> Option<String> {
    // From here on the text is JSON: only in strings do brackets mean nothing.
    let json: &RawValue = serde_json::from_str(text).ok()?;
    let mut indented = String::with_capacity(json.get().len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let mut characters = json.get().chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            indented.push(character);
            in_string = is_escaped || character != '"';
            is_escaped = !is_escaped && character == '\\';
            continue;
        }
        match character {
            ' ' | '\t' | '\r' | '\n' => {}
            '{' | '[' => {
                indented.push(character);
                while characters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => indented.push(end),
                    None => {
                        depth += 1;
                        if depth > DEPTH_LIMIT {
                            return None;
                        }
                        break_line(&mut indented, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                break_line(&mut indented, depth);
                indented.push(character);
            }
            ',' => {
                indented.push(',');
                break_line(&mut indented, depth);
            }
            ':' => indented.push_str(": "),
            _ => {
                in_string = character == '"';
                indented.push(character);
            }
        }
    }
    Some(indented)
}

fn break_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_digit_is_lost() {
        let text = r#" {"price":299.90,"wide":12345678901234567890123456789012345678,"a":[ ],"b":{ },"c":[1,"}\"]\\"]}"#;
        expect![[r#"
            {
              "price": 299.90,
              "wide": 12345678901234567890123456789012345678,
              "a": [],
              "b": {},
              "c": [
                1,
                "}\"]\\"
              ]
            }"#]]
        .assert_eq(&indented(text).unwrap());
    }

    #[test]
    fn text_that_is_not_json_is_not_indented() {
        for text in ["", "{", "hello", "{}{}", "{\"a\":1,}"] {
            assert_eq!(indented(text), None, "{text}");
        }
    }

    #[test]
    fn json_that_is_too_deep_is_not_indented() {
        let nested = |depth| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(indented(&nested(DEPTH_LIMIT)).is_some());
        assert_eq!(indented(&nested(DEPTH_LIMIT + 1)), None);
        assert_eq!(indented(&nested(500_000)), None);
    }

    proptest! {
        #[test]
        fn only_white_space_between_values_changes(texts in prop::collection::vec(r#"[\PC"\\{}\[\],: ]{0,9}"#, 0..9)) {
            let json = serde_json::json!({ "list": texts, "map": { "text": texts.first() }, "none": [[], {}] });
            let indented = indented(&json.to_string()).unwrap();
            prop_assert_eq!(&indented, &serde_json::to_string_pretty(&json).unwrap());
        }
    }
}
