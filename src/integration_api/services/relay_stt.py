"""Recordings whose form passes through to a provider of the caller's own language, and the answer back."""

from collections.abc import AsyncGenerator

from integration_api.core.errors import Failure, Kind
from integration_api.core.relay import RecordingRelay
from integration_api.services.batch_stt import OPERATION
from integration_api.services.call import Call, Calls, Ending, Origin
from integration_api.services.target import Target
from integration_api.transport.drive import Transport


class RecordingRelays:
    def __init__(self, calls: Calls, transport: Transport) -> None:
        self._calls = calls
        self._transport = transport

    def passes(self, target: Target, language: str, *, stream: bool) -> bool:
        """Return whether the target speaks `language` and answers as it is asked to."""
        relay = target.provider.stt.relay if target.provider.stt is not None else None
        return relay is not None and relay.language == language and relay.accepts(target.model, stream)

    async def relay(
        self, origin: Origin, target: Target, kind: str, body: bytes, *, translate: bool
    ) -> tuple[Call, str, bytes]:
        """Return the provider's own answer and its content type. Raises `Failure`."""
        relay = _relay_of(target)
        call = await self._calls.open(origin, target, OPERATION)
        with Ending(call):
            reply = await self._transport.send(
                relay.request(kind, body, translate, call.credential),
                target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            call.relayed(relay.read(reply))
            return call, reply.headers.get("content-type", "application/json"), reply.body

    async def relay_stream(
        self, origin: Origin, target: Target, kind: str, body: bytes
    ) -> tuple[Call, AsyncGenerator[bytes, None]]:
        """Return the provider's own events as they come; the record is kept before the last of them."""
        call = await self._calls.open(origin, target, OPERATION, streamed=True)
        return call, self._bytes(call, kind, body)

    async def _bytes(self, call: Call, kind: str, body: bytes) -> AsyncGenerator[bytes, None]:
        relay = _relay_of(call.target)
        with Ending(call):
            relayed = relay.stream()
            source = self._transport.relay(
                relay.request(kind, body, False, call.credential),
                relayed,
                call.target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            try:
                async for chunk in source:
                    call.tell_first_token()
                    yield chunk
            finally:
                await source.aclose()
            rest, tally = relayed.close()
            call.relayed(tally)
            yield rest


def _relay_of(target: Target) -> RecordingRelay:
    relay = target.provider.stt.relay if target.provider.stt is not None else None
    if relay is None:
        raise Failure(Kind.INTERNAL, "nothing to relay to", code="internal")
    return relay
