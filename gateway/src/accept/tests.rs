//! Stories of the three ways in, told over real sockets: `high.test` is our homeserver, `low.test` the far one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails here has found its fault"
)]

mod border;
mod connect;
mod hook;
pub(crate) mod kit;
