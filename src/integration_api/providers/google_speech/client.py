"""Where Google's speech services live, how they know us, and how they say no.

https://cloud.google.com/speech-to-text/v2/docs/reference/rpc and https://cloud.google.com/text-to-speech/docs/reference/rpc
"""

import re
from typing import TypeVar

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtoMessage

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, Phase, ProviderError, Refusal, StreamCut
from integration_api.core.exchange import HttpRequest, HttpResponse
from integration_api.core.session import Closed, Message
from integration_api.dialects import gemini_errors, google_cloud
from integration_api.dialects.gemini_version import VERSIONED
from integration_api.dialects.google_cloud import GLOBAL, PROJECT

NAME = "google-speech"
LISTENING, SPEAKING = "speech", "texttospeech"
"""The two services, as their hosts name them."""

_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{0,99}")
_WRONG_KEY = re.compile(r"(?i)API key (not valid|expired)")
"""Google refuses a wrong key as it refuses any mistyped field."""

_GEMINIS = re.compile(
    r"https://(?:generativelanguage|(?:[a-z0-9-]+-)?aiplatform(?:\.[a-z0-9-]+\.rep)?)\.googleapis\.com"
)
"""Google's own addresses of models: no speech is to be found there."""
_BLOCKED = re.compile(r"(?i)\bAPI \S+( method \S+)? are blocked")
"""A key that is for other services of Google's, as keys of Gemini's mostly are."""
_UNBLOCK = "allow the key Google's speech services too, or store a credential for google-speech"

STATUSES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
"""gRPC's, by their numbers."""


def recognizer(credential: Credential, place: str) -> str:
    """Return the name of the recognizer that is made up for one call. Raises `Failure` without a project."""
    project = credential.fields.get(PROJECT.name, "")
    if not _PROJECT.fullmatch(project):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"store the credential with the {PROJECT.name} that its speech is billed to, or take a model of "
            "Speech-to-Text v1 such as latest_long, which needs none",
            code="missing_required_parameter",
            param=PROJECT.name,
        )
    return f"projects/{project}/locations/{place}/recognizers/_"


def url(service: str, path: str, credential: Credential, place: str) -> str:
    """Return where something is asked; a credential that was stored for models may say where they are."""
    host = f"{service}.googleapis.com"
    own = f"https://{host if place == GLOBAL else f'{place}-{host}'}"
    base = VERSIONED.sub("", credential.base_url(own))
    return (own if _GEMINIS.fullmatch(base) else base) + path


def language(code: str | None) -> str | None:
    """Write a language as others do: Google says `en-us`."""
    if not code:
        return None
    first, *rest = code.split("-")
    return "-".join([first, *(one.upper() if len(one) == 2 else one.title() for one in rest)])


def call(service: str, method: str, credential: Credential, place: str) -> HttpRequest:
    """Open one of the services' streams."""
    address = url(service, f"/{method}", credential, place)
    return HttpRequest(
        method="POST",
        url=address,
        headers=google_cloud.headers(credential),
        auth=google_cloud.auth(credential),
        grpc=True,
    )


Answer = TypeVar("Answer", bound=ProtoMessage)


def read(kind: type[Answer], message: Message) -> Answer:
    """Read a message of a stream. Raises `ValueError` for what is none."""
    answer = kind()
    try:
        answer.ParseFromString(message.encode() if isinstance(message, str) else message)
    except DecodeError:
        raise ValueError("not a message") from None
    return answer


def fault(reply: HttpResponse) -> ProviderError:
    error = gemini_errors.fault(reply, NAME)
    if not _BLOCKED.search(error.message):
        return error
    return ProviderError(
        error.kind, f"{error.message} ({_UNBLOCK})", provider=NAME, refusal=error.refusal, phase=error.phase
    )


def ended(closed: Closed) -> ProviderError:
    """Build the error for a call that ended before it was asked to."""
    if closed.code == 0:
        return StreamCut(NAME)
    name = STATUSES[closed.code] if closed.code < len(STATUSES) else "UNKNOWN"
    kind = gemini_errors.STATUSES.get(name, Kind.UPSTREAM)
    if _WRONG_KEY.search(closed.reason):
        kind = Kind.CREDENTIAL_REJECTED
    words = gemini_errors.clean(closed.reason)
    if _BLOCKED.search(words):
        words = f"{words} ({_UNBLOCK})"
    if kind is Kind.CREDENTIAL_REJECTED:
        words = f"{NAME} refused the credential; store one with a key that is right and active"
    return ProviderError(
        kind,
        words[:512] or f"{NAME} ended the call with {name}",
        provider=NAME,
        refusal=Refusal(type=name, code=name),
        phase=Phase.STREAM,
    )
