//! The texts of an event's content, each as a client shows it from its start: fallbacks and HTML tags taken off.

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Tree};

use crate::entity;

/// Characters of a text that are looked at, behind its fallbacks; a marking is far shorter.
const MAX_TEXT_CHARS: usize = 1024;

/// Texts of one event at most; clients write no more than a handful.
pub(super) const MAX_TEXTS: usize = 16;

const NEW_CONTENT: &str = "m.new_content";
/// Objects in which the question of a poll stands.
const POLLS: [&str; 3] = ["m.poll", "m.poll.start", "org.matrix.msc3381.poll.start"];
/// Extensible text, stable and unstable; a string, or an array of `{"body", "mimetype"}`.
const TEXTS: [&str; 3] = ["m.text", "org.matrix.msc1767.text", "m.message"];
const HTML: [&str; 2] = ["org.matrix.msc1767.html", "m.html"];

/// The texts of a content. A text that is missing beside its other form is there as an empty one.
pub(super) struct Texts {
    /// Of the content itself; in an edit, what clients show that know nothing of edits.
    pub(super) outer: Vec<Shown>,
    /// Of `m.new_content`, where it is there.
    pub(super) edited: Option<Vec<Shown>>,
}

/// A text as a client shows it.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) text: String,
    /// True where it ends before markup that one reader hides and another one shows.
    pub(super) cut: bool,
}

/// `None` where there are more than [`MAX_TEXTS`].
pub(super) fn of(content: &Object) -> Option<Texts> {
    let new = object(content, NEW_CONTENT);
    let edits = new.is_some() || replaces(content);
    let mut left = MAX_TEXTS;
    let mut texts = |content| {
        let mut found = Found {
            texts: Vec::new(),
            left: Some(left),
        };
        of_one(content, edits, &mut found);
        left = found.left?;
        Some(found.texts)
    };
    Some(Texts {
        outer: texts(content)?,
        edited: match new {
            Some(new) => Some(texts(new)?),
            None => None,
        },
    })
}

/// Texts that were found, and how many more may be; `None` once there were more.
struct Found {
    texts: Vec<Shown>,
    left: Option<usize>,
}

impl Found {
    fn add(&mut self, text: impl FnOnce() -> Shown) {
        self.left = self.left.and_then(|left| left.checked_sub(1));
        if self.left.is_some() {
            self.texts.push(text());
        }
    }
}

fn replaces(content: &Object) -> bool {
    let relation =
        object(content, "m.relates_to").and_then(|relation| string(relation, "rel_type"));
    relation == Some("m.replace")
}

fn of_one(content: &Object, edits: bool, found: &mut Found) {
    let (body, html) = (string(content, "body"), string(content, "formatted_body"));
    if body.is_some() || html.is_some() {
        found.add(|| plain(body.unwrap_or_default(), edits));
    }
    if let Some(html) = html {
        found.add(|| shown(html, edits));
    }
    extensible(content, edits, found);
    for poll in POLLS.iter().filter_map(|key| object(content, key)) {
        if let Some(question) = object(poll, "question") {
            if let Some(body) = string(question, "body") {
                found.add(|| plain(body, edits));
            }
            extensible(question, edits, found);
        }
    }
}

fn extensible(content: &Object, edits: bool, found: &mut Found) {
    for key in TEXTS {
        match content.get(key) {
            Some(Tree::String(text)) => found.add(|| plain(text, edits)),
            Some(Tree::Array(list)) => {
                let parts = list.iter().filter_map(Tree::as_object);
                for (part, text) in parts.filter_map(|part| Some((part, string(part, "body")?))) {
                    found.add(|| match string(part, "mimetype") {
                        Some("text/html") => shown(text, edits),
                        _ => plain(text, edits),
                    });
                }
            }
            _ => {}
        }
    }
    for html in HTML.iter().filter_map(|key| string(content, key)) {
        found.add(|| shown(html, edits));
    }
}

fn plain(text: &str, edits: bool) -> Shown {
    let text = without_star(without_quote(text), edits);
    Shown {
        text: text.chars().take(MAX_TEXT_CHARS).collect(),
        cut: false,
    }
}

/// The text that an HTML shows.
fn shown(html: &str, edits: bool) -> Shown {
    let Some(html) = without_reply(html) else {
        return Shown {
            text: String::new(),
            cut: true,
        };
    };
    let Shown { text, cut } = untag(html, MAX_TEXT_CHARS);
    Shown {
        text: without_star(text.trim_start_matches([' ', '\n']), edits).to_owned(),
        cut,
    }
}

/// Without the `* ` that an edit's fallback starts with.
fn without_star(text: &str, edits: bool) -> &str {
    match text.strip_prefix("* ") {
        Some(rest) if edits => rest,
        _ => text,
    }
}

