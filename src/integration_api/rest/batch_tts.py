"""POST /v1/audio/speech and GET /v1/voices. https://platform.openai.com/docs/api-reference/audio/createSpeech"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from msgspec.structs import replace

from integration_api.core.records import Page
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_surface_tts as surface
from integration_api.dialects.openai_surface_json import decode_object
from integration_api.edge.application import Response
from integration_api.rest.answers import JSON, SSE_HEADERS, encode
from integration_api.rest.reading import read
from integration_api.rest.routing import Ask, Route
from integration_api.rest.shapes import VoiceList
from integration_api.rest.streaming import PING, first_of, follow
from integration_api.rest.targeting import strict, target_of
from integration_api.services.batch_tts import SpeechService
from integration_api.services.credential import CredentialService
from integration_api.services.particulars import call_headers
from integration_api.services.relay_tts import Passed, SpeechRelays
from integration_api.services.target import Target

Item = TypeVar("Item")

LANGUAGE = "openai_audio"
EVERY = Page(1000)
ANY_MODEL = "*"
"""Voices are a provider's, whatever model speaks with them."""
VOICE = "@"
"""What follows it in `model` is the voice, and `voice` is not looked at: some clients know OpenAI's voices only."""


class SpeechDoor:
    def __init__(self, speech: SpeechService, relays: SpeechRelays, credentials: CredentialService) -> None:
        self._speech = speech
        self._relays = relays
        self._credentials = credentials

    async def speak(self, ask: Ask) -> Response:
        body = read(ask.request.body, surface.SpeechBody)
        target = target_of(ask, body.model, body.provider)
        request = surface.read_speech(body, strict=strict(ask))
        model, _, voice = target.model.partition(VOICE)
        if voice:
            target, request = replace(target, model=model), replace(request, voice=voice)
        elif self._relays.passes(target, LANGUAGE, raw := decode_object(ask.request.body)):
            return await self._relay(ask, target, body, Passed(raw, request.extras, len(body.input)))
        call, events = await self._speech.speak(ask.origin, target, request)
        first = await first_of(call, events)
        if body.stream_format == "sse":
            renderer = surface.SpeechEvents(len(body.input))
            return Response(
                200,
                [*SSE_HEADERS, *call_headers(call)],
                follow(first, events, renderer.render, renderer.close),
                keepalive=PING,
            )
        kind = surface.FORMATS[body.response_format][1]
        return Response(
            200, [(b"content-type", kind), *call_headers(call)], _cut(first, events, surface.sound)
        )

    async def _relay(self, ask: Ask, target: Target, body: surface.SpeechBody, passed: Passed) -> Response:
        """Give the provider the caller's own body, and the caller the provider's own sound or events."""
        events = body.stream_format == "sse"
        call, chunks = await self._relays.relay(ask.origin, target, passed, events=events)
        first = await first_of(call, chunks)
        if events:
            told = follow(first, chunks, lambda chunk: chunk, lambda: b"")
            return Response(200, [*SSE_HEADERS, *call_headers(call)], told, keepalive=PING)
        kind = surface.FORMATS[body.response_format][1]
        return Response(
            200, [(b"content-type", kind), *call_headers(call)], _cut(first, chunks, lambda chunk: chunk)
        )

    async def voices(self, ask: Ask) -> Response:
        """List one provider's voices, or those of every provider that the project has a credential for."""
        provider = ask.query().get("provider")
        if provider:
            target = target_of(ask, f"{provider}/{ANY_MODEL}")
            call, found = await self._speech.voices(ask.origin, target)
            listed = surface.render_voices(target.provider.name, found)
            return Response(200, [JSON, *call_headers(call)], encode({"object": "list", "data": listed}))
        stored = await self._credentials.page(ask.caller.tenant, None, EVERY)
        everybodys, trouble = await self._speech.everywhere(ask.origin, stored)
        listed = [one for name, voices in everybodys for one in surface.render_voices(name, voices)]
        answer = {"object": "list", "data": listed, **({"warnings": trouble} if trouble else {})}
        return Response(200, [JSON], encode(answer))

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", path="/v1/audio/speech", handler=self.speak, scope=Scope.INFER,
                  summary="Speak a text", body=surface.SpeechBody, answer=bytes, media="audio/mpeg", streams=True),
            Route(method="GET", path="/v1/voices", handler=self.voices, scope=Scope.INFER,
                  summary="List the voices of a provider, or of every one the project has a credential for",
                  answer=VoiceList, query=("provider",)),
        ]  # fmt: skip


async def _cut(
    first: "asyncio.Task[Item]", source: AsyncGenerator[Item, None], sound: Callable[[Item], bytes]
) -> AsyncGenerator[bytes, None]:
    """Give sound on. A failure cuts the answer off: sound that merely ends would be taken for all of it."""
    try:
        yield sound(await first)
        async for item in source:
            yield sound(item)
    finally:
        first.cancel()
        await source.aclose()
