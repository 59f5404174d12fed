//! Views: the same text as a detector should see it, with the way back to the original.
//!
//! ```text
//!  text ─┬─ raw
//!        ├─ normalised ─┬─ joined ── skeleton
//!        │              └─ skeleton
//!        └─ decoded (up to three layers, each of them normalised, joined, skeleton)
//! ```
//!
//! The message is never rewritten. A view is scanned, and what is found is reported in bytes of the original, always on
//! its character borders. Text without oddities has the raw view only, and that is decided in one pass over its bytes.

mod decode;
mod joined;
mod map;
mod normalise;
mod reversed;
mod signs;
mod skeleton;

use std::borrow::Cow;

use super::budget::{Budget, ScanError};
use decode::Room;
use map::{Made, Map};
use signs::Signs;

/// Between what was encoded, or joined, and text beside it: no letter, no space and no separator that a pattern would go
/// over.
const BORDER: char = '\u{1f}';
/// Stands in decoded text for a border that was encoded there, so that borders are ours alone.
const FOREIGN_BORDER: char = '\u{1e}';

/// Which view, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ViewName {
    /// The text as it is.
    Raw,
    /// Compatibility forms composed, without invisible characters, with plain dashes, spaces and digits; and text under a
    /// right-to-left override as it is displayed.
    Normalised,
    /// Without separators inside of numbers and spelled words.
    Joined,
    /// Look-alikes as the Latin letters that they look like.
    Skeleton,
    /// What was encoded in the text, itself seen in all these ways.
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

/// One way to see a text.
#[derive(Clone, Debug)]
pub struct View<'a> {
    pub(super) name: ViewName,
    pub(super) text: Cow<'a, str>,
    /// `None` for the raw view.
    map: Option<Map>,
}

/// All views of `text`, raw first, in the order of their names; those equal to an earlier one are left out.
///
/// # Errors
/// Over the budget, or encoded deeper than [`decode::MAX_LAYERS`]: not all of the text can be seen.
pub(super) fn views<'a>(text: &'a str, budget: &mut Budget) -> Result<Vec<View<'a>>, ScanError> {
    let raw = View {
        name: ViewName::Raw,
        text: Cow::Borrowed(text),
        map: None,
    };
    let signs = Signs::of(text, Borders::Odd);
    if signs.nothing() {
        return Ok(vec![raw]);
    }
    let mut gathered = Gathered {
        views: vec![raw],
        budget,
        room: Room::of(text),
        borders: Borders::of(text),
    };
    gathered.see(text, None, signs, 0)?;
    let mut views = gathered.views;
    views.sort_by_key(|view| view.name);
    Ok(views)
}

/// All views of a text by itself, as a scan of it would look at them: to see why a rule does or does not find something.
///
/// # Errors
/// See [`ScanError`]: more than a scan may look at, or encoded too deep.
pub fn see(text: &str) -> Result<Vec<View<'_>>, ScanError> {
    let mut budget = Budget::default();
    budget.unit(text.len())?;
    views(text, &mut budget)
}

/// True for a character of another script that looks like a Latin letter.
pub(super) fn looks_latin(c: char) -> bool {
    skeleton::look(c).is_some()
}

/// A text in small letters, normalised, to compare words.
pub(super) fn normal_words(text: &str) -> String {
    normalise::normalise(text, Borders::Odd).text.to_lowercase()
}

/// The text of HTML as a reader sees it.
pub(super) fn plain_of_html(html: &str) -> String {
    decode::plain_of_html(html)
}

impl View<'_> {
    /// The word in rules and findings: `raw`, `normalised`, `joined`, `skeleton`, `decoded`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name.as_str()
    }

    /// The text as it is seen.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the original that the bytes `start..end` of this view come from, on character borders of both; at
    /// least one character, unless the view is empty.
    #[must_use]
    pub fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let start = self.text.floor_char_boundary(start);
        let end = self.text.ceil_char_boundary(end.max(start + 1));
        match &self.map {
            None => (start, end),
            Some(map) => map.original(start, end),
        }
    }
}

