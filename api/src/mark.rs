//! Registration marks: what a command does to one, and what an event says. No I/O, no clock, no randomness: the time and
//! the ids of an event are arguments.

mod command;
mod decide;
mod event;
mod evolve;
mod price;
mod refusal;
mod registration;
mod values;

pub use self::command::{Address, Command, Entitle, Extend, Nominate, OnMark, Readdress};
pub use self::decide::{LONGEST_TERM, decide};
pub use self::event::{Event, EventName, Ids};
pub use self::evolve::{Misfit, evolve};
pub use self::price::Price;
pub use self::refusal::{Kind, Refusal};
pub use self::registration::{Entitlement, RegistrationNumber, Status};
pub use self::values::{AddressLine, Mark, Name, PostCode, Violation, Years};

#[cfg(test)]
mod tests;
