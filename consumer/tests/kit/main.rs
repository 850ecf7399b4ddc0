//! The kits for consumers, in Rust and Python.

mod python;
mod streams;
