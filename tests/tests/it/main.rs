//! End-to-end tests of the whole program: one binary, so that worlds are shared and linked once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

mod bypass;
mod canary;
mod canary_matrix;
mod canary_real;
mod chaos;
mod client_nio;
mod denials;
mod denied_everywhere;
mod dlp_index;
mod dlp_oracle;
mod dlp_stories;
mod dlp_window;
mod existing_federation;
mod failures;
mod federations;
mod figures;
mod hold;
mod hold_journal;
mod hold_meanwhile;
mod hold_real;
mod hold_told;
mod hold_wait;
mod homeserver;
mod hostile;
mod house;
mod identity;
mod joins;
mod journal_lost;
mod kills;
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
mod large_rooms_mixed;
mod large_rooms_real;
mod link_real;
mod links;
mod load;
mod operator_journal;
mod outage;
mod own_zone;
mod processes;
mod refusals;
mod room_versions;
mod scenes;
mod surface;
mod surface_real;
mod thirds;
mod thirds_away;
mod walk;
