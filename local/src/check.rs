//! Whether a client has received every event, in order, once and unchanged.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use crate::event::Event;
use crate::json::{Json, Number};

/// The most findings of one client that are kept word for word; all are counted.
const KEPT: usize = 20;

/// What was written, to compare with what is received.
#[derive(Debug)]
pub struct Expected {
    events: Vec<Event>,
    /// The number of each event among those of its mark, counted from 0; as long as `events`.
    places: Vec<usize>,
    by_id: HashMap<String, usize>,
}

/// A message as a client received it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The `MessageGroupId`.
    pub group: String,
    /// The attribute `eventId`.
    pub event_id: Option<String>,
    /// The attribute `version`.
    pub version: Option<String>,
    /// The body.
    pub body: String,
}

/// One client's check. Fed with every message in the order of receipt.
#[derive(Debug)]
pub struct Check<'e> {
    expected: &'e Expected,
    seen: HashSet<usize>,
    /// Of each mark, its group and the furthest event seen.
    marks: HashMap<&'e str, (String, usize)>,
    /// The mark of each group.
    groups: HashMap<String, &'e str>,
    duplicates: usize,
    out_of_order: usize,
    differing: usize,
    findings: Vec<String>,
}

/// What a client received, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Different events received, of those expected.
    pub events: usize,
    /// Events expected.
    pub expected: usize,
    /// Groups seen.
    pub groups: usize,
    /// Events not received.
    pub missing: usize,
    /// Events received after a later one of their mark.
    pub out_of_order: usize,
    /// Events received again.
    pub duplicates: usize,
    /// Messages that are not what was written: body, attributes or group.
    pub differing: usize,
    /// The first findings, in words.
    pub findings: Vec<String>,
}

impl Expected {
    /// Expects `events`, those of a mark in this order.
    pub fn new(events: Vec<Event>) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let mut places = Vec::with_capacity(events.len());
        for event in &events {
            let count = counts.entry(&event.mark).or_default();
            places.push(*count);
            *count += 1;
        }
        let by_id = events.iter().enumerate().map(|(index, event)| (event.id.clone(), index)).collect();
        Self { events, places, by_id }
    }

    /// The events, as given.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn find(&self, id: &str) -> Option<(usize, usize, &Event)> {
        let index = *self.by_id.get(id)?;
        Some((index, *self.places.get(index)?, self.events.get(index)?))
    }
}

impl<'e> Check<'e> {
    /// A check against `expected`.
    pub fn new(expected: &'e Expected) -> Self {
        Self {
            expected,
            seen: HashSet::new(),
            marks: HashMap::new(),
            groups: HashMap::new(),
            duplicates: 0,
            out_of_order: 0,
            differing: 0,
            findings: Vec::new(),
        }
    }

    /// Takes the next message. Returns the number of its event among all expected ones if it was not seen before.
    pub fn take(&mut self, received: &Received) -> Option<usize> {
        let body = match Json::parse(&received.body) {
            Ok(body) => body,
            Err(error) => {
                self.differs(format!("a body of group `{}` {error}", received.group));
                return None;
            }
        };
        let id = body.at(&["eventId"]).and_then(Json::as_text).unwrap_or_default();
        let Some((index, place, event)) = self.expected.find(id) else {
            self.differs(format!("nobody wrote the event `{id}` of group `{}`", received.group));
            return None;
        };
        let name = format!("version {} of `{}`", event.version, event.mark);
        if !self.seen.insert(index) {
            self.duplicates += 1;
            self.note(format!("{name} came again"));
            return None;
        }
        self.compare(&name, received, &body, event);
        self.place(&name, received, place, event);
        Some(index)
    }

    /// How many different events were received.
    pub fn count(&self) -> usize {
        self.seen.len()
    }

    /// Whether everything but the events `not_written` (by number) has been received.
    pub fn is_complete(&self, not_written: &HashSet<usize>) -> bool {
        self.missing(not_written).next().is_none()
    }

