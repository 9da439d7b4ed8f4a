"""One StreamChat: a configuration, then chats, of which the newest is the one that counts.

    caller                     service
    configuration              configuration     how to reach the provider; again at any time
    chat                       chat …            pieces of text, then everything with metrics
    chat, while one streams    chat …            the one before is cancelled, with the provider too
    close                      close             and the end
    (no more to say)           …                 what was asked is answered, then the end

What goes wrong with one frame is told in one frame; the stream goes on.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from integration_api.core.errors import Failure, Kind
from integration_api.core.secret import Secret, wipe
from integration_api.dialects.unified_answer import ChatStream, chat_error, closed, configured
from integration_api.dialects.unified_credential import take_credential
from integration_api.proto import unified_pb2 as wire
from integration_api.rpc.asking import Talk, read_chat
from integration_api.rpc.generation import UNIFIED
from integration_api.rpc.methods import Ask
from integration_api.rpc.reading import CREDENTIAL, forget, parsed
from integration_api.rpc.targeting import NAME, account, metadata, provider_of
from integration_api.services import clock
from integration_api.services.llm import llm_of
from integration_api.services.target import Target

MOST_FRAMES = 256
"""Frames that wait for a caller who reads slowly, before the provider is made to wait."""
WRONG, NOT_CONFIGURED, BROKEN = 400, 412, 500
"""The codes that callers of this stream know: theirs or the provider's fault, no configuration, ours."""
CONFIGURATION = 1
"""The number of `configuration` in a request."""


class Configuration:
    """Whom chats go to. The secrets are wiped when it is replaced and its last turn is over."""

    def __init__(self, target: Target, secrets: Mapping[str, Secret]) -> None:
        self.target = target
        self._secrets = secrets
        self._holders = 1

    def hold(self) -> None:
        self._holders += 1

    def let_go(self) -> None:
        self._holders -= 1
        if not self._holders:
            forget(self._secrets)


