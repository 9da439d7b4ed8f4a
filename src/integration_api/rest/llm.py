"""POST /v1/chat/completions. https://platform.openai.com/docs/api-reference/chat"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

import msgspec

from integration_api.core.errors import Failure
from integration_api.core.llm import LlmEvent, Notice, Noticed
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_request as surface
from integration_api.dialects.openai_surface_errors import error_event
from integration_api.dialects.openai_surface_response import DONE, ChatStream, render_chat
from integration_api.dialects.openai_surface_wire import ChatBody
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON, SSE_HEADERS
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import ChatCompletion
from integration_api.rest.targeting import passed_on, strict, target_of
from integration_api.services import clock
from integration_api.services.call import Call
from integration_api.services.llm import LlmService
from integration_api.services.particulars import call_headers
from integration_api.services.target import Target
from integration_api.services.turns import Turns

PING = b": ping\n\n"
FIRST_SECONDS = 15.0
"""A stream's status waits this long for its first event, so that an early failure keeps its own;
then the answer begins with a ping, as it goes on whenever the provider is silent that long."""
LANGUAGE = "openai_chat"
EXTENSIONS = re.compile(rb'"(?:reasoning_|extra_content"|cache_control"|provider_extra"|thinking")')
"""Marks of a history that other providers' answers went into: it must be translated, even for OpenAI."""

Item = TypeVar("Item")


class ChatDoor:
    def __init__(self, llm: LlmService, turns: Turns) -> None:
        self._llm = llm
        self._turns = turns

    async def create(self, ask: Ask) -> Response:
        peek = surface.peek(ask.request.body)
        target = target_of(ask, peek.model, peek.provider)
        if _as_it_stands(ask, peek) and self._llm.passes(target, LANGUAGE, peek.raw):
            return await self._relay(ask, target, peek)
        read = surface.read_chat(ask.request.body, model=target.model, raw=peek.raw)
        tenant = ask.origin.principal.tenant
        request = read.with_(headers=passed_on(ask), strict=strict(ask))
        messages = await self._turns.restore(tenant, request.messages)
        if messages is not request.messages:
            request = msgspec.structs.replace(request, messages=messages)
        if not read.stream:
            call, answer = await self._llm.complete(ask.origin, target, request)
            if answer.candidates:
                await self._turns.keep(tenant, answer.candidates[0].parts)
            body = render_chat(answer, provider=target.provider.name, id=_id(ask), created=int(clock.now()))
            return Response(200, [JSON, *call_headers(call, answer.warnings)], body)
        call, events = await self._llm.stream(ask.origin, target, request)
        if request.tools:
            events = self._turns.keeping(tenant, events)
        renderer = ChatStream(
            include_usage=read.include_usage,
            provider=target.provider.name,
            id=_id(ask),
            model=target.model,
            created=int(clock.now()),
        )
        return await _answer(call, events, renderer)

    async def _relay(self, ask: Ask, target: Target, peek: surface.Peek) -> Response:
        """Give the provider the caller's own body, and the caller the provider's own answer."""
        if not peek.stream:
            call, body = await self._llm.relay(ask.origin, target, peek.raw)
            return Response(200, [JSON, *call_headers(call)], body)
        call, chunks = await self._llm.relay_stream(ask.origin, target, peek.raw)
        first = await _first(call, chunks)
        return Response(
            200,
            [*SSE_HEADERS, *call_headers(call)],
            _follow(first, chunks, _as_it_is, _nothing),
            keepalive=PING,
        )

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/v1/chat/completions", handler=self.create, scope=Scope.INFER,
                  summary="Chat with a model of any provider", body=ChatBody, answer=ChatCompletion, streams=True,
                  responses={402: "The provider wants money", 424: "The provider refused the stored key",
                             429: "Slow down", 502: "The provider broke", 504: "The provider took too long"}),
        ]  # fmt: skip


def _as_it_stands(ask: Ask, peek: surface.Peek) -> bool:
    """Whether the caller's body says all and nothing but what it says to OpenAI."""
    if strict(ask) or (peek.provider is not None and peek.provider.options):
        return False
    messages = peek.raw.get("messages")
    return messages is not None and EXTENSIONS.search(messages) is None


def _id(ask: Ask) -> str:
    return f"chatcmpl-{ask.request_id}"


async def _answer(call: Call, events: AsyncGenerator[list[LlmEvent], None], renderer: ChatStream) -> Response:
    first = await _first(call, events)
    headers = [*SSE_HEADERS, *call_headers(call, _notices(first))]
    return Response(
        200, headers, _follow(first, events, renderer.render, lambda: renderer.close() + DONE), keepalive=PING
    )


def _notices(first: "asyncio.Task[list[LlmEvent]]") -> tuple[Notice, ...]:
    events = first.result() if first.done() and first.exception() is None else []
    return tuple(event.warning for event in events if type(event) is Noticed)


def _as_it_is(chunk: bytes) -> bytes:
    return chunk


def _nothing() -> bytes:
    return b""


async def _first(call: Call, source: AsyncGenerator[Item, None]) -> "asyncio.Task[Item]":
    """Return the task of a stream's first item, finished unless the provider is slow.

    Raises what the stream raises, while the answer's status can still say so.
    """
    task = asyncio.ensure_future(anext(source))
    try:
        await asyncio.wait((task,), timeout=FIRST_SECONDS)
    except asyncio.CancelledError:
        task.cancel()
        call.cancelled()  # A stream that has not begun yet can not tell that it was left.
        raise
    if task.done() and isinstance(error := task.exception(), Failure):
        raise error
    return task


async def _follow(
    first: "asyncio.Task[Item]",
    source: AsyncGenerator[Item, None],
    render: Callable[[Item], bytes],
    close: Callable[[], bytes],
) -> AsyncGenerator[bytes, None]:
    """Render a stream to its end. A failure becomes its last event, and then nothing says that it is done."""
    try:
        if not first.done():
            yield PING
        if said := render(await first):
            yield said
        async for item in source:
            if said := render(item):
                yield said
        if said := close():
            yield said
    except Failure as error:
        yield error_event(error)
    finally:
        first.cancel()
        await source.aclose()
