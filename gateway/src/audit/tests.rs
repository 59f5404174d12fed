//! The log under a gateway's ordinary life, under crashes, under a failing disk, and in the hands of a tamperer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

mod crash;
mod entries;
mod strangers;
mod tamper;
mod world;
mod writing;
