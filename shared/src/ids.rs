//! The ids of the pipeline: an aggregate's key, its group, an event's deduplication id, a replay's id.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::quoted::quoted;
use crate::text::hex;

/// The most characters of a `MessageGroupId` and of a `MessageDeduplicationId` (SQS quotas).
pub const ID_LIMIT: usize = 128;

/// The most characters of a replay's id: a UUID fits.
const REPLAY_LIMIT: usize = 40;

/// The digits of an incarnation's token.
const TOKEN_LENGTH: usize = 16;

/// How much of a key that is too long its group shows: what `~h`, 64 digits and `~` leave.
const BEGINNING: usize = ID_LIMIT - 67;

/// The value of a key attribute of a DynamoDB table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A string.
    S(String),
    /// A number, as DynamoDB writes it: the same number is always written the same way.
    N(String),
    /// Bytes.
    B(Vec<u8>),
}

/// A `MessageGroupId`: 1 to [`ID_LIMIT`] letters, digits and ASCII punctuation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(String);

/// A `MessageDeduplicationId`: 1 to [`ID_LIMIT`] letters, digits and ASCII punctuation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeduplicationId(String);

/// What tells an event from every other of its aggregate.
///
/// Where `[source] id` names none, a sort key must be used once: two events that had it one after the other are the
/// same event then.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventIdentity {
    /// The sort key of the event's item.
    pub sort: Key,
    /// The event's own id, as its messages have it; none if `[source] id` names none, or it can't be read.
    pub id: Option<String>,
}

/// What tells an incarnation of an aggregate from its others: 16 hexadecimal digits, which every message to a client
/// has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IncarnationToken(String);

/// Text that is not the token of an incarnation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 16 hexadecimal digits")]
pub struct InvalidToken;

/// What tells one replay from others: 1 to 40 letters, digits and `-`.
///
/// A message that is sent twice in the same replay is a duplicate; in two replays it is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ReplayId(String);

/// Text that is not a replay's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is not a replay's id; use 1 to {REPLAY_LIMIT} letters, digits and `-`", quoted(.0))]
pub struct InvalidReplayId(String);

/// Text that is not a legal `MessageGroupId` or `MessageDeduplicationId`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 1 to {ID_LIMIT} letters, digits and ASCII punctuation, but {length} bytes")]
pub struct IllegalId {
    length: usize,
}

impl Group {
    /// Encodes an aggregate's key, so that different keys have different groups.
    ///
    /// A string stays as it is but for characters that SQS refuses, `%` and `~`, each byte of which becomes `%XX`.
    /// A number begins with `~n`, bytes (base64) with `~b`. What would be too long is `~h`, a SHA-256 digest, `~` and
    /// its own beginning.
    pub fn of(key: &Key) -> Self {
        let readable = match key {
            // No table has an empty key; the digest makes even this one legal.
            Key::S(text) | Key::N(text) if text.is_empty() => String::new(),
            Key::S(text) => percent_encoded(text),
            Key::N(number) => format!("~n{}", percent_encoded(number)),
            Key::B(bytes) => format!("~b{}", URL_SAFE_NO_PAD.encode(bytes)),
        };
        if is_legal(&readable) {
            return Self(readable);
        }
        let beginning = readable.get(..BEGINNING).unwrap_or_default();
        Self(format!("~h{}~{beginning}", digest(key.tag(), &[key.as_bytes()])))
    }

    /// The key whose group this is, if the group shows it whole.
    pub fn key(&self) -> Option<Key> {
        let key = if let Some(bytes) = self.0.strip_prefix("~b") {
            Key::B(URL_SAFE_NO_PAD.decode(bytes).ok()?)
        } else if let Some(number) = self.0.strip_prefix("~n") {
            Key::N(percent_decoded(number)?)
        } else {
            Key::S(percent_decoded(&self.0)?)
        };
        (Self::of(&key) == *self).then_some(key)
    }

    /// The same, if the key is a string.
    pub fn text_key(&self) -> Option<Key> {
        self.key().filter(|key| matches!(key, Key::S(_)))
    }

    /// The group of rejections of records whose aggregate cannot be read; [`Group::of`] yields no such group.
    pub fn of_the_unreadable() -> Self {
        Self("~rejected".to_owned())
    }

    /// A group as a queue delivers it.
    ///
    /// # Errors
    ///
    /// [`IllegalId`] if SQS could not have accepted it.
    pub fn try_from_sqs(text: &str) -> Result<Self, IllegalId> {
        checked(text).map(Self)
    }

    /// The `MessageGroupId`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl DeduplicationId {
    /// The id of an event on the fan-out queue, the same wherever its item is read: a digest of its aggregate's key and
    /// its identity.
    pub fn of_event(partition: &Key, identity: &EventIdentity) -> Self {
        Self(digest(b'i', &identity.parts(partition, &identity.tags(partition))))
    }

    /// The id of this event in clients' queues: another in each incarnation, so that SQS does not take an event of one
    /// for an event of another.
    pub fn in_incarnation(&self, token: &IncarnationToken) -> Self {
        Self(digest(b'n', &[self.0.as_bytes(), token.0.as_bytes()]))
    }

