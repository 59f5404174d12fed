//! The texts of an event that a person reads one after the other.
//!
//! One rule: every string below a key of [`TEXT_KEYS`], at any depth, in the order of keys. An event without any such key
//! counts with all its strings, so that a type that nobody thought of is not left out. What is shown once counts once:
//! equal texts of one event, HTML that says the same as the plain text beside it, and the `* ` in front of an edit's
//! fallback are left out. HTML that says something else is what most clients show: it is read in place of the plain text,
//! in a reading of its own. What stands in other fields is shown to nobody, but a program may put it together: it is read
//! with the rest of its event, and not with other events. Numbers are not: sizes and wave forms are full of them, and put
//! together they make account numbers by chance. Ciphertext says nothing.

use std::borrow::Cow;
use std::collections::BTreeSet;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use crate::dlp::view::plain_of_html;

/// Texts of one event at most; an event with more is not read to its end, see [`super::ScanError`], and so held.
pub const MAX_SAID: usize = 1024;
/// Depth of an event at most, below which nothing is said: the scan of the event refuses it anyway.
const MAX_DEPTH: usize = 128;
/// Keys whose strings a person reads.
const TEXT_KEYS: [&str; 17] = [
    "body",
    "caption",
    "description",
    "displayname",
    "fallback",
    "filename",
    "formatted_body",
    "geo_uri",
    "key",
    "m.text",
    "name",
    "org.matrix.msc1767.text",
    "reason",
    "status_msg",
    "text",
    "title",
    "topic",
];
const BODY: &str = "body";
const HTML: &str = "formatted_body";
/// Words of the specification that say nothing: without them most messages have no further fields.
const NO_TEXT: [&str; 17] = [
    "m.annotation",
    "m.audio",
    "m.emote",
    "m.file",
    "m.image",
    "m.key.verification.request",
    "m.location",
    "m.notice",
    "m.reference",
    "m.replace",
    "m.server_notice",
    "m.sticker",
    "m.text",
    "m.thread",
    "m.video",
    "org.matrix.custom.html",
    "v2",
];
/// Type of an event that is ciphertext.
const ENCRYPTED: &str = "m.room.encrypted";
/// In front of an edit, for those who cannot show it as one.
const EDITED: &str = "* ";

/// A text of an event.
#[derive(Clone, PartialEq, Eq)]
pub struct Said<'e> {
    /// JSON pointer to its field.
    pub pointer: String,
    /// The text; of HTML, what a reader sees of it.
    pub text: Cow<'e, str>,
    /// Where it begins in the field's string, in bytes.
    pub offset: usize,
    /// Bytes of a field that is not its text letter by letter: what is found in it is reported for all of the field.
    pub(super) field: Option<usize>,
    pub(super) shown: Shown,
}

/// To whom a text is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// To everybody.
    Always,
    /// By clients that show no HTML.
    Plain,
    /// By clients that show HTML.
    Html,
    /// By none: it stands in a field that is no text.
    Field,
}

impl<'e> Said<'e> {
    /// A text that is all of its field.
    #[must_use]
    pub fn new(pointer: &str, text: &'e str) -> Self {
        Said {
            pointer: pointer.to_owned(),
            text: Cow::Borrowed(text),
            offset: 0,
            field: None,
            shown: Shown::Always,
        }
    }

    /// Where in its field a place of its text stands.
    pub(super) fn span(&self, start: usize, end: usize) -> (usize, usize) {
        match self.field {
            Some(bytes) => (0, bytes),
            None => (start + self.offset, end + self.offset),
        }
    }
}

/// Never the text, nor the pointer, whose keys are text as well.
impl std::fmt::Debug for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Said")
            .field("bytes", &self.text.len())
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

