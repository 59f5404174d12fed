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
mod quiet;
mod said;
mod scan;

use std::collections::{BTreeMap, VecDeque};

pub use joined::{Seen, joined};
use said::Shown;
pub use said::{MAX_SAID, Said, said};

use crate::unicode::{is_hidden, may_hide};

/// Messages before an event that are read with it at most, and where history is pulled so many after it.
pub const WINDOW_MESSAGES: usize = 10;
/// How far apart messages of a window are said at most, in milliseconds.
pub const WINDOW_MS: i64 = 10 * 60 * 1000;
/// Bytes that are kept of one message: of its texts the ends, where a value that goes on begins. Each has a fair share,
/// which short texts leave to long ones.
pub const KEPT_BYTES: usize = 2048;
/// Bytes that are kept of each text in any case, so that many texts do not push one another out.
pub const KEPT_OF_TEXT: usize = 32;
/// Bytes of texts around an event that are read together with it at most; with more around it, it is not read to its end,
/// see [`super::ScanError`], and so held.
pub const WINDOW_BYTES: usize = 2 * WINDOW_MESSAGES * KEPT_BYTES;

/// One message of a window.
#[derive(Clone, PartialEq, Eq)]
pub struct Part {
    /// The event.
    pub event_id: String,
    /// When it was said, in milliseconds since 1970: of news, when they came; of history, what its homeserver says, but
    /// not a moment that is still to come.
    pub sent_ms: i64,
    /// Whether it was sent to us as it was said, and not pulled later. What a homeserver writes about the time of news
    /// says nothing then.
    pub is_news: bool,
    /// The ends of its texts, in the order of [`said`], as read without HTML; [`KEPT_BYTES`].
    pub texts: Vec<String>,
    /// The same as read with HTML; empty where that says nothing else.
    pub html: Vec<String>,
}

/// What one sender has said in one room lately.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Window {
    parts: VecDeque<Part>,
}

/// What was said around an event by its sender in its room.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Around<'w> {
    /// Before it, in order, as read without HTML.
    pub before: Vec<&'w str>,
    /// After it: only where history is pulled.
    pub after: Vec<&'w str>,
    /// Before it, as read with HTML; empty as `html_after` is where nothing else was said in HTML.
    pub html_before: Vec<&'w str>,
    /// After it, as read with HTML.
    pub html_after: Vec<&'w str>,
}

impl Part {
    /// Keeps the ends of the texts of an event of a room's history.
    #[must_use]
    pub fn new(event_id: &str, sent_ms: i64, said: &[Said<'_>]) -> Self {
        let differs = said.iter().any(|said| said.shown == Shown::Html);
        let read = |not: Shown| {
            let read = said.iter();
            let read = read.filter(move |said| said.shown != not && said.shown != Shown::Field);
            kept(&read.map(|said| said.text.as_ref()).collect::<Vec<_>>())
        };
        Self {
            event_id: event_id.to_owned(),
            sent_ms,
            is_news: false,
            texts: read(Shown::Html),
            html: if differs {
                read(Shown::Plain)
            } else {
                Vec::new()
            },
        }
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.html.is_empty()
    }

    fn read_with_html(&self) -> &[String] {
        if self.html.is_empty() {
            &self.texts
        } else {
            &self.html
        }
    }
}

/// The ends of texts, by fair shares of [`KEPT_BYTES`]; spaces behind them are none of them. With what nobody sees an end may be
/// twice as long as its share.
fn kept(texts: &[&str]) -> Vec<String> {
    let texts: Vec<&str> = texts.iter().map(|text| text.trim_end()).collect();
    let mut lengths: Vec<usize> = texts.iter().map(|text| text.len()).collect();
    lengths.sort_unstable();
    let mut left = KEPT_BYTES;
    let mut share = KEPT_OF_TEXT;
    for (number, length) in lengths.iter().enumerate() {
        let of_each = left / (lengths.len() - number);
        share = of_each.max(KEPT_OF_TEXT);
        if *length > of_each {
            break;
        }
        left -= length;
        share = share.max(*length);
    }
    let ends = texts.iter().map(|text| match tail(text, share) {
        end if end.len() > 2 * share => thinned(end),
        end => end.to_owned(),
    });
    ends.filter(|text| !text.is_empty()).collect()
}

impl Window {
    /// Adds what came last. An event that is there already stays as it is; one without text is not kept.
    pub fn push(&mut self, part: Part) {
        let known = self
            .parts
            .iter()
            .any(|known| known.event_id == part.event_id);
        if known || part.is_empty() {
            return;
        }
        self.parts.push_back(part);
        self.trim();
    }

