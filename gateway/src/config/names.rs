//! The names that identify zones, homeservers and gateways. Each has one spelling: what differs in case or in a
//! trailing dot is refused and not folded, so that two records can be compared byte by byte.

use std::net::{Ipv4Addr, SocketAddr};

/// Longest Matrix server name, port included (specification, appendix "Server name").
pub const MAX_SERVER_NAME: usize = 230;
/// Longest zone name; it is part of link names, file names and metric labels.
pub const MAX_ZONE: usize = 32;
/// Longest DNS name.
const MAX_DNS_NAME: usize = 253;
/// Longest label of a DNS name.
const MAX_DNS_LABEL: usize = 63;

/// Checks a Matrix server name, `NAME` or `NAME:PORT`. The answer says what is wrong and how to write it.
pub fn server_name(name: &str) -> Result<(), String> {
    if name.len() > MAX_SERVER_NAME {
        return Err(format!("is longer than {MAX_SERVER_NAME} characters"));
    }
    let host = match name.split_once(':') {
        Some((host, port)) if !host.starts_with('[') => {
            port_number(port)?;
            host
        }
        _ => name,
    };
    dns_name(host)
}

/// Checks a DNS name in lower case; IP literals are refused, because a certificate or a key bound to an address says
/// nothing about who has that address tomorrow.
pub fn dns_name(name: &str) -> Result<(), String> {
    if name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok() {
        return Err("is an IP address; write the server's DNS name".to_owned());
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!(
            "is not in lower case; write {:?}",
            name.to_ascii_lowercase()
        ));
    }
    if name.is_empty() || name.len() > MAX_DNS_NAME || !name.split('.').all(is_label) {
        return Err("is not a DNS name; write letters a-z, digits, hyphens and dots".to_owned());
    }
    Ok(())
}

/// Checks a zone name: 1 to 32 of `a-z`, `0-9` and `-`, starting with a letter.
pub fn zone(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase());
    if starts && !name.ends_with('-') && name.len() <= MAX_ZONE && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(format!(
        "is not a zone name; write 1 to {MAX_ZONE} of a-z, 0-9 and -, starting with a letter, for example \"high\""
    ))
}

/// Checks an address that is dialled: `IP:PORT` or `HOST:PORT`, the port not 0.
pub fn dial_address(address: &str) -> Result<(), String> {
    if let Ok(socket) = address.parse::<SocketAddr>() {
        return if socket.port() == 0 {
            Err(PORT_ZERO.to_owned())
        } else {
            Ok(())
        };
    }
    let (host, port) = address.rsplit_once(':').ok_or_else(|| {
        "has no port; write HOST:PORT, for example \"gw.high.test:8443\"".to_owned()
    })?;
    port_number(port)?;
    dns_name(host)
}

fn port_number(port: &str) -> Result<(), String> {
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse::<u16>() {
        Ok(0) => Err(PORT_ZERO.to_owned()),
        Ok(_) if digits && !port.starts_with('0') => Ok(()),
        _ => Err("has a port that is not a number from 1 to 65535".to_owned()),
    }
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=MAX_DNS_LABEL).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

/// Why port 0 is refused where a peer or homeserver has to know the port.
pub const PORT_ZERO: &str = "has port 0; write the port, or let `sluice init` choose a free one";
