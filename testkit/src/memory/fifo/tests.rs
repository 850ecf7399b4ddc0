use super::*;
use shared::message::Body;

/// A message by its name: `a1` is of group `a` and has the id `a1`.
fn message(name: &str) -> Message {
    let group = Group::try_from_sqs(name.split_at(1).0).unwrap();
    Message::new(group, DeduplicationId::try_from_sqs(name).unwrap(), Body::Text(name), &[], None)
}

/// Plays `script` against a queue with a visibility timeout of 30 s; returns what was received and what failed.
///
/// `a1` sends it, `?3` receives up to three, `-1` deletes by the first receipt, `!1=20` changes its visibility to 20 s,
/// `+60` lets 60 s pass, `~` says in how many seconds there will be something to receive.
fn check(script: &str, expected: &str) {
    let mut fifo = Fifo::new(Settings::default());
    let mut now = Timestamp::from_millis(0);
    let mut outcomes = Vec::new();
    for step in script.split(' ') {
        let number = |text: &str| text.parse::<u64>().unwrap();
        let (kind, operand) = step.split_at(1);
        let result = match kind {
            "+" => {
                now = now.plus(Duration::from_secs(number(operand)));
                Ok(())
            }
            "?" => {
                let received = fifo.receive(operand.parse().unwrap(), now);
                let names = received
                    .iter()
                    .map(|received| format!("{}x{}", received.message.body, received.receive_count));
                outcomes.push(format!("[{}]", names.collect::<Vec<_>>().join(" ")));
                Ok(())
            }
            "~" => {
                let next = fifo.next_receivable(now);
                outcomes
                    .push(next.map_or("never".to_owned(), |next| format!("{}s", next.since(now).as_secs())));
                Ok(())
            }
            "-" => fifo.delete(number(operand), now),
            "!" => {
                let (receipt, seconds) = operand.split_once('=').unwrap();
                fifo.change_visibility(number(receipt), Duration::from_secs(number(seconds)), now)
            }
            _ => {
                fifo.accept(&message(step), now).unwrap();
                Ok(())
            }
        };
        if result == Err(ReceiptExpired) {
            outcomes.push("expired".to_owned());
        }
    }
    assert_eq!(outcomes.join(" "), expected, "{script}");
}

#[test]
fn messages_of_a_group_are_received_in_order() {
    check("a1 b1 a2 ?10", "[a1x1 b1x1 a2x1]");
    check("a1 a2 b1 ?1 ?10", "[a1x1] [b1x1]");
}

#[test]
fn a_message_in_flight_locks_its_group() {
    check("a1 a2 b1 ?1 -1 ?1 ?1", "[a1x1] [a2x1] [b1x1]");
    check("a1 a2 a3 ?2 -1 ?10 -2 ?10", "[a1x1 a2x1] [] [a3x1]");
    check("a1 a2 ?2 !1=0 ?10 !2=0 ?10", "[a1x1 a2x1] [] [a1x2 a2x2]");
}

#[test]
fn what_is_not_deleted_comes_back_after_its_visibility_timeout() {
    check("a1 ?1 +29 ?1 +1 ?1", "[a1x1] [] [a1x2]");
    check("a1 ?1 !1=60 +59 ?1 +1 ?1", "[a1x1] [] [a1x2]");
    check("a1 a2 ?1 +30 ?10", "[a1x1] [a1x2 a2x1]");
}

#[test]
fn a_receipt_is_good_while_its_message_is_in_flight() {
    check("a1 ?1 -1 -1", "[a1x1] expired");
    check("a1 ?1 +30 -1 ?1 -1 -2 ?1", "[a1x1] expired [a1x2] expired []");
    check("a1 ?1 !1=0 !1=5", "[a1x1] expired");
}

#[test]
fn a_repeated_id_is_swallowed_for_five_minutes_from_the_first_even_after_its_deletion() {
    check("a1 a1 ?10", "[a1x1]");
    check("a1 ?1 -1 +299 a1 ?10 +1 a1 ?10", "[a1x1] [] [a1x1]");
    check("a1 +299 a1 ?1 -1 +1 a1 ?10", "[a1x1] [a1x1]");
}

#[test]
fn at_most_ten_are_received_at_once() {
    check("a1 b1 c1 d1 e1 f1 g1 h1 i1 j1 k1 ?99", "[a1x1 b1x1 c1x1 d1x1 e1x1 f1x1 g1x1 h1x1 i1x1 j1x1]");
}

#[test]
fn the_next_receivable_instant_is_known() {
    check("~ a1 ~ ?1 ~ +10 b1 ~ ?1 ~ !1=25 ~ -1 ~", "never 0s [a1x1] 30s 0s [b1x1] 20s 25s 30s");
    check("a1 a2 ?2 !1=5 ~ -2 ~", "[a1x1 a2x1] 30s 5s");
}

#[test]
fn the_first_receive_is_remembered() {
    let mut fifo = Fifo::new(Settings::default());
    let at = |seconds: u64| Timestamp::from_millis(seconds * 1_000);
    fifo.accept(&message("a1"), at(0)).unwrap();
    assert_eq!(fifo.receive(1, at(10))[0].first_received, at(10));
    assert_eq!(fifo.receive(1, at(50))[0].first_received, at(10));
}

#[test]
fn a_message_longer_than_the_queue_allows_is_refused() {
    let mut fifo = Fifo::new(Settings { maximum_message_size: 1, ..Settings::default() });
    let refused = fifo.accept(&message("a1"), Timestamp::from_millis(0));
    assert!(
        matches!(refused, Err(SendError::Message(cause)) if cause.to_string().contains("shorter than 1 bytes"))
    );
    assert_eq!((fifo.accepted().len(), fifo.held()), (0, 0));
}
