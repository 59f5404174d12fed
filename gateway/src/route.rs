//! Stage `route`: the endpoint table, and the way from a raw request target to one line of it.
//!
//! Every stable operation of the server-server API stands here, a line each; what is not here does not exist for the
//! gateway. Paths are matched segment by segment on the undecoded target, each parameter is decoded once and checked
//! against its grammar, and the far side gets a path and a query that are built from the typed values alone.
//!
//! ```text
//! PUT /_matrix/federation/v1/send/123?x=1  ->  Endpoint (table line) + Params {txn: "123"}  ->  path and query anew
//! ```

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use sluice_policy::link::Opening;
use sluice_policy::pdu::RoomVersion;

use crate::ids;

pub mod print;
mod table;
#[cfg(test)]
mod tests;

pub use table::{ENDPOINTS, Op};

/// Rooms of a public list that are asked for, and that one answer may have.
pub const MAX_LISTED_ROOMS: u32 = 500;
/// Largest request target, in bytes. Synapse's longest (`make_join` with every room version) is under 1 KiB.
pub const MAX_TARGET_BYTES: usize = 8 * 1024;

/// One line of the endpoint table.
#[derive(Debug)]
pub struct Endpoint {
    /// The operation's name in the audit record, in metrics and in code.
    pub op: Op,
    /// HTTP method.
    pub method: &'static str,
    /// Path template; `{name}` is a parameter of the kind that `ids::kind_of` gives it.
    pub path: &'static str,
    /// Query parameters that may be present; any other refuses the request.
    pub query: &'static [Param],
    /// Who must be authenticated: a homeserver by X-Matrix, or (key documents) nobody beside mTLS.
    pub who: Who,
    /// What the gateway does with it.
    pub action: Action,
    /// What the link of the answer must open for it; `None` where every open link has it.
    pub opens: Option<Opening>,
    /// How it looks to whoever asked where the whole of it is refused by policy.
    pub denied: Denied,
    /// What may be refused and why, in one sentence for the operator.
    pub why: &'static str,
    /// What the request's body carries.
    pub request: Shape,
    /// What the answer's body carries.
    pub response: Shape,
}

/// Who must be authenticated, beside the transport (hook secret, proxy password or mTLS), which always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// A homeserver, by its own (inside) or its gateway's (border) X-Matrix signature.
    Homeserver,
    /// Nobody: the operation has no authentication in the specification.
    Anyone,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Judged and relayed, and its answer judged.
    Relay,
    /// Answered by the gateway itself from what it knows.
    Synthesise,
    /// Refused by policy: 403 M_FORBIDDEN.
    Forbid,
    /// Refused as 404 M_NOT_FOUND, where a 403 would tell or break more than it helps.
    Hide,
    /// A file. It is refused as [`Action::Hide`] is, because nothing here can look into it: this is where a scanner of
    /// files has its place. A 404 with a body causes no second try over older paths, and no `Location` is ever passed on.
    File,
}

/// How the refusal of a whole request looks. What is denied inside a body (an event of an answer, an EDU) is redacted or
/// left out there, on every line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// 200, with an error for each event.
    EachEvent,
    /// 200, with an empty list.
    Empty,
    /// 403 with a reason. What names a room that the peer may not know of is 404 all the same.
    Forbidden,
    /// 403 with a reason to our own user; to a peer 404, as if there was no such room.
    Hidden,
    /// 404 to everybody.
    NotFound,
    /// Nothing of it is refused by policy: it holds nothing of anybody's.
    Never,
}

/// A body: the units that are judged, the plain envelope fields, and a size limit in bytes.
#[derive(Debug)]
pub struct Shape {
    /// JSON paths of the judged elements (`""` is the whole body).
    pub units: &'static [(&'static str, UnitKind)],
    /// Envelope fields that are kept, each with its type; others are parsed and left out.
    pub fields: &'static [(&'static str, FieldKind)],
    /// Largest body in bytes; 0 for none.
    pub limit: usize,
}

/// Bodies with a larger limit are judged as a stream and never held whole.
const IN_MEMORY_BYTES: usize = 16 * 1024 * 1024;

impl Shape {
    /// Whether a body of this shape is judged as a stream.
    #[must_use]
    pub const fn is_streamed(&self) -> bool {
        self.limit > IN_MEMORY_BYTES
    }