    /// The id of what a record is about, by the record's own id, such as its `eventID`.
    pub fn of_stream_record(event_id: &str) -> Self {
        if is_legal(event_id) {
            Self(event_id.to_owned())
        } else {
            Self(digest(b'r', &[event_id.as_bytes()]))
        }
    }

    /// The id of the notice that an incarnation of an aggregate was erased.
    pub fn of_erasure(partition: &Key, incarnation: &IncarnationToken) -> Self {
        Self(digest(b'x', &[&[partition.tag()], partition.as_bytes(), incarnation.0.as_bytes(), b"erased"]))
    }

    /// The id of a hint about an aggregate, which follows from `cause`.
    pub fn of_hint(partition: &Key, cause: &str) -> Self {
        Self(digest(b'h', &[&[partition.tag()], partition.as_bytes(), cause.as_bytes()]))
    }

    /// The id of what follows from this message in another role, `role`.
    pub fn derived(&self, role: &str) -> Self {
        Self(digest(b'd', &[self.0.as_bytes(), role.as_bytes()]))
    }

    /// The id of this message when it is sent again in a replay.
    pub fn replayed(&self, replay: &ReplayId) -> Self {
        Self(digest(b'p', &[self.0.as_bytes(), replay.0.as_bytes()]))
    }

    /// An id as a queue delivers it.
    ///
    /// # Errors
    ///
    /// [`IllegalId`] if SQS could not have accepted it.
    pub fn try_from_sqs(text: &str) -> Result<Self, IllegalId> {
        checked(text).map(Self)
    }

    /// The `MessageDeduplicationId`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Of an event without an id of its own.
impl From<Key> for EventIdentity {
    fn from(sort: Key) -> Self {
        Self { sort, id: None }
    }
}

impl EventIdentity {
    /// What a digest is made of: no two events of a table have the same.
    fn parts<'p>(&'p self, partition: &'p Key, tags: &'p [u8; 2]) -> Vec<&'p [u8]> {
        let mut parts: Vec<&[u8]> = vec![tags, partition.as_bytes(), self.sort.as_bytes()];
        parts.extend(self.id.as_ref().map(String::as_bytes));
        parts
    }

    /// Of which types the keys are.
    fn tags(&self, partition: &Key) -> [u8; 2] {
        [partition.tag(), self.sort.tag()]
    }
}

impl IncarnationToken {
    /// The token of an incarnation whose lowest event is `first`: the same after the loss of the ledger, as long as
    /// that event is there. If it is the one of the incarnation before, `previous`, the token of `number` is another.
    pub fn new(partition: &Key, first: &EventIdentity, number: u64, previous: Option<&Self>) -> Self {
        let tags = first.tags(partition);
        let mut parts = first.parts(partition, &tags);
        let token = Self::of(&parts);
        if previous != Some(&token) {
            return token;
        }
        let number = number.to_be_bytes();
        parts.push(&number);
        Self::of(&parts)
    }

    fn of(parts: &[&[u8]]) -> Self {
        let mut token = digest(b't', parts);
        token.truncate(TOKEN_LENGTH);
        Self(token)
    }

    /// A token as the ledger has it.
    ///
    /// # Errors
    ///
    /// [`InvalidToken`] if it is none.
    pub fn try_new(text: &str) -> Result<Self, InvalidToken> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_token = text.len() == TOKEN_LENGTH && text.bytes().all(is_digit);
        if is_token { Ok(Self(text.to_owned())) } else { Err(InvalidToken) }
    }

    /// The token as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ReplayId {
    /// A replay's id from `text`.
    ///
    /// # Errors
    ///
    /// [`InvalidReplayId`] unless `text` is 1 to 40 letters, digits and `-`, all ASCII.
    pub fn try_new(text: &str) -> Result<Self, InvalidReplayId> {
        let is_id = (1..=REPLAY_LIMIT).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_id { Ok(Self(text.to_owned())) } else { Err(InvalidReplayId(text.to_owned())) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Key {
    /// The value's bytes: the text of a string or number, or the bytes.
    fn as_bytes(&self) -> &[u8] {
        match self {
            Key::S(text) | Key::N(text) => text.as_bytes(),
            Key::B(bytes) => bytes,
        }
    }

    /// Whether it has no bytes. DynamoDB keeps no such key.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    fn tag(&self) -> u8 {
        match self {
            Key::S(_) => b'S',
            Key::N(_) => b'N',
            Key::B(_) => b'B',
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for DeduplicationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for ReplayId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn checked(text: &str) -> Result<String, IllegalId> {
    if is_legal(text) { Ok(text.to_owned()) } else { Err(IllegalId { length: text.len() }) }
}

fn is_legal(text: &str) -> bool {
    (1..=ID_LIMIT).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `text` with each `%XX` decoded.
fn percent_decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(byte, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// `text` with `%XX` for each byte that SQS refuses or that the encoding uses itself.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && byte != b'%' && byte != b'~' {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            push_hex(&mut encoded, byte);
        }
    }
    encoded
}

/// A hexadecimal SHA-256 of `parts`, no two lists of which are hashed alike; `kind` separates the uses.
pub(crate) fn digest(kind: u8, parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update([kind]);
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 0xF] {
        text.extend(char::from_digit(u32::from(digit), 16).map(|digit| digit.to_ascii_uppercase()));
    }
}

#[cfg(test)]
mod tests;
