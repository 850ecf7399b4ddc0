//! The events of marks' incarnations, as an event source without the companion may write them.

use time::OffsetDateTime;

use crate::event::Event;
use crate::json::{Json, Map};

/// Milliseconds from one event of a mark to its next.
const STEP: i64 = 250;

/// `events` events of each of `marks` marks, the first at `start` (milliseconds since the Unix epoch): all first
/// events, then all second ones, and so on. The same arguments give the same events.
pub fn histories(marks: usize, events: usize, start: i64) -> Vec<Event> {
    let mut incarnations: Vec<Incarnation> =
        (0..marks).map(|number| Incarnation::of(number, start)).collect();
    let mut all = Vec::with_capacity(marks.saturating_mul(events));
    for _ in 0..events {
        all.extend(incarnations.iter_mut().filter_map(|incarnation| incarnation.next_event().ok()));
    }
    all
}

/// One incarnation of a mark, as the row that the companion API keeps of it.
struct Incarnation {
    number: usize,
    mark: String,
    time: i64,
    version: u64,
    lock_time: Option<String>,
    nominee: u64,
    address: u64,
    random: SplitMix,
}

impl Incarnation {
    fn of(number: usize, start: i64) -> Self {
        let seed = u64::try_from(number).unwrap_or_default();
        // Each mark begins a little after the one before it, so that their times differ.
        let time = start.saturating_add(i64::try_from(number).unwrap_or_default());
        let random = SplitMix(seed);
        Self {
            number,
            mark: mark(number),
            time,
            version: 0,
            lock_time: None,
            nominee: seed,
            address: seed,
            random,
        }
    }

    /// Applies the next event and returns it.
    fn next_event(&mut self) -> Result<Event, String> {
        self.version += 1;
        let time = instant(self.time);
        let name = match self.version {
            1 => "EntitlementCreatedEvent",
            version => match version % 4 {
                2 => {
                    self.address += 1;
                    "AddressUpdatedEvent"
                }
                3 => {
                    self.nominee += 1;
                    "NomineeUpdatedEvent"
                }
                0 => {
                    self.lock_time = Some(time.clone());
                    "LockedEvent"
                }
                _ => {
                    self.lock_time = None;
                    "UnlockedEvent"
                }
            },
        };
        self.time += STEP;
        let mut item = Map::new();
        item.insert("mark".to_owned(), self.mark.as_str().into());
        item.insert("createTime".to_owned(), time.as_str().into());
        item.insert("eventId".to_owned(), Json::Text(self.random.uuid()));
        item.insert("eventName".to_owned(), name.into());
        item.insert("RegistrationNumber".to_owned(), self.row(&time));
        Event::try_from_item(item, 0)
    }

    fn row(&self, time: &str) -> Json {
        let mut row = Map::new();
        row.insert("mark".to_owned(), self.mark.as_str().into());
        row.insert("status".to_owned(), self.lock_time.as_ref().map_or("ENTITLED", |_| "LOCKED").into());
        row.insert("eventTime".to_owned(), time.into());
        if let Some(lock_time) = &self.lock_time {
            row.insert("lockTime".to_owned(), lock_time.as_str().into());
        }
        row.insert("price".to_owned(), Json::number(format!("{}.90", 299 + self.number % 7 * 100)));
        row.insert("version".to_owned(), Json::number(self.version.to_string()));
        row.insert("entitlement".to_owned(), self.entitlement());
        Json::Map(row)
    }

    fn entitlement(&self) -> Json {
        let mut entitlement = Map::new();
        entitlement
            .insert("certificateNo".to_owned(), Json::Text(format!("{:010}", 2_026_000_000 + self.number)));
        entitlement.insert("certificateTime".to_owned(), "2026-01-05T09:00:00Z".into());
        entitlement.insert("nomineeName".to_owned(), Json::Text(format!("Nominee {} – Größe", self.nominee)));
        entitlement
            .insert("addressLine1".to_owned(), Json::Text(format!("{} “Old Mill” Lane", self.address)));
        entitlement.insert("addressLine2".to_owned(), town(self.number).into());
        entitlement.insert("postCode".to_owned(), "AA9 9AA".into());
        Json::Map(entitlement)
    }
}

/// The mark of a number; different numbers have different marks. Most have a space, and some are not ASCII, so that
/// no group is just the mark.
pub(crate) fn mark(number: usize) -> String {
    match number % 5 {
        0 => format!("AFC F{}", 5 + number),
        1 => format!("X{number} ABC"),
        2 => format!("AB{number} CDE"),
        3 => format!("{number} XYZ"),
        _ => format!("LÖ AB {number}"),
    }
}

/// The second line of an address of a number.
pub(crate) fn town(number: usize) -> &'static str {
    const TOWNS: [&str; 4] = ["Long Field", "Pen Llŷn", "Köln", "東京"];
    TOWNS.iter().cycle().nth(number % TOWNS.len()).copied().unwrap_or_default()
}

