"""Legs for callers, on a socket that waits for them where there is one.

A voice that has to be dialled first is late. So after a session another socket is opened with the same credential
and the same parameters, and kept for as long as its provider likes. It never outlives its credential.
"""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure
from integration_api.core.exchange import Query
from integration_api.core.provider import Tts
from integration_api.core.tts import Speaking, SynthesisRequest
from integration_api.services.call import Call
from integration_api.services.leg import Conversation, Dialer, Leg, Talk
from integration_api.services.sentence_link import SentenceDialer
from integration_api.services.sentence_voice import SentenceVoice
from integration_api.telemetry.log import Log
from integration_api.transport.budget import Budget
from integration_api.transport.drive import Trace, Transport

OPEN_SECONDS = 5.0
"""A spare socket that takes longer to open is none."""
MOST = 256
"""Spare sockets of one worker: each may count against its tenant's limit at the provider."""

Key = tuple[Hashable, bytes]


@dataclass(slots=True, eq=False)
class _Spare:
    conversation: Conversation[Any]
    told: list[Any] = field(default_factory=list)
    ready: bool = False
    task: "asyncio.Task[None] | None" = None


class Lines:
    """`spare` is how many sockets wait for each credential with its parameters; 0 keeps none."""

    def __init__(self, transport: Transport, log: Log, *, spare: int) -> None:
        self._transport = transport
        self._log = log
        self._spare = spare
        self.hedges = Budget()
        """Of each tenant: how many sockets may be opened beside slow ones."""
        self._waiting: dict[Key, list[_Spare]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def leg(self, call: Call, asked: Struct, make: Callable[[], Talk], *, warm_seconds: float) -> Leg[Talk]:
        """Return a leg that is to be opened. `make` makes sessions of what was `asked`."""
        if not warm_seconds or not self._spare or call.account is None:
            return Leg(call, self._new(call, make()))
        session = make()
        if isinstance(session.request.auth, Query):
            return Leg(call, self._new(call, session))  # A spare would spend the token.
        where = f"{call.target.provider.name} {call.target.region} ".encode()
        key = (call.account, where + msgspec.msgpack.encode(asked))
        spare = self._take(key)
        self._prepare(key, lambda: self._new(call, make(), Trace(perf_counter())), warm_seconds)
        if spare is None:
            return Leg(call, self._new(call, session))
        return Leg(call, spare.conversation, spare.told)

    def by_sentence(self, call: Call, asked: SynthesisRequest, tts: Tts) -> Leg[Speaking]:
        """Return a leg for a voice that speaks whole texts only: it is given a sentence at a time."""
        assert tts.speak is not None  # noqa: S101 - whoever does not speak live speaks so
        dialer = SentenceDialer(self._transport, tts.speak, asked, call.credential)
        session: Speaking = SentenceVoice(asked, call.target.provider.name, ssml=tts.ssml)
        return Leg(call, self._new(call, session, dialer=dialer))

    def drop(self, gone: Callable[[Hashable], bool]) -> None:
        """Let no socket wait whose credential changed."""
        for key in [key for key in self._waiting if gone(key[0])]:
            for spare in self._waiting.pop(key):
                self._hang_up(spare)

    async def close(self) -> None:
        """Hang up on everybody who waits."""
        self.drop(lambda _: True)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _new(
        self, call: Call, session: Talk, trace: Trace | None = None, dialer: Dialer | None = None
    ) -> Conversation[Talk]:
        fault = call.target.provider.fault
        dialer, trace = dialer or self._transport, trace or call.trace
        return Conversation(session, dialer, fault, call.secrets, call.account, trace, self._log)

    def _take(self, key: Key) -> _Spare | None:
        for spare in self._waiting.get(key, ()):
            if spare.ready:
                self._forget(key, spare)
                if spare.task is not None:
                    spare.task.cancel()
                return spare
        return None

    def _prepare(self, key: Key, make: Callable[[], Conversation[Any]], seconds: float) -> None:
        waiting = self._waiting.setdefault(key, [])
        if len(waiting) >= self._spare or sum(map(len, self._waiting.values())) >= MOST:
            return
        spare = _Spare(make())
        waiting.append(spare)
        spare.task = asyncio.create_task(self._keep(key, spare, seconds))
        self._tasks.add(spare.task)
        spare.task.add_done_callback(self._tasks.discard)

    async def _keep(self, key: Key, spare: _Spare, seconds: float) -> None:
        """Open a socket and keep it alive until it is taken or old; then say goodbye."""
        conversation = spare.conversation
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                spare.told += await conversation.open()
            spare.ready = True
            async with asyncio.timeout(seconds):
                async for events in conversation.events():
                    spare.told += events
        except TimeoutError:
            if spare.ready and self._forget(key, spare):
                await self._farewell(conversation)
        except Failure:
            pass  # Whoever needs a socket dials one, and hears what is wrong.
        finally:
            if self._forget(key, spare):
                conversation.abort()

    async def _farewell(self, conversation: Conversation[Any]) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await conversation.tell(conversation.session.finish)
                await conversation.close()
        except (TimeoutError, Failure):
            conversation.abort()

    def _forget(self, key: Key, spare: _Spare) -> bool:
        """Return whether the spare was still there: then it is nobody else's."""
        waiting = self._waiting.get(key, [])
        if spare not in waiting:
            return False
        waiting.remove(spare)
        if not waiting:
            del self._waiting[key]
        return True

    def _hang_up(self, spare: _Spare) -> None:
        if spare.task is not None:
            spare.task.cancel()
        spare.conversation.abort()