    /// [`WINDOW_MESSAGES`] stay that came last, and as many that were said last: old messages that somebody pulls push out
    /// nothing that was said since.
    fn trim(&mut self) {
        let Some(old) = self.parts.len().checked_sub(WINDOW_MESSAGES) else {
            return;
        };
        let mut said: Vec<(i64, usize)> = self
            .parts
            .iter()
            .enumerate()
            .map(|(at, part)| (part.sent_ms, at))
            .collect();
        said.sort_unstable();
        let gone: Vec<usize> = said.into_iter().take(old).map(|(_, at)| at).collect();
        let mut at = 0;
        self.parts.retain(|_| {
            let stays = at >= old || !gone.contains(&at);
            at += 1;
            stays
        });
    }

    /// What was said around an event of a room's history, which is not its own predecessor; by the time of sending, of
    /// equal times as it came.
    #[must_use]
    pub fn around<'w>(&'w self, event_id: &str, sent_ms: i64) -> Around<'w> {
        self.near(event_id, sent_ms, false)
    }

    /// What was said around a message. All news of a window are near to each other, in the order in which they came.
    #[must_use]
    pub fn around_part<'w>(&'w self, part: &Part) -> Around<'w> {
        self.near(&part.event_id, part.sent_ms, part.is_news)
    }

    fn near<'w>(&'w self, event_id: &str, sent_ms: i64, is_news: bool) -> Around<'w> {
        let mut latest = i64::MIN;
        let mut parts: Vec<(i64, &'w Part)> = Vec::new();
        for part in &self.parts {
            let in_time = part.sent_ms.abs_diff(sent_ms) <= WINDOW_MS.unsigned_abs();
            if part.event_id != event_id && (in_time || is_news && part.is_news) {
                parts.push((in_order(part.sent_ms, part.is_news, &mut latest), part));
            }
        }
        let said = in_order(sent_ms, is_news, &mut latest);
        parts.sort_by_key(|(said, _)| *said);
        let (before, after): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| part.0 <= said);
        let skipped = before.len().saturating_sub(WINDOW_MESSAGES);
        let before: Vec<&Part> = before
            .into_iter()
            .skip(skipped)
            .map(|part| part.1)
            .collect();
        let after: Vec<&Part> = after
            .into_iter()
            .take(WINDOW_MESSAGES)
            .map(|part| part.1)
            .collect();
        Around::of(&before, &after)
    }

    /// Its messages, as they came.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter()
    }
}

/// Windows of many senders and rooms: of one body, or of a file of messages.
#[derive(Clone, Default)]
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

impl<'w> Around<'w> {
    fn of(before: &[&'w Part], after: &[&'w Part]) -> Self {
        let mut all = before.iter().chain(after);
        let differs = all.any(|part| !part.html.is_empty());
        let html = |parts: &[&'w Part]| match differs {
            true => texts(parts, Part::read_with_html),
            false => Vec::new(),
        };
        Self {
            html_before: html(before),
            html_after: html(after),
            before: texts(before, |part| &part.texts),
            after: texts(after, |part| &part.texts),
        }
    }
}

/// Where a message stands in time: news behind all news that came before, also where the clock was set back meanwhile.
fn in_order(sent_ms: i64, is_news: bool, latest: &mut i64) -> i64 {
    if is_news {
        *latest = sent_ms.max(*latest);
        return *latest;
    }
    sent_ms
}

fn texts<'w>(parts: &[&'w Part], read: impl Fn(&'w Part) -> &'w [String]) -> Vec<&'w str> {
    let texts = parts.iter().flat_map(|part| read(part));
    texts.map(String::as_str).collect()
}

/// What nobody sees, and spaces.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || is_hidden(c)
}

/// The text without those blanks that stand between blanks.
fn thinned(text: &str) -> String {
    let blank = |c: Option<char>| c.is_some_and(is_blank);
    let mut all = text.chars().peekable();
    let (mut thinned, mut before) = (String::new(), None);
    while let Some(c) = all.next() {
        if !(blank(before) && is_blank(c) && blank(all.peek().copied())) {
            thinned.push(c);
        }
        before = Some(c);
    }
    thinned
}

/// The last characters that fit into `bytes`. Where some are hidden, several blanks in a row count as one, so that these push
/// nothing out.
fn tail(text: &str, bytes: usize) -> &str {
    let mut from = text.len().saturating_sub(bytes);
    if may_hide(&text.as_bytes()[from..]) {
        return &text[text.len() - fitting(text.chars().rev(), bytes)..];
    }
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// The first ones.
fn head(text: &str, bytes: usize) -> &str {
    let mut to = text.len().min(bytes);
    if may_hide(&text.as_bytes()[..to]) {
        return &text[..fitting(text.chars(), bytes)];
    }
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    &text[..to]
}

/// How long the first characters are that fit into `bytes`, where several blanks in a row count as one.
fn fitting(characters: impl Iterator<Item = char>, bytes: usize) -> usize {
    let (mut fitting, mut all, mut blank) = (0, 0, false);
    for c in characters {
        let goes_on = std::mem::replace(&mut blank, is_blank(c)) && blank;
        fitting += if goes_on { 0 } else { c.len_utf8() };
        if fitting > bytes {
            break;
        }
        all += c.len_utf8();
    }
    all
}

#[cfg(test)]
mod tests;
