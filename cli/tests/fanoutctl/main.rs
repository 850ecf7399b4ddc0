//! The binary as its user has it, without AWS: help texts, exit statuses, what is printed and in which shape.

mod help;
mod json;
mod offline;
mod support;
mod written_down;
