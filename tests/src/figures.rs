//! The first figures: what the relay costs, measured on the machine that runs this, beside a proxy that does nothing.
//!
//! ```text
//! full road    load ── unix, hook ─▶ gateway (high) ── mTLS ─▶ gateway (low) ── unix ─▶ stub homeserver
//!              load ── unix ───────▶ nginx         ── mTLS ─▶ nginx         ── unix ─▶ the same stub
//! border half  load (signs for itself) ── mTLS ─▶ gateway (low) ── unix ─▶ stub homeserver
//!              load ── mTLS ───────────────────▶ nginx          ── unix ─▶ the same stub
//! ```
//!
//! All events are made, hashed and signed before the clock starts, and no event is sent to a gateway twice, so that
//! nothing is answered from memory. The verdicts are counted and asserted: a figure of a gateway that refuses is none.

pub mod corpus;
pub mod floors;
pub mod http;
pub mod load;
pub mod nginx;
pub mod plan;
pub mod process;
pub mod report;
pub mod roads;
pub mod upstream;

/// The value, or the end of the program with what could not be done.
///
/// # Panics
/// Where there is no value.
pub fn must<T, E: std::fmt::Display>(what: &str, outcome: Result<T, E>) -> T {
    outcome.unwrap_or_else(|error| panic!("{what}: {error}"))
}
