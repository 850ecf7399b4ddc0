//! The scope of a replay: one group, or all that the event table has.

use aws::dynamodb::EventsTable;
use aws::operator::ledger::{events, unread};
use shared::config::{Config, Source};
use shared::control::TypedKey;
use shared::ids::{Group, Key};
use shared::ledger::pace::Pace;
use shared::ledger::{ItemKey, Registration, State, Unread};
use shared::text::{counted, printable, shell_quoted};

use super::estimate::{AggregateEvents, EventCount, ReplayEstimate, events_of_group, scan};
use crate::args::ReplayArguments;
use crate::commands::event_keys::{StackEventTable, did_you_mean, named_key};
use crate::commands::operator::Operator;
use crate::exit::{Exit, Failure};
use crate::groups_behind;
use crate::key::typed_key;
use crate::progress::Progress;

/// The events of a replay.
pub(super) enum ReplayScope {
    Events(ReplayEstimate),
    /// No events, and why.
    Nothing(String),
}

/// A search of the event table for the events of a replay.
struct Search<'s> {
    operator: &'s Operator,
    client: &'s Registration,
    arguments: &'s ReplayArguments,
    table: EventsTable,
    table_name: &'s str,
    scan_read_units: u32,
}

/// The scope that `arguments` name.
///
/// # Errors
///
/// [`Exit::Usage`]: there is no such group. [`Exit::Config`]: the config is that of another table. Else the
/// tables can't be read.
pub(super) async fn scope(
    operator: &Operator,
    config: &Config,
    client: &Registration,
    arguments: &ReplayArguments,
) -> Result<ReplayScope, Failure> {
    let event_table = StackEventTable::of_stack(operator).await?;
    let table_name = event_table.name.as_str();
    is_of_config(&event_table, &config.source).map_err(|why| Exit::Config.because(why))?;
    let key_type = event_table.key_type()?;
    let after = arguments.request.after.as_ref().map(|after| typed_key(after, key_type)).transpose()?;
    let table = events(&operator.target, table_name, &config.source);
    let scan_read_units = config.scan_read_units;
    let search = Search { operator, client, arguments, table, table_name, scan_read_units };
    let Some(group) = &arguments.scope.group else { return search.all(after).await };
    let (key, encoded) = named_key(group, key_type)?;
    search.one(key, encoded).await
}

impl Search<'_> {
    /// The scope of one group: the events that the client has of it.
    async fn one(&self, key: TypedKey, encoded: Option<TypedKey>) -> Result<ReplayScope, Failure> {
        let Self { operator, client, arguments, .. } = *self;
        let from = arguments.from;
        let aggregate = Key::try_from(key.clone()).map_err(|error| Exit::Fault.because(error))?;
        let group = Group::of(&aggregate);
        let keys = [ItemKey::Group(group.clone()), ItemKey::Cursor(client.id, group.clone())];
        let items = operator.ledger.read(&keys).await?;
        let cursor = items.cursor(client.id, &group).present();
        // A group that the ledger does not know yet is adopted by the function first: then the client has what the
        // table has.
        let item = items.group(&group).present();
        let has = item.map_or(i64::MAX, |item| groups_behind::has(client.id, item, cursor));
        let count = events_of_group(&self.table, &aggregate, from, has).await;
        let Some(count) = self.of_table(count)? else {
            let way_out = match self.meant(encoded).await? {
                Some(meant) => did_you_mean(&meant),
                None => "name an aggregate by its key".to_owned(),
            };
            return Err(Exit::Usage.because(format!("the event table has no event of `{key}`; {way_out}")));
        };
        if from > has || count.events == 0 {
            let is_paused = client.state == State::Paused;
            let why = nothing(arguments, is_paused, &key, has, count, &operator.stack_option());
            return Ok(ReplayScope::Nothing(why));
        }
        if cursor.is_some_and(|cursor| cursor.hold.is_some()) {
            let (client, stack) = (&arguments.client, operator.stack_option());
            eprintln!("{}", printable(&waits(client, &key, &stack)));
        }
        Ok(ReplayScope::Events(ReplayEstimate(vec![AggregateEvents { key, events: count.events }])))
    }

    /// The key of the aggregate that the operator named by its group, if there is one.
    async fn meant(&self, encoded: Option<TypedKey>) -> Result<Option<TypedKey>, Failure> {
        let Some(Ok(key)) = encoded.clone().map(Key::try_from) else { return Ok(None) };
        let count = self.of_table(events_of_group(&self.table, &key, 0, i64::MAX).await)?;
        Ok(encoded.filter(|_| count.is_some()))
    }

    /// The scope of all groups, or of those after the aggregate `after`.
    async fn all(&self, after: Option<TypedKey>) -> Result<ReplayScope, Failure> {
        let (ReplayArguments { client, from, .. }, units) = (self.arguments, self.scan_read_units);
        let progress = Progress::spinner();
        let said = |estimate: &ReplayEstimate| {
            let groups = counted(estimate.0.len(), "group");
            progress.spin(&format!("reading the event table, {units} read units a second: {groups} so far"));
        };
        let estimate = scan(&self.table, Pace::new(units), *from, said).await;
        progress.finish();
        let estimate = self.of_table(estimate)?;
        let rest = match after {
            None => estimate,
            Some(after) => estimate.after(&after).ok_or_else(|| {
                Exit::Usage.because(format!(
                    "the event table has nothing of `{after}` from version {from} on, so that it is not known where to go \
                     on; name another aggregate that was requested, or leave `--after` out"
                ))
            })?,
        };
        Ok(if rest.0.is_empty() {
            ReplayScope::Nothing(format!(
                "the event table has nothing that client `{client}` could have from version {from} on"
            ))
        } else {
            ReplayScope::Events(rest)
        })
    }

    fn of_table<T>(&self, read: Result<T, Unread>) -> Result<T, Failure> {
        Ok(read.map_err(|error| unread(self.table_name, &error))?)
    }
}

