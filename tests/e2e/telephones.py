"""Carriers as tests see them: the lab plays each with telephones that are scripted, and the service stands behind."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from tests.e2e.service import ADMIN_KEY, Service
from tests.lab import vonage_keys

OURS, THEIRS = "+15005550006", "+4930123456"
DEADLINE = 60.0


@dataclass(frozen=True)
class Carrier:
    """What is particular to a carrier."""

    name: str
    value: Mapping[str, str]
    """Of its credential."""
    format: Mapping[str, Any]
    """Of its sound."""
    frame: int
    """Bytes of 20 ms of it."""
    sign: Callable[..., dict[str, str]]
    """The headers that prove a request to be its own."""
    asks: Callable[[str], bytes]
    """The body of a POST that asks what to do with a call, by its id of the call."""
    tells: Callable[[str, str, int], bytes]
    """The body of a POST that tells of a call: its id, a state of ours, and which notice it is."""
    mime: str = "application/x-www-form-urlencoded"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the lab is told of the account."""
    environ: Mapping[str, str] = field(default_factory=dict)
    signs_url: bool = True
    """Whether what proves a request holds for its address alone."""
    presses: bool = True
    """Whether keys can be pressed, and calls be sent on and hung up, by asking it."""
    forged: Mapping[str, str] = field(default_factory=dict)
    """Headers of a request that is not its own."""
    signs: bool = True
    """Whether what it says is signed, and not only where it comes from."""


TWILIO_TOKEN = "0123456789abcdef0123456789abcdef"
TWILIO_STATES = {"ringing": "ringing", "answered": "in-progress", "completed": "completed", "busy": "busy"}


def twilio_signature(url: str, body: bytes = b"", secret: str = TWILIO_TOKEN) -> dict[str, str]:
    from twilio.request_validator import RequestValidator

    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    return {"x-twilio-signature": RequestValidator(secret).compute_signature(url, form)}


def twilio_asks(id: str) -> bytes:
    form = {"CallSid": id, "From": THEIRS, "To": OURS, "CallStatus": "ringing", "Direction": "inbound"}
    return urlencode(form).encode()


def twilio_tells(id: str, state: str, number: int) -> bytes:
    at = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
    form = {
        "CallSid": id, "From": THEIRS, "To": OURS, "CallStatus": TWILIO_STATES[state],
        "SequenceNumber": str(number), "Timestamp": at,
    }  # fmt: skip
    return urlencode(form).encode()


TWILIO = Carrier(
    name="twilio",
    value={"account_sid": "AC00000000000000000000000000000001", "account_token": TWILIO_TOKEN},
    format={"encoding": "mulaw", "sample_rate_hz": 8000, "channels": 1},
    frame=160,
    sign=twilio_signature,
    asks=twilio_asks,
    tells=twilio_tells,
    settings={"tokens": {"AC00000000000000000000000000000001": TWILIO_TOKEN}},
)


def vonage_signature(
    url: str, body: bytes = b"", secret: str = vonage_keys.SIGNATURE_SECRET, **claims: Any
) -> dict[str, str]:
    return {"authorization": vonage_keys.bearer(body, secret, **claims)} if body else {}


def vonage_asks(id: str) -> bytes:
    said = {
        "uuid": id,
        "conversation_uuid": f"CON-{id}",
        "from": THEIRS[1:],
        "to": OURS[1:],
        "SipHeader_X": "ringing",
    }
    return json.dumps(said).encode()