class Turn:
    """One chat being answered."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.heard = False
        """Whether the caller was given any of it."""
        self.task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self.task is not None and not self.task.done()


class Outbox:
    """Frames on their way to the caller, in order; those of a turn that was cancelled can be taken back."""

    def __init__(self) -> None:
        self._frames: deque[tuple[Turn | None, bytes]] = deque()
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closed = False

    async def put(self, frame: bytes, turn: Turn | None = None) -> None:
        """Add a frame, once the caller has read enough of those before it."""
        await self._room.wait()
        self._frames.append((turn, frame))
        self._some.set()
        if len(self._frames) >= MOST_FRAMES:
            self._room.clear()

    def take_back(self, turn: Turn) -> None:
        self._frames = deque(item for item in self._frames if item[0] is not turn)
        if len(self._frames) < MOST_FRAMES:
            self._room.set()

    def close(self) -> None:
        self._closed = True
        self._some.set()

    async def get(self) -> bytes | None:
        """Return the next frame, or None after the last."""
        while not self._frames:
            if self._closed:
                return None
            self._some.clear()
            await self._some.wait()
        turn, frame = self._frames.popleft()
        if turn is not None:
            turn.heard = True
        if len(self._frames) < MOST_FRAMES:
            self._room.set()
        return frame


class Session:
    def __init__(self, talk: Talk, ask: Ask) -> None:
        self._talk = talk
        self._log = talk.log
        self._ask = ask
        self._outbox = Outbox()
        self._configuration: Configuration | None = None
        self._turn: Turn | None = None

    async def run(self, messages: AsyncIterator[bytearray]) -> AsyncGenerator[bytes, None]:
        """Yield the answers. One task listens, one answers; this one only hands over."""
        listening = asyncio.create_task(self._listen(messages))
        try:
            while (frame := await self._outbox.get()) is not None:
                yield frame
            await listening
        finally:
            listening.cancel()
            await asyncio.wait((listening,))
            await self._interrupt()
            self._configure(None)

    async def _listen(self, messages: AsyncIterator[bytearray]) -> None:
        try:
            async for message in messages:
                if await self._hear(message):
                    return
            await self._finish()
        finally:
            self._outbox.close()

    async def _hear(self, message: bytearray) -> bool:
        """Act on one frame; return whether it was the last."""
        received_at = clock.perf()
        offered: dict[str, Secret] = {}
        try:
            offered = take_credential(message, CONFIGURATION, CREDENTIAL)
            request = parsed(message, wire.StreamChatRequest)
            match request.WhichOneof("request"):
                case "configuration":
                    taken, offered = offered, {}
                    await self._hear_configuration(request.configuration, taken)
                case "chat":
                    await self._hear_chat(request.chat, received_at)
                case "close":
                    await self._hear_close(request.close)
                    return True
                case _:
                    error = Failure(
                        Kind.INVALID_REQUEST,
                        "the frame is none of configuration, chat and close",
                        code="invalid_message",
                    )
                    await self._outbox.put(chat_error("", error, WRONG))
        except Failure as error:
            # As what it most likely was: a caller that has not configured waits to hear that it has.
            unread = (
                configured("", error, WRONG) if self._configuration is None else chat_error("", error, WRONG)
            )
            await self._outbox.put(unread)
        finally:
            forget(offered)
            wipe(message)
        return False

    # --- configuration -----------------------------------------------------------------------

    async def _hear_configuration(
        self, given: wire.StreamChatConfiguration, offered: dict[str, Secret]
    ) -> None:
        """Take a configuration, or none if it is no good: chats must not go where nobody meant them to."""
        try:
            provider = provider_of(given.providerName)
            target = account(self._ask, provider, given.credential, offered, given.connectionOptions)
            llm_of(target)
            await self._talk.calls.check(self._ask.origin({}), target)
        except Failure as error:
            forget(offered)
            self._configure(None)
            shown = given.providerName if NAME.fullmatch(given.providerName) else ""
            await self._outbox.put(configured(shown, error, WRONG))
            return
        except BaseException:
            forget(offered)
            raise
        self._configure(Configuration(target, offered))
        await self._outbox.put(configured(given.providerName))

    def _configure(self, new: Configuration | None) -> None:
        if self._configuration is not None:
            self._configuration.let_go()
        self._configuration = new

    # --- chat --------------------------------------------------------------------------------

    async def _hear_chat(self, chat: wire.StreamChatInput, received_at: float) -> None:
        await self._interrupt()
        configuration = self._configuration
        if configuration is None:
            error = Failure(
                Kind.INVALID_REQUEST,
                "the stream has no configuration: send one before the first chat",
                code="stream_not_configured",
            )
            await self._outbox.put(chat_error(chat.requestId, error, NOT_CONFIGURED))
            return
        turn = self._turn = Turn(chat.requestId)
        configuration.hold()
        turn.task = asyncio.create_task(self._answer(turn, chat, configuration, received_at))
        # Here and not in the task: one that is cancelled before it begins runs none of its code.
        turn.task.add_done_callback(lambda _: configuration.let_go())

    async def _answer(
        self, turn: Turn, chat: wire.StreamChatInput, configuration: Configuration, received_at: float
    ) -> None:
        try:
            await self._speak(turn, chat, configuration.target, received_at)
        except Failure as error:
            await self._outbox.put(chat_error(turn.request_id, error, WRONG), turn)
        except Exception as error:  # noqa: BLE001 - the last wall: the caller hears of it, the stream goes on
            self._log.error("unexpected", error=error, request_id=self._ask.request_id)
            failure = Failure(Kind.INTERNAL, "internal error; the log has its request id")
            await self._outbox.put(chat_error(turn.request_id, failure, BROKEN), turn)

    async def _speak(
        self, turn: Turn, chat: wire.StreamChatInput, account: Target, received_at: float
    ) -> None:
        if chat.providerName and provider_of(chat.providerName) is not account.provider:
            raise Failure(
                Kind.INVALID_REQUEST,
                f"the stream is configured for {account.provider.name}; configure it anew to change",
                code="provider_mismatch",
                param="providerName",
            )
        question = await read_chat(self._talk, self._ask, chat, account, UNIFIED)
        kept = metadata(self._ask, chat, account.connection)
        origin = self._ask.origin(kept, turn.request_id, received_at)
        frames = question.streamed(origin, lambda _: ChatStream(turn.request_id))
        try:
            async for frame in frames:
                await self._outbox.put(frame, turn)
        finally:
            await frames.aclose()

    async def _interrupt(self) -> None:
        """Cancel the turn under way, with the provider too, and take back what nobody heard of it."""
        turn = self._turn
        if turn is None or turn.task is None or turn.task.done():
            return
        turn.task.cancel()
        await asyncio.wait((turn.task,))
        self._outbox.take_back(turn)

    async def _finish(self) -> None:
        """Let the turn under way come to its end."""
        if self._turn is not None and self._turn.task is not None:
            await asyncio.wait((self._turn.task,))

    # --- close -------------------------------------------------------------------------------

    async def _hear_close(self, given: wire.StreamChatClose) -> None:
        """Come to the end.

        A caller who closes amid an answer has heard enough. One who closes before hearing any of
        it has sent chat and close together, and wants that one answer.
        """
        if self._turn is not None and self._turn.heard:
            await self._interrupt()
        else:
            await self._finish()
        await self._outbox.put(closed(given.reason))
