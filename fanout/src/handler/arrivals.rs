//! A batch as the ledger sees it: which event each message brings, by group.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::config::{Path, Source};
use shared::erasure::key_of;
use shared::ids::{DeduplicationId, EventIdentity, Group, Key, ReplayId};
use shared::ledger::EventTime;
use shared::ledger::fan_out::Arrival;
use shared::message::{HINT, REPAIR, REPLAY};

use crate::message::{Delivery, IncomingMessage};

/// A batch, sorted.
pub(super) struct SortedBatch<'b> {
    pub(super) groups: Vec<GroupBatch<'b>>,
    pub(super) unfit: Vec<UnfitMessage<'b>>,
}

/// The messages of one group, in the order of the queue.
pub(super) struct GroupBatch<'b> {
    pub(super) group: Group,
    pub(super) key: Key,
    /// Which events they bring.
    pub(super) arrivals: Vec<Arrival>,
    /// The numbers of those that bring none, but say that an item of the aggregate was deleted.
    pub(super) hints: Vec<usize>,
    /// The messages as they were delivered.
    pub(super) deliveries: Vec<&'b Delivery<'b>>,
}

/// A message that can't be processed.
pub(super) struct UnfitMessage<'b> {
    pub(super) delivery: &'b Delivery<'b>,
    pub(super) why: String,
}