    /// The verdict, when nothing more will come; the events `not_written` (by number) are not expected.
    pub fn verdict(&self, not_written: &HashSet<usize>) -> Verdict {
        let mut missing = 0;
        let mut by_mark: BTreeMap<&str, Vec<&Number>> = BTreeMap::new();
        for event in self.missing(not_written) {
            missing += 1;
            by_mark.entry(&event.mark).or_default().push(&event.version);
        }
        let mut findings = self.findings.clone();
        for (mark, versions) in by_mark.into_iter().take(KEPT) {
            let listed: Vec<&str> = versions.iter().take(5).map(|version| version.as_str()).collect();
            let more = versions.len().saturating_sub(listed.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            findings.push(format!("missing of `{mark}`: version {}{more}", listed.join(", ")));
        }
        Verdict {
            events: self.seen.len(),
            expected: self.seen.len() + missing,
            groups: self.groups.len(),
            missing,
            out_of_order: self.out_of_order,
            duplicates: self.duplicates,
            differing: self.differing,
            findings,
        }
    }

    fn missing<'s>(&'s self, not_written: &'s HashSet<usize>) -> impl Iterator<Item = &'e Event> + 's {
        let events = self.expected.events.iter().enumerate();
        events
            .filter(move |(index, _)| !self.seen.contains(index) && !not_written.contains(index))
            .map(|(_, event)| event)
    }

    fn compare(&mut self, name: &str, received: &Received, body: &Json, event: &Event) {
        if let Some(path) = event.item.first_difference(body) {
            self.differs(format!("{name}: the body differs from what was written at `{path}`"));
        }
        if received.event_id.as_deref() != Some(event.id.as_str()) {
            self.differs(format!("{name}: the attribute `eventId` is {:?}", received.event_id));
        }
        if received.version.as_ref().map(Number::new).as_ref() != Some(&event.version) {
            self.differs(format!("{name}: the attribute `version` is {:?}", received.version));
        }
    }

    fn place(&mut self, name: &str, received: &Received, place: usize, event: &'e Event) {
        let mark = event.mark.as_str();
        let group = received.group.clone();
        if *self.groups.entry(group.clone()).or_insert(mark) != mark {
            self.differs(format!("{name} is in the group `{group}` of another mark"));
        }
        let (of_mark, furthest) = self.marks.entry(mark).or_insert_with(|| (group.clone(), place));
        let (is_late, is_elsewhere) = (place < *furthest, *of_mark != group);
        *furthest = place.max(*furthest);
        if is_late {
            self.out_of_order += 1;
            self.note(format!("{name} came after a later one"));
        }
        if is_elsewhere {
            self.differs(format!("{name} is in the group `{group}`, unlike the mark's first event"));
        }
    }

    fn differs(&mut self, finding: String) {
        self.differing += 1;
        self.note(finding);
    }

    fn note(&mut self, finding: String) {
        if self.findings.len() < KEPT {
            self.findings.push(finding);
        }
    }
}

