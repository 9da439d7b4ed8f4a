"""POST /v1/chat/completions. https://platform.openai.com/docs/api-reference/chat"""

import asyncio
import re
from collections.abc import AsyncGenerator

import msgspec

from integration_api.core.llm import LlmEvent, Notice, Noticed
from integration_api.core.relay import Outlet
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_request as surface
from integration_api.dialects.openai_surface_response import DONE, ChatStream, render_chat
from integration_api.dialects.openai_surface_wire import ChatBody
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON, SSE_HEADERS
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import ChatCompletion
from integration_api.rest.streaming import PING, first_of, follow
from integration_api.rest.targeting import passed_on, strict, target_of
from integration_api.services import clock
from integration_api.services.call import Call
from integration_api.services.llm import LlmService
from integration_api.services.particulars import call_headers
from integration_api.services.target import Target
from integration_api.services.turns import Turns

LANGUAGE = "openai_chat"
EXTENSIONS = re.compile(rb'"(?:reasoning_|extra_content"|cache_control"|provider_extra"|thinking")')
"""Marks of a history that other providers' answers went into: it must be translated, even for OpenAI."""


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
        outlet = Outlet()
        call, chunks = await self._llm.relay_stream(ask.origin, target, peek.raw, outlet)
        first = await first_of(call, chunks)
        return Response(
            200,
            [*SSE_HEADERS, *call_headers(call)],
            follow(first, chunks, _as_it_is, _nothing),
            keepalive=PING,
            outlet=outlet,
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
    first = await first_of(call, events)
    headers = [*SSE_HEADERS, *call_headers(call, _notices(first))]
    return Response(
        200, headers, follow(first, events, renderer.render, lambda: renderer.close() + DONE), keepalive=PING
    )


def _notices(first: "asyncio.Task[list[LlmEvent]]") -> tuple[Notice, ...]:
    events = first.result() if first.done() and first.exception() is None else []
    return tuple(event.warning for event in events if type(event) is Noticed)


def _as_it_is(chunk: bytes) -> bytes:
    return chunk


def _nothing() -> bytes:
    return b""
