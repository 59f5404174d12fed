"""Two users with a client that others wrote, one on each side of the border.

Reads one JSON object from stdin (users, rooms, messages), prints what each of them received as one JSON object.
"""

import asyncio
import json
import sys

from nio import AsyncClient, JoinResponse, LoginResponse, RoomMessageText, RoomSendResponse, SyncResponse

LABEL = "org.sluice.confidentiality"


async def logged_in(user):
    client = AsyncClient(user["homeserver"], user["id"])
    client.received = []
    client.add_event_callback(lambda _room, event: client.received.append(event), RoomMessageText)
    answer = await client.login(user["password"], device_name="nio")
    assert isinstance(answer, LoginResponse), answer
    return client


async def say(client, room, message):
    content = {"msgtype": "m.text", "body": message["body"], LABEL: message["label"]}
    answer = await client.room_send(room, "m.room.message", content)
    assert isinstance(answer, RoomSendResponse), answer


async def read_until(client, body, seconds):
    async with asyncio.timeout(seconds):
        while all(event.body != body for event in client.received):
            answer = await client.sync(timeout=1000)
            assert isinstance(answer, SyncResponse), answer


async def main():
    story = json.load(sys.stdin)
    alice, bob = [await logged_in(story[name]) for name in ("alice", "bob")]
    try:
        room = story["room"]
        joined = await bob.join(room)
        assert isinstance(joined, JoinResponse), joined
        for speaker, listener, messages in ((alice, bob, story["to_bob"]), (bob, alice, story["to_alice"])):
            for message in messages:
                await say(speaker, room, message)
            await read_until(listener, messages[-1]["body"], story["seconds"])
        told = {
            name: [event.body for event in client.received if event.sender != client.user_id]
            for name, client in (("alice", alice), ("bob", bob))
        }
        print(json.dumps(told))
    finally:
        await alice.close()
        await bob.close()


asyncio.run(main())
