//! Telling people what became of an event: its sender through the homeserver's own server notice, others through a webhook
//! and a file. Rule, room and event id; never content.
//!
//! ```text
//! audit line durable ─▶ Notice ─▶ queue ─▶ sender's homeserver (send_server_notice)
//!                              ├▶ queue ─▶ webhook
//!                              └▶ queue ─▶ file of JSON lines
//! ```
//!
//! Telling comes after the decision and never changes one: a queue that is full loses the notice, a neighbour that does not
//! answer within [`PATIENCE`] has not heard it, and both are logged and counted. Each way has a queue and a task of its own,
//! so that a dead webhook costs nobody else.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use serde::Serialize;
use serde_json::{Value, json};
use sluice_policy::ids;
use tokio::sync::mpsc;

use crate::accept::Shutdown;
use crate::audit::entry::{Entry, HoldAct, WaitEntry};
use crate::config::{Connector, Endpoint, HsAddress};
use crate::gateway::{Active, Gateway};
use crate::hold::on_disk;
use crate::http::Outgoing;
use crate::journal::HeldItem;
use crate::operations::Metrics;
use crate::relay::{Deadlines, Homeserver, HomeserverAddress};
use crate::wait;

/// Notices that wait for one way at most.
pub const QUEUE: usize = 1000;
/// How long a neighbour may take to hear one.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Server notices that one user gets at once; one more each [`REFILL`].
pub const BURST: u32 = 10;
/// How long until a user may be told once more.
pub const REFILL: Duration = Duration::from_secs(60);
/// Users whose notices are counted.
const USERS: usize = 10_000;
/// Largest answer that is read.
const ANSWER_BYTES: usize = 64 * 1024;
/// Where Synapse takes server notices.
const SERVER_NOTICE: &str = "/_synapse/admin/v1/send_server_notice";

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// An event crossed in its redacted form, and its content waits for a person.
    Held,
    /// It may be sent again.
    Released,
    /// It was rejected.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// A check did not let it pass, or did not answer; it crossed in its redacted form.
    Stopped,
    /// Checks had let it pass, and it crossed in its redacted form all the same: the world changed before it was sent.
    CalledBack,
    /// It had been taken over, and is not sent.
    GivenUp,
    /// A room was closed on a link.
    RoomClosed,
}

/// One thing to tell. Its JSON is a line of the file and the body of a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// What happened.
    pub what: Happened,
    /// When, milliseconds since 1970.
    pub time: i64,
    /// Link, `high->low`.
    pub link: String,
    /// Room id.
    pub room_id: String,
    /// Event id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// User id of the sender.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// The rule that decided.
    pub rule: String,
    /// Why, of what had waited to be sent; one of a closed set of words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Id of what is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
}

impl Notice {
    /// What the lines of one judgement give to tell.
    #[must_use]
    pub fn of(entries: &[Entry], time: i64) -> Vec<Self> {
        entries
            .iter()
            .enumerate()
            .filter_map(|(at, entry)| Self::of_line(entry, &entries[..at], time))
            .collect()
    }

    fn of_line(entry: &Entry, before: &[Entry], time: i64) -> Option<Self> {
        match entry {
            Entry::Held(held) => Some(Self {
                what: Happened::Held,
                time,
                link: held.link.to_string(),
                room_id: held.room_id.to_string(),
                event_id: Some(held.event_id.to_string()),
                sender: Some(held.sender.to_string()),
                rule: held.rule.to_string(),
                reason: None,
                item: Some(held.item.to_string()),
            }),
            Entry::Closed(closed) if !closed.open => {
                let by = before.iter().rev().find_map(|line| match line {
                    Entry::Event(event) if event.room_id.as_ref() == Some(&closed.room_id) => {
                        Some(event)
                    }
                    _ => None,
                });
                Some(Self {
                    what: Happened::RoomClosed,
                    time,
                    link: closed.link.to_string(),
                    room_id: closed.room_id.to_string(),
                    event_id: by.and_then(|event| event.event_id.as_ref().map(ToString::to_string)),
                    sender: by.and_then(|event| event.sender.as_ref().map(ToString::to_string)),
                    rule: closed.rule.to_string(),
                    reason: None,
                    item: None,
                })
            }
            _ => None,
        }
    }

