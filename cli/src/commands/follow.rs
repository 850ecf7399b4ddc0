//! Shows what CloudFormation does while it does it.

use deploy::stack::Progress as Event;

use crate::progress::Progress;

/// Shows `event`. A step, and a resource that failed, stay in view.
pub(super) fn show(progress: &Progress, event: Event) {
    match event {
        Event::Step { number, of, purpose } => progress.note(&format!("step {number} of {of}: {purpose}")),
        Event::Uploaded { key, bytes: 0 } => progress.say(&format!("{key} is there already")),
        Event::Uploaded { key, bytes } => progress.say(&format!("{key} uploaded, {} KiB", bytes / 1024)),
        Event::OutOfSight { reason } => {
            progress.say(&format!("CloudFormation does not answer, and goes on: {reason}"));
        }
        Event::Resource { logical_id, status, reason, .. } => {
            let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
            let line = format!("{status} {logical_id}{reason}");
            if status.ends_with("_FAILED") { progress.note(&line) } else { progress.say(&line) }
        }
    }
}
