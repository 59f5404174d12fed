//! What policy wants looked at: the room lives on with the redacted form, the content waits under a key of its own, a
//! reviewer decides, and what was released passes once when it is sent again.

use std::path::PathBuf;
use std::process::{Command, Output};

use rusqlite::Connection;
use serde_json::{Value, json};
use sluice_policy::pdu::RoomVersion;
use sluice_tests::evidence::files_with;
use sluice_tests::stub::gateway::Gateway;
use sluice_tests::stub::room::{Event, Room};
use sluice_tests::stub::{World, answer_of, errors, policy};

/// Three account numbers from the examples of standards: what the sample policy holds.
pub const THREE: &str =
    "DE89 3704 0044 0532 0130 00, DE75 5121 0800 1245 1261 99, DE12 5001 0517 0648 4898 90";
/// A part of them as it would stand in a file.
pub const PART: &str = "1245 1261";

/// alice says it; whether it crossed whole.
pub fn says(world: &World, room: &mut Room, text: &str) -> (Event, bool) {
    let event = room.message(&world.alice(), text);
    let crossed = crosses(world, &event);
    (event, crossed)
}

fn crosses(world: &World, event: &Event) -> bool {
    errors(&world.alice_sends(std::slice::from_ref(event))).is_empty()
}

/// `sluice hold ...`, as the user that runs the tests.
pub fn hold(gateway: &Gateway, args: &[&str]) -> Output {
    let mut command = Command::new(sluice_tests::sluice_binary());
    command.arg("hold").args(args);
    command.arg("-c").arg(gateway.file("sluice.toml"));
    command.output().unwrap()
}

