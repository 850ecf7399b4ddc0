use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use proptest::prelude::*;
use shared::clock::Clock;
use shared::ids::{DeduplicationId, Group};
use shared::message::{Body, Message, SQS_LIMIT};
use shared::naming::{Naming, OwnQueue, QueueUrl};
use shared::send::*;
use shared::time::Timestamp;
use testkit::memory::{CallFault, EntryFault, Fault, Faults, FifoQueues, Settings, VirtualClock};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How many messages of a run were accepted, and what stopped it.
#[derive(Debug, PartialEq, Eq)]
struct Got {
    accepted: usize,
    stopped: Option<Stop>,
}

/// A queue, and the runs to send to it, by group and with the sizes of their messages.
struct World {
    clock: VirtualClock,
    queues: FifoQueues,
    queue: QueueUrl,
    runs: Vec<Vec<Message>>,
}

impl World {
    fn new(latency: u64, runs: &[(u8, Vec<usize>)]) -> Self {
        let naming = Naming::try_new("aws", "eu-west-2", "123456789012", "").unwrap();
        let queue = naming.own_queue(OwnQueue::FanOut);
        let clock = VirtualClock::at(START);
        let queues = FifoQueues::new(&clock);
        queues.create(&queue, Settings { latency: Duration::from_millis(latency), ..Settings::default() });
        let mut lengths = BTreeMap::<u8, usize>::new();
        let mut message = |group: u8, size: usize| {
            let number = lengths.entry(group).or_default();
            *number += 1;
            let id = DeduplicationId::try_from_sqs(&format!("{group}.{number}")).unwrap();
            let group = Group::try_from_sqs(&group.to_string()).unwrap();
            Message::new(group, id, Body::Text(&"x".repeat(size)), &[], None)
        };
        let runs =
            runs.iter().map(|(group, sizes)| sizes.iter().map(|size| message(*group, *size)).collect());
        let runs = runs.collect();
        Self { clock, queues, queue, runs }
    }

    /// `groups` groups of `length` messages of one byte.
    fn of(latency: u64, groups: u8, length: usize) -> Self {
        Self::new(latency, &(0..groups).map(|group| (group, vec![1; length])).collect::<Vec<_>>())
    }

    fn limits(requests_in_flight: usize, millis: u64) -> Limits {
        let deadline = START.plus(Duration::from_millis(millis));
        Limits {
            requests_in_flight,
            deadline,
            retry_deadline: deadline,
            call_limit: Duration::from_secs(3_600),
        }
    }

    fn send(&self, faults: Faults, limits: &Limits) -> Vec<Got> {
        self.queues.set_faults(&self.queue, faults);
        self.send_by(&self.clock, limits)
    }

    fn send_by(&self, clock: &impl Clock, limits: &Limits) -> Vec<Got> {
        let sending = send_runs(clock, &self.queues, &self.queue, self.tagged(), limits);
        self.clock.block_on(sending).into_iter().map(|outcome| self.got(outcome)).collect()
    }

    /// Each run with its place.
    fn tagged(&self) -> Vec<Run<usize, &Message>> {
        let runs = self.runs.iter().enumerate();
        runs.map(|(tag, run)| Run { tag, items: run.iter().collect() }).collect()
    }

    /// Asserts that each item is in the outcome once, in order.
    fn got(&self, outcome: Outcome<usize, &Message>) -> Got {
        let accepted = outcome.accepted.len();
        let (stop, unsent) = match outcome.stopped {
            Some(Remainder { stop, items }) => (Some(stop), items),
            None => (None, Vec::new()),
        };
        assert!(outcome.accepted.into_iter().chain(unsent).eq(&self.runs[outcome.tag]));
        Got { accepted, stopped: stop }
    }

    /// By group: its messages' ids in order, over all its runs.
    fn wanted(&self) -> BTreeMap<&Group, Vec<&DeduplicationId>> {
        let mut wanted = BTreeMap::<_, Vec<_>>::new();
        for message in self.runs.iter().flatten() {
            wanted.entry(message.group()).or_default().push(message.deduplication_id());
        }
        wanted
    }