def vonage_tells(id: str, state: str, number: int) -> bytes:
    said = {
        "uuid": id, "conversation_uuid": f"CON-{id}", "from": THEIRS[1:], "to": OURS[1:], "status": state,
        "direction": "inbound", "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }  # fmt: skip
    return json.dumps(said).encode()


VONAGE = Carrier(
    name="vonage",
    value={
        "application_id": vonage_keys.APPLICATION, "private_key": vonage_keys.keys()[0],
        "signature_secret": vonage_keys.SIGNATURE_SECRET, "api_key": vonage_keys.API_KEY,
        "api_secret": vonage_keys.API_SECRET,
    },
    format={"encoding": "pcm_s16le", "sample_rate_hz": 16000, "channels": 1},
    frame=640,
    sign=vonage_signature,
    asks=vonage_asks,
    tells=vonage_tells,
    mime="application/json",
    settings={"tokens": vonage_keys.tokens()},
    signs_url=False,
)  # fmt: skip
EXOTEL_STATES = {
    "ringing": ("ringing", "ringing"), "answered": ("answered", "in-progress"), "completed": ("terminal", "completed"),
    "busy": ("terminal", "busy"),
}  # fmt: skip
ITS_ADDRESS, ANOTHER_ADDRESS = "203.0.113.7", "198.51.100.9"


def exotel_sender(url: str, body: bytes = b"", secret: str = "") -> dict[str, str]:
    """Say through a proxy that is trusted where a request came from; what has a secret is somebody else's."""
    return {"x-forwarded-for": ANOTHER_ADDRESS if secret else ITS_ADDRESS}


def exotel_asks(id: str) -> bytes:
    return urlencode({"CallSid": id, "CallFrom": THEIRS, "CallTo": OURS, "Direction": "incoming"}).encode()


def exotel_tells(id: str, state: str, number: int) -> bytes:
    event, status = EXOTEL_STATES[state]
    form = {
        "CallSid": id,
        "From": THEIRS,
        "To": OURS,
        "EventType": event,
        "Status": status,
        "Direction": "inbound",
    }
    return urlencode(form).encode()


EXOTEL = Carrier(
    name="exotel",
    value={"account_sid": "lab1", "client_id": "key1", "client_secret": "0123456789abcdef0123456789abcdef"},
    format={"encoding": "pcm_s16le", "sample_rate_hz": 8000, "channels": 1},
    frame=320,
    sign=exotel_sender,
    asks=exotel_asks,
    tells=exotel_tells,
    environ={
        # The lab is at the first; the proxy that is trusted is, too.
        "TELEPHONY__EXOTEL_ADDRESSES": "127.0.0.1/32, 203.0.113.0/24",
        "TELEPHONY__TRUSTED_PROXIES": "127.0.0.1/32",
    },
    signs_url=False,
    presses=False,
    forged=exotel_sender("", secret="somebody else's"),
    signs=False,
)
CARRIERS = {one.name: one for one in (TWILIO, VONAGE, EXOTEL)}


class Exchange:
    """The lab's side of one carrier."""

    def __init__(self, lab: str, carrier: Carrier) -> None:
        self._lab = lab
        self.carrier = carrier

    def ask(self, method: str, path: str = "", body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self._lab}/_lab/carriers/{self.carrier.name}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
        )
        with urllib.request.urlopen(request, timeout=60) as reply:
            return json.loads(reply.read())

    def reset(self) -> None:
        self.ask("DELETE")
        if self.carrier.settings:
            self.ask("PUT", body=dict(self.carrier.settings))

    def phone(self, *acts: Mapping[str, Any], number: str = THEIRS, **more: Any) -> None:
        self.ask("PUT", body={"phones": {number: {"acts": list(acts), "speed": 5.0, **more}}})

    def arrive(self, answer_url: str, status_url: str, *acts: Mapping[str, Any], **more: Any) -> str:
        """Have somebody call our number; return the carrier's id of the call."""
        phone = {"acts": list(acts), "speed": 5.0, **more}
        asked = {"to": OURS, "from": THEIRS, "url": answer_url, "status": status_url, "phone": phone}
        account = self.carrier.value.get("account_sid") or self.carrier.value.get("application_id")
        return str(self.ask("POST", "/calls", {**asked, **({"account": account} if account else {})})["id"])

    def act(self, id: str, *acts: Mapping[str, Any]) -> None:
        self.ask("POST", f"/calls/{id}", {"acts": list(acts)})

    def call(self, id: str) -> dict[str, Any]:
        return self.ask("GET", f"/calls/{id}")

    def heard(self, id: str) -> bytes:
        return b64decode(self.call(id)["heard"])

    def said(self, id: str) -> bytes:
        return b64decode(self.call(id)["said"])


def sound(data: bytes) -> dict[str, str]:
    """What a telephone says, as an act."""
    return {"sound": b64encode(data).decode()}


async def until(what: Callable[[], Any], seconds: float = DEADLINE) -> Any:
    """Wait until something is so; return it."""
    deadline = time.monotonic() + seconds
    while True:
        found = await asyncio.to_thread(what)
        if found:
            return found
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


def create(service: Service, carrier: Carrier, **more: Any) -> dict[str, Any]:
    asked = {"provider": carrier.name, "to": THEIRS, "from": OURS, **more}
    status, call = service.call("POST", "/v1/calls", asked)
    assert status == 201, call
    return call


def get(service: Service, id: str) -> dict[str, Any]:
    status, call = service.call("GET", f"/v1/calls/{id}")
    assert status == 200, call
    return call


def story(service: Service, id: str) -> list[dict[str, Any]]:
    status, answer = service.call("GET", f"/v1/calls/{id}/events")
    assert status == 200, answer
    return answer["data"]


@dataclass
class Attached:
    """A caller on a call's media socket: sound and events as they come."""

    socket: ClientConnection
    events: list[dict[str, Any]] = field(default_factory=list)
    sound: bytearray = field(default_factory=bytearray)
    pieces: list[int] = field(default_factory=list)
    done: bool = False

    async def listen(self) -> None:
        with suppress(ConnectionClosedError):  # Whose fault it was, the last events say.
            async for message in self.socket:
                if isinstance(message, bytes):
                    self.sound += message
                    self.pieces.append(len(message))
                else:
                    self.events.append(json.loads(message))
        self.done = True

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["type"] == kind]

    async def say(self, type: str, **more: Any) -> None:
        await self.socket.send(json.dumps({"type": type, **more}))


@asynccontextmanager
async def attached(service: Service, id: str, key: str = ADMIN_KEY, **attach: Any) -> AsyncIterator[Attached]:
    url = f"{service.url.replace('http', 'ws')}/v1/voice/media/{id}"
    async with connect(url, additional_headers={"authorization": f"Bearer {key}"}, open_timeout=60) as socket:
        await socket.send(json.dumps({"type": "attach", **attach}))
        caller = Attached(socket)
        task = asyncio.create_task(caller.listen())
        try:
            yield caller
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def signed(carrier: Carrier, url: str, body: bytes, **sign: Any) -> dict[str, str]:
    return {**carrier.sign(url, body, **sign), "content-type": carrier.mime}


def post(carrier: Carrier, url: str, body: bytes, **sign: Any) -> tuple[int, bytes]:
    """Make a signed POST."""
    return knock("POST", url, signed(carrier, url, body, **sign), body)


def knock(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, bytes]:
    """Make a request as a carrier would; return its status and body."""
    request = urllib.request.Request(url, method=method, data=body, headers=dict(headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
