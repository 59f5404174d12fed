//! JSON labels, as events and files carry them: no input makes the reader panic, and what it reads comes back unchanged
//! through JSON and XML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::label::{Label, Mode};

fuzz_target!(|text: &[u8]| {
    if text.trim_ascii_start().first() == Some(&b'<') {
        return;
    }
    let Ok(label) = Label::read(text, Mode::Lenient) else {
        assert!(Label::read(text, Mode::Strict).is_err());
        assert!(Label::read(text, Mode::Carried).is_err());
        return;
    };
    let wire = label.to_wire().to_string();
    // Metadata labels have no place in the wire form.
    if label.role() == sluice_policy::label::Role::Originator && wire.len() <= 8 * 1024 {
        assert_eq!(Label::read(wire.as_bytes(), Mode::Lenient).as_ref(), Ok(&label));
    }
    let xml = label.to_xml();
    match Label::from_xml(&xml, Mode::Lenient) {
        Ok(again) => assert_eq!(again.to_exact_json(), label.to_exact_json()),
        Err(_) => assert!(xml.len() > 8 * 1024),
    }
});