pub fn done(gateway: &Gateway, args: &[&str]) -> String {
    let done = hold(gateway, args);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(0), "{args:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

pub fn refused(gateway: &Gateway, args: &[&str]) -> String {
    let done = hold(gateway, args);
    assert_eq!(done.status.code(), Some(1), "{args:?}");
    String::from_utf8(done.stderr).unwrap()
}

/// What waits.
fn waiting(gateway: &Gateway) -> Vec<Value> {
    let listed = done(gateway, &["list", "--json"]);
    listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The id of the one item that waits.
pub fn the_item(gateway: &Gateway) -> String {
    let items = waiting(gateway);
    assert_eq!(items.len(), 1, "{items:?}");
    items[0]["item"].as_str().unwrap().to_owned()
}

/// The audit line of an event.
fn line(world: &World, event: &Event) -> Value {
    let lines = world.gateway.audit();
    let of_event = |line: &&Value| line["kind"] == "event" && line["event_id"] == event.id.as_str();
    lines.iter().find(of_event).cloned().unwrap_or_default()
}

/// The acts on held items, in order.
fn acts(gateway: &Gateway) -> Vec<Value> {
    let mut lines = gateway.audit();
    lines.retain(|line| line["kind"] == "hold");
    lines
}

fn key_files(gateway: &Gateway) -> Vec<PathBuf> {
    let keys = std::fs::read_dir(gateway.file("state/held/keys")).unwrap();
    keys.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn a_held_message_waits_and_passes_once_when_it_was_released_and_is_sent_again() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (first, crossed) = says(&world, &mut room, THREE);
    assert!(!crossed && !world.peer.far.saw(PART));
    assert_eq!(line(&world, &first)["reason"], "held");
    assert!(says(&world, &mut room, "weiter").1, "the room lives on");
    world.gateway.restart();
    let item = the_item(&world.gateway);
    let told: Value =
        serde_json::from_str(&done(&world.gateway, &["show", &item, "--json"])).unwrap();
    assert_eq!(told["event"]["content"]["body"], THREE);
    assert_eq!(told["item"]["rule"], "dlp.de.iban");
    let before = says(&world, &mut room, THREE);
    assert!(!before.1, "not yet released");
    done(
        &world.gateway,
        &["release", &item, "--reason", "test accounts"],
    );
    world.gateway.restart();
    let (changed, crossed) = says(
        &world,
        &mut room,
        &format!("{THREE} und DE02 1203 0000 0000 2020 51"),
    );
    assert!(!crossed, "{changed:?}");
    let (again, crossed) = says(&world, &mut room, THREE);
    assert!(
        crossed && world.peer.far.saw(PART),
        "{}",
        world.gateway.log()
    );
    assert_eq!(line(&world, &again)["notes"], json!(["hold.ticket"]));
    assert!(!says(&world, &mut room, THREE).1, "once");
    assert!(
        crosses(&world, &again),
        "the same event again is the same sending"
    );
    let spent = acts(&world.gateway);
    let spent: Vec<&Value> = spent.iter().filter(|act| act["act"] == "spent").collect();
    assert_eq!(spent.len(), 1);
    assert_eq!(spent[0]["event_id"], again.id.as_str());
}

#[test]
fn what_crossed_by_a_ticket_can_be_pulled_and_what_was_held_cannot() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let (first, _) = says(&world, &mut room, THREE);
    done(&world.gateway, &["release", &the_item(&world.gateway)]);
    let (again, crossed) = says(&world, &mut room, THREE);
    assert!(crossed);
    for (event, whole) in [(&again, true), (&first, false), (&again, true)] {
        world.homeserver.far.on(
            "GET /_matrix/federation/v1/event/",
            200,
            &answer_of("pdus", "high.test", std::slice::from_ref(event)),
        );
        let target = format!(
            "/_matrix/federation/v1/event/{}",
            event.id.replace('$', "%24")
        );
        let reply = world.from_peer("GET", &target, None);
        assert_eq!(reply.status, 200);
        assert_eq!(reply.text().contains(PART), whole, "{}", event.id);
    }
}

#[test]
fn a_ticket_is_for_its_sender_its_room_and_what_was_seen_alone() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let mut other = world.alices_room(RoomVersion::V12);
    assert!(!says(&world, &mut room, THREE).1);
    done(&world.gateway, &["release", &the_item(&world.gateway)]);
    assert!(!says(&world, &mut other, THREE).1, "another room");
    let clara = sluice_tests::stub::room::Actor {
        user: "@clara:high.test".to_owned(),
        ..world.alice()
    };
    let event = room.message(&clara, THREE);
    assert!(!crosses(&world, &event), "another sender");
    let hidden = json!({"msgtype": "m.text", "body": THREE, "m.mentions": {"user_ids": ["DE02 1203 0000 0000 2020 51"]}});
    let event = room.event(&world.alice(), "m.room.message", None, hidden);
    assert!(!crosses(&world, &event), "something where nobody compares");
    let to_bob =
        json!({"msgtype": "m.text", "body": THREE, "m.mentions": {"user_ids": ["@bob:low.test"]}});
    let event = room.event(&world.alice(), "m.room.message", None, to_bob);
    assert!(crosses(&world, &event), "{}", world.gateway.log());
}

#[test]
fn a_rejected_message_is_destroyed_and_a_second_sending_is_judged_anew() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    let item = the_item(&world.gateway);
    assert_eq!(key_files(&world.gateway).len(), 1);
    assert!(
        files_with(&world.gateway.dir, PART).is_empty(),
        "nowhere at rest in the clear"
    );
    let sealed = world.gateway.file(&format!("state/held/{item}.sealed"));
    let copy = std::fs::read(&sealed).unwrap();
    done(
        &world.gateway,
        &["reject", &item, "--reason", "real accounts"],
    );
    assert!(key_files(&world.gateway).is_empty() && !sealed.exists());
    std::fs::write(&sealed, copy).unwrap();
    assert!(refused(&world.gateway, &["show", &item]).contains("nothing is held"));
    assert!(files_with(&world.gateway.dir, PART).is_empty());
    let (again, crossed) = says(&world, &mut room, THREE);
    assert!(!crossed);
    assert_eq!(line(&world, &again)["reason"], "held");
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let acts = acts(&world.gateway);
    assert_eq!(acts.len(), 1, "{acts:?}");
    assert_eq!(
        (&acts[0]["act"], &acts[0]["operator"], &acts[0]["reason"]),
        (
            &json!("rejected"),
            &json!(user.trim()),
            &json!("real accounts")
        )
    );
    assert!(!world.gateway.log().contains(PART) && !world.gateway.audit_text().contains(PART));
}

