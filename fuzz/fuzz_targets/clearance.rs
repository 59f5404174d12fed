//! Clearances in all their forms: no input makes the reader panic, and what it reads comes back unchanged through XML and
//! JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::label::Clearance;

fuzz_target!(|text: &[u8]| {
    let Ok(clearance) = Clearance::read(text) else {
        return;
    };
    for written in [clearance.to_xml(), clearance.to_json().to_string()] {
        match Clearance::read(written.as_bytes()) {
            Ok(again) => assert_eq!(again, clearance),
            Err(_) => assert!(written.len() > 64 * 1024),
        }
    }
});
