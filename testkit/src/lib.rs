//! Tools for tests, in no release: doubles of the ports in memory and of services on the wire, the contract suites that
//! doubles and real things pass, samples, and a recorder of what code logs.

pub mod contract;
pub mod logs;
pub mod memory;
pub mod samples;
pub mod wire;
