"""What both doors do alike with a caller: name its call, and tell it what it may not do."""

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Scope
from integration_api.services import clock

REQUEST_ID_LENGTH = 128


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
