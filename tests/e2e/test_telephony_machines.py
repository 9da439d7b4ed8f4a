"""A call's sound with several machines on one database: whoever attaches hears it, whichever of them it reached.

Each machine is a service with folders of its own, so that nothing but the database and the network is between them.
"""

import asyncio
import contextlib
import os
import signal
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import InvalidStatus

from integration_api.core.tenant import Tenant
from integration_api.proto import voice_pb2 as wire
from integration_api.services import clock
from integration_api.services.peer_token import KEY, PeerTokens, Spent
from integration_api.storage.open import open_repository
from integration_api.vault.roots import open_root
from integration_api.vault.vault import Vault
from lab import mouth
from tests.e2e.service import ADMIN_KEY, Service, metric, postgres_settings, redis_settings
from tests.e2e.telephones import (
    CARRIERS,
    EXOTEL,
    TWILIO,
    Attached,
    Carrier,
    Exchange,
    attached,
    create,
    get,
    sound,
    until,
)
from tests.e2e.test_telephony import call_with_all, ended, lab, noise
from tests.e2e.test_voice import ask_lab
from tests.e2e.test_voice_loop import SPEECH, inline, told
from tests.ports import free_port
from tests.servers import RedisServer, connected, database, postgres_server
from tests.stores import config_of

__all__ = ["lab"]

WORKERS, CALLS = 2, 4
"""Of the machine that carriers reach: which of its processes is asked, and which has the sound, is chance."""
SIGNED = (("authorization", f"Bearer {ADMIN_KEY}"),)


@dataclass
class Machines:
    here: Service
    """Whom carriers reach."""
    there: Service
    """Whom callers reach."""
    url: str
    """Of the database."""

    async def tokens(self, folder: Path, now: Any = clock.now) -> PeerTokens:
        """Make tokens as any replica does."""
        store = await open_repository(config_of(self.url))
        try:
            root = await open_root(self.here.environ["CRYPTO__ROOT"], rows_exist=True)
            return PeerTokens(await Vault(root, store).derive(KEY), Spent(folder), now)
        finally:
            await store.close()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, lab: str) -> Iterator[Machines]:
    folder = tmp_path_factory.mktemp("machines")
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(database(postgres_server()))
        cache = RedisServer()
        stack.callback(cache.stop)
        port = free_port()
        environ = {
            **postgres_settings(url),
            **redis_settings(cache.start()),
            "CRYPTO__ROOT": f"file:{folder / 'root.json'}",
            # Carriers reach one machine only, and what the operator lets tenants name is the lab alone.
            "TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "EGRESS__ALLOW": lab.removeprefix("http://"),
        }
        for carrier in CARRIERS.values():
            environ |= carrier.environ
        services = []
        for name, own, workers in (("here", port, WORKERS), ("there", free_port(), 1)):
            (folder / name).mkdir()
            more = {"TELEPHONY__PEER_URL": f"http://127.0.0.1:{own}", "WORKERS": str(workers)}
            services.append(Service(folder / name, {**environ, **more}, port=own))
            stack.callback(services[-1].kill)
            services[-1].start()
        for carrier in (TWILIO, EXOTEL):
            services[0].add_credential(carrier.name, f"{lab}/{carrier.name}", value=carrier.value)
        for provider in ("deepgram", "elevenlabs"):
            services[0].add_credential(provider, f"{lab}/{provider}", key="key-of-the-lab-0123456789")
        yield Machines(*services, url)
        for service in services:
            assert "unexpected" not in service.log.read_text()


def calling(lab: str, carrier: Carrier, *acts: Any, **more: Any) -> Exchange:
    exchange = Exchange(lab, carrier)
    exchange.reset()
    exchange.phone(*acts, **more)
    return exchange


@contextlib.asynccontextmanager
async def grpc_attached(service: Service, id: str) -> AsyncIterator[tuple[Any, list[wire.MediaServer]]]:
    """Attach over gRPC; yield the stream, and what is told on it as it comes."""
    told: list[wire.MediaServer] = []
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel:
        stream = channel.stream_stream(
            "/integration.voice.v1.Telephony/AttachMedia",
            wire.MediaClient.SerializeToString,
            wire.MediaServer.FromString,
        )(metadata=SIGNED)
        await stream.write(wire.MediaClient(attach=wire.MediaClient.Attach(call_id=id)))

        async def listen() -> None:
            with contextlib.suppress(grpc.aio.AioRpcError):
                while (message := await stream.read()) is not grpc.aio.EOF:
                    told.append(message)

        listening = asyncio.create_task(listen())
        try:
            yield stream, told
        finally:
            stream.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def of(told: list[wire.MediaServer], kind: str) -> list[Any]:
    return [getattr(one, kind) for one in told if one.WhichOneof("event") == kind]


