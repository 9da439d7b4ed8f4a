"""The life of a call at Vonage: dialed or come in, told of, connected, and over."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lab import web
from lab.carrier import Leg
from lab.phone import Line, linear
from lab.vonage import ncco, resources
from lab.vonage.media import Socket
from lab.vonage.webhooks import ask, tell

if TYPE_CHECKING:
    from lab.vonage import Vonage

RING_SECONDS = 60.0
"""For how long Vonage lets a telephone ring that was asked for nothing else."""
LENGTH_SECONDS = 7_200.0
ENDS = {
    "busy": {"status": "busy", "sip_code": "486"},
    "rejects": {"status": "rejected", "detail": "restricted", "sip_code": "603"},
    "no": {"status": "timeout"},
    "unreachable": {"status": "failed", "detail": "cannot_route", "sip_code": "404"},
}
INSTEAD_SECONDS = 1.0
"""For how long an answer is waited for that may say what to do instead."""
MOST_DOCUMENTS = 20
"""How often a call goes on with another document before the lab thinks that it goes in circles."""
AGAIN = (0, 429, 503, 504)
"""Statuses, 0 for none, after which a document is asked for once more."""


async def outbound(carrier: "Vonage", leg: Leg) -> None:
    """A call that was asked for."""
    asked: dict[str, Any] = leg.more["asked"]
    _status(carrier, leg, "started")
    _status(carrier, leg, "ringing")
    who = await carrier.ring(leg, float(asked.get("ringing_timer", RING_SECONDS)))
    if who in ENDS:
        leg.more["end"] = ENDS[who]
    elif who:
        await _answered(carrier, leg, asked, machine=who == "machine")
    _over(carrier, leg)


async def inbound(carrier: "Vonage", leg: Leg) -> None:
    """A call that came in: Vonage tells that it rings before that it has begun."""
    _status(carrier, leg, "ringing")
    _status(carrier, leg, "started")
    actions = await _document(carrier, leg)
    if actions:
        leg.answered_at = time.monotonic()
        _status(carrier, leg, "answered", start_time=None, rate=None, network=None)
        await _follow(carrier, leg, actions)
    elif not leg.over:
        leg.more["end"] = {"status": "failed"}
    _over(carrier, leg)


async def _answered(carrier: "Vonage", leg: Leg, asked: dict[str, Any], *, machine: bool) -> None:
    leg.answered_at = time.monotonic()
    _status(carrier, leg, "answered", start_time=None, rate=None, network=None)
    if "machine_detection" in asked or "advanced_machine_detection" in asked:
        _machine(carrier, leg, "machine" if machine else "human")
        if machine and asked.get("machine_detection") == "hangup":
            return
    limit = float(asked.get("length_timer", LENGTH_SECONDS)) / leg.phone.speed
    late = asyncio.get_running_loop().call_later(limit, leg.hangup)
    try:
        await _follow(carrier, leg, await _document(carrier, leg))
    finally:
        late.cancel()


def _over(carrier: "Vonage", leg: Leg) -> None:
    leg.ended_at = time.monotonic()
    leg.over = True
    if leg.answered_at is not None:
        leg.state = "completed"
        who = "user" if leg.more.get("gone") else "platform"
        _status(carrier, leg, "completed", **resources.summary(leg), disconnected_by=who)
    else:
        end = dict(leg.more.get("end", {"status": "cancelled"}))
        _status(carrier, leg, end.pop("status"), **end)
    for url in leg.more.get("records", ()):  # Told of when they have been written, once the call is over.
        recording = carrier.uuid()
        tell(carrier, leg, "recording", url, "POST", {
            "start_time": resources.stamp(leg.created), "end_time": resources.stamp(time.time()), "size": 12_222,
            "recording_url": f"https://api.nexmo.com/v1/files/{recording}", "recording_uuid": recording,
            "conversation_uuid": leg.more["conversation"], "timestamp": resources.now(),
        })  # fmt: skip


async def _document(carrier: "Vonage", leg: Leg) -> list[ncco.Action]:
    """What to do: what came with the request, or what its URL says. Nothing, with a complaint, where that is none."""
    try:
        said: bytes | list[Any] = leg.more["ncco"] or await _fetched(carrier, leg)
        leg.more.setdefault("documents", []).append(said)
        return ncco.parse(said)
    except (ValueError, OSError) as error:
        _complain(carrier, leg, str(error) or type(error).__name__)
        return []


async def _fetched(carrier: "Vonage", leg: Leg) -> bytes:
    fields = {
        "from": resources.bare(leg.from_), "to": resources.bare(leg.to), "uuid": leg.id, "conversation_uuid": leg.more["conversation"],
        "region_url": "https://api-eu-3.vonage.com",
    }  # fmt: skip
    status = 0
    for _ in range(2):
        with contextlib.suppress(OSError):
            reply = await ask(carrier, leg, leg.more["url"], leg.more["method"], fields)
            if reply.status < 300:
                return reply.body
            status = reply.status
        if status not in AGAIN:
            break
    raise ValueError(f"{leg.more['url']} answered {status}")


async def _follow(carrier: "Vonage", leg: Leg, actions: list[ncco.Action]) -> None:
    """Does what a document says, or the one that takes its place."""
    waiting = list(actions)
    documents = 1
    while not leg.over and documents < MOST_DOCUMENTS:
        if leg.more.pop("redirected", False):
            documents += 1
            leg.changed.clear()
            waiting = await _document(carrier, leg)
        elif waiting:
            leg.changed.clear()
            other = await _do(carrier, leg, waiting.pop(0))
            if other is not None:
                documents += 1
                waiting = other
        else:
            break


async def _do(carrier: "Vonage", leg: Leg, action: ncco.Action) -> list[ncco.Action] | None:
    """Does one thing; what is to be done in place of what follows, if anything."""
    match action:
        case ncco.Socket():
            return await _connect(carrier, leg, action)
        case ncco.Record(url):
            leg.more.setdefault("records", []).append(url or leg.more["event_url"])
        case ncco.Talk(text):
            leg.line.play(leg.line.sound.voice(text, leg.line.sound.rate))
            await _while(leg, leg.line, lambda: leg.line.waiting > 0)
        case ncco.Phone(number):
            leg.went_to.append(f"+{number}")
            other = Line(carrier.phone(f"+{number}"), carrier.sound)
            if other.phone.picks_up == "yes":
                await _while(leg, other, lambda: True)
    return None


async def _while(leg: Leg, line: Line, goes_on: Any) -> None:
    """A telephone's clock runs for as long as something goes on, it is not hung up, and the call is not changed."""

    async def runs() -> None:
        async for _ in line.ticks():
            if not goes_on():
                return

    doing = (asyncio.ensure_future(runs()), asyncio.ensure_future(leg.changed.wait()))
    try:
        await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in doing:
            task.cancel()


