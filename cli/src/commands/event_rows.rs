//! The events of one aggregate in the event table, and which clients' filters leave them out.

use std::collections::BTreeMap;

use aws::dynamodb::EventsTable;
use aws::operator::ledger::events;
use deploy::stack::deployed_config;
use serde::Serialize;
use shared::config::Config;
use shared::control::TypedKey;
use shared::filter::ClientFilters;
use shared::ids::Key;
use shared::ledger::{EventTable, Row, Unread};
use shared::pattern::Subject;

use super::event_keys::stream_table;
use super::operator::Operator;
use crate::context::Context;

/// The event table as the stack reads it, and the filters of its clients.
pub(super) struct EventSource {
    pub(super) table: EventsTable,
    /// The table's name.
    pub(super) name: String,
    pub(super) filters: NamedFilters,
    /// How many of the table's read units a scan may take in a second.
    pub(super) scan_read_units: u32,
}

/// The filters of a config's clients, by the clients' names.
pub(super) struct NamedFilters {
    names: Vec<String>,
    filters: ClientFilters,
}

/// An item of the event table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct EventRow {
    /// Null if the item has none that can be read.
    pub(super) version: Option<i64>,
    pub(super) sort_key: String,
    pub(super) event_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) time: Option<String>,
    /// Why it is none that can be sent, if it is not.
    pub(super) not_sendable: Option<String>,
    /// The clients that don't want it, and the first field of their filters that says no.
    pub(super) unwanted_by: BTreeMap<String, String>,
    /// The event's JSON, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) body: Option<String>,
}

impl EventSource {
    /// The event table of the operator's stack: as the config says that is deployed, or, where that can't be read, the
    /// config at hand.
    ///
    /// # Errors
    ///
    /// Neither can be read, and why.
    pub(super) async fn of_stack(context: &Context, operator: &Operator) -> Result<Self, String> {
        let name = stream_table(&operator.stack)?;
        let deployed = deployed_config(&operator.target, &operator.stack).await;
        let config = deployed.map_err(|error| error.to_string()).and_then(|text| {
            Config::try_from_toml("client-queues.toml", &text, None).map_err(|findings| findings.to_string())
        });
        let config = config.or_else(|why| {
            let at_hand = context.config(None);
            at_hand.map_err(|_| format!("the deployed config can't be read: {}", why.replace('\n', "; ")))
        })?;
        let table = events(&operator.target, &name, &config.source);
        let (filters, scan_read_units) = (NamedFilters::new(&config), config.scan_read_units);
        Ok(Self { table, name, filters, scan_read_units })
    }
}

impl NamedFilters {
    pub(super) fn new(config: &Config) -> Self {
        let names = config.clients.iter().map(|client| client.name.to_string());
        Self { names: names.collect(), filters: ClientFilters::new(&config.clients) }
    }

    fn unwanted_by(&self, subject: Subject<'_>) -> BTreeMap<String, String> {
        let audience = self.filters.of(subject);
        let unwanting = self.names.iter().enumerate().filter(|(place, _)| !audience.includes(*place));
        let reasons = unwanting.map(|(place, name)| {
            let refusals = self.filters.explain(place, subject);
            (name.clone(), refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        });
        reasons.collect()
    }
}

impl EventRow {
    fn new(row: Row, filters: &NamedFilters, with_body: bool) -> Self {
        let of_item = Self {
            version: row.head.version,
            sort_key: TypedKey::from(&row.head.identity.sort).to_string(),
            event_id: row.head.identity.id,
            ..Self::default()
        };
        match row.event {
            Err(why) => Self { not_sendable: Some(why), ..of_item },
            Ok(event) => Self {
                event_id: Some(event.id().to_owned()),
                name: event.name().map(str::to_owned),
                time: event.time().map(str::to_owned),
                unwanted_by: filters.unwanted_by(Subject::from(&event)),
                body: with_body.then(|| event.body().to_owned()),
                ..of_item
            },
        }
    }
}

/// The items of an aggregate, newest first, as far back as one with a version below `down_to`; bodies on request.
///
/// # Errors
///
/// [`Unread`]: a page could not be read.
pub(super) async fn rows_down_to<E: EventTable>(
    table: &E,
    filters: &NamedFilters,
    key: &Key,
    down_to: i64,
    with_body: bool,
) -> Result<Vec<EventRow>, Unread> {
    let (mut rows, mut before) = (Vec::new(), None);
    loop {
        let page = table.page(key, before.as_ref()).await?;
        rows.extend(page.rows.into_iter().map(|row| EventRow::new(row, filters, with_body)));
        let is_far_enough = |row: &EventRow| row.version.is_some_and(|version| version < down_to);
        before = page.next;
        if before.is_none() || rows.last().is_some_and(is_far_enough) {
            return Ok(rows);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use testkit::memory::MemoryTable;

    use super::*;

    const CONFIG: &str = r#"
        [source]
        partition_key = "mark"
        sort_key = "createTime"
        id = "id"
        name = "eventName"
        time = "createTime"
        version = "version"
        [[client]]
        name = "Billing"
        [[client]]
        name = "Tax"
        filter = { kind = ["sold"] }
    "#;

    pub(in crate::commands) fn filters() -> NamedFilters {
        NamedFilters::new(&Config::try_from_toml("test", CONFIG, None).unwrap())
    }

    /// A table of an aggregate with these versions; the last is no event.
    pub(in crate::commands) fn table(versions: std::ops::RangeInclusive<i64>) -> MemoryTable {
        let source = Config::try_from_toml("test", CONFIG, None).unwrap().source;
        let table = MemoryTable::new(&source);
        for version in versions.clone() {
            // Without its id, the last is none that can be sent.
            let (kind, name) = if version % 2 == 0 { ("sold", "Sold") } else { ("lent", "Lent") };
            let id = if version == *versions.end() { "NULL\":true" } else { &format!("S\":\"e-{version}\"") };
            table.put(&format!(
                r#"{{"mark":{{"S":"AFC F5"}},"createTime":{{"S":"2026-01-05T09:{version:02}:00Z"}},
                "version":{{"N":"{version}"}},"kind":{{"S":"{kind}"}},"eventName":{{"S":"{name}"}},"id":{{"{id}}}}}"#
            ));
        }
        table
    }

    #[tokio::test]
    async fn items_are_read_back_to_a_version_with_what_filters_say() {
        let (table, key) = (table(1..=9), Key::S("AFC F5".to_owned()));
        for (items, down_to, lowest) in [(2, 7, 6), (1, 7, 6), (100, 7, 1), (3, 1, 1), (3, i64::MAX, 7)] {
            table.set_items_in_page(items);
            let rows = rows_down_to(&table, &filters(), &key, down_to, false).await.unwrap();
            let versions: Vec<i64> = rows.iter().filter_map(|row| row.version).collect();
            assert_eq!(versions, (lowest..=9).rev().collect::<Vec<_>>(), "{items} down to {down_to}");
            assert!(rows[0].not_sendable.is_some() && rows[1].not_sendable.is_none());
            assert_eq!(rows[1].unwanted_by, BTreeMap::new());
            assert_eq!(rows[2].unwanted_by["Tax"], "`kind` has another value");
            assert!(rows[1].body.is_none());
        }
        table.fail();
        assert!(rows_down_to(&table, &filters(), &key, 1, true).await.is_err());
    }
}
