//! Writes values as JSON, sorts what has no order of its own, and takes the wanted values along.
//!
//! Every source of items ends here, so that one item has one text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::number::{Decimal, is_number};
use super::text::Text;
use super::{DEPTH_LIMIT, Fault, Field, Image, ImageError, Node, Scalar, Type, WantedPaths};

/// How much of a name an error shows, in characters. DynamoDB's names have up to 65,535 bytes.
const SHOWN: usize = 64;

/// Room for the members of an ordinary item, so that it is asked for once.
const MEMBERS: usize = 32;

/// One item on its way to JSON. `'w` is the lifetime of the wanted paths, `'v` that of the names.
pub struct Writer<'w, 'v> {
    json: Vec<u8>,
    fields: Vec<Field<'v>>,
    /// The wanted values at and below the value that is written next.
    here: Option<&'w Node>,
    depth: usize,
    /// The way to what failed, from the inside outwards.
    trail: Vec<Step<'v>>,
    /// The members so far of all maps around the value that is written next, the outermost map's first.
    members: Vec<Member<'v>>,
    /// Room that is used again.
    unsorted: Vec<u8>,
    bytes: Vec<u8>,
}

/// A map that is being written.
pub struct Map<'w> {
    node: Option<&'w Node>,
    /// Where its first entry begins in the JSON.
    start: usize,
    /// The index of its first member.
    first: usize,
}

/// A list that is being written.
pub struct List {
    length: usize,
}

struct Member<'v> {
    name: Cow<'v, [u8]>,
    /// What the name begins with. Compared first: it nearly always decides, and costs no look at the name.
    beginning: u64,
    /// Where name and value are in the JSON.
    text: Range<usize>,
}

enum Step<'v> {
    Name(Cow<'v, [u8]>),
    Index(usize),
}

impl<'w, 'v> Writer<'w, 'v> {
    /// Begins an item that will have about `capacity` bytes.
    pub fn new(wanted: &'w WantedPaths, capacity: usize) -> Self {
        Self {
            json: Vec::with_capacity(capacity),
            fields: vec![Field::Absent; wanted.count],
            here: Some(&wanted.root),
            depth: 0,
            trail: Vec::new(),
            members: Vec::with_capacity(MEMBERS),
            unsorted: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// The item, or the error of a writer that failed with a fault.
    pub fn finish(self, written: Result<(), Fault>) -> Result<Image<'v>, ImageError> {
        // Once for all strings, which lie between ASCII characters: that is cheaper than each by itself.
        match written.and_then(|()| String::from_utf8(self.json).map_err(|_| Fault::Malformed)) {
            Ok(json) => Ok(Image { json, fields: self.fields }),
            Err(fault) => Err(ImageError { path: path(&self.trail), fault }),
        }
    }

    /// Begins a map: [`entry`](Self::entry) follows for each of its entries, then [`end_map`](Self::end_map).
    pub fn begin_map(&mut self) -> Result<Map<'w>, Fault> {
        self.descend(Type::M)?;
        self.json.push(b'{');
        Ok(Map { node: self.here, start: self.json.len(), first: self.members.len() })
    }

    /// Writes an entry, whose value `value` writes.
    #[inline]
    pub fn entry<E>(
        &mut self,
        map: &mut Map<'w>,
        name: Text<'v>,
        value: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.members.len() > map.first {
            self.json.push(b',');
        }
        let start = self.json.len();
        name.push_to(&mut self.json);
        self.json.push(b':');
        let name = name.into_value();
        self.here = map.node.and_then(|node| node.child(&name));
        if let Err(error) = value(self) {
            self.trail.push(Step::Name(name));
            return Err(error);
        }
        self.members.push(Member { beginning: beginning(&name), name, text: start..self.json.len() });
        Ok(())
    }

    /// Ends a map, and sorts its entries by their names.
    pub fn end_map(&mut self, map: Map<'w>) -> Result<(), Fault> {
        let members = self.members.get_mut(map.first..).unwrap_or_default();
        if !members.is_sorted_by(|left, right| left.by_name(right).is_lt()) {
            members.sort_unstable_by(Member::by_name);
            if let Some((repeated, _)) = neighbours(members).find(|(left, right)| left.name == right.name) {
                self.trail.push(Step::Name(repeated.name.clone()));
                return Err(Fault::RepeatedName);
            }
            reorder(&mut self.json, map.start, members, &mut self.unsorted);
        }
        self.members.truncate(map.first);
        self.json.push(b'}');
        self.depth -= 1;
        Ok(())
    }