/// Which event each of `deliveries` brings.
pub(super) fn by_group<'b>(deliveries: &'b [Delivery<'b>], source: &Source) -> SortedBatch<'b> {
    let mut sorted = SortedBatch { groups: Vec::new(), unfit: Vec::new() };
    for (number, delivery) in deliveries.iter().enumerate() {
        let read = match hint(delivery) {
            Some(key) => key.map(|key| (key, None)),
            None => read(number, delivery, source).map(|(key, arrival)| (key, Some(arrival))),
        };
        match read {
            Ok((key, arrival)) => sorted.add(number, key, arrival, delivery),
            Err(why) => sorted.unfit.push(UnfitMessage { delivery, why }),
        }
    }
    sorted
}

impl<'b> SortedBatch<'b> {
    /// Adds what `delivery` brings to its group: an event, or a hint.
    fn add(&mut self, number: usize, key: Key, arrival: Option<Arrival>, delivery: &'b Delivery<'b>) {
        let group = Group::of(&key);
        if let Some(batch) = self.groups.iter_mut().find(|batch| batch.group == group) {
            return batch.add(number, arrival, delivery);
        }
        let (arrivals, hints, deliveries) = (Vec::new(), Vec::new(), Vec::new());
        let mut batch = GroupBatch { group, key, arrivals, hints, deliveries };
        batch.add(number, arrival, delivery);
        self.groups.push(batch);
    }
}

impl<'b> GroupBatch<'b> {
    fn add(&mut self, number: usize, arrival: Option<Arrival>, delivery: &'b Delivery<'b>) {
        match arrival {
            Some(arrival) => self.arrivals.push(arrival),
            None => self.hints.push(number),
        }
        self.deliveries.push(delivery);
    }
}

/// The key of the aggregate that `delivery` says an item of was deleted; `None` if it is no hint.
fn hint(delivery: &Delivery<'_>) -> Option<Result<Key, String>> {
    let incoming = delivery.message.as_ref().ok()?;
    incoming.copy.attribute(HINT)?;
    let key = incoming.copy.body().text().and_then(|body| key_of(&body));
    let key = key.filter(|key| Group::of(key) == *incoming.copy.group());
    Some(key.ok_or_else(|| "its body is not the key that `MessageGroupId` is made of".to_owned()))
}

/// The event's partition key, and which event `delivery` brings.
fn read(number: usize, delivery: &Delivery<'_>, source: &Source) -> Result<(Key, Arrival), String> {
    let incoming = delivery.message.as_ref()?;
    let version = incoming.copy.attribute("version").ok_or("it lacks the attribute `version`")?;
    let no_version =
        || format!("its attribute `version` is not a whole number from {}", source.version.first);
    let version = source.version.parse(version).ok_or_else(no_version)?;
    let sent = delivery.sent.or(delivery.first_received).ok_or("`SentTimestamp` is missing")?;
    let replay = incoming.copy.attribute(REPLAY).and_then(|id| ReplayId::try_new(id).ok());
    let (key, identity) = identity(incoming, source, replay.as_ref())?;
    let is_streamed = replay.is_none() && incoming.copy.attribute(REPAIR).is_none();
    let written = is_streamed.then(|| incoming.streamed_at.unwrap_or(sent));
    let arrival = Arrival {
        number,
        message: incoming.of_event(&DeduplicationId::of_event(&key, &identity)),
        streamed_at: incoming.streamed_at,
        written,
        version,
        identity,
        time: incoming.copy.attribute("eventTime").and_then(EventTime::try_from_text),
        sent,
        is_again: delivery.receive_count > 1,
        replay,
    };
    Ok((key, arrival))
}

/// The aggregate's key, and the event's identity. JSON does not say of which type a key is, but the ids do, which are
/// made of them.
fn identity(
    incoming: &IncomingMessage<'_>,
    source: &Source,
    replay: Option<&ReplayId>,
) -> Result<(Key, EventIdentity), String> {
    if let Some(proven) = proven_identity(incoming, source) {
        return Ok(proven);
    }
    let sort_name = source.sort_key.as_str();
    let body: Cow<'_, str> =
        serde_json::from_str(incoming.body().get()).map_err(|_| "its body is no text".to_owned())?;
    let names = Names { partition: &source.partition_key, sort: sort_name };
    let found = names
        .deserialize(&mut serde_json::Deserializer::from_str(&body))
        .map_err(|error| format!("its body is no event: byte {} is not as expected", error.column()))?;
    let lacks = |name: &str| format!("its body lacks the key `{name}`");
    let partition = found.partition.ok_or_else(|| lacks(&source.partition_key))?;
    let sort = found.sort.ok_or_else(|| lacks(sort_name))?;

    let group = incoming.copy.group();
    let key = candidates(partition).into_iter().find(|key| Group::of(key) == *group).ok_or_else(|| {
        format!("its body's `{}` is not what `MessageGroupId` is made of", source.partition_key)
    })?;
    let own = incoming.copy.deduplication_id();
    let told = incoming.copy.attribute(REPAIR);
    let event_id = || incoming.copy.attribute("eventId").ok_or("it lacks the attribute `eventId`");
    let id = source.id.as_ref().map(|_| event_id()).transpose()?.map(str::to_owned);
    let fits = |identity: &EventIdentity| {
        let id = DeduplicationId::of_event(&key, identity);
        match (told, replay) {
            (Some(told), _) => id.as_str() == told,
            (None, Some(replay)) => id == *own || id.replayed(replay) == *own,
            (None, None) => id == *own,
        }
    };
    let identities = candidates(sort).into_iter().map(|sort| EventIdentity { sort, id: id.clone() });
    let identities: Vec<EventIdentity> = identities.collect();
    // A message under another id, put there by hand: the most likely type then.
    let likely = if told.is_none() { identities.first() } else { None };
    let identity = identities.iter().find(|identity| fits(identity)).or(likely);
    let identity =
        identity.ok_or_else(|| format!("its body's `{sort_name}` is not what its id is made of"))?;
    Ok((key, identity.clone()))
}

/// What the attributes say of the keys, where the message's id proves it. Then the body need not be read.
fn proven_identity(incoming: &IncomingMessage<'_>, source: &Source) -> Option<(Key, EventIdentity)> {
    let key = incoming.copy.group().text_key()?;
    let sort = told_sort_key(incoming, source)?;
    let id = match &source.id {
        Some(_) => Some(incoming.copy.attribute("eventId")?.to_owned()),
        None => None,
    };
    let identity = EventIdentity { sort, id };
    let proven = DeduplicationId::of_event(&key, &identity) == *incoming.copy.deduplication_id();
    proven.then_some((key, identity))
}

/// The sort key, if it is the event's time, as text, or its version, as a number. A repair's id proves nothing.
fn told_sort_key(incoming: &IncomingMessage<'_>, source: &Source) -> Option<Key> {
    let is_sort_key = |path: &Path| path.0 == [source.sort_key.as_str()];
    if incoming.copy.attribute(REPAIR).is_some() {
        None
    } else if source.time.as_ref().is_some_and(is_sort_key) {
        Some(Key::S(incoming.copy.attribute("eventTime")?.to_owned()))
    } else if is_sort_key(&source.version.path) {
        Some(Key::N(incoming.copy.attribute("version")?.to_owned()))
    } else {
        None
    }
}

/// The values that a key can have whose JSON this is, the most likely first.
fn candidates(json: &RawValue) -> Vec<Key> {
    let Ok(text) = serde_json::from_str::<String>(json.get()) else {
        let is_number = json.get().starts_with(|first: char| first == '-' || first.is_ascii_digit());
        return if is_number { vec![Key::N(json.get().to_owned())] } else { Vec::new() };
    };
    let bytes = STANDARD.decode(&text).ok().map(Key::B);
    [Key::S(text)].into_iter().chain(bytes).collect()
}

/// Finds two members of a JSON object and passes over the others.
struct Names<'n> {
    partition: &'n str,
    sort: &'n str,
}

#[derive(Default)]
struct Members<'j> {
    partition: Option<&'j RawValue>,
    sort: Option<&'j RawValue>,
}

