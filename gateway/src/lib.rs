//! Sluice: a secure border and cross-domain gateway for Matrix federation.
//!
//! The stages of a request's life, one module each, in their order:
//! [`accept`] → [`identify`] → [`route`] → [`parse`] → [`collect`] → [`judge`] → [`record`] → [`rebuild`] → [`relay`].

pub mod accept;
pub mod admin;
mod asks;
pub mod audit;
pub mod audit_cli;
pub mod check;
pub mod cli;
pub mod collect;
pub mod config;
pub mod demo;
pub mod dlp_cli;
pub mod doctor;
pub mod exchange;
pub mod gateway;
pub mod hold;
pub mod http;
pub mod identify;
pub mod ids;
pub mod init;
mod joins;
pub mod journal;
pub mod judge;
pub mod keystore;
pub mod label_cli;
pub mod links;
mod listing;
pub mod opa;
pub mod operations;
pub mod operator_cli;
pub mod parse;
pub mod peers;
mod plain;
pub mod policy_cli;
pub mod rebuild;
pub mod record;
pub mod refusal;
pub mod relay;
mod rooms;
pub mod route;
pub mod run;
pub mod shipped;
pub mod stream;
pub mod telemetry;
pub mod tell;
pub mod traffic;
pub mod wait;
pub mod window;
pub mod xmatrix;