/// The line about a group that is held: a replay leaves it so.
fn waits(client: &str, key: &TypedKey, stack: &str) -> String {
    let group = shell_quoted(key.as_text());
    format!(
        "`{key}` is held for client `{client}`: it gets these events after `fanoutctl release {client} --group {group}{stack}`"
    )
}

/// Why the client gets nothing again of the aggregate `key`, which it has up to version `has`.
fn nothing(
    ReplayArguments { client: name, from, .. }: &ReplayArguments,
    is_paused: bool,
    key: &TypedKey,
    has: i64,
    count: EventCount,
    stack: &str,
) -> String {
    let from = *from;
    let Some(highest) = count.highest else {
        return format!("no event of `{key}` has a version in the event table");
    };
    if from > highest {
        return format!("`{key}` has no version {from}: the event table has it up to version {highest}");
    }
    if from <= has {
        return format!("the event table has nothing of `{key}` from version {from} to {has}");
    }
    let rest = if is_paused {
        format!(", and is paused: it gets the rest after `fanoutctl resume {name}{stack}`")
    } else {
        "; what comes after that is on its way to it anyway".to_owned()
    };
    format!("client `{name}` has `{key}` up to version {has}{rest}")
}

/// Checks that the config is that of the table, or says why it is not.
fn is_of_config(table: &StackEventTable, source: &Source) -> Result<(), String> {
    let (name, partition_key) = (&table.name, &table.description.partition_key);
    if *partition_key != source.partition_key {
        return Err(format!(
            "the config's `partition_key` is `{}`, and that of the event table `{name}` is `{partition_key}`; name the \
             stack's own config with `--config`",
            source.partition_key
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws::operator::table::{KeyType, Table};
    use expect_test::{Expect, expect};

    use super::*;
    use crate::args::{RequestArguments, ScopeArguments};
    use crate::commands::replay::tests::source;

    #[test]
    fn a_reason_says_why_there_is_nothing_to_send() {
        let check = |is_paused, from, has, highest, expected: Expect| {
            let scope = ScopeArguments { group: Some("OPS 1".to_owned()), all: false };
            let request = RequestArguments { after: None, dry_run: false, yes: false };
            let arguments = ReplayArguments { client: "Billing".to_owned(), scope, from, request };
            let key = TypedKey::S("OPS 1".to_owned());
            let counted = EventCount { events: 0, highest: Some(highest) };
            expected.assert_eq(&nothing(&arguments, is_paused, &key, has, counted, " --stack test"));
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
        // The table ends before version 60.
        for (is_paused, has) in [(false, 20), (true, 20), (true, 3), (false, i64::MAX)] {
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
    fn a_replay_of_a_held_group_names_the_release() {
        expect!["`OPS 1` is held for client `Billing`: it gets these events after `fanoutctl release Billing --group 'OPS 1' --stack test`"]
            .assert_eq(&waits("Billing", &TypedKey::S("OPS 1".to_owned()), " --stack test"));
    }

    #[test]
    fn the_config_must_name_the_tables_partition_key() {
        let source = source();
        let table = |partition_key: &str, partition_type| StackEventTable {
            name: "Events".to_owned(),
            description: Table {
                status: "ACTIVE".to_owned(),
                partition_key: partition_key.to_owned(),
                partition_type,
                sort_key: None,
                sort_type: None,
                stream: None,
                size: None,
            },
        };
        let good = table("mark", Some(KeyType::N));
        assert_eq!((is_of_config(&good, &source), good.key_type().unwrap()), (Ok(()), KeyType::N));
        let why = is_of_config(&table("plate", Some(KeyType::S)), &source).unwrap_err();
        assert!(why.contains("`mark`") && why.contains("`plate`") && why.contains("`--config`"), "{why}");
        assert!(table("mark", None).key_type().unwrap_err().to_string().contains("`Events`"));
    }
}
