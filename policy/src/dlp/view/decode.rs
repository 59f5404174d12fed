//! The decoded views: what is encoded in a text, layer by layer, in the place where it is encoded.
//!
//! ```text
//!  text ─→ escapes (entities, tags, percent, quoted-printable, backslash, tag characters)
//!       └→ blobs (base64, hex; in them gzip, zlib, UTF-16) ─→ next layer
//! ```
//!
//! Each layer is one pass over its text and leaves what it cannot read as it is, so words around what is encoded stay near.
//! All layers together are bounded by the budget of the scan, what is unpacked also by the length of the text.

mod blob;
mod bytes;
mod escape;
mod tag;

use super::{
    super::budget::{Budget, ScanError, within},
    BORDER, Borders, FOREIGN_BORDER, Gathered, ViewName,
    map::{Made, Map},
    signs::Signs,
};
pub(super) use escape::{has_tag_characters, plain_of_html};

/// Encodings inside each other at most. What is deeper is not looked at, so the scan fails.
pub const MAX_LAYERS: usize = 3;
/// Unpacked text of one text at most, in bytes for each of its bytes.
pub const MAX_EXPANSION: usize = 8;
/// Unpacked text that every text may have, however short, in bytes.
pub const FREE_EXPANSION_BYTES: usize = 16 * 1024;

/// A character that was encoded, as it stands in decoded text.
fn encoded(c: char) -> char {
    if c == BORDER { FOREIGN_BORDER } else { c }
}

/// What may still be unpacked of one text.
pub(super) struct Room {
    left: usize,
    limit: usize,
}

impl Room {
    pub(super) fn of(text: &str) -> Room {
        let limit = (text.len() * MAX_EXPANSION).max(FREE_EXPANSION_BYTES);
        Room { left: limit, limit }
    }

    /// Takes `bytes` of it.
    fn take(&mut self, bytes: usize) -> Result<(), ScanError> {
        within(bytes, self.left, "bytes of unpacked text").map_err(|_| self.full())?;
        self.left -= bytes;
        Ok(())
    }

    fn full(&self) -> ScanError {
        ScanError::Budget {
            what: "bytes of unpacked text",
            limit: self.limit,
        }
    }
}

impl Gathered<'_, '_> {
    /// Reads what is encoded in a text that is itself `layer` encodings deep.
    pub(super) fn decode(
        &mut self,
        text: &str,
        map: Option<&Map>,
        signs: Signs,
        layer: usize,
    ) -> Result<(), ScanError> {
        for made in children(text, signs, &mut self.room, self.budget)? {
            if made.text != text && !self.is_known(&made.text) {
                within(layer + 1, MAX_LAYERS, "layers of encoding")?;
                self.child(made.onto(map), layer + 1)?;
            }
        }
        Ok(())
    }

    fn child(&mut self, made: Made, layer: usize) -> Result<(), ScanError> {
        self.push(ViewName::Decoded, layer, made.clone())?;
        let signs = Signs::of(&made.text, self.borders);
        self.see(&made.text, Some(&made.map), signs, layer)
    }
}

/// What one layer of a text may be: escapes read, tags left out or kept, blobs read in any of these.
fn children(
    text: &str,
    signs: Signs,
    room: &mut Room,
    budget: &mut Budget,
) -> Result<Vec<Made>, ScanError> {
    let mut children = Vec::new();
    // Tag characters are odd and no escape that the signs know.
    if signs.escapes || signs.odd {
        budget.view(text.len())?;
        let (bare, hidden) = escape::decode(text, false);
        let kept = hidden.then(|| escape::decode(text, true).0).flatten();
        for made in [bare, kept].into_iter().flatten() {
            budget.view(made.text.len())?;
            let inner = blobs(
                &made.text,
                Signs::of(&made.text, Borders::Odd),
                room,
                budget,
            )?;
            children.extend(inner.map(|inner| inner.onto(Some(&made.map))));
            children.push(made);
        }
    }
    children.extend(blobs(text, signs, room, budget)?);
    Ok(children)
}

fn blobs(
    text: &str,
    signs: Signs,
    room: &mut Room,
    budget: &mut Budget,
) -> Result<Option<Made>, ScanError> {
    match signs.blobs.list() {
        [] => Ok(None),
        parts => blob::decode(text, parts, room, budget),
    }
}

#[cfg(test)]
mod tests;
