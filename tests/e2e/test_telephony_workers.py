"""A call's sound with several workers on one port: whoever attaches hears it, whichever of them it reached."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.e2e.telephones import TWILIO, Exchange, until
from tests.e2e.test_telephony import call_with_all, lab
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
    await asyncio.gather(*(call_with_all(service, exchange, number) for number in range(CALLS)))
    folder = service.folder / "data" / "media"
    await until(lambda: not [path for path in folder.iterdir() if path.is_symlink()])
    assert len(list(folder.iterdir())) == WORKERS
    assert service.stop() == 0
    assert not list(folder.iterdir())
    assert "unexpected" not in service.log.read_text()
