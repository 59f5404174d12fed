//! The endpoint table in words: for `sluice check --endpoints`, and for the docs, which a test holds against it.

use serde_json::{Value, json};

use super::{Action, Denied, ENDPOINTS, Endpoint, Param, Shape, UnitKind, Who};
use crate::parse::{MAX_EDUS, MAX_PDUS};
use crate::route::MAX_LISTED_ROOMS;
use crate::stream::MAX_EVENTS;

/// The columns.
const COLUMNS: [&str; 10] = [
    "operation",
    "method",
    "path and query",
    "who",
    "what happens",
    "the link must open",
    "request carries",
    "answer carries",
    "where all is refused",
    "what may be refused, and why",
];

/// The table as Markdown.
#[must_use]
pub fn markdown() -> String {
    let mut table = format!("| {} |\n", COLUMNS.join(" | "));
    table.push_str(&"|---".repeat(COLUMNS.len()));
    table.push_str("|\n");
    for endpoint in ENDPOINTS {
        table.push_str(&format!("| {} |\n", cells(endpoint).join(" | ")));
    }
    table
}

/// The table as `{"endpoints":[{"op","method","path","query","who","action","opens","request","response","denied","why"}]}`;
/// a body is `{"units":{path:kind},"fields":[...],"limit":bytes}`.
#[must_use]
pub fn json() -> Value {
    let query = |param: &Param| json!({"name": param.name, "required": param.required, "repeated": param.repeated, "relayed": !param.drop});
    let shape = |shape: &Shape| {
        let units: serde_json::Map<String, Value> = shape
            .units
            .iter()
            .map(|(path, kind)| ((*path).to_owned(), kind.as_str().into()))
            .collect();
        let fields: Vec<&str> = shape.fields.iter().map(|(name, _)| *name).collect();
        json!({"units": units, "fields": fields, "limit": shape.limit})
    };
    let line = |endpoint: &Endpoint| {
        json!({
            "op": endpoint.op.as_str(), "method": endpoint.method, "path": endpoint.path,
            "query": endpoint.query.iter().map(query).collect::<Vec<_>>(),
            "who": who(endpoint), "action": action(endpoint), "opens": endpoint.opens,
            "request": shape(&endpoint.request), "response": shape(&endpoint.response),
            "denied": denied(endpoint), "why": endpoint.why,
        })
    };
    json!({ "endpoints": ENDPOINTS.iter().map(line).collect::<Vec<_>>() })
}

fn cells(endpoint: &Endpoint) -> [String; 10] {
    [
        format!("`{}`", endpoint.op.as_str()),
        endpoint.method.to_owned(),
        format!("`{}`", target(endpoint)),
        who(endpoint).to_owned(),
        action(endpoint).to_owned(),
        endpoint.opens.map_or_else(
            || "-".to_owned(),
            |opening| format!("`{}`", opening.as_str()),
        ),
        carries(&endpoint.request),
        carries(&endpoint.response),
        denied(endpoint).to_owned(),
        endpoint.why.to_owned(),
    ]
}

const fn who(endpoint: &Endpoint) -> &'static str {
    match endpoint.who {
        Who::Homeserver => "homeserver",
        Who::Anyone => "anyone",
    }
}

const fn action(endpoint: &Endpoint) -> &'static str {
    match endpoint.action {
        Action::Relay => "judged",
        Action::Synthesise => "own answer",
        Action::Forbid | Action::Hide => "refused",
        Action::File => "refused, until files can be looked into",
    }
}

const fn denied(endpoint: &Endpoint) -> &'static str {
    match endpoint.denied {
        Denied::EachEvent => "200, an error for each event",
        Denied::Empty => "200, empty",
        Denied::Forbidden => "403",
        Denied::Hidden => "403 to our users, 404 to peers",
        Denied::NotFound => "404",
        Denied::Never => "-",
    }
}

/// Path and query; what is not passed on as it is stands in brackets.
fn target(endpoint: &Endpoint) -> String {
    let mut target = endpoint.path.to_owned();
    for (at, param) in endpoint.query.iter().enumerate() {
        target.push(if at == 0 { '?' } else { '&' });
        let dots = if param.repeated { "..." } else { "" };
        match (param.fixed, param.drop) {
            (Some(value), _) => target.push_str(&format!("{}={value}", param.name)),
            (None, true) => target.push_str(&format!("[{}=]", param.name)),
            (None, false) => target.push_str(&format!("{}={dots}", param.name)),
        }
    }
    target
}

fn carries(shape: &Shape) -> String {
    if shape.limit == 0 {
        return "-".to_owned();
    }
    let unit = |(path, kind): &(&str, UnitKind)| {
        let kind = kind.as_str().replace('_', " ");
        match *path {
            "" => format!("all of it: {kind}"),
            path => format!("`{path}` {kind}{}", most(shape, path)),
        }
    };
    let units = shape.units.iter().map(unit);
    let fields = shape.fields.iter().map(|(name, _)| format!("`{name}`"));
    let mut parts: Vec<String> = units.chain(fields).collect();
    if parts.is_empty() {
        parts.push("an empty object".to_owned());
    }
    let stream = match shape.is_streamed() {
        true => format!(", at most {MAX_EVENTS} events, as a stream"),
        false => String::new(),
    };
    format!("{}; {}{stream}", parts.join(", "), size(shape.limit))
}

/// Where a list of units has a bound of its own beside the size.
fn most(shape: &Shape, path: &str) -> String {
    let is_transaction = shape.units.iter().any(|(_, kind)| *kind == UnitKind::Edu);
    match path {
        "/pdus/*" if is_transaction => format!(" (at most {MAX_PDUS})"),
        "/edus/*" => format!(" (at most {MAX_EDUS})"),
        "/chunk/*" | "/children/*" => format!(" (at most {MAX_LISTED_ROOMS})"),
        _ => String::new(),
    }
}

fn size(bytes: usize) -> String {
    const KIB: usize = 1024;
    const MIB: usize = 1024 * KIB;
    match bytes {
        whole if whole.is_multiple_of(MIB) => format!("{} MiB", whole / MIB),
        other => format!("{} KiB", other / KIB),
    }
}
