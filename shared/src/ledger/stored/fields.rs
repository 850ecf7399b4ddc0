//! Attributes that are taken out one after the other; what is left is unknown.

use std::str::FromStr;

use super::{Attributes, Damage, Value, instant};
use crate::config::VERSION_LIMIT;
use crate::ids::Key;
use crate::ledger::{EventTime, WriteCount};
use crate::time::Timestamp;

const NANOS_PER_MILLI: i128 = 1_000_000;

/// An item's attributes, or a map's.
pub(super) struct Fields {
    /// Where they are, with a dot at the end; empty for the item itself.
    path: String,
    attributes: Attributes,
}

impl Fields {
    pub(super) fn of_item(attributes: Attributes) -> Self {
        Self { path: String::new(), attributes }
    }

    /// What is left, and is unknown.
    pub(super) fn take_rest(&mut self) -> Attributes {
        std::mem::take(&mut self.attributes)
    }

    /// Makes sure that nothing is left.
    fn end(self) -> Result<(), Damage> {
        match self.attributes.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.damaged(name, "is unknown")),
        }
    }

    pub(super) fn value(&mut self, name: &str) -> Result<Value, Damage> {
        self.attributes.remove(name).ok_or_else(|| self.damaged(name, "is missing"))
    }

    /// What `read` makes of the attribute, if it is there.
    pub(super) fn if_any<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Damage>,
    ) -> Result<Option<T>, Damage> {
        self.attributes.contains_key(name).then(|| read(self)).transpose()
    }

    pub(super) fn number<N: FromStr>(&mut self, name: &str) -> Result<N, Damage> {
        let value = self.value(name)?;
        number(&value).ok_or_else(|| self.damaged(name, "is not a whole number in its range"))
    }

    /// A version, or one below the first.
    pub(super) fn version(&mut self, name: &str) -> Result<i64, Damage> {
        let value = self.value(name)?;
        version(&value).ok_or_else(|| self.damaged(name, "is not a whole number in its range"))
    }

    pub(super) fn write_count(&mut self) -> Result<WriteCount, Damage> {
        self.number("write_count").map(WriteCount)
    }

    pub(super) fn boolean(&mut self, name: &str) -> Result<bool, Damage> {
        match self.value(name)? {
            Value::Bool(value) => Ok(value),
            _ => Err(self.damaged(name, "is not a boolean")),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<String, Damage> {
        match self.value(name)? {
            Value::S(text) => Ok(text),
            _ => Err(self.damaged(name, "is not a string")),
        }
    }

    pub(super) fn event_time(&mut self, name: &str) -> Result<EventTime, Damage> {
        let value = self.value(name)?;
        instant::restore(&value)
            .ok_or_else(|| self.damaged(name, "is not an instant such as `2026-11-20T10:00:00Z`"))
    }

    pub(super) fn instant(&mut self, name: &str) -> Result<Timestamp, Damage> {
        let time = self.event_time(name)?;
        timestamp(time).ok_or_else(|| self.damaged(name, "is an instant before 1970"))
    }

    pub(super) fn key(&mut self, name: &str) -> Result<Key, Damage> {
        match self.value(name)? {
            Value::S(text) => Ok(Key::S(text)),
            Value::N(number) => Ok(Key::N(number)),
            Value::B(bytes) => Ok(Key::B(bytes)),
            _ => Err(self.damaged(name, "is not a string, a number or bytes")),
        }
    }

    /// The members of a list, each read by `read`.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, Damage> {
        match self.value(name)? {
            Value::L(members) => members.iter().map(read).collect(),
            _ => None,
        }
        .ok_or_else(|| self.damaged(name, "is not a list of what belongs there"))
    }

    /// Bytes that `read` understands.
    pub(super) fn bytes<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<T, Damage> {
        match self.value(name)? {
            Value::B(bytes) => read(&bytes),
            _ => None,
        }
        .ok_or_else(|| self.damaged(name, "is not bytes that belong there"))
    }

    pub(super) fn numbers<N: FromStr, C: FromIterator<N>>(&mut self, name: &str) -> Result<C, Damage> {
        match self.value(name)? {
            Value::Ns(members) => members.iter().map(|member| member.parse().ok()).collect(),
            _ => None,
        }
        .ok_or_else(|| self.damaged(name, "is not a set of whole numbers in their range"))
    }

    /// The attributes of a map, all of which `read` takes.
    pub(super) fn map<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Result<T, Damage>,
    ) -> Result<T, Damage> {
        let Value::M(attributes) = self.value(name)? else {
            return Err(self.damaged(name, "is not a map"));
        };
        let mut inner = Self { path: format!("{}{name}.", self.path), attributes };
        let value = read(&mut inner)?;
        inner.end()?;
        Ok(value)
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.attributes.keys().cloned().collect()
    }

    pub(super) fn damaged(&self, name: &str, fault: &'static str) -> Damage {
        Damage { attribute: format!("{}{name}", self.path), fault: fault.into() }
    }
}

/// An instant since 1970.
pub(super) fn instant_of(value: &Value) -> Option<Timestamp> {
    timestamp(instant::restore(value)?)
}

fn timestamp(time: EventTime) -> Option<Timestamp> {
    let millis = u64::try_from(time.as_nanos() / NANOS_PER_MILLI).ok()?;
    Some(Timestamp::from_millis(millis))
}

/// A version, or one below the first.
pub(super) fn version(value: &Value) -> Option<i64> {
    number(value).filter(|version| (-1..=VERSION_LIMIT).contains(version))
}

fn number<N: FromStr>(value: &Value) -> Option<N> {
    if let Value::N(number) = value { number.parse().ok() } else { None }
}
