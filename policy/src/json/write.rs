//! Canonical serialisation: sorted keys, no spaces, shortest escapes.

use super::{Object, Tree};

/// Writes an object as canonical JSON.
#[must_use]
pub fn write(tree: &Object) -> Vec<u8> {
    let mut out = Vec::new();
    put_object(&mut out, tree);
    out
}

/// Writes any value as canonical JSON.
#[must_use]
pub fn write_tree(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, tree);
    out
}

fn put(out: &mut Vec<u8>, tree: &Tree) {
    match tree {
        Tree::Null => out.extend_from_slice(b"null"),
        Tree::Bool(true) => out.extend_from_slice(b"true"),
        Tree::Bool(false) => out.extend_from_slice(b"false"),
        Tree::Integer(value) => out.extend_from_slice(value.to_string().as_bytes()),
        Tree::String(text) => put_string(out, text),
        Tree::Array(items) => put_array(out, items),
        Tree::Object(object) => put_object(out, object),
    }
}

fn put_array(out: &mut Vec<u8>, items: &[Tree]) {
    out.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        put(out, item);
    }
    out.push(b']');
}

fn put_object(out: &mut Vec<u8>, object: &Object) {
    out.push(b'{');
    for (place, (key, value)) in object.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        put_string(out, key);
        out.push(b':');
        put(out, value);
    }
    out.push(b'}');
}

/// Writes a string with the shortest escape for what must be escaped, and no other.
pub(crate) fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|byte| is_escaped(*byte)) {
        out.extend_from_slice(&rest[..at]);
        put_escape(out, rest[at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

const fn is_escaped(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn put_escape(out: &mut Vec<u8>, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        0x08 => out.extend_from_slice(b"\\b"),
        b'\t' => out.extend_from_slice(b"\\t"),
        b'\n' => out.extend_from_slice(b"\\n"),
        0x0c => out.extend_from_slice(b"\\f"),
        b'\r' => out.extend_from_slice(b"\\r"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}
