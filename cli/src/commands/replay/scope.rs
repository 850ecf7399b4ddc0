//! Which groups a replay is about: one, or all that the event table has.

use aws::dynamodb::EventsTable;
use shared::config::Source;
use shared::ledger::ItemKey;

use super::Wanted;
use crate::aws::ledger::{events, unread};
use crate::aws::table::{self, Table};
use crate::commands::ledger::{Desk, Known};
use crate::exit::{Exit, Failure};
use crate::orders::{KeyType, KeyValue};
use crate::output::counted;
use crate::progress::Progress;
use crate::replay::{Aggregate, Counted, Walked, events_of_group, walk};
use crate::standing;

/// What a replay is about.
pub(super) enum Scope {
    /// Events.
    Events(Walked),
    /// None, and why.
    Nothing(String),
}

/// What `wanted` is about.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such group. [`Exit::Config`]: the config is another table's. Else the tables can't be read.
pub(super) async fn scope(
    desk: &Desk,
    source: &Source,
    client: &Known,
    wanted: &Wanted,
) -> Result<Scope, Failure> {
    let stream = desk.stack.outputs.get("EventStreamARN").map_or("", String::as_str);
    let name = table::of_stream(stream).map_err(|why| Failure::new(Exit::Unreachable, why))?;
    let table = events(&desk.target, name, source).ok_or_else(|| Failure::new(Exit::Config, no_version()))?;
    let description = table::describe(&aws_sdk_dynamodb::Client::new(desk.target.sdk_config()), name).await?;
    let key_type = key_type(&description, name, source).map_err(|why| Failure::new(Exit::Config, why))?;
    let typed = |text: &String| {
        KeyValue::try_from_text(text, key_type).map_err(|error| Failure::new(Exit::Usage, error))
    };
    let after = wanted.after.as_ref().map(typed).transpose()?;
    let Some(group) = &wanted.group else { return all(&table, name, client, wanted.from, after).await };
    // Consumers, and their logs, know the group.
    let encoded = KeyValue::of_group(group, key_type);
    match typed(group) {
        Ok(key) => one(desk, &table, name, client, wanted.from, key, encoded).await,
        Err(Failure { exit, message }) => match encoded {
            Some(key) => Err(Failure::new(exit, format!("{message}; {}", did_you_mean(&key)))),
            None => Err(Failure { exit, message }),
        },
    }
}

/// The events of one group that the client has. Where the ledger does not know the group yet, nobody has anything.
async fn one(
    desk: &Desk,
    table: &EventsTable,
    name: &str,
    client: &Known,
    from: u64,
    key: KeyValue,
    encoded: Option<KeyValue>,
) -> Result<Scope, Failure> {
    let (Some(aggregate), Some(group)) = (key.to_key(), key.group()) else {
        return Err(Failure::new(Exit::Fault, format!("`{key}` is no key")));
    };
    let keys = [ItemKey::Group(group.clone()), ItemKey::Marker(client.id, group.clone())];
    let found = standing::read(&desk.ledger, &keys).await;
    let found = found.map_err(|error| unread(desk.ledger_name(), &error))?;
    let marker = found.marker(client.id, &group).flatten();
    // What the ledger does not know yet, the function adopts first: then the client has what the table has.
    let item = found.group(&group).flatten();
    let has = item.map_or(u64::MAX, |item| standing::has(client.id, item, marker));
    let counted = events_of_group(table, &aggregate, from, has).await;
    let Some(counted) = counted.map_err(|error| unread(name, &error))? else {
        let message = match meant(table, name, encoded).await? {
            Some(meant) => format!("the event table has no event of `{key}`; {}", did_you_mean(&meant)),
            None => format!("the event table has no event of `{key}`; name an aggregate by its key"),
        };
        return Err(Failure::new(Exit::Usage, message));
    };
    if from > has || counted.events == 0 {
        return Ok(Scope::Nothing(nothing(client, &key, from, has, counted, &desk.stack_option())));
    }
    Ok(Scope::Events(Walked(vec![Aggregate { key, events: counted.events }])))
}

/// The aggregate whose group was named instead of its key, if there is one.
async fn meant(
    table: &EventsTable,
    name: &str,
    encoded: Option<KeyValue>,
) -> Result<Option<KeyValue>, Failure> {
    let Some(key) = encoded.as_ref().and_then(KeyValue::to_key) else { return Ok(None) };
    let found = events_of_group(table, &key, 1, u64::MAX).await.map_err(|error| unread(name, &error))?;
    Ok(encoded.filter(|_| found.is_some()))
}

fn did_you_mean(key: &KeyValue) -> String {
    format!("did you mean `{key}`? (a `MessageGroupId` is the key encoded)")
}

