//! Push: the events of a client's queue reach the client's target, in order per aggregate, each once but for repetitions with the
//! same id.
//!
//! A batch goes through [`handler::Push`]. What a kind of target asks and what its answers mean is decided in a file of `kind`
//! each. The library knows no service: requests go
//! through the port [`Exchange`](shared::exchange::Exchange), what is kept through [`Ledger`](shared::ledger::Ledger).

mod deadline;
mod encoding;
pub mod event;
mod fault;
pub mod handler;
mod invocation;
pub mod kind;
mod lane;
pub mod outcome;
mod pace;
mod reason;
mod record;
mod request;
mod retry_after;
mod secrets;
mod signature;
mod target;
mod token;
pub mod trial;