    /// The names of its lists of units.
    pub fn lists(&self) -> impl Iterator<Item = &'static str> {
        let names = self.units.iter();
        names.filter_map(|(pattern, _)| pattern.strip_prefix('/')?.strip_suffix("/*"))
    }
}

/// The closed enumeration of what can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnitKind {
    /// A persistent event with hashes and signatures.
    Pdu,
    /// An event of `invite_room_state` or `knock_room_state`: a stripped event, or since v1.16 a full PDU.
    StrippedState,
    /// The unsigned event that `make_join`, `make_leave` answer.
    Template,
    /// An ephemeral event.
    Edu,
    /// A user's profile fields.
    Profile,
    /// The answer of `user/devices`.
    DeviceList,
    /// The answer of `user/keys/query`.
    Keys,
    /// The answer of `user/keys/claim`.
    Claim,
    /// A request body that names users, devices or events only.
    Ids,
    /// A room in the list of public rooms.
    Directory,
    /// What is looked for in the list of public rooms.
    Search,
    /// The room that an alias names.
    Alias,
    /// A room or space in a hierarchy, with the children that it names.
    Summary,
}

impl UnitKind {
    /// The name under which policies and the audit record know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pdu => "pdu",
            Self::StrippedState => "stripped_state",
            Self::Template => "template",
            Self::Edu => "edu",
            Self::Profile => "profile",
            Self::DeviceList => "device_list",
            Self::Keys => "keys",
            Self::Claim => "claim",
            Self::Ids => "ids",
            Self::Directory => "directory",
            Self::Search => "search",
            Self::Alias => "alias",
            Self::Summary => "summary",
        }
    }
}

/// The type of a plain envelope field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// The server name of whoever writes the body; written anew from what was authenticated.
    Origin,
    /// An integer, not negative.
    Integer,
    /// True or false.
    Boolean,
    /// An event id.
    EventId,
    /// A list of event ids.
    EventIds,
    /// A list that is written empty whatever stood in it.
    Emptied,
    /// A list of server names; only names that the link knows are kept.
    ServerNames,
    /// A room version that the gateway judges (10, 11, 12).
    RoomVersion,
    /// `/send`'s results: event id to `{}` or `{"error"}`; error texts are replaced.
    Results,
}

/// A query parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// The grammar of its value.
    pub kind: ids::Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may be there more than once.
    pub repeated: bool,
    /// Whether it is parsed and then left out of the request written anew.
    pub drop: bool,
    /// What the request written anew says instead, whatever was asked.
    pub fixed: Option<&'static str>,
}

/// Typed path and query parameters, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<&'static str, Vec<String>>);

impl Params {
    /// The first value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|values| values.first())
            .map(String::as_str)
    }

    /// All values of `name`.
    #[must_use]
    pub fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The same with this one value of `name`.
    #[must_use]
    pub fn replaced(&self, name: &'static str, value: String) -> Self {
        let mut params = self.clone();
        params.0.insert(name, vec![value]);
        params
    }
}

/// A request that the table knows.
#[derive(Debug, Clone)]
pub struct Route {
    /// The table line.
    pub endpoint: &'static Endpoint,
    /// Its typed parameters.
    pub params: Params,
}

/// Why a request target leads to no line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RouteFault {
    /// No line has this path: 404 M_UNRECOGNIZED.
    #[error("no such endpoint")]
    UnknownPath,
    /// A line has this path, but with another method: 405 M_UNRECOGNIZED.
    #[error("no such method on this endpoint")]
    UnknownMethod,
    /// A path parameter breaks its grammar: 400 M_INVALID_PARAM.
    #[error("a path parameter is malformed")]
    PathParameter,
    /// A query parameter is unknown, missing, doubled or malformed: 400 M_INVALID_PARAM.
    #[error("a query parameter is unknown, missing or malformed")]
    QueryParameter,
}

impl RouteFault {
    /// The rule id in the audit record.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::UnknownPath => "protocol.route.unknown_path",
            Self::UnknownMethod => "protocol.route.unknown_method",
            Self::PathParameter => "protocol.route.path_parameter",
            Self::QueryParameter => "protocol.route.query_parameter",
        }
    }
}

