//! The endpoint table: the 36 stable operations of the server-server API (v1.19), flat.

use sluice_policy::link::Opening;

use super::{Action, Denied, Endpoint, FieldKind, Param, Shape, UnitKind, Who};
use crate::ids::Kind;

/// The operations, in the table's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    missing_docs,
    reason = "the table line beside each name is its documentation"
)]
pub enum Op {
    Send,
    Event,
    Backfill,
    MissingEvents,
    State,
    StateIds,
    EventAuth,
    TimestampToEvent,
    MakeJoin,
    SendJoin,
    MakeKnock,
    SendKnock,
    Invite,
    InviteV1,
    MakeLeave,
    SendLeave,
    Exchange3pid,
    Onbind3pid,
    OpenidUserinfo,
    Hierarchy,
    PublicRooms,
    PublicRoomsSearch,
    QueryDirectory,
    QueryProfile,
    QueryOther,
    UserDevices,
    KeysQuery,
    KeysClaim,
    MediaDownload,
    MediaThumbnail,
    ServerKeys,
    NotaryKeys,
    NotaryKeysBatch,
    WellKnown,
    Version,
    PolicySign,
}

impl Op {
    /// The name in the audit record and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Event => "event",
            Self::Backfill => "backfill",
            Self::MissingEvents => "get_missing_events",
            Self::State => "state",
            Self::StateIds => "state_ids",
            Self::EventAuth => "event_auth",
            Self::TimestampToEvent => "timestamp_to_event",
            Self::MakeJoin => "make_join",
            Self::SendJoin => "send_join",
            Self::MakeKnock => "make_knock",
            Self::SendKnock => "send_knock",
            Self::Invite => "invite",
            Self::InviteV1 => "invite_v1",
            Self::MakeLeave => "make_leave",
            Self::SendLeave => "send_leave",
            Self::Exchange3pid => "exchange_third_party_invite",
            Self::Onbind3pid => "3pid_onbind",
            Self::OpenidUserinfo => "openid_userinfo",
            Self::Hierarchy => "hierarchy",
            Self::PublicRooms => "public_rooms",
            Self::PublicRoomsSearch => "public_rooms_search",
            Self::QueryDirectory => "query_directory",
            Self::QueryProfile => "query_profile",
            Self::QueryOther => "query_other",
            Self::UserDevices => "user_devices",
            Self::KeysQuery => "keys_query",
            Self::KeysClaim => "keys_claim",
            Self::MediaDownload => "media_download",
            Self::MediaThumbnail => "media_thumbnail",
            Self::ServerKeys => "server_keys",
            Self::NotaryKeys => "notary_keys",
            Self::NotaryKeysBatch => "notary_keys_batch",
            Self::WellKnown => "well_known",
            Self::Version => "version",
            Self::PolicySign => "policy_sign",
        }
    }
}

const KIB: usize = 1024;
const MIB: usize = 1024 * 1024;
/// 50 PDUs and 100 EDUs of 64 KiB at most: a transaction that a homeserver may send must never be too large, because it
/// would send the same one again for ever.
const TRANSACTION: usize = 10 * MIB;
/// A room's state, judged as a stream (`stream.rs`): what Synapse takes itself.
const STATE: usize = 500 * MIB;
/// Answers that carry at most about a hundred events.
const EVENTS: usize = 8 * MIB;
/// A single event with its envelope and invite state.
const ONE_EVENT: usize = MIB;

