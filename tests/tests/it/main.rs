//! End-to-end tests of the whole program: one binary, so that worlds are shared and linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

mod bypass;
mod canary;
mod canary_real;
mod chaos;
mod client_nio;
mod denials;
mod dlp_index;
mod dlp_oracle;
mod dlp_stories;
mod dlp_window;
mod failures;
mod figures;
mod homeserver;
mod hostile;
mod house;
mod identity;
mod joins;
mod journal_lost;
mod label_across;
mod label_canary;
mod label_expiry;
mod label_hidden;
mod label_links;
mod label_planted;
mod label_relations;
mod label_rooms;
mod label_stories;
mod label_unknown;
mod labels;
mod large_rooms;
mod large_rooms_real;
mod outage;
mod processes;
mod room_versions;
mod scenes;
