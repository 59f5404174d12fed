//! A security policy that expires while a request waits is a failure of the gateway, and no verdict.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;

/// Times to install the policy and to send before it expires. On a busy machine the message may be too late, and is then
/// refused at the door; so the next longer one is tried.
const VALID_FOR: [Duration; 4] = [
    Duration::from_secs(6),
    Duration::from_secs(12),
    Duration::from_secs(24),
    Duration::from_secs(48),
];
/// By how much our homeserver's answer comes too late.
const TOO_LATE: Duration = Duration::from_secs(1);

/// The sample policies, as such that end in a while.
fn ending_in(span: Duration) -> BundleParts {
    let mut parts = demanding();
    let seconds = format!("+{} seconds", span.as_secs());
    let mut date = Command::new("date");
    date.args(["-u", "-d", &seconds, "+%FT%TZ"]);
    let end = String::from_utf8(date.output().unwrap().stdout).unwrap();
    let end = end.trim();
    for (_, xml) in &mut parts.spifs {
        let (root, rest) = xml.split_once("schemaVersion=").unwrap();
        assert!(!xml.contains("notAfter=\"2"), "it has an end of its own");
        *xml = format!("{root}notAfter=\"{end}\" schemaVersion={rest}");
    }
    parts
}

#[test]
fn sp_6_a_policy_that_expires_while_our_homeserver_is_asked_judges_nothing() {
    let world = World::under(&demanding());
    let alice = world.alice();
    let mut room = world.alices_room(RoomVersion::V12);
    let labelling = room.labels(&alice, json!({"label": label(OFFEN)}));
    world.homeserver_says(&room, None, &[&room.create, &labelling]);
    let message = room.says(&alice, plain("the canteen"));

    let what = format!("GET /_matrix/federation/v1/state/{}", encoded(&room.id));
    let was_asked = VALID_FOR.into_iter().any(|span| {
        let expires = Instant::now() + span;
        world.gateway.install(&ending_in(span));
        world.gateway.reload();
        let left = expires.saturating_duration_since(Instant::now());
        world.homeserver.far.slow(&what, left + TOO_LATE);
        let reply = world.alice_sends(std::slice::from_ref(&message));
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(world.decision(&message.id).is_null(), "no verdict");
        !world.homeserver.far.requests_of(&what).is_empty()
    });
    assert!(was_asked, "refused at the door only");

    world.gateway.install(&demanding());
    world.gateway.reload();
    world.homeserver.far.slow(&what, Duration::ZERO);
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "",
        "and no memory of one"
    );
}
