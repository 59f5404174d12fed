//! Sends what has waited, in own transactions: in order, one at a time between two homeservers, until it has arrived.

use std::sync::Arc;
use std::time::Duration;

use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::json::{self, Limits};

use super::fate::{EXPIRED, Fate, LOST, Now, fate, is_old, is_third_closed, judged_under};
use super::{Pair, acted, check};
use crate::audit::entry::{
    Counts, Entry, Face as AuditFace, HoldAct, RequestEntry, Verdict, WaitEntry,
};
use crate::exchange::{Exchange, Face, Way};
use crate::gateway::{Active, Gateway, now_ms};
use crate::hold;
use crate::rebuild;
use crate::record;
use crate::refusal::Refusal;
use crate::route;
use crate::tell::{Happened, Notice};

/// Events of one transaction at most (specification).
const BATCH: usize = 50;
/// First pause after a transaction that was not taken; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest answer to a transaction that is read.
const ANSWER_BYTES: usize = 1024 * 1024;
/// Limits of what the vault gives back: both forms of an event.
const FORMS: Limits = Limits {
    bytes: 512 * 1024,
    depth: Limits::DEPTH + 2,
    nodes: 200_000,
};

/// Sends until nothing of the pair waits.
pub(super) async fn drain(gateway: &Arc<Gateway>, pair: &Pair) {
    let mut pause = PAUSE;
    while !gateway.waits.is_empty(pair) {
        let changed = gateway.waits.changed.notified();
        if gateway.waits.ready(pair, BATCH).is_empty() {
            changed.await;
            continue;
        }
        match send(gateway, pair).await {
            Ok(()) => pause = PAUSE,
            Err(refusal) => {
                tracing::warn!(
                    destination = pair.destination,
                    rule = refusal.rule,
                    detail = refusal.detail,
                    "what has waited was not taken; it is sent again"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// One transaction, and the line that says it has arrived.
async fn send(gateway: &Arc<Gateway>, pair: &Pair) -> Result<(), Refusal> {
    let _turn = gateway.waits.turn(pair).await;
    let active = gateway.active();
    let lines = gateway.waits.ready(pair, BATCH);
    let lines = gateway.without_old(pair, lines).await?;
    let exchange = gateway.own_transaction(&active, pair)?;
    gateway.may_cross(&active, &exchange)?;
    let lines = gateway.sort_out(&active, &exchange, pair, lines).await?;
    let (lines, events) = gateway.forms(pair, lines).await?;
    if lines.is_empty() {
        return Ok(());
    }
    gateway.transaction_line(&exchange, &lines).await?;
    let body = Object::from([
        ("origin".to_owned(), Value::String(pair.origin.clone())),
        ("origin_server_ts".to_owned(), integer(now_ms())),
        ("pdus".to_owned(), Value::Array(events)),
    ]);
    let key = match exchange.face {
        Face::Inside => &active.keys.signing,
        Face::Border => &active.keys.injected,
    };
    let target = exchange.route.target();
    let outgoing = rebuild::signed(
        "PUT",
        &target,
        &pair.origin,
        &pair.destination,
        Some(body),
        key,
    )?;
    let answer = match exchange.face {
        Face::Inside => {
            let client = active.peer_client(&exchange.peer)?;
            client.send(&outgoing, ANSWER_BYTES).await
        }
        Face::Border => {
            let gate = active.links.gate(exchange.peer.zone());
            active
                .homeserver(&pair.destination)?
                .send_of(&gate, &outgoing, ANSWER_BYTES)
                .await
        }
    };
    let answer = answer.map_err(|error| crate::asks::far_side(&error))?;
    if answer.status != 200 {
        let detail = format!("the other side answers {}", answer.status);
        return Err(Refusal::ourselves("gateway.relay", detail));
    }
    gateway.end_waits(pair, &lines, HoldAct::Sent, None).await
}

impl Gateway {
    /// Gives up what nobody took for too long, whatever else may keep the others from being sent.
    async fn without_old(
        &self,
        pair: &Pair,
        lines: Vec<WaitEntry>,
    ) -> Result<Vec<WaitEntry>, Refusal> {
        let now = now_ms();
        let (old, left): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| is_old(line, now));
        for line in old {
            self.give_up(pair, line, EXPIRED).await?;
        }
        Ok(left)
    }

    /// What is to be sent, each with the verdict that counts now. What is not any more is done with here.
    async fn sort_out(
        &self,
        active: &Active,
        exchange: &Exchange,
        pair: &Pair,
        lines: Vec<WaitEntry>,
    ) -> Result<Vec<WaitEntry>, Refusal> {
        let mut left = Vec::new();
        for line in lines {
            self.caught_up().await?;
            let now = self.looks_now(active, exchange, &line)?;
            match fate(&line, &now) {
                Fate::Whole => left.push(line),
                Fate::Redacted => left.push(redacted(line)),
                Fate::Withdrawn(why) => {
                    self.withdraw(&line, why).await?;
                    left.push(redacted(line));
                }
                Fate::GivenUp(why) => self.give_up(pair, line, why).await?,
            }
        }
        Ok(left)
    }

    /// What is known now of an event that waits.
    fn looks_now(
        &self,
        active: &Active,
        exchange: &Exchange,
        line: &WaitEntry,
    ) -> Result<Now, Refusal> {
        let closed = self.journal.closed(&line.link, &line.room_id);
        // The same event may wait for two homeservers of the peer, and what one check denied holds for both.
        let denial = self.journal.denial(&line.event_id, &line.link);
        let elsewhere = exchange.link(Way::Request) != line.link.as_str();
        let hidden = self.is_hidden(active, exchange, &line.room_id)?;
        Ok(Now {
            closed: closed.map_err(crate::collect::broken_journal)?.is_some(),
            elsewhere,
            denied: denial.map_err(crate::collect::broken_journal)?.is_some(),
            under: judged_under(active, &exchange.peer, &line.sender, hidden),
            third_closed: is_third_closed(active, &exchange.peer, &line.sender),
        })
    }

    /// Whether the room's label, as far as it is known, is above what the link is cleared for.
    fn is_hidden(
        &self,
        active: &Active,
        exchange: &Exchange,
        room_id: &str,
    ) -> Result<bool, Refusal> {
        match self.known_room(room_id)?.label {
            Some(label) => Ok(!active.grants(exchange, Way::Request, &label)?),
            None => Ok(false),
        }
    }

    /// Takes a release back, in the log first.
    async fn withdraw(&self, line: &WaitEntry, why: &'static str) -> Result<(), Refusal> {
        tracing::warn!(item = %line.item, event_id = %line.event_id, why, "what was released crosses redacted");
        let entries = vec![
            check::event_line(self, line, Err(why)),
            acted(line, HoldAct::Stopped, Some(why)),
        ];
        self.noted(entries).await?;
        self.tell(line, Happened::CalledBack, why);
        self.waits.decide(line, Verdict::Redact);
        Ok(())
    }

    /// The forms in which events cross. One whose content is gone is given up, and costs the others nothing.
    async fn forms(
        &self,
        pair: &Pair,
        lines: Vec<WaitEntry>,
    ) -> Result<(Vec<WaitEntry>, Vec<Value>), Refusal> {
        let (mut there, mut events) = (Vec::new(), Vec::new());
        for line in lines {
            match self.form(&line).await? {
                Some(event) => {
                    events.push(Value::Object(event));
                    there.push(line);
                }
                None => self.give_up(pair, line, LOST).await?,
            }
        }
        Ok((there, events))
    }

    async fn give_up(
        &self,
        pair: &Pair,
        line: WaitEntry,
        why: &'static str,
    ) -> Result<(), Refusal> {
        tracing::error!(item = %line.item, event_id = %line.event_id, room_id = %line.room_id, why, "an event that was \
            acknowledged is given up");
        let lines = std::slice::from_ref(&line);
        self.end_waits(pair, lines, HoldAct::GivenUp, Some(why))
            .await?;
        self.tell(&line, Happened::GivenUp, why);
        Ok(())
    }

    fn tell(&self, line: &WaitEntry, what: Happened, why: &'static str) {
        let notice = Notice::of_wait(line, what, why, now_ms());
        self.teller.tell(vec![notice]);
    }

    /// A transaction of our own, as the stages know one.
    fn own_transaction(&self, active: &Active, pair: &Pair) -> Result<Exchange, Refusal> {
        let reference = self.next_reference();
        let target = format!("/_matrix/federation/v1/send/sluice{reference}");
        let unroutable = |_| Refusal::ourselves("gateway.hold", "the endpoint table lacks /send");
        let route = route::route("PUT", &target).map_err(unroutable)?;
        let (face, local, remote) = match active.is_local(&pair.origin) {
            true => (Face::Inside, &pair.origin, &pair.destination),
            false => (Face::Border, &pair.destination, &pair.origin),
        };
        let peer = active.peers.by_server(remote).ok_or_else(|| {
            Refusal::forbidden("protocol.third_server", "the peer's record was removed")
        })?;
        Ok(Exchange {
            reference,
            face,
            route,
            local: local.clone(),
            remote: remote.clone(),
            zone: active.config.zone.clone(),
            peer: Arc::clone(peer),
        })
    }

    /// The form in which an event crosses, by its verdict; `None` where what was sealed is gone or damaged. A disk that fails
    /// now may not fail later.
    async fn form(&self, line: &WaitEntry) -> Result<Option<Object>, Refusal> {
        let (holds, item) = (Arc::clone(&self.holds), line.item.to_string());
        let read = hold::on_disk(move || holds.read(&item)).await;
        let content = read.map_err(|error| {
            let detail = format!("an event that waits cannot be read: {error}; see state.held");
            Refusal::ourselves("gateway.hold", detail)
        })?;
        let name = match line.verdict {
            Some(Verdict::Release) => "whole",
            _ => "redacted",
        };
        Ok(content.and_then(|content| named(&content, name)))
    }

    async fn transaction_line(
        &self,
        exchange: &Exchange,
        lines: &[WaitEntry],
    ) -> Result<(), Refusal> {
        let mut pdus = Counts::default();
        lines
            .iter()
            .for_each(|line| pdus.add(line.verdict.unwrap_or(Verdict::Redact)));
        let line = RequestEntry {
            face: AuditFace::Own,
            link: exchange.link(Way::Request).as_str().into(),
            pdus,
            ..record::heading(exchange)
        };
        self.recorded(Entry::Request(line)).await
    }

    /// Records that items are done with, and destroys their content.
    async fn end_waits(
        &self,
        pair: &Pair,
        lines: &[WaitEntry],
        act: HoldAct,
        why: Option<&str>,
    ) -> Result<(), Refusal> {
        self.noted(lines.iter().map(|line| acted(line, act, why)).collect())
            .await?;
        let holds = Arc::clone(&self.holds);
        let items: Vec<String> = lines.iter().map(|line| line.item.to_string()).collect();
        let destroying = tokio::task::spawn_blocking(move || {
            items.iter().for_each(|item| holds.destroy_soon(item));
        });
        // What a defect says of itself may hold anything, and is not logged.
        if destroying.await.is_err() {
            tracing::error!(
                "destroying what has arrived broke off; the next start does it; please report this"
            );
        }
        // While they stand in the queue nobody seals them again.
        self.waits.remove(pair, lines);
        Ok(())
    }

    /// For what counts as soon as the log has it, and is not said twice.
    async fn noted(&self, entries: Vec<Entry>) -> Result<(), Refusal> {
        let written = self.audit.note(entries).await;
        written.map_err(|error| Refusal::from(&error))
    }
}

/// One of the two forms that stand in what was sealed.
fn named(content: &[u8], name: &str) -> Option<Object> {
    let Ok(Value::Object(mut forms)) = json::parse(content, &FORMS) else {
        return None;
    };
    match forms.remove(name) {
        Some(Value::Object(event)) => Some(event),
        _ => None,
    }
}

fn redacted(line: WaitEntry) -> WaitEntry {
    WaitEntry {
        verdict: Some(Verdict::Redact),
        ..line
    }
}

fn integer(number: i64) -> Value {
    // A time in milliseconds is within what JSON's integers can hold.
    serde_json::Value::from(number)
        .try_into()
        .unwrap_or(Value::Null)
}
