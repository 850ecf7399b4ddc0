//! What an event says about a mark.

use super::event::{Event, EventName};
use super::registration::{RegistrationNumber, Status};

/// An event that can't come next: the history is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// A mark begins with another event.
    #[error("the mark's first event is `{0}`, with version {1}")]
    Beginning(EventName, u64),
    /// A mark begins once.
    #[error("version {0} creates a mark that is there")]
    SecondBeginning(u64),
    /// Something is missing, or there twice.
    #[error("version {found} comes after version {last}")]
    Version {
        /// The state's.
        last: u64,
        /// The event's.
        found: u64,
    },
    /// What it carries does not follow from what has happened.
    #[error("version {version} is a `{name}`, and changes something else as well")]
    Change {
        /// The event's name.
        name: EventName,
        /// Its version.
        version: u64,
    },
}

/// The mark after `event`; `state` is `None` before its first one.
///
/// Only what the event's name stands for is taken from it: that this gives the mark as the event carries it is checked.
///
/// # Errors
///
/// [`Misfit`] if the event can't come after `state`. No event of [`decide`](super::decide()) is one.
pub fn evolve(state: Option<RegistrationNumber>, event: &Event) -> Result<RegistrationNumber, Misfit> {
    let said = &event.registration_number;
    let after = match (state, event.name) {
        (None, EventName::EntitlementCreated) if said.version == 1 => {
            let entitled = RegistrationNumber { status: Status::Entitled, lock_time: None, ..said.clone() };
            RegistrationNumber { event_time: event.time, ..entitled }
        }
        (None, name) => return Err(Misfit::Beginning(name, said.version)),
        (Some(_), EventName::EntitlementCreated) => return Err(Misfit::SecondBeginning(said.version)),
        (Some(state), _) if Some(said.version) != state.version.checked_add(1) => {
            return Err(Misfit::Version { last: state.version, found: said.version });
        }
        (Some(state), name) => changed(state, name, event),
    };
    if after == *said { Ok(after) } else { Err(Misfit::Change { name: event.name, version: said.version }) }
}

fn changed(mut state: RegistrationNumber, name: EventName, event: &Event) -> RegistrationNumber {
    let said = &event.registration_number;
    let (entitlement, new) = (&mut state.entitlement, said.entitlement.clone());
    match name {
        // It has no predecessor.
        EventName::EntitlementCreated => {}
        EventName::AddressUpdated => {
            entitlement.address_line1 = new.address_line1;
            entitlement.address_line2 = new.address_line2;
            entitlement.post_code = new.post_code;
        }
        EventName::NomineeUpdated => entitlement.nominee_name = new.nominee_name,
        EventName::CertificateUpdated => {
            entitlement.certificate_no = new.certificate_no;
            entitlement.certificate_time = event.time;
        }
        EventName::EntitlementExtended => entitlement.expiry_date = new.expiry_date,
        EventName::Locked => (state.status, state.lock_time) = (Status::Locked, Some(event.time)),
        EventName::Unlocked => (state.status, state.lock_time) = (Status::Entitled, None),
    }
    RegistrationNumber { version: said.version, event_time: event.time, ..state }
}
