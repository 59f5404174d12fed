//! The transactions that are sent: ordinary labelled messages of some rooms, hashed and signed beforehand.

use serde_json::{Value, json};
use sluice::demo::world::{OFFEN, labelled, room_label};
use sluice_policy::pdu::RoomVersion;

use crate::stub::TAX_ID;
use crate::stub::room::{Actor, Event, Room, random_word, transaction};

/// Rooms that the traffic is spread over.
pub const ROOMS: usize = 8;
/// Of messages that are to be denied, every tenth is.
const DENIED_EVERY: usize = 10;

/// One `/send`.
#[derive(Debug, Clone)]
pub struct Transaction {
    /// Transaction id.
    pub id: String,
    /// The canonical body.
    pub body: Vec<u8>,
    /// Ids of its events, in order.
    pub events: Vec<String>,
    /// How many of them are to be denied.
    pub denied: usize,
}

impl Transaction {
    /// What a homeserver answers that took them all.
    #[must_use]
    pub fn results(&self) -> String {
        let results: serde_json::Map<String, Value> = self
            .events
            .iter()
            .map(|id| (id.clone(), json!({})))
            .collect();
        json!({ "pdus": results }).to_string()
    }

    /// Its path.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{}{}", crate::stub::SEND, self.id)
    }
}

/// What a run sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Events of a transaction.
    pub pdus: usize,
    /// Whether a tenth of them holds what the shipped detectors find.
    pub denials: bool,
}

/// alice's rooms, and alice who writes in them.
#[derive(Debug)]
pub struct Corpus {
    alice: Actor,
    rooms: Vec<Room>,
    written: usize,
}

impl Corpus {
    /// Rooms of alice's, which exist only here until their [`Corpus::beginnings`] are sent.
    #[must_use]
    pub fn new(alice: Actor) -> Self {
        let rooms = (0..ROOMS)
            .map(|_| Room::create(RoomVersion::V12, &alice))
            .collect();
        Self {
            alice,
            rooms,
            written: 0,
        }
    }

    /// The transactions by which the gateways learn the rooms: created, labelled, joined.
    pub fn beginnings(&mut self) -> Vec<Transaction> {
        let alice = &self.alice;
        let begin = |room: &mut Room| {
            let label = room_label(OFFEN);
            let kind = label["type"].as_str().unwrap_or_default();
            let label = room.event(alice, kind, Some(""), label["content"].clone());
            let join = room.member(alice, &alice.user, "join");
            [vec![room.create.clone(), label], vec![join]]
        };
        let all = self.rooms.iter_mut().flat_map(begin);
        all.map(|events| sent(alice, &events, 0)).collect()
    }

    /// Transactions of this shape that were never there before, room after room, on all cores.
    pub fn make(&mut self, count: usize, shape: Shape) -> Vec<Transaction> {
        let (alice, first) = (&self.alice, self.written);
        self.written += count * shape.pdus;
        let share = |room: usize| (count + ROOMS - 1 - room) / ROOMS;
        let lists: Vec<Vec<Transaction>> = std::thread::scope(|scope| {
            let work = self.rooms.iter_mut().enumerate().map(|(at, room)| {
                let make = move |number: usize| {
                    write(
                        alice,
                        room,
                        first + (number * ROOMS + at) * shape.pdus,
                        shape,
                    )
                };
                scope.spawn(move || (0..share(at)).map(make).collect())
            });
            let threads: Vec<_> = work.collect();
            threads
                .into_iter()
                .filter_map(|thread| thread.join().ok())
                .collect()
        });
        let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
        (0..count)
            .filter_map(|at| lists.get_mut(at % ROOMS)?.next())
            .collect()
    }
}

fn write(alice: &Actor, room: &mut Room, first: usize, shape: Shape) -> Transaction {
    let denied = |number: usize| shape.denials && number.is_multiple_of(DENIED_EVERY);
    let numbers = first..first + shape.pdus;
    let count = numbers.clone().filter(|number| denied(*number)).count();
    let message = |number: usize| {
        let text = match denied(number) {
            true => format!("Please file it under {TAX_ID}, reference {}", random_word()),
            false => format!(
                "The convoy reached the depot before noon; the second group follows when the road is clear ({})",
                random_word()
            ),
        };
        room.event(alice, "m.room.message", None, labelled(&text, OFFEN))
    };
    let events: Vec<Event> = numbers.map(message).collect();
    sent(alice, &events, count)
}

fn sent(alice: &Actor, events: &[Event], denied: usize) -> Transaction {
    Transaction {
        id: random_word(),
        body: transaction(alice.server(), events).to_string().into_bytes(),
        events: events.iter().map(|event| event.id.clone()).collect(),
        denied,
    }
}
