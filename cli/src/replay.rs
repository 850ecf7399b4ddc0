//! A replay: what it comes to, before it is ordered; and ordering it, some groups at a time.

mod extent;
mod give;
mod walk;

pub use extent::{Extent, Prices, Requests};
pub use give::{Failed, Given, Orders, give};
pub use walk::{Aggregate, Counted, Walked, events_of_group, walk};
