//! The record around an item, and the item in it, in one pass.
//!
//! A general parser would look at every byte of the image once more, only to find its end.

use std::borrow::Cow;
use std::time::Duration;

use super::read::ScanPosition;
use super::text::Text;
use super::{Fault, Image, ImageError, WantedPaths, Writer};
use crate::time::Timestamp;

/// What makes the nearest millisecond of the next lower one: a fraction of a second is seldom exact in binary.
const HALF_A_MILLISECOND: Duration = Duration::from_micros(500);

/// A record of a DynamoDB stream, as far as it matters. A member that is missing or null is `None`.
#[derive(Debug)]
pub struct Record<'r> {
    /// `eventID`.
    pub event_id: Option<Cow<'r, str>>,
    /// `eventName`: `INSERT`, `MODIFY` or `REMOVE`.
    pub change: Cow<'r, str>,
    /// `eventSource`: the service, `aws:dynamodb`.
    pub source: Option<Cow<'r, str>>,
    /// `eventSourceARN`: the stream.
    pub stream: Option<Cow<'r, str>>,
    /// `userIdentity.principalId`: who made the change, if it was a service.
    pub principal: Option<Cow<'r, str>>,
    /// `dynamodb.ApproximateCreationDateTime`: when the change was recorded, in seconds, to which the stream rounds
    /// down, or in the unit that `ApproximateCreationDateTimePrecision` names (DynamoDB Streams API, `StreamRecord`;
    /// DynamoDB Developer Guide, "Using Kinesis Data Streams"). What is no such time is as if it were missing.
    pub created: Option<Timestamp>,
    /// `dynamodb.Keys`, as it is written, whether UTF-8 or not.
    pub keys: Option<&'r [u8]>,
    /// `dynamodb.NewImage`.
    pub image: Option<NewImage<'r>>,
    /// `dynamodb.SequenceNumber`.
    pub sequence_number: Option<Cow<'r, str>>,
    /// `dynamodb.StreamViewType`.
    pub view_type: Option<Cow<'r, str>>,
}

/// A record's image. What is wrong in it does not hide the rest of the record.
#[derive(Debug)]
pub struct NewImage<'r> {
    /// As it is written, whether UTF-8 or not.
    pub raw: &'r [u8],
    /// As JSON.
    pub converted: Result<Image<'r>, ImageError>,
}

/// Why a text is not a stream record. It holds none of the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Something is wrong outside the image.
    #[error("not a stream record: byte {at} is not what DynamoDB writes there")]
    Malformed {
        /// How many bytes were read before.
        at: usize,
    },
    /// A member that every record has is missing or null.
    #[error("not a stream record: it has no `{0}`")]
    Missing(&'static str),
    /// A member is there twice.
    #[error("not a stream record: it has `{0}` twice")]
    Repeated(&'static str),
}

impl<'r> Record<'r> {
    /// Reads `text`, one record, and converts its image.
    ///
    /// Members that are not named here are passed over: only their brackets and strings are looked at.
    ///
    /// # Errors
    ///
    /// [`RecordError`] if `text` is not such a record; but what is wrong in the image stands in the record.
    pub fn read(text: &'r [u8], wanted: &WantedPaths) -> Result<Self, RecordError> {
        let mut scan_position = ScanPosition::new(text);
        let mut members = Members::default();
        let read = members.record(&mut scan_position, wanted).and_then(|()| Ok(scan_position.end()?));
        read.map_err(|fault| match fault {
            RecordFault::Malformed => RecordError::Malformed { at: scan_position.position() },
            RecordFault::Repeated(name) => RecordError::Repeated(name),
        })?;
        if !members.has_change {
            return Err(RecordError::Missing("dynamodb"));
        }
        Ok(Self {
            change: members.change.ok_or(RecordError::Missing("eventName"))?,
            event_id: members.event_id,
            source: members.source,
            stream: members.stream,
            principal: members.principal,
            created: members.created.and_then(|time| created(time, members.precision.as_deref())),
            keys: members.keys,
            image: members.image,
            sequence_number: members.sequence_number,
            view_type: members.view_type,
        })
    }
}

/// A record's members so far.
#[derive(Default)]
struct Members<'r> {
    event_id: Option<Cow<'r, str>>,
    change: Option<Cow<'r, str>>,
    source: Option<Cow<'r, str>>,
    stream: Option<Cow<'r, str>>,
    principal: Option<Cow<'r, str>>,
    created: Option<&'r [u8]>,
    precision: Option<Cow<'r, str>>,
    has_change: bool,
    keys: Option<&'r [u8]>,
    image: Option<NewImage<'r>>,
    sequence_number: Option<Cow<'r, str>>,
    view_type: Option<Cow<'r, str>>,
}

