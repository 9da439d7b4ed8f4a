"""One session with one provider on one socket: what it says is sent, what it hears comes out as events."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import ExitStack
from typing import Any, Generic, Protocol, TypeVar

from integration_api.core.credential import Secrets
from integration_api.core.errors import Failure, Kind, Phase, ProviderError
from integration_api.core.exchange import Auth, Fault, HttpRequest
from integration_api.core.llm import Usage
from integration_api.core.session import Began, HalfClose, HangUp, Outcome, Redial, Say, Session
from integration_api.services import clock
from integration_api.services.call import Call, Ending
from integration_api.telemetry.log import Log
from integration_api.transport.drive import Trace
from integration_api.transport.link import Link

Talk = TypeVar("Talk", bound=Session[Any])

WELL = (0, 1000, 1005)
"""How a conversation ends without a fault: gRPC's OK, a normal closure, and one that says nothing."""


class Dialer(Protocol):
    """What opens links: `Transport` does."""

    async def dial(
        self,
        request: HttpRequest,
        fault: Fault,
        secrets: Secrets | None,
        trace: Trace,
        account: Hashable | None,
    ) -> Link: ...

    def clean(
        self, error: ProviderError, secrets: Secrets | None, auth: Auth | None, account: Hashable | None
    ) -> None:
        """Take the secrets of a session out of everything an error of its quotes."""
        ...


