//! A batch of messages: each is decided on, its effect is written, and what failed goes back.

use std::collections::{HashMap, HashSet};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsMessage};
use shared::consumer::{AskedReplay, ConsumerSettings, ConsumerState, ReceivedMessage, Verdict, decide};
use shared::text::with_sources;
use tracing::{error, info, warn};

use crate::batch_outcome::{BatchOutcome, Counts};
use crate::replay_command::replay_command;
use crate::request_queue::{NoRequestQueue, RequestMessage, RequestQueue};
use crate::store::{Effect, StateWrite, Store, StoreError, WriteOutcome};

/// How often a message is decided on while other invocations write its group's state. Lambda has one batch of a group
/// under way at a time, so that even once is rare.
const ATTEMPTS: usize = 3;

/// A consumer of one client's queue.
#[derive(Clone, Debug)]
pub struct Consumer<S, Q = NoRequestQueue> {
    client: String,
    store: S,
    settings: ConsumerSettings,
    requests: Q,
}

/// What is known while a batch is consumed.
#[derive(Default)]
struct Batch {
    /// The state of each group that was read or written.
    states: HashMap<String, Option<ConsumerState>>,
    /// The groups of which a message failed: no later one may be tried.
    failed: HashSet<String>,
    /// The groups of which the log says that something is missing.
    shown: HashSet<String>,
    /// What the pipeline could not be asked for: a group, from which version on.
    unasked: HashSet<(String, i64)>,
    /// Why not: nothing more is asked for in this batch then, which must leave time for its messages.
    failure: Option<String>,
    counts: Counts,
}

impl<S: Store> Consumer<S> {
    /// A consumer of the queue of `client`, as `client-queues.toml` names it. The log tells an operator which replay it needs.
    pub fn new(client: impl Into<String>, store: S) -> Self {
        let settings = ConsumerSettings::default();
        Self { client: client.into(), store, settings, requests: NoRequestQueue }
    }
}

impl<S: Store, Q: RequestQueue> Consumer<S, Q> {
    /// The same, which asks the pipeline itself for what it misses. An operator is asked only if that fails.
    #[must_use]
    pub fn asking<R: RequestQueue>(self, requests: R) -> Consumer<S, R> {
        let Self { client, store, settings, requests: _ } = self;
        Consumer { client, store, settings, requests }
    }

    /// With other settings than the [default](ConsumerSettings::default).
    #[must_use]
    pub fn with_settings(self, settings: ConsumerSettings) -> Self {
        Self { settings, ..self }
    }

    /// Takes the messages of one invocation, in their order. A message that fails is in the response, with all later ones
    /// of its group; other groups go on.
    ///
    /// It logs a line for each batch, for each message that failed, and a warning for each group in which something is
    /// missing, as long as it is: with the replay that an operator has to order, if the kit didn't ask for it just now. What
    /// it could not ask for it asks for in the next batch.
    pub async fn consume(&self, messages: Vec<SqsMessage>) -> BatchOutcome {
        let mut batch = Batch::default();
        let mut response = SqsBatchResponse::default();
        for message in messages {
            let group = message.attributes.get("MessageGroupId").cloned().unwrap_or_default();
            if !batch.failed.contains(&group) {
                let Err(why) = self.take(&mut batch, &group, &message).await else { continue };
                let id = message.message_id.as_deref();
                error!(
                    client = self.client,
                    group,
                    id,
                    error = with_sources(&*why),
                    "returned, with its group"
                );
                batch.failed.insert(group);
            }
            batch.counts.returned += 1;
            // Without an id, Lambda returns the whole batch: nothing is lost.
            response.add_failure(message.message_id.unwrap_or_default());
        }
        let Counts { taken, duplicates, forgotten, gaps, missing, returned } = batch.counts;
        info!(client = self.client, taken, duplicates, forgotten, gaps, missing, returned, "batch consumed");
        BatchOutcome { response, counts: batch.counts, client: self.client.clone() }
    }

