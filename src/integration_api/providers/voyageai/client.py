"""Voyage's two addresses and its refusals. https://docs.voyageai.com/docs/error-codes"""

import re
from typing import Any

from integration_api.core.credential import KEY, Credential, CredentialField
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Bearer, HttpRequest, HttpResponse, json_body
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import versioned

NAME = "voyageai"

BASE = "https://api.voyageai.com/v1"
ATLAS = "https://ai.mongodb.com/v1"
"""Keys that MongoDB Atlas gives out are known here and refused there."""
ATLAS_MARK = "al-"

VOYAGE_KEY = CredentialField(KEY.name, KEY.title, marks=(ATLAS_MARK,))

REQUEST_ID_HEADERS = ("x-request-id", "request-id")

TOO_MUCH = re.compile(
    r"(?i)tokens? (per|in (the|your|this)) (submitted )?(batch|request)|number of tokens in the batch"
)
BATCH_TOO_LARGE = "max_tokens_per_request"


def address(path: str, credential: Credential) -> str:
    """Return where a path is: at the base URL given, or else where keys like this one are known."""
    atlas = credential.fields.get(VOYAGE_KEY.mark_name) == ATLAS_MARK
    return versioned(credential, ATLAS if atlas else BASE) + path


def post(path: str, body: Any, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=address(path, credential),
        headers=(("content-type", "application/json"),),
        body=json_body(body),
        auth=Bearer(),
    )


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for; a batch that holds too many tokens has a code of its own."""
    error = openai_errors.fault(reply, provider=NAME, request_id_headers=REQUEST_ID_HEADERS)
    if error.kind in {Kind.INVALID_REQUEST, Kind.CONTEXT_LENGTH} and TOO_MUCH.search(error.message):
        error.kind, error.code = Kind.CONTEXT_LENGTH, BATCH_TOO_LARGE
    return error


def too_much(refusal: ProviderError) -> bool:
    """Tell whether half of a batch may pass: tokens are bounded, and only Voyage can count them."""
    return refusal.code == BATCH_TOO_LARGE
