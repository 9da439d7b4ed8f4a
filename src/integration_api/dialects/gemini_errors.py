"""How Google says no. https://ai.google.dev/gemini-api/docs/troubleshooting and
https://cloud.google.com/apis/design/errors
"""

import re

import msgspec

from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import HttpResponse
from integration_api.dialects import gemini_wire as wire

MOST_CHARACTERS = 1000
"""An explanation is for a person to read."""

REASONS = {
    "API_KEY_INVALID": Kind.CREDENTIAL_REJECTED,
    "API_KEY_EXPIRED": Kind.CREDENTIAL_REJECTED,
    "ACCESS_TOKEN_EXPIRED": Kind.CREDENTIAL_REJECTED,
    "ACCESS_TOKEN_TYPE_UNSUPPORTED": Kind.CREDENTIAL_REJECTED,
    "CREDENTIALS_MISSING": Kind.CREDENTIAL_REJECTED,
    "BILLING_DISABLED": Kind.QUOTA,
    "SERVICE_DISABLED": Kind.PERMISSION,
    "IAM_PERMISSION_DENIED": Kind.PERMISSION,
    "CONSUMER_INVALID": Kind.PERMISSION,
    "API_KEY_SERVICE_BLOCKED": Kind.PERMISSION,
    "API_KEY_HTTP_REFERRER_BLOCKED": Kind.PERMISSION,
    "API_KEY_IP_ADDRESS_BLOCKED": Kind.PERMISSION,
    "RATE_LIMIT_EXCEEDED": Kind.RATE_LIMITED,
}
"""What `ErrorInfo` says more exactly than the status: a wrong key is a 400 like any mistyped field."""

STATUSES = {
    "INVALID_ARGUMENT": Kind.INVALID_REQUEST,
    "FAILED_PRECONDITION": Kind.INVALID_REQUEST,
    "OUT_OF_RANGE": Kind.INVALID_REQUEST,
    "UNAUTHENTICATED": Kind.CREDENTIAL_REJECTED,
    "PERMISSION_DENIED": Kind.PERMISSION,
    "NOT_FOUND": Kind.NOT_FOUND,
    "RESOURCE_EXHAUSTED": Kind.RATE_LIMITED,
    "CANCELLED": Kind.CANCELLED,
    "INTERNAL": Kind.UPSTREAM,
    "UNKNOWN": Kind.UPSTREAM,
    "UNAVAILABLE": Kind.OVERLOADED,
    "DEADLINE_EXCEEDED": Kind.TIMEOUT,
}
"""gRPC's words, for an error in mid-stream: there the HTTP status was 200."""

_TELLING = (
    (
        re.compile(r"(?i)input token count.*exceeds|exceeds the maximum number of tokens|context length"),
        Kind.CONTEXT_LENGTH,
    ),
    (re.compile(r"(?i)\bbilling\b.*(disabled|enable)|prepay|credits are depleted"), Kind.QUOTA),
    (re.compile(r"(?i)user location is not supported"), Kind.PERMISSION),
    (re.compile(r"(?i)request payload size exceeds"), Kind.TOO_LARGE),
)
"""What a 400 means when its reason is not told."""

_CODES = {
    Kind.NOT_FOUND: (re.compile(r"(?i)\bmodels?\b"), "model_not_found"),
    Kind.INVALID_REQUEST: (re.compile(r"(?i)thought[_ ]signature"), "thought_signature_invalid"),
}
"""Codes of our own for what callers can act upon."""

_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s")
_PER_DAY = re.compile(r"PerDay")
_PROJECT = re.compile(
    r"(?i)(?P<what>\bprojects?(?:[ /]|%2F)|\bproject=|\bproject_number:|\bconsumer ')(?P<name>[\w:.-]*\d{5,}[\w-]*)"
)
_KEY_LIKE = re.compile(r"\bAIza[\w-]{6,}|\bAQ\.[\w.-]{6,}|\bya29\.[\w.-]+|\bBearer\s+\S+")


def fault(reply: HttpResponse, provider: str) -> ProviderError:
    """Return the error that a refusal (status 400 and above) stands for."""
    said = read(reply.body)
    return _error(said or wire.Error(), provider, reply.status, Phase.HEADERS)


def stream_fault(data: bytes, provider: str) -> ProviderError:
    """Return the error that came inside a stream."""
    return _error(read(data) or wire.Error(), provider, None, Phase.STREAM)


def unreadable_chunk(provider: str) -> ProviderError:
    """Return the error for a chunk that is not what Gemini promises."""
    return ProviderError(
        Kind.BAD_RESPONSE,
        "the provider's stream held a chunk that could not be read",
        provider=provider,
        code="bad_upstream_response",
        phase=Phase.STREAM,
    )


def read(body: bytes) -> wire.Error | None:
    """Find Google's error in a body; streaming methods wrap it in an array. None where there is none."""
    try:
        if body.lstrip()[:1] == b"[":
            return next((refusal.error for refusal in wire.REFUSALS.decode(body)), None)
        return wire.REFUSAL.decode(body).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _error(said: wire.Error, provider: str, status: int | None, phase: Phase) -> ProviderError:
    details = said.details or []
    reason = next((detail.reason for detail in details if detail.reason), None)
    quotas = [violation.quota_id for detail in details for violation in detail.violations or ()]
    fields = [violation.field for detail in details for violation in detail.field_violations or ()]
    kind = _kind(said, reason, quotas, status)
    pattern, code = _CODES.get(kind, (None, None))
    if pattern is not None and not pattern.search(said.message):
        code = None
    return ProviderError(
        kind,
        _message(said, kind, provider, status),
        provider=provider,
        # Google names its requests nowhere in what it answers.
        refusal=Refusal(status=200 if status is None else status, type=said.status, code=reason),
        phase=phase,
        code=code,
        param=next(filter(None, fields), None),
        retry_after=_delay(details),
    )


def _kind(said: wire.Error, reason: str | None, quotas: list[str], status: int | None) -> Kind:
    if reason in REASONS:
        return REASONS[reason]
    if status is None:
        numbered = kind_of_status(said.code) if isinstance(said.code, int) else Kind.UPSTREAM
        kind = STATUSES.get(said.status or "", numbered)
    else:
        kind = Kind.CANCELLED if status == 499 else kind_of_status(status)
    if kind is Kind.RATE_LIMITED and any(_PER_DAY.search(quota) for quota in quotas):
        return Kind.QUOTA  # A day's allowance does not come back while somebody waits.
    if kind is Kind.INVALID_REQUEST:
        for pattern, telling in _TELLING:
            if pattern.search(said.message):
                return telling
    return kind


def _message(said: wire.Error, kind: Kind, provider: str, status: int | None) -> str:
    if kind is Kind.CREDENTIAL_REJECTED:
        return f"{provider} refused the credential; store one with a key that is right and active"
    if message := clean(said.message)[:MOST_CHARACTERS].strip():
        return message
    answered = "reported an error" if status is None else f"answered {status}"
    return f"{provider} {answered} without an explanation"


def clean(message: str) -> str:
    """Return Google's words without keys and without the project's number, which is nobody else's business."""
    return _KEY_LIKE.sub("[hidden]", _PROJECT.sub(r"\g<what>[hidden]", message))


def _delay(details: list[wire.Detail]) -> float | None:
    """There is no Retry-After header: `RetryInfo` says how long."""
    told = next((detail.retry_delay for detail in details if detail.retry_delay), "")
    found = _DURATION.fullmatch(told)
    return float(found[1]) if found else None