#[test]
fn each_look_is_audited_and_shows_nothing_but_on_the_reviewers_screen() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, &format!("{THREE} \u{1b}[2J"));
    let item = the_item(&world.gateway);
    let screen = done(&world.gateway, &["show", &item]);
    assert!(screen.contains(PART), "{screen}");
    assert!(!screen.contains('\u{1b}'), "nothing moves a cursor");
    let acts = acts(&world.gateway);
    assert_eq!(acts[0]["act"], "shown");
    assert_eq!(acts[0]["uid"], json!(own_uid()));
    assert!(!world.gateway.log().contains(PART) && !world.gateway.audit_text().contains(PART));
    assert!(!done(&world.gateway, &["list"]).contains(PART));
}

fn own_uid() -> u32 {
    let id = Command::new("id").arg("-u").output().unwrap().stdout;
    String::from_utf8(id).unwrap().trim().parse().unwrap()
}

#[test]
fn two_different_users_release_where_two_must() {
    let mut world = World::new();
    world.gateway.edit("sluice.toml", |text| {
        format!("{text}\n[hold]\ntwo_persons = true\nreviewers = [\"65534\"]\n")
    });
    world.gateway.restart();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    let item = the_item(&world.gateway);
    let told = done(&world.gateway, &["release", &item]);
    assert!(told.contains("another user"), "{told}");
    assert!(refused(&world.gateway, &["release", &item]).contains("already"));
    world.gateway.restart();
    assert!(refused(&world.gateway, &["release", &item]).contains("already"));
    assert!(!says(&world, &mut room, THREE).1);
    if own_uid() != 0 {
        eprintln!("only root can act as a second user; the rule itself has its own test");
        return;
    }
    let second = ask_as_nobody(
        &world.gateway,
        &json!({"command": "hold", "ask": {"do": "release", "item": item, "reason": null}}),
    );
    assert_eq!(second["ok"], true, "{second}");
    assert!(says(&world, &mut room, THREE).1);
    let reload = ask_as_nobody(&world.gateway, &json!({"command": "reload"}));
    assert_eq!(
        reload["ok"], false,
        "a reviewer may review and no more: {reload}"
    );
}

/// Asks over the admin socket as user 65534.
fn ask_as_nobody(gateway: &Gateway, request: &Value) -> Value {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    let socket = gateway.file("state/admin.sock");
    for folder in socket.ancestors().skip(1).take(3) {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).unwrap();
    }
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
                  s.sendall(sys.argv[2].encode()+b'\\n')\nprint(s.makefile().readline())";
    let asked = Command::new("python3")
        .args(["-c", script])
        .arg(&socket)
        .arg(request.to_string())
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    serde_json::from_slice(&asked.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&asked.stderr)))
}

#[test]
fn state_ciphertext_and_what_enters_are_redacted_only_and_the_record_says_why() {
    // The sample policy has nobody look at what enters.
    let mut parts = policy();
    let mut data: Value = serde_json::from_slice(&parts.data).unwrap();
    data["settings"]["dlp"]["ordinary"] =
        json!([{"detector": "*", "strength": "medium", "distinct": 3, "action": "hold"}]);
    parts.data = data.to_string().into_bytes();
    let world = World::under(&parts);
    let mut room = world.alices_room(RoomVersion::V12);
    let topic = room.event(
        &world.alice(),
        "m.room.topic",
        Some(""),
        json!({ "topic": THREE }),
    );
    assert!(!crosses(&world, &topic));
    assert_eq!(line(&world, &topic)["reason"], "hold_state");
    let odd = json!({"msgtype": "m.text", "body": THREE, "m.relates_to": {"rel_type": "x", "event_id": room.create.id}});
    let odd = room.event(&world.alice(), "m.room.message", None, odd);
    assert!(!crosses(&world, &odd));
    assert_eq!(line(&world, &odd)["reason"], "hold_shape");
    let mut bobs = world.bobs_room(RoomVersion::V12);
    let message = bobs.message(&world.bob(), THREE);
    let _answer = world.bob_sends(std::slice::from_ref(&message));
    assert_eq!(line(&world, &message)["reason"], "hold_inbound");
    assert!(waiting(&world.gateway).is_empty());
    assert!(!world.homeserver.far.saw(PART) && !world.peer.far.saw(PART));
}

