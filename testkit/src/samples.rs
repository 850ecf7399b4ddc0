//! Generated values, for property tests; and requests as others make them.

mod botocore;
pub mod image;
pub mod ledger;

pub use botocore::{RecordedRequest, SIGNED_AT, recorded_request, recorded_requests};