    /// Takes one message, whatever that means for it.
    async fn take(&self, batch: &mut Batch, group: &str, message: &SqsMessage) -> Result<(), StoreError> {
        if group.is_empty() {
            return Err("no `MessageGroupId`: the queue is not FIFO".into());
        }
        let attribute = |name: &str| message.message_attributes.get(name)?.string_value.as_deref();
        let received = ReceivedMessage::try_from_attributes(attribute)?;
        for _ in 0..ATTEMPTS {
            let before = match batch.states.remove(group) {
                Some(state) => state,
                None => self.store.load(group).await?,
            };
            let mut verdict = decide(before.as_ref(), &received, &self.settings);
            if let Verdict::Ask(ConsumerState { asked: Some(asked), .. }) = &mut verdict {
                asked.is_sent = self.ask(batch, group, &received, asked).await;
            }
            if matches!(verdict, Verdict::Wait) && batch.shown.insert(group.to_owned()) {
                let asked = before.as_ref().and_then(|state| state.asked.as_ref());
                self.warn(group, &received, asked, "it was asked for before");
            }
            let is_kept = matches!(&verdict, Verdict::Ask(after) if before.as_ref() == Some(after));
            let (effect, after) = match &verdict {
                Verdict::Take { state, begins: true } => (Effect::Begin, state),
                Verdict::Take { state, begins: false } => (Effect::Apply, state),
                Verdict::Forget(state) => (Effect::Erase, state),
                Verdict::Ask(state) if !is_kept => (Effect::Nothing, state),
                Verdict::Ask(_) | Verdict::Had | Verdict::Wait => {
                    batch.counts.add(&verdict);
                    batch.states.insert(group.to_owned(), before);
                    return Ok(());
                }
                Verdict::Refuse => return Err(refusal(&received, &self.settings).into()),
            };
            let write = StateWrite { group, message, effect, before: before.as_ref(), after };
            match self.store.write(&write).await? {
                WriteOutcome::Done => {
                    batch.counts.add(&verdict);
                    batch.states.insert(group.to_owned(), verdict.state_after(before));
                    return Ok(());
                }
                WriteOutcome::Overtaken => {}
            }
        }
        Err(format!("another invocation wrote this group's state, {ATTEMPTS} times").into())
    }

    /// Asks the pipeline for a replay, once in a batch if that fails: then the log says how an operator does the same.
    async fn ask(
        &self,
        batch: &mut Batch,
        group: &str,
        message: &ReceivedMessage,
        asked: &AskedReplay,
    ) -> bool {
        let request = (group.to_owned(), asked.from);
        if batch.unasked.contains(&request) {
            return false;
        }
        batch.counts.gaps += 1;
        batch.shown.insert(group.to_owned());
        let (client, version, from) = (self.client.as_str(), message.version, asked.from);
        let sent = match &batch.failure {
            Some(why) => Err(why.clone()),
            None => {
                let sent = self.requests.send(&RequestMessage::new(client, group, asked)).await;
                sent.map_err(|why| with_sources(&*why))
            }
        };
        match sent {
            Ok(()) => {
                warn!(
                    client,
                    group, version, from, "something before this event is missing; a replay was asked for"
                );
                true
            }
            Err(why) => {
                batch.unasked.insert(request);
                self.warn(group, message, Some(asked), &why);
                batch.failure = Some(why);
                false
            }
        }
    }

    /// Logs that something is missing, and how an operator brings it.
    fn warn(&self, group: &str, message: &ReceivedMessage, asked: Option<&AskedReplay>, why: &str) {
        let Some(asked) = asked else { return };
        let (client, version) = (self.client.as_str(), message.version);
        warn!(
            client,
            group,
            version,
            why,
            command = replay_command(client, group, asked.from),
            "something before this event is missing, and nothing of its group has an effect until a replay brings it"
        );
    }
}

impl Counts {
    fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Take { .. } => self.taken += 1,
            Verdict::Had => self.duplicates += 1,
            Verdict::Forget(_) => self.forgotten += 1,
            Verdict::Ask(_) | Verdict::Wait => self.missing += 1,
            // It is returned, and counted there.
            Verdict::Refuse => {}
        }
    }
}

fn refusal(message: &ReceivedMessage, settings: &ConsumerSettings) -> String {
    let (version, first) = (message.version, settings.first_version);
    if version < first {
        return format!("version {version} is below the first, {first}; is `first_version` the source's?");
    }
    format!("version {version} is not above its predecessor: no message of the pipeline")
}

#[cfg(test)]
mod tests;