    /// Begins a list: [`item`](Self::item) follows for each of its items, then [`end_list`](Self::end_list).
    pub fn begin_list(&mut self) -> Result<List, Fault> {
        self.descend(Type::L)?;
        self.json.push(b'[');
        Ok(List { length: 0 })
    }

    /// Writes an item, which `value` writes.
    pub fn item<E>(
        &mut self,
        list: &mut List,
        value: impl FnOnce(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        if list.length > 0 {
            self.json.push(b',');
        }
        self.here = None;
        value(self).inspect_err(|_| self.trail.push(Step::Index(list.length)))?;
        list.length += 1;
        Ok(())
    }

    /// Ends the list that was begun last.
    pub fn end_list(&mut self) {
        self.json.push(b']');
        self.depth -= 1;
    }

    /// Writes a string.
    #[inline]
    pub fn string(&mut self, text: &Text<'v>) -> Result<(), Fault> {
        self.take(|| Ok(Field::Scalar(Scalar::S(text.clone().try_into_str()?))))?;
        text.push_to(&mut self.json);
        Ok(())
    }

    /// Writes a number in its own digits.
    pub fn number(&mut self, text: &Text<'v>) -> Result<(), Fault> {
        let digits = text.as_value();
        if !is_number(&digits) {
            return Err(Fault::Number);
        }
        self.take(|| Ok(Field::Scalar(Scalar::N(text.clone().try_into_str()?))))?;
        self.json.extend_from_slice(&digits);
        Ok(())
    }

    /// Writes bytes, given as standard base64.
    pub fn binary(&mut self, base64: &[u8]) -> Result<(), Fault> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        STANDARD.decode_vec(base64, &mut bytes).map_err(|_| Fault::Base64)?;
        self.take(|| Ok(Field::Scalar(Scalar::B(bytes.clone()))))?;
        self.bytes = bytes;
        push_base64(&mut self.json, base64);
        Ok(())
    }

    /// Writes `true` or `false`.
    pub fn boolean(&mut self, value: bool) -> Result<(), Fault> {
        self.take(|| Ok(Field::Other(Type::Bool)))?;
        self.json.extend_from_slice(if value { b"true".as_slice() } else { b"false" });
        Ok(())
    }

    /// Writes null; `value` is `true`, or DynamoDB did not write it.
    pub fn null(&mut self, value: bool) -> Result<(), Fault> {
        if !value {
            return Err(Fault::WrongValue(Type::Null, "`false`"));
        }
        self.take(|| Ok(Field::Other(Type::Null)))?;
        self.json.extend_from_slice(b"null");
        Ok(())
    }

    /// Writes a set of strings, sorted bytewise.
    pub fn string_set(&mut self, members: Vec<Text<'_>>) -> Result<(), Fault> {
        self.set(
            Type::Ss,
            members,
            |left, right| left.as_value().cmp(&right.as_value()),
            |json, text| text.push_to(json),
        )
    }

    /// Writes a set of numbers, sorted by value.
    pub fn number_set(&mut self, members: Vec<Text<'_>>) -> Result<(), Fault> {
        let mut numbers = Vec::with_capacity(members.len());
        for text in members {
            let value = Decimal::try_parse(&text.as_value()).ok_or(Fault::Number)?;
            numbers.push((value, text));
        }
        self.set(
            Type::Ns,
            numbers,
            |left, right| left.0.cmp(&right.0),
            |json, (_, text)| json.extend_from_slice(&text.as_value()),
        )
    }

    /// Writes a set of byte strings, given as standard base64.
    pub fn binary_set(&mut self, members: Vec<Text<'_>>) -> Result<(), Fault> {
        let mut binaries = Vec::with_capacity(members.len());
        for base64 in members {
            let bytes = STANDARD.decode(&*base64.as_value()).map_err(|_| Fault::Base64)?;
            binaries.push((bytes, base64));
        }
        self.set(
            Type::Bs,
            binaries,
            |left, right| left.0.cmp(&right.0),
            |json, (_, text)| push_base64(json, &text.as_value()),
        )
    }

