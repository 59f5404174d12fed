//! The table checks itself.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::BTreeSet;

use super::*;

const EVENT: &str = "%24V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w";
const ROOM: &str = "%214h8mOMTHYK4Ow-JZZR1nofCR1CKZNXD-s7cXlOD164I";

#[test]
fn all_36_stable_operations_stand_in_the_table_once() {
    let lines: BTreeSet<_> = ENDPOINTS
        .iter()
        .map(|line| (line.method, line.path))
        .collect();
    let ops: BTreeSet<_> = ENDPOINTS.iter().map(|line| line.op).collect();
    let names: BTreeSet<_> = ENDPOINTS.iter().map(|line| line.op.as_str()).collect();
    assert_eq!(
        (lines.len(), ops.len(), names.len(), ENDPOINTS.len()),
        (36, 36, 36, 36)
    );
}

#[test]
fn a_relayed_line_says_what_its_answer_carries_and_how_large_it_may_be() {
    for line in ENDPOINTS.iter().filter(|line| line.action == Action::Relay) {
        assert!(line.response.limit > 0, "{}", line.path);
        assert_eq!(line.who, Who::Homeserver, "{}", line.path);
        let has_body = matches!(line.method, "PUT" | "POST");
        assert_eq!(line.request.limit > 0, has_body, "{}", line.path);
    }
}

#[test]
fn a_target_is_rebuilt_from_its_typed_values() {
    for target in [
        "/_matrix/federation/v1/send/1795297425814".to_owned(),
        format!("/_matrix/federation/v1/event/{EVENT}"),
        format!("/_matrix/federation/v1/backfill/{ROOM}?v={EVENT}&limit=100"),
        format!("/_matrix/federation/v2/send_join/{ROOM}/{EVENT}"),
        "/_matrix/federation/v1/query/profile?user_id=%40bob%3Alow.test".to_owned(),
    ] {
        let method = if target.contains("send") {
            "PUT"
        } else {
            "GET"
        };
        assert_eq!(route(method, &target).unwrap().target(), target);
    }
    let odd = format!(
        "/_matrix/federation/v1/backfill/{ROOM}?limit=100&v=$V8LEfOw78wseB9PIBVfxK3sgrHQ_56ACTuchJxBgp0w"
    );
    let canonical = format!("/_matrix/federation/v1/backfill/{ROOM}?v={EVENT}&limit=100");
    assert_eq!(route("GET", &odd).unwrap().target(), canonical);
}

#[test]
fn no_join_that_leaves_members_out_is_asked_for() {
    let canonical = format!("/_matrix/federation/v2/send_join/{ROOM}/{EVENT}");
    for value in ["true", "false"] {
        let asked = format!("{canonical}?omit_members={value}");
        assert_eq!(route("PUT", &asked).unwrap().target(), canonical);
    }
    let malformed = format!("{canonical}?omit_members=maybe");
    assert_eq!(
        route("PUT", &malformed).unwrap_err(),
        RouteFault::QueryParameter
    );
}

#[test]
fn what_is_not_in_the_table_is_refused() {
    use RouteFault::{PathParameter, QueryParameter, UnknownMethod, UnknownPath};
    for (method, target, fault) in [
        ("GET", "/", UnknownPath),
        ("GET", "/_matrix/client/v3/sync", UnknownPath),
        ("PUT", "/_matrix/federation/v1/send/1/", UnknownPath),
        ("PUT", "//_matrix/federation/v1/send/1", UnknownPath),
        ("PUT", "/_matrix/federation/v1/../v1/send/1", UnknownPath),
        ("PUT", "/_matrix/federation/v1/send%2F1", UnknownPath),
        ("PUT", "/_matrix/federation/v1/send/a%2Fb", PathParameter),
        ("PUT", "/_matrix/federation/v1/send/", PathParameter),
        ("PUT", "/_matrix/federation/v1/send/%zz", PathParameter),
        ("PUT", "/_matrix/federation/v1/send/%2561", PathParameter),
        ("DELETE", "/_matrix/federation/v1/send/1", UnknownMethod),
        (
            "PUT",
            "/_matrix/federation/v1/send/1?access_token=x",
            QueryParameter,
        ),
        (
            "GET",
            "/_matrix/federation/v1/query/profile",
            QueryParameter,
        ),
        (
            "GET",
            "/_matrix/federation/v1/query/profile?user_id=%40b%3Alow.test&user_id=%40b%3Alow.test",
            QueryParameter,
        ),
        (
            "GET",
            "/_matrix/federation/v1/query/profile?user_id=bob",
            QueryParameter,
        ),
        (
            "GET",
            "/_matrix/federation/unstable/rooms/x/complexity",
            UnknownPath,
        ),
    ] {
        assert_eq!(
            route(method, target).unwrap_err(),
            fault,
            "{method} {target}"
        );
    }
}

#[test]
fn a_fixed_path_is_matched_before_a_template() {
    let asked = "/_matrix/federation/v1/query/directory?room_alias=%23lage%3Ahigh.test";
    let route = route("GET", asked).unwrap();
    assert_eq!(route.target(), asked);
    assert_eq!(route.endpoint.op, Op::QueryDirectory);
}

#[test]
fn the_docs_have_the_table_as_it_is() {
    let docs = include_str!("../../../docs/look-up/endpoints.md");
    let (_, rest) = docs.split_once("<!-- endpoint table -->\n\n").unwrap();
    let (shown, _) = rest.split_once("\n<!-- end of endpoint table -->").unwrap();
    assert_eq!(
        shown,
        print::markdown(),
        "docs/look-up/endpoints.md is stale: put the output of `sluice check --endpoints` between its two marks"
    );
}

#[test]
fn every_line_says_what_may_be_refused_and_a_refusal_never_looks_like_an_unknown_endpoint() {
    for line in ENDPOINTS {
        assert!(!line.why.is_empty(), "{}", line.path);
        let refused = matches!(line.action, Action::Forbid | Action::Hide | Action::File);
        let looks = match line.denied {
            Denied::NotFound | Denied::Forbidden | Denied::Hidden => true,
            Denied::EachEvent | Denied::Empty | Denied::Never => !refused,
        };
        assert!(looks, "{}", line.path);
        let listed = line.opens.is_none() || line.action == Action::Relay;
        assert!(listed, "{}", line.path);
    }
    let opened: BTreeSet<_> = ENDPOINTS.iter().filter_map(|line| line.opens).collect();
    assert_eq!(
        opened.len(),
        4,
        "everything that a link can open is asked for by an operation"
    );
}

#[test]
fn a_list_of_rooms_is_asked_for_whole() {
    let asked = "/_matrix/federation/v1/publicRooms?limit=10&since=bGV0IG1l&include_all_networks=false&third_party_instance_id=x";
    assert_eq!(
        route("GET", asked).unwrap().target(),
        format!("/_matrix/federation/v1/publicRooms?limit={MAX_LISTED_ROOMS}")
    );
}

#[test]
fn machines_get_the_same_table() {
    let table = print::json();
    let lines = table["endpoints"].as_array().unwrap();
    assert_eq!(lines.len(), ENDPOINTS.len());
    let invite = lines.iter().find(|line| line["op"] == "invite").unwrap();
    assert_eq!(
        invite["request"]["units"]["/invite_room_state/*"],
        "stripped_state"
    );
    let knock = lines
        .iter()
        .find(|line| line["op"] == "make_knock")
        .unwrap();
    assert_eq!(knock["opens"], "knock");
}
