"""The life of a call at Twilio: dialed or come in, told of, connected, and over."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from websockets.exceptions import ConnectionClosed, InvalidHandshake

from lab import web
from lab.carrier import Leg
from lab.phone import Line
from lab.twilio import client, twiml
from lab.twilio.media import Socket

if TYPE_CHECKING:
    from lab.twilio import Twilio

RING_SECONDS = 60.0
"""For how long Twilio lets a telephone ring that was asked for nothing else."""
SIP = {
    "busy": ("busy", "486"),
    "rejects": ("busy", "603"),
    "no": ("no-answer", "480"),
    "unreachable": ("failed", "404"),
}
MOST_DOCUMENTS = 20
"""How often a call is redirected before the lab thinks that it goes in circles."""


async def outbound(carrier: "Twilio", leg: Leg) -> None:
    """A call that was asked for."""
    form: dict[str, str] = leg.more["form"]
    if leg.more["wait"]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(leg.more["wait"]):
                await leg.changed.wait()
    if not leg.over:
        _status(carrier, leg, "initiated", event="initiated")
        leg.state = "ringing"
        _status(carrier, leg, "ringing", event="ringing")
        who = await carrier.ring(leg, float(form.get("Timeout", RING_SECONDS)))
        if who in SIP:
            leg.state, leg.more["sip_code"] = SIP[who]
        elif who:
            await _answered(carrier, leg, form, machine=who == "machine")
    _over(carrier, leg)


async def inbound(carrier: "Twilio", leg: Leg) -> None:
    """A call that came in."""
    verbs = await _document(carrier, leg)
    if isinstance(next(iter(verbs), None), twiml.Hangup) and verbs[0] == twiml.Hangup(rejects=True):
        leg.state = "busy"
    elif verbs:
        leg.answered_at = time.monotonic()
        leg.state = "in-progress"
        await _follow(carrier, leg, verbs)
    else:
        leg.state = "failed"
    _over(carrier, leg)


async def _answered(carrier: "Twilio", leg: Leg, form: dict[str, str], *, machine: bool) -> None:
    leg.answered_at = time.monotonic()
    leg.state = "in-progress"
    background = form.get("AsyncAmd") == "true"
    if form.get("MachineDetection") in ("Enable", "DetectMessageEnd"):
        leg.more["answered_by"] = "machine_start" if machine else "human"
    _status(carrier, leg, "in-progress", event="answered", told=not background)
    if background and "answered_by" in leg.more and "AsyncAmdStatusCallback" in form:
        detected = {"CallSid": leg.id, "AccountSid": leg.account, "AnsweredBy": leg.more["answered_by"],
                    "MachineDetectionDuration": "2400"}  # fmt: skip
        post(carrier, leg, "answered-by", form["AsyncAmdStatusCallback"], detected)
    limit = float(form.get("TimeLimit", 14_400)) / leg.phone.speed
    late = asyncio.get_running_loop().call_later(limit, leg.hangup)
    try:
        await _follow(carrier, leg, await _document(carrier, leg))
    finally:
        late.cancel()


def _over(carrier: "Twilio", leg: Leg) -> None:
    leg.ended_at = time.monotonic()
    if leg.answered_at is not None:
        leg.state = "completed"
    elif leg.over:
        leg.state = "canceled"
    leg.over = True
    _status(carrier, leg, leg.state, event="completed")
    form = leg.more.get("form", {})
    if form.get("Record") == "true" and leg.answered_at is not None and "RecordingStatusCallback" in form:
        recording = client.sid("RE", client.number(leg.id))
        post(carrier, leg, "recording", form["RecordingStatusCallback"], {
            "CallSid": leg.id, "AccountSid": leg.account, "RecordingSid": recording, "RecordingStatus": "completed",
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{leg.account}/Recordings/{recording}",
            "RecordingDuration": str(round(leg.seconds)), "RecordingChannels": "1", "RecordingSource": "OutboundAPI",
        })  # fmt: skip


async def _document(carrier: "Twilio", leg: Leg) -> list[twiml.Verb]:
    """What to do: what came with the request, or what its URL says. Nothing, with a complaint, where that is none."""
    said: str = leg.more.get("twiml", "")
    try:
        if not said:
            url: str = leg.more["url"]
            reply = await _ask(carrier, leg, url, _fields(leg, leg.state))
            if reply.status >= 300:
                raise ValueError(f"11200: {url} answered {reply.status}")
            said = reply.body.decode()
        leg.more.setdefault("documents", []).append(said)
        return twiml.parse(said)
    except (ValueError, OSError) as error:
        leg.complaints.append(str(error) or type(error).__name__)
        return []


async def _follow(carrier: "Twilio", leg: Leg, verbs: list[twiml.Verb]) -> None:
    """Does what a document says, or the one that it is redirected to."""
    waiting = list(verbs)
    documents = 1
    while not leg.over and documents < MOST_DOCUMENTS:
        if leg.more.pop("redirected", False):
            documents += 1
            waiting = await _document(carrier, leg)
        elif waiting:
            leg.changed.clear()
            await _do(carrier, leg, waiting.pop(0))
        else:
            break


async def _do(carrier: "Twilio", leg: Leg, verb: twiml.Verb) -> None:
    match verb:
        case twiml.Stream():
            await _connect(carrier, leg, verb)
        case twiml.Play(digits):
            leg.keyed += digits
        case twiml.Pause(seconds):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds / leg.phone.speed):
                    await leg.changed.wait()
        case twiml.Dial(number):
            leg.went_to.append(number)
            await _bridged(carrier, leg, Line(carrier.phone(number), carrier.sound))
        case twiml.Redirect(url):
            leg.more |= {"url": url, "twiml": "", "redirected": True}
        case twiml.Hangup():
            leg.over = True


async def _bridged(carrier: "Twilio", leg: Leg, other: Line) -> None:
    """The call goes on with another telephone, until that hangs up."""

    async def stays() -> None:
        async for _ in other.ticks():
            pass

    if other.phone.picks_up == "yes":
        doing = (asyncio.ensure_future(stays()), asyncio.ensure_future(leg.changed.wait()))
        try:
            await asyncio.wait(doing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in doing:
                task.cancel()


async def _connect(carrier: "Twilio", leg: Leg, stream: twiml.Stream) -> None:
    sid = client.sid("MZ", client.number(leg.id) << 16 | leg.sockets)
    leg.sockets += 1
    signed = ("x-twilio-signature", client.signature(carrier.token(leg.account), stream.url, {}))
    try:
        peer = await web.socket(stream.url, [signed], "Twilio.TmeWs/1.0")
    except (OSError, InvalidHandshake) as error:
        leg.complaints.append(f"31920: {error}")
        _stream(carrier, leg, stream, sid, "stream-error", "31920")
        return
    _stream(carrier, leg, stream, sid, "stream-started")
    voice = Socket(leg, sid)
    complaints = len(leg.complaints)
    try:
        with contextlib.suppress(ConnectionClosed):
            for message in voice.opening(stream.params):
                await peer.send(message)
            if await carrier.speak(leg, peer, voice) in ("changed", "gone"):
                await peer.send(voice.closing())
            await peer.close()
    finally:
        peer.transport.abort()
        leg.line.drop()
    if len(leg.complaints) > complaints:
        _stream(carrier, leg, stream, sid, "stream-error", leg.complaints[-1].partition(":")[0])
    _stream(carrier, leg, stream, sid, "stream-stopped")


# --- what is told ------------------------------------------------------------------------------


def _fields(leg: Leg, status: str) -> dict[str, str]:
    """What comes with every request about a call."""
    return {
        "CallSid": leg.id, "AccountSid": leg.account, "From": leg.from_, "To": leg.to, "Caller": leg.from_,
        "Called": leg.to, "CallStatus": status, "ApiVersion": "2010-04-01",
        "Direction": "inbound" if leg.direction == "inbound" else "outbound-api",
        "FromCity": "", "FromCountry": "US", "ToCity": "SAN FRANCISCO", "ToCountry": "US",
    }  # fmt: skip


def _status(carrier: "Twilio", leg: Leg, status: str, *, event: str, told: bool = True) -> None:
    """Tells how the call stands, if that was asked for: notices are numbered in the order in which things happened."""
    url: str = leg.more.get("status_callback", "")
    fields = _fields(leg, status) | {
        "SequenceNumber": str(leg.more.get("sequence", 0)), "Timestamp": _now(), "CallbackSource": "call-progress-events",
    }  # fmt: skip
    if not url or event not in leg.more["events"]:
        return
    leg.more["sequence"] = leg.more.get("sequence", 0) + 1
    if "answered_by" in leg.more and told:
        fields["AnsweredBy"] = leg.more["answered_by"]
    if event == "completed":
        seconds = round(leg.seconds)
        fields |= {"CallDuration": str(seconds), "Duration": str((seconds + 59) // 60),
                   "SipResponseCode": leg.more.get("sip_code", "487" if leg.answered_at is None else "200")}  # fmt: skip
    post(carrier, leg, status, url, fields)


def _stream(carrier: "Twilio", leg: Leg, stream: twiml.Stream, sid: str, event: str, error: str = "") -> None:
    if not stream.status_callback:
        return
    fields = {"CallSid": leg.id, "AccountSid": leg.account, "StreamSid": sid, "StreamName": stream.name or sid,
              "StreamEvent": event, "Timestamp": _now()}  # fmt: skip
    post(carrier, leg, event, stream.status_callback, fields | ({"StreamError": error} if error else {}))


def post(carrier: "Twilio", leg: Leg, what: str, url: str, fields: dict[str, str]) -> None:
    """Sends a notice, signed, in its turn."""
    leg.notices.add(what, fields, lambda: _ask(carrier, leg, url, fields))


async def _ask(carrier: "Twilio", leg: Leg, url: str, fields: dict[str, str]) -> web.Reply:
    headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("user-agent", "TwilioProxy/1.1"),
        ("x-twilio-signature", client.signature(carrier.token(leg.account), url, fields)),
    ]
    return await web.ask("POST", url, headers, urlencode(fields).encode())


def _now() -> str:
    return format_datetime(datetime.now(UTC))
