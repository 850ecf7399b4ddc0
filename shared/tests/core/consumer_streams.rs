//! Whole streams for the vectors: what a client's queue brings of one aggregate, with duplicates, losses, the replays that
//! the consumer asks for, erasures and new incarnations; and what the rule makes of each message.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use crate::consumer::case;

/// How many streams there are.
const STREAMS: u64 = 12;

/// How many messages a stream loses at most.
const LOSSES: u32 = 3;

/// Numbers by chance, the same ones in each run and with each release of a library (Knuth's MMIX generator).
struct Numbers(u64);

/// An aggregate from its first event until it is erased, as the client is sent it.
struct Incarnation {
    token: String,
    /// Of the events that the client wants, and of the notice that ends it, if there is one.
    versions: Vec<i64>,
    has_notice: bool,
}

/// A message on its way.
#[derive(Clone)]
struct Sent {
    attributes: Value,
    incarnation: usize,
    version: i64,
    /// It is not lost: without anything that comes later, no loss shows.
    arrives: bool,
}

/// A consumer, what it was handed, and what it made of that.
struct Consumer {
    start: &'static str,
    first_version: i64,
    state: Option<Value>,
    received: Vec<Sent>,
    steps: Vec<Value>,
    /// The versions that its store holds.
    kept: Vec<i64>,
    /// Replays that it asked for, from which version, and after how many messages each begins.
    asked: VecDeque<(usize, i64)>,
}

pub(crate) fn streams() -> Vec<Value> {
    (0..STREAMS).map(stream).collect()
}

fn stream(seed: u64) -> Value {
    let mut numbers = Numbers(seed);
    let first_version = i64::from(seed % 3 != 2);
    let start = if seed.is_multiple_of(2) { "anywhere" } else { "from the beginning" };
    let incarnations: Vec<Incarnation> =
        (0..=numbers.below(3)).map(|number| incarnation(seed, number, first_version, &mut numbers)).collect();
    let all: Vec<(usize, usize)> = incarnations
        .iter()
        .enumerate()
        .flat_map(|(number, of)| (0..of.versions.len()).map(move |place| (number, place)))
        .collect();
    let mut consumer = Consumer {
        start,
        first_version,
        state: None,
        received: Vec::new(),
        steps: Vec::new(),
        kept: Vec::new(),
        asked: VecDeque::new(),
    };
    let (mut queue, mut sent, mut losses, mut replays) = (VecDeque::new(), 0, LOSSES, 0);
    loop {
        for _ in 0..=numbers.below(2) {
            if let Some((number, place)) = all.get(sent).copied() {
                let Incarnation { versions, has_notice, .. } = &incarnations[number];
                // Who begins anywhere can't miss the first one. And of an incarnation of which nothing came before its
                // notice, the notice says nothing: it is taken for one of long ago.
                let is_first = sent == 0 && start == "anywhere";
                let is_before_notice = *has_notice && place + 2 == versions.len();
                let arrives = is_first || is_before_notice || sent + 1 == all.len();
                queue.push_back(for_the_first_time(&incarnations, number, place, first_version, arrives));
                sent += 1;
            }
        }
        let is_idle = queue.is_empty() && sent == all.len();
        if let Some((_, from)) =
            consumer.asked.pop_front_if(|(after, _)| is_idle || *after <= consumer.received.len())
        {
            replays += 1;
            let (number, place) = all[sent - 1];
            queue.extend(replay(&incarnations, number, place, from, &format!("r-{replays}")));
        }
        let Some(message) = queue.pop_front() else {
            if is_idle {
                break;
            }
            continue;
        };
        if !message.arrives && losses > 0 && numbers.below(5) == 0 {
            losses -= 1;
            continue;
        }
        consumer.receive(message, &mut numbers);
        if numbers.below(6) == 0 {
            consumer.receive_again(1 + numbers.below(3), &mut numbers);
        }
    }
    let last = incarnations.last().unwrap();
    let expected = if last.has_notice { &[][..] } else { &last.versions };
    assert_eq!(consumer.kept, expected, "stream {seed}: whatever was lost, the store has all in the end");
    assert!(consumer.state.is_some_and(|state| state.get("asked").is_none()), "stream {seed}");
    json!({
        "start": start, "first_version": first_version, "kept": consumer.kept, "steps": consumer.steps
    })
}

