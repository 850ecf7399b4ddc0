//! Requests as botocore makes them, with its signatures: what ours are compared with.

#![expect(clippy::expect_used, reason = "in tests a panic is the report")]

use std::collections::BTreeMap;

use serde::Deserialize;

/// A request as it is on the wire.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct RecordedRequest {
    /// As botocore calls it: `put_record`.
    pub operation: String,
    /// As signatures have it.
    pub service: String,
    /// The method.
    pub method: String,
    /// With its host.
    pub url: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: String,
}

#[derive(Deserialize)]
struct Recording {
    requests: Vec<RecordedRequest>,
}

/// The seconds since 1970 at which the requests were signed: 1 January 2025, 12:00:00 UTC. The credentials are `AKIDEXAMPLE`,
/// `secret`, `token`.
pub const SIGNED_AT: u64 = 1_735_732_800;

/// All that were recorded: botocore 1.43.106, 30 November 2026.
///
/// # Panics
///
/// The recording can't be read.
pub fn recorded_requests() -> Vec<RecordedRequest> {
    let recording: Recording =
        serde_json::from_str(include_str!("botocore.json")).expect("the recording's form");
    recording.requests
}

/// The one of this operation.
///
/// # Panics
///
/// There is none.
pub fn recorded_request(operation: &str) -> RecordedRequest {
    let found = recorded_requests().into_iter().find(|request| request.operation == operation);
    found.expect("an operation that was recorded")
}