/// The views of one text so far.
struct Gathered<'a, 'b> {
    views: Vec<View<'a>>,
    budget: &'b mut Budget,
    room: Room,
    /// What they are in decoded text.
    borders: Borders,
}

/// What a [`BORDER`] in a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Borders {
    /// A control character that somebody sent, which no reader sees.
    Odd,
    /// Put there by us: a view without it would be the same text once more, with words glued together.
    Ours,
}

impl Borders {
    /// In what is decoded of a text. Where the text has some itself, theirs are not told from ours.
    fn of(text: &str) -> Borders {
        match text.contains(BORDER) {
            true => Borders::Odd,
            false => Borders::Ours,
        }
    }
}

impl Gathered<'_, '_> {
    /// Sees a text that is itself a view, `layer` encodings deep, in all other ways.
    fn see(
        &mut self,
        text: &str,
        map: Option<&Map>,
        signs: Signs,
        layer: usize,
    ) -> Result<(), ScanError> {
        if reversed::is_overridden(text) {
            let shown = reversed::reverse(text);
            let plain =
                normalise::normalise(&shown.text, self.borders_in(layer)).onto(Some(&shown.map));
            self.normalised(plain.onto(map), layer)?;
        }
        let tags = signs.odd && decode::has_tag_characters(text);
        if tags {
            self.decode(text, map, signs, layer)?;
        }
        if signs.odd {
            // Invisible characters inside of what is encoded do not hide it.
            let plain = normalise::normalise(text, self.borders_in(layer));
            self.normalised(plain.onto(map), layer)
        } else {
            self.settled(text, map, signs, layer)
        }
    }

    /// A normalised text, and what follows from it.
    fn normalised(&mut self, made: Made, layer: usize) -> Result<(), ScanError> {
        let signs = Signs::of(&made.text, self.borders_in(layer));
        self.settled(&made.text, Some(&made.map), signs, layer)?;
        self.push(ViewName::Normalised, layer, made)
    }

    /// What follows from a text that is normalised.
    fn settled(
        &mut self,
        text: &str,
        map: Option<&Map>,
        signs: Signs,
        layer: usize,
    ) -> Result<(), ScanError> {
        let joined = if signs.join {
            joined::join(text)
        } else {
            Vec::new()
        };
        for made in joined {
            let made = made.onto(map);
            if Signs::of(&made.text, Borders::Odd).look {
                self.skeleton(&made.text, Some(&made.map), layer)?;
            }
            self.push(ViewName::Joined, layer, made)?;
        }
        if signs.look {
            self.skeleton(text, map, layer)?;
        }
        if signs.encoded() {
            self.decode(text, map, signs, layer)?;
        }
        Ok(())
    }

    fn skeleton(&mut self, text: &str, map: Option<&Map>, layer: usize) -> Result<(), ScanError> {
        let made = skeleton::skeleton(text).onto(map);
        self.push(ViewName::Skeleton, layer, made)
    }

    /// Keeps a view; one that is `layer` encodings deep has the name of all decoded ones.
    fn push(&mut self, name: ViewName, layer: usize, made: Made) -> Result<(), ScanError> {
        self.budget.view(made.text.len())?;
        if layer > 0 {
            self.budget.decoded(made.text.len())?;
        }
        if !made.text.is_empty() && !self.is_known(&made.text) {
            self.views.push(View {
                name: if layer == 0 { name } else { ViewName::Decoded },
                text: Cow::Owned(made.text),
                map: Some(made.map),
            });
        }
        Ok(())
    }

    fn borders_in(&self, layer: usize) -> Borders {
        match layer {
            0 => Borders::Odd,
            _ => self.borders,
        }
    }

    fn is_known(&self, text: &str) -> bool {
        self.views.iter().any(|view| view.text == text)
    }
}

#[cfg(test)]
mod tests;
