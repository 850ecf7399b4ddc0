//! A replay: what it comes to, before it is ordered; and ordering it, some groups at a time.

mod extent;
mod give;
mod walk;

pub use extent::{Extent, Prices, Requests};
pub use give::{Failed, Given, Orders, give};
pub use walk::{Aggregate, Counted, Walked, events_of_group, walk};

/// A source with versions.
#[cfg(test)]
pub(crate) fn source() -> shared::config::Source {
    let config = r#"
        [source]
        partition_key = "mark"
        sort_key = "createTime"
        group = "mark"
        time = "createTime"
        version = "version"
        [[client]]
        name = "Billing"
    "#;
    shared::config::Config::try_from_toml("test", config, None).unwrap().source
}
