"""What a caller says of itself, in HTTP headers or gRPC metadata alike: its key, and its name for a call."""

from collections.abc import Mapping

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Scope
from integration_api.services import clock

REQUEST_ID_LENGTH = 128


def key_of(headers: Mapping[bytes, bytes]) -> bytes:
    """Return the caller's key from `Authorization: Bearer`, `x-api-key` or `api-key`; empty if none.

    Two different keys are refused rather than one of them chosen.
    """
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    bearer = token.strip() if scheme.lower() == b"bearer" else b""
    if b"x-api-key" not in headers and b"api-key" not in headers:
        return bearer
    found = {bearer} - {b""} | {headers[name] for name in (b"x-api-key", b"api-key") if name in headers}
    if len(found) > 1:
        raise Failure(
            Kind.AUTHENTICATION,
            "the request carries two different API keys; send one",
            code="invalid_api_key",
        )
    return found.pop()


def request_id_of(given: bytes | None) -> str:
    """Return the caller's request id where it is one (visible ASCII, at most 128), or a new one."""
    if given and len(given) <= REQUEST_ID_LENGTH and given.isascii():
        text = given.decode()
        if text.isprintable() and " " not in text:
            return text
    return clock.unique()


def forbidden(scope: Scope) -> Failure:
    return Failure(
        Kind.PERMISSION, f"this key lacks the scope {scope.value}", code="missing_scope", retryable=False
    )