enum RecordFault {
    Malformed,
    Repeated(&'static str),
}

impl<'r> Members<'r> {
    fn record(
        &mut self,
        scan_position: &mut ScanPosition<'r>,
        wanted: &WantedPaths,
    ) -> Result<(), RecordFault> {
        scan_position.object(|scan_position, name| match name {
            b"eventID" => set(&mut self.event_id, "eventID", text(scan_position)?),
            b"eventName" => set(&mut self.change, "eventName", text(scan_position)?),
            b"eventSource" => set(&mut self.source, "eventSource", text(scan_position)?),
            b"eventSourceARN" => set(&mut self.stream, "eventSourceARN", text(scan_position)?),
            b"userIdentity" if scan_position.skip_null() => Ok(()),
            b"userIdentity" => self.user_identity(scan_position),
            b"dynamodb" if self.has_change => Err(RecordFault::Repeated("dynamodb")),
            b"dynamodb" => {
                self.has_change = true;
                self.dynamodb(scan_position, wanted)
            }
            _ => Ok(scan_position.any().map(drop)?),
        })
    }

    fn user_identity(&mut self, scan_position: &mut ScanPosition<'r>) -> Result<(), RecordFault> {
        scan_position.object(|scan_position, name| match name {
            b"principalId" => set(&mut self.principal, "principalId", text(scan_position)?),
            _ => Ok(scan_position.any().map(drop)?),
        })
    }

    fn dynamodb(
        &mut self,
        scan_position: &mut ScanPosition<'r>,
        wanted: &WantedPaths,
    ) -> Result<(), RecordFault> {
        scan_position.object(|scan_position, name| match name {
            b"ApproximateCreationDateTime" => {
                self.created = Some(scan_position.any()?);
                Ok(())
            }
            b"ApproximateCreationDateTimePrecision" => {
                set(&mut self.precision, "ApproximateCreationDateTimePrecision", text(scan_position)?)
            }
            b"Keys" if scan_position.skip_null() => Ok(()),
            b"Keys" => set(&mut self.keys, "Keys", Some(scan_position.any()?)),
            b"NewImage" if scan_position.skip_null() => Ok(()),
            b"NewImage" => set(&mut self.image, "NewImage", Some(image(scan_position, wanted)?)),
            b"SequenceNumber" => set(&mut self.sequence_number, "SequenceNumber", text(scan_position)?),
            b"StreamViewType" => set(&mut self.view_type, "StreamViewType", text(scan_position)?),
            _ => Ok(scan_position.any().map(drop)?),
        })
    }
}

fn image<'r>(scan_position: &mut ScanPosition<'r>, wanted: &WantedPaths) -> Result<NewImage<'r>, Fault> {
    let mut writer = Writer::new(wanted, scan_position.remaining());
    let mut ahead = scan_position.clone();
    match ahead.attributes(&mut writer) {
        Ok(()) => Ok(NewImage { raw: scan_position.pass_to(&ahead)?, converted: writer.finish(Ok(())) }),
        Err(fault) => Ok(NewImage { raw: scan_position.any()?, converted: writer.finish(Err(fault)) }),
    }
}

/// A time as JSON writes a number of units since 1970, to the millisecond. Without a precision, the unit is a second.
fn created(text: &[u8], precision: Option<&str>) -> Option<Timestamp> {
    let per_second = match precision {
        None => 1.0,
        Some("MILLISECOND") => 1e3,
        Some("MICROSECOND") => 1e6,
        Some(_) => return None,
    };
    let units: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let seconds = units / per_second;
    let time = Duration::try_from_secs_f64(seconds).ok()?.checked_add(HALF_A_MILLISECOND)?;
    u64::try_from(time.as_millis()).ok().map(Timestamp::from_millis)
}