async def test_sound_keys_marks_and_hanging_up_from_another_machine(machines: Machines, lab: str) -> None:
    exchange = Exchange(lab, TWILIO)
    exchange.reset()
    there = machines.there
    await asyncio.gather(*(call_with_all(there, exchange, number) for number in range(CALLS)))
    assert not [path for path in (there.folder / "data" / "media").iterdir() if path.is_symlink()]


async def test_silence_at_once_over_grpc_from_another_machine(machines: Machines, lab: str) -> None:
    exchange = calling(lab, TWILIO, {"awaits": "now"}, sound(spoken := noise(TWILIO, 300)), speed=1.0)
    call = await asyncio.to_thread(create, machines.there, TWILIO)
    id = call["provider_call_id"]
    async with grpc_attached(machines.there, call["id"]) as (stream, told):
        await until(lambda: of(told, "started"))
        old, new = noise(TWILIO, 8_000), noise(TWILIO, 200)
        await stream.write(wire.MediaClient(audio=old))
        await stream.write(wire.MediaClient(mark=wire.MediaClient.Mark(name="never")))
        await until(lambda: exchange.call(id)["heard_ms"] > 100)
        await stream.write(wire.MediaClient(clear=wire.MediaClient.Clear()))
        await stream.write(wire.MediaClient(audio=new))
        await stream.write(wire.MediaClient(mark=wire.MediaClient.Mark(name="now")))
        await until(lambda: spoken in b"".join(one.audio for one in of(told, "audio")))
        assert [(one.name, one.cancelled) for one in of(told, "mark_reached")] == [
            ("never", True), ("now", False),
        ]  # fmt: skip
        heard = exchange.heard(id)
        assert new in heard
        assert len(heard) < len(old)
        await stream.write(wire.MediaClient(hangup=wire.MediaClient.Hangup()))
        await until(lambda: of(told, "closed"))
    assert (await ended(machines.there, call["id"]))["hung_up_by"] == "caller"


