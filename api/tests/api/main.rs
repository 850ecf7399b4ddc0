//! The companion, from outside: its store, over DynamoDB in memory and on a scripted wire.

mod store;
