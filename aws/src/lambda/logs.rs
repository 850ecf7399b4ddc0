//! Logs as Lambda takes them, and panics among them.

use tracing::error;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::variable;

/// Writes logs to standard output as JSON, one event per line, from `AWS_LAMBDA_LOG_LEVEL` up (default `INFO`);
/// what the dependencies log, from `WARN` up. A panic is logged by its place, without its message, which may quote
/// what was being read.
///
/// Call it once, first.
pub fn init_logging() {
    let level = level(&variable("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default());
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_span_list(false).with_ansi(false);
    let registry = tracing_subscriber::registry().with(lines).with(targets(level));
    // Only a second call fails, and it changes nothing.
    if registry.try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            error!(place, "panicked");
        }));
    }
}

/// Lambda's own names, of its setting "application log level".
fn level(name: &str) -> LevelFilter {
    match name.to_ascii_uppercase().as_str() {
        "TRACE" => LevelFilter::TRACE,
        "DEBUG" => LevelFilter::DEBUG,
        "WARN" => LevelFilter::WARN,
        "ERROR" | "FATAL" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// The modules of this workspace that a function runs, by what their names begin with. (`aws` alone begins the SDK's
/// names, too.)
const OWN: [&str; 7] = ["converter", "fanout", "catchup", "push", "api", "shared", "aws::"];

fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(OWN.map(|own| (own, level)))
        // It would tell a failed invocation a second time, without its request id.
        .with_target("lambda_runtime::layers::panic", LevelFilter::OFF)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn log_levels_are_lambdas() {
        for (name, expected) in [
            ("", LevelFilter::INFO),
            ("TRACE", LevelFilter::TRACE),
            ("debug", LevelFilter::DEBUG),
            ("INFO", LevelFilter::INFO),
            ("WARN", LevelFilter::WARN),
            ("ERROR", LevelFilter::ERROR),
            ("FATAL", LevelFilter::ERROR),
            ("loud", LevelFilter::INFO),
        ] {
            assert_eq!(level(name), expected, "{name}");
        }
    }

    #[test]
    fn dependencies_log_warnings_only() {
        let all = targets(LevelFilter::TRACE);
        for own in ["converter::record", "fanout::handler", "catchup", "shared::send", module_path!()] {
            assert!(all.would_enable(own, &Level::TRACE), "{own}");
        }
        assert!(all.would_enable("aws_smithy_runtime::client::orchestrator", &Level::WARN));
        assert!(!all.would_enable("aws_smithy_runtime::client::orchestrator", &Level::INFO));
        assert!(!all.would_enable("hyper_util", &Level::TRACE));
        assert!(!targets(LevelFilter::ERROR).would_enable("hyper_util", &Level::WARN));
        assert!(!targets(LevelFilter::ERROR).would_enable("fanout", &Level::WARN));
    }
}
