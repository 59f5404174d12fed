//! The reviewer's desk: what `sluice hold` asks of a running gateway. Each look and each decision is audited with the user
//! that the kernel vouches for, before it has any effect.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::MutexGuard;

use super::{Holds, acted, is_item, on_disk};
use crate::admin::{AdminAnswer, Operator};
use crate::audit::entry::{Entry, HoldAct, HoldEntry};
use crate::config::Hold;
use crate::gateway::{Gateway, now_ms};
use crate::journal::HeldItem;
use crate::tell::Notice;

/// Items in one answer to `list` at most.
pub(super) const PAGE: usize = 200;
/// Items that expire in one go.
const EXPIRE_AT_ONCE: usize = 200;
/// Longest reason that an operator may give, in bytes.
const REASON_BYTES: usize = 200;

/// What a reviewer asks. `item` is an id as `list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum HoldAsk {
    /// What waits, oldest first, behind the one with this number; at most 200. One JSON object a detail.
    List {
        /// 0 for the first page.
        after: i64,
    },
    /// The content of an item. Details: the item, and its event in base64.
    Show {
        /// Its id.
        item: String,
    },
    /// It may be sent again.
    Release {
        /// Its id.
        item: String,
        /// Why.
        reason: Option<String>,
    },
    /// It may not.
    Reject {
        /// Its id.
        item: String,
        /// Why.
        reason: Option<String>,
    },
}

impl Gateway {
    /// Does what a reviewer asks.
    pub(crate) async fn review(&self, ask: HoldAsk, operator: &Operator) -> AdminAnswer {
        let done = match ask {
            HoldAsk::List { after } => self.list_held(after),
            HoldAsk::Show { item } => self.show_held(&item, operator).await,
            HoldAsk::Release { item, reason } => self.release_held(&item, reason, operator).await,
            HoldAsk::Reject { item, reason } => self.reject_held(&item, reason, operator).await,
        };
        done.unwrap_or_else(|problem| AdminAnswer::refused(problem, Vec::new()))
    }

    /// Destroys what nobody decided on in time.
    pub(crate) async fn expire_held(&self) {
        let holds = std::sync::Arc::clone(&self.holds);
        // Only the runtime's end can keep it from running, and then the next start does it.
        let _done = tokio::task::spawn_blocking(move || holds.destroy_left()).await;
        let Ok(_alone) = self.alone().await else {
            // Told by the audit log's own error; it is tried again.
            return;
        };
        let over = match self.journal.held_over(now_ms(), EXPIRE_AT_ONCE) {
            Ok(over) => over,
            Err(error) => {
                tracing::error!(%error, "what is held cannot be looked through");
                return;
            }
        };
        for item in over {
            let ended = self.end(&item, acted(&item, HoldAct::Expired)).await;
            if let Err(error) = ended {
                tracing::error!(error, "what nobody decided on in time");
            }
        }
    }

    /// At the start: brings log and disk together.
    pub(crate) async fn settle_held(&self) -> Result<(), String> {
        let lost = self.holds.settle(&self.journal)?;
        if lost.is_empty() {
            return Ok(());
        }
        tracing::warn!(items = lost.len(), "held content is not there any more");
        self.audit
            .record(lost)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }

    fn list_held(&self, after: i64) -> Result<AdminAnswer, String> {
        let items = self.journal.held_after(after, PAGE);
        let items = items.map_err(|error| error.to_string())?;
        Ok(AdminAnswer {
            details: items.iter().map(|item| shown(item).to_string()).collect(),
            ..AdminAnswer::done(format!("{} waiting", self.holds.waiting()))
        })
    }

    async fn show_held(&self, item: &str, operator: &Operator) -> Result<AdminAnswer, String> {
        let _alone = self.alone().await?;
        let found = self.held(item)?;
        let content = content(&self.holds, item)?;
        self.note(by(acted(&found, HoldAct::Shown), operator, None))
            .await?;
        Ok(AdminAnswer {
            details: vec![shown(&found).to_string(), STANDARD.encode(&content)],
            ..AdminAnswer::done(format!("held by {}", found.waiver.rule))
        })
    }

    async fn release_held(
        &self,
        item: &str,
        reason: Option<String>,
        operator: &Operator,
    ) -> Result<AdminAnswer, String> {
        let reason = short(reason)?;
        let _alone = self.alone().await?;
        let found = in_time(self.held(item)?, now_ms())?;
        let settings = self.active().config.hold.clone();
        if let Some(wait) = second_needed(&settings, &found, operator) {
            wait?;
            let line = by(acted(&found, HoldAct::Approved), operator, reason);
            self.note(line).await?;
            let message =
                format!("{item}: released by one of two; another user must release it too");
            return Ok(AdminAnswer::done(message));
        }
        let content = content(&self.holds, item)?;
        let likeness = self.holds.likeness_of(&content);
        let likeness = likeness
            .ok_or_else(|| format!("{item} cannot be compared with a second sending; reject it"))?;
        let until = settings.ticket_until(now_ms());
        let line = match by(acted(&found, HoldAct::Released), operator, reason) {
            Entry::Hold(line) => Entry::Hold(HoldEntry {
                likeness: Some(likeness.into()),
                until: Some(until),
                ..line
            }),
            other => other,
        };
        self.end(&found, line).await?;
        Ok(AdminAnswer::done(format!(
            "{item}: released; {} may send the same again once, within {} days",
            found.sender, settings.ticket_days
        )))
    }

