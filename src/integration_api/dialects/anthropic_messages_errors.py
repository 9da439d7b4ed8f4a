"""How Anthropic says no. https://platform.claude.com/docs/en/api/errors"""

import re
from collections.abc import Mapping

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import HttpResponse
from integration_api.dialects import anthropic_messages_wire as wire

MAX_MESSAGE = 512
"""Characters of a provider's message that are passed on: enough to act on, too few to fill a log."""

_KINDS = {
    "invalid_request_error": Kind.INVALID_REQUEST,
    "authentication_error": Kind.CREDENTIAL_REJECTED,
    "billing_error": Kind.QUOTA,
    "permission_error": Kind.PERMISSION,
    "not_found_error": Kind.NOT_FOUND,
    "conflict_error": Kind.CONFLICT,
    "request_too_large": Kind.TOO_LARGE,
    "rate_limit_error": Kind.RATE_LIMITED,
    "api_error": Kind.UPSTREAM,
    "timeout_error": Kind.TIMEOUT,
    "overloaded_error": Kind.OVERLOADED,
}

_SPENT = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
"""429s that no waiting cures. `ramp_limit_exceeded` is not one: it asks to slow down."""

_TELLING = (
    (re.compile(r"(?i)credit balance is too low|spend(ing)? limit|usage limits?\b"), Kind.QUOTA),
    (re.compile(r"(?i)prompt is too long|exceeds? (the )?context|context window"), Kind.CONTEXT_LENGTH),
    (re.compile(r"(?i)content filtering policy"), Kind.CONTENT_FILTER),
)
"""What a 400 means when its type says only `invalid_request_error`."""

_PARAM = re.compile(r"([a-z][a-z_]*(?:\.[\w-]+)*): ")


def fault(reply: HttpResponse, provider: str = "anthropic") -> ProviderError:
    """Return the error that a refusal (status 400 and above) stands for."""
    headers = reply.headers
    try:
        refusal = wire.REFUSAL.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Proxies in between answer in HTML, and in JSON of their own.
        refusal = wire.Refusal(wire.ErrorBody())
    error = _error(refusal, provider, reply.status, headers.get("request-id"), Phase.HEADERS)
    error.retry_after = _seconds(headers)
    advice = headers.get("x-should-retry")
    if advice == "false" or (advice == "true" and error.kind is not Kind.QUOTA):
        error.retryable = advice == "true"
    return error


def stream_error(data: bytes, provider: str) -> ProviderError:
    """Return the error that an `error` event in mid-stream stands for."""
    try:
        refusal = wire.REFUSAL.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        refusal = wire.Refusal(wire.ErrorBody())
    return _error(refusal, provider, None, None, Phase.STREAM)


def unreadable_event(provider: str) -> ProviderError:
    """Return the error for an event that is not what Anthropic promises."""
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's stream held an event that could not be read",
        provider=provider,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )


def _error(
    refusal: wire.Refusal, provider: str, status: int | None, request_id: str | None, phase: Phase
) -> ProviderError:
    error = refusal.error
    detail = error.details.error_code if error.details else None
    kind = _kind(error, detail, status)
    param = _PARAM.match(error.message)
    return ProviderError(
        kind,
        error.message[:MAX_MESSAGE] or _silent(status),
        provider=provider,
        refusal=Refusal(
            status=status,
            type=error.type or None,
            code=detail,
            request_id=request_id or refusal.request_id,
        ),
        phase=phase,
        code="model_not_found" if kind is Kind.NOT_FOUND and param and param[1] == "model" else None,
        param=param[1] if param and kind in {Kind.INVALID_REQUEST, Kind.NOT_FOUND} else None,
    )


def _kind(error: wire.ErrorBody, detail: str | None, status: int | None) -> Kind:
    if detail in _SPENT:
        return Kind.QUOTA
    named = _KINDS.get(error.type)
    kind = kind_of_status(status) if status is not None else named or Kind.UPSTREAM
    if kind is Kind.INVALID_REQUEST:
        for pattern, telling in _TELLING:
            if pattern.search(error.message):
                return telling
        return named or kind
    # A 403 that speaks of billing, and a 5xx that says it is overloaded, are what they say.
    return named if named in {Kind.QUOTA, Kind.OVERLOADED} else kind


def _silent(status: int | None) -> str:
    return f"the provider answered {status} and gave no reason" if status else "the provider's stream failed"


def _seconds(headers: Mapping[str, str]) -> float | None:
    try:
        seconds = float(headers["retry-after"])
    except (KeyError, ValueError):
        return None
    return seconds if 0 <= seconds < float("inf") else None
