//! Views: the same text as a detector should see it, with the way back to the original.
//!
//! The message is never rewritten. A view is scanned, and what is found is reported in bytes of the original.

use std::borrow::Cow;

use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, is_combining_mark},
};

use super::budget::{Budget, ScanError};
use crate::unicode::{ascii_digit, is_dash, is_ignorable, is_line_end, is_space};

/// Which view, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ViewName {
    /// The text as it is.
    Raw,
    /// NFKC, without invisible characters, with plain dashes, spaces and digits.
    Normalised,
    /// Without separators.
    Joined,
    /// Look-alikes as one letter.
    Skeleton,
    /// What was encoded in the text.
    Decoded,
}

impl ViewName {
    /// All views in order.
    pub(super) const ALL: [ViewName; 5] = [
        ViewName::Raw,
        ViewName::Normalised,
        ViewName::Joined,
        ViewName::Skeleton,
        ViewName::Decoded,
    ];

    /// The word in rules and findings.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            ViewName::Raw => "raw",
            ViewName::Normalised => "normalised",
            ViewName::Joined => "joined",
            ViewName::Skeleton => "skeleton",
            ViewName::Decoded => "decoded",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<ViewName> {
        Self::ALL.into_iter().find(|view| view.as_str() == name)
    }
}

/// All views of `text`, raw first; those equal to an earlier one are left out.
///
/// # Errors
/// Over a limit.
pub(super) fn views<'a>(text: &'a str, _budget: &mut Budget) -> Result<Vec<View<'a>>, ScanError> {
    Ok(View::all(text))
}

/// One way to see a text.
pub(super) struct View<'a> {
    pub(super) name: ViewName,
    pub(super) text: Cow<'a, str>,
    /// Where each character of `text` came from, in order; empty for the raw view.
    pieces: Vec<Piece>,
}

/// One character of a view and the bytes of the original that it stands for.
#[derive(Clone, Copy)]
struct Piece {
    at: usize,
    start: usize,
    end: usize,
}

impl<'a> View<'a> {
    /// All views of `text`; those equal to an earlier one are left out.
    pub(super) fn all(text: &'a str) -> Vec<View<'a>> {
        let raw = View {
            name: ViewName::Raw,
            text: Cow::Borrowed(text),
            pieces: Vec::new(),
        };
        if text.bytes().all(is_plain) {
            return vec![raw];
        }
        let normalised = Builder::normalise(text);
        if normalised.text == text {
            vec![raw]
        } else {
            vec![raw, normalised]
        }
    }

    /// The bytes of the original for the bytes `start..end` of this view; `start < end`.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        match (self.piece(start), self.piece(end.saturating_sub(1))) {
            (Some(first), Some(last)) => (first.start, last.end.max(first.end)),
            _ => (start, end),
        }
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= at);
        self.pieces.get(after.checked_sub(1)?)
    }
}

/// ASCII that is the same in every view.
fn is_plain(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r' || (byte.is_ascii() && !matches!(byte, b'\t' | 0xb | 0xc))
}

/// Builds the normalised view, one composed character at a time.
#[derive(Default)]
struct Builder {
    text: String,
    pieces: Vec<Piece>,
    /// A starter and what combines with it, and the bytes of the original that they take.
    segment: String,
    start: usize,
    end: usize,
}

impl Builder {
    fn normalise<'a>(text: &str) -> View<'a> {
        let mut builder = Builder::default();
        for (at, c) in text.char_indices().filter(|(_, c)| !is_ignorable(*c)) {
            if !continues(c) {
                builder.flush();
            }
            if builder.segment.is_empty() {
                builder.start = at;
            }
            builder.segment.push(c);
            builder.end = at + c.len_utf8();
        }
        builder.flush();
        View {
            name: ViewName::Normalised,
            text: Cow::Owned(builder.text),
            pieces: builder.pieces,
        }
    }

    fn flush(&mut self) {
        let segment = std::mem::take(&mut self.segment);
        for c in segment.nfkc().filter(|c| !is_ignorable(*c)) {
            self.pieces.push(Piece {
                at: self.text.len(),
                start: self.start,
                end: self.end,
            });
            self.text.push(plain(c));
        }
    }
}

/// True for what composes with the character before it: marks, and the inner letters of a Hangul syllable.
fn continues(c: char) -> bool {
    !c.is_ascii()
        && (canonical_combining_class(c) != 0
            || is_combining_mark(c)
            || ('\u{1160}'..='\u{11ff}').contains(&c))
}

fn plain(c: char) -> char {
    match c {
        '\n' | '\r' => c,
        c if is_line_end(c) => '\n',
        c if is_dash(c) => '-',
        c if is_space(c) => ' ',
        c => ascii_digit(c).unwrap_or(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalised(text: &str) -> String {
        View::all(text)
            .pop()
            .map(|view| view.text.into_owned())
            .unwrap_or_default()
    }

    #[test]
    fn evasions_that_the_normalised_view_undoes() {
        for (written, seen) in [
            ("VS\u{2011}NfD", "VS-NfD"),
            ("STRENG\u{a0}GEHEIM", "STRENG GEHEIM"),
            ("G\u{200b}EHEIM", "GEHEIM"),
            ("GE\u{ad}HEIM", "GEHEIM"),
            ("\u{ff27}\u{ff25}\u{ff28}\u{ff25}\u{ff29}\u{ff2d}", "GEHEIM"),
            ("4111\u{2009}1111", "4111 1111"),
            ("\u{664}\u{661}", "41"),
            ("FU\u{308}R", "FÜR"),
            ("FU\u{200b}\u{308}R", "FÜR"),
            ("a\tb\u{2028}c", "a b\nc"),
            ("straße", "straße"),
        ] {
            assert_eq!(normalised(written), seen, "{written:?}");
        }
    }

    #[test]
    fn plain_text_has_one_view() {
        assert_eq!(View::all("Hallo alice, 12:30\n").len(), 1);
        assert_eq!(View::all("Grüße").len(), 1);
    }

    #[test]
    fn offsets_lead_back_to_whole_characters_of_the_original() {
        let text = "x\u{200b}VS\u{2011}N\u{ad}fD y";
        let views = View::all(text);
        let view = &views[1];
        let start = view.text.find("VS-NfD").unwrap_or_default();
        let (from, to) = view.original(start, start + "VS-NfD".len());
        assert_eq!(&text[from..to], "VS\u{2011}N\u{ad}fD");
    }

    #[test]
    fn one_character_that_becomes_several_maps_to_itself() {
        let text = "a\u{fb03}b"; // the ligature ffi
        let views = View::all(text);
        let view = &views[1];
        assert_eq!(view.text, "affib");
        assert_eq!(view.original(1, 2), (1, 4));
        assert_eq!(view.original(3, 5), (1, 5));
    }
}
