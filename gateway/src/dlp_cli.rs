//! `sluice dlp …`: commands about detectors and indexes.

pub mod index;
