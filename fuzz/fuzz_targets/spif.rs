//! The SPIF loader and the linter: no input makes them panic, and what loads can be asked about.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::label::{Spif, Spifs, lint};

fuzz_target!(|xml: &str| {
    let report = lint(&[("fuzz.xml".to_owned(), xml.to_owned())]);
    let parsed = Spif::parse(xml);
    // The linter knows at least the mistakes that keep a policy from being loaded.
    assert_eq!(parsed.is_ok(), report.ok());
    if let Ok(spif) = parsed {
        assert!(!spif.classifications.is_empty());
        assert!(Spifs::new(vec![spif]).is_ok());
    }
});
