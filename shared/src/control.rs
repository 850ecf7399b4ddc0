//! The protocol between functions and those who invoke them by hand, declared once: what is asked of the catch-up
//! function, and what it answers; and which rejected events the converter is asked to send again. JSON.
//!
//! | `request` | members | answer |
//! | --- | --- | --- |
//! | `maintenance` | | [`MaintenanceReport`]: `clients`, one object for each client that was behind, as for `catchUp` |
//! | `catchUp` | `client` | [`CatchUpReport`]: `client`, `groups` (brought up to date), `sent` (events), `behind` (groups left), `stopped` (why, or null: all is done, or the time was over); `elsewhere` (true if another invocation serves it); `refused`: for each group whose event the client's queue refuses for good `group`, `reason` |
//! | `pause`, `resume` | `client` | [`StateChange`]: `client`, `state`, `was`: `live` or `paused` |
//! | `replay` | `client`, `keys` (1 to 100), `from` (version), `replay` (id), `gap` (true if a consumer saw that something is missing) | [`ReplayReport`]: `client`, `results`: for each key `group`, `outcome` (`ordered`, `nothing` or `failed`), `reason` |
//! | `hold` | `client`, `keys`, `from` (version, or null: what was not sent yet), `reason`, `replay` (id) | [`HoldReport`]: `client`, `results`: for each key `group`, `outcome` (`held`, `nothing` or `failed`), `next` (the version after which nothing was sent, plus one), `reason`; `paused` (true if too many are held, so that the client is paused) |
//! | `release` | `client`, `keys` | the same, with `released` |
//! | `skip` | `client`, `key`, `version`, `reason` | the same, with `skipped` |
//! | `lookForErasures` | `keys` | [`ErasureHints`]: `hints` (put on the fan-out queue, one for each key) |
//! | `reconcile` | `after` (where the last answer ended, or null) | [`Comparison`]: `groups` (compared), `missing`, `holes`, `ahead`, `after` |
//!
//! Keys are written as DynamoDB writes them: `{"S":"AFC F5"}`. Each request may have a `caller`, which is logged. A
//! request has no other members: what a tool of another version means by one is not guessed. An answer may have more
//! than is known here.
//!
//! A [`PushTestRequest`] is what a push function is asked: `test` with `client` and `id`. It answers with a
//! [`PushTestAnswer`].
//!
//! A [`ResendRequest`] is what the converter is asked: `replay` (an id) and `Records`. It answers with a
//! [`ResendAnswer`]. What a rejection itself says is [`Rejection`](crate::rejection::Rejection).

mod answer;
mod key;
mod push_test;
mod replay_request;
mod request;
mod resend;
#[cfg(test)]
mod tests;

pub use answer::{
    CatchUpReport, ClientState, Comparison, ControlAnswer, ErasureHints, EventPair, EventVersion, GroupAhead,
    GroupHold, GroupReplay, HoldOutcome, HoldReport, MaintenanceReport, RefusedGroup, ReplayOutcome,
    ReplayReport, StateChange,
};
pub use key::{InvalidBase64, TablePosition, TypedKey};
pub use push_test::{PushFailureKind, PushTest, PushTestAnswer, PushTestFailure, PushTestRequest};
pub use replay_request::{InvalidReplayRequest, ReplayRequest};
pub use request::{ControlRequest, REASON_LIMIT, REPLAY_KEYS_LIMIT, RequestError};
pub use resend::{ResendAnswer, ResendOutcome, ResendRequest, ResendResult, StreamChange, StreamRecord};
