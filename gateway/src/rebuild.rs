//! Stage `rebuild`: requests and answers are written from nothing, out of `Cleared` units, typed parameters and the
//! names that were authenticated. No received byte is copied.

use std::collections::{BTreeMap, VecDeque};

use hyper::{Method, StatusCode};
use ruma_common::{CanonicalJsonObject as Object, CanonicalJsonValue as Value};
use sluice_policy::json::{self, Limits};
use sluice_policy::keys::{SigningKey, sign_request_raw};
use sluice_policy::verdict::Verdict;

use crate::exchange::{Exchange, Way};
use crate::gateway::Active;
use crate::http::Outgoing;
use crate::record::Cleared;
use crate::refusal::Refusal;
use crate::route::{FieldKind, Op, Route, Shape, UnitKind};
use crate::stream::{ClearedSpool, Part, Spooled};
use crate::xmatrix::XMatrix;

#[cfg(test)]
mod tests;

/// The request for the far side, signed by `key` in the name of the exchange's origin.
///
/// # Errors
/// [`Refusal`] where the table names a method that HTTP does not know, which the table's own test rules out.
pub fn request(
    active: &Active,
    exchange: &Exchange,
    cleared: Cleared,
    key: &SigningKey,
) -> Result<Outgoing, Refusal> {
    let shape = &exchange.route.endpoint.request;
    let body = (shape.limit > 0).then(|| body(active, exchange, Way::Request, shape, cleared));
    signed(
        exchange.route.endpoint.method,
        &target(exchange, key),
        exchange.origin(),
        exchange.destination(),
        body,
        key,
    )
}

/// Path and query for the far side. A transaction's id is any word that its sender likes, so it stays behind: ours stands
/// for it, the same each time it is sent again, so that the far homeserver knows it again.
fn target(exchange: &Exchange, key: &SigningKey) -> String {
    let route = &exchange.route;
    let Some(theirs) = route.params.get("txn") else {
        return route.target();
    };
    let params = route
        .params
        .replaced("txn", transaction_id(exchange, theirs, key));
    Route {
        endpoint: route.endpoint,
        params,
    }
    .target()
}

/// The hash of a signature that nobody sees: whoever knows neither key nor id can tell nothing of the one from the other,
/// and cannot choose an id so that its hash says something.
fn transaction_id(exchange: &Exchange, theirs: &str, key: &SigningKey) -> String {
    let (origin, destination) = (exchange.origin(), exchange.destination());
    let text = format!("sluice transaction id\n{origin}\n{destination}\n{theirs}");
    let mut id = crate::run::sha256_hex(key.sign_bytes(text.as_bytes()).as_bytes());
    id.truncate(TRANSACTION_ID_CHARS);
    id
}

/// 128 bits in hexadecimal.
const TRANSACTION_ID_CHARS: usize = 32;

/// A request with its X-Matrix signature; also for what the gateway asks on its own account.
///
/// # Errors
/// See [`request`].
pub fn signed(
    method: &str,
    target: &str,
    origin: &str,
    destination: &str,
    body: Option<Object>,
    key: &SigningKey,
) -> Result<Outgoing, Refusal> {
    let unwritable = |_| {
        Refusal::ourselves(
            "gateway.rebuild",
            "the endpoint table names an unknown HTTP method",
        )
    };
    let bytes = body.as_ref().map(json::write);
    let sig = sign_request_raw(method, target, origin, destination, bytes.as_deref(), key);
    let authorization = XMatrix {
        origin: origin.to_owned(),
        destination: destination.to_owned(),
        key: key.id().to_owned(),
        sig,
    };
    Ok(Outgoing {
        method: Method::from_bytes(method.as_bytes()).map_err(unwritable)?,
        path_and_query: target.to_owned(),
        host: destination.to_owned(),
        authorization: Some(authorization.format()),
        body: bytes,
    })
}

/// The answer's body for whoever asked.
#[must_use]
pub fn answer(active: &Active, exchange: &Exchange, cleared: Cleared) -> Vec<u8> {
    json::write(&body(
        active,
        exchange,
        Way::Answer,
        &exchange.route.endpoint.response,
        cleared,
    ))
}