async def _connect(carrier: "Vonage", leg: Leg, there: ncco.Socket) -> list[ncco.Action] | None:
    """Connects a call to a socket, which is a leg of its own."""
    shown = {
        "uuid": carrier.uuid(), "status": "started", "direction": "outbound",
        "conversation_uuid": leg.more["conversation"], "from": {"type": "phone", "number": there.from_ or resources.bare(leg.to)},
        "to": {"type": "websocket", "uri": there.uri, "content-type": f"audio/l16;rate={there.rate}"},
    }  # fmt: skip
    shown["_links"] = {"self": {"href": f"/v1/calls/{shown['uuid']}"}}
    leg.more.setdefault("sockets", []).append(shown)
    leg.sockets += 1
    leg.line.sound = linear(there.rate)
    _socket(carrier, leg, there, shown, "started")
    try:
        peer = await web.socket(there.uri, (), "Vonage/1.0")
    except (OSError, InvalidHandshake) as error:
        leg.complaints.append(f"socket: {error}")
        return await _instead(carrier, leg, there, shown, "failed")
    _socket(carrier, leg, there, shown, "answered")
    voice = Socket(leg, nested_keys=carrier.nested_keys)
    complaints, how = len(leg.complaints), "left"
    try:
        with contextlib.suppress(ConnectionClosed):
            await peer.send(voice.opening(f"audio/l16;rate={there.rate}", there.headers))
            how = await carrier.speak(leg, peer, voice)
            if how in ("changed", "gone"):
                await peer.send(voice.closing())
            await peer.close()
    finally:
        peer.transport.abort()
        leg.line.drop()
    leg.more["gone"] = how == "gone"
    if len(leg.complaints) > complaints:
        _error(carrier, leg, leg.complaints[-1])
    if how in ("changed", "gone"):
        _socket(carrier, leg, there, shown, "completed")
        return None
    return await _instead(carrier, leg, there, shown, "disconnected")


