//! An event: one item of the event table, with what the pipeline and its clients need to know of it.

mod error;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::{Path, Source, VersionPlace};
use crate::ids::{DeduplicationId, EventIdentity, Group, Key, ReplayId};
use crate::image::{self, Field, Image, Scalar, Type, WantedPaths, sqs_safe};
use crate::message::{Attribute, Body, ChainLink, Message};
use crate::pattern::PatternSet;
use crate::time::Timestamp;

pub use error::{EventError, Role};

/// The most bytes of an event's id, name and time, so that they neither crowd out the body nor outgrow what other
/// services take for such a value.
pub const TEXT_LIMIT: usize = 256;

/// The name of the attribute that says when the stream recorded an event (a Number, milliseconds since 1970).
pub const STREAMED_AT: &str = "streamedAt";

/// One event, ready to become a [`Message`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    key: Key,
    identity: EventIdentity,
    group: Group,
    deduplication_id: DeduplicationId,
    name: Option<String>,
    time: Option<String>,
    version: i64,
    body: String,
}

/// How events are made of items: `[source]`, prepared once at cold start.
#[derive(Clone, Debug)]
pub struct Reader {
    places: Vec<RolePath>,
    version: VersionPlace,
    filter: Option<PatternSet<()>>,
    wanted: WantedPaths,
}

/// What travels with an event and is not the event's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Along<'a> {
    /// `AWSTraceHeader`.
    pub trace_header: Option<&'a str>,
    /// When the stream recorded the event; none for one that is read from the table.
    pub streamed_at: Option<Timestamp>,
    /// Where the event stands among those of its client, in a message to a client.
    pub chain: Option<ChainLink<'a>>,
    /// The replay in which the event is sent again, if it is: an attribute names it, and the deduplication id has it.
    pub replay: Option<&'a ReplayId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct RolePath {
    role: Role,
    path: Path,
}

impl Reader {
    /// Reads events as `source` says.
    pub fn new(source: &Source) -> Self {
        let attribute = |name: &String| Path(vec![name.clone()]);
        let places = [
            (Role::PartitionKey, Some(attribute(&source.partition_key))),
            (Role::SortKey, Some(attribute(&source.sort_key))),
            (Role::Id, source.id.clone()),
            (Role::Name, source.name.clone()),
            (Role::Time, source.time.clone()),
            (Role::Version, Some(source.version.path.clone())),
        ];
        let places = places
            .into_iter()
            .filter_map(|(role, path)| Some(RolePath { role, path: path? }))
            .collect::<Vec<_>>();
        let wanted = WantedPaths::new(places.iter().map(|place| &place.path));
        let filter = source.filter.as_ref().map(|filter| PatternSet::new([((), filter)]));
        Self { places, version: source.version.clone(), filter, wanted }
    }

    /// What has to be taken along when an item is converted for [`event`](Self::event).
    pub fn wanted(&self) -> &WantedPaths {
        &self.wanted
    }

    /// Whether the source says where events' times are.
    pub fn has_times(&self) -> bool {
        self.place(Role::Time).is_some()
    }

    /// Whether the source's filter admits the item of `image`: else it is no event, whatever it lacks.
    pub fn admits(&self, image: &Image<'_>) -> bool {
        // Of JSON that was written here, each is read; if one were not, its event must not be lost.
        let admits =
            |filter: &PatternSet<()>| filter.matches(&image.json).map_or(true, |found| !found.is_empty());
        self.filter.as_ref().is_none_or(admits)
    }

    /// Reads an event from `image`, an item as the stream writes it that the filter admits.
    ///
    /// # Errors
    ///
    /// [`EventError`] if this item can never be an event.
    pub fn read(&self, image: &str) -> Result<Event, EventError> {
        self.event(image::convert(image, &self.wanted)?)
    }

    /// Reads an event from `image`, an item as the stream writes it; `None` if the filter does not admit that.
    ///
    /// # Errors
    ///
    /// [`EventError`] if an admitted item can never be an event.
    pub fn read_admitted(&self, image: &str) -> Result<Option<Event>, EventError> {
        let image = image::convert(image, &self.wanted)?;
        if self.admits(&image) { self.event(image).map(Some) } else { Ok(None) }
    }

    /// Makes an event of an [admitted](Self::admits) item that was converted with [`wanted`](Self::wanted), from the
    /// stream or from the table: the event is the same.
    ///
    /// The id is the item's own, if the config says where that is (bytes become base64), else the deduplication id.
    ///
    /// A name or time that is missing, empty, neither a string nor a number or longer than [`TEXT_LIMIT`] is left out.
    ///
    /// # Errors
    ///
    /// [`EventError`] if the item lacks a key, its version, or the id that the config names, or if they cannot serve.
    pub fn event(&self, image: Image<'_>) -> Result<Event, EventError> {
        let fields = Fields { reader: self, values: image.fields };
        let (key, sort) = (fields.key(Role::PartitionKey)?, fields.key(Role::SortKey)?);
        let version = fields.version()?;
        let id = self.place(Role::Id).map(|_| fields.id()).transpose()?;
        let identity = EventIdentity { sort, id };
        Ok(Event {
            group: Group::of(&key),
            deduplication_id: DeduplicationId::of_event(&key, &identity),
            key,
            identity,
            name: fields.short_text(Role::Name),
            time: fields.short_text(Role::Time),
            version,
            body: image.json,
        })
    }

    fn place(&self, role: Role) -> Option<&RolePath> {
        self.places.iter().find(|place| place.role == role)
    }
}

impl Event {
    /// The aggregate's key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What tells it from the aggregate's other events.
    pub fn identity(&self) -> &EventIdentity {
        &self.identity
    }