/// The body of a large answer: what [`answer`] would write, with its lists out of their spools.
pub(crate) fn streamed(active: &Active, exchange: &Exchange, cleared: ClearedSpool) -> Spooled {
    let (fields, singles, lists) = cleared.into_parts();
    let known = exchange.route.endpoint.response.fields.iter();
    let fields = known.filter_map(|(name, kind)| {
        let value = fields.get(*name).cloned();
        let value = field(active, exchange, Way::Answer, *kind, value)?;
        Some((
            (*name).to_owned(),
            VecDeque::from([Part::Text(json::write_tree(&value))]),
        ))
    });
    let singles = singles
        .into_iter()
        .map(|(name, tree)| (name, VecDeque::from([Part::Text(json::write(&tree))])));
    let lists = lists.into_iter().map(|(name, spool)| {
        let (begin, end) = (Part::Text(b"[".to_vec()), Part::Text(b"]".to_vec()));
        (
            name,
            VecDeque::from([begin, Part::Spool(spool.finish()), end]),
        )
    });
    // In the order of canonical JSON, as every other body.
    let all: BTreeMap<String, VecDeque<Part>> = fields.chain(singles).chain(lists).collect();
    let mut parts = VecDeque::new();
    for (place, (name, value)) in all.into_iter().enumerate() {
        let before = if place == 0 { "{" } else { "," };
        let key = json::write_tree(&Value::String(name));
        parts.push_back(Part::Text([before.as_bytes(), &key, b":"].concat()));
        parts.extend(value);
    }
    let after: &[u8] = if parts.is_empty() { b"{}" } else { b"}" };
    parts.push_back(Part::Text(after.to_vec()));
    Spooled::new(parts)
}

/// `/send`'s answer: each event's own result, the far side's errors in our words. `request` is what we sent on.
#[must_use]
pub fn send_results(sent: &[SentPdu], far_side: Option<&Object>) -> Vec<u8> {
    let refused = |text: &str| {
        Value::Object(Object::from([(
            "error".to_owned(),
            Value::String(text.to_owned()),
        )]))
    };
    let mut results = Object::new();
    for pdu in sent {
        let far_error = far_side
            .and_then(|results| results.get(&pdu.event_id))
            .is_some_and(
                |result| matches!(result, Value::Object(result) if result.contains_key("error")),
            );
        let result = match (pdu.whole, far_error) {
            (false, _) => refused("M_FORBIDDEN: refused by the policy of the border gateway"),
            (true, true) => refused("M_FORBIDDEN: refused by the other side"),
            (true, false) => Value::Object(Object::new()),
        };
        results.insert(pdu.event_id.clone(), result);
    }
    json::write(&Object::from([("pdus".to_owned(), Value::Object(results))]))
}

/// One event of a `/send` that has an id to answer under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPdu {
    /// Its id.
    pub event_id: String,
    /// Whether it crossed as it was.
    pub whole: bool,
}

/// The events of a transaction that can be answered for; one without an id is left out.
#[must_use]
pub fn sent_pdus(cleared: &Cleared) -> Vec<SentPdu> {
    let pdus = cleared
        .outcomes()
        .iter()
        .filter(|outcome| outcome.kind == UnitKind::Pdu);
    pdus.filter_map(|outcome| {
        // What waits is acknowledged: the gateway answers for it from here on.
        let whole = matches!(outcome.verdict, Verdict::Release | Verdict::Hold);
        Some(SentPdu {
            event_id: outcome.event_id.clone()?,
            whole,
        })
    })
    .collect()
}

fn body(active: &Active, exchange: &Exchange, way: Way, shape: &Shape, cleared: Cleared) -> Object {
    let (fields, outcomes) = cleared.into_parts();
    if let [("", _)] = shape.units {
        return outcomes
            .into_iter()
            .find_map(|outcome| outcome.tree)
            .unwrap_or_default();
    }
    let mut body = Object::new();
    for (name, kind) in shape.fields {
        let value = fields.get(*name).cloned();
        if let Some(value) = field(active, exchange, way, *kind, value) {
            body.insert((*name).to_owned(), value);
        }
    }
    let lists = shape
        .units
        .iter()
        .filter_map(|(pattern, _)| list_name(pattern));
    body.extend(lists.map(|list| (list.to_owned(), Value::Array(Vec::new()))));
    for outcome in outcomes {
        if let Some(tree) = outcome.tree {
            place(&mut body, outcome.pattern, tree);
        }
    }
    body
}

