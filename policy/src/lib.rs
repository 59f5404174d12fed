//! The judgement of Sluice: canonical JSON, event facts, labels, detectors and the policy engine. No I/O.

pub mod bundle;
pub mod decide;
pub mod dlp;
pub mod edu;
pub mod engine;
pub mod facts;
pub mod ids;
pub mod json;
pub mod keys;
pub mod label;
pub mod link;
pub mod pdu;
mod unicode;
pub mod verdict;

#[cfg(test)]
mod test_world;
