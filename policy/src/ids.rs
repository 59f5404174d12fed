//! The identifiers of the protocol, as this border accepts them.
//!
//! Stricter than the specification where it leaves a choice: server names are lower-case ASCII and no IP literals, so
//! that equal names are equal bytes and no name bypasses the list of peers.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};

/// Longest user id, room id, event id, event type or state key, in bytes (specification, size limits).
pub const MAX_ID_BYTES: usize = 255;

/// Longest server name, in bytes (specification, appendix on server names).
pub const MAX_SERVER_NAME_BYTES: usize = 230;

/// Longest name of a signing key, in bytes; `ed25519:` not counted.
pub const MAX_KEY_NAME_BYTES: usize = 64;

/// Length of an event id's or a version 12 room id's hash: 32 bytes in unpadded URL-safe base64.
const HASH_CHARS: usize = 43;

/// Whether `name` is a server name this gateway deals with: a lower-case DNS name, with a port or without.
///
/// Upper case is refused, not folded: two spellings of one server would be two servers to an access list. Addresses
/// are refused because no record can bind a certificate to them.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    if name.len() > MAX_SERVER_NAME_BYTES {
        return false;
    }
    match name.split_once(':') {
        None => is_host_name(name),
        Some((host, port)) => is_host_name(host) && is_port(port),
    }
}

/// Whether `host` is a lower-case DNS name without a port. A last label of digits only would be an IPv4 address.
#[must_use]
pub fn is_host_name(host: &str) -> bool {
    let last_is_a_number = host
        .rsplit('.')
        .next()
        .is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= MAX_SERVER_NAME_BYTES && host.split('.').all(is_label) && !last_is_a_number
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// One spelling a port: no sign, no leading zero, not 0.
fn is_port(port: &str) -> bool {
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    digits && !port.starts_with('0') && port.parse::<u16>().is_ok()
}

/// The server of a well-formed user id (`@local:server`); printable ASCII before the colon.
#[must_use]
pub fn user_server(user: &str) -> Option<&str> {
    let (local, server) = split(user, '@')?;
    let fits = !local.is_empty() && local.bytes().all(|byte| byte.is_ascii_graphic());
    (fits && is_server_name(server)).then_some(server)
}

/// Whether this is a well-formed user id.
#[must_use]
pub fn is_user_id(user: &str) -> bool {
    user_server(user).is_some()
}

/// Whether this is a room id with a domain, as in room versions up to 11.
#[must_use]
pub fn is_domain_room_id(room: &str) -> bool {
    split(room, '!').is_some_and(|(opaque, server)| {
        !opaque.is_empty()
            && opaque.bytes().all(|byte| byte.is_ascii_graphic())
            && is_server_name(server)
    })
}

/// Whether this is a room id made of the create event's hash, as from room version 12 on.
#[must_use]
pub fn is_hash_room_id(room: &str) -> bool {
    room.strip_prefix('!').is_some_and(is_hash)
}

/// Whether this is a room id of any version.
#[must_use]
pub fn is_room_id(room: &str) -> bool {
    is_hash_room_id(room) || is_domain_room_id(room)
}

/// The server of a well-formed room alias (`#local:server`); no spaces and no control characters before the colon.
#[must_use]
pub fn alias_server(alias: &str) -> Option<&str> {
    let (local, server) = split(alias, '#')?;
    let fits = |letter: char| !letter.is_whitespace() && !letter.is_control();
    (!local.is_empty() && local.chars().all(fits) && is_server_name(server)).then_some(server)
}

/// Whether this is an event id of room versions 4 and later.
#[must_use]
pub fn is_event_id(event: &str) -> bool {
    event.strip_prefix('$').is_some_and(is_hash)
}

/// Whether this is the id of an Ed25519 signing key (`ed25519:name`).
#[must_use]
pub fn is_key_id(key: &str) -> bool {
    key.strip_prefix("ed25519:").is_some_and(is_key_name)
}

/// Whether this may stand after the colon of a signing key's id.
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (1..=MAX_KEY_NAME_BYTES).contains(&name.len()) && name.bytes().all(fits)
}

/// The bytes of exactly `N` bytes of unpadded standard base64, in its one canonical spelling.
#[must_use]
pub fn base64_bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Unpadded standard base64.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD_NO_PAD.encode(bytes)
}

fn split(id: &str, sigil: char) -> Option<(&str, &str)> {
    if id.len() > MAX_ID_BYTES {
        return None;
    }
    id.strip_prefix(sigil)?.split_once(':')
}

fn is_hash(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() == HASH_CHARS && text.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names_are_lower_case_names() {
        for good in [
            "high.test",
            "low.test:8448",
            "localhost:8080",
            "a-b.c9.test",
            "x",
        ] {
            assert!(is_server_name(good), "{good}");
        }
        let long = format!("{}.test", "a".repeat(MAX_SERVER_NAME_BYTES));
        for bad in [
            "",
            "High.test",
            "10.0.0.1",
            "[::1]:80",
            "high.test:",
            "high.test:99999",
            "a b",
            "a/b",
            "höhe",
            &long,
        ] {
            assert!(!is_server_name(bad), "{bad}");
        }
    }

    #[test]
    fn user_ids_name_their_server() {
        assert_eq!(user_server("@alice:high.test"), Some("high.test"));
        assert_eq!(
            user_server("@Alice.B/x=1:high.test:8448"),
            Some("high.test:8448")
        );
        for bad in [
            "alice:high.test",
            "@alice",
            "@:high.test",
            "@alice:HIGH.test",
            "@al ice:high.test",
            "@älice:high.test",
        ] {
            assert_eq!(user_server(bad), None, "{bad}");
        }
        assert_eq!(
            user_server(&format!("@{}:high.test", "a".repeat(250))),
            None
        );
    }

    #[test]
    fn room_and_event_ids_have_one_shape_a_version() {
        let hash = "4h8mOMTHYK4Ow-JZZR1nofCR1CKZNXD-s7cXlOD164I";
        assert!(is_hash_room_id(&format!("!{hash}")) && is_room_id(&format!("!{hash}")));
        assert!(is_domain_room_id("!abc:high.test") && is_room_id("!abc:high.test"));
        assert!(!is_domain_room_id(&format!("!{hash}")) && !is_hash_room_id("!abc:high.test"));
        assert!(is_event_id(&format!("${hash}")));
        for bad in [
            "$abc",
            "$abc:high.test",
            &format!("${hash}A"),
            &format!("!{hash}"),
            &format!("${}+", &hash[1..]),
        ] {
            assert!(!is_event_id(bad), "{bad}");
        }
    }

    #[test]
    fn base64_has_one_spelling() {
        assert_eq!(base64_bytes::<2>("AAA"), Some([0, 0]));
        // Padding, spare bits, the other alphabet, another length.
        for bad in ["AAA=", "AAB", "_-A", "AAAA"] {
            assert_eq!(base64_bytes::<2>(bad), None, "{bad}");
        }
    }

    #[test]
    fn key_ids_are_ed25519() {
        assert!(is_key_id("ed25519:a_LAB1"));
        for bad in [
            "ed25519:",
            "rsa:a",
            "ed25519:a b",
            "ed25519",
            &format!("ed25519:{}", "a".repeat(65)),
        ] {
            assert!(!is_key_id(bad), "{bad}");
        }
    }
}
