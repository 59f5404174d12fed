//! What redaction leaves in place, checked field by field.
//!
//! A denied event still crosses in its redacted form. Without these checks it could carry a message in a place that
//! redaction does not touch: a user name in power levels, a join rule of one's own, a key in the create event. The same
//! check runs on events that are released, so that nothing that passes once is refused in its redacted form later.

use super::shape::MAX_SIGNATURES;
use super::{Pdu, RoomVersion};
use crate::ids;
use crate::json::{Fault, Object, Tree};

const MEMBERSHIPS: [&str; 5] = ["invite", "join", "knock", "leave", "ban"];
const JOIN_RULES: [&str; 6] = [
    "public",
    "invite",
    "knock",
    "private",
    "restricted",
    "knock_restricted",
];
const VISIBILITIES: [&str; 4] = ["invited", "joined", "shared", "world_readable"];

/// Power levels that are one integer each.
const LEVELS: [&str; 7] = [
    "ban",
    "events_default",
    "invite",
    "kick",
    "redact",
    "state_default",
    "users_default",
];

/// A key of a content that redaction keeps, and what it must be.
type Rule = (&'static str, fn(&Tree) -> bool);

const CREATE: [Rule; 6] = [
    ("additional_creators", |value| {
        list(value, |item| text(item, ids::is_user_id))
    }),
    ("creator", |value| text(value, ids::is_user_id)),
    ("m.federate", Tree::is_bool),
    ("predecessor", predecessor),
    ("room_version", |value| {
        text(value, |version| RoomVersion::parse(version).is_some())
    }),
    ("type", |value| {
        text(value, |kind| kind.len() <= ids::MAX_ID_BYTES)
    }),
];

const MEMBER: [Rule; 3] = [
    ("join_authorised_via_users_server", |value| {
        text(value, ids::is_user_id)
    }),
    ("membership", |value| {
        text(value, |membership| MEMBERSHIPS.contains(&membership))
    }),
    ("third_party_invite", |value| {
        fields(value, &[("signed", signed_invite)])
    }),
];

const JOIN_RULE: [Rule; 2] = [
    ("allow", |value| list(value, allow)),
    ("join_rule", |value| {
        text(value, |rule| JOIN_RULES.contains(&rule))
    }),
];

const VISIBILITY: [Rule; 1] = [("history_visibility", |value| {
    text(value, |visibility| VISIBILITIES.contains(&visibility))
})];

const REDACTION: [Rule; 1] = [("redacts", |value| text(value, ids::is_event_id))];

pub(super) fn check(pdu: &Pdu) -> Result<(), Fault> {
    let redacted = pdu.redacted();
    let content = redacted
        .get("content")
        .and_then(Tree::as_object)
        .ok_or(Fault::Residue("content"))?;
    check_legacy_keys(&redacted, pdu.sender_server())?;
    match pdu.kind() {
        "m.room.create" => check_create(pdu, content),
        "m.room.member" => check_member(content),
        "m.room.join_rules" => check_fields(content, &JOIN_RULE),
        "m.room.history_visibility" => check_fields(content, &VISIBILITY),
        "m.room.redaction" => check_fields(content, &REDACTION),
        "m.room.power_levels" => check_power_levels(content),
        _ if content.is_empty() => Ok(()),
        _ => Err(Fault::Residue("content")),
    }
}

/// Keys of version 10 that redaction keeps though no homeserver has used them for years. `prev_state` has no shape
/// that could be checked; `origin` is the server that made the event, and another name there is free text.
fn check_legacy_keys(redacted: &Object, server: &str) -> Result<(), Fault> {
    if redacted.contains_key("prev_state") {
        return Err(Fault::Residue("prev_state"));
    }
    if redacted
        .get("origin")
        .is_some_and(|origin| !text(origin, |origin| origin == server))
    {
        return Err(Fault::Residue("origin"));
    }
    match redacted.get("membership") {
        Some(value) if !text(value, |membership| MEMBERSHIPS.contains(&membership)) => {
            Err(Fault::Residue("membership"))
        }
        _ => Ok(()),
    }
}

fn check_create(pdu: &Pdu, content: &Object) -> Result<(), Fault> {
    check_fields(content, &CREATE)?;
    let stated = content.get("room_version").and_then(Tree::as_str);
    let fits = match pdu.version() {
        // Redaction takes the room version away in version 10, so look at the event as it came.
        RoomVersion::V10 => pdu
            .content()
            .get("room_version")
            .is_none_or(|version| version.as_str() == Some("10")),
        version => stated == Some(version.as_str()),
    };
    if fits {
        Ok(())
    } else {
        Err(Fault::Residue("room_version"))
    }
}

fn check_member(content: &Object) -> Result<(), Fault> {
    if !content.contains_key("membership") {
        return Err(Fault::Residue("membership"));
    }
    check_fields(content, &MEMBER)
}

fn check_power_levels(content: &Object) -> Result<(), Fault> {
    for (key, value) in content {
        let fits = match key.as_str() {
            "users" => levels(value, ids::is_user_id),
            "events" => levels(value, |kind| kind.len() <= ids::MAX_ID_BYTES),
            level => LEVELS.contains(&level) && value.is_integer(),
        };
        if !fits {
            return Err(Fault::Residue("power levels"));
        }
    }
    Ok(())
}

fn levels(value: &Tree, key: fn(&str) -> bool) -> bool {
    value.as_object().is_some_and(|levels| {
        levels
            .iter()
            .all(|(name, level)| key(name) && level.is_integer())
    })
}

/// A condition of a restricted room: membership of another room, and nothing else.
fn allow(value: &Tree) -> bool {
    fields(
        value,
        &[
            ("room_id", |value| text(value, ids::is_room_id)),
            ("type", |value| {
                text(value, |kind| kind == "m.room_membership")
            }),
        ],
    ) && value.as_object().is_some_and(|allow| allow.len() == 2)
}

fn predecessor(value: &Tree) -> bool {
    fields(
        value,
        &[
            ("event_id", |value| text(value, is_any_event_id)),
            ("room_id", |value| text(value, ids::is_room_id)),
        ],
    )
}

/// An upgraded room may be of any version; versions 1 and 2 had ids with a domain, version 3 another base64.
fn is_any_event_id(event: &str) -> bool {
    event.starts_with('$')
        && event.len() <= ids::MAX_ID_BYTES
        && event.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What an identity server signed about an invited address.
fn signed_invite(value: &Tree) -> bool {
    fields(
        value,
        &[
            ("mxid", |value| text(value, ids::is_user_id)),
            ("signatures", |value| {
                value.as_object().is_some_and(|all| {
                    all.len() <= MAX_SIGNATURES && all.iter().all(server_signatures)
                })
            }),
            ("token", |value| {
                text(value, |token| token.len() <= ids::MAX_ID_BYTES)
            }),
        ],
    )
}

fn server_signatures((server, by_key): (&String, &Tree)) -> bool {
    let signature = |(key, value): (&String, &Tree)| {
        ids::is_key_id(key)
            && text(value, |signature| {
                ids::base64_bytes::<64>(signature).is_some()
            })
    };
    ids::is_server_name(server)
        && by_key
            .as_object()
            .is_some_and(|all| all.len() <= MAX_SIGNATURES && all.iter().all(signature))
}

fn check_fields(content: &Object, rules: &[Rule]) -> Result<(), Fault> {
    for (key, value) in content {
        let rule = rules.iter().find(|(name, _)| name == key);
        let (name, fits) = rule.ok_or(Fault::Residue("unknown key"))?;
        if !fits(value) {
            return Err(Fault::Residue(name));
        }
    }
    Ok(())
}

fn fields(value: &Tree, rules: &[Rule]) -> bool {
    value
        .as_object()
        .is_some_and(|object| check_fields(object, rules).is_ok())
}

fn list(value: &Tree, item: fn(&Tree) -> bool) -> bool {
    value.as_array().is_some_and(|items| items.iter().all(item))
}

fn text(value: &Tree, fits: impl Fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(fits)
}
