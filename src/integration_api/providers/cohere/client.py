"""Cohere's address and refusals. https://docs.cohere.com/reference/errors"""

import re
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Kind, Phase, ProviderError, Refusal, kind_of_status
from integration_api.core.exchange import Bearer, HttpRequest, HttpResponse, json_body
from integration_api.dialects.openai_errors import retry_after

NAME = "cohere"
BASE_URL = "https://api.cohere.com"

CLIENT_NAME = CredentialField("client_name", "Client name", secret=False, required=False)
"""Shown in Cohere's own logs: who of the account's users asked."""

REQUEST_ID_HEADERS = ("x-debug-trace-id",)

MOST_CHARACTERS = 512
"""Of a message that is passed on: enough to act on, too few to fill a log."""

TELLING = (
    (
        re.compile(r"(?i)too many tokens|context (length|window)|exceeds? the (max|token)"),
        Kind.CONTEXT_LENGTH,
    ),
    (re.compile(r"(?i)monthly|billing|spend(ing)? limit|payment"), Kind.QUOTA),
)
"""What a 400 or a 429 means; Cohere explains itself in words only."""


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Return what goes with every request."""
    name = credential.fields.get("client_name")
    return (("x-client-name", name),) if name else ()


def post(path: str, body: Any, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=credential.base_url(BASE_URL) + path,
        headers=(("content-type", "application/json"), *headers(credential)),
        body=json_body(body),
        auth=Bearer(),
    )


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="GET", url=credential.base_url(BASE_URL) + path, headers=headers(credential), auth=Bearer()
    )


class Said(Struct):
    """A refusal. The `id` in it is the request's own."""

    message: str = ""
    id: str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for. Some 5xx are plain text or HTML: those are not quoted."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Said()
    kind = _kind(reply.status, said.message)
    return ProviderError(
        kind,
        _message(kind, reply.status, said.message),
        provider=NAME,
        refusal=Refusal(
            status=reply.status,
            request_id=next(
                (reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None
            )
            or said.id,
        ),
        code="model_not_found" if kind is Kind.NOT_FOUND and said.message.startswith("model") else None,
        retry_after=retry_after(reply.headers),
    )


def stream_fault(reason: str, explanation: str | None, *, phase: Phase = Phase.STREAM) -> ProviderError:
    """Return the error for an answer that ended with `reason` ERROR or TIMEOUT."""
    kind = Kind.TIMEOUT if reason == "TIMEOUT" else Kind.UPSTREAM
    default = "cohere ran out of time" if kind is Kind.TIMEOUT else "cohere failed while it answered"
    return ProviderError(
        kind,
        (explanation or default)[:MOST_CHARACTERS],
        provider=NAME,
        refusal=Refusal(status=200, type=reason),
        phase=phase,
        code="upstream_timeout" if kind is Kind.TIMEOUT else None,
    )


def _kind(status: int, message: str) -> Kind:
    found = Kind.UNSUPPORTED if status == 501 else kind_of_status(status)
    if found in (Kind.INVALID_REQUEST, Kind.RATE_LIMITED):
        for pattern, kind in TELLING:
            if (kind is Kind.QUOTA) == (found is Kind.RATE_LIMITED) and pattern.search(message):
                return kind
    return found


def _message(kind: Kind, status: int, message: str) -> str:
    if kind is Kind.CREDENTIAL_REJECTED:
        # Its own words may repeat the key.
        return f"{NAME} refused the credential; store one with a key that is right and active"
    return message[:MOST_CHARACTERS].strip() or f"{NAME} answered {status} without an explanation"
