//! A small blocking Matrix client: what the scenes and the end-to-end tests do as users, and no more.
//!
//! One [`Client`] is one logged-in user. Every refusal keeps the homeserver's status, error code and text, because what a
//! refused user reads is part of what the scenes show.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use ureq::Agent;

use super::error::DemoError;

/// A logged-in user.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    user_id: String,
    device_id: String,
    token: String,
    next_transaction: AtomicU64,
}

/// What a new room starts with; the default is a private room of the homeserver's default version.
#[derive(Debug, Default, Clone)]
pub struct RoomOptions<'a> {
    /// Room version, for example `12`.
    pub version: Option<&'a str>,
    /// Display name.
    pub name: Option<&'a str>,
    /// State events `{type, state_key, content}` set before anybody is invited.
    pub initial_state: Vec<Value>,
    /// User ids invited at once.
    pub invite: Vec<&'a str>,
    /// Keys of the create event's content.
    pub creation_content: Option<Value>,
    /// Overrides of the power levels.
    pub power_levels: Option<Value>,
    /// Client preset; `private_chat` when not given.
    pub preset: Option<&'a str>,
}

impl Client {
    /// A client from the parts that a registration or login returned. `base` is `http://host:port`.
    #[must_use]
    pub fn new(base: &str, user_id: &str, device_id: &str, token: &str) -> Self {
        Self {
            agent: agent(),
            base: base.to_owned(),
            user_id: user_id.to_owned(),
            device_id: device_id.to_owned(),
            token: token.to_owned(),
            next_transaction: AtomicU64::new(1),
        }
    }

    /// The full user id.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The access token, for a gateway that speaks as this user.
    #[must_use]
    pub fn access_token(&self) -> &str {
        &self.token
    }

