//! The reference homeserver by itself: if these fail, no other end-to-end test means anything.

use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use serde_json::json;
use sluice::demo::client::RoomOptions;
use sluice::demo::synapse::{Synapse, SynapseOptions};

const SOON: Duration = Duration::from_secs(10);

fn alone(folder: &Path) -> Synapse {
    Synapse::boot(SynapseOptions {
        server_name: "high.test".to_owned(),
        folder: folder.join("hs"),
        python: sluice_tests::python(),
        fragment: String::new(),
    })
    .unwrap()
}

#[test]
fn alice_and_bob_talk_on_one_homeserver() {
    let folder = tempfile::tempdir().unwrap();
    let synapse = alone(folder.path());
    let alice = synapse.register("alice", "alice-pw", true).unwrap();
    let bob = synapse.register("bob", "bob-pw", false).unwrap();
    let room = alice
        .create_room(&RoomOptions {
            version: Some("12"),
            name: Some("Lage"),
            invite: vec![bob.user_id()],
            ..RoomOptions::default()
        })
        .unwrap();
    bob.join(&room, &[]).unwrap();
    let since = bob.sync(None, Duration::ZERO).unwrap()["next_batch"]
        .as_str()
        .unwrap()
        .to_owned();

    let event_id = alice.say(&room, "Guten Morgen").unwrap();
    assert_eq!(
        bob.wait_event(&room, &event_id, SOON).unwrap()["content"]["body"],
        "Guten Morgen"
    );
    alice.typing(&room, true).unwrap();
    let typing = bob
        .wait_for("alice typing", Some(&since), SOON, |sync| {
            let events = sync["rooms"]["join"][&room]["ephemeral"]["events"]
                .as_array()?
                .clone();
            events.into_iter().find(|event| {
                event["type"] == "m.typing" && event["content"]["user_ids"][0] == alice.user_id()
            })
        })
        .unwrap();
    assert_eq!(typing["type"], "m.typing");

    bob.redact(&room, &event_id)
        .expect_err("bob may not redact what alice wrote");
    alice.redact(&room, &event_id).unwrap();
    assert_eq!(bob.event(&room, &event_id).unwrap()["content"], json!({}));
    assert_eq!(bob.members(&room).unwrap().len(), 2);
    assert_eq!(alice.retry_interval("low.test").unwrap(), 0);
    assert!(
        bob.messages(&room)
            .unwrap()
            .iter()
            .any(|event| event["type"] == "m.room.create")
    );
}

#[test]
fn a_homeserver_without_a_way_out_reaches_nobody_and_its_federation_socket_is_private() {
    let folder = tempfile::tempdir().unwrap();
    let mut synapse = alone(folder.path());
    let socket = std::fs::symlink_metadata(Synapse::socket_in(synapse.folder())).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(
        std::fs::metadata(synapse.folder())
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o700
    );
    let alice = synapse.register("alice", "alice-pw", false).unwrap();
    alice
        .profile("@bob:low.test")
        .expect_err("nobody is reachable");

    synapse.kill();
    synapse.start().expect("a killed homeserver starts again");
    assert!(alice.devices().unwrap()["devices"].is_array());
    synapse.stop().expect("SIGTERM is enough");
}
