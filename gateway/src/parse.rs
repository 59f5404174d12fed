//! Stage `parse`: received bytes become an envelope of typed fields and an iterator of units.
//!
//! A fault inside a unit condemns that unit; only a broken envelope condemns the body.
//! Envelope fields that the table does not name are left behind here and never reach the far side.

use ruma_common::{CanonicalJsonObject, CanonicalJsonValue};
use sluice_policy::ids;
use sluice_policy::json::{self, Envelope, Fault, Limits};
use sluice_policy::pdu::RoomVersion;

use crate::route::{FieldKind, MAX_LISTED_ROOMS, Shape, UnitKind};

/// Most units that one body may carry at one path of `/send` (specification: 50 PDUs, 100 EDUs).
pub const MAX_PDUS: usize = 50;
/// See [`MAX_PDUS`].
pub const MAX_EDUS: usize = 100;
/// Largest event in bytes, as canonical JSON and as received (specification: 65,536).
pub const MAX_EVENT_BYTES: usize = 65_536;
/// Largest entry of a hierarchy in bytes: a space with a thousand children.
const MAX_SUMMARY_BYTES: usize = 1024 * 1024;
/// Deepest nesting of arrays and objects.
const MAX_DEPTH: usize = 64;
/// Most values in one event, and in an envelope beside its units.
const MAX_NODES: usize = 100_000;
/// The units of a large body may have one value for so many bytes of its limit; real events have one for 15 to 30.
const BYTES_A_NODE: usize = 16;

/// A parsed body.
#[derive(Debug)]
pub struct Parsed {
    /// The envelope fields that the table names, checked.
    pub fields: CanonicalJsonObject,
    /// The units, in the order in which they stood.
    pub units: Vec<Unit>,
}

/// One element that is judged on its own.
#[derive(Debug)]
pub struct Unit {
    /// What it is.
    pub kind: UnitKind,
    /// The table's path of it, such as `/pdus/*`.
    pub pattern: &'static str,
    /// Where it stood, such as `/pdus/3`.
    pub pointer: String,
    /// The strict tree, or what is wrong with it.
    pub value: Result<CanonicalJsonObject, Fault>,
}

/// What condemns a whole body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// The envelope is not strict JSON.
    #[error(transparent)]
    Json(#[from] Fault),
    /// An envelope field has another type than the specification gives it.
    #[error("the field {0} has the wrong type")]
    Field(&'static str),
    /// More PDUs or EDUs than a transaction may carry.
    #[error("too many elements at {0}")]
    Count(&'static str),
}

impl BodyFault {
    /// The rule id in the audit record.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Json(fault) => fault.rule(),
            Self::Field(_) => "protocol.envelope.field",
            Self::Count(_) => "protocol.envelope.count",
        }
    }
}

/// Parses a body by its line of the endpoint table.
///
/// # Errors
/// [`BodyFault`] where the envelope itself is broken.
pub fn parse(shape: &'static Shape, bytes: &[u8]) -> Result<Parsed, BodyFault> {
    if shape.limit == 0 {
        return if bytes.is_empty() {
            Ok(Parsed::empty())
        } else {
            Err(BodyFault::Json(Fault::Size))
        };
    }
    if let [("", kind)] = shape.units {
        return Ok(parse_whole(*kind, shape.limit, bytes));
    }
    let patterns: Vec<&'static str> = shape.units.iter().map(|(pattern, _)| *pattern).collect();
    let envelope = json::parse_envelope(
        bytes,
        &patterns,
        &limits(shape.limit),
        &limits(unit_bytes(shape)),
        unit_nodes(shape.limit),
    )?;
    check_counts(shape, &envelope)?;
    let fields = keep_fields(shape, envelope.rest)?;
    let units = envelope.elements.into_iter().filter_map(|element| {
        let (pattern, kind) = shape
            .units
            .iter()
            .find(|(pattern, _)| *pattern == element.pattern)?;
        Some(Unit {
            kind: *kind,
            pattern,
            pointer: element.pointer,
            value: as_object(element.value),
        })
    });
    Ok(Parsed {
        fields,
        units: units.collect(),
    })
}

impl Parsed {
    fn empty() -> Self {
        Self {
            fields: CanonicalJsonObject::new(),
            units: Vec::new(),
        }
    }
}