    /// The device that this client is.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    /// Creates a room and returns its id.
    ///
    /// # Errors
    /// As the homeserver answers; an invitation that the border refuses is such an answer.
    pub fn create_room(&self, options: &RoomOptions<'_>) -> Result<String, DemoError> {
        let mut body = json!({
            "preset": options.preset.unwrap_or("private_chat"),
            "initial_state": options.initial_state,
            "invite": options.invite,
        });
        let optional = [
            ("room_version", options.version.map(Value::from)),
            ("name", options.name.map(Value::from)),
            ("creation_content", options.creation_content.clone()),
            ("power_level_content_override", options.power_levels.clone()),
        ];
        for (key, value) in optional {
            if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                body.insert(key.to_owned(), value);
            }
        }
        text(
            &self.post("/_matrix/client/v3/createRoom", &body)?,
            "room_id",
        )
    }

    /// Joins a room; `via` names servers that are in it.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn join(&self, room: &str, via: &[&str]) -> Result<(), DemoError> {
        let query: Vec<String> = via
            .iter()
            .flat_map(|server| {
                [
                    format!("server_name={}", escape(server)),
                    format!("via={}", escape(server)),
                ]
            })
            .collect();
        self.post(
            &format!(
                "/_matrix/client/v3/join/{}?{}",
                escape(room),
                query.join("&")
            ),
            &json!({}),
        )
        .map(drop)
    }

    /// Leaves a room, or rejects an invitation to it.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn leave(&self, room: &str) -> Result<(), DemoError> {
        self.post(&room_path(room, "leave"), &json!({})).map(drop)
    }

    /// Invites a user.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn invite(&self, room: &str, user_id: &str) -> Result<(), DemoError> {
        self.post(&room_path(room, "invite"), &json!({"user_id": user_id}))
            .map(drop)
    }

    /// Removes a user from the room.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn kick(&self, room: &str, user_id: &str, reason: &str) -> Result<(), DemoError> {
        self.post(
            &room_path(room, "kick"),
            &json!({"user_id": user_id, "reason": reason}),
        )
        .map(drop)
    }

    /// Sends a message event and returns its id.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn send(&self, room: &str, kind: &str, content: &Value) -> Result<String, DemoError> {
        let path = room_path(
            room,
            &format!("send/{}/{}", escape(kind), self.transaction()),
        );
        text(&self.put(&path, content)?, "event_id")
    }

    /// Sends an `m.text` message without a label.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn say(&self, room: &str, body: &str) -> Result<String, DemoError> {
        self.send(
            room,
            "m.room.message",
            &json!({"msgtype": "m.text", "body": body}),
        )
    }

    /// Sends a state event and returns its id.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn send_state(
        &self,
        room: &str,
        kind: &str,
        state_key: &str,
        content: &Value,
    ) -> Result<String, DemoError> {
        let path = room_path(
            room,
            &format!("state/{}/{}", escape(kind), escape(state_key)),
        );
        text(&self.put(&path, content)?, "event_id")
    }

    /// The content of a state event, as this user's homeserver sees it.
    ///
    /// # Errors
    /// As the homeserver answers; 404 where there is no such state.
    pub fn state(&self, room: &str, kind: &str, state_key: &str) -> Result<Value, DemoError> {
        self.get(&room_path(
            room,
            &format!("state/{}/{}", escape(kind), escape(state_key)),
        ))
    }

    /// Redacts an event and returns the redaction's id.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn redact(&self, room: &str, event_id: &str) -> Result<String, DemoError> {
        let path = room_path(
            room,
            &format!("redact/{}/{}", escape(event_id), self.transaction()),
        );
        text(&self.put(&path, &json!({}))?, "event_id")
    }

    /// One event.
    ///
    /// # Errors
    /// As the homeserver answers; 404 while it has not arrived.
    pub fn event(&self, room: &str, event_id: &str) -> Result<Value, DemoError> {
        self.get(&room_path(room, &format!("event/{}", escape(event_id))))
    }

    /// All timeline events that this user may see, newest first; follows the pages to the start of the room, which
    /// makes the homeserver ask others for what it lacks.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn messages(&self, room: &str) -> Result<Vec<Value>, DemoError> {
        let mut events = Vec::new();
        let mut from = String::new();
        for _ in 0..MOST_PAGES {
            let page = self.get(&room_path(room, &format!("messages?dir=b&limit=100{from}")))?;
            let chunk = page["chunk"].as_array().cloned().unwrap_or_default();
            let done = chunk.is_empty();
            events.extend(chunk);
            match page["end"].as_str() {
                Some(end) if !done => from = format!("&from={}", escape(end)),
                _ => break,
            }
        }
        Ok(events)
    }

    /// One `/sync`. `since` is the last answer's `next_batch`; `wait` is how long the homeserver may wait for news.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn sync(&self, since: Option<&str>, wait: Duration) -> Result<Value, DemoError> {
        let since = since
            .map(|token| format!("&since={}", escape(token)))
            .unwrap_or_default();
        self.get(&format!(
            "/_matrix/client/v3/sync?timeout={}{since}",
            wait.as_millis()
        ))
    }

    /// Syncs from `since` until `look` finds something in an answer.
    ///
    /// # Errors
    /// [`DemoError::Late`] naming `what` after `within`; else as the homeserver answers.
    pub fn wait_for<T>(
        &self,
        what: &str,
        since: Option<&str>,
        within: Duration,
        mut look: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, DemoError> {
        let start = Instant::now();
        let mut since = since.map(str::to_owned);
        while start.elapsed() < within {
            let answer = self.sync(since.as_deref(), LONGEST_SYNC.min(within))?;
            if let Some(found) = look(&answer) {
                return Ok(found);
            }
            since = Some(text(&answer, "next_batch")?);
        }
        Err(DemoError::Late {
            what: what.to_owned(),
            seconds: within.as_secs_f64(),
        })
    }

    /// Waits until an event has arrived at this user's homeserver, in whatever form.
    ///
    /// # Errors
    /// [`DemoError::Late`] after `within`.
    pub fn wait_event(
        &self,
        room: &str,
        event_id: &str,
        within: Duration,
    ) -> Result<Value, DemoError> {
        until(
            &format!("the arrival of {event_id} at {}", self.user_id),
            within,
            || match self.event(room, event_id) {
                Ok(event) => Ok(Some(event)),
                Err(DemoError::Api {
                    status: 404 | 403, ..
                }) => Ok(None),
                Err(other) => Err(other),
            },
        )
    }

    /// User id to membership, of everybody whom this homeserver knows in the room.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn members(&self, room: &str) -> Result<Vec<(String, String)>, DemoError> {
        let answer = self.get(&room_path(room, "members"))?;
        let pair = |event: &Value| {
            Some((
                event["state_key"].as_str()?.to_owned(),
                event["content"]["membership"].as_str()?.to_owned(),
            ))
        };
        Ok(answer["chunk"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(pair)
            .collect())
    }

    /// Sets one's own display name, in every joined room.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn set_displayname(&self, name: &str) -> Result<(), DemoError> {
        let path = format!(
            "/_matrix/client/v3/profile/{}/displayname",
            escape(&self.user_id)
        );
        self.put(&path, &json!({"displayname": name})).map(drop)
    }

    /// Somebody's profile, asked of their homeserver.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn profile(&self, user_id: &str) -> Result<Value, DemoError> {
        self.get(&format!("/_matrix/client/v3/profile/{}", escape(user_id)))
    }

    /// Says that the user is typing, for ten seconds, or has stopped.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn typing(&self, room: &str, typing: bool) -> Result<(), DemoError> {
        let body = if typing {
            json!({"typing": true, "timeout": 10_000})
        } else {
            json!({"typing": false})
        };
        self.put(
            &room_path(room, &format!("typing/{}", escape(&self.user_id))),
            &body,
        )
        .map(drop)
    }

    /// A public read receipt.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn receipt(&self, room: &str, event_id: &str) -> Result<(), DemoError> {
        self.post(
            &room_path(room, &format!("receipt/m.read/{}", escape(event_id))),
            &json!({}),
        )
        .map(drop)
    }

    /// Device and identity keys of a user.
    ///
    /// # Errors
    /// As the homeserver answers; what the other server refused stands in `failures`.
    pub fn query_keys(&self, user_id: &str) -> Result<Value, DemoError> {
        self.post(
            "/_matrix/client/v3/keys/query",
            &json!({"device_keys": {user_id: []}}),
        )
    }

    /// Uploads keys as given.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn upload_keys(&self, body: &Value) -> Result<Value, DemoError> {
        self.post("/_matrix/client/v3/keys/upload", body)
    }

    /// Claims one-time keys: user id to device id to algorithm.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn claim_keys(&self, wanted: &Value) -> Result<Value, DemoError> {
        self.post(
            "/_matrix/client/v3/keys/claim",
            &json!({"one_time_keys": wanted}),
        )
    }

    /// One's own devices.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn devices(&self) -> Result<Value, DemoError> {
        self.get("/_matrix/client/v3/devices")
    }

    /// Sends a to-device message to all devices of a user.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn to_device(&self, kind: &str, user_id: &str, content: &Value) -> Result<(), DemoError> {
        let path = format!(
            "/_matrix/client/v3/sendToDevice/{}/{}",
            escape(kind),
            self.transaction()
        );
        self.put(&path, &json!({"messages": {user_id: {"*": content}}}))
            .map(drop)
    }

    /// Administrators only: the homeserver's back-off towards another server, in milliseconds; 0 means none.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn retry_interval(&self, server: &str) -> Result<u64, DemoError> {
        let path = format!(
            "/_synapse/admin/v1/federation/destinations/{}",
            escape(server)
        );
        match self.get(&path) {
            Ok(answer) => answer["retry_interval"]
                .as_u64()
                .ok_or_else(|| shape("retry_interval", &answer)),
            Err(DemoError::Api { status: 404, .. }) => Ok(0),
            Err(other) => Err(other),
        }
    }

    /// `GET` of any client path, percent-encoded by the caller.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn get(&self, path: &str) -> Result<Value, DemoError> {
        let request = self
            .agent
            .get(format!("{}{path}", self.base))
            .header("Authorization", self.bearer());
        answer("GET", path, request.call())
    }

    /// `POST` of any client path.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        let request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("Authorization", self.bearer());
        answer("POST", path, request.send_json(body))
    }

    /// `PUT` of any client path.
    ///
    /// # Errors
    /// As the homeserver answers.
    pub fn put(&self, path: &str, body: &Value) -> Result<Value, DemoError> {
        let request = self
            .agent
            .put(format!("{}{path}", self.base))
            .header("Authorization", self.bearer());
        answer("PUT", path, request.send_json(body))
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn transaction(&self) -> String {
        format!(
            "{}.{}",
            self.device_id,
            self.next_transaction.fetch_add(1, Ordering::Relaxed)
        )
    }
}

