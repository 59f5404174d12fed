//! The judgement of Sluice: canonical JSON, event facts, labels, detectors and the policy engine. No I/O.

#[cfg(feature = "engine")]
pub mod bundle;
#[cfg(feature = "engine")]
pub mod decide;
pub mod dlp;
pub mod edu;
#[cfg(feature = "engine")]
pub mod engine;
mod entity;
#[cfg(feature = "engine")]
pub mod facts;
pub mod ids;
pub mod json;
pub mod keys;
pub mod label;
pub mod likeness;
pub mod link;
pub mod parallel;
pub mod pdu;
mod unicode;
pub mod verdict;

#[cfg(test)]
mod test_world;