    fn accepted(&self, group: &Group) -> Vec<DeduplicationId> {
        let accepted = self.queues.accepted(&self.queue).into_iter();
        accepted
            .filter(|accepted| accepted.group == *group)
            .map(|accepted| accepted.deduplication_id)
            .collect()
    }

    /// When the last message of `group` was accepted, in milliseconds from the start.
    fn done(&self, group: u8) -> u64 {
        let accepted = self.queues.accepted(&self.queue);
        let last = accepted.iter().rfind(|accepted| accepted.group.as_str() == group.to_string()).unwrap();
        last.at.as_millis() - START.as_millis()
    }

    /// Asserts what holds whatever happens.
    fn check(&self, outcomes: &[Got], limits: &Limits, may_be_unknown: bool) {
        assert_eq!(outcomes.len(), self.runs.len());
        let mut known = BTreeMap::<&Group, usize>::new();
        for (run, outcome) in self.runs.iter().zip(outcomes) {
            assert_eq!(outcome.stopped.is_none(), outcome.accepted == run.len(), "{outcome:?}");
            if let Some(Stop { why, .. }) = &outcome.stopped {
                assert!((1..=512).contains(&why.len()) && !why.contains(char::is_control), "{why}");
            }
            let Some(first) = run.first() else { continue };
            let accepted = known.entry(first.group()).or_default();
            let before =
                self.wanted()[first.group()].iter().position(|id| *id == first.deduplication_id()).unwrap();
            assert!(
                outcome.accepted == 0 || *accepted == before,
                "a run overtook an earlier one of its group"
            );
            *accepted += outcome.accepted;
        }
        for (group, wanted) in self.wanted() {
            let accepted = self.accepted(group);
            let prefix = wanted.iter().copied().take(accepted.len());
            assert!(accepted.iter().eq(prefix), "`{group}`: {accepted:?} of {wanted:?}");
            let unknown = accepted.len() - known[group];
            assert!(unknown <= usize::from(may_be_unknown), "{accepted:?}, known {}", known[group]);
            self.check_tries(&wanted, known[group]);
        }
        for request in self.queues.requests(&self.queue) {
            assert!(request.at <= limits.deadline && request.size <= SQS_LIMIT, "{request:?}");
            assert!(request.in_flight <= limits.requests_in_flight.max(1), "{request:?}");
        }
        assert_eq!(self.queues.in_flight(&self.queue), 0);
    }

    /// Asserts that each message is tried again or followed by the next, and none after the one that stopped the group.
    fn check_tries(&self, wanted: &[&DeduplicationId], known: usize) {
        let mut last = 0;
        for id in self.queues.requests(&self.queue).iter().flat_map(|request| &request.ids) {
            let Some(number) = wanted.iter().position(|wanted| *wanted == id) else { continue };
            assert!((number == last || number == last + 1) && number <= known, "{id} after {}", wanted[last]);
            last = number;
        }
    }
}

fn runs() -> impl Strategy<Value = Vec<(u8, Vec<usize>)>> {
    let size = prop_oneof![100 => Just(1_usize), 1 => 200_000..SQS_LIMIT + 9];
    prop::collection::vec((0..25_u8, prop::collection::vec(size, 0..6)), 0..30)
}

fn fault() -> impl Strategy<Value = Fault> {
    use {CallFault as Call, EntryFault as Entry};
    let entry = prop::sample::select(vec![
        Entry::Refused,
        Entry::Throttled,
        Entry::Failed,
        Entry::Unknown,
        Entry::Denied,
    ]);
    let call = prop::sample::select(vec![
        Call::Throttled,
        Call::ResetBefore,
        Call::ResetAfter,
        Call::ServerError,
        Call::Refused,
        Call::Miscounted,
        Call::Denied,
    ]);
    prop_oneof![
        4 => (0..10_usize, entry).prop_map(|(number, entry)| Fault::Entry(number, entry)),
        3 => call.prop_map(Fault::Call),
        2 => (0..400_u64).prop_map(|millis| Fault::Delay(Duration::from_millis(millis))),
    ]
}

fn leaves_unknown(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Entry(_, EntryFault::Unknown) | Fault::Call(CallFault::ResetAfter | CallFault::Miscounted)
    )
}

