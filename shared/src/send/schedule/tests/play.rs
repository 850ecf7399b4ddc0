use std::fmt::Write as _;

use expect_test::Expect;

use super::super::*;
use crate::ids::DeduplicationId;
use crate::message::Body;

/// Plays `script` against a schedule of `runs` with two requests in flight and a deadline at 1,000 ms, and compares
/// everything that it decides.
///
/// `a1 a2 | b1` are two runs; `a1*9` has a size of 9 bytes. A line `5 #1 ok throttled` answers request 1 at 5 ms, entry
/// by entry; `5 #1 call throttled` answers for the whole call; `5` alone lets time pass.
pub(super) fn check(runs: &str, script: &str, expected: Expect) {
    check_limited(2, runs, script, expected);
}

pub(super) fn check_limited(requests_in_flight: usize, runs: &str, script: &str, expected: Expect) {
    let run = |run: &str| Run { tag: (), items: run.split_whitespace().map(message).collect() };
    let mut play = Play {
        schedule: Schedule::new(
            runs.split('|').map(run).collect(),
            &Limits {
                requests_in_flight,
                deadline: Timestamp::from_millis(1_000),
                retry_deadline: Timestamp::from_millis(1_000),
                call_limit: Duration::from_secs(5),
            },
        ),
        requests: Vec::new(),
        decided: String::new(),
    };
    play.until_it_waits(Timestamp::from_millis(0));
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let now = Timestamp::from_millis(words.next().unwrap().parse().unwrap());
        writeln!(play.decided, "> {line}").unwrap();
        if let Some(request) = words.next() {
            let request =
                play.requests[request.trim_start_matches('#').parse::<usize>().unwrap() - 1].take().unwrap();
            play.schedule.answered(request, answer(&words.collect::<Vec<_>>()), now);
        }
        play.until_it_waits(now);
    }
    expected.assert_eq(&play.decided);
}

/// The end of a reason, which has a test of its own in `why`.
const SIZES: &str =
    "; the message has 1 bytes, SQS takes at most 1048576, the queue what its `MaximumMessageSize` says";

struct Play {
    schedule: Schedule<(), Message>,
    requests: Vec<Option<Request<Message>>>,
    decided: String,
}

impl Play {
    fn until_it_waits(&mut self, now: Timestamp) {
        loop {
            match self.schedule.next(now) {
                Step::Send(request) => {
                    let names = request
                        .messages()
                        .iter()
                        .map(|message| message.deduplication_id().as_str().to_owned())
                        .collect::<Vec<_>>();
                    self.requests.push(Some(request));
                    writeln!(self.decided, "send #{} {}", self.requests.len(), names.join(" ")).unwrap();
                }
                Step::Wait(None) => return,
                Step::Wait(Some(until)) => {
                    return writeln!(self.decided, "wait until {}", until.as_millis()).unwrap();
                }
                Step::Done(outcomes) => {
                    let accepted =
                        outcomes.iter().map(|outcome| outcome.accepted.len().to_string()).collect::<Vec<_>>();
                    writeln!(self.decided, "accepted {}", accepted.join(" ")).unwrap();
                    for (run, outcome) in outcomes.into_iter().enumerate() {
                        let Some(Remainder { stop: Stop { reason, why }, .. }) = outcome.stopped else {
                            continue;
                        };
                        let why = why.replace(SIZES, "; …");
                        writeln!(self.decided, "run {run}: {reason:?}: {why}").unwrap();
                    }
                    return;
                }
            }
        }
    }
}

fn message(text: &str) -> Message {
    let (name, size) = text.split_once('*').unwrap_or((text, "1"));
    let group = Group::try_from_sqs(name.split_at(1).0).unwrap();
    let body = "x".repeat(size.parse().unwrap());
    Message::new(group, DeduplicationId::try_from_sqs(name).unwrap(), Body::Text(&body), &[], None)
}

fn answer(words: &[&str]) -> Option<Answer> {
    match words {
        ["late"] => None,
        ["call", word] => Some(result(word).map(|()| Vec::new())),
        words => Some(Ok(words.iter().map(|word| result(word)).collect())),
    }
}

fn result(word: &str) -> Result<(), SendError> {
    match word {
        "ok" => Ok(()),
        "throttled" => Err(SendError::Throttled("slow down".into())),
        "failed" => Err(SendError::Transient("internal".into())),
        "unknown" => Err(SendError::Unknown("reset".into())),
        "queue" => Err(SendError::Queue { cause: "denied".into(), remedy: "allow it" }),
        "refused" => Err(SendError::Message("bad".into())),
        word => panic!("{word}"),
    }
}