    /// What a reviewer's act, or the clock, has made of an item; nothing where nobody need know.
    #[must_use]
    pub fn of_act(item: &HeldItem, act: HoldAct, time: i64) -> Option<Self> {
        let what = match act {
            HoldAct::Released => Happened::Released,
            HoldAct::Rejected => Happened::Rejected,
            HoldAct::Expired => Happened::Expired,
            _ => return None,
        };
        Some(Self {
            what,
            time,
            link: item.link.clone(),
            room_id: item.room_id.clone(),
            event_id: Some(item.event_id.clone()),
            sender: Some(item.sender.clone()),
            rule: item.waiver.rule.clone(),
            reason: None,
            item: Some(item.item.clone()),
        })
    }

    /// What became of an event that had waited to be sent, and does not cross whole.
    #[must_use]
    pub fn of_wait(line: &WaitEntry, what: Happened, reason: &'static str, time: i64) -> Self {
        Self {
            what,
            time,
            link: line.link.to_string(),
            room_id: line.room_id.to_string(),
            event_id: Some(line.event_id.to_string()),
            sender: Some(line.sender.to_string()),
            rule: line.rule.to_string(),
            reason: Some(reason),
            item: None,
        }
    }

    /// For the sender, in one message. `title` says in words what the rule is about.
    fn text(&self, title: Option<&str>) -> String {
        let title = title.map(|title| format!(" ({title})")).unwrap_or_default();
        let subject = match &self.event_id {
            Some(event_id) => format!("Message {event_id} in room {}", self.room_id),
            None => format!("Room {}", self.room_id),
        };
        let why = wait::in_words(self.reason.unwrap_or_default());
        let called_back = format!(
            "was called back before it was sent, because {why}: the others see an empty message, and it may be sent again"
        );
        let given_up = format!("was not sent, because {why}");
        let happened = match self.what {
            Happened::Held => {
                "was held back at the border and waits for a reviewer; the others see an empty message"
            }
            Happened::Released => {
                "was released by a reviewer: send exactly the same again, in the same room, and it will pass once"
            }
            Happened::Rejected => "was rejected by a reviewer and stays behind",
            Happened::Expired => "was not reviewed in time and stays behind",
            Happened::Stopped => {
                "did not pass a check and stays behind; the others see an empty message"
            }
            Happened::CalledBack => called_back.as_str(),
            Happened::GivenUp => given_up.as_str(),
            Happened::RoomClosed => {
                "closed its room for the other side: nothing more of it crosses"
            }
        };
        format!(
            "{subject} {happened}. Link {}, rule {}{title}.",
            self.link, self.rule
        )
    }
}

/// The ends of the queues.
#[derive(Debug)]
pub struct Teller {
    ways: [(Way, mpsc::Sender<Notice>); 3],
    metrics: Metrics,
}

/// How somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Sender,
    Webhook,
    File,
}

impl Way {
    const fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Webhook => "webhook",
            Self::File => "file",
        }
    }
}

/// The other ends, for the tasks that tell.
#[derive(Debug)]
pub struct Told([(Way, mpsc::Receiver<Notice>); 3]);

/// Queues for a gateway.
#[must_use]
pub fn queues(metrics: Metrics) -> (Teller, Told) {
    let make = |way| {
        let (sender, receiver) = mpsc::channel(QUEUE);
        ((way, sender), (way, receiver))
    };
    let (sender, webhook, file) = (make(Way::Sender), make(Way::Webhook), make(Way::File));
    let teller = Teller {
        ways: [sender.0, webhook.0, file.0],
        metrics,
    };
    (teller, Told([sender.1, webhook.1, file.1]))
}

impl Teller {
    /// Tells everybody who should hear it, without waiting.
    pub fn tell(&self, notices: Vec<Notice>) {
        for notice in notices {
            for (way, queue) in &self.ways {
                if queue.try_send(notice.clone()).is_err() {
                    self.count(*way, "lost");
                    tracing::warn!(way = way.word(), what = ?notice.what, "a notice was lost: too many wait, or nobody tells them any more");
                }
            }
        }
    }

    fn count(&self, way: Way, outcome: &'static str) {
        self.metrics.notice(way.word(), outcome);
    }
}

impl Told {
    /// Tells until the gateway stops; one task a way.
    pub fn run(
        self,
        gateway: &Arc<Gateway>,
        shutdown: &Shutdown,
        tasks: &mut tokio::task::JoinSet<()>,
    ) {
        for (way, queue) in self.0 {
            tasks.spawn(serve(way, queue, Arc::clone(gateway), shutdown.clone()));
        }
    }
}

