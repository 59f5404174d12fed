//! A security policy that expires while a request waits is a failure of the gateway, and no verdict.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use sluice_policy::bundle::BundleParts;
use sluice_policy::pdu::RoomVersion;
use sluice_tests::stub::World;
use sluice_tests::stub::labels::*;

/// Time to install the policy and to send before it expires; on a busy machine the message may be too late, and is then
/// refused at the door, as before any verdict.
const VALID_FOR: Duration = Duration::from_secs(12);
/// By how much our homeserver's answer comes too late.
const TOO_LATE: Duration = Duration::from_secs(1);

/// The sample policies, as such that end in a while.
fn ending() -> BundleParts {
    let mut parts = demanding();
    let seconds = format!("+{} seconds", VALID_FOR.as_secs());
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

    let (expires, ending) = (Instant::now() + VALID_FOR, ending());
    world.gateway.install(&ending);
    world.gateway.reload();
    let what = format!("GET /_matrix/federation/v1/state/{}", encoded(&room.id));
    let left = expires.saturating_duration_since(Instant::now());
    world.homeserver.far.slow(&what, left + TOO_LATE);
    let reply = world.alice_sends(std::slice::from_ref(&message));
    assert_eq!(reply.status, 503, "{}", reply.text());
    assert!(world.decision(&message.id).is_null(), "no verdict");

    world.gateway.install(&demanding());
    world.gateway.reload();
    world.homeserver.far.slow(&what, Duration::ZERO);
    assert_eq!(
        world.judged_one(Side::Ours, &message),
        "",
        "and no memory of one"
    );
}
