//! The texts of an event that a person reads one after the other.
//!
//! One rule: every string below a key of [`TEXT_KEYS`], at any depth, in the order of keys. An event without any such key
//! counts with all its strings, so that a type that nobody thought of is not left out. What is shown once counts once:
//! equal texts of one event, HTML beside its plain text, and the `* ` in front of an edit's fallback are left out.
//! Ciphertext says nothing.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

/// Texts of one event at most; further ones are scanned alone, as always, and not together with others.
pub const MAX_SAID: usize = 64;
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
/// Type of an event that is ciphertext.
const ENCRYPTED: &str = "m.room.encrypted";
/// In front of an edit, for those who cannot show it as one.
const EDITED: &str = "* ";

/// A text of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said<'e> {
    /// JSON pointer to its field.
    pub pointer: String,
    /// The text.
    pub text: &'e str,
    /// Where it begins in the field's string, in bytes.
    pub offset: usize,
}

/// The texts of an event's content, which stands at `pointer`.
#[must_use]
pub fn said<'e>(event_type: &str, content: &'e Object, pointer: &str) -> Vec<Said<'e>> {
    if event_type == ENCRYPTED {
        return Vec::new();
    }
    let mut walk = Walk {
        said: Vec::new(),
        all: false,
    };
    walk.object(content, pointer, false, 0);
    if walk.said.is_empty() {
        walk.all = true;
        walk.object(content, pointer, true, 0);
    }
    walk.said
}

struct Walk<'e> {
    said: Vec<Said<'e>>,
    /// Whether every string counts.
    all: bool,
}

impl<'e> Walk<'e> {
    fn object(&mut self, object: &'e Object, pointer: &str, read: bool, depth: usize) {
        let has_body = object
            .get("body")
            .is_some_and(|body| body.as_str().is_some());
        for (key, value) in object {
            if key == "formatted_body" && has_body && !self.all {
                continue;
            }
            let read = read || self.all || TEXT_KEYS.contains(&key.as_str());
            let below = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
            self.tree(value, &below, read, depth + 1);
        }
    }

    fn tree(&mut self, tree: &'e Tree, pointer: &str, read: bool, depth: usize) {
        match tree {
            _ if depth > MAX_DEPTH => {}
            Tree::String(text) if read => self.text(text, pointer),
            Tree::Array(list) => {
                for (index, item) in list.iter().enumerate() {
                    self.tree(item, &format!("{pointer}/{index}"), read, depth + 1);
                }
            }
            // An object below a text is shown by its own texts, if it is at all.
            Tree::Object(object) => self.object(object, pointer, false, depth),
            _ => {}
        }
    }

    fn text(&mut self, text: &'e str, pointer: &str) {
        let shown = text.strip_prefix(EDITED).unwrap_or(text);
        let known = self.said.iter().any(|said| said.text == shown);
        if known || shown.trim().is_empty() || self.said.len() == MAX_SAID {
            return;
        }
        self.said.push(Said {
            pointer: pointer.to_owned(),
            text: shown,
            offset: text.len() - shown.len(),
        });
    }
}
