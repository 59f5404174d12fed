//! What shows an internal network, and addresses of mail.

use std::net::IpAddr;

/// Longest part of a mail address before the sign, and longest label of a host's name, in bytes.
const MAX_LOCAL_BYTES: usize = 64;
const MAX_LABEL_BYTES: usize = 63;

/// A private, shared, unique local or link-local address, with or without the length of its prefix.
pub(super) fn internal(text: &str) -> bool {
    let address = text
        .split('/')
        .next()
        .unwrap_or(text)
        .trim_matches(['[', ']']);
    match address.parse() {
        Ok(IpAddr::V4(v4)) => v4.is_private() || v4.is_link_local() || is_shared(v4.octets()),
        Ok(IpAddr::V6(v6)) => v6.is_unique_local() || v6.is_unicast_link_local(),
        Err(_) => false,
    }
}

/// 100.64.0.0/10, between a provider and its customers.
fn is_shared([first, second, ..]: [u8; 4]) -> bool {
    first == 100 && (64..128).contains(&second)
}

/// Six bytes in hexadecimal with at least one letter, without which it may be any number; not all the same sign.
pub(super) fn mac(value: &[u8]) -> bool {
    value.len() == 12
        && value.iter().all(u8::is_ascii_hexdigit)
        && value.iter().any(u8::is_ascii_uppercase)
        && value.iter().any(|sign| *sign != value[0])
}

/// A mail address as people have it: no quotes, a host with at least two labels, the last of letters.
pub(super) fn email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let labels: Vec<&str> = host.split('.').collect();
    let top = labels
        .last()
        .is_some_and(|top| top.len() >= 2 && top.chars().all(char::is_alphabetic));
    let named = (1..=MAX_LOCAL_BYTES).contains(&local.len())
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    named && labels.len() >= 2 && top && labels.iter().all(|label| is_label(label))
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_alphanumeric() || c == '-')
}
