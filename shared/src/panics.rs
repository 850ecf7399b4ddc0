//! A panic at one group is that group's business.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;

/// Why nothing came of work on a group that panicked.
pub const PANICKED: &str = "the function panicked at this group; its log names the place";

/// What `work` on a group comes to; what `fallback` returns, if it panics. The log names the place.
pub async fn caught<R>(work: impl Future<Output = R>, fallback: impl FnOnce() -> R) -> R {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| fallback())
}