class Conversation(Generic[Talk]):
    """A session and its socket, whoever it is for. Raises `Failure`, from any of its methods."""

    def __init__(
        self,
        session: Talk,
        dialer: Dialer,
        fault: Fault,
        secrets: Secrets | None,
        account: Hashable | None,
        trace: Trace,
        log: Log,
    ) -> None:
        self.session = session
        self.trace = trace
        self.request_id = ""
        """The provider's own name for the session."""
        self.redial = False
        """Whether the session wants a new socket."""
        self.heard_at = 0.0
        """`clock.perf()` when the provider last said anything."""
        self.heard = False
        """Whether the provider has said anything at all."""
        self.broken = False
        """Whether the provider ended the session by a close that tells of a fault, or by none."""
        self._left = False
        """Whether it was ended from here."""
        self._dialer = dialer
        self._fault = fault
        self._secrets = secrets
        self._account = account
        self._log = log
        self._socket: Link | None = None
        self._said_at = 0.0
        self._failure: Failure | None = None
        self._idle = False
        """Whether whoever receives waits for a message, and none is being minded."""
        self._sink: Callable[[Sequence[Any]], bool] | None = None
        self._fed: Outcome[Any] | Failure | None = None
        """What came of the message that is received next, where the session has heard it already."""

    async def open(self) -> list[Any]:
        """Dial, and wait until the provider listens; return what it told by then."""
        self._socket = await self._dialer.dial(
            self.session.request, self._fault, self._secrets, self.trace, self._account
        )
        self.heard_at = self._said_at = clock.perf()
        events, began = await self._do(self._say(self.session.begin, self.trace.headers))
        while not began:
            message = await self._socket.receive()
            if message is None:
                self._say(self.session.close, self._socket.closed)
                raise ProviderError(
                    Kind.UPSTREAM,
                    "the provider closed the session before it began",
                    code="upstream_disconnected",
                    phase=Phase.CONNECT,
                )
            told, began = await self._do(self._say(self.session.feed, message))
            events += told
        return events

    async def tell(self, word: Callable[..., Outcome[Any]], *about: Any) -> list[Any]:
        """Let the session say one of its words; return what it told thereby."""
        events, _ = await self._do(self._say(word, *about))
        return events

    @property
    def ready(self) -> bool:
        """Whether the provider reads as fast as it is spoken to, so that `tell_at_once` will do."""
        return self._socket is not None and self._socket.ready

    def tell_at_once(self, word: Callable[..., Outcome[Any]], *about: Any) -> list[Any]:
        """Do as `tell`, without waiting. For when it is `ready`."""
        return self._do_at_once(self._say(word, *about))

    async def events(
        self, sink: Callable[[Sequence[Any]], bool] | None = None
    ) -> AsyncGenerator[list[Any], None]:
        """Yield what is heard until the session has ended well.

        What comes of a message is given to `sink` at once, as long as nothing waits; what it declines, by False, is
        yielded as usual. It leaves acts alone: it declines them with all that they are among. If it raises, the
        session ends.
        """
        socket = self._socket
        assert socket is not None  # noqa: S101 - `open` comes first
        if sink is not None:
            self._sink = sink
            socket.attend(self._feed_at_once)
        while not self.redial:
            self._idle = True
            message = await self._receive(socket)
            self._idle = False
            if self._failure is not None:
                raise self._failure
            if message is None:
                self.broken = not self._left and socket.closed.code not in WELL
                events, _ = await self._do(self._say(self.session.close, socket.closed))
                if events:
                    yield events
                return
            fed, self._fed = self._fed, None
            if fed is None:
                self._heard_now()
                fed = self._say(self.session.feed, message)
            elif isinstance(fed, Failure):
                raise fed
            events, _ = await self._do(fed)
            if events:
                yield events

    def forget(self, those: Callable[[Any], bool]) -> None:
        """Have none of those told that were heard already, and wait for whoever listens to wake up."""
        if isinstance(self._fed, list):
            self._fed = [one for one in self._fed if not those(one)]

    def _feed_at_once(self, message: str | bytes) -> bool:
        """Hear a message where it arrives: a task that has to be woken for each piece of sound costs more than it."""
        if not self._idle or self._sink is None or self._failure is not None or self.redial or not self.ready:
            return False
        self._heard_now()
        try:
            fed = self._fed = [*self._say(self.session.feed, message)]
        except Failure as error:
            self._fed = error
            return False
        try:
            taken = not fed or self._sink(fed)
        except Exception as error:  # noqa: BLE001 - nobody else can tell the caller
            self._fed = self._unexpected(error)
            return False
        if taken:
            self._fed = None
            return True
        # What it says goes out before anything that it is told until somebody wakes up.
        self._fed = self._do_at_once(fed)
        return False

    def _heard_now(self) -> None:
        self.heard_at = clock.perf()
        self.heard = True

    def give_up(self, error: Failure) -> None:
        """Hang up; whoever waits for events gets `error`."""
        self._failure = error
        self.abort()

    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already."""
        if self._socket is not None:
            self._socket.ping()

    @property
    def unanswered(self) -> float:
        """For how many seconds the provider owes an answer to a ping, and has sent nothing else; 0 when it does not."""
        return 0.0 if self._socket is None else self._socket.unanswered

    def abort(self) -> None:
        """Hang up at once."""
        self._left = True
        if self._socket is not None:
            self._socket.abort()

    async def close(self) -> None:
        """Say goodbye."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    async def _receive(self, socket: Link) -> Any:
        keep_alive = self.session.keep_alive
        while keep_alive is not None:
            left = keep_alive.seconds - (clock.perf() - self._said_at)
            try:
                async with asyncio.timeout(max(0.0, left)):
                    return await socket.receive()
            except TimeoutError:
                if clock.perf() - self._said_at >= keep_alive.seconds:
                    await self._do(keep_alive.acts)
        return await socket.receive()

    def _say(self, word: Callable[..., Outcome[Any]], *about: Any) -> Outcome[Any]:
        """Ask the session, and make every failure of it one that may be told: a mistake of ours, too."""
        try:
            return word(*about)
        except ProviderError as error:
            error.phase = Phase.STREAM
            self._dialer.clean(error, self._secrets, self.session.request.auth, self._account)
            raise
        except (ValueError, UnicodeDecodeError, RecursionError):  # msgspec's errors are ValueErrors.
            raise ProviderError(
                Kind.BAD_RESPONSE,
                "the provider said something that could not be read",
                code="bad_upstream_response",
                phase=Phase.STREAM,
            ) from None
        except Failure:
            raise
        except Exception as error:  # noqa: BLE001 - a session that just stopped would hang its caller
            raise self._unexpected(error) from None

    def _unexpected(self, error: Exception) -> ProviderError:
        """Log what nobody foresaw, and return what is told of it."""
        self._log.error("unexpected", error=error, provider_request_id=self.request_id)
        return ProviderError(Kind.INTERNAL, "internal error", code="internal", phase=Phase.STREAM)

    def _do_at_once(self, outcome: Outcome[Any]) -> list[Any]:
        events, _ = self._write(outcome)
        return events

    async def _do(self, outcome: Outcome[Any]) -> tuple[list[Any], bool]:
        # All of it is written before anybody else has a turn: what the session says next belongs behind it.
        done = self._write(outcome)
        if self._socket is not None:
            await self._socket.drain()
        return done

    def _write(self, outcome: Outcome[Any]) -> tuple[list[Any], bool]:
        """Do what the session says; return its events, and whether it has begun by it."""
        events: list[Any] = []
        began = False
        for one in outcome:
            if type(one) is Say:
                self._said_at = clock.perf()
                if self._socket is not None:
                    self._socket.write(one.message)
            else:
                began = self._act(one, events) or began
        return events, began

    def _act(self, one: Any, events: list[Any]) -> bool:
        """Do what needs no waiting, or keep an event; return whether the session has begun by it."""
        match one:
            case Began():
                self.request_id = one.request_id
                return True
            case Redial():
                self.redial = True
                self.abort()
            case HangUp():
                self.abort()
            case HalfClose():
                if self._socket is not None:
                    self._socket.half_close()
            case _:
                events.append(one)
        return False


