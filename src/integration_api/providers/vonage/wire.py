"""What is read of Vonage's messages. https://developer.vonage.com/en/api/voice"""

from typing import Any

import msgspec
from msgspec import Struct


class Number(Struct):
    number: str = ""


class Call(Struct):
    """One call, as created, listed or fetched. Numbers of seconds and prices come as text."""

    uuid: str
    status: str = ""
    direction: str = ""
    to: Number = msgspec.field(default_factory=Number)
    from_: Number = msgspec.field(default_factory=Number, name="from")
    duration: str | float | None = None
    price: str | float | None = None


class _Calls(Struct):
    calls: list[Call] = []


class Listed(Struct):
    embedded: _Calls = msgspec.field(default_factory=_Calls, name="_embedded")


class OwnNumber(Struct):
    msisdn: str
    country: str = ""
    type: str = ""
    features: list[str] = []


class OwnNumbers(Struct):
    count: int = 0
    numbers: list[OwnNumber] = []


class Told(Struct):
    """A request on the event URL; what it holds depends on its status."""

    uuid: str = ""
    call_uuid: str = ""
    """What `human` and `machine` call it."""
    conversation_uuid: str = ""
    status: str = ""
    sub_state: str = ""
    from_: str | None = msgspec.field(default=None, name="from")
    to: str | None = None
    direction: str = ""
    timestamp: str | None = None
    duration: str | float | None = None
    price: str | float | None = None
    detail: str | None = None
    reason: str | None = None
    type: str | None = None
    recording_uuid: str | None = None
    recording_url: str | None = None
    sip_code: str | int | None = None


class Asked(Struct):
    """A request on the answer URL."""

    uuid: str = ""
    from_: str | None = msgspec.field(default=None, name="from")
    from_user: str | None = None
    """Who calls, instead, where that is somebody's application."""
    to: str | None = None


class Refused(Struct):
    """A refusal, in any of its shapes."""

    type: str | int | None = None
    title: str | None = None
    detail: str | None = None
    invalid_parameters: Any = None
    instance: str | None = None
    error_title: str | None = msgspec.field(default=None, name="error_title")
    error_code: str | None = msgspec.field(default=None, name="error-code")
    error_code_label: str | None = msgspec.field(default=None, name="error-code-label")


class Dtmf(Struct):
    digit: str = ""
    duration: int | None = None


class OnSocket(Struct):
    """A text message on the media socket."""

    event: str = ""
    content_type: str = msgspec.field(default="", name="content-type")
    digit: str = ""
    duration: int | None = None
    dtmf: Dtmf | None = None
    """Where some senders put the digit."""
    payload: Any = None


CALL = msgspec.json.Decoder(Call)
LISTED = msgspec.json.Decoder(Listed)
NUMBERS = msgspec.json.Decoder(OwnNumbers)
REFUSED = msgspec.json.Decoder(Refused)
ON_SOCKET = msgspec.json.Decoder(OnSocket)
FIELDS = msgspec.json.Decoder(dict[str, Any])
