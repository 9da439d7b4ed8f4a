"""Every failure as an OpenAI client reads it: status, headers and body.

https://platform.openai.com/docs/guides/error-codes
"""

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from integration_api.core.errors import CredentialRefused, Failure, Kind, ProviderError

_BUSY_SECONDS = 1.0
"""When to come back where nobody said: soon, since load moves fast."""

STATUS: Mapping[Kind, tuple[int, str]] = {
    Kind.INVALID_REQUEST: (400, "invalid_request_error"),
    Kind.UNSUPPORTED: (400, "invalid_request_error"),
    Kind.CONTEXT_LENGTH: (400, "invalid_request_error"),
    Kind.CONTENT_FILTER: (400, "invalid_request_error"),
    Kind.AUTHENTICATION: (401, "authentication_error"),
    Kind.QUOTA: (402, "insufficient_quota"),
    Kind.PERMISSION: (403, "permission_error"),
    Kind.NOT_FOUND: (404, "not_found_error"),
    Kind.CONFLICT: (409, "conflict_error"),
    Kind.TOO_LARGE: (413, "invalid_request_error"),
    Kind.CREDENTIAL_INVALID: (422, "invalid_request_error"),
    Kind.CREDENTIAL_REJECTED: (424, "upstream_credential_error"),
    Kind.RATE_LIMITED: (429, "rate_limit_error"),
    Kind.CANCELLED: (499, "cancelled"),
    Kind.INTERNAL: (500, "internal_error"),
    Kind.UPSTREAM: (502, "upstream_error"),
    Kind.BAD_RESPONSE: (502, "upstream_error"),
    Kind.TRUNCATED: (502, "upstream_error"),
    Kind.UNREACHABLE: (502, "upstream_error"),
    Kind.OVERLOADED: (503, "overloaded_error"),
    Kind.TIMEOUT: (504, "timeout_error"),
}
"""Whose fault it is, in HTTP: 4xx the caller's or their credential's, 5xx the provider's or ours."""

_encode = msgspec.json.Encoder().encode


def error_object(error: Failure) -> dict[str, Any]:
    """Return what stands under `error` in a body or a stream."""
    _, type = STATUS[error.kind]
    provider = error if isinstance(error, ProviderError) else None
    said = {
        "message": error.message,
        "type": type,
        "code": error.code,
        "param": error.param,
        "provider": (provider and provider.provider) or None,
        "provider_status": provider and provider.refusal.status,
        "provider_request_id": provider and provider.refusal.request_id,
        "retryable": _retryable(error),
    }
    return said | {"outcome": error.outcome} if isinstance(error, CredentialRefused) else said


def error_response(error: Failure) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return status, headers and body. `x-should-retry` keeps SDKs from retrying what cannot help."""
    status, _ = STATUS[error.kind]
    if error.kind is Kind.TIMEOUT and not isinstance(error, ProviderError):
        status = 408
    headers = [
        (b"content-type", b"application/json"),
        (b"x-should-retry", b"true" if _retryable(error) else b"false"),
    ]
    wait = error.retry_after
    if wait is None and status in (429, 503) and _retryable(error):
        wait = _BUSY_SECONDS
    if wait is not None:
        headers.append((b"retry-after", b"%d" % max(0, math.ceil(wait))))
        headers.append((b"retry-after-ms", b"%d" % max(0, math.ceil(wait * 1000))))
    return status, headers, _encode({"error": error_object(error)})


def error_event(error: Failure) -> bytes:
    """Return the event that ends a stream which failed midway. No `[DONE]` follows it."""
    return b"data: " + _encode({"error": error_object(error)}) + b"\n\n"


def _retryable(error: Failure) -> bool:
    return error.retryable and not (isinstance(error, ProviderError) and error.after_output)