/// Finds the table line for a method and a raw target (path and query as received).
///
/// # Errors
/// [`RouteFault`] where the table has no such line or a parameter breaks its grammar.
pub fn route(method: &str, target: &str) -> Result<Route, RouteFault> {
    if target.len() > MAX_TARGET_BYTES {
        return Err(RouteFault::UnknownPath);
    }
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    let mut seen_path = false;
    for endpoint in ENDPOINTS {
        let Some(raw) = match_path(endpoint.path, path) else {
            continue;
        };
        seen_path = true;
        if endpoint.method != method {
            continue;
        }
        let mut params = Params::default();
        for (name, value) in raw {
            let value = decode(value).filter(|value| ids::kind_of(name).accepts(value));
            params
                .0
                .insert(name, vec![value.ok_or(RouteFault::PathParameter)?]);
        }
        if endpoint.action == Action::Relay {
            read_query(endpoint.query, query.unwrap_or(""), &mut params)?;
        }
        return Ok(Route { endpoint, params });
    }
    Err(if seen_path {
        RouteFault::UnknownMethod
    } else {
        RouteFault::UnknownPath
    })
}

impl Route {
    /// Path and query written anew from the typed parameters.
    #[must_use]
    pub fn target(&self) -> String {
        let mut target = String::with_capacity(128);
        for segment in self.endpoint.path.split('/').skip(1) {
            target.push('/');
            match parameter_name(segment) {
                Some(name) => target.push_str(&encode(self.params.get(name).unwrap_or(""))),
                None => target.push_str(segment),
            }
        }
        let mut separator = '?';
        for param in self.endpoint.query {
            let asked = self.params.all(param.name).iter().map(String::as_str);
            let asked = asked.filter(|_| !param.drop);
            for value in asked.chain(param.fixed) {
                target.push(separator);
                target.push_str(param.name);
                target.push('=');
                target.push_str(&encode(value));
                separator = '&';
            }
        }
        target
    }

    /// The room that the operation is bound to, if its path names one.
    #[must_use]
    pub fn room_id(&self) -> Option<&str> {
        self.params.get("room")
    }
}

/// Everything but the unreserved characters of RFC 3986 is encoded, as Synapse does it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Percent-encodes one path segment or query value.
#[must_use]
pub fn encode(value: &str) -> String {
    utf8_percent_encode(value, ENCODED).to_string()
}

/// Decodes once; what is still `%` afterwards is data, and the grammar refuses it where it does not belong.
fn decode(value: &str) -> Option<String> {
    let escapes_whole = value.match_indices('%').all(|(at, _)| {
        value
            .as_bytes()
            .get(at + 1..at + 3)
            .is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_whole {
        return None;
    }
    percent_decode_str(value)
        .decode_utf8()
        .ok()
        .map(String::from)
}

fn parameter_name(segment: &'static str) -> Option<&'static str> {
    segment
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
}

/// Matches segment by segment, undecoded, so that an encoded slash is never a separator.
fn match_path<'a>(template: &'static str, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
    let mut values = Vec::new();
    let mut segments = path.split('/');
    for expected in template.split('/') {
        let segment = segments.next()?;
        match parameter_name(expected) {
            Some(name) => values.push((name, segment)),
            None if expected == segment => {}
            None => return None,
        }
    }
    segments.next().is_none().then_some(values)
}

fn read_query(known: &'static [Param], query: &str, params: &mut Params) -> Result<(), RouteFault> {
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or(RouteFault::QueryParameter)?;
        let param = known
            .iter()
            .find(|param| param.name == name)
            .ok_or(RouteFault::QueryParameter)?;
        let value = decode(&value.replace('+', "%20")).ok_or(RouteFault::QueryParameter)?;
        let values = params.0.entry(param.name).or_default();
        let allowed = param.kind.accepts(&value) && (param.repeated || values.is_empty());
        if !allowed || values.len() >= MAX_REPEATED {
            return Err(RouteFault::QueryParameter);
        }
        if is_relayed(param.kind, &value) {
            values.push(value);
        }
    }
    let complete = known
        .iter()
        .all(|param| !param.required || params.get(param.name).is_some());
    if complete {
        Ok(())
    } else {
        Err(RouteFault::QueryParameter)
    }
}

/// A room of a version that is not judged could not be joined anyway, and the name of an unknown one is free text: such
/// values of `ver` are left behind, and the far side answers by those that remain.
fn is_relayed(kind: ids::Kind, value: &str) -> bool {
    kind != ids::Kind::RoomVersion || RoomVersion::parse(value).is_some()
}

/// How often one query parameter may be repeated (`ver` of make_join, `v` of backfill).
const MAX_REPEATED: usize = 100;