impl<'j> DeserializeSeed<'j> for Names<'_> {
    type Value = Members<'j>;

    fn deserialize<D: serde::Deserializer<'j>>(self, deserializer: D) -> Result<Members<'j>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'j> Visitor<'j> for Names<'_> {
    type Value = Members<'j>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an event")
    }

    fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Members<'j>, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key::<String>()? {
            let member = if name == self.partition {
                &mut members.partition
            } else if name == self.sort {
                &mut members.sort
            } else {
                let IgnoredAny = map.next_value()?;
                continue;
            };
            if member.replace(map.next_value()?).is_some() {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use shared::config::Config;

    use super::*;

    const SORT: &str = "2025-03-01T09:30:00.123Z";

    fn source(time: &str) -> Source {
        let source =
            "[source]\npartition_key = 'mark'\nsort_key = 'createTime'\nid = 'eventId'\nversion = 'version'";
        let text = format!("{source}\ntime = '{time}'\n[[client]]\nname = 'A'\n");
        Config::try_from_toml("client-queues.toml", &text, None).unwrap().source
    }

    /// A message of this event, whose body is `body`.
    fn delivery(key: &Key, sort: &Key, told_time: &str, body: &str) -> String {
        let identity = EventIdentity { sort: sort.clone(), id: Some("e1".to_owned()) };
        let attribute = |value: &str| json!({ "stringValue": value, "dataType": "String" });
        let record = json!({
            "messageId": "m1",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1740821400123",
                "MessageGroupId": Group::of(key).as_str(),
                "MessageDeduplicationId": DeduplicationId::of_event(key, &identity).as_str(),
            },
            "messageAttributes": {
                "eventId": attribute("e1"), "eventTime": attribute(told_time), "version": attribute("7"),
            },
        });
        record.to_string()
    }

    fn read_by(source: &Source, record: &str) -> Result<(Key, EventIdentity), String> {
        let record: &RawValue = serde_json::from_str(record).unwrap();
        read(0, &Delivery::read(0, record), source).map(|(key, arrival)| (key, arrival.identity))
    }

    #[test]
    fn the_body_is_read_unless_the_attributes_say_what_the_id_proves() {
        let (by_time, by_other) = (source("createTime"), source("other"));
        let [key, sort] = ["AFC F5", SORT].map(|text| Key::S(text.to_owned()));
        let body = json!({ "mark": "AFC F5", "createTime": SORT }).to_string();
        let identity = EventIdentity { sort: sort.clone(), id: Some("e1".to_owned()) };
        let expected = Ok((key.clone(), identity));
        for source in [&by_time, &by_other] {
            for told_time in [SORT, "2025-03-01T09:30:00Z"] {
                assert_eq!(read_by(source, &delivery(&key, &sort, told_time, &body)), expected);
            }
        }
        // Only a body that is not needed may be anything.
        let unread = delivery(&key, &sort, SORT, "no event");
        assert_eq!(read_by(&by_time, &unread), expected);
        assert!(read_by(&by_other, &unread).is_err());
        assert!(read_by(&by_time, &delivery(&key, &sort, "2025-03-01T09:30:00Z", "no event")).is_err());
        // A repair says which event it brings.
        let mut repair: Value = serde_json::from_str(&unread).unwrap();
        repair["messageAttributes"][REPAIR] = json!({ "stringValue": "other", "dataType": "String" });
        assert!(read_by(&by_time, &repair.to_string()).is_err());
        // An id of another event proves nothing.
        let mut other: Value = serde_json::from_str(&unread).unwrap();
        other["messageAttributes"]["eventId"]["stringValue"] = "e2".into();
        assert!(read_by(&by_time, &other.to_string()).is_err());
    }

    #[test]
    fn a_version_that_is_the_sort_key_is_proven_as_a_number() {
        let by_version =
            Source { sort_key: "version".to_owned(), id: None, time: None, ..source("createTime") };
        let key = Key::S("AFC F5".to_owned());
        let of = |sort: &Key, body: &str| {
            let identity: EventIdentity = sort.clone().into();
            let mut record: Value = serde_json::from_str(&delivery(&key, sort, SORT, body)).unwrap();
            record["attributes"]["MessageDeduplicationId"] =
                DeduplicationId::of_event(&key, &identity).as_str().into();
            (record.to_string(), identity)
        };
        let (unread, identity) = of(&Key::N("7".to_owned()), "no event");
        assert_eq!(read_by(&by_version, &unread), Ok((key.clone(), identity)));
        // Text, or another number than the attribute says, is read from the body.
        for (sort, body) in [
            (Key::S("7".to_owned()), json!({ "mark": "AFC F5", "version": "7" })),
            (Key::N("8".to_owned()), json!({ "mark": "AFC F5", "version": 8 })),
        ] {
            let (read, identity) = of(&sort, &body.to_string());
            assert_eq!(read_by(&by_version, &read), Ok((key.clone(), identity)));
            assert!(read_by(&by_version, &of(&sort, "no event").0).is_err());
        }
    }

    #[test]
    fn keys_of_other_types_are_read_from_the_body() {
        let by_time = source("createTime");
        let sort = Key::S(SORT.to_owned());
        for (key, json) in [
            (Key::N("17".to_owned()), json!(17)),
            (Key::B(vec![0, 255]), json!("AP8=")),
            (Key::S("x".repeat(200)), json!("x".repeat(200))),
        ] {
            let body = json!({ "mark": json, "createTime": SORT }).to_string();
            let (found, identity) = read_by(&by_time, &delivery(&key, &sort, SORT, &body)).unwrap();
            assert_eq!((&found, &identity.sort), (&key, &sort));
            assert!(read_by(&by_time, &delivery(&key, &sort, SORT, "{}")).is_err());
        }
    }
}
