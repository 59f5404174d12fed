//! A room of many state events, made by a stub with real hashes and signatures, and joined through two real gateways:
//!
//! ```text
//! alice joins ─ hook ─▶ gateway (high) ─ mTLS ─▶ gateway (low) ─ unix ─▶ bob's stub homeserver: the whole state
//! ```

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_policy::parallel;
use sluice_policy::pdu::RoomVersion;

use crate::stub::gateway::Gateway;
use crate::stub::homeserver::StubHomeserver;
use crate::stub::labels::{OFFEN, ROOM_LABEL, encoded, label};
use crate::stub::next_send;
use crate::stub::peer::x_matrix;
use crate::stub::room::{Actor, Event, Room, new_key, now_ms, seal, transaction};
use crate::stub::wire::{Reply, request_bytes};

/// The two zones and their homeservers.
#[derive(Debug)]
pub struct TwoZones {
    /// The gateway on alice's side, where the join begins.
    pub high: Gateway,
    /// The gateway on bob's side, before the homeserver that has the room.
    pub low: Gateway,
    alices: StubHomeserver,
    bobs: StubHomeserver,
}

/// bob's room.
#[derive(Debug)]
pub struct LargeRoom {
    room: Room,
    /// All its state: made, labelled, and many members.
    pub state: Vec<Event>,
}

/// What a join took.
#[derive(Debug)]
pub struct Joined {
    /// The answer that alice's homeserver got.
    pub reply: Reply,
    /// From her request to its last byte.
    pub time: Duration,
}

impl TwoZones {
    /// Both gateways as `sluice init` makes them, running under the shipped bundle, in this folder.
    ///
    /// # Panics
    /// Where they cannot be set up.
    #[must_use]
    pub fn start(dir: &Path) -> Self {
        let (at_high, at_low) = (dir.join("high.sock"), dir.join("low.sock"));
        let alices = StubHomeserver::start("high.test", new_key("hs_high"), &at_high);
        let bobs = StubHomeserver::start("low.test", new_key("hs_low"), &at_low);
        let mut high = Gateway::init(&dir.join("high"), "high", &alices.name, &at_high);
        let mut low = Gateway::init(&dir.join("low"), "low", &bobs.name, &at_low);
        high.import(&low.record());
        low.import(&high.record());
        for gateway in [&mut high, &mut low] {
            gateway.edit("sluice.toml", |text| {
                text.replace("level = \"debug\"", "level = \"info\"")
            });
            gateway.start();
        }
        Self {
            high,
            low,
            alices,
            bobs,
        }
    }

    /// A room of bob's with this many members' events, which both gateways have seen made and labelled.
    ///
    /// # Panics
    /// Where its beginning does not cross.
    #[must_use]
    pub fn room(&self, members: usize, reason: Reason) -> LargeRoom {
        let bob = self.bob();
        let mut room = Room::create(RoomVersion::V12, &bob);
        let said = json!({"label": label(OFFEN)});
        let beginning = [
            room.create.clone(),
            room.event(&bob, ROOM_LABEL, Some(""), said),
            room.member(&bob, &bob.user, "join"),
        ];
        for events in [&beginning[..2], &beginning[2..]] {
            let body = transaction(&self.bobs.name, events).to_string();
            let (target, body) = (next_send(), body.as_bytes());
            let reply = ask(
                &self.low,
                &self.bobs,
                &self.alices.name,
                "PUT",
                &target,
                body,
            );
            let refused = reply.json()["pdus"].to_string().contains("error");
            assert!(reply.status == 200 && !refused, "{}", self.low.log());
        }
        let numbers: Vec<usize> = (0..members).collect();
        let draft = room.draft(&bob, "m.room.member", Value::Null);
        let mut state = beginning.to_vec();
        state.extend(parallel::map(&numbers, |number| {
            member(&draft, &bob, *number, reason)
        }));
        LargeRoom { room, state }
    }

    /// alice's homeserver joins, and bob's answers with all of the state.
    #[must_use]
    pub fn join(&self, large: &LargeRoom) -> Joined {
        let mut room = large.room.clone();
        let join = room.member(&self.alice(), "@alice:high.test", "join");
        let list: Vec<String> = large.state.iter().map(Event::text).collect();
        let answer = format!(
            r#"{{"auth_chain":[{}],"event":{},"members_omitted":false,"origin":"low.test","servers_in_room":["low.test"],"state":[{}]}}"#,
            list[..3].join(","),
            join.text(),
            list.join(",")
        );
        let what = "PUT /_matrix/federation/v2/send_join/";
        self.bobs.far.on_bytes(what, 200, answer.as_bytes());
        let target = format!(
            "/_matrix/federation/v2/send_join/{}/{}",
            encoded(&room.id),
            encoded(&join.id)
        );
        let body = join.text();
        let start = Instant::now();
        let (from, to) = (&self.alices, &self.bobs.name);
        let reply = ask(&self.high, from, to, "PUT", &target, body.as_bytes());
        Joined {
            reply,
            time: start.elapsed(),
        }
    }

