//! The binary `sluice`.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    sluice::cli::run(sluice::cli::Cli::parse())
}
