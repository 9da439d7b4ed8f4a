"""With which code a call's media socket is closed: whether something went wrong, and whose doing it was."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.edge.application import Request, Upgrade
from integration_api.rest import media
from integration_api.rest.routing import Ask
from integration_api.services.media_guest import Over, Told


class Call:
    provider = "twilio"


class Calls:
    async def get(self, tenant: Tenant, id: int) -> Call:
        return Call()


class Socket:
    """Says `attach`, and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.code = 0

    async def receive(self) -> str | None:
        return '{"type": "attach"}'

    async def send(self, message: str) -> None:
        self.told.append(json.loads(message))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.code = code


async def closed(monkeypatch: pytest.MonkeyPatch, end: Over | Failure) -> Socket:
    async def attach(*_: Any) -> AsyncGenerator[Told, None]:
        if isinstance(end, Failure):
            raise end
        yield end

    monkeypatch.setattr(media.attachment, "attach", attach)
    service: Any = Calls()
    request = Request("GET", "/", "", {}, bytearray(), 0.0)
    caller = Principal(Tenant(1, 2), 3, frozenset({Scope.INFER}))
    upgrade = await media.MediaDoor(service).attach(Ask(request, "r", {"call_id": "7"}, caller))
    assert isinstance(upgrade, Upgrade)
    socket: Any = Socket()
    await upgrade.talk(socket)
    return socket


@pytest.mark.parametrize(
    ("reason", "code"),
    [("finished", 1000), ("call_ended", 1000), ("detached", 1000), ("taken_over", 1000), ("media_elsewhere", 1000),
     ("overrun", 1008), ("unsupported_format", 1008)],
)  # fmt: skip
async def test_an_end_says_whether_the_caller_is_to_do_something_else(
    monkeypatch: pytest.MonkeyPatch, reason: str, code: int
) -> None:
    socket = await closed(monkeypatch, Over(reason))
    assert ([one.get("reason") for one in socket.told], socket.code) == ([reason], code)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure(Kind.CONFLICT, "the call is over: busy", code="call_ended"), 1000),
        (Failure(Kind.CONFLICT, "not yet", code="call_not_answered"), 1008),
        (Failure(Kind.NOT_FOUND, "there is no such call", code="call_not_found"), 1008),
        (Failure(Kind.UNREACHABLE, "the machine does not answer", code="media_unreachable"), 1011),
    ],
)
async def test_an_error_says_whose_it_is(
    monkeypatch: pytest.MonkeyPatch, failure: Failure, code: int
) -> None:
    socket = await closed(monkeypatch, failure)
    assert [one.get("code") or one["reason"] for one in socket.told] == [failure.code, "error"]
    assert socket.code == code
