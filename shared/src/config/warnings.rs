//! What a valid file says, and its operator may not want.

use std::fmt;

use serde::Serialize;

use super::Source;

/// A consequence of a valid config that can be missed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigWarning {
    /// `section.key`.
    pub key: &'static str,
    /// What follows from it.
    pub problem: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

impl Source {
    /// What can be missed about the source.
    pub fn warnings(&self) -> Vec<ConfigWarning> {
        let is_sort_key = self.version.path.0.as_slice() == [self.sort_key.as_str()];
        let sort_keys_return = ConfigWarning {
            key: "source.id",
            problem: "is missing, and the version is read from the sort key: an aggregate that is erased and created anew has the \
                      sort keys of before, and its events are taken for the old ones",
            remedy: "name the events' own ids as `id`, or never erase an aggregate",
        };
        Some(sort_keys_return).filter(|_| is_sort_key && self.id.is_none()).into_iter().collect()
    }
}

impl fmt::Display for ConfigWarning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}; {}", self.key, self.problem, self.remedy)
    }
}