/// Without the lines `> <@user:server> …` that a reply's fallback starts with.
fn without_quote(text: &str) -> &str {
    if !text.starts_with("> <@") && !text.starts_with("> * <@") {
        return text;
    }
    let mut rest = text;
    while rest.starts_with('>') {
        rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
    }
    rest.strip_prefix('\n').unwrap_or(rest)
}

/// Without the element `<mx-reply>` that a reply's fallback starts with; `None` where it is not clear where that ends.
fn without_reply(html: &str) -> Option<&str> {
    const OPEN: &str = "<mx-reply>";
    const CLOSE: &str = "</mx-reply>";
    let html = html.trim_start();
    let inner = html.strip_prefix(OPEN);
    match inner.and_then(|inner| inner.split_once(CLOSE)) {
        Some((quoted, rest)) => (!untag(quoted, usize::MAX).cut).then_some(rest),
        None => Some(html),
    }
}

/// The first characters of an HTML's text: no tags, entities decoded, blocks on lines of their own.
fn untag(html: &str, max: usize) -> Shown {
    let mut text = Text::default();
    let mut rest = Some(html);
    while let Some(html) = rest {
        let Some(c) = html.chars().next().filter(|_| text.chars < max) else {
            break;
        };
        rest = match c {
            '<' => tag(html, &mut text),
            '&' => {
                let (characters, length) = entity::at(html).unwrap_or((vec!['&'], 1));
                characters.into_iter().for_each(|c| text.push(c));
                html.get(length..)
            }
            c => {
                text.push(if c.is_ascii_whitespace() { ' ' } else { c });
                html.get(c.len_utf8()..)
            }
        };
    }
    Shown {
        text: text.shown,
        cut: rest.is_none(),
    }
}

#[derive(Default)]
struct Text {
    shown: String,
    chars: usize,
}

impl Text {
    /// A run of spaces shows as one, and none at the start of a line.
    fn push(&mut self, c: char) {
        if c == ' ' && (self.shown.is_empty() || self.shown.ends_with([' ', '\n'])) {
            return;
        }
        self.shown.push(c);
        self.chars += 1;
    }
}

/// Elements that do not begin a new line.
const INLINE: [&str; 20] = [
    "a", "b", "big", "code", "data", "del", "em", "font", "i", "img", "ins", "mark", "s", "small",
    "span", "strike", "strong", "sub", "sup", "u",
];

/// Skips a tag; a `<` that begins none is text. `None` for comments, declarations and whatever readers take apart in
/// different ways: where `<!-->` ends, for one.
fn tag<'h>(html: &'h str, text: &mut Text) -> Option<&'h str> {
    let behind = html.strip_prefix('<')?;
    let (name, closes) = match behind.strip_prefix('/') {
        Some(name) => (name, true),
        None => (behind, false),
    };
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        if closes || name.starts_with(['!', '?']) {
            return None;
        }
        text.push('<');
        return Some(behind);
    }
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-')?;
    let (name, attributes) = name.split_at(end);
    if !INLINE
        .iter()
        .any(|inline| name.eq_ignore_ascii_case(inline))
    {
        text.push('\n');
    }
    let ends = |c: char| c.is_ascii_whitespace() || c == '/' || c == '>';
    behind_attributes(attributes.starts_with(ends).then_some(attributes)?)
}

/// What stands behind the tag whose attributes `html` starts with; `None` where they are not written as they should be,
/// because a `>` would end the tag for some readers only.
fn behind_attributes(html: &str) -> Option<&str> {
    let mut rest = html;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(behind) = rest.strip_prefix('>') {
            return Some(behind);
        }
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "/>=\"'<`".contains(c))?;
        let (name, behind) = rest.split_at(end);
        if name.is_empty() || behind.starts_with(['"', '\'', '<', '`']) {
            return None;
        }
        rest = behind.trim_ascii_start();
        if let Some(value) = rest.strip_prefix('=') {
            rest = behind_value(value.trim_ascii_start())?;
        }
    }
}

fn behind_value(html: &str) -> Option<&str> {
    for quote in ['"', '\''] {
        if let Some(value) = html.strip_prefix(quote) {
            return value.split_once(quote).map(|(_, behind)| behind);
        }
    }
    let end = html.find(|c: char| c.is_ascii_whitespace() || "\"'<>=`".contains(c))?;
    let behind = html.get(end..)?;
    let ends = |c: char| c.is_ascii_whitespace() || c == '>';
    (end > 0 && behind.starts_with(ends)).then_some(behind)
}

fn object<'a>(content: &'a Object, key: &str) -> Option<&'a Object> {
    content.get(key).and_then(Tree::as_object)
}

fn string<'a>(content: &'a Object, key: &str) -> Option<&'a str> {
    content.get(key).and_then(Tree::as_str)
}
