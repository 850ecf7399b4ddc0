//! What a consumer makes of whole streams: of correct ones, and of those from which something was removed.

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

/// One incarnation as a client gets it: the versions that it wants, and whether a notice ends it.
#[derive(Clone, Debug)]
struct Incarnation {
    versions: Vec<i64>,
    is_erased: bool,
}

/// A consumer, and what it did.
#[derive(Default)]
struct Consumer {
    state: Option<ConsumerState>,
    /// The versions of the current incarnation, since it began or was forgotten.
    taken: Vec<i64>,
    /// All that ever had an effect: which incarnation, and which version.
    effects: Vec<(String, i64)>,
    asked: Vec<AskedReplay>,
    gaps: usize,
}

impl Consumer {
    fn receive(&mut self, message: &ReceivedMessage, settings: &ConsumerSettings) {
        let verdict = decide(self.state.as_ref(), message, settings);
        self.gaps += usize::from(verdict.is_gap());
        match &verdict {
            Verdict::Take { begins, .. } => {
                if *begins {
                    self.taken.clear();
                }
                self.taken.push(message.version);
                let token = message.incarnation.as_ref().unwrap().as_str();
                self.effects.push((token.to_owned(), message.version));
            }
            Verdict::Forget(_) => self.taken.clear(),
            Verdict::Ask(state) => self.asked.extend(state.asked.clone()),
            Verdict::Had | Verdict::Wait | Verdict::Refuse => (),
        }
        self.state = verdict.state_after(self.state.take());
    }
}

fn token(number: usize) -> IncarnationToken {
    IncarnationToken::try_new(&format!("{number:016x}")).unwrap()
}

/// The messages of one incarnation from version `from` on, as a replay sends them, or for the first time.
fn messages(
    number: usize,
    incarnation: &Incarnation,
    from: i64,
    replay: Option<&str>,
) -> Vec<ReceivedMessage> {
    let mut previous =
        incarnation.versions.iter().copied().filter(|version| *version < from).max().unwrap_or(0);
    if replay.is_some() {
        let last = incarnation.versions.last().copied().unwrap_or(0);
        previous = last.min(from - 1);
    }
    let mut messages: Vec<ReceivedMessage> = Vec::new();
    let notice = incarnation.versions.last().map(|last| last + 1).filter(|_| incarnation.is_erased);
    for version in incarnation.versions.iter().copied().filter(|version| *version >= from).chain(notice) {
        messages.push(ReceivedMessage {
            version,
            previous_version: Some(previous),
            incarnation: Some(token(number)),
            is_erasure: Some(version) == notice,
            replay: replay.map(|id| ReplayId::try_new(id).unwrap()),
        });
        previous = version;
    }
    messages
}