/// Versions that grow by 1 to 3: what a filter passes over is not sent.
fn incarnation(seed: u64, number: u64, first_version: i64, numbers: &mut Numbers) -> Incarnation {
    let mut versions = vec![first_version + i64::try_from(numbers.below(2)).unwrap()];
    for _ in 0..1 + numbers.below(5) {
        versions.push(versions[versions.len() - 1] + 1 + i64::try_from(numbers.below(3)).unwrap());
    }
    let has_notice = numbers.below(3) > 0;
    if has_notice {
        versions.push(versions[versions.len() - 1] + 1);
    }
    Incarnation { token: format!("{:08x}{number:08x}", seed + 1), versions, has_notice }
}

fn for_the_first_time(
    incarnations: &[Incarnation],
    number: usize,
    place: usize,
    first_version: i64,
    arrives: bool,
) -> Sent {
    let previous =
        place.checked_sub(1).map_or(first_version - 1, |before| incarnations[number].versions[before]);
    message(incarnations, number, place, previous, None, arrives)
}

/// What catch-up sends of the incarnation of which everything up to `place` was sent. If it is erased, the notice stands for
/// all that is gone.
fn replay(incarnations: &[Incarnation], number: usize, place: usize, from: i64, id: &str) -> Vec<Sent> {
    let Incarnation { versions, has_notice, .. } = &incarnations[number];
    let is_erased = *has_notice && place + 1 == versions.len();
    let last_event = versions[place - usize::from(is_erased)];
    let mut previous = last_event.min(from - 1);
    let again = (0..=place).filter(|at| if is_erased { *at == place } else { versions[*at] >= from });
    let mut messages: Vec<Sent> = again
        .map(|at| {
            let message = message(incarnations, number, at, previous, Some(id), false);
            previous = message.version;
            message
        })
        .collect();
    if let Some(last) = messages.last_mut() {
        last.arrives = true;
    }
    messages
}

fn message(
    incarnations: &[Incarnation],
    number: usize,
    place: usize,
    previous: i64,
    replay: Option<&str>,
    arrives: bool,
) -> Sent {
    let Incarnation { token, versions, has_notice } = &incarnations[number];
    let version = versions[place];
    let mut attributes = Map::new();
    attributes.insert("version".to_owned(), version.to_string().into());
    attributes.insert("previousVersion".to_owned(), previous.to_string().into());
    attributes.insert("incarnation".to_owned(), token.as_str().into());
    if *has_notice && place + 1 == versions.len() {
        attributes.insert("erased".to_owned(), "2027-01-15T08:00:00Z".into());
    }
    if let Some(id) = replay {
        attributes.insert("replay".to_owned(), id.into());
    }
    Sent { attributes: attributes.into(), incarnation: number, version, arrives }
}

impl Consumer {
    fn receive(&mut self, message: Sent, numbers: &mut Numbers) {
        let of = case(self.start, self.first_version, self.state.as_ref(), &message.attributes);
        let mut step = json!({ "message": message.attributes, "verdict": of["verdict"] });
        if let Some(after) = of.get("after") {
            step["after"] = after.clone();
            self.state = Some(after.clone());
        }
        match of["verdict"].as_str().unwrap() {
            "begin" => self.kept = vec![message.version],
            "take" => self.kept.push(message.version),
            "forget" => self.kept.clear(),
            "ask" => {
                let from = of["after"]["asked"]["from"].as_i64().unwrap();
                let after = self.received.len() + usize::try_from(numbers.below(4)).unwrap();
                self.asked.push_back((after, from));
            }
            "had" | "wait" => {}
            other => panic!("{other}: {step}"),
        }
        self.steps.push(step);
        self.received.push(message);
    }

    /// Lambda delivers the last messages once more, at most so many: those of one incarnation.
    fn receive_again(&mut self, most: u64, numbers: &mut Numbers) {
        let most = usize::try_from(most).unwrap();
        let newest = self.received[self.received.len() - 1].incarnation;
        let of_newest = |message: &&Sent| message.incarnation == newest;
        let mut again: Vec<Sent> =
            self.received.iter().rev().take_while(of_newest).take(most).cloned().collect();
        while let Some(message) = again.pop() {
            self.receive(message, numbers);
        }
    }
}

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}