const NOTHING: Shape = Shape {
    units: &[],
    fields: &[],
    limit: 0,
};
const EMPTY_OBJECT: Shape = Shape {
    units: &[],
    fields: &[],
    limit: KIB,
};
const WHOLE_PDU: Shape = Shape {
    units: &[("", UnitKind::Pdu)],
    fields: &[],
    limit: ONE_EVENT,
};
const TEMPLATE: Shape = Shape {
    units: &[("/event", UnitKind::Template)],
    fields: &[("room_version", FieldKind::RoomVersion)],
    limit: ONE_EVENT,
};
/// The whole list at once. Tokens for further pages would hold the id of the room at a page's end, and totals the number of
/// rooms, also of those that are left out.
const ROOM_LIST: Shape = Shape {
    units: &[("/chunk/*", UnitKind::Directory)],
    fields: &[],
    limit: 4 * MIB,
};
const PDUS: Shape = Shape {
    units: &[("/pdus/*", UnitKind::Pdu)],
    fields: &[
        ("origin", FieldKind::Origin),
        ("origin_server_ts", FieldKind::Integer),
    ],
    limit: EVENTS,
};

const fn required(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
        repeated: false,
        drop: false,
        fixed: None,
    }
}
const fn optional(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
        repeated: false,
        drop: false,
        fixed: None,
    }
}
/// Read, checked, and left behind.
const fn dropped(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: false,
        repeated: false,
        drop: true,
        fixed: None,
    }
}
/// Read, checked, and asked with this value instead.
const fn fixed(name: &'static str, kind: Kind, value: &'static str) -> Param {
    Param {
        fixed: Some(value),
        ..dropped(name, kind)
    }
}
const fn several(name: &'static str, kind: Kind) -> Param {
    Param {
        name,
        kind,
        required: true,
        repeated: true,
        drop: false,
        fixed: None,
    }
}

/// A line that is never relayed.
const fn closed(
    op: Op,
    method: &'static str,
    path: &'static str,
    who: Who,
    action: Action,
    why: &'static str,
) -> Endpoint {
    Endpoint {
        op,
        method,
        path,
        query: &[],
        who,
        action,
        opens: None,
        denied: match action {
            Action::Forbid => Denied::Forbidden,
            Action::Synthesise => Denied::Never,
            Action::Relay | Action::Hide | Action::File => Denied::NotFound,
        },
        why,
        request: NOTHING,
        response: NOTHING,
    }
}

use Who::{Anyone, Homeserver};

