"""Our own language of live speech, as JSON: targets, formats and the envelope of what is told.

Audio goes beside it as binary messages. The protobuf of the same words is `integration.voice.v1`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.audio import AudioFormat, Encoding
from integration_api.core.errors import Failure, Kind, ProviderError

encode = msgspec.json.Encoder().encode
RATES = (8_000, 48_000)
"""The lowest and the highest sample rate, in Hz."""


class Format(Struct, frozen=True, forbid_unknown_fields=True):
    """`encoding` as in `AudioEncoding`, in either case."""

    encoding: str = "pcm_s16le"
    sample_rate_hz: int = 16_000
    channels: int = 1

    def read(self, param: str) -> AudioFormat:
        """Raises `Failure` (INVALID_REQUEST) naming the field."""
        try:
            encoding = Encoding(self.encoding.lower())
        except ValueError:
            known = ", ".join(Encoding)
            raise Failure(
                Kind.INVALID_REQUEST,
                f"{param}.encoding must be one of {known}",
                code="invalid_value",
                param=f"{param}.encoding",
            ) from None
        check_range(f"{param}.sample_rate_hz", self.sample_rate_hz, RATES)
        if self.channels not in (1, 2):
            raise Failure(
                Kind.INVALID_REQUEST,
                f"{param}.channels must be 1 or 2",
                code="invalid_value",
                param=f"{param}.channels",
            )
        return AudioFormat(encoding, self.sample_rate_hz, self.channels)


class TargetChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """`model` may be `provider/model`; `credential_id` empty means the project's default."""

    provider: str = ""
    model: str = ""
    voice_id: str = ""
    credential_id: str = ""
    region: str = ""
    provider_options: dict[str, Any] = {}


class FallbackChoice(Struct, frozen=True, forbid_unknown_fields=True):
    """Where else to go, and how long to wait, in milliseconds."""

    targets: list[TargetChoice] = []
    connect_timeout_ms: int | None = None
    first_event_timeout_ms: int | None = None
    hedge_after_ms: int | None = None


class Envelope:
    """Puts the session's particulars around what is told, and counts."""

    def __init__(self, session_id: str) -> None:
        self._session_id = session_id
        self._seq = 0

    def around(self, event: Any, *, provider: str, provider_request_id: str, microseconds: int) -> bytes:
        """Return an event as JSON: `type`, the envelope, and the event's own fields."""
        head = encode({
            "session_id": self._session_id,
            "seq": self._seq,
            "mono_time_us": microseconds,
            "provider": provider,
            "provider_request_id": provider_request_id,
        })  # fmt: skip
        self._seq += 1
        body = encode(event)
        return head[:-1] + b"," + body[1:]


def check_range(param: str, value: float | None, span: tuple[float, float]) -> None:
    """Refuse a number outside of `span`, NaN, too. Raises `Failure` (INVALID_REQUEST) naming the field."""
    if value is not None and not span[0] <= value <= span[1]:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{param} must be {span[0]} to {span[1]}",
            code="invalid_value",
            param=param,
        )


def error_of(error: Failure) -> Mapping[str, Any]:
    """Return the `error` event of a failure."""
    provider_code = error.refusal.code if isinstance(error, ProviderError) else None
    return {
        "type": "error",
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
        "param": error.param,
        "provider_code": provider_code,
    }


def read(text: str, into: Any) -> Any:
    """Decode one JSON message. Raises `Failure` (INVALID_REQUEST) saying which field is wrong."""
    try:
        return msgspec.json.decode(text, type=into)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        param = path.strip("`.") or None
        raise Failure(
            Kind.INVALID_REQUEST, f"{param}: {what}" if param else what, code="invalid_value", param=param
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Failure(
            Kind.INVALID_REQUEST,
            "a text message must be JSON; sound goes in binary ones",
            code="invalid_json",
        ) from None
