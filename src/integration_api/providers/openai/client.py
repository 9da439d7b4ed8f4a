"""OpenAI's address, headers and refusals. https://platform.openai.com/docs/api-reference/introduction"""

import re
from functools import partial

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import ProviderError, StreamCut
from integration_api.core.exchange import Bearer, HttpRequest, json_body
from integration_api.core.session import Closed
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import versioned

NAME = "openai"
BASE = "https://api.openai.com/v1"

ORGANIZATION = CredentialField("organization", "Organization", secret=False, required=False)
PROJECT = CredentialField("project", "Project", secret=False, required=False)

NAMED = re.compile(r"(\w+)\.(\w+)")
"""The reason of a close that refuses: `invalid_request_error.invalid_api_key`. No page tells of it; callers have met
it, with 3000, where the key was looked at after the socket had opened.
"""

fault = partial(openai_errors.fault, provider=NAME)
stream_fault = partial(openai_errors.stream_fault, provider=NAME)


def address(path: str, credential: Credential) -> str:
    return versioned(credential, BASE) + path


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Say which organization and project pay, for keys that belong to several."""
    fields = credential.fields
    return tuple((f"openai-{name}", fields[name]) for name in ("organization", "project") if fields.get(name))


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="GET", url=address(path, credential), headers=headers(credential), auth=Bearer()
    )


def socket(path: str, credential: Credential) -> HttpRequest:
    """Dial a live service."""
    live = address(path, credential).replace("http", "ws", 1)
    return HttpRequest(method="GET", url=live, headers=headers(credential), auth=Bearer(), upgrade=())


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    named = NAMED.fullmatch(closed.reason)
    if named is None:
        return StreamCut(NAME)
    said = {"message": f"{NAME} closed the session: {named[2]}", "type": named[1], "code": named[2]}
    return stream_fault(json_body({"error": said}))
