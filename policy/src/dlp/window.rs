//! Split messages: what one sender says in one room within ten minutes is read as one text.
//!
//! ```text
//!  earlier texts (Window) ─┐                    ┌─ with line ends ─┐
//!  texts of the event ─────┼─▶ in their order ──┼─ with spaces ────┼─▶ detectors ─▶ what ends in the event's own texts
//!  later ones (pulls) ─────┘                    ├─ with nothing ───┤               and is not found in it alone
//!                                               └─ those with digits
//! ```
//!
//! The message that completes a value is the one that is denied: a finding is reported in the text of the event that it
//! reaches into, cut to that text. What was said is bounded, by messages, minutes and bytes; it is kept by the gateway
//! only under a key that is erased with it.

mod joined;
mod said;
mod scan;

use std::collections::{BTreeMap, VecDeque};

pub use joined::{Seen, joined};
pub use said::{MAX_SAID, Said, said};

/// Earlier messages of a window at most.
pub const WINDOW_MESSAGES: usize = 10;
/// How far apart messages of a window are said at most, in milliseconds.
pub const WINDOW_MS: i64 = 10 * 60 * 1000;
/// Bytes that are kept of one message at most: its end, where a value that goes on begins.
pub const KEPT_BYTES: usize = 2048;
/// Bytes of earlier messages that are read together with a new one at most; the latest count.
pub const WINDOW_BYTES: usize = 8192;

/// One message of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The event.
    pub event_id: String,
    /// When its sender's homeserver says that it was sent, in milliseconds since 1970.
    pub sent_ms: i64,
    /// Its texts, in the order of [`said`], together at most [`KEPT_BYTES`].
    pub texts: Vec<String>,
}

/// What one sender has said in one room lately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Window {
    parts: VecDeque<Part>,
}

/// What was said around an event by its sender in its room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around<'w> {
    /// Before it, in order.
    pub before: Vec<&'w str>,
    /// After it: only where history is pulled.
    pub after: Vec<&'w str>,
}

impl Part {
    /// Keeps the end of the texts of an event.
    #[must_use]
    pub fn new(event_id: &str, sent_ms: i64, said: &[Said<'_>]) -> Self {
        let mut left = KEPT_BYTES;
        let mut texts: Vec<String> = Vec::new();
        for said in said.iter().rev() {
            let kept = tail(said.text, left);
            left -= kept.len();
            if !kept.is_empty() {
                texts.push(kept.to_owned());
            }
        }
        texts.reverse();
        Self {
            event_id: event_id.to_owned(),
            sent_ms,
            texts,
        }
    }
}

impl Window {
    /// Adds what was said last. An event that is there already stays as it is; one without text is not kept.
    pub fn push(&mut self, part: Part) {
        let known = self
            .parts
            .iter()
            .any(|known| known.event_id == part.event_id);
        if known || part.texts.is_empty() {
            return;
        }
        self.parts.push_back(part);
        if self.parts.len() > WINDOW_MESSAGES {
            self.parts.pop_front();
        }
    }

    /// What was said around an event, which is not its own predecessor; by the time of sending, of equal times as it came.
    #[must_use]
    pub fn around(&self, event_id: &str, sent_ms: i64) -> Around<'_> {
        let near = |part: &&Part| {
            part.event_id != event_id && part.sent_ms.abs_diff(sent_ms) <= WINDOW_MS.unsigned_abs()
        };
        let mut parts: Vec<&Part> = self.parts.iter().filter(near).collect();
        parts.sort_by_key(|part| part.sent_ms);
        let (before, after): (Vec<_>, Vec<_>) =
            parts.into_iter().partition(|part| part.sent_ms <= sent_ms);
        Around {
            before: latest(texts(before)),
            after: earliest(texts(after)),
        }
    }

    /// Its messages, the oldest first.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }
}

/// Windows of many senders and rooms: of one body, or of a file of messages.
#[derive(Clone, Debug, Default)]
pub struct Windows(BTreeMap<(String, String), Window>);

impl Windows {
    /// The window of a sender in a room.
    #[must_use]
    pub fn get(&self, room: &str, sender: &str) -> Option<&Window> {
        self.0.get(&(room.to_owned(), sender.to_owned()))
    }

    /// Adds what a sender said in a room.
    pub fn push(&mut self, room: &str, sender: &str, part: Part) {
        let key = (room.to_owned(), sender.to_owned());
        self.0.entry(key).or_default().push(part);
    }
}

fn texts(parts: Vec<&Part>) -> Vec<&str> {
    let texts = parts.into_iter().flat_map(|part| &part.texts);
    texts.map(String::as_str).collect()
}

/// The last texts, together at most [`WINDOW_BYTES`].
fn latest(mut texts: Vec<&str>) -> Vec<&str> {
    let mut left = WINDOW_BYTES;
    for text in texts.iter_mut().rev() {
        *text = tail(text, left);
        left -= text.len();
    }
    texts.retain(|text| !text.is_empty());
    texts
}

/// The first texts, together at most [`WINDOW_BYTES`].
fn earliest(mut texts: Vec<&str>) -> Vec<&str> {
    let mut left = WINDOW_BYTES;
    for text in &mut texts {
        *text = head(text, left);
        left -= text.len();
    }
    texts.retain(|text| !text.is_empty());
    texts
}

/// The last characters that fit into `bytes`.
pub(super) fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// The first characters that fit into `bytes`.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    let mut to = text.len().min(bytes);
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[..to]
}

#[cfg(test)]
mod tests;
