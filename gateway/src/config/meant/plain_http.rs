//! Where plain HTTP may go with what people wrote, or with a token: this machine, and what `[danger]` names.
//!
//! Checks see whole events, a connector's requests carry the token of an administrator, a webhook hears of rooms and senders.

use std::net::SocketAddr;

use super::super::HsAddress;
use super::super::reader::Located;
use super::Reading;

/// What `danger.plain_http_to` names, and what of it was needed.
#[derive(Debug, Default)]
pub(super) struct PlainHttp {
    named: Option<Located<Vec<String>>>,
    allowed: Vec<SocketAddr>,
    used: Vec<SocketAddr>,
}

impl Reading<'_> {
    /// Takes the addresses that an operator lets plain HTTP go to.
    pub(super) fn plain_http_to(&mut self, given: Located<Vec<String>>) -> Vec<SocketAddr> {
        for text in &given.value {
            match text.parse() {
                Ok(address) => self.plain_http.allowed.push(address),
                Err(_) => self.source.wrong(
                    &given,
                    format!("{text:?} is no address"),
                    r#"write "IP:PORT", for example "10.1.2.3:9500""#,
                ),
            }
        }
        self.plain_http.named = Some(given);
        self.plain_http.allowed.clone()
    }

    /// Whether what goes to this address leaves this machine in cleartext only where that was asked for.
    pub(super) fn stays_here(&mut self, text: &Located<String>, address: &HsAddress) -> Option<()> {
        let HsAddress::Http(address) = address else {
            return Some(());
        };
        if address.ip().to_canonical().is_loopback() {
            return Some(());
        }
        if self.plain_http.allowed.contains(address) {
            self.plain_http.used.push(*address);
            return Some(());
        }
        let message = format!("http://{address} would carry it over a network in cleartext");
        let remedy = format!(
            "end TLS on this machine (a tunnel to http://127.0.0.1:PORT or unix:PATH), or write plain_http_to = \
             [\"{address}\"] into [danger] if nobody else can read that network"
        );
        self.source.wrong(text, message, remedy);
        None
    }

    /// A name that nobody needs would one day let something out that nobody meant.
    pub(super) fn unused_plain_http(&mut self) {
        let PlainHttp {
            named,
            allowed,
            used,
        } = std::mem::take(&mut self.plain_http);
        let Some(named) = named else { return };
        for address in allowed.iter().filter(|address| !used.contains(address)) {
            let message = format!("{address} is the address of no check, webhook or connector");
            self.source.wrong(&named, message, "remove it");
        }
    }
}