    fn set<T>(
        &mut self,
        kind: Type,
        mut members: Vec<T>,
        order: impl Fn(&T, &T) -> Ordering,
        push: impl Fn(&mut Vec<u8>, &T),
    ) -> Result<(), Fault> {
        members.sort_unstable_by(&order);
        if neighbours(&members).any(|(left, right)| order(left, right).is_eq()) {
            return Err(Fault::RepeatedMember);
        }
        self.take(|| Ok(Field::Other(kind)))?;
        self.json.push(b'[');
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                self.json.push(b',');
            }
            push(&mut self.json, member);
        }
        self.json.push(b']');
        Ok(())
    }

    fn descend(&mut self, kind: Type) -> Result<(), Fault> {
        if self.depth == DEPTH_LIMIT {
            return Err(Fault::Depth);
        }
        self.depth += 1;
        self.take(|| Ok(Field::Other(kind)))
    }

    /// Keeps the value that is being written, if it is wanted.
    #[inline]
    fn take(&mut self, field: impl FnOnce() -> Result<Field<'v>, Fault>) -> Result<(), Fault> {
        match self.here {
            Some(node) if !node.fields.is_empty() => self.keep(node, field),
            _ => Ok(()),
        }
    }

    /// Apart, because it is rare: writing a value is short enough to be inlined without it.
    #[cold]
    #[inline(never)]
    fn keep(&mut self, node: &Node, field: impl FnOnce() -> Result<Field<'v>, Fault>) -> Result<(), Fault> {
        let field = field()?;
        for &index in &node.fields {
            if let Some(slot) = self.fields.get_mut(index) {
                slot.clone_from(&field);
            }
        }
        Ok(())
    }
}

impl Member<'_> {
    #[inline]
    fn by_name(&self, other: &Self) -> Ordering {
        self.beginning.cmp(&other.beginning).then_with(|| self.name.cmp(&other.name))
    }
}

/// The first eight of `bytes` as a number that compares as they do; bytes that are missing are zero.
#[inline]
fn beginning(bytes: &[u8]) -> u64 {
    let missing = 8 * 8_usize.saturating_sub(bytes.len());
    match (bytes.first_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(bytes), _, _) => u64::from_be_bytes(*bytes),
        // The two overlap, and agree where they do.
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << 32 | u64::from(u32::from_be_bytes(*last)) << missing
        }
        _ => bytes.iter().rev().fold(0, |number, &byte| number >> 8 | u64::from(byte) << 56),
    }
}

/// Puts the entries of a map, which fill `json` from `start`, into the order of `members`, by way of `unsorted`.
fn reorder(json: &mut Vec<u8>, start: usize, members: &[Member<'_>], unsorted: &mut Vec<u8>) {
    let end = json.len();
    unsorted.clear();
    // Asked for once: the maps around this one are longer.
    unsorted.reserve(json.capacity());
    unsorted.extend_from_slice(json.get(start..).unwrap_or_default());
    json.truncate(start);
    for member in members {
        if json.len() > start {
            json.push(b',');
        }
        let place = member.text.start - start..member.text.end - start;
        json.extend_from_slice(unsorted.get(place).unwrap_or_default());
    }
    debug_assert_eq!(json.len(), end);
}

/// The names of a table's attributes are its design; those inside of them can be data (a map by e-mail address).
fn path(trail: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in trail.iter().rev() {
        match step {
            Step::Name(name) if path.is_empty() => path.push_str(&excerpt(name)),
            Step::Name(_) => path.push_str(".*"),
            // Writing to a string cannot fail.
            Step::Index(index) => _ = write!(path, "[{index}]"),
        }
    }
    path
}

/// `text`, short enough for a log line and in printable characters.
pub(super) fn excerpt(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut excerpt = text.chars().take(SHOWN).flat_map(char::escape_debug).collect::<String>();
    if text.chars().nth(SHOWN).is_some() {
        excerpt.push('…');
    }
    excerpt
}

fn push_base64(json: &mut Vec<u8>, base64: &[u8]) {
    json.push(b'"');
    json.extend_from_slice(base64);
    json.push(b'"');
}

fn neighbours<T>(items: &[T]) -> impl Iterator<Item = (&T, &T)> {
    items.iter().zip(items.iter().skip(1))
}