    async fn reject_held(
        &self,
        item: &str,
        reason: Option<String>,
        operator: &Operator,
    ) -> Result<AdminAnswer, String> {
        let reason = short(reason)?;
        let _alone = self.alone().await?;
        let found = self.held(item)?;
        self.end(
            &found,
            by(acted(&found, HoldAct::Rejected), operator, reason),
        )
        .await?;
        Ok(AdminAnswer::done(format!(
            "{item}: rejected, its content is destroyed"
        )))
    }

    /// Nobody decides on what is held meanwhile, and what was decided is known.
    async fn alone(&self) -> Result<MutexGuard<'_, ()>, String> {
        let alone = self.desk.lock().await;
        let caught_up = self.audit.caught_up().await;
        caught_up.map_err(|error| format!("nothing was done: {error}"))?;
        Ok(alone)
    }

    fn held(&self, item: &str) -> Result<HeldItem, String> {
        let none = || {
            format!(
                "nothing is held under {:?}; see `sluice hold list`",
                &item.get(..16).unwrap_or(item)
            )
        };
        if !is_item(item) {
            return Err(none());
        }
        let found = self.journal.held(item).map_err(|error| error.to_string())?;
        found.ok_or_else(none)
    }

    /// Records the end of an item, then destroys its content. An error says whether it is recorded, or that nobody knows.
    async fn end(&self, item: &HeldItem, line: Entry) -> Result<(), String> {
        let act = match &line {
            Entry::Hold(line) => line.act,
            _ => HoldAct::Lost,
        };
        self.note(line).await?;
        let notice = Notice::of_act(item, act, now_ms());
        self.teller.tell(notice.into_iter().collect());
        let (holds, id) = (std::sync::Arc::clone(&self.holds), item.item.clone());
        let destroyed = on_disk(move || holds.destroy(&id)).await;
        destroyed.map_err(|error| {
            format!(
                "{}: this is recorded, but the content could not be destroyed: {error}; it is tried again each second, look \
                 after the folder state.held",
                item.item
            )
        })
    }

    async fn note(&self, line: Entry) -> Result<(), String> {
        let written = self.audit.note(vec![line]).await;
        written.map_err(|error| error.without("nothing was done"))
    }
}

/// Whether another user must release too; an error where the one who asks has done so.
fn second_needed(
    settings: &Hold,
    item: &HeldItem,
    operator: &Operator,
) -> Option<Result<(), String>> {
    if !settings.two_persons || item.approved.iter().any(|user| *user != operator.uid) {
        return None;
    }
    Some(match item.approved.contains(&operator.uid) {
        true => Err(format!(
            "{}: you have released it already; another user must release it too",
            item.item
        )),
        false => Ok(()),
    })
}

/// The item, where its time is not over.
fn in_time(item: HeldItem, now_ms: i64) -> Result<HeldItem, String> {
    match item.until > now_ms {
        true => Ok(item),
        false => Err(format!(
            "{}: its time is over, its content is being destroyed",
            item.item
        )),
    }
}

fn content(holds: &Holds, item: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, String> {
    let read = holds
        .read(item)
        .map_err(|error| format!("the content of {item} cannot be read: {error}"))?;
    read.ok_or_else(|| format!("the content of {item} is gone; reject it"))
}

fn short(reason: Option<String>) -> Result<Option<String>, String> {
    match reason {
        Some(reason) if reason.len() > REASON_BYTES => {
            Err(format!("the reason is longer than {REASON_BYTES} bytes"))
        }
        reason => Ok(reason),
    }
}

fn by(line: Entry, operator: &Operator, reason: Option<String>) -> Entry {
    match line {
        Entry::Hold(line) => Entry::Hold(HoldEntry {
            operator: Some(operator.name.as_str().into()),
            uid: Some(operator.uid),
            reason: reason.map(Into::into),
            ..line
        }),
        other => other,
    }
}

/// An item without its content.
fn shown(item: &HeldItem) -> Value {
    let detectors: std::collections::BTreeSet<&str> = item
        .waiver
        .findings
        .iter()
        .map(|(detector, _)| detector.as_str())
        .collect();
    json!({
        "item": item.item, "number": item.number, "link": item.link, "room_id": item.room_id, "sender": item.sender,
        "event_id": item.event_id, "type": item.event_type, "rule": item.waiver.rule, "detectors": detectors,
        "bytes": item.bytes, "since": item.time, "until": item.until, "approved": item.approved,
    })
}

/// Whether one of these names or numbers is this user.
pub(crate) fn names_user(names: &[String], operator: &Operator) -> bool {
    let number = operator.uid.to_string();
    names
        .iter()
        .any(|given| *given == number || *given == operator.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_cannot_be_released() {
        let item = HeldItem {
            item: "0f3a5c7e9b1d2468".to_owned(),
            number: 1,
            link: "high->low".to_owned(),
            room_id: "!room".to_owned(),
            sender: "@alice:high.test".to_owned(),
            event_id: "$event".to_owned(),
            event_type: "m.room.message".to_owned(),
            waiver: sluice_policy::decide::Waiver::default(),
            bytes: 7,
            time: 0,
            until: 1_000,
            approved: Vec::new(),
        };
        assert!(in_time(item.clone(), 999).is_ok());
        let refused = in_time(item, 1_000);
        assert!(refused.is_err_and(|why| why.contains("its time is over")));
    }

    #[test]
    fn a_reviewer_is_named_by_name_or_number() {
        let alice = Operator {
            uid: 1001,
            name: "alice".to_owned(),
        };
        assert!(names_user(&["1001".to_owned()], &alice));
        assert!(names_user(&["alice".to_owned()], &alice));
        assert!(!names_user(&["bob".to_owned(), "100".to_owned()], &alice));
    }
}