/// Why `client`, who has the aggregate up to version `has`, gets nothing of it again from version `from` on.
fn nothing(client: &Known, key: &KeyValue, from: u64, has: u64, counted: Counted, stack: &str) -> String {
    let (name, highest) = (&client.name, counted.highest);
    if from > highest {
        return format!("`{key}` has no version {from}: the event table has it up to version {highest}");
    }
    if from <= has {
        return format!("the event table has nothing of `{key}` from version {from} to {has}");
    }
    let has = format!("client `{name}` has `{key}` up to version {has}");
    if client.is_paused {
        format!("{has}, and is paused: it gets the rest after `fanoutctl resume {name}{stack}`")
    } else {
        format!("{has}; what comes after that is on its way to it anyway")
    }
}

async fn all(
    table: &EventsTable,
    name: &str,
    client: &Known,
    from: u64,
    after: Option<KeyValue>,
) -> Result<Scope, Failure> {
    let progress = Progress::new();
    let said = |walked: &Walked| {
        progress
            .spin(&format!("reading the event table: {} so far", counted(walked.0.len() as u64, "group")));
    };
    let walked = walk(table, from, said).await;
    progress.finish();
    let walked = walked.map_err(|error| unread(name, &error))?;
    let rest = match after {
        None => walked,
        Some(after) => walked.after(&after).ok_or_else(|| {
            let message = format!(
                "the event table has nothing of `{after}` from version {from} on, so that it is not known where to go on; \
                 name another aggregate that was ordered, or leave `--after` out"
            );
            Failure::new(Exit::Usage, message)
        })?,
    };
    if rest.0.is_empty() {
        return Ok(Scope::Nothing(format!(
            "the event table has nothing that client `{}` could have from version {from} on",
            client.name
        )));
    }
    Ok(Scope::Events(rest))
}

/// The type of the table's keys.
fn key_type(table: &Table, name: &str, source: &Source) -> Result<KeyType, String> {
    if table.partition_key != source.partition_key {
        return Err(format!(
            "the config's `partition_key` is `{}`, and that of the event table `{name}` is `{}`; name the stack's own config \
             with `--config`",
            source.partition_key, table.partition_key
        ));
    }
    table.partition_type.ok_or_else(|| format!("DynamoDB does not tell the type of `{name}`'s partition key"))
}

fn no_version() -> &'static str {
    "the config names no events' version (`[source] version`), as that of a stack with a ledger does; name the stack's own \
     config with `--config`"
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::ledger::ClientId;

    use super::*;
    use crate::replay::source;

    #[test]
    fn why_there_is_nothing_is_told() {
        let check = |is_paused, from, has, highest, expected: Expect| {
            let client = Known { name: "Billing".to_owned(), id: ClientId(1), is_paused, leaving: None };
            let key = KeyValue::S("OPS 1".to_owned());
            let counted = Counted { events: 0, highest };
            expected.assert_eq(&nothing(&client, &key, from, has, counted, " --stack test"));
        };
        check(
            false,
            3,
            2,
            9,
            expect![
                "client `Billing` has `OPS 1` up to version 2; what comes after that is on its way to it anyway"
            ],
        );
        check(
            true,
            3,
            2,
            9,
            expect![
                "client `Billing` has `OPS 1` up to version 2, and is paused: it gets the rest after `fanoutctl resume Billing --stack test`"
            ],
        );
        // The table ends before.
        for (is_paused, has) in [(false, 20), (true, 20), (true, 3), (false, u64::MAX)] {
            check(
                is_paused,
                60,
                has,
                20,
                expect!["`OPS 1` has no version 60: the event table has it up to version 20"],
            );
        }
        check(false, 10, 9, 9, expect!["`OPS 1` has no version 10: the event table has it up to version 9"]);
        // Holes, or events without a version.
        check(false, 3, 7, 9, expect!["the event table has nothing of `OPS 1` from version 3 to 7"]);
    }

    #[test]
    fn the_config_must_be_the_tables() {
        let source = source();
        let table = |partition_key: &str, partition_type| Table {
            status: "ACTIVE".to_owned(),
            partition_key: partition_key.to_owned(),
            partition_type,
            sort_key: None,
            stream: None,
        };
        let found = |partition_key, of| key_type(&table(partition_key, of), "Events", &source);
        assert_eq!(found("mark", Some(KeyType::N)), Ok(KeyType::N));
        let why = found("plate", Some(KeyType::S)).unwrap_err();
        assert!(why.contains("`mark`") && why.contains("`plate`") && why.contains("`--config`"), "{why}");
        assert!(found("mark", None).unwrap_err().contains("`Events`"));
    }
}
