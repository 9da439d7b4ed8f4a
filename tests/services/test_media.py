"""A call's media socket, as the process that has it sees to it."""

import asyncio
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from integration_api.core.records import Change
from integration_api.core.stt import Final
from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import CallRecord, Dialing, MediaMode, MediaPlan
from integration_api.core.tenant import Tenant
from integration_api.services import live_words, media
from integration_api.services.media import MediaHub
from integration_api.services.media_guest import Attached, Audio, Over
from integration_api.services.media_peers import MediaPeers
from integration_api.services.voice_loop import Listened
from integration_api.services.webhook import Admitted
from tests.services.test_media_room import Language, Wire

TENANT = Tenant(1, 2)
CALL = CallRecord(
    id=1, tenant=TENANT, provider="twilio", credential_id=3, direction=Direction.OUTBOUND, state=CallState.RINGING,
    to="+4930", from_="+4940", created_at=1.0, provider_call_id="CA1",
)  # fmt: skip


class SlowStore:
    """Holds one call, and writes nothing before it is let."""

    def __init__(self):
        self.held = CALL
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def call(self, tenant, id):
        return self.held

    async def update_call(self, tenant, id, change, note):
        self.asked.set()
        await self.let.wait()
        self.held = change(self.held) or self.held
        return self.held


class SlowToEnd(SlowStore):
    """Writes at once, but for the end of a socket."""

    async def update_call(self, tenant, id, change, note):
        if note.what == "media.stopped":
            return await super().update_call(tenant, id, change, note)
        self.held = change(self.held) or self.held
        return self.held


class NoRecords:
    async def open(self, *_, **__):
        return SimpleNamespace(done=lambda usage: None, cancelled=lambda usage: None)


CARRIER = SimpleNamespace(name="twilio", telephony=SimpleNamespace(media=Language))


def hub_of(store, folder, ears=None):
    ids = SimpleNamespace(next=lambda: 1)
    alone = MediaPeers("", None, None, None, None)
    return MediaHub(store, NoRecords(), ears, None, ids, None, alone, folder=folder, detach_seconds=60.0)


async def test_whoever_is_told_that_the_sound_has_begun_finds_the_call_answered(tmp_path):
    store, wire = SlowStore(), Wire()
    hub = hub_of(store, tmp_path)
    guest = await hub.attach(TENANT, CALL.id, None)
    serving = asyncio.create_task(hub.serve(Admitted(CALL, CARRIER), wire))
    wire.heard.put_nowait("start")
    hearing = asyncio.create_task(guest.next())
    async with asyncio.timeout(30):
        await store.asked.wait()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not hearing.done(), "it is told before it is stored"
        store.let.set()
        assert isinstance(await hearing, Attached)
        assert store.held.state is CallState.ANSWERED
        wire.heard.put_nowait(None)
        await serving
        await hub.close()


@pytest.mark.parametrize("guest_stays", [True, False])
async def test_a_socket_that_comes_while_the_end_of_the_last_is_stored_is_the_calls(tmp_path, guest_stays):
    store, wires = SlowToEnd(), (Wire(), Wire())
    hub, other = hub_of(store, tmp_path), hub_of(store, tmp_path)
    await hub.start()
    await other.start()
    guest = await hub.attach(TENANT, CALL.id, None)
    serving = [asyncio.create_task(hub.serve(Admitted(CALL, CARRIER), wires[0]))]
    wires[0].heard.put_nowait("start")
    async with asyncio.timeout(30):
        assert isinstance(await guest.next(), Attached)
        wires[0].heard.put_nowait(None)
        await store.asked.wait()
        if not guest_stays:
            guest.detach()
        serving.append(asyncio.create_task(hub.serve(Admitted(CALL, CARRIER), wires[1])))
        wires[1].heard.put_nowait("start")
        while not hub.attached(CALL):
            await asyncio.sleep(0)
        store.let.set()
        await serving[0]
        assert hub.attached(CALL)
        assert other.attached(CALL), "the other processes find it"
        if not guest_stays:
            guest = await hub.attach(TENANT, CALL.id, None)
        wires[1].heard.put_nowait(b"after")
        told = [await guest.next() for _ in range(3 if guest_stays else 2)]
        assert [type(one) for one in told[-2:]] == [Attached, Audio]
        wires[1].heard.put_nowait(None)
        await serving[1]
        assert not other.attached(CALL)
    await hub.close()
    await other.close()


