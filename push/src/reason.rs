//! What of a target's words an operator reads: a bounded piece, printable, with nothing in it that is a secret or of an event.

use std::fmt::Write as _;
use std::ops::Range;

use shared::text::printable;

use crate::outcome::WORDS_LIMIT;

/// Values of an event that are shorter than this, in bytes, are no secrets of it: `GBP`, `12`.
const VALUE_LIMIT: usize = 4;

/// Longer ones are recognised by their pieces, in bytes.
const VALUE_MAXIMUM: usize = 64;

/// A piece of an answer is of the event if as many bytes of it, in a row, stand in the event's body.
const RUN_LIMIT: usize = 16;

/// What no reason may have.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hidden<'h> {
    /// Secrets and tokens.
    pub(crate) secrets: &'h [&'h str],
    /// The events' bodies.
    pub(crate) bodies: &'h [&'h str],
}

/// The beginning of `answer`, its first [`WORDS_LIMIT`] bytes, without what is `hidden`; empty if it says nothing.
///
/// Hidden is also what a target repeats in another form: with escapes as JSON has them, however often, or in other letters.
pub(crate) fn words(answer: &[u8], hidden: Hidden<'_>) -> String {
    let text = String::from_utf8_lossy(answer);
    let plain = Plain::of(&text);
    let mut ranges = Vec::new();
    // What is shown, and what may begin in it.
    let near =
        Plain::of(text.get(..text.floor_char_boundary(WORDS_LIMIT + VALUE_MAXIMUM)).unwrap_or_default());
    for secret in hidden.secrets.iter().filter(|secret| !secret.is_empty()) {
        ranges.extend(plain.places(secret));
        // Also a piece of one, where the target or the answer breaks off.
        ranges.extend(near.runs(&Plain::of(secret).text));
    }
    for body in hidden.bodies {
        for value in values(body) {
            ranges.extend(near.places(value));
            let Ok(read) = serde_json::from_str::<String>(&format!("\"{value}\"")) else { continue };
            for form in [ascii(&read), read].iter().filter(|form| form.len() >= VALUE_LIMIT) {
                ranges.extend(near.places(form));
            }
        }
        ranges.extend(near.runs(&Plain::of(body).text));
    }
    ranges.sort_unstable_by_key(|range| range.start);

    let end = text.floor_char_boundary(WORDS_LIMIT);
    let mut shown = String::new();
    let mut at = 0;
    for Range { start, end: hidden_end } in ranges {
        if start >= end {
            break;
        }
        if hidden_end <= at {
            continue;
        }
        // What follows at once is the same piece.
        if start > at || at == 0 {
            shown.push_str(text.get(at..start).unwrap_or_default());
            shown.push('…');
        }
        at = hidden_end;
    }
    shown.push_str(text.get(at..end).unwrap_or_default());
    printable(shown.trim())
}

/// `status`, and what `words` say, if anything.
pub(crate) fn with_words(status: &str, words: &str) -> String {
    if words.is_empty() { status.to_owned() } else { format!("{status}: {words}") }
}

/// A text without backslashes and in small letters, and where each of its bytes was.
struct Plain {
    text: String,
    at: Vec<usize>,
}

impl Plain {
    fn of(text: &str) -> Self {
        let mut plain = Self { text: String::with_capacity(text.len()), at: Vec::with_capacity(text.len()) };
        for (at, character) in text.char_indices().filter(|(_, character)| *character != '\\') {
            plain.text.push(character.to_ascii_lowercase());
            plain.at.extend(at..at + character.len_utf8());
        }
        plain
    }

    /// Where `part` stood.
    fn places(&self, part: &str) -> Vec<Range<usize>> {
        let part = Self::of(part).text;
        let found = self.text.match_indices(&part).filter(|(_, found)| !found.is_empty());
        found.filter_map(|(start, found)| self.range(start, start + found.len())).collect()
    }

    /// Where the pieces of [`RUN_LIMIT`] bytes of what is shown stood that `body`, plain itself, has.
    fn runs(&self, body: &str) -> Vec<Range<usize>> {
        let mut runs = Vec::new();
        for (start, _) in self.text.char_indices().take_while(|(start, _)| *start < WORDS_LIMIT) {
            let end = self.text.ceil_char_boundary(start + RUN_LIMIT);
            let run = self.text.get(start..end).filter(|run| run.len() >= RUN_LIMIT);
            if run.is_some_and(|run| body.contains(run)) {
                runs.extend(self.range(start, end));
            }
        }
        runs
    }

    fn range(&self, start: usize, end: usize) -> Option<Range<usize>> {
        Some(*self.at.get(start)?..self.at.get(end.checked_sub(1)?)? + 1)
    }
}

/// A text as JSON writes it in ASCII: `Zo\u00eb`.
fn ascii(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut units = [0; 2];
    for character in text.chars() {
        if character.is_ascii() {
            written.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut units) {
            // Writing to a string cannot fail.
            _ = write!(written, "\\u{unit:04x}");
        }
    }
    written
}

