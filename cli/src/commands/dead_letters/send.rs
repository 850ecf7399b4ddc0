//! Sending events again, and deleting the letters of those that were accepted.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_lambda::Client;
use deploy::invoke::{Answer, invoke};

use super::held::Held;
use super::places::Places;
use super::plan::{Attempt, Function, Planned};
use super::report::{Outcome, Report};
use crate::aws::{CallFault, sqs};
use crate::exit::Exit;
use crate::letters::{Lane, Letter, NotAccepted, converted, fanned_out, lane};
use crate::progress::Progress;

/// For how long a letter is hidden from the moment on at which its event is sent: three attempts of a function that
/// takes its longest, 40 s, and the deletion.
const SENDING: Duration = Duration::from_secs(5 * 60);

/// Sends events again and deletes their letters.
pub(super) struct Sender<'s> {
    pub(super) lambda: Client,
    pub(super) places: &'s Places,
    pub(super) held: Held,
}

impl Sender<'_> {
    /// In order; after a letter that may be accepted another time, no later one of its lane is tried: then it is in
    /// `blocked`, also for later rounds.
    pub(super) async fn send_all(
        &self,
        round: Vec<Planned>,
        blocked: &mut BTreeSet<Lane>,
        report: &mut Report,
    ) {
        let progress = Progress::new();
        for planned in round {
            let lane = lane(&planned.letter);
            let outcome = match &planned.attempt {
                Err(why) => Outcome::stays(why),
                Ok(_) if lane.as_ref().is_some_and(|lane| blocked.contains(lane)) => {
                    Outcome::stays("an earlier letter of its group stays, and must arrive before it")
                }
                Ok(attempt) => {
                    progress.say(&format!("sending {} again", planned.letter.message.id));
                    self.send(&planned.letter, attempt).await
                }
            };
            if matches!(outcome, Outcome::Stays { is_passing: true, .. }) {
                blocked.extend(lane);
            }
            report.add(planned, outcome);
        }
        progress.finish();
    }

    async fn send(&self, letter: &Letter, attempt: &Attempt) -> Outcome {
        let sqs = self.held.client();
        let (url, receipt) = (self.places.url(letter.queue), &letter.message.receipt_handle);
        if let Err(error) = sqs::hide(sqs, url, receipt, SENDING).await {
            self.held.forget(&letter.message.id);
            let reason =
                format!("it could not be held, and somebody else may have it now; run this again ({error})");
            return Outcome::Stays { reason, exit: exit(error.fault), is_passing: true };
        }
        let function = match attempt.function {
            Function::Converter => &self.places.converter,
            Function::FanOut => &self.places.fan_out,
        };
        let accepted = match invoke(&self.lambda, function, &attempt.payload).await {
            Err(error) => {
                let exit = exit(error.fault);
                return Outcome::Stays { reason: error.to_string(), exit, is_passing: true };
            }
            Ok(Answer::Failed(message)) => Err(NotAccepted {
                reason: format!("function `{function}` failed: {message}"),
                is_passing: true,
            }),
            Ok(Answer::Said(answer)) => match attempt.function {
                Function::Converter => converted(&answer),
                Function::FanOut => fanned_out(&answer, letter.client()),
            },
        };
        if let Err(NotAccepted { reason, is_passing }) = accepted {
            return Outcome::Stays { reason, exit: Exit::Findings, is_passing };
        }
        match sqs::delete(sqs, url, receipt).await {
            Ok(()) => {
                self.held.forget(&letter.message.id);
                Outcome::Sent
            }
            Err(error) => {
                let reason = format!(
                    "it could not be deleted; retried after five minutes, its event is repeated ({error})"
                );
                Outcome::SentButStays { reason }
            }
        }
    }
}

/// What the command ends with if a letter stays because of a call that failed.
fn exit(fault: CallFault) -> Exit {
    if fault == CallFault::Refused { Exit::Findings } else { fault.into() }
}