impl Verdict {
    /// Whether the client has every event, in order, once and unchanged.
    pub fn is_good(&self) -> bool {
        self.missing + self.out_of_order + self.duplicates + self.differing == 0
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::marks::histories;

    /// Three events of two marks, `a` and `b`.
    fn written() -> Expected {
        Expected::new(histories(2, 3, 0))
    }

    /// A message of the event `name` (`a1` is the first mark's first event), unless `change` changes it.
    fn message(expected: &Expected, name: &str, change: impl Fn(&mut Received)) -> Received {
        let mark = usize::from(name.starts_with('b'));
        let place: usize = name[1..].parse().unwrap();
        let event = &expected.events[(place - 1) * 2 + mark];
        let mut received = Received {
            group: name[..1].to_owned(),
            event_id: Some(event.id.clone()),
            version: Some(event.version.to_string()),
            body: json_text(&event.item),
        };
        change(&mut received);
        received
    }

    fn json_text(json: &Json) -> String {
        match json {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(number) => number.to_string(),
            Json::Text(text) => serde_json::to_string(text).unwrap(),
            Json::List(values) => format!("[{}]", values.iter().map(json_text).collect::<Vec<_>>().join(",")),
            Json::Map(members) => {
                let member = |(name, value)| format!("{}:{}", serde_json::to_string(name).unwrap(), json_text(value));
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }

    fn told(verdict: &Verdict) -> String {
        let Verdict { events, expected, groups, missing, out_of_order, duplicates, differing, findings } = verdict;
        let counts = format!(
            "{events} of {expected} in {groups}; missing {missing}, out of order {out_of_order}, \
             duplicates {duplicates}, differing {differing}\n"
        );
        counts + &findings.iter().map(|finding| format!("{finding}\n")).collect::<String>()
    }

    fn check(received: &str, expected: Expect) {
        let written = written();
        let mut check = Check::new(&written);
        for name in received.split_whitespace() {
            check.take(&message(&written, name, |_| ()));
        }
        let verdict = check.verdict(&HashSet::new());
        assert_eq!(verdict.is_good(), verdict.missing == 0 && verdict.findings.is_empty());
        assert_eq!(check.is_complete(&HashSet::new()), verdict.missing == 0);
        expected.assert_eq(&told(&verdict));
    }

    fn check_changed(change: impl Fn(&mut Received), expected: Expect) {
        let written = written();
        let mut check = Check::new(&written);
        for name in ["a1", "b1", "a2", "b2", "a3"] {
            check.take(&message(&written, name, |_| ()));
        }
        check.take(&message(&written, "b3", change));
        let verdict = check.verdict(&HashSet::new());
        assert!(!verdict.is_good());
        expected.assert_eq(&told(&verdict));
    }

    #[test]
    fn marks_may_be_interleaved_in_any_way() {
        check("a1 a2 a3 b1 b2 b3", expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
        "#]]);
        check("b1 a1 b2 b3 a2 a3", expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 0
        "#]]);
    }

    #[test]
    fn missing_events_are_listed() {
        check("a1 b1 b2", expect![[r#"
            3 of 6 in 2; missing 3, out of order 0, duplicates 0, differing 0
            missing of `AFC F5`: version 2, 3
            missing of `X1 ABC`: version 3
        "#]]);
        check("", expect![[r#"
            0 of 6 in 0; missing 6, out of order 0, duplicates 0, differing 0
            missing of `AFC F5`: version 1, 2, 3
            missing of `X1 ABC`: version 1, 2, 3
        "#]]);
        check("a2 a3 b1 b2 b3", expect![[r#"
            5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 0
            missing of `AFC F5`: version 1
        "#]]);
    }

    #[test]
    fn an_event_after_a_later_one_is_out_of_order() {
        check("a2 a1 a3 b1 b2 b3", expect![[r#"
            6 of 6 in 2; missing 0, out of order 1, duplicates 0, differing 0
            version 1 of `AFC F5` came after a later one
        "#]]);
        check("a3 a1 a2 b3 b2 b1", expect![[r#"
            6 of 6 in 2; missing 0, out of order 4, duplicates 0, differing 0
            version 1 of `AFC F5` came after a later one
            version 2 of `AFC F5` came after a later one
            version 2 of `X1 ABC` came after a later one
            version 1 of `X1 ABC` came after a later one
        "#]]);
    }

    #[test]
    fn an_event_received_again_is_a_duplicate_and_nothing_else() {
        check("a1 a1 a2 a3 a2 b1 b2 b3", expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 2, differing 0
            version 1 of `AFC F5` came again
            version 2 of `AFC F5` came again
        "#]]);
    }

    #[test]
    fn what_was_not_written_is_not_expected() {
        let written = written();
        let mut check = Check::new(&written);
        for name in ["a1", "b1", "a2", "b2", "a3"] {
            check.take(&message(&written, name, |_| ()));
        }
        assert!(!check.is_complete(&HashSet::new()));
        assert!(check.is_complete(&HashSet::from([5])));
        let verdict = check.verdict(&HashSet::from([5]));
        assert!(verdict.is_good());
        assert_eq!(verdict.expected, 5);
    }

    #[test]
    fn a_changed_message_is_found() {
        check_changed(|message| message.body = message.body.replace("399.90", "399.91"), expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: the body differs from what was written at `RegistrationNumber.price`
        "#]]);
        check_changed(|message| message.body = "{".to_owned(), expect![[r#"
            5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 1
            a body of group `b` is not JSON: EOF while parsing an object, column 1
            missing of `X1 ABC`: version 3
        "#]]);
        check_changed(|message| message.body = "{\"eventId\":\"x\"}".to_owned(), expect![[r#"
            5 of 6 in 2; missing 1, out of order 0, duplicates 0, differing 1
            nobody wrote the event `x` of group `b`
            missing of `X1 ABC`: version 3
        "#]]);
        check_changed(|message| message.version = Some("4".to_owned()), expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: the attribute `version` is Some("4")
        "#]]);
        check_changed(|message| message.version = None, expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: the attribute `version` is None
        "#]]);
        check_changed(|message| message.event_id = None, expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC`: the attribute `eventId` is None
        "#]]);
        check_changed(|message| message.group = "c".to_owned(), expect![[r#"
            6 of 6 in 3; missing 0, out of order 0, duplicates 0, differing 1
            version 3 of `X1 ABC` is in the group `c`, unlike the mark's first event
        "#]]);
        check_changed(|message| message.group = "a".to_owned(), expect![[r#"
            6 of 6 in 2; missing 0, out of order 0, duplicates 0, differing 2
            version 3 of `X1 ABC` is in the group `a` of another mark
            version 3 of `X1 ABC` is in the group `a`, unlike the mark's first event
        "#]]);
    }
}
