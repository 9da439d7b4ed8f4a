"""Mistral's address and refusals. https://docs.mistral.ai/api"""

from functools import partial

from integration_api.core.credential import Credential
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import versioned

NAME = "mistral"
BASE = "https://api.mistral.ai/v1"

REQUEST_ID_HEADERS = ("mistral-correlation-id", "x-kong-request-id", "x-request-id")

fault = partial(openai_errors.fault, provider=NAME, request_id_headers=REQUEST_ID_HEADERS)


def address(path: str, credential: Credential) -> str:
    return versioned(credential, BASE) + path


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=address(path, credential), auth=Bearer())