proptest! {
    #[test]
    fn whatever_fails_the_accepted_are_a_prefix_of_each_group_and_are_reported_as_such(
        runs in runs(),
        faults in prop::collection::vec((0..30_usize, fault()), 0..20),
        latency in 0..50_u64,
        requests_in_flight in 0..5_usize,
        millis in prop_oneof![0..100_u64, 0..5_000_u64],
    ) {
        let world = World::new(latency, &runs);
        let limits = World::limits(requests_in_flight, millis);
        let may_be_unknown = faults.iter().any(|(_, fault)| leaves_unknown(fault));
        let outcomes = world.send(Faults::script(faults), &limits);
        world.check(&outcomes, &limits, may_be_unknown);
    }

    #[test]
    fn with_passing_faults_and_enough_time_everything_is_accepted_once(
        lengths in prop::collection::vec(0..6_usize, 0..30),
        seed: u64,
        per_mille in 0..400_u64,
        latency in 0..50_u64,
        requests_in_flight in 1..5_usize,
    ) {
        let runs = (0_u8..).zip(lengths).map(|(group, length)| (group, vec![1; length])).collect::<Vec<_>>();
        let world = World::new(latency, &runs);
        // Less than the five minutes in which the queue knows a repetition.
        let limits = World::limits(requests_in_flight, 240_000);
        let outcomes = world.send(Faults::seeded(seed, per_mille, 60), &limits);
        world.check(&outcomes, &limits, false);
        for (outcome, run) in outcomes.iter().zip(&world.runs) {
            prop_assert_eq!(outcome, &Got { accepted: run.len(), stopped: None });
        }
    }
}

#[test]
fn a_group_does_not_wait_for_another_groups_slow_call() {
    let world = World::of(10, 20, 5);
    let faults = Faults::script([(0, Fault::Delay(Duration::from_secs(60)))]);
    let limits = World::limits(2, 120_000);
    let outcomes = world.send(faults, &limits);
    world.check(&outcomes, &limits, false);
    assert!((0..10).all(|group| world.done(group) > 30_000));
    assert!((10..20).all(|group| world.done(group) == 45));
}

#[test]
fn requests_are_full_while_enough_is_ready() {
    for (groups, length, requests) in [(10, 7, 7), (30, 4, 12), (60, 1, 6)] {
        let world = World::of(10, groups, length);
        world.send(Faults::none(), &World::limits(3, 10_000));
        assert_eq!(world.queues.requests(&world.queue).len(), requests, "{groups} groups of {length}");
    }
}

#[test]
fn groups_that_are_answered_at_the_same_time_share_a_request() {
    let world = World::of(10, 3, 3);
    // Group 1 is ready alone, 25 ms later; the others are delayed until then, and all three go on together.
    let faults = [(0, Fault::Entry(1, EntryFault::Failed)), (1, Fault::Delay(Duration::from_millis(25)))];
    world.send(Faults::script(faults), &World::limits(3, 10_000));
    let seen = world.queues.requests(&world.queue).iter().map(|seen| seen.ids.len()).collect::<Vec<_>>();
    assert_eq!(seen, [3, 2, 1, 3, 1]);
}

/// A machine that is frozen for ten seconds just before its clock is read for the `freeze`-th time.
struct Frozen<'w> {
    world: &'w World,
    reads: Cell<usize>,
    freeze: usize,
}

impl Clock for Frozen<'_> {
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> {
        self.world.clock.sleep(duration)
    }

    fn now(&self) -> Timestamp {
        self.reads.set(self.reads.get() + 1);
        if self.reads.get() == self.freeze {
            self.world.clock.freeze(Duration::from_secs(10));
        }
        self.world.clock.now()
    }
}

#[test]
fn a_machine_that_froze_between_plan_and_call_sends_nothing_late() {
    for freeze in 1..40 {
        let world = World::of(10, 12, 3);
        let limits = World::limits(2, 9_000);
        let outcomes = world.send_by(&Frozen { world: &world, reads: Cell::new(0), freeze }, &limits);
        world.check(&outcomes, &limits, false);
    }
}

