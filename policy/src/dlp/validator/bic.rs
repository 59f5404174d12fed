//! Business identifier codes: ISO 9362, four letters, a country, two signs, three more for a branch. No check digit.

use super::area;

pub(super) fn bic(value: &[u8]) -> bool {
    value
        .get(..4)
        .is_some_and(|bank| bank.iter().all(u8::is_ascii_uppercase))
        && value.get(4..6).is_some_and(area::is_country)
}