/// An instant as Java's `ISO_INSTANT` writes it: three digits of a fraction, or none if it is zero.
fn instant(milliseconds: i64) -> String {
    let (seconds, fraction) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    // It fails only for years that have more than four digits.
    let Ok(utc) = OffsetDateTime::from_unix_timestamp(seconds) else { return String::new() };
    let ((hour, minute, second), month) = (utc.to_hms(), u8::from(utc.month()));
    let whole = format!("{:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}", utc.year(), utc.day());
    if fraction == 0 { whole + "Z" } else { format!("{whole}.{fraction:03}Z") }
}

/// The generator SplitMix64: the same numbers everywhere, for ids that differ and mean nothing.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A version 4 UUID.
    fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xFFFF,
            high & 0xFFF,
            0x8000 | low >> 48 & 0x3FFF,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use expect_test::expect;

    use super::*;

    #[test]
    fn events_are_those_that_the_companion_api_writes() {
        let events = histories(2, 6, 1_767_603_600_000);
        let mut listed = String::new();
        for event in events.iter().filter(|event| event.mark == "AFC F5") {
            let name = event.item.at(&["eventName"]).and_then(Json::as_text).unwrap();
            let status = event.item.at(&["RegistrationNumber", "status"]).and_then(Json::as_text).unwrap();
            listed += &format!("{} {} {name} {status}\n", event.version, event.create_time);
        }
        expect![[r#"
            1 2026-01-05T09:00:00Z EntitlementCreatedEvent ENTITLED
            2 2026-01-05T09:00:00.250Z AddressUpdatedEvent ENTITLED
            3 2026-01-05T09:00:00.500Z NomineeUpdatedEvent ENTITLED
            4 2026-01-05T09:00:00.750Z LockedEvent LOCKED
            5 2026-01-05T09:00:01Z UnlockedEvent ENTITLED
            6 2026-01-05T09:00:01.250Z AddressUpdatedEvent ENTITLED
        "#]]
        .assert_eq(&listed);
        expect![[r#"
            Map(
                {
                    "RegistrationNumber": Map(
                        {
                            "entitlement": Map(
                                {
                                    "addressLine1": Text(
                                        "1 “Old Mill” Lane",
                                    ),
                                    "addressLine2": Text(
                                        "Long Field",
                                    ),
                                    "certificateNo": Text(
                                        "2026000000",
                                    ),
                                    "certificateTime": Text(
                                        "2026-01-05T09:00:00Z",
                                    ),
                                    "nomineeName": Text(
                                        "Nominee 1 – Größe",
                                    ),
                                    "postCode": Text(
                                        "AA9 9AA",
                                    ),
                                },
                            ),
                            "eventTime": Text(
                                "2026-01-05T09:00:00.750Z",
                            ),
                            "lockTime": Text(
                                "2026-01-05T09:00:00.750Z",
                            ),
                            "mark": Text(
                                "AFC F5",
                            ),
                            "price": Number(
                                Number(
                                    "299.90",
                                ),
                            ),
                            "status": Text(
                                "LOCKED",
                            ),
                            "version": Number(
                                Number(
                                    "4",
                                ),
                            ),
                        },
                    ),
                    "createTime": Text(
                        "2026-01-05T09:00:00.750Z",
                    ),
                    "eventId": Text(
                        "2c829abe-1f45-42e1-8584-133ac916ab3c",
                    ),
                    "eventName": Text(
                        "LockedEvent",
                    ),
                    "mark": Text(
                        "AFC F5",
                    ),
                },
            )
        "#]]
        .assert_debug_eq(&events[6].item);
    }

    #[test]
    fn marks_keys_and_ids_are_unique_and_each_round_has_every_mark() {
        let all = histories(500, 4, 0);
        assert_eq!(all.len(), 2_000);
        assert_eq!(all.iter().map(|event| &event.mark).collect::<HashSet<_>>().len(), 500);
        assert_eq!(all.iter().map(|event| &event.id).collect::<HashSet<_>>().len(), 2_000);
        let keys: HashSet<_> = all.iter().map(|event| (&event.mark, &event.create_time)).collect();
        assert_eq!(keys.len(), 2_000);
        assert!(
            all.chunks(500)
                .all(|round| round.iter().map(|event| &event.mark).collect::<HashSet<_>>().len() == 500)
        );
        assert_eq!(all, histories(500, 4, 0));
    }

    #[test]
    fn instants_are_written_as_java_writes_them() {
        assert_eq!(instant(0), "1970-01-01T00:00:00Z");
        assert_eq!(instant(1_767_603_600_250), "2026-01-05T09:00:00.250Z");
        assert_eq!(instant(1_767_603_600_007), "2026-01-05T09:00:00.007Z");
    }
}
