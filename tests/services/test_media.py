"""A call's media socket, as the process that has it sees to it."""

import asyncio
from types import SimpleNamespace

from integration_api.core.telephony import CallState, Direction
from integration_api.core.telephony_records import CallRecord
from integration_api.core.tenant import Tenant
from integration_api.services.media import MediaHub
from integration_api.services.media_guest import Attached
from integration_api.services.media_peers import MediaPeers
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


class NoRecords:
    async def open(self, *_, **__):
        return SimpleNamespace(done=lambda usage: None, cancelled=lambda usage: None)


async def test_whoever_is_told_that_the_sound_has_begun_finds_the_call_answered(tmp_path):
    store, wire = SlowStore(), Wire()
    ids = SimpleNamespace(next=lambda: 1)
    alone = MediaPeers("", None, None, None, None)
    hub = MediaHub(store, NoRecords(), None, None, ids, None, alone, folder=tmp_path, detach_seconds=60.0)
    carrier = SimpleNamespace(name="twilio", telephony=SimpleNamespace(media=Language))
    guest = await hub.attach(TENANT, CALL.id, None)
    serving = asyncio.create_task(hub.serve(Admitted(CALL, carrier), wire))
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