/// The texts of an event's content, which stands at `pointer`, then what stands in its other fields; more than [`MAX_SAID`]
/// where there are more.
#[must_use]
pub fn said<'e>(event_type: &str, content: &'e Object, pointer: &str) -> Vec<Said<'e>> {
    if event_type == ENCRYPTED {
        return Vec::new();
    }
    let mut walk = Walk {
        said: Vec::new(),
        fields: Vec::new(),
        known: BTreeSet::new(),
        all: false,
    };
    walk.object(content, pointer, 0);
    if walk.said.is_empty() {
        // All of them count as texts then.
        walk.fields.clear();
        walk.all = true;
        walk.object(content, pointer, 0);
    }
    walk.said.append(&mut walk.fields);
    walk.said
}

struct Walk<'e> {
    said: Vec<Said<'e>>,
    /// What stands in other fields.
    fields: Vec<Said<'e>>,
    known: BTreeSet<(Shown, Cow<'e, str>)>,
    /// Whether every string counts.
    all: bool,
}

impl<'e> Walk<'e> {
    fn object(&mut self, object: &'e Object, pointer: &str, depth: usize) {
        let text = |key: &str| object.get(key).and_then(Tree::as_str);
        let html = text(HTML).map(|html| (html, plain_of_html(html)));
        let differs = match (text(BODY), &html) {
            (Some(body), Some((_, shown))) => !same_words(body, shown),
            _ => false,
        };
        let beside = text(BODY).is_some();
        for (key, value) in object {
            let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            match (key.as_str(), value, &html) {
                (HTML, Tree::String(_), Some(_)) if beside && !differs => {}
                (HTML, Tree::String(_), Some((html, plain))) => {
                    let shown = if beside { Shown::Html } else { Shown::Always };
                    self.text(Cow::Owned(plain.clone()), &below, Some(html.len()), shown);
                }
                (BODY, Tree::String(body), _) if differs => {
                    self.text(Cow::Borrowed(body), &below, None, Shown::Plain);
                }
                (key, value, _) => {
                    let read = self.all || TEXT_KEYS.contains(&key);
                    self.tree(value, &below, read, depth + 1);
                }
            }
        }
    }

    fn tree(&mut self, tree: &'e Tree, pointer: &str, read: bool, depth: usize) {
        match tree {
            _ if depth > MAX_DEPTH => {}
            Tree::String(text) if read => {
                self.text(Cow::Borrowed(text), pointer, None, Shown::Always);
            }
            Tree::String(text) if !self.all => self.field(text, pointer),
            Tree::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.tree(item, &format!("{pointer}/{index}"), read, depth + 1);
                }
            }
            // An object below a text is shown by its own texts, if it is at all.
            Tree::Object(object) => self.object(object, pointer, depth),
            _ => {}
        }
    }

    fn text(&mut self, text: Cow<'e, str>, pointer: &str, field: Option<usize>, shown: Shown) {
        let (text, offset) = without_edited(text);
        let is_new = !text.trim().is_empty() && self.said.len() <= MAX_SAID;
        if is_new && self.known.insert((shown, text.clone())) {
            self.said.push(Said {
                pointer: pointer.to_owned(),
                text,
                offset,
                field,
                shown,
            });
        }
    }
}

impl<'e> Walk<'e> {
    /// A string that nobody is shown.
    fn field(&mut self, text: &'e str, pointer: &str) {
        let is_new = !text.trim().is_empty() && self.fields.len() <= MAX_SAID;
        let known = (Shown::Field, Cow::Borrowed(text));
        if is_new && !NO_TEXT.contains(&text) && self.known.insert(known) {
            self.fields.push(Said {
                shown: Shown::Field,
                ..Said::new(pointer, text)
            });
        }
    }
}

fn without_edited(text: Cow<'_, str>) -> (Cow<'_, str>, usize) {
    match text {
        Cow::Borrowed(text) => {
            let left = text.strip_prefix(EDITED).unwrap_or(text);
            (Cow::Borrowed(left), text.len() - left.len())
        }
        Cow::Owned(text) => match text.strip_prefix(EDITED) {
            Some(left) => (Cow::Owned(left.to_owned()), EDITED.len()),
            None => (Cow::Owned(text), 0),
        },
    }
}

fn same_words(one: &str, other: &str) -> bool {
    one.split_whitespace().eq(other.split_whitespace())
}