#[test]
fn dropping_the_future_aborts_what_is_in_flight() {
    let world = World::of(10, 12, 3);
    let limits = World::limits(2, 9_000);
    let sending = send_runs(&world.clock, &world.queues, &world.queue, world.tagged(), &limits);
    let patience = world.clock.sleep(Duration::from_millis(14));
    world.clock.block_on(async { _ = select(pin!(sending), pin!(patience)).await });
    assert_eq!(world.queues.in_flight(&world.queue), 0);
    assert_eq!(world.queues.accepted(&world.queue).len(), 12);
}

#[test]
fn a_missing_queue_is_reported_with_its_remedy() {
    let world = World::of(10, 12, 3);
    world.queues.delete_queue(&world.queue);
    let outcomes = world.send_by(&world.clock, &World::limits(2, 9_000));
    let why = "queue unusable: `QueueDoesNotExist`: `https://sqs.eu-west-2.amazonaws.com/123456789012/MarkFanOutQueue.fifo`; create the queue, or correct its address";
    let stopped = Some(Stop { reason: StopReason::Queue, why: why.to_owned() });
    assert!(outcomes.iter().all(|outcome| *outcome == Got { accepted: 0, stopped: stopped.clone() }));
}

#[test]
fn a_message_longer_than_its_queue_allows_stops_its_group_alone() {
    let world = World::new(10, &[(0, vec![1, 300_000, 1]), (1, vec![1; 3])]);
    world.queues.change(&world.queue, |settings| settings.maximum_message_size = 262_144);
    let limits = World::limits(2, 9_000);
    let outcomes = world.send(Faults::none(), &limits);
    world.check(&outcomes, &limits, false);
    assert_eq!(outcomes[1], Got { accepted: 3, stopped: None });
    let Some(Stop { reason, why }) = &outcomes[0].stopped else { panic!("{outcomes:?}") };
    assert_eq!((outcomes[0].accepted, *reason), (1, StopReason::Message));
    assert!(why.contains("262144") && why.contains("300000 bytes"), "{why}");
}

#[test]
fn without_time_for_retries_each_message_has_one_attempt_and_working_groups_go_on() {
    let world = World::of(5, 2, 3);
    let limits = Limits { retry_deadline: START, ..World::limits(6, 10_000) };
    let outcomes = world.send(Faults::script([(1, Fault::Entry(0, EntryFault::Failed))]), &limits);
    world.check(&outcomes, &limits, false);
    assert_eq!(outcomes.iter().map(|outcome| outcome.accepted).sum::<usize>(), 4);
    assert_eq!(world.queues.requests(&world.queue).len(), 3, "nothing was sent twice");

    let world = World::of(5, 2, 3);
    let outcomes = world.send(Faults::script([(0, Fault::Call(CallFault::Throttled))]), &limits);
    assert!(outcomes.iter().all(|outcome| outcome.accepted == 0));
    assert_eq!(world.queues.requests(&world.queue).len(), 1);
}

#[test]
fn a_call_without_an_answer_is_given_up_and_its_result_is_unknown() {
    let world = World::of(5, 1, 2);
    let limits = Limits { call_limit: Duration::from_millis(100), ..World::limits(1, 1_000) };
    let outcomes = world.send(Faults::script([(0, Fault::Delay(Duration::from_secs(60)))]), &limits);
    assert_eq!(outcomes, [Got { accepted: 2, stopped: None }]);
    assert_eq!(world.queues.requests(&world.queue).len(), 3);

    let world = World::of(500, 1, 2);
    let outcomes = world.send(Faults::none(), &limits);
    let Some(Stop { reason: StopReason::OutOfTime, why }) = &outcomes[0].stopped else {
        panic!("{outcomes:?}")
    };
    assert!(why.contains("no answer within 100 ms"), "{why}");
    assert!(
        world.clock.now() <= START.plus(Duration::from_millis(1_100)),
        "the last call was not waited for"
    );
}

#[test]
fn a_message_for_which_no_time_was_left_says_nothing_against_the_queue() {
    let world = World::of(600, 1, 3);
    let outcomes = world.send(Faults::none(), &World::limits(1, 1_000));
    assert_eq!(outcomes[0].accepted, 2);
    assert_eq!(outcomes[0].stopped.as_ref().map(|stop| stop.reason), Some(StopReason::Untried));
}
