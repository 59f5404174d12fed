//! Tags and comments of HTML.

/// Bytes of a tag at most; a longer one is text.
const MAX_TAG_BYTES: usize = 8192;

/// A tag at the start of a text.
pub(super) struct Tag {
    pub(super) length: usize,
    /// What a reader sees in its place.
    pub(super) shown: Option<char>,
}

/// The tag or comment that `text` begins with.
pub(super) fn at(text: &str) -> Option<Tag> {
    let rest = text.strip_prefix('<')?;
    if let Some(comment) = rest.strip_prefix("!--") {
        let length = 7 + comment.find("-->")?;
        return Some(Tag {
            length,
            shown: None,
        });
    }
    let first = rest.trim_start_matches('/').bytes().next()?;
    if !first.is_ascii_alphabetic() && !matches!(first, b'!' | b'?') {
        return None;
    }
    let length = end(text.as_bytes())?;
    Some(Tag {
        length,
        shown: shown(&name(rest)),
    })
}

/// Byte after the `>` that ends the tag, which quotes may hide.
fn end(bytes: &[u8]) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate().take(MAX_TAG_BYTES).skip(1) {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'<') => return None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

pub(super) fn name(rest: &str) -> String {
    let rest = rest.trim_start_matches('/');
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    rest[..end.unwrap_or(rest.len())].to_ascii_lowercase()
}

fn shown(name: &str) -> Option<char> {
    match name {
        "br" | "p" | "div" | "li" | "ul" | "ol" | "tr" | "table" | "h1" | "h2" | "h3" | "h4"
        | "h5" | "h6" | "blockquote" | "pre" | "hr" | "mx-reply" | "details" | "summary" => {
            Some('\n')
        }
        "td" | "th" | "img" => Some(' '),
        _ => None,
    }
}
