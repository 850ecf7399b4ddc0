//! The ledger: how far each group got, who is up to date and who is behind. `docs/ledger.md` is the specification.
//!
//! What is decided here are values made of values. What is read and written goes through two ports, [`Ledger`] and
//! [`EventTable`]; what is sent, through [`Transport`](crate::send::Transport).

mod adopt;
mod attestation;
mod attributes;
mod bounded;
pub mod catch_up;
mod client_id;
pub mod columns;
pub mod cursors;
pub mod deliveries;
pub mod erasures;
mod event_time;
pub mod fan_out;
pub mod hold;
mod items;
mod last_sent;
pub mod membership;
pub mod pace;
mod pairs;
pub mod plausible;
mod ports;
pub mod push_writes;
pub mod reconcile;
pub mod replay;
mod requests;
pub mod scan;
pub mod stored;
pub mod times;

pub use adopt::{adopt, baseline, is_whole, leaving};
pub use attestation::{Attestation, attestation};
pub use bounded::BoundedPort;
pub use client_id::ClientId;
pub use deliveries::{
    ALIKE_LIMIT, Delivery, DeliveryRequest, DeliveryRequestKind, Gone, OpenBreaker, QueuePlace, Refusal,
    RefusedHead, TargetFailure, TargetState,
};
pub use event_time::EventTime;
pub use items::{
    Cursor, DamagedItem, ErasureReceipt, First, GroupItem, HELD_LIMIT, HOLES_LIMIT, Hold, Lease, PAIRS_LIMIT,
    Pause, REFUSED_LIMIT, ReceiptPlace, RefusedEvent, Registration, Registry, Repetition, SKIPPED_LIMIT,
    Scan, ScanKind, Settlement, SkippedEvent, State, WriteCount,
};
pub use last_sent::{LastSent, LastVersion};
pub use pairs::note_pairs;
use ports::lowest_event;
pub use ports::{
    Condition, EventTable, Item, ItemKey, Ledger, LedgerRead, Page, Ports, READ_LIMIT, Reading, Row, RowHead,
    ScanPage, ScanPosition, ScannedRow, Unread, UnsendableEvent, WRITE_LIMIT, Write, WriteError,
};
pub use requests::{REQUESTS_A_MINUTE, RequestAllowance, RequestVerdict, request_verdict};