/// A string or null.
fn text<'r>(scan_position: &mut ScanPosition<'r>) -> Result<Option<Cow<'r, str>>, Fault> {
    scan_position.string_or_null()?.map(Text::try_into_str).transpose()
}

fn set<T>(member: &mut Option<T>, name: &'static str, value: Option<T>) -> Result<(), RecordFault> {
    if member.is_some() {
        return Err(RecordFault::Repeated(name));
    }
    *member = value;
    Ok(())
}

impl From<Fault> for RecordFault {
    fn from(_: Fault) -> Self {
        Self::Malformed
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::config::Path;
    use crate::image::convert;
    use crate::image::samples::{item, raw};

    const RECORD: &str = r#"{
        "awsRegion": "eu-west-2", "eventName": "INSERT", "other": [{"eventID": "}"}, [], -1.5e3, true, "\"]"],
        "dynamodb": {
            "ApproximateCreationDateTime": 1740821400, "Keys": { "mark": {"S": "AFC F5"} },
            "NewImage": {"mark": {"S": "AFC F5"}, "a": {"N": "1.10"}} , "SequenceNumber": "42", "SizeBytes": 7,
            "StreamViewType": "NEW_IMAGE", "more": null
        },
        "eventID": "\u0063\\4", "eventSourceARN": "arn:aws:dynamodb",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    }"#;

