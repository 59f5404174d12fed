//! The decoders of detectors: whatever is packed into a message, looking at it ends within its limits.
#![no_main]

use std::fmt::Write;

use libfuzzer_sys::fuzz_target;
use sluice_policy::dlp::see;

/// Bytes of all views for each byte of the text, and those that are free, as the budget has them.
const LIMITS: (usize, usize) = (32, 128 * 1024);

fuzz_target!(|bytes: &[u8]| {
    look(&String::from_utf8_lossy(bytes));
    let mut hex = String::new();
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    look(&hex);
});

fn look(text: &str) {
    if let Ok(views) = see(text) {
        let seen: usize = views.iter().skip(1).map(|view| view.text().len()).sum();
        assert!(seen <= LIMITS.1 + LIMITS.0 * text.len());
    }
}
