"""StreamChat inside the process: what no caller could bring about from outside."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.edge.application import Call
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.asking import Talk
from integration_api.rpc.methods import Ask
from integration_api.rpc.stream_chat import MOST_FRAMES, Session
from tests.rpc.caller import chat_frame, configuration, user


def session(**talk: Any) -> Session:
    principal = Principal(Tenant(1, 2), 3, frozenset({Scope.INFER}))
    ask = Ask(Call("/x", {}, 0.0), "request-1", principal)
    given = {name: talk.get(name) for name in Talk.__slots__}
    return Session(Talk(**given), ask)


@pytest.mark.parametrize("junk", [b"", b"\xff\xff", b"\x0a\x00", b"\x12\x00"])
async def test_a_caller_who_does_not_read_is_not_listened_to(junk: bytes) -> None:
    heard = 0

    async def flood() -> AsyncIterator[bytearray]:
        nonlocal heard
        while True:
            heard += 1
            yield bytearray(junk)
            await asyncio.sleep(0)

    answers = session().run(flood())
    await anext(answers)
    before = -1
    while before != heard:
        before = heard
        for _ in range(2 * MOST_FRAMES):
            await asyncio.sleep(0)
    assert heard <= MOST_FRAMES + 2
    for _ in range(3 * MOST_FRAMES):  # Who reads on is heard on.
        await anext(answers)
    await answers.aclose()


async def test_a_bug_ends_its_turn_only() -> None:
    said: list[tuple[str, dict[str, Any]]] = []

    async def no_harm(*_: Any) -> None:
        pass

    async def broken(*_: Any) -> None:
        raise ZeroDivisionError("a secret detail")

    log = SimpleNamespace(error=lambda event, **more: said.append((event, more)))
    frames = [configuration("sandbox"), *(chat_frame(n, "sandbox/echo", user("Hello")) for n in ("1", "2"))]
    told = asyncio.Event()

    async def messages() -> AsyncIterator[bytearray]:
        for frame in frames:
            yield bytearray(frame.SerializeToString())
            await told.wait()
            told.clear()

    talk = session(calls=SimpleNamespace(check=no_harm), turns=SimpleNamespace(restore=broken), log=log)
    answers = []
    async for answer in talk.run(messages()):
        answers.append(wire.StreamChatResponse.FromString(answer))
        told.set()
    assert [(one.chat.requestId, one.chat.error.errorCode) for one in answers] == [
        ("", 0), ("1", 500), ("2", 500),
    ]  # fmt: skip
    assert all("secret" not in str(one) for one in answers)
    assert [(event, str(more["error"])) for event, more in said] == [("unexpected", "a secret detail")] * 2
