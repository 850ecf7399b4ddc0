//! What takes several crates: adapters over the wire, binaries under the Runtime API, handlers over tables in memory.

mod cases;
mod functions;
mod panics;
mod push;
mod resend;
mod sqs;
mod tables;
mod write_units;
