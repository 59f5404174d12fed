"""Two users with a client that others wrote, one on each side of the border, who talk end to end encrypted.

Reads one JSON object from stdin (users, rooms, messages), prints what each of them could decrypt as one JSON object.
"""

import asyncio
import json
import sys
import tempfile

from nio import Api, AsyncClient, AsyncClientConfig, JoinResponse, LoginResponse, RoomMessageText, RoomSendResponse
from nio import SyncResponse

LABEL = "org.sluice.confidentiality"


async def logged_in(user, folder):
    client = AsyncClient(
        user["homeserver"], user["id"], store_path=folder, config=AsyncClientConfig(encryption_enabled=True)
    )
    client.received = []
    client.add_event_callback(lambda _room, event: received(client, event), RoomMessageText)
    answer = await client.login(user["password"], device_name="nio")
    assert isinstance(answer, LoginResponse), answer
    await synced(client)
    return client


def received(client, event):
    if event.decrypted:
        client.received.append(event)


async def synced(client):
    answer = await client.sync(timeout=500, full_state=True)
    assert isinstance(answer, SyncResponse), answer
    if client.should_upload_keys:
        await client.keys_upload()
    if client.should_query_keys:
        await client.keys_query()
    await client.send_to_device_messages()


async def knows_devices_of(client, room, other, seconds):
    """Until the other one's devices are known; all of them are trusted."""
    async with asyncio.timeout(seconds):
        while True:
            await synced(client)
            known = list(client.device_store.active_user_devices(other.user_id))
            if other.user_id in client.rooms[room].users and any(d.id == other.device_id for d in known):
                break
            client.olm.users_for_key_query.add(other.user_id)
    await client.joined_members(room)
    for user in (other.user_id, client.user_id):
        for device in client.device_store.active_user_devices(user):
            if device.id != client.device_id:
                client.verify_device(device)


async def say(client, room, message):
    """The label stands beside the ciphertext, where a gateway can read it."""
    if client.olm.should_share_group_session(room):
        await client.share_group_session(room, ignore_unverified_devices=True)
    kind, content = client.encrypt(room, "m.room.message", {"msgtype": "m.text", "body": message["body"]})
    content[LABEL] = message[LABEL]
    client.sent += 1
    method, path, data = Api.room_send(client.access_token, room, kind, content, f"{client.device_id}.{client.sent}")
    answer = await client._send(RoomSendResponse, method, path, data, (room,))
    assert isinstance(answer, RoomSendResponse), answer


async def read_until(client, body, seconds):
    async with asyncio.timeout(seconds):
        while all(event.body != body for event in client.received):
            await synced(client)


async def main():
    story = json.load(sys.stdin)
    room = story["room"]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        alice, bob = await logged_in(story["alice"], one), await logged_in(story["bob"], two)
        try:
            joined = await bob.join(room)
            assert isinstance(joined, JoinResponse), joined
            for client, other in ((alice, bob), (bob, alice)):
                client.sent = 0
                await knows_devices_of(client, room, other, story["seconds"])
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
