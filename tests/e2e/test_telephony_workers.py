"""A call's sound with several workers on one port: whoever attaches hears it, whichever of them it reached."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.e2e.telephones import TWILIO, Exchange, attached, create, get, sound, until
from tests.e2e.test_telephony import ended, lab, noise
from tests.ports import free_port

__all__ = ["lab"]

WORKERS, CALLS = 3, 6


@pytest.fixture
def service(tmp_path: Path, lab: str) -> Iterator[Service]:
    port = free_port()
    # Deep enough that no socket's path may be as long.
    folder = tmp_path / ("deep-" * 12) / ("deeper-" * 12)
    folder.mkdir(parents=True)
    environ = {"TELEPHONY__PUBLIC_URL": f"http://127.0.0.1:{port}", "WORKERS": str(WORKERS)}
    started = Service(folder, environ, port=port)
    try:
        started.start()
        started.add_credential("twilio", f"{lab}/twilio", value=TWILIO.value)
        yield started
    finally:
        if started.alive:
            started.kill()


async def test_sound_keys_and_hanging_up_from_any_worker(service: Service, lab: str) -> None:
    exchange = Exchange(lab, TWILIO)
    exchange.reset()

    async def one(number: int) -> None:
        theirs, spoken, answered = f"+4930111{number:03}", noise(TWILIO, 300), noise(TWILIO, 300)
        exchange.phone({"awaits": "now"}, sound(spoken), number=theirs)
        call = await asyncio.to_thread(create, service, TWILIO, to=theirs)
        # Half of them wait for the sound, the others come when it is there.
        if number % 2:
            await until(lambda: get(service, call["id"])["media_open"])
        async with attached(service, call["id"]) as caller:
            await until(lambda: caller.of("started"))
            await caller.socket.send(answered)
            await caller.say("mark", name="now")
            await until(lambda: spoken in bytes(caller.sound))
            assert answered in exchange.heard(call["provider_call_id"])
            assert [mark["name"] for mark in caller.of("mark_reached")] == ["now"]
        async with attached(service, call["id"]) as again:
            await until(lambda: again.of("started"))
            await again.say("dtmf", digits="7")
            await until(lambda: exchange.call(call["provider_call_id"])["keyed"])
            await until(lambda: len(again.of("started")) == 2)
            await until(lambda: get(service, call["id"])["media_open"])
            await again.socket.send(later := noise(TWILIO, 200))
            await until(lambda: later in exchange.heard(call["provider_call_id"]))
            await again.say("hangup")
            await until(lambda: again.done)
            assert again.events[-1]["type"] == "closed"
        over = await ended(service, call["id"])
        assert (over["state"], over["hung_up_by"]) == ("completed", "caller")

    await asyncio.gather(*(one(number) for number in range(CALLS)))
    folder = service.folder / "data" / "media"
    await until(lambda: not [path for path in folder.iterdir() if path.is_symlink()])
    assert len(list(folder.iterdir())) == WORKERS
    assert service.stop() == 0
    assert not list(folder.iterdir())
    assert "unexpected" not in service.log.read_text()
