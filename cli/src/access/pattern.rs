//! IAM's patterns: `*` stands for any text, `?` for one character.

/// Whether all of `text` has the form `pattern`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut position) = (0, 0);
    // The last `*`, and the end of the text that it has taken: the only place to go back to.
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || Some(wanted) == text.get(position) => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else {
                    return false;
                };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                position = taken + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// Whether the ARN `text` has the form `pattern`. Each of the six parts is matched by itself (IAM User Guide, "IAM JSON
/// policy elements: Condition operators").
pub(super) fn arn_matches(pattern: &str, text: &str) -> bool {
    let (patterns, parts): (Vec<&str>, Vec<&str>) =
        (pattern.splitn(6, ':').collect(), text.splitn(6, ':').collect());
    patterns.len() == parts.len() && patterns.iter().zip(&parts).all(|(pattern, part)| matches(pattern, part))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stars_and_question_marks() {
        for (pattern, text, expected) in [
            ("", "", true),
            ("*", "", true),
            ("?", "", false),
            ("sqs:*", "sqs:sendmessage", true),
            ("sqs:send*", "sqs:receivemessage", false),
            ("*message", "sqs:sendmessage", true),
            ("*a*b*c", "aabbcabc", true),
            ("*a*b*d", "aabbcabc", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a", "ab", false),
            ("ab", "a", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn an_arns_parts_match_one_by_one() {
        let role = "arn:aws:iam::111122223333:role/MarkFanOut-eu-west-2";
        for (pattern, expected) in [
            (role, true),
            ("arn:aws:iam::111122223333:role/*", true),
            ("arn:aws:iam::*:role/MarkFanOut-*", true),
            ("arn:*:role/MarkFanOut-*", false),
            ("*", false),
            ("arn:aws:iam::111122223333:*", true),
            ("arn:aws:iam::444455556666:role/*", false),
        ] {
            assert_eq!(arn_matches(pattern, role), expected, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_text_with_parts_replaced_by_stars_matches(parts in prop::collection::vec("[a-c]{0,3}", 1..5), fill in "[a-c]{0,4}") {
            prop_assert!(matches(&parts.join("*"), &parts.join(&fill)));
        }
    }
}
