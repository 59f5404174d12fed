//! The program's own log: structured lines on stderr, for operators. What was decided about events stands in the audit
//! log and not here.
//!
//! Invariant: no content, token, key or signature is logged. Our own code logs names, rules and times only; libraries
//! are held at warnings, because the debug lines of an HTTP or TLS library show headers. Of a panic the place is logged alone.

use std::panic::Location;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat, LogLevel};

#[cfg(test)]
mod tests;

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be started: {0}")]
pub struct TelemetryError(#[from] tracing_subscriber::util::TryInitError);

/// Starts logging for the whole process, panics included; once only.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(filter(log.level));
    match log.format {
        LogFormat::Text => registry.with(text()).try_init()?,
        LogFormat::Json => registry.with(json()).try_init()?,
    }
    std::panic::set_hook(Box::new(|panic| tell_panic(panic.location())));
    Ok(())
}

/// What a panic says of itself may hold anything, and is not logged: a slice that fails quotes the text that it is of.
fn tell_panic(place: Option<&Location<'_>>) {
    let place = place.map_or_else(|| "unknown".to_owned(), ToString::to_string);
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    tracing::error!(
        place,
        thread,
        "a defect broke off what was under way; please report this place, with the version"
    );
}

fn text<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
}

fn json<S>() -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_writer(std::io::stderr)
        .with_target(false)
}

fn filter(level: LogLevel) -> EnvFilter {
    // The environment is not asked: a variable must not be able to raise the libraries to debug.
    EnvFilter::new(match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,sluice=info,sluice_policy=info,sluice_certs=info",
        LogLevel::Debug => "warn,sluice=debug,sluice_policy=debug,sluice_certs=debug",
    })
}
