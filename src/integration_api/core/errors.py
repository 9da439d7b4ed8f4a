"""Every way a call can fail, said once; doors turn a `Kind` into a status of their protocol.

Failure                the caller, this service, or its stores
  CallerLeft           nobody waits for the answer any more
  ProviderError        a provider refused or broke
    StreamCut          a provider's stream ended before its end was told
    CredentialRefused  a provider was asked about a credential and said why it is no good
"""

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class Kind(StrEnum):
    """Whose problem it is, and so what the caller can do about it."""

    INVALID_REQUEST = "invalid_request"
    UNSUPPORTED = "unsupported"
    """The target cannot do what was asked; another model could."""
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    AUTHENTICATION = "authentication"
    """Our own key was missing or wrong; never a provider's refusal of its key."""
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    CREDENTIAL_INVALID = "credential_invalid"
    """A credential offered for storing did not pass its provider's check."""
    CREDENTIAL_REJECTED = "credential_rejected"
    """The provider refused the credential that a call used."""
    QUOTA = "quota"
    """The provider wants money: billing, credit or a spent quota. Retrying is useless."""
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    UPSTREAM = "upstream"
    BAD_RESPONSE = "bad_response"
    """The provider answered something it never promised."""
    TRUNCATED = "truncated"
    UNREACHABLE = "unreachable"
    """No connection could be made: name, route, TLS, or the egress guard."""
    CANCELLED = "cancelled"
    INTERNAL = "internal"


CODES: Mapping[Kind, str] = {Kind.CONTEXT_LENGTH: "context_length_exceeded"}
"""A kind's stable word for programs, where clients know another than its name."""

RETRYABLE = frozenset({Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.TIMEOUT, Kind.UPSTREAM, Kind.UNREACHABLE})


class Phase(StrEnum):
    """How far a call had come when it failed."""

    REQUEST = "request"
    CONNECT = "connect"
    HEADERS = "headers"
    STREAM = "stream"


class Refusal(Struct, frozen=True, kw_only=True):
    """What the provider itself said, for the caller's error and the audit."""

    status: int | None = None
    type: str | None = None
    code: str | None = None
    request_id: str | None = None


class Failure(Exception):
    """A call failed; the message is safe to show and says what to do.

    `code` is a stable word for programs, `param` the request field at fault,
    `retry_after` seconds. Messages never hold a secret: they are built from
    parsed fields, not from requests.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code = code or CODES.get(kind, kind.value)
        self.param = param
        self.retry_after = retry_after
        self.retryable = kind in RETRYABLE if retryable is None else retryable


class CallerLeft(Failure):
    """Thrown into an exchange that nobody waits for any more: its caller has left, or its time is up.

    An exchange that has started something which goes on without it catches this and yields
    one last request, the one that stops it. All others just end.
    """

    def __init__(self) -> None:
        super().__init__(Kind.CANCELLED, "the caller left", code="client_closed_request")


class ProviderError(Failure):
    """A provider refused, broke or could not be reached."""

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        provider: str = "",
        refusal: Refusal | None = None,
        phase: Phase = Phase.HEADERS,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(kind, message, code=code, param=param, retry_after=retry_after, retryable=retryable)
        self.provider = provider
        self.refusal = refusal or Refusal()
        self.phase = phase
        self.after_output = False
        """Whether the caller had already been given part of an answer: then nothing may be retried."""


class StreamCut(ProviderError):
    """The body ended before the provider said it had finished."""

    def __init__(self, provider: str = "") -> None:
        super().__init__(
            Kind.TRUNCATED,
            "the provider's stream ended before its answer was complete",
            provider=provider,
            code="stream_truncated",
            phase=Phase.STREAM,
        )


class Outcome(StrEnum):
    """Why a credential is no good, for programs."""

    INVALID = "invalid"
    """The provider does not know it, or knows it no more."""
    NO_PERMISSION = "no_permission"
    NO_QUOTA = "no_quota"
    WRONG_ENDPOINT = "wrong_region_or_endpoint"
    REFUSED = "refused"
    """The provider refused the question itself."""


class CredentialRefused(ProviderError):
    """A provider was asked about a credential that is to be stored, and said why it is no good."""

    def __init__(self, message: str, outcome: Outcome, *, provider: str, refusal: Refusal) -> None:
        super().__init__(
            Kind.CREDENTIAL_INVALID,
            message,
            code="credential_invalid",
            provider=provider,
            refusal=refusal,
            retryable=False,
        )
        self.outcome = outcome


def kind_of_status(status: int) -> Kind:
    """Classify a provider's HTTP status, which nearly every provider respects."""
    match status:
        case 401 | 498:
            return Kind.CREDENTIAL_REJECTED
        case 402:
            return Kind.QUOTA
        case 403:
            return Kind.PERMISSION
        case 404:
            return Kind.NOT_FOUND
        case 408 | 504 | 524:
            return Kind.TIMEOUT
        case 409:
            return Kind.CONFLICT
        case 413:
            return Kind.TOO_LARGE
        case 429:
            return Kind.RATE_LIMITED
        case 503 | 529:
            return Kind.OVERLOADED
        case _ if 400 <= status < 500:
            return Kind.INVALID_REQUEST
        case _:
            return Kind.UPSTREAM
