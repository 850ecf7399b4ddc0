//! What is known of a mark after its last event: the state, and what each event carries.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::price::Price;
use super::values::{AddressLine, Mark, Name, PostCode};
use crate::event_time::EventTime;

/// A mark after one of its events. In the event table, it is the event's attribute `RegistrationNumber`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegistrationNumber {
    /// The mark.
    pub mark: Mark,
    /// What may happen to it now.
    pub status: Status,
    /// The time of the event.
    pub event_time: EventTime,
    /// Since when it is locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_time: Option<EventTime>,
    /// What it costs.
    pub price: Price,
    /// The number of the event among the mark's: 1, 2, 3 ….
    pub version: u64,
    /// Who it is kept for.
    pub entitlement: Entitlement,
}

/// What may happen to a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// It is kept for somebody, who may change what is known of it.
    Entitled,
    /// Nothing changes until it is unlocked.
    Locked,
}

/// Who a mark is kept for, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entitlement {
    /// The number of the certificate that says so.
    pub certificate_no: String,
    /// When that was issued.
    pub certificate_time: EventTime,
    /// The last day, `2036-01-05`.
    pub expiry_date: String,
    /// The person who may use the mark.
    pub nominee_name: Name,
    /// Where they live.
    pub address_line1: AddressLine,
    /// The second line, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_line2: Option<AddressLine>,
    /// The post code.
    pub post_code: PostCode,
}