/// An envelope field: names are written anew from what was authenticated, lists of servers keep what the link knows.
fn field(
    active: &Active,
    exchange: &Exchange,
    way: Way,
    kind: FieldKind,
    value: Option<Value>,
) -> Option<Value> {
    match kind {
        FieldKind::Origin => value.map(|_| Value::String(exchange.author(way).to_owned())),
        FieldKind::Emptied => Some(Value::Array(Vec::new())),
        FieldKind::ServerNames => value.map(|value| known_servers(active, exchange, way, value)),
        _ => value,
    }
}

fn known_servers(active: &Active, exchange: &Exchange, way: Way, value: Value) -> Value {
    let Value::Array(mut names) = value else {
        return Value::Array(Vec::new());
    };
    names.retain(|name| matches!(name, Value::String(name) if active.admits(exchange, way, name)));
    Value::Array(names)
}

/// Puts a unit back where units of its path stand: `/pdus/*` in a list, `/event` as an object.
fn place(body: &mut Object, pattern: &'static str, tree: Object) {
    match list_name(pattern).map(|list| body.get_mut(list)) {
        Some(Some(Value::Array(list))) => list.push(Value::Object(tree)),
        _ => drop(body.insert(
            pattern.trim_start_matches('/').to_owned(),
            Value::Object(tree),
        )),
    }
}

fn list_name(pattern: &'static str) -> Option<&'static str> {
    pattern
        .strip_prefix('/')
        .and_then(|name| name.strip_suffix("/*"))
}

/// The status of an answer that is passed on: what a homeserver can act on, and nothing that silences the link.
/// That the far side is overloaded silences it for a transaction alone, which must be sent again.
#[must_use]
pub fn status(op: Op, far_side: u16) -> StatusCode {
    match far_side {
        400 | 413 => StatusCode::BAD_REQUEST,
        403 => StatusCode::FORBIDDEN,
        404 | 405 => StatusCode::NOT_FOUND,
        429 if op == Op::Send => StatusCode::TOO_MANY_REQUESTS,
        429 => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_GATEWAY,
    }
}

/// Error codes that a homeserver acts on; any other becomes `M_UNKNOWN`.
const ERRCODES: [&str; 13] = [
    "M_BAD_JSON",
    "M_BAD_STATE",
    "M_FORBIDDEN",
    "M_INCOMPATIBLE_ROOM_VERSION",
    "M_INVALID_PARAM",
    "M_LIMIT_EXCEEDED",
    "M_MISSING_PARAM",
    "M_NOT_FOUND",
    "M_NOT_JSON",
    "M_TOO_LARGE",
    "M_UNABLE_TO_AUTHORISE_JOIN",
    "M_UNABLE_TO_GRANT_JOIN",
    "M_UNRECOGNIZED",
];
/// Largest error body that is read for its code.
const ERROR_BODY: Limits = Limits {
    bytes: 64 * 1024,
    depth: 8,
    nodes: 1000,
};

/// The code of the far side's error, from the closed list; its text stays behind.
#[must_use]
pub fn errcode(body: &[u8]) -> &'static str {
    let given = error_field(body, "errcode");
    ERRCODES
        .into_iter()
        .find(|known| given.as_deref() == Some(*known))
        .unwrap_or("M_UNKNOWN")
}

/// The room version that an `M_INCOMPATIBLE_ROOM_VERSION` error names, if it is one of the specification's numbers:
/// any other name would be free text.
#[must_use]
pub fn room_version(body: &[u8]) -> String {
    let is_number = |version: &String| {
        (1..=2).contains(&version.len()) && version.bytes().all(|byte| byte.is_ascii_digit())
    };
    error_field(body, "room_version")
        .filter(is_number)
        .unwrap_or_default()
}

fn error_field(body: &[u8], name: &str) -> Option<String> {
    match json::parse(body, &ERROR_BODY) {
        Ok(Value::Object(mut error)) => match error.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        },
        _ => None,
    }
}
