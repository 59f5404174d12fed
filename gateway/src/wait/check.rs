//! Asks the checks that a policy names, and turns what they say, or do not say, into a verdict.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::fate::{LINK_CLOSED, LOST};
use super::{acted, left};
use crate::audit::entry::{Entry, EventEntry, HoldAct, Verdict, WaitEntry};
use crate::config::Check;
use crate::gateway::{Gateway, now_ms};
use crate::hold;
use crate::tell::{self, Happened, Notice};

/// Reason of a redacted event: a check said so.
const REFUSED: &str = "check_refused";
/// A check failed, or its answer has another shape.
const FAILED: &str = "check_failed";
/// The configuration names no such check.
const UNKNOWN: &str = "check_unknown";
/// No answer before the deadline.
const LATE: &str = "check_late";
/// The disk did not give the content before the deadline. A fault of ours is no lasting denial.
const UNREADABLE: &str = "content_unreadable";
/// Note of an event that checks let pass.
const BY_CHECK: &str = "hold.check";
/// Pause before content that could not be read is read again.
const READ_AGAIN: Duration = Duration::from_millis(500);
/// Pause before a verdict that could not be recorded is recorded again.
const RECORD_AGAIN: Duration = Duration::from_secs(1);

/// What a check answers. `reason` is for the check's own log and goes no further: it may hold content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    verdict: Word,
    #[serde(default)]
    #[expect(dead_code, reason = "accepted, and not kept")]
    reason: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Word {
    Release,
    Redact,
}

/// Waits for the checks of an item, at most until its deadline, and records what they say.
pub(super) async fn ask(gateway: &Gateway, line: &WaitEntry) {
    let said = match content(gateway, line).await {
        // What the disk lost is lost before the deadline and after it.
        Ok(None) => Err(LOST),
        _ => {
            let asked = tokio::time::timeout(left(line.deadline), ask_all(gateway, line)).await;
            asked.unwrap_or(Err(LATE))
        }
    };
    conclude(gateway, line, said).await;
}

/// Ends an item whose checks broke off by a defect of ours.
pub(super) async fn fail(gateway: &Gateway, line: &WaitEntry) {
    conclude(gateway, line, Err(FAILED)).await;
}

/// Records a verdict, and what it is by.
async fn conclude(gateway: &Gateway, line: &WaitEntry, said: Result<(), &'static str>) {
    let (act, verdict) = match said {
        Ok(()) => (HoldAct::Passed, Verdict::Release),
        Err(_) => (HoldAct::Stopped, Verdict::Redact),
    };
    let entries = || vec![event_line(gateway, line, said), acted(line, act, None)];
    // Nothing of it is sent before the log has the verdict, and once is enough.
    while let Err(error) = gateway.audit.note(entries()).await {
        tracing::error!(%error, "the verdict on an event that waits could not be recorded");
        tokio::time::sleep(RECORD_AGAIN).await;
    }
    if let Err(why) = said {
        let notice = Notice::of_wait(line, Happened::Stopped, why, now_ms());
        gateway.teller.tell(vec![notice]);
    }
    gateway.waits.decide(line, verdict);
}

async fn ask_all(gateway: &Gateway, line: &WaitEntry) -> Result<(), &'static str> {
    // Never closed, so that an error cannot be.
    let places = gateway.waits.asking(&line.link);
    let _place = places.acquire().await.map_err(|_| FAILED)?;
    let active = gateway.active();
    let content = loop {
        match content(gateway, line).await {
            Ok(content) => break content.ok_or(LOST)?,
            Err(_) if left(line.deadline) <= READ_AGAIN => return Err(UNREADABLE),
            Err(_) => tokio::time::sleep(READ_AGAIN).await,
        }
    };
    let forms: Value = serde_json::from_slice(&content).map_err(|_| FAILED)?;
    let findings: Vec<Value> = line
        .findings
        .iter()
        .map(|found| json!({"detector": found.detector, "value": found.value}))
        .collect();
    let question = json!({
        "link": line.link, "room_id": line.room_id, "event_id": line.event_id, "event": forms["whole"],
        "findings": findings,
    });
    let mut asked = tokio::task::JoinSet::new();
    for name in &line.checks {
        let check = active.config.checks.get(name.as_str()).ok_or(UNKNOWN)?;
        let (check, question) = (check.clone(), question.clone());
        asked.spawn(async move { ask_one(&check, &question).await });
    }
    while let Some(answer) = asked.join_next().await {
        answer.unwrap_or(Err(FAILED))?;
    }
    Ok(())
}

/// Both forms of an event, if the disk still has them.
async fn content(gateway: &Gateway, line: &WaitEntry) -> Result<Option<Zeroizing<Vec<u8>>>, ()> {
    let (holds, item) = (Arc::clone(&gateway.holds), line.item.to_string());
    let read = hold::on_disk(move || holds.read(&item)).await;
    read.map_err(|error| tracing::warn!(item = %line.item, %error, "what waits cannot be read"))
}

async fn ask_one(check: &Check, question: &Value) -> Result<(), &'static str> {
    let patience = Duration::from_secs(check.timeout_seconds);
    let (address, path) = (&check.endpoint.address, &check.endpoint.path);
    let answer = tell::send(address, path, None, question, patience).await;
    let answer = answer.map_err(|error| {
        tracing::warn!(error, "a check failed");
        FAILED
    })?;
    let said: Said = serde_json::from_slice(&answer).map_err(|_| FAILED)?;
    match said.verdict {
        Word::Release => Ok(()),
        Word::Redact => Err(REFUSED),
    }
}

/// The line of the event with its verdict. A denial is remembered like every other, but where nobody looked at the content, and
/// where it is no word on the event.
pub(super) fn event_line(
    gateway: &Gateway,
    line: &WaitEntry,
    said: Result<(), &'static str>,
) -> Entry {
    let active = gateway.active();
    let bundle = active
        .bundle
        .as_ref()
        .map_or("", |bundle| bundle.id.as_str());
    Entry::Event(EventEntry {
        request: line.request.clone(),
        link: line.link.clone(),
        event_id: Some(line.event_id.clone()),
        room_id: Some(line.room_id.clone()),
        event_type: Some(line.event_type.clone()),
        sender: Some(line.sender.clone()),
        verdict: match said {
            Ok(()) => Verdict::Release,
            Err(_) => Verdict::Redact,
        },
        rule: line.rule.clone(),
        reason: said.err().map(Into::into),
        notes: said.ok().map(|()| BY_CHECK.into()).into_iter().collect(),
        remember: said.is_err_and(|why| ![LOST, UNREADABLE, LINK_CLOSED].contains(&why)),
        bundle: bundle.into(),
        ..EventEntry::default()
    })
}
