"""The life of a call at Exotel: dialed or come in, told of, connected, and over."""

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from lab import web
from lab.carrier import Leg
from lab.exotel import resources, webhooks
from lab.exotel.media import Socket
from lab.phone import linear

if TYPE_CHECKING:
    from lab.exotel import Exotel

RING_SECONDS = 30.0
"""For how long Exotel lets a telephone ring that was asked for nothing else."""
STREAM_SECONDS = 3_600.0
MOST_PARAMS, LONGEST_PARAMS = 3, 256
RATE = "sample-rate"
ENDS = {"busy": "busy", "rejects": "busy", "no": "no-answer", "unreachable": "failed"}
Stream = Literal["completed", "failed", "cancelled"]


async def outbound(carrier: "Exotel", leg: Leg) -> None:
    """A call that was asked for."""
    form: dict[str, str] = leg.more["form"]
    webhooks.status(leg, "ringing", "ringing")
    who = await carrier.ring(leg, float(form.get("timeout", RING_SECONDS)))
    if who in ENDS:
        leg.state = ENDS[who]
    elif who:
        leg.answered_at = time.monotonic()
        webhooks.status(leg, "answered", leg.state)
        limit = float(form.get("timelimit", resources.LONGEST_CALL)) / leg.phone.speed
        late = asyncio.get_running_loop().call_later(limit, leg.hangup)
        try:
            url = form.get("streamurl", "")
            if not url and (flow := resources.FLOW.fullmatch(form["url"])):
                url = carrier.flows.get(flow[1], "")
            await _voicebot(carrier, leg, url)
        finally:
            late.cancel()
    _over(leg)
    webhooks.status(leg, "terminal", leg.state)


async def inbound(carrier: "Exotel", leg: Leg) -> None:
    """A call that came in to an ExoPhone whose flow is a Voicebot applet, and a Passthru applet behind it."""
    leg.answered_at = time.monotonic()
    ended = await _voicebot(carrier, leg, leg.more["url"])
    _over(leg)
    webhooks.passthru(leg, ended)


def _over(leg: Leg) -> None:
    leg.ended_at = time.monotonic()
    leg.over = True
    if leg.answered_at is not None:
        leg.state = "completed"
    elif leg.state == "in-progress":
        leg.state = "failed"


async def _voicebot(carrier: "Exotel", leg: Leg, url: str) -> Stream:
    """The applet: a socket, at once or wherever a question says."""
    try:
        if urlsplit(url).scheme in ("http", "https"):
            reply = await webhooks.question(leg, url)
            leg.more.setdefault("documents", []).append(reply.body.decode())
            if reply.status != 200:
                raise ValueError(f"{url} answered {reply.status}")
            url = str(json.loads(reply.body)["url"])
        return await _connect(carrier, leg, url)
    except (ValueError, KeyError, TypeError, OSError, InvalidHandshake, InvalidURI) as error:
        leg.complaints.append(f"stream: {error or type(error).__name__}")
        return "failed"


async def _opened(url: str) -> ClientConnection:
    """A socket; Basic credentials in its address become a header. Asked for once more if it is refused."""
    try:
        return await web.socket(url, (), "Exotel-AgentStream/1.0")
    except (OSError, InvalidHandshake):
        return await web.socket(url, (), "Exotel-AgentStream/1.0")


async def _connect(carrier: "Exotel", leg: Leg, url: str) -> Stream:
    """Raises `ValueError` for an address that Exotel would not take, and what `web.socket` raises."""
    if urlsplit(url).scheme not in ("ws", "wss"):
        raise ValueError(f"not a media socket's address: {url}")
    params = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    rate = params.pop(RATE, "8000")
    style: resources.Style = leg.more["style"]
    leg.line.sound = style.sound
    if style.sound.width == 2:
        if rate not in ("8000", "16000", "24000"):
            raise ValueError(f"{RATE}={rate}")
        leg.line.sound = linear(int(rate))
    if len(params) > MOST_PARAMS or len(urlencode(params)) > LONGEST_PARAMS:
        raise ValueError(f"more than {MOST_PARAMS} parameters, or {LONGEST_PARAMS} characters of them")
    sid = f"{int(leg.id, 16) << 8 | leg.sockets:034x}"
    leg.sockets += 1
    leg.more |= {"stream_sid": sid, "stream_url": url}
    peer = await _opened(url)
    voice = Socket(leg, sid, style)
    late = asyncio.get_running_loop().call_later(STREAM_SECONDS / leg.phone.speed, leg.hangup)
    how = "lost"
    try:
        with contextlib.suppress(ConnectionClosed):
            for message in voice.opening(params):
                await peer.send(message)
            how = await carrier.speak(leg, peer, voice)
            if how in ("changed", "gone"):
                for message in voice.closing("callended" if how == "gone" else "stopped"):
                    await peer.send(message)
            await peer.close()
    finally:
        late.cancel()
        peer.transport.abort()
        leg.line.drop()
    leg.more["left"] = {"gone": "user", "left": "bot"}.get(how, "exotel")
    return "failed" if how == "lost" else "completed"
