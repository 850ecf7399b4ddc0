//! Text in which `*` stands for any characters, none included.
//!
//! Each part is searched once, from the left, so that no text takes longer than its length times that of the parts.

/// A text with any number of `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wildcard {
    /// What stands in front of the first `*`.
    first: String,
    /// What stands behind each `*`.
    rest: Vec<String>,
}

/// Why text is no wildcard: the problem and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InvalidWildcard(pub(super) &'static str, pub(super) &'static str);

impl Wildcard {
    /// A wildcard from `text`, in which `\*` and `\\` are an asterisk and a backslash.
    pub(super) fn try_parse(text: &str) -> Result<Self, InvalidWildcard> {
        let mut wildcard = Self { first: String::new(), rest: Vec::new() };
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' if characters.peek() == Some(&'*') => {
                    return Err(InvalidWildcard(
                        "has `**`",
                        "write one `*`, which stands for any characters",
                    ));
                }
                '*' => {
                    wildcard.rest.push(String::new());
                    continue;
                }
                '\\' => characters.next().filter(|escaped| matches!(escaped, '*' | '\\')).ok_or(
                    InvalidWildcard(
                        "has a backslash before something else than `*` or a backslash",
                        r"write `\\` for a backslash and `\*` for an asterisk",
                    ),
                )?,
                literal => literal,
            };
            wildcard.rest.last_mut().unwrap_or(&mut wildcard.first).push(literal);
        }
        Ok(wildcard)
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let Some((last, middle)) = self.rest.split_last() else {
            return text == self.first;
        };
        let rest = text.strip_prefix(self.first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        let Some(mut rest) = rest else {
            return false;
        };
        for part in middle {
            let Some((_, behind)) = rest.split_once(part.as_str()) else {
                return false;
            };
            rest = behind;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Wildcard;

    #[test]
    fn texts() {
        for (wildcard, text, matches) in [
            ("dir/*.png", "dir/a.png", true),
            ("dir/*.png", "dir/.png", true),
            ("dir/*.png", "dir/a.jpg", false),
            ("dir/*.png", "dir.png", false),
            ("*", "", true),
            ("*", "ä", true),
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a", "A", false),
            ("a*", "ba", false),
            ("*a", "ab", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*a*b*", "xaxbx", true),
            ("*a*b*", "xbxax", false),
            ("*ab*ab", "abab", true),
            ("*ab*ab", "ab", false),
            ("*ab*ab*", "abxab", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"a\\*", r"a\x", true),
            (r"\**", "*x", true),
            ("*é*", "caféx", true),
        ] {
            assert_eq!(Wildcard::try_parse(wildcard).unwrap().matches(text), matches, "{wildcard} {text}");
        }
    }

    #[test]
    fn what_is_no_wildcard() {
        for text in ["**", "a**", "a***b", r"a\", r"a\b", r"\\\"] {
            assert!(Wildcard::try_parse(text).is_err(), "{text}");
        }
        assert!(Wildcard::try_parse(r"\**").is_ok() && Wildcard::try_parse(r"*\*").is_ok());
    }
}
