//! Texts sealed with a minute's key: AES-256-GCM, each with its own random nonce, bound to speaker and event; and names
//! under a keyed hash, because links, rooms, senders and event ids can be guessed.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key, Tag};
use serde::{Deserialize, Serialize};
use sluice_policy::dlp::Part;

use super::Speaker;

/// A name in the store: HMAC-SHA-256.
pub(super) type Blind = [u8; 32];

/// Where a text stands in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) link: Blind,
    pub(super) speaker: Blind,
    pub(super) event: Blind,
}

/// Hides names, by the secret of the key file.
pub(super) struct Names(Key);

impl Names {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(Key::new(HMAC_SHA256, secret))
    }

    pub(super) fn link(&self, link: &str) -> Blind {
        self.blind("link", &[link])
    }

    pub(super) fn speaker(&self, speaker: &Speaker) -> Blind {
        self.blind("speaker", &[&speaker.link, &speaker.room, &speaker.sender])
    }

    pub(super) fn place(&self, speaker: &Speaker, event_id: &str) -> Place {
        let Speaker { link, room, sender } = speaker;
        Place {
            link: self.link(link),
            speaker: self.speaker(speaker),
            event: self.blind("event", &[link, room, sender, event_id]),
        }
    }

    /// Parts cannot run into one another, nor one kind of name into another.
    fn blind(&self, kind: &str, parts: &[&str]) -> Blind {
        let mut hash = Context::with_key(&self.0);
        for part in [&[kind], parts].concat() {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        bytes(&hash.sign())
    }
}

fn bytes(tag: &Tag) -> Blind {
    let mut blind = [0; 32];
    let all = tag.as_ref().iter().copied();
    blind.iter_mut().zip(all).for_each(|(to, from)| *to = from);
    blind
}

/// What is sealed of a part.
#[derive(Serialize, Deserialize)]
struct Kept {
    event_id: String,
    sent_ms: i64,
    is_news: bool,
    texts: Vec<String>,
    html: Vec<String>,
}

/// Nonce, ciphertext and tag; `None` where the library fails.
pub(super) fn seal(key: &[u8; 32], place: &Place, part: &Part) -> Option<Vec<u8>> {
    let kept = Kept {
        event_id: part.event_id.clone(),
        sent_ms: part.sent_ms,
        is_news: part.is_news,
        texts: part.texts.clone(),
        html: part.html.clone(),
    };
    let mut bytes = serde_json::to_vec(&kept).ok()?;
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let nonce = key
        .seal_in_place_append_tag(bound(&place.speaker, &place.event), &mut bytes)
        .ok()?;
    let mut sealed = nonce.as_ref().to_vec();
    sealed.append(&mut bytes);
    Some(sealed)
}

/// The part; `None` where it is not what was sealed.
pub(super) fn open(key: &[u8; 32], speaker: &Blind, event: &[u8], sealed: &[u8]) -> Option<Part> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut bytes = rest.to_vec();
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).ok()?;
    let opened = key
        .open_in_place(Nonce::from(nonce), bound(speaker, event), &mut bytes)
        .ok()?;
    let kept: Kept = serde_json::from_slice(opened).ok()?;
    Some(Part {
        event_id: kept.event_id,
        sent_ms: kept.sent_ms,
        is_news: kept.is_news,
        texts: kept.texts,
        html: kept.html,
    })
}

fn bound(speaker: &Blind, event: &[u8]) -> Aad<Vec<u8>> {
    Aad::from([speaker.as_slice(), event].concat())
}
