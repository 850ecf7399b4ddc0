//! Table and ledger compared, page by page of the table.

use futures_util::stream::{self, StreamExt as _};
use shared::event::Event;
use shared::ids::{Group, Key};
use shared::ledger::reconcile::{Difference, Listed, compare, window};
use shared::ledger::walk::{Aggregate, Grouping};
use shared::ledger::{Control, Cursor, EventTable, GroupItem, ItemKey, Ledger, READ_LIMIT};
use shared::message::Message;
use shared::send::{Run, Transport};

use super::payload::{Ahead, Compared, OrderError, TablePlace, Version};
use super::work::Work;

/// How many groups that differ are looked at more closely at the same time.
const AT_ONCE: usize = 8;

/// The most findings of one answer, and so its size: each has a key of up to 2 KB, and Lambda takes 6 MB.
const FINDINGS_LIMIT: usize = 1_000;

/// What differs in a group, by a consistent read of the table.
struct Found {
    key: Key,
    difference: Difference,
    version: u64,
    /// To be put on the fan-out queue, the lowest first.
    missing: Vec<Event>,
}

impl<T: Transport, L: Ledger, E: EventTable> Work<'_, T, L, E> {
    /// Compares because somebody orders it, as far as there is time.
    pub(super) async fn reconcile(&self, after: Option<TablePlace>) -> Result<Compared, OrderError> {
        let control = self.control().await?;
        let mut grouping = Grouping::new(after.map(Cursor::try_from).transpose()?);
        let mut cursor = grouping.after().cloned();
        let mut compared = Compared::default();
        let why = loop {
            let page = match self.edge.table.scan(cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) => break error.to_string(),
            };
            cursor = page.next.clone();
            match Box::pin(self.compare(&control, grouping.take(page))).await {
                Ok(more) => compared.add(more),
                Err(why) => break why,
            }
            compared.after = cursor.as_ref().and(grouping.after()).map(TablePlace::from);
            if cursor.is_none() {
                return Ok(compared);
            }
            if self.is_over() || compared.findings() >= FINDINGS_LIMIT {
                break "no time was left to read one group".to_owned();
            }
        };
        // What was compared stands, if there is a place to go on from.
        if compared.after.is_some() {
            return Ok(compared);
        }
        Err(OrderError::Failed { what: "the comparison", why })
    }

    /// Compares groups, and puts what is missing on the fan-out queue.
    pub(super) async fn compare(
        &self,
        control: &Control,
        aggregates: Vec<Aggregate>,
    ) -> Result<Compared, String> {
        let mut compared = Compared { groups: aggregates.len(), ..Compared::default() };
        for some in aggregates.chunks(READ_LIMIT) {
            let keys: Vec<ItemKey> =
                some.iter().map(|aggregate| ItemKey::Group(Group::of(&aggregate.key))).collect();
            let read = self.read(&keys).await;
            let mut suspects = Vec::new();
            for Aggregate { key, seen } in some {
                let item = read.group(&Group::of(key)).ok_or("the ledger did not answer")?;
                let listed: Vec<Listed<'_>> = seen.iter().filter_map(Listed::of_seen).collect();
                if !compare(&listed, item, control.start, self.now()).is_none() {
                    suspects.push((key, item));
                }
            }
            let looked = stream::iter(suspects).map(|(key, item)| self.look_closer(control, key, item));
            let found: Vec<_> = looked.buffered(AT_ONCE).collect().await;
            let found = found.into_iter().collect::<Result<Vec<Found>, String>>()?;
            self.put_missing(&found).await?;
            found.into_iter().for_each(|found| compared.note(found));
        }
        Ok(compared)
    }

    /// Compares again by a consistent read: what a walk shows is a hint.
    async fn look_closer(
        &self,
        control: &Control,
        key: &Key,
        item: Option<&GroupItem>,
    ) -> Result<Found, String> {
        let survey = self.survey(key).await.map_err(|error| error.to_string())?;
        let listed: Vec<Listed<'_>> = survey.rows.iter().filter_map(Listed::of_row).collect();
        let difference = compare(&listed, item, control.start, self.now());
        let version = item.map_or(0, |item| item.version);
        let lowest = survey.lowest.filter(|_| difference.lowest);
        let has_lowest = lowest.as_ref().and_then(Event::version);
        // An event that can't be sent is not missing: the converter wrote a letter about it.
        let highest = survey.highest.filter(|event| {
            difference.highest && event.version() > Some(version) && event.version() != has_lowest
        });
        Ok(Found {
            key: key.clone(),
            difference,
            version,
            missing: lowest.into_iter().chain(highest).collect(),
        })
    }

    async fn put_missing(&self, found: &[Found]) -> Result<(), String> {
        let window = window(self.now());
        let messages: Vec<Vec<Message>> = found
            .iter()
            .map(|found| found.missing.iter().map(|event| event.repair(window)).collect())
            .collect();
        let runs: Vec<Run<'_>> =
            messages.iter().map(|messages| Run { messages: messages.iter().collect() }).collect();
        if messages.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let outcomes = self.put(&self.own.fan_out, &runs, self.last_start).await;
        match outcomes.into_iter().find_map(|outcome| outcome.stopped) {
            Some(stop) => Err(format!("the fan-out queue: {}", stop.why)),
            None => Ok(()),
        }
    }
}

impl Compared {
    fn note(&mut self, found: Found) {
        let Found { key, difference, version, missing } = found;
        let missing = missing.iter().filter_map(Event::version);
        self.missing.extend(missing.map(|version| Version::of(&key, version)));
        self.holes.extend(difference.holes.iter().map(|hole| Version::of(&key, *hole)));
        if let Some(highest) = difference.ahead {
            let Version { group, key, version } = Version::of(&key, version);
            self.ahead.push(Ahead { group, key, version, highest });
        }
    }

    fn add(&mut self, more: Self) {
        self.groups += more.groups;
        self.missing.extend(more.missing);
        self.holes.extend(more.holes);
        self.ahead.extend(more.ahead);
    }

    /// How many differences there are.
    pub(super) fn findings(&self) -> usize {
        self.missing.len() + self.holes.len() + self.ahead.len()
    }
}
