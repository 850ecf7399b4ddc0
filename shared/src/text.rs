//! Text that people read, printable and whole; words for a shell and for TOML; and hexadecimal digits.

use std::error::Error;
use std::fmt::Write as _;

/// `text` with what a terminal would act on written as an escape.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        // Unicode's bidirectional controls reorder what is read; they are no `char::is_control`.
        let reorders =
            matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if character.is_control() || reorders {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

/// `1 item`, `2 items`.
pub fn counted(count: impl TryInto<u64>, noun: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// An error and what lies behind it: SDK errors keep the service's own words in their sources.
pub fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let behind = error.to_string();
        if !text.contains(&behind) {
            text = text + ": " + &behind;
        }
        source = error.source();
    }
    text
}

/// `text` as one word for a POSIX shell, quoted if need be.
pub fn shell_quoted(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=+@%,".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// `text` as a TOML string.
pub fn toml_literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => literal.extend(['\\', character]),
            // Writing to a string cannot fail.
            _ if character.is_control() => _ = write!(literal, "\\u{:04x}", u32::from(character)),
            _ => literal.push(character),
        }
    }
    literal.push('"');
    literal
}

/// The bytes in lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.extend(
            [byte >> 4, byte & 0xF].into_iter().filter_map(|digit| char::from_digit(digit.into(), 16)),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        for (text, expected) in [
            ("Größe 東京", "Größe 東京"),
            ("a\u{1b}[31mb\n", "a\\u{1b}[31mb\\n"),
            ("a\u{202e}b\u{2066}c", "a\\u{202e}b\\u{2066}c"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn one_has_no_plural() {
        assert_eq!([0, 1, 2].map(|count| counted(count, "item")), ["0 items", "1 item", "2 items"]);
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Layer(&'static str, #[source] Option<Box<Layer>>);

    #[test]
    fn each_source_is_named_once() {
        let layer = |text, source| Layer(text, Some(Box::new(source)));
        let error = layer("dispatch failure", layer("connection refused", Layer("refused", None)));
        assert_eq!(with_sources(&error), "dispatch failure: connection refused");
    }

    #[test]
    fn text_is_quoted_to_be_one_word_of_a_shell() {
        for (text, expected) in [
            ("AFC", "AFC"),
            ("AP8=", "AP8="),
            ("AFC F5", "'AFC F5'"),
            ("O'Hara $HOME", r"'O'\''Hara $HOME'"),
            ("", "''"),
        ] {
            assert_eq!(shell_quoted(text), expected);
        }
    }
}
