//! Foreign text in messages: printable, and not too long.

use std::fmt::{self, Write as _};

/// The most characters of a foreign text that a finding repeats.
const QUOTED_LIMIT: usize = 120;

/// `text` in backticks, printable and not too long.
pub(crate) fn quoted(text: &str) -> impl fmt::Display {
    Printable { text, quote: "`" }
}

/// `text`, printable and not too long.
pub(crate) fn printable(text: &str) -> impl fmt::Display {
    Printable { text, quote: "" }
}

struct Printable<'a> {
    text: &'a str,
    quote: &'static str,
}

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text.chars();
        formatter.write_str(self.quote)?;
        for character in rest.by_ref().take(QUOTED_LIMIT) {
            match character {
                '"' | '\'' => formatter.write_char(character)?,
                // Escapes whatever is not seen as it is: control characters, but also those that reorder text.
                _ => write!(formatter, "{}", character.escape_debug())?,
            }
        }
        if rest.next().is_some() {
            formatter.write_char('…')?;
        }
        formatter.write_str(self.quote)
    }
}