    /// The aggregate's group.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The deduplication id on the fan-out queue, which is the event's wherever its item is read.
    pub fn deduplication_id(&self) -> &DeduplicationId {
        &self.deduplication_id
    }

    /// The id by which clients know the event: 1 to [`TEXT_LIMIT`] bytes.
    pub fn id(&self) -> &str {
        self.identity.id.as_deref().unwrap_or(self.deduplication_id.as_str())
    }

    /// The event's name: 1 to [`TEXT_LIMIT`] bytes.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The event's time, as the item has it: 1 to [`TEXT_LIMIT`] bytes.
    pub fn time(&self) -> Option<&str> {
        self.time.as_deref()
    }

    /// The event's number inside its aggregate, from [`VersionPlace::first`].
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The item as JSON.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The size that SQS counts of the event's message, in bytes, without what travels along.
    pub fn size(&self) -> usize {
        self.body.len() + self.attributes().iter().map(Attribute::size).sum::<usize>()
    }

    /// The event as a message, with the attributes `eventId`, `eventName`, `eventTime` and `version`, as far as the
    /// event has them, and with what travels `along`.
    pub fn message(&self, along: Along<'_>) -> Message {
        let mut attributes = self.attributes();
        attributes
            .extend(along.streamed_at.map(|at| Attribute::number(STREAMED_AT, at.as_millis().to_string())));
        attributes.extend(along.chain.into_iter().flat_map(ChainLink::attributes));
        attributes.extend(along.replay.map(Attribute::replay));
        let mut id = self.deduplication_id.clone();
        if let Some(link) = along.chain {
            id = id.in_incarnation(link.incarnation);
        }
        if let Some(replay) = along.replay {
            id = id.replayed(replay);
        }
        Message::new(self.group.clone(), id, Body::Text(&self.body), attributes, along.trace_header)
    }

    /// The event as a message to the fan-out queue that takes it for another than the one that the stream brought, and
    /// for another in each `window`: it has a deduplication id of its own and names the event's in an attribute.
    pub fn repair(&self, window: u64) -> Message {
        let mut attributes = self.attributes();
        attributes.push(Attribute::repair(&self.deduplication_id));
        let id = self.deduplication_id.derived(&format!("repair {window}"));
        Message::new(self.group.clone(), id, Body::Text(&self.body), attributes, None)
    }

    fn attributes(&self) -> Vec<Attribute> {
        let mut attributes = vec![Attribute::string("eventId", self.id())];
        attributes.extend(self.name.as_ref().map(|name| Attribute::string("eventName", name)));
        attributes.extend(self.time.as_ref().map(|time| Attribute::string("eventTime", time)));
        attributes.push(Attribute::number("version", self.version.to_string()));
        attributes
    }
}

/// An item's values at the reader's places, in the same order.
struct Fields<'r, 'v> {
    reader: &'r Reader,
    values: Vec<Field<'v>>,
}

impl<'v> Fields<'_, 'v> {
    /// A string, number or bytes, not empty.
    fn scalar(&self, role: Role) -> Result<&Scalar<'v>, EventError> {
        let mut places = self.reader.places.iter().zip(&self.values);
        let Some((place, value)) = places.find(|(place, _)| place.role == role) else {
            return Err(EventError::Lacks { role, path: String::new() });
        };
        match value {
            Field::Absent => Err(EventError::Lacks { role, path: place.path.to_string() }),
            Field::Other(found) => {
                Err(EventError::WrongType { role, path: place.path.to_string(), found: *found })
            }
            Field::Scalar(scalar) if scalar.is_empty() => {
                Err(EventError::Empty { role, path: place.path.to_string() })
            }
            Field::Scalar(scalar) => Ok(scalar),
        }
    }

    fn key(&self, role: Role) -> Result<Key, EventError> {
        Ok(self.scalar(role)?.to_key())
    }

    fn text(&self, role: Role) -> Result<&str, EventError> {
        match self.scalar(role)? {
            Scalar::S(text) | Scalar::N(text) => Ok(text),
            Scalar::B(_) => Err(EventError::WrongType { role, path: self.path(role), found: Type::B }),
        }
    }

    fn id(&self) -> Result<String, EventError> {
        let id = id_text(&self.scalar(Role::Id)?.to_key());
        if id.len() > TEXT_LIMIT {
            return Err(EventError::IdTooLong { path: self.path(Role::Id), length: id.len() });
        }
        Ok(id)
    }

    fn short_text(&self, role: Role) -> Option<String> {
        let text = sqs_safe(self.text(role).ok()?);
        (text.len() <= TEXT_LIMIT).then(|| text.into_owned())
    }

    fn version(&self) -> Result<i64, EventError> {
        let place = &self.reader.version;
        let value = self.scalar(Role::Version)?;
        if matches!(value, Scalar::B(_)) {
            return Err(EventError::WrongType {
                role: Role::Version,
                path: place.path.to_string(),
                found: Type::B,
            });
        }
        place.read(&value.to_key()).ok_or_else(|| EventError::Version { place: place.clone() })
    }

    fn path(&self, role: Role) -> String {
        self.reader.place(role).map(|place| place.path.to_string()).unwrap_or_default()
    }
}

/// The event's own id that `value` stands for; `None` if it can be no event's.
pub(crate) fn own_id(value: &Key) -> Option<String> {
    Some(id_text(value)).filter(|id| (1..=TEXT_LIMIT).contains(&id.len()))
}

/// An id as messages have it: bytes as base64.
fn id_text(value: &Key) -> String {
    match value {
        Key::S(text) | Key::N(text) => sqs_safe(text).into_owned(),
        Key::B(bytes) => STANDARD.encode(bytes),
    }
}

#[cfg(test)]
mod tests;
