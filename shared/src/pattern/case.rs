//! Text without regard to case: character by character, as Java's `equalsIgnoreCase`, so that nothing changes length.
//!
//! `ß` is not `SS`; `K` (Kelvin) is `k`; `ς` is `σ`.

/// A text whose case does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caseless(Vec<char>);

impl Caseless {
    pub(super) fn new(text: &str) -> Self {
        Self(text.chars().map(folded).collect())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.0.iter().copied().eq(text.chars().map(folded))
    }

    pub(super) fn begins(&self, text: &str) -> bool {
        let mut characters = text.chars().map(folded);
        self.0.iter().all(|character| characters.next() == Some(*character))
    }

    pub(super) fn ends(&self, text: &str) -> bool {
        let mut characters = text.chars().rev().map(folded);
        self.0.iter().rev().all(|character| characters.next() == Some(*character))
    }
}

/// One character for all of its cases.
fn folded(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_lowercase();
    }
    let upper = single(character.to_uppercase(), character);
    single(upper.to_lowercase(), upper)
}

/// The only one of `characters`, or `otherwise`.
fn single(mut characters: impl Iterator<Item = char>, otherwise: char) -> char {
    match (characters.next(), characters.next()) {
        (Some(character), None) => character,
        _ => otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::Caseless;

    #[test]
    fn case_is_that_of_single_characters() {
        for (left, right, same) in [
            ("Alice", "aLICE", true),
            ("ÄÖÜ", "äöü", true),
            ("ΟΔΟΣ", "οδος", true),
            ("\u{212a}", "k", true),
            ("ß", "SS", false),
            ("İ", "i", false),
            ("a", "ab", false),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Caseless::new(left).is(right), same, "{left} {right}");
            assert_eq!(Caseless::new(right).is(left), same, "{right} {left}");
        }
    }

    #[test]
    fn beginnings_and_ends() {
        assert!(Caseless::new("EVENTb").begins("eventBridge"));
        assert!(Caseless::new("tBridge").ends("EVENTBRIDGE"));
        assert!(Caseless::new("").begins("a") && Caseless::new("").ends(""));
        assert!(!Caseless::new("ab").begins("a") && !Caseless::new("ab").ends("b"));
    }
}
