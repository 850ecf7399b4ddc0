//! Whether the config's keys are those of the event table.

use aws::operator::table::Table;
use shared::config::Source;

/// A key of `[source]` that is not the table's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongKey {
    /// Which: `partition_key` or `sort_key`.
    pub key: &'static str,
    /// What is wrong, about the table.
    pub problem: String,
}

/// The keys of `source` that are not those of `table`.
pub fn wrong_keys(source: &Source, table: &Table) -> Vec<WrongKey> {
    let mut wrong = Vec::new();
    if source.partition_key != table.partition_key {
        let problem =
            format!("its partition key is `{}`, not `{}`", table.partition_key, source.partition_key);
        wrong.push(WrongKey { key: "partition_key", problem });
    }
    if table.sort_key.as_deref() != Some(source.sort_key.as_str()) {
        let is = table.sort_key.as_ref().map_or("none".to_owned(), |key| format!("`{key}`"));
        let problem = format!("its sort key is {is}, and the config's `{}`", source.sort_key);
        wrong.push(WrongKey { key: "sort_key", problem });
    }
    wrong
}
