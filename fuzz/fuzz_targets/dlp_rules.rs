//! Rule files of detectors: whatever is written in them, they load or every mistake has its place, and what loads scans.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ruma_common::CanonicalJsonValue as Tree;
use sluice_policy::{
    dlp::{Detectors, LoadOptions},
    label::Spifs,
};

fuzz_target!(|toml: &str| {
    let Ok(spifs) = Spifs::new(Vec::new()) else {
        return;
    };
    let files = [("fuzz.toml".to_owned(), toml.to_owned())];
    // A small limit, so that time goes into shapes and not into compiling.
    let options = LoadOptions {
        size_limit: 256 * 1024,
        run_examples: false,
        ..LoadOptions::default()
    };
    match Detectors::parse_with(&files, &spifs, &options) {
        Ok(detectors) => {
            let _ = detectors.test_report();
            let text =
                "Nummer 4539 1488 0343 6467, geheim, DE89 3704 0044 0532 0130 00, ü\u{200b}٣";
            let _ = detectors.scan(&Tree::String(text.to_owned()), "");
        }
        Err(mistakes) => assert!(
            mistakes
                .iter()
                .all(|mistake| mistake.starts_with("fuzz.toml:"))
        ),
    }
});
