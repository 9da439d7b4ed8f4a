"""Replicate's addresses and refusals. https://replicate.com/docs/reference/http"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Bearer, HttpRequest, HttpResponse
from integration_api.core.json import decode_any
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import versioned

NAME = "replicate"
BASE = "https://api.replicate.com/v1"
STREAM_HOSTS = (".replicate.com", ".replicate.net")
"""Where Replicate itself streams from."""

REQUEST_ID_HEADERS = ("x-request-id", "cf-ray")

MODEL = re.compile(
    r"(?P<deployment>deployments/)?(?P<owner>\w[\w.-]*)/(?P<name>\w[\w.-]*)(?::(?P<version>[0-9a-f]{64}))?"
    r"|(?P<bare>[0-9a-f]{64})",
    re.ASCII,
)

RESETS = re.compile(r"resets in ~?(\d+)\s*s")
REQUIRED = re.compile(r"(?:- input: )?(\w+) is required")
NOT_ALLOWED = re.compile(r"Additional property (\w+) is not allowed")


class Named:
    """A model as the caller names it: `owner/name`, with a version, one version alone, or a deployment."""

    __slots__ = ("bare", "deployed", "path", "version")

    def __init__(self, model: str) -> None:
        found = MODEL.fullmatch(model)
        if found is None:
            raise Failure(
                Kind.INVALID_REQUEST,
                "a model of replicate is owner/name, owner/name:version, deployments/owner/name or a version's id",
                code="invalid_model",
                param="model",
            )
        self.version: str | None = found["version"] or found["bare"]
        self.bare = found["bare"] is not None
        self.deployed = found["deployment"] is not None
        self.path = "" if self.bare else f"{found['owner']}/{found['name']}"
        if self.deployed and self.version:
            raise Failure(
                Kind.INVALID_REQUEST,
                "a deployment has no version to choose",
                code="invalid_model",
                param="model",
            )


def address(path: str, credential: Credential) -> str:
    return versioned(credential, BASE) + path


def get(path: str, credential: Credential, *, delay: float = 0.0) -> HttpRequest:
    return HttpRequest(method="GET", url=address(path, credential), auth=Bearer(), delay=delay)


def post(path: str, body: Any, headers: tuple[tuple[str, str], ...], credential: Credential) -> HttpRequest:
    """Make a request that starts something: sent once only, for it is paid for each time."""
    return HttpRequest(
        method="POST",
        url=address(path, credential),
        headers=(("content-type", "application/json"), *headers),
        body=msgspec.json.encode(body),
        auth=Bearer(),
        idempotent=False,
    )


def cancel(id: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="POST", url=address(f"/predictions/{id}/cancel", credential), auth=Bearer())


def listen(url: str | None, credential: Credential) -> HttpRequest | None:
    """Make the request for a prediction's stream, or None where there is none that may be given the key.

    The address comes with an answer: the key goes there only if it is where the answer came
    from, or one of Replicate's own hosts.
    """
    if not url:
        return None
    base = versioned(credential, BASE)
    there, home = urlsplit(url), urlsplit(base)
    ours = (there.scheme, there.netloc) == (home.scheme, home.netloc)
    theirs = base is BASE and there.scheme == "https" and (there.hostname or "").endswith(STREAM_HOSTS)
    if not ours and not (theirs and there.port in (None, 443) and there.username is None):
        return None
    headers = (("accept", "text/event-stream"), ("cache-control", "no-store"))
    return HttpRequest(method="GET", url=url, headers=headers, auth=Bearer(), streamed=True)


_said = partial(openai_errors.fault, provider=NAME, request_id_headers=REQUEST_ID_HEADERS)


def fault(reply: HttpResponse) -> ProviderError:
    """Build the error for a refusal; which input was at fault is read out of its words."""
    error = _said(reply)
    if reply.status == 422:
        _blame(error, _invalid(reply.body))
    elif reply.status == 429 and error.retry_after is None:
        resets = RESETS.search(error.message)
        seconds = resets[1] if resets else reply.headers.get("ratelimit-reset", "")
        error.retry_after = float(seconds) if seconds.isdigit() else None
    return error


def _blame(error: ProviderError, invalid: list[Any]) -> None:
    for one in invalid:
        words = one.get("description") if isinstance(one, dict) else None
        if not isinstance(words, str):
            continue
        if found := NOT_ALLOWED.search(words):
            error.kind, error.code = Kind.UNSUPPORTED, "unsupported_parameter"
        else:
            found = REQUIRED.search(words)
        field = one.get("field")
        error.param = found[1] if found else field.removeprefix("input.") if isinstance(field, str) else None
        return


def _invalid(body: bytes) -> list[Any]:
    try:
        said = decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    found = said.get("invalid_fields") if isinstance(said, Mapping) else None
    return found if isinstance(found, list) else []
