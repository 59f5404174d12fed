//! Views of a text: they end within the budget, and every part of every view leads back to characters of the original.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sluice_policy::dlp::{View, see};

fuzz_target!(|text: &str| {
    let Ok(views) = see(text) else {
        return;
    };
    assert_eq!(views.first().map(View::text), Some(text));
    for view in views.iter().filter(|view| !view.text().is_empty()) {
        let length = view.text().len();
        for at in 0..length {
            for end in [at + 1, at + 7, at.midpoint(length), length] {
                let (from, to) = view.original(at, end.clamp(at + 1, length));
                assert!(from < to && to <= text.len());
                assert!(text.is_char_boundary(from) && text.is_char_boundary(to));
            }
        }
    }
});
