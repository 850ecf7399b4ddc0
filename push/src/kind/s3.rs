//! A bucket: an object for each event, under a key that follows from the event, written only if it isn't there. So an event
//! that comes again changes nothing.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use shared::clock::Clock;
use shared::config::S3Target;
use shared::exchange::{ANSWER_LIMIT, Answer, Exchange, Place, Request};
use shared::ids::{IncarnationToken, ReplayId};
use shared::time::Timestamp;

use super::{Home, Target, of_no_answer};
use crate::deadline::Deadline;
use crate::encoding::{header_value, percent_encoded};
use crate::event::Event;
use crate::fault::{self, element, elements};
use crate::outcome::{Failure, FailureKind};
use crate::reason::Hidden;

/// The most bytes of a key ("Naming Amazon S3 objects").
const KEY_LIMIT: usize = 1_024;

/// How much of a list of objects is read, in bytes: a hundred objects, or more. What is cut is listed again.
const LIST_LIMIT: usize = 131_072;

/// The most objects that a list has, and that one request deletes (`DeleteObjects`: 1,000).
const LIST_LENGTH: usize = 200;

/// What an event without an incarnation has in its place.
const NO_INCARNATION: &str = "-";

/// What says that there is no such bucket.
const GONE: &[&str] = &["NoSuchBucket"];

impl<X: Exchange, C: Clock> Target<X, C> {
    /// Delivers an event; or, of a notice, deletes the objects of the group.
    pub(super) async fn s3(
        &self,
        target: &S3Target,
        event: &Event<'_>,
        deadline: Deadline,
    ) -> Result<Option<String>, Failure> {
        match event.erased {
            Some(_) if target.deletes_erased => self.delete_group(target, event, deadline).await?,
            Some(_) => {}
            None => {
                let request = put(target, &self.home, event)?;
                let answer = self.ask(&request, deadline).await.map_err(|error| of_no_answer(&error))?;
                put_outcome(&answer, event, self.clock.now()).map_or(Ok(()), Err)?;
            }
        }
        Ok(None)
    }

    /// Deletes what the bucket has of the group, page by page. What the time doesn't suffice for is deleted when the notice
    /// comes again.
    ///
    /// All incarnations: the notice comes behind the events of its own, and before those of a later one.
    async fn delete_group(
        &self,
        target: &S3Target,
        event: &Event<'_>,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        let hidden = Hidden { secrets: &[], bodies: &[event.body] };
        loop {
            let answer = self.ask(&list(target, &self.home, event), deadline).await;
            let answer = answer.map_err(|error| of_no_answer(&error))?;
            if !answer.is_success() {
                return Err(fault::failure(&answer, GONE, hidden, self.clock.now()));
            }
            // Whatever is listed: nothing of another group is deleted.
            let of_group = folder(target, event);
            let keys: Vec<String> =
                listed(&answer.body)?.into_iter().filter(|key| key.starts_with(&of_group)).collect();
            if keys.is_empty() {
                return Ok(());
            }
            let answer = self.ask(&delete(target, &self.home, &keys), deadline).await;
            let answer = answer.map_err(|error| of_no_answer(&error))?;
            delete_outcome(&answer, self.clock.now()).map_or(Ok(()), Err)?;
        }
    }
}

/// # Errors
///
/// The key is longer than S3 takes.
fn put(target: &S3Target, home: &Home, event: &Event<'_>) -> Result<Request, Failure> {
    let key = key(target, event);
    if key.len() > KEY_LIMIT {
        let reason = format!("the object's key would have {} bytes, and S3 takes {KEY_LIMIT}", key.len());
        return Err(Failure::new(FailureKind::Event, "KeyTooLongError", reason));
    }
    let message = &event.message;
    let checksum = STANDARD.encode(Sha256::digest(event.body));
    let encryption = target.kms_key.as_ref();
    let headers = [
        ("content-type", Some("application/json".to_owned())),
        ("if-none-match", Some("*".to_owned())),
        ("x-amz-checksum-sha256", Some(checksum)),
        ("x-amz-expected-bucket-owner", Some(owner(target, home))),
        ("x-amz-server-side-encryption", encryption.map(|_| "aws:kms".to_owned())),
        ("x-amz-server-side-encryption-aws-kms-key-id", encryption.cloned()),
        ("x-amz-meta-event-id", Some(header_value(event.id))),
        ("x-amz-meta-event-group", Some(event.group.as_str().to_owned())),
        ("x-amz-meta-event-version", Some(message.version.to_string())),
        ("x-amz-meta-event-previous-version", message.previous_version.map(|version| version.to_string())),
        (
            "x-amz-meta-event-incarnation",
            message.incarnation.as_ref().map(IncarnationToken::as_str).map(str::to_owned),
        ),
        ("x-amz-meta-event-replay", message.replay.as_ref().map(ReplayId::as_str).map(str::to_owned)),
        ("x-amz-meta-event-name", event.name.map(header_value)),
        ("x-amz-meta-event-time", event.time.map(header_value)),
    ];
    let headers = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Ok(Request {
        method: "PUT",
        place: place(home, format!("/{}/{}", target.bucket, percent_encoded(&key, b"/"))),
        headers: headers.collect(),
        body: event.body.as_bytes().to_vec(),
        answer_limit: ANSWER_LIMIT,
    })
}

