use shared::ids::{DeduplicationId, Group, Key};
use shared::message::{Body, Message};
use shared::metrics::{CountingPort, Tally};
use shared::naming::{Naming, OwnQueue};
use shared::send::Transport as _;
use shared::time::Timestamp;
use testkit::memory::{FifoQueues, Settings, VirtualClock};

#[test]
fn requests_are_counted_by_their_entries_whatever_comes_back() {
    let clock = VirtualClock::at(Timestamp::from_millis(1_800_000_000_000));
    let queues = FifoQueues::new(&clock);
    let naming = Naming {
        partition: "aws".to_owned(),
        region: "eu-west-2".to_owned(),
        account: "111122223333".to_owned(),
        prefix: String::new(),
    };
    let (there, missing) = (naming.own_queue(OwnQueue::FanOut), naming.own_queue(OwnQueue::Rejected));
    queues.create(&there, Settings::default());
    let messages: Vec<Message> = (0..10)
        .map(|number| {
            let group = Group::of(&Key::S(number.to_string()));
            let id = DeduplicationId::of_stream_record(&number.to_string());
            Message::new(group, id, Body::Text("body"), &[], None)
        })
        .collect();
    let messages: Vec<&Message> = messages.iter().collect();

    let counted = CountingPort::new(&queues);
    for (queue, entries) in [(&there, 3), (&there, 10), (&missing, 3)] {
        let sent = clock.block_on(counted.send(queue, &messages[..entries]));
        assert_eq!(sent.is_ok(), *queue == there);
    }
    let _ = counted.for_request();
    let mut tally = Tally::default();
    tally.requests(&counted);
    assert_eq!(tally.to_string(), "SqsRequests 4, EntriesPerRequest 3×2 10×1");
}