    fn alice(&self) -> Actor {
        Actor {
            user: "@alice:high.test".to_owned(),
            key: self.alices.key.clone(),
        }
    }

    fn bob(&self) -> Actor {
        Actor {
            user: "@bob:low.test".to_owned(),
            key: self.bobs.key.clone(),
        }
    }
}

/// A member, without a reason of the size that they have in real rooms.
fn member(draft: &Value, bob: &Actor, number: usize, reason: Reason) -> Event {
    let user = format!("@member{number}:low.test");
    let mut fields = draft.clone();
    fields["sender"] = json!(user);
    fields["state_key"] = json!(user);
    fields["origin_server_ts"] = json!(now_ms());
    fields["content"] = json!({
        "membership": "join",
        "displayname": format!("Member number {number}"),
        "avatar_url": format!("mxc://low.test/{:024}", number),
    });
    if let Some(reason) = reason.of(number) {
        fields["content"]["reason"] = json!(reason);
    }
    seal(RoomVersion::V12, fields, &bob.key, bob.server())
}

/// What members say about their reasons, in an order that differs from member to member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing.
    None,
    /// At least so many bytes of words.
    Words(usize),
    /// At least so many bytes of sentences with several numbers in each.
    Numbers(usize),
}

const WORDS: [&str; 7] = [
    "Ich helfe im Referat bei der Planung mit. ",
    "Die Besprechung wurde auf den Nachmittag verlegt, der Raum bleibt derselbe. ",
    "Bitte die Unterlagen vorher lesen und Anmerkungen gesammelt schicken. ",
    "Wer verhindert ist, sagt bitte der Leitung Bescheid. ",
    "The agenda follows as soon as everybody has answered. ",
    "Es geht um den Entwurf vom letzten Mal und um offene Fragen der Kollegen. ",
    "Danach ist Zeit für ein Gespräch bei Kaffee. ",
];

const NUMBERS: [&str; 7] = [
    "Sitzung 12/2026 am 14.11.2026 um 09:30 Uhr in Raum 3.214, Dauer 45 Minuten. ",
    "Die Kosten betragen 12.480,50 Euro, davon 3.120 Euro in 2026 und 9.360,50 Euro in 2027. ",
    "Auftrag 4711-2026 mit Lieferschein 88231 und 88232, 24 Stück zu 18,90 Euro. ",
    "Rückfragen unter Durchwahl 2316 oder 2317, freitags nur bis 14 Uhr. ",
    "The meeting of 3 December 2026 has 12 items on 8 pages, item 7 takes 20 minutes. ",
    "Seite 14 bis 22, Absatz 3 Satz 2, Anlagen 7 und 8 vom 01.10.2026, Fassung 2.4.1. ",
    "In Haus 5 sind 48 von 60 Plätzen belegt, 12 bleiben frei, 6 sind ab 1. Januar vergeben. ",
];

impl Reason {
    fn of(self, number: usize) -> Option<String> {
        let (sentences, bytes) = match self {
            Self::None => return None,
            Self::Words(bytes) => (&WORDS, bytes),
            Self::Numbers(bytes) => (&NUMBERS, bytes),
        };
        let mut reason = String::with_capacity(bytes + 100);
        for step in 0.. {
            if reason.len() >= bytes {
                break;
            }
            let place = (number + step * (1 + number % 5)) % sentences.len();
            reason.push_str(sentences.get(place).copied().unwrap_or_default());
        }
        Some(reason)
    }
}

fn ask(
    gateway: &Gateway,
    from: &StubHomeserver,
    to: &str,
    method: &str,
    target: &str,
    body: &[u8],
) -> Reply {
    let secret = format!("Proxy-Authorization: Bearer {}", gateway.inside_secret());
    let signature = x_matrix(&from.key, method, target, &from.name, to, Some(body));
    let absolute = format!("matrix-federation://{to}{target}");
    let host = format!("{to}:80");
    let fields = [secret, signature];
    gateway.hook(&request_bytes(
        method,
        &absolute,
        &host,
        &fields,
        Some(body),
    ))
}
