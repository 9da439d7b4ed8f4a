"""Turns kept for callers who build their history anew: given back whole, to their own tenant, and unedited."""

from collections.abc import AsyncGenerator

import msgspec
import pytest

from integration_api.cache.local import LocalCache
from integration_api.core.errors import StreamCut
from integration_api.core.llm import (
    Ended,
    Finish,
    Finished,
    FinishReason,
    LlmEvent,
    Message,
    Opaque,
    Origin,
    Part,
    PartEnded,
    PartStarted,
    Reasoning,
    Role,
    Started,
    Text,
    ToolCall,
    ToolResult,
)
from integration_api.core.tenant import Tenant
from integration_api.services.turns import KEPT_SECONDS, MOST_BYTES, Turns

TENANT = Tenant(1, 2)
SIGNATURE = Opaque("c2lnbmVk", "anthropic-claude-v1", Origin("anthropic", "claude"))
THOUGHT = Reasoning("Which town?", signature=SIGNATURE)
CALL = ToolCall("toolu_1", "get_weather", '{"city":"Kyiv"}')
USER = Message(Role.USER, (Text("The weather?"),))
RESULT = Message(Role.TOOL, (ToolResult("toolu_1", (Text("12 degrees"),)),))
WHOLE = (THOUGHT, Text("Let me see."), CALL)
TOLD = Message(Role.ASSISTANT, WHOLE[1:])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> LocalCache:
    return LocalCache(1 << 24, clock)


@pytest.fixture
def turns(cache: LocalCache) -> Turns:
    return Turns(bytes(32), cache)


async def restored(turns: Turns, *messages: Message, tenant: Tenant = TENANT) -> list[tuple[Part, ...]]:
    """Return the parts of the assistant's turns."""
    found = await turns.restore(tenant, messages)
    assert [message.role for message in found] == [message.role for message in messages]
    return [message.parts for message in found if message.role is Role.ASSISTANT]


async def test_a_turn_comes_back_whole(turns: Turns) -> None:
    await turns.keep(TENANT, WHOLE)
    assert await restored(turns, USER, TOLD, RESULT) == [WHOLE]
    assert await restored(turns, USER, TOLD, RESULT) == [WHOLE]


async def streamed(*ending: LlmEvent) -> AsyncGenerator[list[LlmEvent], None]:
    yield [Started("msg_1", "claude")]
    for at, part in enumerate(WHOLE):
        yield [PartStarted(0, at, part), PartEnded(0, at, part)]
    yield list(ending)


ENDING = (Finished(0, Finish(FinishReason.TOOL_CALLS)), Ended())


async def test_a_stream_is_passed_on_and_kept(turns: Turns) -> None:
    passed = [events async for events in turns.keeping(TENANT, streamed(*ENDING))]
    assert passed == [events async for events in streamed(*ENDING)]
    assert await restored(turns, USER, TOLD, RESULT) == [WHOLE]


async def test_a_stream_that_was_cut_or_left_is_not_kept(turns: Turns, cache: LocalCache) -> None:
    with pytest.raises(StreamCut):
        [events async for events in turns.keeping(TENANT, streamed())]
    left = turns.keeping(TENANT, streamed(*ENDING))
    await anext(left)
    await left.aclose()
    assert not cache._entries


async def test_a_client_may_write_arguments_in_its_own_way(turns: Turns) -> None:
    await turns.keep(TENANT, WHOLE)
    written = msgspec.structs.replace(CALL, arguments='{ "city": "Kyiv" }')
    assert await restored(turns, USER, Message(Role.ASSISTANT, (TOLD.parts[0], written)), RESULT) == [WHOLE]


@pytest.mark.parametrize("tenant", [Tenant(1, 3), Tenant(3, 2)])
async def test_nobody_elses_turn_comes_back(turns: Turns, tenant: Tenant) -> None:
    await turns.keep(TENANT, WHOLE)
    assert await restored(turns, USER, TOLD, RESULT, tenant=tenant) == [TOLD.parts]


@pytest.mark.parametrize(
    "edited",
    [
        (Text("Let me think."), CALL),
        (Text("Let me see."), msgspec.structs.replace(CALL, arguments='{"city":"Lviv"}')),
        (Text("Let me see."), msgspec.structs.replace(CALL, name="get_time")),
        (Text("Let me see."), CALL, ToolCall("toolu_2", "get_time", "{}")),
        (CALL,),
    ],
    ids=["text", "arguments", "name", "another call", "no text"],
)
async def test_a_turn_that_was_edited_is_the_callers(turns: Turns, edited: tuple[Part, ...]) -> None:
    await turns.keep(TENANT, WHOLE)
    assert await restored(turns, USER, Message(Role.ASSISTANT, edited), RESULT) == [edited]


async def test_a_turn_that_is_over_needs_no_thoughts(turns: Turns) -> None:
    await turns.keep(TENANT, WHOLE)
    said = Message(Role.ASSISTANT, (Text("12 degrees."),))
    assert await restored(turns, USER, TOLD, RESULT, said, USER) == [TOLD.parts, said.parts]


async def test_every_step_of_a_turn_comes_back(turns: Turns) -> None:
    history = [USER]
    whole = []
    for number in range(40):
        call = ToolCall(f"toolu_{number}", "step", "{}")
        parts = (Reasoning(f"Step {number}", signature=SIGNATURE), call)
        await turns.keep(TENANT, parts)
        whole.append(parts)
        history += [Message(Role.ASSISTANT, (call,)), Message(Role.TOOL, (ToolResult(call.id),))]
    assert await restored(turns, *history) == whole


@pytest.mark.parametrize(
    "parts",
    [
        (THOUGHT, Text("No tool was called.")),
        (Text("Nothing to add."), CALL),
        (Reasoning("x" * MOST_BYTES, signature=SIGNATURE), CALL),
    ],
    ids=["no call", "all is told", "too long"],
)
async def test_what_is_not_kept(turns: Turns, cache: LocalCache, parts: tuple[Part, ...]) -> None:
    await turns.keep(TENANT, parts)
    assert not cache._entries


async def test_a_turn_is_forgotten_after_a_while(turns: Turns, clock: Clock) -> None:
    await turns.keep(TENANT, WHOLE)
    clock.now = KEPT_SECONDS - 1
    assert await restored(turns, USER, TOLD, RESULT) == [WHOLE]
    clock.now = KEPT_SECONDS + 1
    assert await restored(turns, USER, TOLD, RESULT) == [TOLD.parts]


async def test_what_is_kept_is_sealed(turns: Turns, cache: LocalCache) -> None:
    await turns.keep(TENANT, WHOLE)
    ((name, (sealed, end)),) = cache._entries.items()
    assert b"town" not in sealed
    assert "toolu_1" not in name
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        cache._entries[name] = (bytes(changed), end)
        assert await restored(turns, USER, TOLD, RESULT) == [TOLD.parts]
    cache._entries[name] = (sealed, end)
    assert await restored(Turns(bytes([1] * 32), cache), USER, TOLD, RESULT) == [TOLD.parts]


async def test_a_turn_that_carries_itself_is_left_alone(turns: Turns) -> None:
    await turns.keep(TENANT, WHOLE)
    own = (Reasoning("Mine.", signature=SIGNATURE), *TOLD.parts)
    assert await restored(turns, USER, Message(Role.ASSISTANT, own), RESULT) == [own]