/// Versions that grow by 1 to 3: what a filter passes over is not sent.
fn incarnation() -> impl Strategy<Value = Incarnation> {
    (vec(1..=3_i64, 1..12), any::<bool>()).prop_map(|(steps, is_erased)| {
        let versions = steps.iter().scan(0, |version, step| {
            *version += step;
            Some(*version)
        });
        Incarnation { versions: versions.collect(), is_erased }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Runs of an incarnation come again at any moment before the next one begins, in replays too: whole, or only their
    /// beginning.
    #[test]
    fn of_a_correct_stream_each_event_has_its_effect_once_and_no_gap_is_seen(
        incarnations in vec(incarnation(), 1..4),
        repetitions in vec((any::<Index>(), any::<Index>(), any::<Index>(), any::<bool>()), 0..6),
        from_the_beginning: bool,
    ) {
        let start = if from_the_beginning { Start::FromTheBeginning } else { Start::Anywhere };
        let settings = ConsumerSettings { first_version: 1, start };
        let mut consumer = Consumer::default();
        let mut expected = Vec::new();
        for (number, incarnation) in incarnations.iter().enumerate() {
            let sent = messages(number, incarnation, 1, None);
            let mut queue: Vec<Vec<ReceivedMessage>> = sent.iter().map(|message| vec![message.clone()]).collect();
            for (at, first, length, is_replay) in &repetitions {
                let at = at.index(sent.len());
                let seen = &sent[..=at];
                let again = &seen[first.index(seen.len())..];
                let mut again = again[..=length.index(again.len())].to_vec();
                if *is_replay {
                    again.iter_mut().for_each(|message| message.replay = ReplayId::try_new("r").ok());
                }
                queue[at].extend(again);
            }
            for message in queue.iter().flatten() {
                consumer.receive(message, &settings);
            }
            let events = sent.iter().filter(|message| !message.is_erasure);
            expected.extend(events.map(|event| (token(number).as_str().to_owned(), event.version)));
            let left = if incarnation.is_erased { &[][..] } else { &incarnation.versions };
            prop_assert_eq!(&consumer.taken, left);
        }
        prop_assert_eq!(&consumer.effects, &expected);
        prop_assert_eq!(consumer.gaps, 0);
    }

    /// Something falls out of the queue, and out of the replays that are asked for. Each replay is enqueued behind what is
    /// there, its last message arrives, and so does the stream's.
    #[test]
    fn after_a_loss_nothing_has_an_effect_until_the_replay_brings_it_and_then_all_has_in_order(
        incarnations in vec(incarnation(), 1..4),
        lost in vec(any::<bool>(), 0..60),
        delay in 0..4_usize,
        joined_with_history: bool,
    ) {
        let incarnations: Vec<Incarnation> =
            incarnations.into_iter().map(|of| Incarnation { is_erased: false, ..of }).collect();
        let settings = ConsumerSettings { first_version: 1, start: Start::FromTheBeginning };
        // Without history a loss before the first message can't be seen, so it begins with the first one.
        let mut consumer = Consumer::default();
        if !joined_with_history {
            consumer.receive(&messages(99, &incarnation_of_one(), 1, None)[0], &settings);
        }
        let mut lost = lost.into_iter();
        let all = incarnations.iter().enumerate();
        let mut queue: VecDeque<(ReceivedMessage, bool)> =
            all.flat_map(|(number, of)| messages(number, of, 1, None)).map(|message| (message, false)).collect();
        queue.back_mut().unwrap().1 = true;
        let mut due: Vec<(usize, AskedReplay)> = Vec::new();
        let (mut now, mut replays) = (0, 0);
        // All was sent when the first replay is enqueued.
        let newest = incarnations.len() - 1;
        while let Some((message, always_arrives)) = queue.pop_front() {
            now += 1;
            if always_arrives || !lost.next().unwrap_or(false) {
                let asked_before = consumer.asked.len();
                let effects_before = consumer.effects.len();
                consumer.receive(&message, &settings);
                if let Some(asked) = consumer.asked.get(asked_before) {
                    due.push((now + delay, asked.clone()));
                }
                let state = consumer.state.as_ref().unwrap();
                if consumer.effects.len() > effects_before {
                    prop_assert_eq!(state.version, message.version);
                    prop_assert!(state.asked.is_none());
                }
                let of = incarnations.iter().enumerate().find(|(number, _)| Some(token(*number)) == state.incarnation);
                if let Some((_, of)) = of {
                    // Whatever has had an effect is a beginning of the incarnation, without a gap.
                    prop_assert_eq!(&consumer.taken[..], &of.versions[..consumer.taken.len()]);
                }
            }
            if queue.is_empty() || due.first().is_some_and(|(at, _)| *at <= now) {
                for (_, asked) in due.drain(..) {
                    // The ledger's answer: the newest incarnation, from there on.
                    replays += 1;
                    prop_assert!(replays < 1_000, "replays do not help");
                    let again = messages(newest, &incarnations[newest], asked.from, Some(&format!("r{replays}")));
                    let last = again.len();
                    queue.extend(again.into_iter().zip(1..).map(|(message, number)| (message, number == last)));
                }
            }
        }
        prop_assert_eq!(&consumer.taken, &incarnations[newest].versions);
        prop_assert_eq!(consumer.state.and_then(|state| state.asked), None);
        let mut once = consumer.effects.clone();
        once.dedup();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), consumer.effects.len(), "{:?}", consumer.effects);
    }
}

fn incarnation_of_one() -> Incarnation {
    Incarnation { versions: vec![1], is_erased: false }
}
