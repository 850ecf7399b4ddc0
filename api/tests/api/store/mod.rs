//! The store with a kind of aggregate of its own, a sum: it knows nothing about marks.

mod append;
mod concurrency;
mod contract;
mod erase;
pub(crate) mod faulty;
mod late;
mod otherwise;
mod queries;
pub(crate) mod sums;
mod wire;

use api::store::memory::Memory;

use self::sums::schema;

#[tokio::test]
async fn dynamodb_in_memory_keeps_the_contract() {
    contract::check(&memory(), &schema()).await;
    contract::check_limits(&memory(), &schema()).await;
}

/// DynamoDB in memory, with the store's tables.
fn memory() -> Memory {
    schema().in_memory()
}