async def _instead(
    carrier: "Vonage", leg: Leg, there: ncco.Socket, shown: dict[str, Any], status: str
) -> list[ncco.Action] | None:
    """Tells of a socket that is not there, where that was asked for; what is answered is done then."""
    answered: asyncio.Future[web.Reply] | None = None
    if there.synchronous:
        answered = asyncio.get_running_loop().create_future()
        _socket(carrier, leg, there, shown, status, answered=answered)
    shown["status"] = status
    if answered is None:
        return None
    try:
        async with asyncio.timeout(INSTEAD_SECONDS):
            reply = await answered
        return ncco.parse(reply.body) if reply.status < 300 and reply.body else None
    except TimeoutError:
        return None  # The notice was lost, or is late.
    except ValueError as error:
        _complain(carrier, leg, str(error))
        return None


# --- what is told ------------------------------------------------------------------------------


def _fields(leg: Leg, status: str) -> dict[str, Any]:
    """What comes with every notice of how a call stands."""
    return {
        "from": resources.bare(leg.from_), "to": resources.bare(leg.to), "uuid": leg.id, "conversation_uuid": leg.more["conversation"],
        "status": status, "direction": leg.direction, "timestamp": resources.now(),
    }  # fmt: skip


def _status(carrier: "Vonage", leg: Leg, status: str, **more: Any) -> None:
    leg.state = status
    _event(carrier, leg, status, _fields(leg, status) | more)


def _machine(carrier: "Vonage", leg: Leg, status: str) -> None:
    """Who answered is told of a `call_uuid`."""
    fields = _fields(leg, status)
    fields["call_uuid"] = fields.pop("uuid")
    _event(carrier, leg, status, fields)


def _complain(carrier: "Vonage", leg: Leg, reason: str) -> None:
    leg.complaints.append(reason)
    _error(carrier, leg, reason)


def _error(carrier: "Vonage", leg: Leg, reason: str) -> None:
    told = {"reason": reason, "conversation_uuid": leg.more["conversation"], "timestamp": resources.now()}
    _event(carrier, leg, "error", told)


def _event(carrier: "Vonage", leg: Leg, what: str, fields: dict[str, Any]) -> None:
    tell(carrier, leg, what, leg.more["event_url"], leg.more["event_method"], fields)


def _socket(
    carrier: "Vonage",
    leg: Leg,
    there: ncco.Socket,
    shown: dict[str, Any],
    status: str,
    answered: "asyncio.Future[web.Reply] | None" = None,
) -> None:
    """Tells of a socket's leg, which has a name of its own."""
    shown["status"] = status
    fields = {
        "from": shown["from"]["number"], "to": there.uri, "uuid": shown["uuid"], "direction": "outbound",
        "conversation_uuid": leg.more["conversation"], "status": status, "timestamp": resources.now(),
        **({"headers": there.headers} if there.headers else {}),
    }  # fmt: skip
    url, method = there.event_url or leg.more["event_url"], there.event_method
    tell(carrier, leg, f"socket {status}", url, method, fields, answered)