async fn serve(
    way: Way,
    mut queue: mpsc::Receiver<Notice>,
    gateway: Arc<Gateway>,
    mut shutdown: Shutdown,
) {
    let mut users = Users::default();
    loop {
        let notice = tokio::select! {
            biased;
            () = shutdown.fired() => break,
            notice = queue.recv() => notice,
        };
        let Some(notice) = notice else { return };
        tokio::select! {
            biased;
            () = tell_one(way, &gateway, &mut users, &notice) => {}
            () = shutdown.fired(), if way != Way::File => break,
        }
    }
    // A file takes no time; a neighbour that does not answer must not keep the gateway from stopping.
    while way == Way::File
        && let Ok(notice) = queue.try_recv()
    {
        tell_one(way, &gateway, &mut users, &notice).await;
    }
}

async fn tell_one(way: Way, gateway: &Gateway, users: &mut Users, notice: &Notice) {
    let active = gateway.active();
    let told = match way {
        Way::Sender => tell_sender(&active, users, notice).await,
        Way::Webhook => tell_webhook(&active, notice).await,
        Way::File => tell_file(&active, notice).await,
    };
    match told {
        Ok(false) => {}
        Ok(true) => gateway.teller.count(way, "told"),
        Err(error) => {
            gateway.teller.count(way, "failed");
            tracing::warn!(way = way.word(), what = ?notice.what, room_id = notice.room_id, error, "nobody could be told");
        }
    }
}

/// Whether it was told; `false` where the configuration names nobody, or has been told enough.
type Heard = Result<bool, String>;

async fn tell_sender(active: &Active, users: &mut Users, notice: &Notice) -> Heard {
    let (Some(connector), Some(sender)) = (&active.connector, &notice.sender) else {
        return Ok(false);
    };
    let ours = ids::user_server(sender) == Some(connector.server.as_str());
    if !ours {
        return Ok(false);
    }
    if !users.may_hear(sender, Instant::now()) {
        return Err("this sender was told too much lately".to_owned());
    }
    let title = active.bundle.as_ref().ok().and_then(|bundle| {
        let detector = notice.rule.strip_prefix("dlp.")?;
        let mut known = bundle.detectors.ids();
        known
            .find(|(id, _)| *id == detector)
            .map(|(_, title)| title.to_owned())
    });
    let body = json!({
        "user_id": sender,
        "content": {"msgtype": "m.text", "body": notice.text(title.as_deref())},
    });
    let token = format!("Bearer {}", connector.token.expose());
    post(&connector.address, SERVER_NOTICE, Some(token), &body)
        .await
        .map(|()| true)
}

async fn tell_webhook(active: &Active, notice: &Notice) -> Heard {
    let Some(Endpoint { address, path }) = &active.config.notify.webhook else {
        return Ok(false);
    };
    post(address, path, None, &json!(notice))
        .await
        .map(|()| true)
}

async fn tell_file(active: &Active, notice: &Notice) -> Heard {
    let Some(path) = active.config.notify.file.clone() else {
        return Ok(false);
    };
    let line = format!("{}\n", json!(notice));
    let written = on_disk(move || append(&path, &line)).await;
    written.map(|()| true).map_err(|error| error.to_string())
}

fn append(path: &PathBuf, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(line.as_bytes())
}

/// One POST over a connection of its own.
pub(crate) async fn post(
    address: &HsAddress,
    path: &str,
    authorization: Option<String>,
    body: &Value,
) -> Result<(), String> {
    send(address, path, authorization, body, PATIENCE)
        .await
        .map(drop)
}

/// One POST over a connection of its own; the body of a 2xx answer.
pub(crate) async fn send(
    address: &HsAddress,
    path: &str,
    authorization: Option<String>,
    body: &Value,
    patience: Duration,
) -> Result<Vec<u8>, String> {
    let outgoing = Outgoing {
        method: Method::POST,
        path_and_query: path.to_owned(),
        host: host(address),
        authorization,
        body: Some(body.to_string().into_bytes()),
    };
    let client = Homeserver::new(client_address(address), Deadlines::default());
    let sent = tokio::time::timeout(patience, client.send(&outgoing, ANSWER_BYTES)).await;
    let answer = sent
        .map_err(|_| "no answer in time".to_owned())?
        .map_err(|error| error.to_string())?;
    match answer.status {
        200..=299 => Ok(answer.body),
        status => Err(format!("it answers {status}")),
    }
}