async def test_a_socket_that_comes_while_ear_and_voice_take_their_leave_is_the_calls(tmp_path, monkeypatch):
    store, wires = SlowStore(), (Wire(), Wire())
    store.let.set()
    hub = hub_of(store, tmp_path)
    leaving, left = asyncio.Event(), asyncio.Event()

    async def unwire(room):
        leaving.set()
        await left.wait()

    monkeypatch.setattr(hub, "_unwire", unwire)
    serving = [asyncio.create_task(hub.serve(Admitted(CALL, CARRIER), wires[0]))]
    wires[0].heard.put_nowait(None)
    async with asyncio.timeout(30):
        await leaving.wait()
        serving.append(asyncio.create_task(hub.serve(Admitted(CALL, CARRIER), wires[1])))
        while not hub.attached(CALL):
            await asyncio.sleep(0)
        left.set()
        await serving[0]
        assert hub.attached(CALL)
        wires[1].heard.put_nowait(None)
        await serving[1]
    await hub.close()


@pytest.mark.parametrize("state", [CallState.ANSWERED, CallState.COMPLETED])
async def test_what_an_ear_tells_last_is_told_whatever_the_carrier_says_meanwhile(
    tmp_path, monkeypatch, state
):
    monkeypatch.setattr(media, "ELSEWHERE_SECONDS", 0.0)
    asked, over = asyncio.Event(), asyncio.Event()

    async def listen(origin, target, request, asks, *_):
        async for ask in asks:
            if isinstance(ask, live_words.End):
                asked.set()
                await over.wait()
                yield None, [Final(segment_id="1", text="Goodbye.")]

    ear = {"type": "start", "target": {"model": "deepgram/nova-3"}}
    plan = MediaPlan(mode=MediaMode.INLINE, inline={"stt": ear})
    store, wire = SlowStore(), Wire()
    store.let.set()
    store.held = call = replace(CALL, dialing=Dialing(media=plan), media_generation=1)
    hub = hub_of(store, tmp_path, SimpleNamespace(listen=listen))
    guest = await hub.attach(TENANT, CALL.id, None)
    serving = asyncio.create_task(hub.serve(Admitted(call, CARRIER), wire))
    wire.heard.put_nowait("start")
    async with asyncio.timeout(30):
        assert isinstance(await guest.next(), Attached)
        wire.heard.put_nowait(None)
        await asked.wait()
        store.held = replace(store.held, state=state)
        await hub.changed(Change(1, "call", TENANT, str(CALL.id)))
        for _ in range(50):
            await asyncio.sleep(0)
        over.set()
        told = []
        while (event := await guest.next()) is not None:
            told.append(event)
        await serving
    assert [event.event.text for event in told if isinstance(event, Listened)] == ["Goodbye."]
    assert told[-1] == Over("finished")
    await hub.close()


async def test_whoever_waits_where_keys_were_pressed_is_told_all_the_same_that_the_sound_is_elsewhere(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(media, "ELSEWHERE_SECONDS", 0.01)
    store = SlowStore()
    store.held = replace(CALL, state=CallState.ANSWERED, media_generation=1)
    hub = hub_of(store, tmp_path)
    guest = await hub.attach(TENANT, CALL.id, None)
    await hub.expect(store.held, 0.1)
    async with asyncio.timeout(30):
        assert (await guest.next()).code == "media_elsewhere"
        assert await guest.next() == Over("media_elsewhere")
    await hub.close()


async def test_a_call_whose_sound_is_nowhere_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(media, "ELSEWHERE_SECONDS", 0.0)
    monkeypatch.setattr(media, "ASK_SECONDS", 0.0)
    store, asked = SlowStore(), asyncio.Queue()
    store.held = replace(CALL, state=CallState.ANSWERED, media_generation=1)
    hub = hub_of(store, tmp_path)
    hub.ask_of = asked.put
    guest = await hub.attach(TENANT, CALL.id, None)
    async with asyncio.timeout(30):
        while (event := await guest.next()) is not None:
            told = event
        assert told == Over("media_elsewhere")
        assert await asked.get() == store.held
    await hub.close()
