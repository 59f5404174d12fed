//! The program's own log: structured lines on stderr, for operators. What was decided about events stands in the audit
//! log and not here.
//!
//! Invariant: no content, token, key or signature is logged. Our own code logs names, rules and times only; libraries
//! are held at warnings, because the debug lines of an HTTP or TLS library show headers.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Log, LogFormat, LogLevel};

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the log cannot be started: {0}")]
pub struct TelemetryError(#[from] tracing_subscriber::util::TryInitError);

/// Starts logging for the whole process; once only.
pub fn start(log: &Log) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(filter(log.level));
    match log.format {
        LogFormat::Text => registry.with(text()).try_init()?,
        LogFormat::Json => registry.with(json()).try_init()?,
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests state what must hold")]

    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn libraries_stay_at_warnings_when_we_log_everything() {
        let written = Written::default();
        let sink = written.clone();
        let layer = tracing_subscriber::fmt::layer().with_writer(move || sink.clone());
        let subscriber = tracing_subscriber::registry()
            .with(filter(LogLevel::Debug))
            .with(layer);
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!(target: "hyper::proto", "authorization: canary-token");
            tracing::debug!(target: "sluice::judge", "stage done");
            tracing::warn!(target: "rustls", "handshake failed");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!text.contains("canary-token"), "{text}");
        assert!(
            text.contains("stage done") && text.contains("handshake failed"),
            "{text}"
        );
    }
}