/// The table. Order: as in the specification's chapters.
pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        op: Op::Send,
        method: "PUT",
        path: "/_matrix/federation/v1/send/{txn}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::EachEvent,
        why: "every event and EDU by itself: denied events cross redacted, denied EDUs do not cross",
        request: Shape {
            units: &[("/pdus/*", UnitKind::Pdu), ("/edus/*", UnitKind::Edu)],
            fields: &[
                ("origin", FieldKind::Origin),
                ("origin_server_ts", FieldKind::Integer),
            ],
            limit: TRANSACTION,
        },
        response: Shape {
            units: &[],
            fields: &[("pdus", FieldKind::Results)],
            limit: 256 * KIB,
        },
    },
    Endpoint {
        op: Op::Event,
        method: "GET",
        path: "/_matrix/federation/v1/event/{event}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "a denied event comes in its redacted form; one of a hidden or closed room is not there",
        request: NOTHING,
        response: PDUS,
    },
    Endpoint {
        op: Op::Backfill,
        method: "GET",
        path: "/_matrix/federation/v1/backfill/{room}",
        query: &[
            several("v", Kind::EventId),
            required("limit", Kind::Integer),
        ],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "denied events come in their redacted form; a hidden or closed room is not there",
        request: NOTHING,
        response: PDUS,
    },
    Endpoint {
        op: Op::MissingEvents,
        method: "POST",
        path: "/_matrix/federation/v1/get_missing_events/{room}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "denied events come in their redacted form; a hidden or closed room is not there",
        request: Shape {
            units: &[],
            fields: &[
                ("earliest_events", FieldKind::EventIds),
                ("latest_events", FieldKind::EventIds),
                ("limit", FieldKind::Integer),
                ("min_depth", FieldKind::Integer),
            ],
            limit: 64 * KIB,
        },
        response: Shape {
            units: &[("/events/*", UnitKind::Pdu)],
            fields: &[],
            limit: EVENTS,
        },
    },
    Endpoint {
        op: Op::State,
        method: "GET",
        path: "/_matrix/federation/v1/state/{room}",
        query: &[required("event_id", Kind::EventId)],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "denied events come in their redacted form; a hidden or closed room is not there",
        request: NOTHING,
        response: Shape {
            units: &[("/pdus/*", UnitKind::Pdu), ("/auth_chain/*", UnitKind::Pdu)],
            fields: &[],
            limit: STATE,
        },
    },
    Endpoint {
        op: Op::StateIds,
        method: "GET",
        path: "/_matrix/federation/v1/state_ids/{room}",
        query: &[required("event_id", Kind::EventId)],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "ids alone; a hidden or closed room is not there",
        request: NOTHING,
        response: Shape {
            units: &[],
            fields: &[
                ("pdu_ids", FieldKind::EventIds),
                ("auth_chain_ids", FieldKind::EventIds),
            ],
            limit: EVENTS,
        },
    },
    Endpoint {
        op: Op::EventAuth,
        method: "GET",
        path: "/_matrix/federation/v1/event_auth/{room}/{event}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "denied events come in their redacted form; a hidden or closed room is not there",
        request: NOTHING,
        response: Shape {
            units: &[("/auth_chain/*", UnitKind::Pdu)],
            fields: &[],
            limit: STATE,
        },
    },
    Endpoint {
        op: Op::TimestampToEvent,
        method: "GET",
        path: "/_matrix/federation/v1/timestamp_to_event/{room}",
        query: &[
            required("ts", Kind::Integer),
            required("dir", Kind::Direction),
        ],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::NotFound,
        why: "an event that is denied on the link is not named; a hidden or closed room is not there",
        request: NOTHING,
        response: Shape {
            units: &[],
            fields: &[
                ("event_id", FieldKind::EventId),
                ("origin_server_ts", FieldKind::Integer),
            ],
            limit: KIB,
        },
    },
    Endpoint {
        op: Op::MakeJoin,
        method: "GET",
        path: "/_matrix/federation/v1/make_join/{room}/{user}",
        query: &[several("ver", Kind::RoomVersion)],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "rooms above the clearance, of third servers, or encrypted where the link refuses that",
        request: NOTHING,
        response: TEMPLATE,
    },
    Endpoint {
        op: Op::SendJoin,
        method: "PUT",
        path: "/_matrix/federation/v2/send_join/{room}/{event}",
        // Joined without its members a room could hide a third server's, and our homeserver could not answer for it
        // until it had fetched them.
        query: &[dropped("omit_members", Kind::Boolean)],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "as make_join, and where something of the state must not be redacted",
        request: WHOLE_PDU,
        response: Shape {
            units: &[
                ("/event", UnitKind::Pdu),
                ("/state/*", UnitKind::Pdu),
                ("/auth_chain/*", UnitKind::Pdu),
            ],
            fields: &[
                ("origin", FieldKind::Origin),
                ("members_omitted", FieldKind::Boolean),
                ("servers_in_room", FieldKind::ServerNames),
            ],
            limit: STATE,
        },
    },
    Endpoint {
        op: Op::MakeKnock,
        method: "GET",
        path: "/_matrix/federation/v1/make_knock/{room}/{user}",
        query: &[several("ver", Kind::RoomVersion)],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::Knock),
        denied: Denied::Hidden,
        why: "as make_join",
        request: NOTHING,
        response: TEMPLATE,
    },
    Endpoint {
        op: Op::SendKnock,
        method: "PUT",
        path: "/_matrix/federation/v1/send_knock/{room}/{event}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::Knock),
        denied: Denied::Hidden,
        why: "as make_join; the state shown for it loses what is denied",
        request: WHOLE_PDU,
        response: Shape {
            units: &[("/knock_room_state/*", UnitKind::StrippedState)],
            fields: &[],
            limit: ONE_EVENT,
        },
    },
    Endpoint {
        op: Op::Invite,
        method: "PUT",
        path: "/_matrix/federation/v2/invite/{room}/{event}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "rooms without a label where one is demanded, above the clearance, of third servers, or encrypted",
        request: Shape {
            units: &[
                ("/event", UnitKind::Pdu),
                ("/invite_room_state/*", UnitKind::StrippedState),
            ],
            fields: &[("room_version", FieldKind::RoomVersion)],
            limit: ONE_EVENT,
        },
        response: Shape {
            units: &[("/event", UnitKind::Pdu)],
            fields: &[],
            limit: ONE_EVENT,
        },
    },
    closed(
        Op::InviteV1,
        "PUT",
        "/_matrix/federation/v1/invite/{room}/{event}",
        Homeserver,
        Action::Hide,
        "the invitation of room versions 1 and 2, which are not judged",
    ),
    Endpoint {
        op: Op::MakeLeave,
        method: "GET",
        path: "/_matrix/federation/v1/make_leave/{room}/{user}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Never,
        why: "nobody is locked in",
        request: NOTHING,
        response: TEMPLATE,
    },
    Endpoint {
        op: Op::SendLeave,
        method: "PUT",
        path: "/_matrix/federation/v2/send_leave/{room}/{event}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "a leave is never refused for its content, which is redacted; only for its shape or signature",
        request: WHOLE_PDU,
        response: EMPTY_OBJECT,
    },
    closed(
        Op::Exchange3pid,
        "PUT",
        "/_matrix/federation/v1/exchange_third_party_invite/{room}",
        Homeserver,
        Action::Hide,
        "invitations by address or number are not judged",
    ),
    closed(
        Op::Onbind3pid,
        "PUT",
        "/_matrix/federation/v1/3pid/onbind",
        Anyone,
        Action::Hide,
        "invitations by address or number are not judged",
    ),
    closed(
        Op::OpenidUserinfo,
        "GET",
        "/_matrix/federation/v1/openid/userinfo",
        Anyone,
        Action::Hide,
        "a token of another zone proves nothing here, and the answer would tell whose it is",
    ),
    Endpoint {
        op: Op::Hierarchy,
        method: "GET",
        path: "/_matrix/federation/v1/hierarchy/{room}",
        query: &[optional("suggested_only", Kind::Boolean)],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::Hierarchy),
        denied: Denied::NotFound,
        why: "rooms and children that the peer may not know of are left out",
        request: NOTHING,
        response: Shape {
            units: &[
                ("/room", UnitKind::Summary),
                ("/children/*", UnitKind::Summary),
            ],
            // Names of rooms that the asking side could do nothing with.
            fields: &[("inaccessible_children", FieldKind::Emptied)],
            limit: 4 * MIB,
        },
    },
    Endpoint {
        op: Op::PublicRooms,
        method: "GET",
        path: "/_matrix/federation/v1/publicRooms",
        query: &[
            fixed("limit", Kind::Integer, "500"),
            dropped("since", Kind::Opaque),
            dropped("include_all_networks", Kind::Boolean),
            dropped("third_party_instance_id", Kind::Opaque),
        ],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::PublicRooms),
        denied: Denied::Empty,
        why: "rooms that the peer may not know of are left out; the list comes whole, without pages and totals",
        request: NOTHING,
        response: ROOM_LIST,
    },
    Endpoint {
        op: Op::PublicRoomsSearch,
        method: "POST",
        path: "/_matrix/federation/v1/publicRooms",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::PublicRooms),
        denied: Denied::Empty,
        why: "as public_rooms; and the search by what it says",
        request: Shape {
            units: &[("", UnitKind::Search)],
            fields: &[],
            limit: 64 * KIB,
        },
        response: ROOM_LIST,
    },
    Endpoint {
        op: Op::QueryDirectory,
        method: "GET",
        path: "/_matrix/federation/v1/query/directory",
        query: &[required("room_alias", Kind::RoomAlias)],
        who: Homeserver,
        action: Action::Relay,
        opens: Some(Opening::Aliases),
        denied: Denied::NotFound,
        why: "an alias of a room that the peer may not know of is not there; servers are cut to those of the link",
        request: NOTHING,
        response: Shape {
            units: &[("", UnitKind::Alias)],
            fields: &[],
            limit: 64 * KIB,
        },
    },
    Endpoint {
        op: Op::QueryProfile,
        method: "GET",
        path: "/_matrix/federation/v1/query/profile",
        query: &[
            required("user_id", Kind::UserId),
            optional("field", Kind::ProfileField),
        ],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "fields that the link does not list are left out; a profile in which something is found does not cross",
        request: NOTHING,
        response: Shape {
            units: &[("", UnitKind::Profile)],
            fields: &[],
            limit: 64 * KIB,
        },
    },
    closed(
        Op::QueryOther,
        "GET",
        "/_matrix/federation/v1/query/{other}",
        Homeserver,
        Action::Hide,
        "a query that the specification does not know could hold anything",
    ),
    Endpoint {
        op: Op::UserDevices,
        method: "GET",
        path: "/_matrix/federation/v1/user/devices/{user}",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "names of devices are left out",
        request: NOTHING,
        response: Shape {
            units: &[("", UnitKind::DeviceList)],
            fields: &[],
            limit: MIB,
        },
    },
    Endpoint {
        op: Op::KeysQuery,
        method: "POST",
        path: "/_matrix/federation/v1/user/keys/query",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "names of devices and unsigned data are left out; keys are never changed",
        request: Shape {
            units: &[("", UnitKind::Ids)],
            fields: &[],
            limit: MIB,
        },
        response: Shape {
            units: &[("", UnitKind::Keys)],
            fields: &[],
            limit: 4 * MIB,
        },
    },
    Endpoint {
        op: Op::KeysClaim,
        method: "POST",
        path: "/_matrix/federation/v1/user/keys/claim",
        query: &[],
        who: Homeserver,
        action: Action::Relay,
        opens: None,
        denied: Denied::Forbidden,
        why: "keys are never changed",
        request: Shape {
            units: &[("", UnitKind::Ids)],
            fields: &[],
            limit: MIB,
        },
        response: Shape {
            units: &[("", UnitKind::Claim)],
            fields: &[],
            limit: 4 * MIB,
        },
    },
    closed(
        Op::MediaDownload,
        "GET",
        "/_matrix/federation/v1/media/download/{media}",
        Homeserver,
        Action::File,
        "files are not looked into",
    ),
    closed(
        Op::MediaThumbnail,
        "GET",
        "/_matrix/federation/v1/media/thumbnail/{media}",
        Homeserver,
        Action::File,
        "a thumbnail is not the file that was looked into",
    ),
    closed(
        Op::ServerKeys,
        "GET",
        "/_matrix/key/v2/server",
        Anyone,
        Action::Synthesise,
        "each homeserver has the keys that its own gateway vouches for",
    ),
    closed(
        Op::NotaryKeys,
        "GET",
        "/_matrix/key/v2/query/{server}",
        Anyone,
        Action::Hide,
        "keys come from peer records alone, so nobody is asked about a third server",
    ),
    closed(
        Op::NotaryKeysBatch,
        "POST",
        "/_matrix/key/v2/query",
        Anyone,
        Action::Hide,
        "keys come from peer records alone, so nobody is asked about a third server",
    ),
    closed(
        Op::WellKnown,
        "GET",
        "/.well-known/matrix/server",
        Anyone,
        Action::Synthesise,
        "a constant, from the inside",
    ),
    closed(
        Op::Version,
        "GET",
        "/_matrix/federation/v1/version",
        Anyone,
        Action::Synthesise,
        "a constant, from the inside",
    ),
    closed(
        Op::PolicySign,
        "POST",
        "/_matrix/policy/v1/sign",
        Homeserver,
        Action::Hide,
        "the gateway is no policy server of any room",
    ),
];