    fn read(text: &str) -> Result<Record<'_>, RecordError> {
        Record::read(text.as_bytes(), &WantedPaths::default())
    }

    #[test]
    fn members_are_read_whatever_lies_between_them() {
        let record = read(RECORD).unwrap();
        assert_eq!(record.event_id.as_deref(), Some("c\\4"));
        assert_eq!(record.change, "INSERT");
        assert_eq!(record.stream.as_deref(), Some("arn:aws:dynamodb"));
        assert_eq!(record.principal.as_deref(), Some("dynamodb.amazonaws.com"));
        assert_eq!(record.created, Some(Timestamp::from_millis(1_740_821_400_000)));
        assert_eq!(record.keys, Some(r#"{ "mark": {"S": "AFC F5"} }"#.as_bytes()));
        assert_eq!(record.sequence_number.as_deref(), Some("42"));
        assert_eq!(record.view_type.as_deref(), Some("NEW_IMAGE"));
        let image = record.image.unwrap();
        assert_eq!(image.raw, br#"{"mark": {"S": "AFC F5"}, "a": {"N": "1.10"}}"#);
        assert_eq!(image.converted.unwrap().json, r#"{"a":1.10,"mark":"AFC F5"}"#);
    }

    #[test]
    fn only_the_change_and_its_data_are_needed_and_null_is_nothing() {
        for text in [
            r#"{"eventName":"REMOVE","dynamodb":{}}"#,
            r#"{"eventID":null,"eventName":"REMOVE","eventSourceARN":null,"userIdentity":null,"dynamodb":{"Keys":null,"NewImage":null,"SequenceNumber":null,"StreamViewType":null}}"#,
            r#"{"eventName":"REMOVE","dynamodb":{},"userIdentity":{"principalId":null}}"#,
        ] {
            let record = read(text).unwrap();
            assert_eq!(record.change, "REMOVE");
            assert!(record.event_id.is_none() && record.stream.is_none() && record.principal.is_none());
            assert!(record.keys.is_none() && record.image.is_none());
            assert!(record.sequence_number.is_none() && record.view_type.is_none());
        }
    }

    #[test]
    fn a_time_is_read_to_the_millisecond_and_what_is_no_time_counts_as_missing() {
        let check = |time: &str, expected: Option<u64>| {
            let time = format!("\"ApproximateCreationDateTime\": {time}");
            let text = RECORD.replace("\"ApproximateCreationDateTime\": 1740821400", &time);
            let record = read(&text).unwrap();
            assert_eq!(record.created.map(Timestamp::as_millis), expected, "{time}");
            assert_eq!(record.sequence_number.as_deref(), Some("42"));
        };
        check("1740821400.0", Some(1_740_821_400_000));
        check("1740821400.123", Some(1_740_821_400_123));
        check("1740821400.9996", Some(1_740_821_401_000));
        check("1.7408214E9", Some(1_740_821_400_000));
        for none in ["null", "-1", "1e300", "1e18", "\"1740821400\"", "{}", "[1]", "true"] {
            check(none, None);
        }
        let twice = "1740821400, \"ApproximateCreationDateTime\": 1740821401";
        check(twice, Some(1_740_821_401_000));
        let in_units =
            |time: &str, unit: &str| format!("{time}, \"ApproximateCreationDateTimePrecision\": {unit}");
        check(&in_units("1740821400123", "\"MILLISECOND\""), Some(1_740_821_400_123));
        check(&in_units("1740821400123456", "\"MICROSECOND\""), Some(1_740_821_400_123));
        check(&in_units("1740821400", "null"), Some(1_740_821_400_000));
        check(&in_units("1740821400", "\"DAY\""), None);
        // The stream of the table itself has seconds, and no precision.
        check("1740821400123", Some(1_740_821_400_123_000));
    }

    #[test]
    fn what_is_wrong_in_the_image_leaves_the_other_members_readable() {
        let check = |image: &str, expect: Expect| {
            let text = RECORD.replace(r#"{"mark": {"S": "AFC F5"}, "a": {"N": "1.10"}}"#, image);
            let record = read(&text).unwrap();
            assert_eq!(record.sequence_number.as_deref(), Some("42"));
            assert_eq!(record.view_type.as_deref(), Some("NEW_IMAGE"));
            let found = record.image.unwrap();
            assert_eq!(found.raw, image.as_bytes());
            expect.assert_eq(&found.converted.unwrap_err().to_string());
        };
        check(
            r#"{"a": {"N": "1,5"}, "b": [{"c": "}"}]}"#,
            expect!["attribute `a`: not a number as JSON writes it"],
        );
        check(r#"{"a": {"S": "x"}, "a": {"S": "x"}}"#, expect!["attribute `a`: there twice"]);
        check("7", expect!["the image: not a typed value as DynamoDB writes it"]);
        check(r#""\"\n""#, expect!["the image: not a typed value as DynamoDB writes it"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_the_image_s_error() {
        let wanted = WantedPaths::new(&[Path(vec!["wanted".to_owned()])]);
        for image in [
            &b"{\"a\":{\"S\":\"\xFF\"}}"[..],
            b"{\"a\":{\"S\":\"\xC3\"},\"b\":{\"S\":\"\xA9\"}}",
            b"{\"wanted\":{\"S\":\"\xFF\"}}",
            b"{\"wanted\":{\"S\":\"\\\"\xFF\"}}",
            b"{\"a\":{\"S\":\"\\\"\xFF\"}}",
            b"{\"a\":{\"S\":\"\xED\xA0\x80\"}}",
            b"{\"a\xFF\":{\"S\":\"\"}}",
            b"{\"b\\n\xFF\":{\"S\":\"\"},\"a\":{\"S\":\"\"}}",
            b"{\"a\":{\"SS\":[\"\xFF\"]}}",
            b"{\"a\":{\"L\":[{\"M\":{\"\xFF\":{\"NULL\":true}}}]}}",
        ] {
            let text = [b"{\"eventName\":\"INSERT\",\"dynamodb\":{\"NewImage\":", image, b"}}"].concat();
            let found = Record::read(&text, &wanted).unwrap().image.unwrap();
            assert_eq!(found.raw, image);
            assert_eq!(found.converted.unwrap_err().fault, Fault::Malformed, "{}", image.escape_ascii());
        }
        let text = b"{\"eventName\":\"INSERT\",\"dynamodb\":{\"NewImage\":{\"a\xFF\":{\"N\":\"\xFF\"}}}}";
        let error = Record::read(text, &wanted).unwrap().image.unwrap().converted.unwrap_err();
        assert_eq!(error.to_string(), "attribute `a\u{fffd}`: not a number as JSON writes it");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_an_error_in_what_is_read() {
        for member in ["eventID", "eventName", "eventSourceARN"] {
            for value in [&b"\xFF"[..], b"\\n\xFF", b"\\u0041\xFF"] {
                let text = [b"{\"", member.as_bytes(), b"\":\"", value, b"\"}"].concat();
                let error = Record::read(&text, &WantedPaths::default()).unwrap_err();
                assert!(matches!(error, RecordError::Malformed { .. }), "{}: {error}", text.escape_ascii());
            }
        }
        // Strings that have to be rewritten are read even if their values are not wanted.
        for value in [&b"\\u0041\xFF"[..], b"\xEF\xBF\xBE\xFF"] {
            let text = [b"{\"dynamodb\":{\"NewImage\":{\"a\":{\"S\":\"", value, b"\"}}}}"].concat();
            let error = Record::read(&text, &WantedPaths::default()).unwrap_err();
            assert!(matches!(error, RecordError::Malformed { .. }), "{}: {error}", text.escape_ascii());
        }
        let text = b"{\"eventName\":\"REMOVE\",\"\xFF\":\"\xFF\",\"dynamodb\":{\"Keys\":{\"\xFF\":7}}}";
        let record = Record::read(text, &WantedPaths::default()).unwrap();
        assert_eq!(record.keys, Some(&b"{\"\xFF\":7}"[..]), "as it is written");
    }

    #[test]
    fn what_is_wrong_elsewhere_is_an_error_that_repeats_no_values() {
        let check = |text: &str, expect: Expect| expect.assert_eq(&read(text).unwrap_err().to_string());
        check("", expect!["not a stream record: byte 0 is not what DynamoDB writes there"]);
        check(r#"["INSERT"]"#, expect!["not a stream record: byte 0 is not what DynamoDB writes there"]);
        check(
            r#"{"eventName":1}"#,
            expect!["not a stream record: byte 13 is not what DynamoDB writes there"],
        );
        check(r#"{"other":}"#, expect!["not a stream record: byte 9 is not what DynamoDB writes there"]);
        check(r#"{"other":[1}"#, expect!["not a stream record: byte 12 is not what DynamoDB writes there"]);
        check(
            r#"{"dynamodb":[]}"#,
            expect!["not a stream record: byte 12 is not what DynamoDB writes there"],
        );
        check(r#"{"dynamodb":{}}"#, expect!["not a stream record: it has no `eventName`"]);
        check(r#"{"eventName":"INSERT"}"#, expect!["not a stream record: it has no `dynamodb`"]);
        check(r#"{"eventName":null,"dynamodb":{}}"#, expect!["not a stream record: it has no `eventName`"]);
        check(r#"{"eventID":"1","eventID":"2"}"#, expect!["not a stream record: it has `eventID` twice"]);
        check(r#"{"dynamodb":{},"dynamodb":{}}"#, expect!["not a stream record: it has `dynamodb` twice"]);
        check(
            r#"{"dynamodb":{"NewImage":{},"NewImage":{}}}"#,
            expect!["not a stream record: it has `NewImage` twice"],
        );
        check(
            r#"{"eventName":"INSERT","dynamodb":{}} x"#,
            expect!["not a stream record: byte 37 is not what DynamoDB writes there"],
        );
    }

    proptest! {
        #[test]
        fn an_image_is_converted_as_by_itself(entries in item()) {
            let image = raw(&entries);
            let text = format!(r#"{{"eventName":"INSERT","dynamodb":{{"NewImage":{image},"SequenceNumber":"1"}}}}"#);
            let found = read(&text).unwrap().image.unwrap();
            prop_assert_eq!(found.raw, image.as_bytes());
            prop_assert_eq!(found.converted, convert(&image, &WantedPaths::default()));
        }

        /// Text that is cut out or inserted anywhere makes an error or another record, never a panic.
        #[test]
        fn a_damaged_record_is_never_a_panic(at: prop::sample::Index, with in "[\"{}\\[\\]:,0e\\\\]{0,2}", cut in 0_usize..3) {
            let mut characters = RECORD.chars().collect::<Vec<_>>();
            let start = at.index(characters.len());
            let end = (start + cut).min(characters.len());
            characters.splice(start..end, with.chars());
            let damaged = String::from_iter(characters);
            if let Ok(record) = read(&damaged) {
                prop_assert!(record.keys.is_none_or(|keys| damaged.contains(std::str::from_utf8(keys).unwrap())));
            }
        }
    }
}
