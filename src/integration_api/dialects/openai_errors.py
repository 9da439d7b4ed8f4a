"""How OpenAI and its many imitators say no.

https://platform.openai.com/docs/guides/error-codes
"""

import re
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import HttpResponse
from integration_api.core.json import decode_any

MOST_CHARACTERS = 1000
"""A provider's explanation is for a person to read."""

REQUEST_ID_HEADERS = ("x-request-id", "request-id", "apim-request-id")

KINDS: Mapping[str, Kind] = {
    "context_length_exceeded": Kind.CONTEXT_LENGTH,
    "content_filter": Kind.CONTENT_FILTER,
    "content_policy_violation": Kind.CONTENT_FILTER,
    "moderation_blocked": Kind.CONTENT_FILTER,
    "insufficient_quota": Kind.QUOTA,
    "billing_not_active": Kind.QUOTA,
    "billing_hard_limit_reached": Kind.QUOTA,
    "invalid_api_key": Kind.CREDENTIAL_REJECTED,
    "invalid_authentication": Kind.CREDENTIAL_REJECTED,
    "authentication_error": Kind.CREDENTIAL_REJECTED,
    "account_deactivated": Kind.CREDENTIAL_REJECTED,
    "permission_error": Kind.PERMISSION,
    "permission_denied": Kind.PERMISSION,
    "unsupported_country_region_territory": Kind.PERMISSION,
    "model_not_found": Kind.NOT_FOUND,
    "invalid_model": Kind.NOT_FOUND,
    "not_found_error": Kind.NOT_FOUND,
    "unsupported_parameter": Kind.UNSUPPORTED,
    "unsupported_value": Kind.UNSUPPORTED,
    "rate_limit_exceeded": Kind.RATE_LIMITED,
    "rate_limit_error": Kind.RATE_LIMITED,
    "rate_limited": Kind.RATE_LIMITED,
    "service_tier_capacity_exceeded": Kind.RATE_LIMITED,
    "overloaded": Kind.OVERLOADED,
    "overloaded_error": Kind.OVERLOADED,
    "engine_overloaded": Kind.OVERLOADED,
    "timeout": Kind.TIMEOUT,
    "timeout_error": Kind.TIMEOUT,
}
"""What a code or type says more exactly than the status it came with."""

CODES: Mapping[str, str] = {"invalid_model": "model_not_found"}
"""Codes that our callers know by OpenAI's own word."""

STREAM_KINDS: Mapping[str, Kind] = {
    "invalid_request_error": Kind.INVALID_REQUEST,
    "requests": Kind.RATE_LIMITED,
    "tokens": Kind.RATE_LIMITED,
}
"""Types that tell something only where no status does: inside a stream that began with 200."""

TOO_LONG = re.compile(
    r"maximum context length|context window|context_length|prompt is too long|too many tokens in",
    re.IGNORECASE,
)
"""Imitators answer 400 with no code of its own and say it in words."""

BAD_KEY = re.compile(r"(?:incorrect|invalid) api key", re.IGNORECASE)
"""xAI answers a wrong key with 400."""

TOO_LARGE = "Request too large for"
"""OpenAI's 429 for one request beyond a minute's whole allowance: waiting does not help."""

KEY_LIKE = re.compile(r"\b(?:sk|pk|rk|hf|gsk|xai|r8)[-_][A-Za-z0-9*_-]{6,}|\bBearer\s+\S+")
"""Some servers repeat the key they were sent."""

STATUSES = ("raw_status_code", "status_code", "http_status_code", "status")
"""Where a failure inside a stream keeps the status it could not have."""

DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def fault(
    reply: HttpResponse, *, provider: str = "", request_id_headers: Sequence[str] = REQUEST_ID_HEADERS
) -> ProviderError:
    """Build the error for a refusal; its message is made of parsed fields, never of the raw body."""
    headers = reply.headers
    said = _read(reply.body)
    if not said.message and headers.get("content-type", "").startswith("text/plain"):
        said.message = reply.body.decode(errors="replace")
    request_id = next((headers[name] for name in request_id_headers if name in headers), None)
    return _error(
        said,
        status=reply.status,
        provider=provider,
        phase=Phase.HEADERS,
        request_id=request_id or said.request_id,
        retry_after=retry_after(headers),
        should_retry=headers.get("x-should-retry"),
    )


def stream_fault(data: bytes, *, provider: str = "") -> ProviderError:
    """Build the error for one that came as an event of a stream."""
    said = _read(data)
    return _error(said, status=said.status, provider=provider, phase=Phase.STREAM, request_id=said.request_id)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds to wait, by the header that says it best, or None."""
    try:
        if (milliseconds := headers.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
        if (seconds := headers.get("retry-after")) is not None:
            return max(0.0, float(seconds))
    except ValueError:
        return _until(headers)
    waits = [
        _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
        for what in ("requests", "tokens")
        if headers.get(f"x-ratelimit-remaining-{what}") == "0"
    ]
    return max(waits, default=None)


def _until(headers: Mapping[str, str]) -> float | None:
    """A date is measured from the reply's own clock: ours may differ, and this floor has none."""
    try:
        moment = parsedate_to_datetime(headers["retry-after"])
        return max(0.0, (moment - parsedate_to_datetime(headers["date"])).total_seconds())
    except (KeyError, ValueError, TypeError):
        return None


