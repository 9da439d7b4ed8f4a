"""POST /v1/chat/completions. https://platform.openai.com/docs/api-reference/chat"""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import LlmEvent, Notice, Noticed
from integration_api.core.relay import RawBody
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_request as surface
from integration_api.dialects.openai_surface_errors import error_event
from integration_api.dialects.openai_surface_response import DONE, ChatStream, render_chat
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON, SSE_HEADERS, call_headers
from integration_api.rest.routing import Ask, Route
from integration_api.rest.targeting import allowed_headers, strict, target_of
from integration_api.services.call import Call
from integration_api.services.llm import LlmService
from integration_api.services.target import Target

PING = b": ping\n\n"
FIRST_EVENT_SECONDS = 15.0
"""A stream's status waits this long for its first event, so that an early failure keeps its own status;
then the answer begins with a ping."""
LANGUAGE = "openai_chat"

Item = TypeVar("Item")


class ChatDoor:
    def __init__(self, llm: LlmService) -> None:
        self._llm = llm

    async def create(self, ask: Ask) -> Response:
        peek = surface.peek(ask.request.body)
        target = target_of(ask, peek.model, peek.provider)
        if self._passes_through(ask, target, peek):
            return await self._relay(ask, target, peek)
        read = surface.read_chat(ask.request.body, model=target.model)
        request = read.with_(headers=allowed_headers(ask), strict=strict(ask))
        if not read.stream:
            call, answer = await self._llm.complete(ask.origin, target, request)
            body = render_chat(answer, provider=target.provider.name)
            return Response(200, [JSON, *call_headers(call, answer.warnings)], body)
        call, events = await self._llm.stream(ask.origin, target, request)
        renderer = ChatStream(include_usage=read.include_usage, provider=target.provider.name)
        return await _streamed(call, events, renderer)

    async def _relay(self, ask: Ask, target: Target, peek: surface.Peek) -> Response:
        """Give the provider the caller's own body, and the caller the provider's own answer."""
        if not peek.stream:
            call, body = await self._llm.relay(ask.origin, target, peek.raw)
            return Response(200, [JSON, *call_headers(call)], body)
        call, chunks = await self._llm.relay_stream(ask.origin, target, peek.raw)
        first = await _first(chunks)
        return Response(200, [*SSE_HEADERS, *call_headers(call)], _relayed(first, chunks))
