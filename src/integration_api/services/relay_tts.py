"""Texts whose body passes through to a provider of the caller's own language, and its sound or its events back."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import HttpRequest, Stream
from integration_api.core.llm import Usage
from integration_api.core.relay import RawBody, SpeechRelay
from integration_api.core.tts import Sound, TtsEvent
from integration_api.dialects.plain_sound import PlainSound, SoundReader
from integration_api.services.batch_tts import OPERATION
from integration_api.services.call import Call, Calls, Ending, Origin
from integration_api.services.target import Target
from integration_api.transport.drive import Transport


class Passed(Struct, frozen=True):
    """A body on its way through: its fields as they were sent, and the provider's options beside them."""

    raw: RawBody
    options: Mapping[str, Any]
    characters: int
    """Of its text."""


class SpeechRelays:
    def __init__(self, calls: Calls, transport: Transport) -> None:
        self._calls = calls
        self._transport = transport

    def passes(self, target: Target, language: str, raw: RawBody) -> bool:
        """Return whether the target speaks `language` and understands the body as it stands."""
        relay = target.provider.tts.relay if target.provider.tts is not None else None
        return relay is not None and relay.language == language and relay.accepts(raw, target.model)

    async def relay(
        self, origin: Origin, target: Target, passed: Passed, *, events: bool
    ) -> tuple[Call, AsyncGenerator[bytes, None]]:
        """Return the provider's own bytes as they come: sound, or `events`. Raises `Failure`, as the iterator does."""
        call = await self._calls.open(origin, target, OPERATION, streamed=True)
        call.asked = passed.raw
        return call, self._events(call, passed) if events else self._sound(call, passed)

    async def _sound(self, call: Call, passed: Passed) -> AsyncGenerator[bytes, None]:
        """Sound has no ending of its own: only the end of the body tells that it is all there."""
        with Ending(call) as ending:
            ending.usage = usage = Usage(characters=passed.characters)
            stream: Stream[TtsEvent] = Stream(
                _request(call, passed), PlainSound(), SoundReader(passed.characters)
            )
            source = self._transport.stream(
                stream, call.target.provider.fault, call.secrets, call.trace, call.account
            )
            async with aclosing(source):
                async for told in source:
                    call.tell_first_audio()
                    if data := b"".join(one.data for one in told if isinstance(one, Sound)):
                        yield data
            call.done(usage)

    async def _events(self, call: Call, passed: Passed) -> AsyncGenerator[bytes, None]:
        """The record is kept before the end of the body says that they were all."""
        with Ending(call):
            relayed = _relay_of(call.target).stream()
            source = self._transport.relay(
                _request(call, passed),
                relayed,
                call.target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            async with aclosing(source):
                async for chunk in source:
                    call.tell_first_audio()
                    yield chunk
            rest, tally = relayed.close()
            call.relayed(tally)
            yield rest


def _request(call: Call, passed: Passed) -> HttpRequest:
    relay = _relay_of(call.target)
    return relay.request(passed.raw, call.target.model, passed.options, call.credential)


def _relay_of(target: Target) -> SpeechRelay:
    relay = target.provider.tts.relay if target.provider.tts is not None else None
    if relay is None:
        raise Failure(Kind.INTERNAL, "nothing to relay to", code="internal")
    return relay
