//! What is said in a room.

use super::*;

pub(super) fn replies_and_threads(walk: &mut Walk) {
    let root = walk.alice_says(&walk.room, &labelled("Wer kommt?", VS_NFD));
    let mut reply = labelled("ich", VS_NFD);
    reply["m.relates_to"] = json!({"m.in_reply_to": {"event_id": root}});
    walk.bob_says(&walk.room, &reply);
    let mut threaded = labelled("im Faden", VS_NFD);
    threaded["m.relates_to"] = json!({"rel_type": "m.thread", "event_id": root, "is_falling_back": true,
        "m.in_reply_to": {"event_id": root}});
    let answer = walk.bob_says(&walk.room, &threaded);
    for user in [&walk.world.alice, &walk.world.bob] {
        let path = format!(
            "/_matrix/client/v1/rooms/{}/relations/{}/m.thread",
            escape(&walk.room),
            escape(&root)
        );
        let chunk = user.get(&path).unwrap()["chunk"].clone();
        assert_eq!(chunk[0]["event_id"], answer.as_str(), "{}", user.user_id());
    }
}

pub(super) fn reactions_edits_redactions(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let said = walk.alice_says(&walk.room, &labelled("Um drei?", VS_NFD));
    let mut reaction = relation("m.annotation", &said);
    reaction["key"] = "👍".into();
    let reaction = json!({"m.relates_to": reaction});
    walk.crosses(bob, alice, &walk.room, "m.reaction", &reaction);
    let mut edit = labelled("* Um vier?", VS_NFD);
    edit["m.new_content"] = labelled("Um vier?", VS_NFD);
    edit["m.relates_to"] = relation("m.replace", &said);
    walk.alice_says(&walk.room, &edit);
    let shown = bob.event(&walk.room, &said).unwrap();
    let newest = &shown["unsigned"]["m.relations"]["m.replace"]["content"]["m.new_content"]["body"];
    assert_eq!(newest, "Um vier?", "{shown}");
    alice.redact(&walk.room, &said).unwrap();
    for user in [alice, bob] {
        let gone = until("the redaction", ARRIVES_WITHIN, || {
            let event = user.event(&walk.room, &said)?;
            Ok((event["content"] == json!({})).then_some(event))
        });
        assert!(gone.unwrap()["unsigned"]["redacted_because"].is_object());
    }
}

/// In the form that clients send today, and in the stable one.
pub(super) fn polls(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let label = labelled("", VS_NFD)[sluice::demo::world::LABEL_KEY].clone();
    for (start, response, end, question) in [
        (
            "org.matrix.msc3381.poll.start",
            "org.matrix.msc3381.poll.response",
            "org.matrix.msc3381.poll.end",
            json!({"org.matrix.msc3381.poll.start": {"kind": "org.matrix.msc3381.poll.disclosed", "max_selections": 1,
                "question": {"org.matrix.msc1767.text": "Kaffee?"},
                "answers": [{"id": "1", "org.matrix.msc1767.text": "ja"}, {"id": "2", "org.matrix.msc1767.text": "nein"}]},
                "org.matrix.msc1767.text": "Kaffee? ja nein"}),
        ),
        (
            "m.poll.start",
            "m.poll.response",
            "m.poll.end",
            json!({"m.poll": {"kind": "m.disclosed", "max_selections": 1, "question": {"m.text": [{"body": "Tee?"}]},
                "answers": [{"m.id": "1", "m.text": [{"body": "ja"}]}, {"m.id": "2", "m.text": [{"body": "nein"}]}]},
                "m.text": [{"body": "Tee? ja nein"}]}),
        ),
    ] {
        let mut poll = question;
        poll[sluice::demo::world::LABEL_KEY] = label.clone();
        let poll = walk.crosses(alice, bob, &walk.room, start, &poll);
        let vote = json!({"m.relates_to": relation("m.reference", &poll), "m.selections": ["1"],
            "org.matrix.msc3381.poll.response": {"answers": ["1"]}});
        walk.crosses(bob, alice, &walk.room, response, &vote);
        let over = json!({"m.relates_to": relation("m.reference", &poll), "m.text": [{"body": "Ende"}],
            "org.matrix.msc3381.poll.end": {}});
        walk.crosses(alice, bob, &walk.room, end, &over);
    }
}

pub(super) fn location_and_stickers(walk: &mut Walk) {
    let World { alice, bob, .. } = &walk.world;
    let mut place = labelled("Treffpunkt", VS_NFD);
    place["msgtype"] = "m.location".into();
    place["geo_uri"] = "geo:52.5163,13.3777;u=20".into();
    walk.alice_says(&walk.room, &place);
    let mut sticker = json!({"body": "winkt", "url": "mxc://low.test/abcdefghijkl",
        "info": {"w": 128, "h": 128, "mimetype": "image/png", "size": 1234}});
    sticker[sluice::demo::world::LABEL_KEY] =
        labelled("", VS_NFD)[sluice::demo::world::LABEL_KEY].clone();
    walk.crosses(bob, alice, &walk.room, "m.sticker", &sticker);
}