/// The values of a JSON text that are texts or numbers, as they are written, of [`VALUE_LIMIT`] to [`VALUE_MAXIMUM`] bytes.
/// Names are none: they are the same in all events.
fn values(body: &str) -> Vec<&str> {
    let mut values = Vec::new();
    let mut rest = body;
    while let Some(at) = rest.find(|character: char| character == '"' || character.is_ascii_digit()) {
        let (_, from) = rest.split_at(at);
        if let Some(literal) = from.strip_prefix('"') {
            let length = literal_length(literal);
            let (value, after) = literal.split_at_checked(length).unwrap_or((literal, ""));
            rest = after.strip_prefix('"').unwrap_or_default();
            if rest.trim_start().starts_with(':') {
                continue;
            }
            values.push(value);
        } else {
            let is_of_number = |character: char| character.is_ascii_digit() || "+-.eE".contains(character);
            let length = from.find(|character| !is_of_number(character)).unwrap_or(from.len());
            let (value, after) = from.split_at_checked(length).unwrap_or((from, ""));
            rest = after;
            values.push(value);
        }
    }
    values.retain(|value| (VALUE_LIMIT..=VALUE_MAXIMUM).contains(&value.len()));
    values
}

/// How many bytes it is to the quote that ends a text.
fn literal_length(literal: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in literal.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at,
            _ => {}
        }
    }
    literal.len()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = r#"{"holder":{"name":"Zoë \"Z\" Müller","born":19700101},"city":"Rome","open":true,"note":"a long text that a target may cut anywhere it likes","n":12,"wide":1234567890.10}"#;

    fn check(answer: &str, expected: Expect) {
        let hidden = Hidden { secrets: &["whsec_c2VjcmV0", "token-1"], bodies: &[BODY] };
        expected.assert_eq(&words(answer.as_bytes(), hidden));
    }

    #[test]
    fn a_reason_is_short_printable_and_says_nothing_of_secrets_and_events() {
        check("", expect![""]);
        check("  no such field\n", expect!["no such field"]);
        check("a\u{1b}[31mb\u{0}\u{202e}c", expect![[r#"a\u{1b}[31mb\u{0}\u{202e}c"#]]);
        check("Bearer token-1 is refused, whsec_c2VjcmV0 too", expect!["Bearer … is refused, … too"]);
        check("token-1token-1token-1", expect!["…"]);
        check(r#"{"token":"TOKEN-1"}"#, expect![[r#"{"token":"…"}"#]]);
        check(
            "Rome and 19700101 are wrong, 12 is not; nor is `holder`",
            expect!["… and … are wrong, 12 is not; nor is `holder`"],
        );
        check(r#"name: Zoë "Z" Müller"#, expect!["name: …"]);
        check(r#"name: Zoë \"Z\" Müller, 1234567890.10"#, expect!["name: …, …"]);
        // As Python writes JSON, and JSON in JSON.
        check(r#"{"holder": "Zo\u00eb \"Z\" M\u00FCller"}"#, expect![[r#"{"holder": "…"}"#]]);
        check(
            r#"{"sent":"{\"holder\":{\"name\":\"Zo\\u00eb \\\"Z\\\" M\\u00fcller\"}}"}"#,
            expect![[r#"{"sent":"…\"}}"}"#]],
        );
        check("cut: xt that a target may c…", expect!["cut: ……"]);
        check(BODY, expect!["…"]);
    }

    #[test]
    fn no_more_than_the_beginning_is_shown() {
        let long = "é".repeat(WORDS_LIMIT);
        assert_eq!(words(long.as_bytes(), Hidden::default()).len(), WORDS_LIMIT);
        // What hides shortens what is shown, and brings nothing behind it into sight.
        let answer = format!("{}{}tail", "secret".repeat(40), "x".repeat(10));
        assert_eq!(words(answer.as_bytes(), Hidden { secrets: &["secret"], bodies: &[] }), "…");
        // One that the end cuts.
        let cut = format!("{}secret", "x".repeat(WORDS_LIMIT - 3));
        let shown = words(cut.as_bytes(), Hidden { secrets: &["secret"], bodies: &[] });
        assert_eq!(shown, format!("{}…", "x".repeat(WORDS_LIMIT - 3)));
        assert_eq!(words(b"\xff\xfe", Hidden::default()), "\u{fffd}\u{fffd}");
    }

    proptest! {
        /// Wherever they stand, and whatever stands around them.
        #[test]
        fn neither_a_secret_nor_a_value_is_shown(
            secret in "[a-zA-Z0-9+/=_.-]{8,40}",
            value in "[a-zA-Z0-9é\"\\\\/]{6,80}",
            around in prop::collection::vec(".{0,60}", 3),
            is_escaped: bool,
        ) {
            let body = serde_json::to_string(&[&value]).unwrap();
            let echo = if is_escaped { serde_json::to_string(&body).unwrap() } else { body.clone() };
            let [before, between, after] = [&around[0], &around[1], &around[2]];
            let answer = format!("{before}{secret}{between}{echo}{after}");
            let shown = words(answer.as_bytes(), Hidden { secrets: &[&secret], bodies: &[&body] });
            prop_assert!(!shown.contains(&secret), "{}", shown);
            prop_assert!(!shown.contains(&value), "{}", shown);
        }
    }
}
