"""WS /v1/realtime?intent=transcription: OpenAI's events over any provider's live transcripts.

https://platform.openai.com/docs/guides/realtime-transcription
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from integration_api.core.errors import Failure, Kind
from integration_api.core.stt import Update
from integration_api.core.tenant import Scope
from integration_api.dialects import openai_realtime_stt as surface
from integration_api.edge.application import Upgrade, WebSocket
from integration_api.rest.answers import encode
from integration_api.rest.routing import Ask, Route
from integration_api.rest.targeting import target_of
from integration_api.rest.voice import close_code
from integration_api.services import live_words, stt_words
from integration_api.services.stt import SttService

INTENT = "transcription"
EARLY_BYTES = 240_000
"""Sound that waits for a model to be named: five seconds. Clients send theirs before they have said what they want."""
EARLY_MS = 20
"""The length of the pieces in which it is passed on."""


class RealtimeDoor:
    def __init__(self, service: SttService) -> None:
        self._service = service

    async def listen(self, ask: Ask) -> Upgrade:
        query = ask.query()
        if query.get("intent") != INTENT:
            raise Failure(
                Kind.UNSUPPORTED,
                "only transcription is served here: connect with ?intent=transcription",
                code="unsupported_operation",
                param="intent",
            )
        model = query.get("model", "")

        async def talk(socket: WebSocket) -> None:
            await Conversation(self._service, ask, socket, model).run()

        return Upgrade(talk, subprotocol="realtime")

    def routes(self) -> list[Route]:
        return [
            Route(method="GET", path="/v1/realtime", handler=self.listen, scope=Scope.INFER,
                  summary="A live transcript in OpenAI's events, over a WebSocket", query=("intent", "model"),
                  status=101),
        ]  # fmt: skip


class Conversation:
    """One socket. What is wrong with a message is told, and the session goes on."""

    def __init__(self, service: SttService, ask: Ask, socket: WebSocket, model: str) -> None:
        self._service = service
        self._ask = ask
        self._socket = socket
        self._settings = surface.Settings(model=model)
        self._writer = surface.Writer(ask.request_id)
        self._early = bytearray()
        """Sound that came before the session was open."""

    async def run(self) -> None:
        await self._say(self._writer.created(self._settings))
        try:
            if not await self._configured():
                return
            await self._transcribe()
        except Failure as error:
            await self._say(self._writer.failed(error))
            await self._socket.close(close_code(error))
            return
        await self._socket.close()

    async def _transcribe(self) -> None:
        target = target_of(self._ask, self._settings.model)
        told = self._service.listen(self._ask.origin, target, self._settings.request(), self._asks())
        async with aclosing(told):
            async for _, events in told:
                for event in events:
                    match event:
                        case stt_words.Ready():
                            await self._say(self._writer.updated(self._settings))
                        case live_words.Ended(error):
                            raise error
                        case live_words.Over() | stt_words.Reconnected():
                            pass
                        case _:
                            for said in self._writer.write(event):
                                await self._say(said)

    async def _configured(self) -> bool:
        """Read until it is known what is wanted, and return whether the caller is still there."""
        while (message := await self._socket.receive()) is not None:
            said = surface.Said("")
            try:
                said = surface.parse(message)
                if said.type == "input_audio_buffer.append":
                    self._early += surface.sound_of(said)
                    if self._settings.model:
                        return True
                    if len(self._early) > EARLY_BYTES:
                        self._early.clear()
                        raise Failure(
                            Kind.INVALID_REQUEST,
                            "name a model first: session.update with audio.input.transcription.model",
                            code="model_required",
                            param="session.audio.input.transcription.model",
                        )
                    continue
                if said.type not in UPDATES:
                    raise surface.unknown(said)
                self._settings = self._settings.updated(said.session or surface.Session())
            except Failure as error:
                await self._say(self._writer.failed(error, said.event_id))
                continue
            if self._settings.model:
                return True
            await self._say(self._writer.updated(self._settings))
        return False

    async def _asks(self) -> AsyncGenerator[stt_words.Ask, None]:
        step = self._settings.input.size(EARLY_MS)
        for at in range(0, len(self._early), step):
            yield stt_words.Sound(bytes(self._early[at : at + step]))
        self._early.clear()
        while (message := await self._socket.receive()) is not None:
            said = surface.Said("")
            try:
                said = surface.parse(message)
                match said.type:
                    case "input_audio_buffer.append":
                        yield stt_words.Sound(surface.sound_of(said))
                    case "input_audio_buffer.commit":
                        for event in self._writer.commit():
                            await self._say(event)
                        yield stt_words.Finalize()
                    case "input_audio_buffer.clear":
                        # What was sent has been heard: there is no buffer to empty.
                        await self._say(self._writer.cleared())
                    case type if type in UPDATES:
                        yield self._update(said.session or surface.Session())
                        await self._say(self._writer.updated(self._settings))
                    case _:
                        raise surface.unknown(said)
            except Failure as error:
                await self._say(self._writer.failed(error, said.event_id))
        yield live_words.Left()

    def _update(self, session: surface.Session) -> Update:
        before, self._settings = self._settings, self._settings.updated(session)
        now = self._settings
        return Update(
            keyterms=now.keyterms if now.keyterms != before.keyterms else None,
            languages=now.languages if now.languages != before.languages else None,
            endpointing=now.request().endpointing if now.turns != before.turns else None,
        )

    async def _say(self, event: dict[str, object]) -> None:
        await self._socket.send(encode(event).decode())


UPDATES = frozenset({"session.update", "transcription_session.update"})
