//! XML labels: no input makes the reader panic, and what it reads comes back unchanged through XML and JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::label::{Label, Mode};

fuzz_target!(|xml: &str| {
    let Ok(label) = Label::from_xml(xml, Mode::Lenient) else {
        // What is strict is never wider than what is lenient.
        assert!(Label::from_xml(xml, Mode::Strict).is_err());
        assert!(Label::from_xml(xml, Mode::Carried).is_err());
        return;
    };
    let written = label.to_xml();
    // The canonical form may be longer than a tight original, and then over the limit.
    if let Ok(again) = Label::from_xml(&written, Mode::Lenient) {
        assert_eq!(again, label);
    } else {
        assert!(written.len() > 8 * 1024);
    }
    let json = label.to_exact_json().to_string();
    if let Ok(again) = Label::read(json.as_bytes(), Mode::Lenient) {
        assert_eq!(again, label);
        assert_eq!(again.to_xml(), written);
    } else {
        assert!(json.len() > 8 * 1024);
    }
});