/// Asks `look` every few milliseconds until it has something.
///
/// # Errors
/// [`DemoError::Late`] naming `what` after `within`; else whatever `look` fails with.
pub fn until<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<Option<T>, DemoError>,
) -> Result<T, DemoError> {
    let start = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if start.elapsed() > within {
            return Err(DemoError::Late {
                what: what.to_owned(),
                seconds: within.as_secs_f64(),
            });
        }
        std::thread::sleep(POLL);
    }
}

/// An HTTP client for loopback: no redirects, bounded, refusals are answers.
pub(crate) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(LONGEST_REQUEST))
        .build()
        .into()
}

/// Turns an HTTP result into the JSON body or the refusal.
pub(crate) fn answer(
    method: &str,
    path: &str,
    result: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, DemoError> {
    let what = format!("{method} {}", path.split('?').next().unwrap_or(path));
    let network = |error: ureq::Error| DemoError::Network {
        what: what.clone(),
        detail: error.to_string(),
    };
    let mut response = result.map_err(network)?;
    let status = response.status().as_u16();
    let bytes = response
        .body_mut()
        .with_config()
        .limit(LARGEST_ANSWER)
        .read_to_vec()
        .map_err(network)?;
    let body: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    if (200..300).contains(&status) {
        return Ok(body);
    }
    let part = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    Err(DemoError::Api {
        what,
        status,
        errcode: part("errcode"),
        text: part("error"),
    })
}

/// Percent-encodes one path segment or query value.
#[must_use]
pub fn escape(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}

fn room_path(room: &str, rest: &str) -> String {
    format!("/_matrix/client/v3/rooms/{}/{rest}", escape(room))
}

/// A string member of an answer.
pub(crate) fn text(answer: &Value, key: &str) -> Result<String, DemoError> {
    answer[key]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| shape(key, answer))
}

fn shape(key: &str, answer: &Value) -> DemoError {
    let keys: Vec<&String> = answer
        .as_object()
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .collect();
    DemoError::Shape(format!("no `{key}` among {keys:?}"))
}

const POLL: Duration = Duration::from_millis(15);
const LONGEST_SYNC: Duration = Duration::from_secs(5);
const LONGEST_REQUEST: Duration = Duration::from_secs(60);
const LARGEST_ANSWER: u64 = 64 * 1024 * 1024;
const MOST_PAGES: usize = 100;
