//! How names in policies, labels and clearances are compared: NFC, case-folded, trimmed (statement LB-4).

use unicode_normalization::UnicodeNormalization;

use crate::unicode::is_ignorable;

/// Prefix of an object identifier written as a URI.
pub const OID_PREFIX: &str = "urn:oid:";

/// A name in the form in which two spellings of it are equal. Compare only, never show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(String);

impl Key {
    /// Folds `name`; always succeeds, also on names that [`is_clean`] refuses.
    pub(super) fn of(name: &str) -> Key {
        let name = name.trim();
        if name.is_ascii() {
            return Key(name.to_ascii_lowercase());
        }
        let folded: String = name.nfc().flat_map(fold).collect();
        Key(folded.nfc().collect())
    }
}

/// Simple and full case folding through upper case, so that `ß` equals `SS`. The dotless i is left alone: it becomes a
/// plain i that way, although Unicode keeps the two apart.
fn fold(c: char) -> impl Iterator<Item = char> {
    let upper: Vec<char> = if c == 'ı' {
        vec![c]
    } else {
        c.to_uppercase().collect()
    };
    upper.into_iter().flat_map(char::to_lowercase)
}

/// Beginning of the names that no policy may have: they mean something here.
pub(super) const RESERVED_PREFIX: &str = "sluice:";

/// True for a name with [`RESERVED_PREFIX`], in any spelling that is equal to one.
pub(super) fn is_reserved(name: &str) -> bool {
    Key::of(name).0.starts_with(RESERVED_PREFIX)
}

/// True where `text` has something to read and neither invisible nor control characters, which two readers would see
/// alike and programs would not.
pub(super) fn is_clean(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(|c| is_ignorable(c) || c.is_control())
}

/// True for a dotted object identifier such as `2.25.999001`.
pub(super) fn is_oid(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let mut parts = text.split('.');
    matches!(parts.next(), Some("0" | "1" | "2")) && text.contains('.') && parts.all(number)
}

/// True for `urn:oid:` and a dotted object identifier.
pub(super) fn is_oid_uri(text: &str) -> bool {
    text.strip_prefix(OID_PREFIX).is_some_and(is_oid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lb_4_spellings_of_one_name_are_equal() {
        for (one, other) in [
            ("top secret", "TOP SECRET"),
            (" Geheim ", "GEHEIM"),
            (
                "VS-NUR FU\u{308}R DEN DIENSTGEBRAUCH",
                "vs-nur für den dienstgebrauch",
            ),
            ("Maßnahme", "MASSNAHME"),
        ] {
            assert_eq!(Key::of(one), Key::of(other), "{one} and {other}");
        }
    }

    #[test]
    fn lb_4_lookalikes_and_dotless_letters_stay_apart() {
        assert_ne!(Key::of("GEHEIM"), Key::of("G\u{415}HEIM"));
        assert_ne!(Key::of("RESTRICTED"), Key::of("RESTRıCTED"));
    }

    #[test]
    fn invisible_text_is_not_clean() {
        assert!(is_clean("VS-NUR FÜR DEN DIENSTGEBRAUCH"));
        for hidden in [
            "SECRET \u{200b}",
            "GE\u{ad}HEIM",
            "SECRET\u{202e}",
            "a\0",
            "",
            "  ",
        ] {
            assert!(!is_clean(hidden), "{hidden:?}");
        }
    }

    #[test]
    fn object_identifiers_are_dotted_numbers() {
        assert!(is_oid("2.25.999001") && is_oid_uri("urn:oid:1.3.26.1.3.1"));
        for wrong in ["2", "3.1", "2.", "2..5", "2.a", "", "urn:oid:2.25"] {
            assert!(!is_oid(wrong), "{wrong}");
        }
    }
}