fn parse_whole(kind: UnitKind, limit: usize, bytes: &[u8]) -> Parsed {
    let largest = if kind == UnitKind::Pdu {
        MAX_EVENT_BYTES
    } else {
        limit
    };
    let value = as_object(json::parse(bytes, &limits(largest)));
    Parsed {
        fields: CanonicalJsonObject::new(),
        units: vec![Unit {
            kind,
            pattern: "",
            pointer: String::new(),
            value,
        }],
    }
}

pub(crate) const fn limits(bytes: usize) -> Limits {
    Limits {
        bytes,
        depth: MAX_DEPTH,
        nodes: MAX_NODES,
    }
}

/// Largest unit of a list. A space has its children in it.
fn unit_bytes(shape: &Shape) -> usize {
    let is_summary = |(_, kind): &(&str, UnitKind)| *kind == UnitKind::Summary;
    match shape.units.iter().any(is_summary) {
        true => MAX_SUMMARY_BYTES,
        false => MAX_EVENT_BYTES,
    }
}

/// As many values as the trees of all units of a body may have in memory.
const fn unit_nodes(bytes: usize) -> usize {
    let nodes = bytes / BYTES_A_NODE;
    if nodes > MAX_NODES { nodes } else { MAX_NODES }
}

pub(crate) fn as_object(
    value: Result<CanonicalJsonValue, Fault>,
) -> Result<CanonicalJsonObject, Fault> {
    match value? {
        CanonicalJsonValue::Object(object) => Ok(object),
        _ => Err(Fault::NotAnObject),
    }
}

fn check_counts(shape: &Shape, envelope: &Envelope) -> Result<(), BodyFault> {
    let count = |pattern: &str| {
        envelope
            .elements
            .iter()
            .filter(|element| element.pattern == pattern)
            .count()
    };
    for (pattern, kind) in shape.units {
        let most = match (*kind, *pattern) {
            (UnitKind::Edu, _) => MAX_EDUS,
            (UnitKind::Directory | UnitKind::Summary, _) => MAX_LISTED_ROOMS as usize,
            (UnitKind::Pdu, "/pdus/*")
                if shape.fields.iter().any(|(name, _)| *name == "origin")
                    && is_transaction(shape) =>
            {
                MAX_PDUS
            }
            _ => usize::MAX,
        };
        if count(pattern) > most {
            return Err(BodyFault::Count(pattern));
        }
    }
    Ok(())
}

fn is_transaction(shape: &Shape) -> bool {
    shape.units.iter().any(|(_, kind)| *kind == UnitKind::Edu)
}

pub(crate) fn keep_fields(
    shape: &Shape,
    mut rest: CanonicalJsonObject,
) -> Result<CanonicalJsonObject, BodyFault> {
    let mut fields = CanonicalJsonObject::new();
    for (name, kind) in shape.fields {
        let Some(value) = rest.remove(*name) else {
            continue;
        };
        if !has_kind(&value, *kind) {
            return Err(BodyFault::Field(name));
        }
        fields.insert((*name).to_owned(), value);
    }
    Ok(fields)
}

fn has_kind(value: &CanonicalJsonValue, kind: FieldKind) -> bool {
    match (kind, value) {
        (FieldKind::Origin, CanonicalJsonValue::String(name)) => ids::is_server_name(name),
        (FieldKind::Integer, CanonicalJsonValue::Integer(n)) => i64::from(*n) >= 0,
        (FieldKind::Boolean, CanonicalJsonValue::Bool(_)) => true,
        (FieldKind::EventId, id) => is_text(id, ids::is_event_id),
        (FieldKind::Emptied, CanonicalJsonValue::Array(_)) => true,
        (FieldKind::EventIds, CanonicalJsonValue::Array(list)) => {
            list.iter().all(|id| is_text(id, ids::is_event_id))
        }
        (FieldKind::ServerNames, CanonicalJsonValue::Array(list)) => {
            list.iter().all(|name| is_text(name, ids::is_server_name))
        }
        (FieldKind::RoomVersion, CanonicalJsonValue::String(version)) => {
            RoomVersion::parse(version).is_some()
        }
        (FieldKind::Results, CanonicalJsonValue::Object(results)) => {
            results.iter().all(|(id, result)| {
                ids::is_event_id(id) && matches!(result, CanonicalJsonValue::Object(_))
            })
        }
        _ => false,
    }
}

fn is_text(value: &CanonicalJsonValue, grammar: fn(&str) -> bool) -> bool {
    matches!(value, CanonicalJsonValue::String(text) if grammar(text))
}
