//! The grammars of identifiers in paths, queries and envelopes (Matrix specification, appendices, "Identifier grammar").
//!
//! A value is accepted or refused, never repaired. The grammars themselves are those of `sluice_policy::ids`.

use sluice_policy::ids::{
    MAX_ID_BYTES, alias_server, is_event_id, is_room_id, is_server_name, is_user_id,
};

/// What a parameter holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `!opaque:server`, or since room version 12 `!` and a reference hash.
    RoomId,
    /// `$` and a reference hash (room versions 4 and later).
    EventId,
    /// `@localpart:server`.
    UserId,
    /// `#localpart:server`.
    RoomAlias,
    /// A transaction id: unreserved characters.
    TransactionId,
    /// A server name.
    ServerName,
    /// An integer, 0 to 2^53-1.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A room version id.
    RoomVersion,
    /// `f` or `b`: forwards or backwards in time.
    Direction,
    /// A profile field name (specification, common namespaced identifiers).
    ProfileField,
    /// A word that is matched and never relayed.
    Opaque,
}

impl Kind {
    /// Whether `value` is in the grammar.
    #[must_use]
    pub fn accepts(self, value: &str) -> bool {
        match self {
            Self::RoomId => is_room_id(value),
            Self::EventId => is_event_id(value),
            Self::UserId => is_user_id(value),
            Self::RoomAlias => alias_server(value).is_some(),
            Self::TransactionId => is_token(value, MAX_ID_BYTES),
            Self::ServerName => is_server_name(value),
            Self::Integer => {
                value.len() <= 16
                    && value.bytes().all(|b| b.is_ascii_digit())
                    && value.parse::<u64>().is_ok_and(|n| n < 1 << 53)
            }
            Self::Boolean => matches!(value, "true" | "false"),
            Self::RoomVersion => is_token(value, 32),
            Self::Direction => matches!(value, "f" | "b"),
            Self::ProfileField => is_field_name(value),
            Self::Opaque => value.len() <= MAX_ID_BYTES,
        }
    }
}

/// The kind of a path parameter, by its name in the table.
#[must_use]
pub fn kind_of(name: &str) -> Kind {
    match name {
        "room" => Kind::RoomId,
        "event" => Kind::EventId,
        "user" => Kind::UserId,
        "txn" => Kind::TransactionId,
        _ => Kind::Opaque,
    }
}

fn is_field_name(value: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
    (1..=MAX_ID_BYTES).contains(&value.len())
        && value.starts_with(|first: char| first.is_ascii_lowercase())
        && value.bytes().all(fits)
}

fn is_token(value: &str, longest: usize) -> bool {
    (1..=longest).contains(&value.len())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_accepted_or_refused_by_their_grammar() {
        let hash = "V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w";
        for (kind, value, expected) in [
            (Kind::RoomId, format!("!{hash}"), true),
            (Kind::RoomId, "!lage:high.test".into(), true),
            (Kind::RoomId, "!lage:High.test".into(), false),
            (Kind::RoomId, "!la/ge:high.test".into(), true),
            (Kind::RoomId, "!la ge:high.test".into(), false),
            (Kind::RoomId, "!short".into(), false),
            (Kind::EventId, format!("${hash}"), true),
            (Kind::EventId, format!("${hash}x"), false),
            (Kind::EventId, "$../../x".into(), false),
            (Kind::UserId, "@alice:high.test".into(), true),
            (Kind::UserId, "@alice:10.0.0.1".into(), false),
            (Kind::UserId, "@alice:high.test:8448".into(), true),
            (Kind::UserId, "@:high.test".into(), false),
            (Kind::TransactionId, "1795297425814".into(), true),
            (Kind::TransactionId, "a/b".into(), false),
            (Kind::ServerName, "-high.test".into(), false),
            (Kind::ServerName, "high..test".into(), false),
            (Kind::Integer, "9007199254740992".into(), false),
            (Kind::Integer, "9007199254740991".into(), true),
            (Kind::Integer, "+1".into(), false),
            (Kind::Boolean, "TRUE".into(), false),
            (Kind::RoomAlias, "#lage:high.test".into(), true),
            (Kind::RoomAlias, "#küche:high.test".into(), true),
            (Kind::RoomAlias, "#two words:high.test".into(), false),
            (Kind::RoomAlias, "lage:high.test".into(), false),
            (Kind::Direction, "x".into(), false),
            (Kind::ProfileField, "m.tz".into(), true),
            (Kind::ProfileField, "Free text".into(), false),
            (Kind::ProfileField, "9".into(), false),
        ] {
            assert_eq!(kind.accepts(&value), expected, "{kind:?} {value}");
        }
    }
}
