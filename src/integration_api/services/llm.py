"""Chat, whole and streamed, translated or passed through: one call from ask to record."""

from collections.abc import AsyncGenerator

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Finished, LlmEvent, LlmRequest, LlmResponse, Usage, UsageUpdate
from integration_api.core.models import UNKNOWN
from integration_api.core.provider import Llm
from integration_api.core.relay import Outlet, RawBody, Relay
from integration_api.services.call import Call, Calls, Ending, Origin
from integration_api.services.catalogue import Catalogue
from integration_api.services.content import ByteTranscript, Transcript
from integration_api.services.target import Target
from integration_api.transport.drive import Transport

OPERATION = "chat"


class LlmService:
    """The chat use case. Failures are recorded here; doors only render them."""

    def __init__(self, calls: Calls, transport: Transport, catalogue: Catalogue) -> None:
        self._calls = calls
        self._transport = transport
        self._catalogue = catalogue

    async def complete(self, origin: Origin, target: Target, request: LlmRequest) -> tuple[Call, LlmResponse]:
        """Return the whole answer. Raises `Failure`."""
        llm = llm_of(target)
        call = await self._calls.open(origin, target, OPERATION)
        with Ending(call):
            call.asked = request
            answer = call.answered = await self._transport.run(
                llm.complete(self._informed(call, request), call.credential),
                target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            call.done(answer.usage, answer.candidates[0].finish.reason if answer.candidates else None)
            return call, answer

    async def stream(
        self, origin: Origin, target: Target, request: LlmRequest
    ) -> tuple[Call, AsyncGenerator[list[LlmEvent], None]]:
        """Return the answer as lists of events, one list a read; the record is kept before the last.

        Raises `Failure` here or from the iterator; closing the iterator early records a caller who left.
        """
        llm = llm_of(target)
        call = await self._calls.open(origin, target, OPERATION, streamed=True)
        return call, self._events(call, llm, request)

    def passes(self, target: Target, language: str, raw: RawBody) -> bool:
        """Return whether the target speaks `language` and takes `raw` as it is."""
        relay = target.provider.llm.relay if target.provider.llm is not None else None
        if relay is None or relay.language != language:
            return False
        return relay.accepts(raw, target.model, self._catalogue.standing(target.provider, target.model))

    async def relay(self, origin: Origin, target: Target, raw: RawBody) -> tuple[Call, bytes]:
        """Return the provider's own bytes for a whole answer in the caller's language."""
        relay = _relay_of(target)
        call = await self._calls.open(origin, target, OPERATION)
        with Ending(call):
            call.asked = raw
            request = relay.request(raw, target.model, False, call.credential)
            reply = await self._transport.send(
                request, target.provider.fault, call.secrets, call.trace, call.account
            )
            tally = relay.read(reply)
            call.answered = msgspec.Raw(reply.body)
            call.relayed(tally)
            return call, reply.body

    async def relay_stream(
        self, origin: Origin, target: Target, raw: RawBody, outlet: Outlet
    ) -> tuple[Call, AsyncGenerator[bytes, None]]:
        """Return the provider's own bytes as they come; the record is kept before the last of them.

        Some of them go to `outlet` instead, once it is open.
        """
        call = await self._calls.open(origin, target, OPERATION, streamed=True)
        return call, self._bytes(call, raw, outlet)

    def _informed(self, call: Call, request: LlmRequest) -> LlmRequest:
        """Return `request` with what is known of its model."""
        known = self._catalogue.known(
            call.target.provider, request.model, call.credential, call.account, request.extras
        )
        return request if known is UNKNOWN else msgspec.structs.replace(request, known=known)

    async def _events(
        self, call: Call, llm: Llm, request: LlmRequest
    ) -> AsyncGenerator[list[LlmEvent], None]:
        usage, reason = Usage(), None
        transcript = Transcript() if call.keeps_content else None
        call.asked, call.answered = request, transcript
        with Ending(call) as ending:
            source = self._transport.stream(
                llm.stream(self._informed(call, request), call.credential),
                call.target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
            )
            try:
                async for events in source:
                    call.tell_first_token()
                    if transcript is not None:
                        transcript.hear(events)
                    if len(events) > 1 or type(events[0]) in _WATCHED:
                        for event in events:
                            if type(event) is UsageUpdate:
                                ending.usage = usage = event.usage
                            elif type(event) is Finished:
                                reason = reason or event.finish.reason
                    yield events
            finally:
                await source.aclose()
            call.done(usage, reason)

    async def _bytes(self, call: Call, raw: RawBody, outlet: Outlet) -> AsyncGenerator[bytes, None]:
        target = call.target
        with Ending(call):
            relay = _relay_of(target)
            relayed = relay.stream(raw)
            transcript = ByteTranscript() if call.keeps_content else None
            call.asked, call.answered = raw, transcript
            source = self._transport.relay(
                relay.request(raw, target.model, True, call.credential),
                relayed,
                target.provider.fault,
                call.secrets,
                call.trace,
                call.account,
                outlet if transcript is None else None,  # What is kept has to be seen.
            )
            try:
                async for chunk in source:
                    call.tell_first_token()
                    if transcript is not None:
                        transcript.hear(chunk)
                    yield chunk
            finally:
                await source.aclose()
            rest, tally = relayed.close()
            call.relayed(tally)
            yield rest


_WATCHED = frozenset({UsageUpdate, Finished})


def llm_of(target: Target) -> Llm:
    if target.provider.llm is None:
        raise Failure(
            Kind.UNSUPPORTED,
            f"{target.provider.name} does not offer chat; GET /v1/providers lists who does",
            code="unsupported_operation",
            param="model",
        )
    return target.provider.llm


def _relay_of(target: Target) -> Relay:
    relay = llm_of(target).relay
    if relay is None:
        raise Failure(Kind.INTERNAL, "nothing to relay to", code="internal")
    return relay