class Leg(Generic[Talk]):
    """A conversation that is a caller's. Its `Call` is recorded when the leg ends, however it ends."""

    def __init__(
        self, call: Call, conversation: Conversation[Talk], waiting: list[Any] | None = None
    ) -> None:
        self.call = call
        self.reused = waiting is not None
        """Whether the socket was open already, and told `waiting` since then."""
        self.connect_ms = 0
        self._conversation = conversation
        self._waiting = waiting
        self._record = ExitStack()
        self._ending = self._record.enter_context(Ending(call))

    @property
    def session(self) -> Talk:
        return self._conversation.session

    @property
    def request_id(self) -> str:
        """The provider's own name for the session."""
        return self._conversation.request_id or self.call.provider_request_id

    @property
    def redial(self) -> bool:
        """Whether the session wants a new socket."""
        return self._conversation.redial

    @property
    def heard_at(self) -> float:
        """`clock.perf()` when the provider last said anything."""
        return self._conversation.heard_at

    @property
    def heard(self) -> bool:
        """Whether the provider has said anything at all."""
        return self._conversation.heard

    @property
    def broken(self) -> bool:
        """Whether the provider ended the session by a close that tells of a fault, or by none."""
        return self._conversation.broken

    async def open(self) -> list[Any]:
        """Have the provider listen; return what it told by then. Raises `Failure`."""
        if self._waiting is not None:
            trace, known = self.call.trace, self._conversation.trace
            trace.sent_at, trace.attempts = clock.perf(), 1
            trace.status, trace.headers = known.status, known.headers
            self._conversation.heard_at = trace.sent_at
            return self._waiting
        started = clock.perf()
        events = await self._conversation.open()
        self.connect_ms = round((clock.perf() - started) * 1000)
        return events

    async def tell(self, word: Callable[..., Outcome[Any]], *about: Any) -> list[Any]:
        """Let the session say one of its words; return what it told thereby. Raises `ProviderError`."""
        return await self._conversation.tell(word, *about)

    @property
    def ready(self) -> bool:
        """Whether the provider reads as fast as it is spoken to, so that `tell_at_once` will do."""
        return self._conversation.ready

    def tell_at_once(self, word: Callable[..., Outcome[Any]], *about: Any) -> list[Any]:
        """Do as `tell`, without waiting. For when it is `ready`. Raises `ProviderError`."""
        return self._conversation.tell_at_once(word, *about)

    def events(self, sink: Callable[[Sequence[Any]], bool] | None = None) -> AsyncGenerator[list[Any], None]:
        """Yield what is heard until the session has ended well. Raises `Failure` when it did not.

        What comes while nothing waits is given to `sink` first: see `Conversation.events`.
        """
        return self._conversation.events(sink)

    def forget(self, those: Callable[[Any], bool]) -> None:
        """Have none of those told that were heard already, and wait for whoever listens to wake up."""
        self._conversation.forget(those)

    def give_up(self, error: Failure) -> None:
        """Hang up; whoever waits for events gets `error`."""
        self._conversation.give_up(error)

    def hang_up(self) -> None:
        """Hang up; the session tells what is left, and what it means."""
        self._conversation.abort()

    def ping(self) -> None:
        """Ask the provider whether it is there, unless it owes an answer to that already."""
        self._conversation.ping()

    @property
    def unanswered(self) -> float:
        """For how many seconds the provider owes an answer to a ping, and has sent nothing else; 0 when it does not."""
        return self._conversation.unanswered

    async def close(self, error: BaseException | None, usage: Usage) -> None:
        """Hang up and keep the record: of success, or of `error`."""
        try:
            if error is None:
                self.call.done(usage)
            else:
                self._ending.usage = usage
        finally:
            self._record.__exit__(type(error) if error else None, error, None)
            if error is None:
                await self._conversation.close()
            else:
                self._conversation.abort()
            self.call.trace.finished_at = clock.perf()


def late(what: str) -> ProviderError:
    """Build the error for a provider that did not answer in the time it had."""
    return ProviderError(Kind.TIMEOUT, what, code="upstream_timeout", phase=Phase.STREAM)


def recoverable(error: Failure) -> bool:
    """Whether another try, here or elsewhere, may fare better."""
    return error.retryable or error.kind in (Kind.TRUNCATED, Kind.BAD_RESPONSE)
