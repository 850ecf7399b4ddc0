//! The stack as `template.yml` describes it.

mod alarms;
mod dashboard;
mod rights;
mod support;
mod template;
