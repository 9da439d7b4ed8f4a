"""What is read of Exotel's messages. https://developer.exotel.com/docs/voice-v1/api-reference/call-details"""

from typing import Any

import msgspec
from msgspec import Struct


class Call(Struct, rename="pascal"):
    """One call. Seconds and prices come as text."""

    sid: str
    status: str = ""
    direction: str | None = None
    from_: str | None = msgspec.field(default=None, name="From")
    to: str | None = None
    phone_number_sid: str | None = None
    duration: str | float | None = None
    price: str | float | None = None
    custom_field: str | None = None


class CallInLower(Struct):
    """One call as AgentStream's own guide has it: every name in lower case.

    https://developer.exotel.com/docs/agentstream/developer-guide
    """

    sid: str
    status: str = ""


class Called(Struct):
    call: Call | None = msgspec.field(default=None, name="Call")
    lower: CallInLower | None = msgspec.field(default=None, name="call")


class _Metadata(Struct, rename="pascal"):
    next_page_uri: str | None = None


class Listed(Struct):
    calls: list[Call] = msgspec.field(default=[], name="Calls")
    metadata: _Metadata = msgspec.field(default_factory=_Metadata, name="Metadata")


class OwnNumber(Struct):
    sid: str = ""
    phone_number: str = ""
    friendly_name: str | None = None
    country: str | None = None
    capabilities: dict[str, bool] | None = None


class OwnNumbers(Struct):
    incoming_phone_numbers: list[OwnNumber] = []
    next_page_uri: str | None = None


class _Exception(Struct, rename="pascal"):
    status: int | None = None
    message: str | None = None
    code: str | int | None = None


class Refused(Struct):
    rest_exception: _Exception = msgspec.field(default_factory=_Exception, name="RestException")


class MediaFormat(Struct):
    encoding: str = ""
    sample_rate: str | int = ""
    sample_rate_camel: str | int = msgspec.field(default="", name="sampleRate")
    bit_rate: str | int = ""
    bit_rate_camel: str | int = msgspec.field(default="", name="bitRate")


class Start(Struct):
    """Names in either spelling: the documentation has one, callers have seen the other."""

    stream_sid: str = ""
    stream_sid_camel: str = msgspec.field(default="", name="streamSid")
    call_sid: str = ""
    call_sid_camel: str = msgspec.field(default="", name="callSid")
    custom_parameters: dict[str, Any] | None = None
    custom_parameters_camel: dict[str, Any] | None = msgspec.field(default=None, name="customParameters")
    media_format: MediaFormat | None = None
    media_format_camel: MediaFormat | None = msgspec.field(default=None, name="mediaFormat")


class Media(Struct):
    payload: str = ""
    timestamp: str | int | None = None


class Dtmf(Struct):
    digit: str = ""
    duration: str | int | None = None


class Mark(Struct):
    name: str = ""


class Stop(Struct):
    reason: str | None = None


class OnSocket(Struct):
    """A message on the media socket."""

    event: str = ""
    stream_sid: str = ""
    stream_sid_camel: str = msgspec.field(default="", name="streamSid")
    start: Start | None = None
    media: Media | None = None
    dtmf: Dtmf | None = None
    mark: Mark | None = None
    stop: Stop | None = None


CALLED = msgspec.json.Decoder(Called)
LISTED = msgspec.json.Decoder(Listed)
NUMBERS = msgspec.json.Decoder(OwnNumbers)
REFUSED = msgspec.json.Decoder(Refused)
ON_SOCKET = msgspec.json.Decoder(OnSocket)
