//! The binary `sluice`, driven as an operator drives it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests state what must hold"
)]

mod operator;

mod join;
mod mistakes;
mod reload;