def _duration(text: str) -> float:
    """Read durations such as `20ms`, `1s` and `6m0s`."""
    return sum(float(number) * SECONDS[unit] for number, unit in DURATION.findall(text))


class _Said(msgspec.Struct, kw_only=True):
    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    request_id: str | None = None
    status: int | None = None


def _read(body: bytes) -> _Said:
    """Find the explanation in any of the shapes that are known."""
    try:
        said = decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Said()
    if isinstance(said, list) and said:
        said = said[0]
    if not isinstance(said, dict):
        return _Said(message=_text(said))
    detail = said.get("error", said)
    if not isinstance(detail, dict):
        return _Said(
            message=_text(detail),
            type=_word(said.get("error_type")),
            request_id=_word(said.get("request_id")),
        )
    message = detail.get("message") or detail.get("detail") or detail.get("msg") or said.get("message")
    status = next((detail[name] for name in STATUSES if detail.get(name)), None)
    return _Said(
        message=_text(message),
        type=_word(detail.get("type")) or _word(detail.get("error_type")) or _type_of(message),
        code=_word(detail.get("code")),
        param=_word(detail.get("param")) or _location(message),
        request_id=_word(detail.get("request_id")) or _word(said.get("request_id")),
        status=status if isinstance(status, int) else None,
    )


def _text(value: Any) -> str:
    """Flatten an explanation: text, or an object or list that holds some."""
    match value:
        case str():
            return value
        case list():
            return "; ".join(filter(None, map(_text, value[:5])))
        case {"msg": str(message), "loc": list(place)}:
            return f"{'.'.join(map(str, place))}: {message}"
        case {"message": inner} | {"msg": inner} | {"detail": inner} | {"error": inner}:
            return _text(inner)
        case _:
            return ""


def _complaint(value: Any) -> dict[str, Any]:
    """Return the first of the complaints that a validating server lists, or nothing."""
    if isinstance(value, dict):
        value = value.get("detail")
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return value[0]
    return {}


def _type_of(message: Any) -> str | None:
    return _word(_complaint(message).get("type"))


def _location(message: Any) -> str | None:
    place = _complaint(message).get("loc")
    if not isinstance(place, list):
        return None
    return ".".join(str(step) for step in place if step != "body") or None


def _word(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


def _error(
    said: _Said,
    *,
    status: int | None,
    provider: str,
    phase: Phase,
    request_id: str | None,
    retry_after: float | None = None,
    should_retry: str | None = None,
) -> ProviderError:
    kind = _kind(said, status)
    retryable = {"true": True, "false": False}.get(should_retry or "")
    if kind in (Kind.QUOTA, Kind.CREDENTIAL_REJECTED):
        retryable = False
    code = said.code if said.code and not said.code.isdigit() else said.type
    return ProviderError(
        kind,
        _message(said, kind, status, provider),
        provider=provider,
        refusal=Refusal(
            status=status if phase is Phase.HEADERS else 200,
            type=said.type,
            code=said.code,
            request_id=request_id,
        ),
        phase=phase,
        # Our callers know one word for a refused key, whatever the provider calls it.
        code=None if kind is Kind.CREDENTIAL_REJECTED or code in GENERIC else CODES.get(code or "", code),
        param=said.param,
        retry_after=retry_after,
        retryable=retryable,
    )


GENERIC = frozenset({"invalid_request_error", "server_error", "error", "requests", "tokens", "api_error"})
"""Types that say no more than their kind does."""


def _kind(said: _Said, status: int | None) -> Kind:
    found = KINDS.get(said.code or "") or KINDS.get(said.type or "")
    if found is Kind.RATE_LIMITED and said.message.startswith(TOO_LARGE):
        return Kind.TOO_LARGE
    if found is not None:
        return found
    if status is None:
        if said.code and said.code.isdigit() and 400 <= int(said.code) < 600:
            return kind_of_status(int(said.code))
        found = STREAM_KINDS.get(said.type or "", Kind.UPSTREAM)
    else:
        found = kind_of_status(status)
    if found is Kind.INVALID_REQUEST and BAD_KEY.search(said.message):
        return Kind.CREDENTIAL_REJECTED
    if found in (Kind.INVALID_REQUEST, Kind.TOO_LARGE) and TOO_LONG.search(said.message):
        return Kind.CONTEXT_LENGTH
    return found


def _message(said: _Said, kind: Kind, status: int | None, provider: str) -> str:
    name = provider or "the provider"
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        return f"{name} refused the credential; store one with a key that is right and active"
    message = KEY_LIKE.sub("[hidden]", said.message[:MOST_CHARACTERS]).strip()
    if message:
        return message
    answered = "reported an error" if status is None else f"answered {status}"
    return f"{name} {answered} without an explanation"