fn host(address: &HsAddress) -> String {
    match address {
        HsAddress::Unix(_) => "localhost".to_owned(),
        HsAddress::Http(address) => address.to_string(),
    }
}

fn client_address(address: &HsAddress) -> HomeserverAddress {
    match address {
        HsAddress::Unix(path) => HomeserverAddress::Unix(path.clone()),
        HsAddress::Http(address) => HomeserverAddress::Http(address.to_string()),
    }
}

/// How much each user was told lately.
#[derive(Debug, Default)]
struct Users(BTreeMap<String, (u32, Instant)>);

impl Users {
    fn may_hear(&mut self, user: &str, now: Instant) -> bool {
        self.0
            .retain(|_, (left, since)| refilled(*left, *since, now) < BURST);
        if !self.0.contains_key(user) && self.0.len() >= USERS {
            return false;
        }
        let (left, since) = self.0.get(user).copied().unwrap_or((BURST, now));
        let left = refilled(left, since, now);
        if left == 0 {
            return false;
        }
        // A refill that has begun is kept.
        let since = if left < BURST && since != now {
            now - remainder(since, now)
        } else {
            now
        };
        self.0.insert(user.to_owned(), (left - 1, since));
        true
    }
}

fn refilled(left: u32, since: Instant, now: Instant) -> u32 {
    let times = now.saturating_duration_since(since).as_secs() / REFILL.as_secs();
    left.saturating_add(u32::try_from(times).unwrap_or(BURST))
        .min(BURST)
}

fn remainder(since: Instant, now: Instant) -> Duration {
    let passed = now.saturating_duration_since(since);
    Duration::from_secs(passed.as_secs() % REFILL.as_secs())
}

/// A connector to a homeserver with its token.
#[derive(Debug)]
pub struct Connected {
    /// The homeserver whose users are told.
    pub server: String,
    /// Its client listener.
    pub address: HsAddress,
    /// The token of an administrator.
    pub token: crate::config::Secret,
}

impl Connected {
    /// With its token.
    #[must_use]
    pub fn new(connector: &Connector, token: crate::config::Secret) -> Self {
        Self {
            server: connector.server.clone(),
            address: connector.address.clone(),
            token,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_told_so_much_at_once_and_then_slowly() {
        let mut users = Users::default();
        let start = Instant::now();
        for _ in 0..BURST {
            assert!(users.may_hear("@alice:high.test", start));
        }
        assert!(!users.may_hear("@alice:high.test", start));
        assert!(users.may_hear("@bob:high.test", start));
        assert!(!users.may_hear("@alice:high.test", start + REFILL / 2));
        assert!(users.may_hear("@alice:high.test", start + REFILL));
        assert!(!users.may_hear("@alice:high.test", start + REFILL));
        assert!(users.may_hear("@alice:high.test", start + REFILL * 2));
    }

    #[test]
    fn a_notice_says_which_rule_and_event_and_nothing_of_it() {
        let notice = Notice {
            what: Happened::Held,
            time: 1,
            link: "high->low".to_owned(),
            room_id: "!r".to_owned(),
            event_id: Some("$e".to_owned()),
            sender: Some("@alice:high.test".to_owned()),
            rule: "dlp.de.iban".to_owned(),
            reason: None,
            item: Some("00".to_owned()),
        };
        let text = notice.text(Some("German account number"));
        for part in [
            "$e",
            "!r",
            "dlp.de.iban (German account number)",
            "high->low",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn what_had_waited_is_told_with_its_reason_in_words() {
        let line = WaitEntry {
            event_id: "$e".into(),
            room_id: "!r".into(),
            sender: "@alice:high.test".into(),
            rule: "label.granted".into(),
            ..WaitEntry::default()
        };
        for (what, reason, words) in [
            (Happened::GivenUp, "expired", "for seven days"),
            (Happened::GivenUp, "room_closed", "room was closed"),
            (Happened::CalledBack, "judged_before", "changed"),
        ] {
            let notice = Notice::of_wait(&line, what, reason, 1);
            let text = notice.text(None);
            assert!(text.contains(words) && text.contains("$e"), "{text}");
            assert_eq!(json!(notice)["reason"], reason);
        }
    }
}
