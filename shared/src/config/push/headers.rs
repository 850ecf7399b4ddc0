//! A webhook's headers of the team's own.

use toml::Spanned;
use toml::de::DeValue;

use crate::config::findings::Report;
use crate::config::section::{Section, section, wrong_type};
use crate::quoted::quoted;

const SECTION: &str = "client.push.webhook.headers";

/// So that a request's head stays under the 8 KB that most servers take.
const COUNT_LIMIT: usize = 20;
const NAME_LIMIT: usize = 64;
const VALUE_LIMIT: usize = 256;

/// What a request has already: its address, its body's facts, its token, and what is about its connection alone (RFC 9110,
/// 7.6.1).
const TAKEN: [&str; 13] = [
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the names of a request's own headers begin with.
const TAKEN_BEGINNINGS: [&str; 3] = ["content-", "event-", "webhook-"];

/// The headers: names in lower case, sorted. None if something is wrong, which is reported.
pub(super) fn read(
    whose: &str,
    value: Spanned<DeValue<'_>>,
    report: &mut Report<'_>,
) -> Option<Vec<(String, String)>> {
    let mut section = section(SECTION, whose, value, "`{ x-name = \"value\" }`", report)?;
    let entries = section.take_all();
    if entries.len() > COUNT_LIMIT {
        let message = format_args!("{whose}more than {COUNT_LIMIT} headers; delete some");
        report.add(section.at, SECTION, message);
        return None;
    }
    let mut headers: Vec<(String, String)> = Vec::with_capacity(entries.len());
    let mut is_right = true;
    for (key, value) in entries {
        let at = key.span().start;
        let name = key.get_ref().to_ascii_lowercase();
        let found = check_name(&name, &headers).and_then(|()| check_value(value));
        match found {
            Ok(value) => headers.push((name, value)),
            Err(problem) => {
                report_header(&section, at, &name, &problem, report);
                is_right = false;
            }
        }
    }
    headers.sort();
    is_right.then_some(headers)
}

/// A value is never repeated: it may be a key.
fn report_header(section: &Section<'_>, at: usize, name: &str, problem: &str, report: &mut Report<'_>) {
    report.add(at, SECTION, format_args!("{}{} {problem}", section.whose, quoted(name)));
}

/// A token (RFC 9110, 5.6.2) that no other header of the request has.
fn check_name(name: &str, before: &[(String, String)]) -> Result<(), String> {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=NAME_LIMIT).contains(&name.len()) || !name.bytes().all(is_legal) {
        return Err(format!("is not a header's name; use up to {NAME_LIMIT} letters, digits and hyphens"));
    }
    if TAKEN.contains(&name) || TAKEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)) {
        let remedy = match name {
            "authorization" => "use `oauth`, or verify the signature",
            _ => "choose another name",
        };
        return Err(format!(
            "is a header that the function sets itself, or that belongs to the connection; {remedy}"
        ));
    }
    if before.iter().any(|(other, _)| other == name) {
        return Err("is there twice, and case makes no difference; delete one of the two".to_owned());
    }
    Ok(())
}

/// Visible ASCII, with spaces inside (RFC 9110, 5.5).
fn check_value(value: Spanned<DeValue<'_>>) -> Result<String, String> {
    let text = match value.into_inner() {
        DeValue::String(text) => text,
        other => return Err(wrong_type(&other, "text in quotes")),
    };
    let is_legal = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if !(1..=VALUE_LIMIT).contains(&text.len()) || !is_legal || text.trim() != text {
        return Err(format!(
            "has no header's value; use up to {VALUE_LIMIT} characters of ASCII, without spaces at the ends"
        ));
    }
    Ok(text.into_owned())
}