/// `prefix/<group>/<incarnation>/<version, 20 digits>-<event id>.json`. Keys sort as versions do.
fn key(target: &S3Target, event: &Event<'_>) -> String {
    let incarnation = event.message.incarnation.as_ref().map_or(NO_INCARNATION, IncarnationToken::as_str);
    let version = event.message.version;
    format!("{}{incarnation}/{version:020}-{}.json", folder(target, event), percent_encoded(event.id, b""))
}

/// What the keys of a group's objects begin with.
fn folder(target: &S3Target, event: &Event<'_>) -> String {
    let group = percent_encoded(event.group.as_str(), b"");
    if target.prefix.is_empty() { format!("{group}/") } else { format!("{}/{group}/", target.prefix) }
}

fn list(target: &S3Target, home: &Home, event: &Event<'_>) -> Request {
    // Sorted, as signatures have them.
    let prefix = percent_encoded(&folder(target, event), b"");
    let query = format!("encoding-type=url&list-type=2&max-keys={LIST_LENGTH}&prefix={prefix}");
    Request {
        method: "GET",
        place: place(home, format!("/{}?{query}", target.bucket)),
        headers: vec![("x-amz-expected-bucket-owner".to_owned(), owner(target, home))],
        body: Vec::new(),
        answer_limit: LIST_LIMIT,
    }
}

/// The keys in a list, or in as much of it as was read. They are of folders that we named: letters, digits, `-._~%/` and
/// what the prefix has.
fn listed(xml: &[u8]) -> Result<Vec<String>, Failure> {
    let unreadable = || {
        let reason = "the list of the group's objects can't be read".to_owned();
        Failure::new(FailureKind::Transient, "no list", reason)
    };
    let xml = String::from_utf8_lossy(xml);
    let keys: Option<Vec<String>> = elements(&xml, "Key").map(|key| decoded(&key)).collect();
    let keys = keys.ok_or_else(unreadable)?;
    let is_empty = || element(&xml, "KeyCount").is_some_and(|count| count == "0");
    if keys.is_empty() && !is_empty() { Err(unreadable()) } else { Ok(keys) }
}

fn delete(target: &S3Target, home: &Home, keys: &[String]) -> Request {
    let mut body =
        String::from("<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>");
    for key in keys {
        // Writing to a string cannot fail.
        _ = write!(body, "<Object><Key>{}</Key></Object>", escaped(key));
    }
    body.push_str("</Delete>");
    let checksum = STANDARD.encode(Sha256::digest(&body));
    Request {
        method: "POST",
        place: place(home, format!("/{}?delete=", target.bucket)),
        headers: vec![
            ("content-type".to_owned(), "application/xml".to_owned()),
            ("x-amz-checksum-sha256".to_owned(), checksum),
            ("x-amz-expected-bucket-owner".to_owned(), owner(target, home)),
        ],
        body: body.into_bytes(),
        answer_limit: ANSWER_LIMIT,
    }
}

fn place(home: &Home, path_and_query: String) -> Place {
    Place::Aws { service: "s3", region: home.region.clone(), path_and_query }
}

fn owner(target: &S3Target, home: &Home) -> String {
    target.account.clone().unwrap_or_else(|| home.account.clone())
}

/// That the object is there already is what was wanted.
fn put_outcome(answer: &Answer, event: &Event<'_>, now: Timestamp) -> Option<Failure> {
    let hidden = Hidden { secrets: &[], bodies: &[event.body] };
    let is_done = answer.is_success() || answer.status == 412;
    (!is_done).then(|| fault::failure(answer, GONE, hidden, now))
}

/// Inside a 200 there may be an error of each object; the first one counts.
fn delete_outcome(answer: &Answer, now: Timestamp) -> Option<Failure> {
    if !answer.is_success() {
        return Some(fault::failure(answer, GONE, Hidden::default(), now));
    }
    let xml = String::from_utf8_lossy(&answer.body);
    let code = element(&xml, "Code")?;
    let fault = fault::Fault::of_entry(&code, &element(&xml, "Message").unwrap_or_default());
    Some(fault.failure(answer.status, GONE, Hidden::default()))
}

/// `text` with each `%XX` decoded, and `+` as a space: as lists have keys with `encoding-type=url`.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(byte, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn escaped(text: &str) -> String {
    let pairs = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\r", "&#13;"), ("\n", "&#10;")];
    pairs.iter().fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity))
}

#[cfg(test)]
mod tests;
