//! What a group's head needs that only catch-up can do, and whether it was done. Functions on values.

use shared::consumer::{AskedReplay, ConsumerState, ReceivedMessage};
use shared::control::REASON_LIMIT;
use shared::ids::ReplayId;
use shared::ledger::stored::Attributes;
use shared::ledger::{DeliveryRequest, DeliveryRequestKind, WriteCount};
use shared::time::Timestamp;

/// What catch-up has to do before the head of a group may be acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) kind: DeliveryRequestKind,
    /// The state once it was done: what comes until then is acknowledged without effect, and comes again.
    pub(crate) after: ConsumerState,
    /// What is asked for in that state.
    asked: AskedReplay,
}

/// How far a need is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It was done.
    Done,
    /// It was asked for.
    Asked,
    /// It is to be asked for.
    ToAsk,
}

impl Need {
    /// A hold from `head` on. The target has `state`.
    pub(crate) fn hold(state: Option<&ConsumerState>, head: &ReceivedMessage, reason: &str) -> Self {
        let before = before(state, head);
        let asked = AskedReplay {
            from: before.version.saturating_add(1),
            incarnation: head.incarnation.clone(),
            shown_by: head.replay.clone(),
            is_sent: true,
        };
        let reason = bounded(reason);
        let after = ConsumerState { asked: Some(asked.clone()), ..before };
        Self { kind: DeliveryRequestKind::Hold { reason }, after, asked }
    }

    /// The replay that `after`, the consumer's rule's state, asks for; `None` if it asks for none.
    pub(crate) fn replay(after: ConsumerState) -> Option<Self> {
        let asked = after.asked.clone()?;
        Some(Self { kind: DeliveryRequestKind::Replay, after, asked })
    }

    /// How far it is by `request`, what the ledger has of the group.
    pub(crate) fn progress(&self, request: Option<&DeliveryRequest>) -> Progress {
        let is_same = |request: &&DeliveryRequest| {
            let asked = &self.asked;
            request.from == asked.from
                && request.incarnation == asked.incarnation
                && request.shown_by == asked.shown_by
        };
        match request.filter(is_same) {
            None => Progress::ToAsk,
            Some(request) if request.done_at.is_some() => Progress::Done,
            Some(_) => Progress::Asked,
        }
    }

    /// The request to write.
    pub(crate) fn request(&self, id: ReplayId, fresh: u64, now: Timestamp) -> DeliveryRequest {
        DeliveryRequest {
            write_count: WriteCount(fresh),
            kind: self.kind.clone(),
            from: self.asked.from,
            incarnation: self.asked.incarnation.clone(),
            shown_by: self.asked.shown_by.clone(),
            id,
            at: now,
            done_at: None,
            failure: None,
            unknown: Attributes::new(),
        }
    }
}

/// What the target has before `head`, which it may take: of the head's own incarnation.
pub(crate) fn before(state: Option<&ConsumerState>, head: &ReceivedMessage) -> ConsumerState {
    let is_same = |state: &&ConsumerState| match (&state.incarnation, &head.incarnation) {
        (Some(has), Some(its)) => has == its,
        _ => true,
    };
    state.filter(is_same).cloned().unwrap_or_else(|| ConsumerState {
        version: head.version.saturating_sub(1),
        incarnation: head.incarnation.clone(),
        asked: None,
    })
}

fn bounded(reason: &str) -> String {
    let end = reason.floor_char_boundary(REASON_LIMIT);
    reason.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use shared::consumer::{ConsumerSettings, decide};
    use shared::ids::IncarnationToken;

    use super::*;

    fn message(version: i64, previous: i64, token: &str) -> ReceivedMessage {
        ReceivedMessage {
            version,
            previous_version: Some(previous),
            incarnation: Some(IncarnationToken::try_new(&token.repeat(16)).unwrap()),
            is_erasure: false,
            replay: None,
        }
    }

    fn state(version: i64, token: &str) -> ConsumerState {
        ConsumerState { asked: None, ..before(None, &message(version + 1, version, token)) }
    }

    /// What the target has, the head that is held, the version from which events come after the release; then what each of
    /// these is that lay behind the head, and each of these that come after the release.
    fn check(
        has: Option<ConsumerState>,
        head: &ReceivedMessage,
        later: &[ReceivedMessage],
        expected: &Expect,
    ) {
        let need = Need::hold(has.as_ref(), head, "400");
        let mut shown = format!("from {}", need.asked.from);
        let mut state = Some(need.after);
        for message in later {
            let verdict = decide(state.as_ref(), message, &ConsumerSettings::default());
            let word = format!("{verdict:?}");
            let word = word.split([' ', '(', '{']).next().unwrap_or_default();
            shown.push_str(&format!(", {} {word}", message.version));
            state = verdict.state_after(state);
        }
        expected.assert_eq(&shown);
    }

    fn again(message: ReceivedMessage) -> ReceivedMessage {
        ReceivedMessage { replay: Some(ReplayId::try_new("r1").unwrap()), ..message }
    }

    #[test]
    fn what_lies_behind_a_held_head_waits_and_comes_again_in_order() {
        let (three, four, five) = (message(3, 2, "a"), message(4, 3, "a"), message(5, 4, "a"));
        let later = [four.clone(), five.clone(), again(three.clone()), again(four), again(five)];
        check(
            Some(state(2, "a")),
            &three,
            &later,
            &expect!["from 3, 4 Wait, 5 Wait, 3 Take, 4 Take, 5 Take"],
        );
        check(None, &three, &later, &expect!["from 3, 4 Wait, 5 Wait, 3 Take, 4 Take, 5 Take"]);
    }

    #[test]
    fn versions_that_the_client_does_not_want_are_no_gap() {
        let (six, nine) = (message(6, 2, "a"), message(9, 6, "a"));
        let later = [nine.clone(), again(six.clone()), again(nine)];
        check(Some(state(2, "a")), &six, &later, &expect!["from 3, 9 Wait, 6 Take, 9 Take"]);
    }

    #[test]
    fn the_head_of_a_new_incarnation_is_held_in_it() {
        let (one, two) = (message(1, 0, "b"), message(2, 1, "b"));
        let later = [two.clone(), again(one.clone()), again(two)];
        check(Some(state(7, "a")), &one, &later, &expect!["from 1, 2 Wait, 1 Take, 2 Take"]);
    }

    #[test]
    fn a_request_counts_for_the_head_that_showed_it_alone() {
        let need = |head: &ReceivedMessage| Need::hold(Some(&state(2, "a")), head, "400");
        let head = message(3, 2, "a");
        let id = || ReplayId::try_new("push-1").unwrap();
        let asked = need(&head).request(id(), 1, Timestamp::from_millis(5));
        assert_eq!(need(&head).progress(None), Progress::ToAsk);
        assert_eq!(need(&head).progress(Some(&asked)), Progress::Asked);
        let done = DeliveryRequest { done_at: Some(Timestamp::from_millis(9)), ..asked };
        assert_eq!(need(&head).progress(Some(&done)), Progress::Done);
        assert_eq!(need(&again(head)).progress(Some(&done)), Progress::ToAsk);
        assert_eq!(need(&message(3, 2, "b")).progress(Some(&done)), Progress::ToAsk);
        let further = Need::hold(Some(&state(3, "a")), &message(4, 3, "a"), "400");
        assert_eq!(further.progress(Some(&done)), Progress::ToAsk);
    }
}
