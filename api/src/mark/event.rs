//! What has happened to a mark.

use std::fmt;

use super::registration::RegistrationNumber;
use crate::event_time::EventTime;

/// One event of a mark. It never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its own id.
    pub id: String,
    /// What has happened.
    pub name: EventName,
    /// When. No two events of a mark have the same time, and a later one has a later time.
    pub time: EventTime,
    /// The mark afterwards, with the event's version.
    pub registration_number: RegistrationNumber,
}

/// What can happen to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventName {
    /// The mark is kept for somebody.
    EntitlementCreated,
    /// The nominee's address is another one.
    AddressUpdated,
    /// The nominee is another person.
    NomineeUpdated,
    /// There is a new certificate.
    CertificateUpdated,
    /// The entitlement ends later.
    EntitlementExtended,
    /// Nothing changes until the mark is unlocked.
    Locked,
    /// The mark may change again.
    Unlocked,
}

/// What is random in an event: it is made before the decision, which then depends on nothing but its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The event's own id.
    pub event_id: String,
    /// The number of a certificate, if the event issues one.
    pub certificate_no: String,
}

impl EventName {
    /// All names.
    pub const ALL: [Self; 7] = [
        Self::EntitlementCreated,
        Self::AddressUpdated,
        Self::NomineeUpdated,
        Self::CertificateUpdated,
        Self::EntitlementExtended,
        Self::Locked,
        Self::Unlocked,
    ];

    /// The event whose name is `text`.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.as_str() == text)
    }

    /// The name as it stands in the event table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EntitlementCreated => "EntitlementCreatedEvent",
            Self::AddressUpdated => "AddressUpdatedEvent",
            Self::NomineeUpdated => "NomineeUpdatedEvent",
            Self::CertificateUpdated => "CertificateUpdatedEvent",
            Self::EntitlementExtended => "EntitlementExtendedEvent",
            Self::Locked => "LockedEvent",
            Self::Unlocked => "UnlockedEvent",
        }
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