async def test_sound_is_made_what_its_caller_wants_where_it_comes(machines: Machines, lab: str) -> None:
    calling(lab, TWILIO, {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.there, TWILIO)
    form = {"encoding": "pcm_s16le", "sample_rate_hz": 16000}
    async with attached(machines.there, call["id"], format=form) as caller:
        [started] = await until(lambda: caller.of("started"))
        assert started["format"] == {**form, "channels": 1}
        await until(lambda: len(caller.pieces) > 10)
        assert set(caller.pieces) == {640}
        await caller.say("hangup")
        await until(lambda: caller.done)


async def test_keys_and_hanging_up_by_asking_another_machine(machines: Machines, lab: str) -> None:
    exchange = calling(lab, TWILIO, {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.there, TWILIO)
    path = f"/v1/calls/{call['id']}"
    async with attached(machines.here, call["id"]) as caller:
        await until(lambda: caller.of("started"))
        status, answer = await asyncio.to_thread(
            machines.there.call, "POST", f"{path}/dtmf", {"digits": "42"}
        )
        assert status == 200, answer
        # Who is attached is not told that it is over when the carrier opens another socket: that is expected.
        await until(lambda: len(caller.of("started")) == 2)
        assert exchange.call(call["provider_call_id"])["keyed"] == "42"
        await asyncio.to_thread(machines.there.call, "POST", f"{path}/hangup")
        await until(lambda: caller.done)
    assert (await ended(machines.there, call["id"]))["hung_up_by"] == "caller"
    # A carrier whose calls end by their media socket.
    exchange = calling(lab, EXOTEL, {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.there, EXOTEL)
    await until(lambda: get(machines.there, call["id"])["media_open"])
    status, answer = await asyncio.to_thread(machines.there.call, "POST", f"/v1/calls/{call['id']}/hangup")
    assert status == 200, answer
    over = await ended(machines.there, call["id"])
    assert (over["state"], over["hung_up_by"]) == ("completed", "caller")


async def test_text_in_and_text_out_from_another_machine(machines: Machines, lab: str) -> None:
    ask_lab(lab, "DELETE", "")
    heard = [{"text": "I would like a table", "start_ms": 300, "end_ms": 1300}]
    ask_lab(lab, "PUT", "script", {"deepgram": [{"heard": heard}]})
    exchange = calling(lab, TWILIO, sound(SPEECH), {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.there, TWILIO, media=inline())
    async with attached(machines.there, call["id"]) as caller:
        await until(lambda: told(caller, "stt", "final"))
        assert told(caller, "stt", "final")[0]["text"] == "I would like a table"
        await caller.say("text", utterance_id="answer", text="For how many?", final=True)
        await until(lambda: [one for one in caller.of("mark_reached") if one["name"] == "answer"])
        await caller.say("hangup")
        await until(lambda: caller.done)
    assert mouth.mulaw("For how many?") in exchange.heard(call["provider_call_id"])


async def test_nobody_but_a_replica_is_let_in_and_once_only(
    machines: Machines, lab: str, tmp_path: Path
) -> None:
    calling(lab, TWILIO, {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.here, TWILIO)
    await until(lambda: get(machines.there, call["id"])["media_open"])
    url, id = machines.here.url, int(call["id"])
    async with connected(machines.url) as owner:
        row = await owner.fetchrow("SELECT organization_id, project_id FROM calls WHERE id = $1", id)
    mine = Tenant(*row)
    other = Tenant(mine.organization_id, mine.project_id + 1)
    tokens = await machines.tokens(tmp_path)
    strangers = PeerTokens(b"k" * 32, Spent(tmp_path))

    def at(offset: float) -> Any:
        return machines.tokens(tmp_path, lambda: clock.now() + offset)

    good = tokens.make(url, mine, id)
    raw = urlsafe_b64decode(good)
    refused = [
        ("", 401, "forged"),
        ("nonsense", 401, "forged"),
        ("é" * 108, 401, "forged"),
        (strangers.make(url, mine, id), 401, "forged"),
        *((changed(raw, at), 401, "forged") for at in range(0, len(raw), 7)),
        (tokens.make(machines.there.url, mine, id), 401, "forged"),
        ((await at(-60)).make(url, mine, id), 401, "expired"),
        ((await at(60)).make(url, mine, id), 401, "expired"),
        (tokens.make(url, other, id), 404, "not_here"),
        (tokens.make(url, mine, id + 1), 404, "not_here"),
    ]
    before = {reason: counted(machines, reason) for _, _, reason in refused} | {
        "replayed": counted(machines, "replayed")
    }
    for token, status, reason in refused:
        with pytest.raises(InvalidStatus) as error:
            async with knocking(machines.here, token):
                pass
        assert error.value.response.status_code == status, (reason, token)
    async with knocking(machines.here, good) as socket:
        assert await socket.recv() == tokens.proof(url, good)
    # Whichever of the processes it comes to: each connection may reach another.
    for _ in range(8):
        with pytest.raises(InvalidStatus) as error:
            async with knocking(machines.here, good):
                pass
        assert error.value.response.status_code == 401
    expected = {reason: sum(why == reason for *_, why in refused) for reason in before} | {"replayed": 8}
    for reason, number in expected.items():
        await until(lambda: counted(machines, reason) - before[reason] == number)  # noqa: B023 - called at once
    log = machines.here.log.read_text()
    assert '"event":"media_peer_refused"' in log
    assert good not in log
    # A key of ours opens nothing there, and a plain request is told nothing but that it is no WebSocket.
    assert machines.here.call("GET", "/internal/media")[0] == 401
    assert machines.here.call("GET", "/internal/media", key=tokens.make(url, mine, id))[0] == 426
    await asyncio.to_thread(machines.here.call, "POST", f"/v1/calls/{id}/hangup")
    await ended(machines.here, call["id"])


def changed(raw: bytes, at: int) -> str:
    return urlsafe_b64encode(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]).decode()


def knocking(service: Service, token: str) -> Any:
    url = f"{service.url.replace('http', 'ws')}/internal/media"
    return connect(url, additional_headers={"authorization": f"Bearer {token}"}, open_timeout=60)


def counted(machines: Machines, reason: str) -> float:
    text = machines.here.call("GET", "/metrics", key=None)[1]
    return metric(text, "integration_media_peers_refused_total", reason=reason)


async def test_an_address_that_is_no_replicas_hears_nothing(
    machines: Machines, lab: str, tmp_path: Path
) -> None:
    """Whoever can write to the database sends nobody's sound to an address of his own."""
    heard: list[Any] = []

    async def listen(socket: Any) -> None:
        await socket.send(b"x" * 32)
        heard.extend([message async for message in socket])

    calling(lab, TWILIO, {"waits_ms": 60_000})
    call = await asyncio.to_thread(create, machines.here, TWILIO)
    await until(lambda: get(machines.there, call["id"])["media_open"])
    async with serve(listen, "127.0.0.1", 0) as server, connected(machines.url) as owner:
        port = server.sockets[0].getsockname()[1]
        moved = "UPDATE calls SET media_peer = $1 WHERE id = $2"
        await owner.execute(moved, f"http://127.0.0.1:{port}", int(call["id"]))
        async with attached(machines.there, call["id"]) as caller:
            await caller.socket.send(b"\x01" * 160)
            await until(lambda: caller.done)
            assert [(one["code"], one["retryable"]) for one in caller.of("error")] == [
                ("media_unreachable", True)
            ]
        await owner.execute(moved, "http://127.0.0.1:1/?redirect=@elsewhere", int(call["id"]))
        async with attached(machines.there, call["id"]) as caller:
            await until(lambda: caller.of("error"))
    assert not heard
    # And what replicas may do is no way out for tenants.
    value = {**TWILIO.value, "base_url": machines.here.url}
    asked = {"provider": "twilio", "name": "inside", "value": value}
    status, answer = machines.there.call("POST", "/v1/credentials", asked)
    assert (status, answer["error"]["code"]) == (400, "egress_denied")
    await asyncio.to_thread(machines.here.call, "POST", f"/v1/calls/{call['id']}/hangup")
    await ended(machines.here, call["id"])


async def test_a_machine_dies_and_one_without_an_address_says_what_to_set(
    machines: Machines, lab: str, tmp_path: Path
) -> None:
    calling(lab, TWILIO, {"waits_ms": 60_000})
    port, here, there = free_port(), machines.here, machines.there
    own = f"http://127.0.0.1:{port}"
    environ = {**there.environ, "TELEPHONY__PEER_URL": own, "TELEPHONY__PUBLIC_URL": own}
    mortal = Service(tmp_path, environ, port=port)
    try:
        await asyncio.to_thread(mortal.start)
        # Keys are pressed at a third one, and the carrier's next socket comes there: the first has no part in it any more.
        exchange = calling(lab, TWILIO, {"waits_ms": 60_000})
        call = await asyncio.to_thread(create, here, TWILIO)
        async with attached(there, call["id"]) as caller:
            await until(lambda: caller.of("started"))
            path = f"/v1/calls/{call['id']}/dtmf"
            status, answer = await asyncio.to_thread(mortal.call, "POST", path, {"digits": "1"})
            assert status == 200, answer
            await until(lambda: len(caller.of("started")) == 2)
            with stopped(here):
                await caller.socket.send(answered := noise(TWILIO, 200))
                await until(lambda: answered in exchange.heard(call["provider_call_id"]))
            await caller.say("hangup")
            await until(lambda: caller.done)
        # The one that has the sound dies: whoever is attached elsewhere is told, and may try again.
        call = await asyncio.to_thread(create, mortal, TWILIO)
        async with grpc_attached(there, call["id"]) as (_, first):
            await until(lambda: of(first, "started"))
            async with attached(there, call["id"]) as caller:
                await until(lambda: caller.of("started"))
                await until(lambda: of(first, "closed"))
                assert of(first, "closed")[0].reason == "taken_over"
                await asyncio.to_thread(mortal.kill)
                await until(lambda: caller.done)
                assert errors(caller) == [("media_lost", True)]
                assert caller.events[-1]["reason"] == "error"
        assert get(there, call["id"])["state"] == "answered"
        async with attached(there, call["id"]) as caller:
            await until(lambda: caller.done)
            assert errors(caller) == [("media_unreachable", True)]
        async with grpc_attached(there, call["id"]) as (stream, told):
            await until(lambda: of(told, "closed"))
            assert of(told, "error")[0].code == "media_unreachable"
            assert await stream.code() is grpc.StatusCode.UNAVAILABLE
        await asyncio.to_thread(there.call, "POST", f"/v1/calls/{call['id']}/hangup")
        # It comes again, and has no address for the others any more.
        mortal.environ = {**environ, "TELEPHONY__PEER_URL": ""}
        await asyncio.to_thread(mortal.start)
        call = await asyncio.to_thread(create, mortal, TWILIO)
        await until(lambda: get(mortal, call["id"])["media_open"])
        async with attached(there, call["id"]) as caller:
            await until(lambda: caller.done)
            assert [one["code"] for one in caller.of("warning")] == ["media_elsewhere"]
            assert "TELEPHONY__PEER_URL" in caller.of("warning")[0]["message"]
            assert caller.events[-1]["reason"] == "media_elsewhere"
        assert mortal.call("GET", "/internal/media")[0] == 404
        await asyncio.to_thread(mortal.call, "POST", f"/v1/calls/{call['id']}/hangup")
        # It reaches them all the same. It dies with its caller: the call goes on, and another goes on with it.
        call = await asyncio.to_thread(create, here, TWILIO)
        async with attached(mortal, call["id"]) as caller:
            await until(lambda: caller.of("started"))
            await asyncio.to_thread(mortal.kill)
            await until(lambda: caller.done)
        async with attached(there, call["id"]) as again:
            await until(lambda: again.of("started"))
            await until(lambda: again.sound)
            await again.say("hangup")
            await until(lambda: again.done)
    finally:
        mortal.kill()


@contextlib.contextmanager
def stopped(service: Service) -> Iterator[None]:
    assert service.process is not None
    os.killpg(service.process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.killpg(service.process.pid, signal.SIGCONT)


def errors(caller: Attached) -> list[tuple[str, bool]]:
    return [(one["code"], one["retryable"]) for one in caller.of("error")]