#[test]
fn what_cannot_be_kept_is_redacted_all_the_same_and_said_not_to_wait() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    let held = world.gateway.file("state/held");
    std::fs::rename(&held, world.gateway.file("state/elsewhere")).unwrap();
    std::fs::write(&held, "a file where the folder should be").unwrap();
    let (event, crossed) = says(&world, &mut room, THREE);
    assert!(!crossed && !world.peer.far.saw(PART));
    assert_eq!(line(&world, &event)["reason"], "hold_failed");
    assert!(says(&world, &mut room, "weiter").1, "the room lives on");
    assert!(waiting(&world.gateway).is_empty());
}

#[test]
fn a_start_destroys_what_the_log_does_not_know_and_notes_what_is_gone() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    let item = the_item(&world.gateway);
    world.gateway.stop();
    let held = world.gateway.file("state/held");
    std::fs::write(held.join("aaaaaaaaaaaaaaaa.sealed"), "left behind").unwrap();
    std::fs::write(held.join("keys/bbbbbbbbbbbbbbbb"), [7; 32]).unwrap();
    std::fs::remove_file(held.join("keys").join(&item)).unwrap();
    world.gateway.start();
    assert!(!held.join("aaaaaaaaaaaaaaaa.sealed").exists());
    assert!(key_files(&world.gateway).is_empty());
    assert!(waiting(&world.gateway).is_empty());
    assert_eq!(acts(&world.gateway)[0]["act"], "lost");
}

#[test]
fn the_log_says_what_waits_also_when_the_journal_is_lost() {
    let mut world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    let item = the_item(&world.gateway);
    world.gateway.stop();
    world.gateway.delete_journal();
    world.gateway.start();
    assert_eq!(the_item(&world.gateway), item);
    done(&world.gateway, &["release", &item]);
    world.gateway.stop();
    world.gateway.delete_journal();
    world.gateway.start();
    assert!(says(&world, &mut room, THREE).1, "and what was released");
    assert!(!says(&world, &mut room, THREE).1);
}

#[test]
fn what_nobody_decides_on_is_destroyed_when_its_time_is_over() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    assert_eq!(key_files(&world.gateway).len(), 1);
    let journal = Connection::open(world.gateway.file("state/journal.db")).unwrap();
    journal.execute("UPDATE held SET until = 1", []).unwrap();
    let start = std::time::Instant::now();
    while !key_files(&world.gateway).is_empty() {
        assert!(start.elapsed().as_secs() < 20, "it is still there");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(waiting(&world.gateway).is_empty());
    assert_eq!(acts(&world.gateway)[0]["act"], "expired");
}

#[test]
fn what_could_not_be_destroyed_is_not_said_to_be_and_is_destroyed_later() {
    let world = World::new();
    let mut room = world.alices_room(RoomVersion::V12);
    says(&world, &mut room, THREE);
    let item = the_item(&world.gateway);
    let key = world.gateway.file(&format!("state/held/keys/{item}"));
    // A folder in place of the file, and later the file in place of that, each at one stroke.
    let aside = world.gateway.file("state/aside");
    std::fs::rename(&key, &aside).unwrap();
    std::os::unix::fs::symlink(world.gateway.file("state"), &key).unwrap();
    let said = refused(&world.gateway, &["reject", &item]);
    assert!(said.contains("could not be destroyed"), "{said}");
    assert_eq!(acts(&world.gateway)[0]["act"], "rejected");
    assert!(waiting(&world.gateway).is_empty());
    std::fs::rename(&aside, &key).unwrap();
    let start = std::time::Instant::now();
    while !key_files(&world.gateway).is_empty() {
        assert!(start.elapsed().as_secs() < 20, "it is still there");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(
        !world
            .gateway
            .file(&format!("state/held/{item}.sealed"))
            .exists()
    );
}
