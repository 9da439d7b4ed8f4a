"""OpenAI's address, headers and refusals. https://platform.openai.com/docs/api-reference/introduction"""

from functools import partial

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.exchange import Bearer, HttpRequest
from integration_api.dialects import openai_errors
from integration_api.dialects.openai_address import versioned

NAME = "openai"
BASE = "https://api.openai.com/v1"

ORGANIZATION = CredentialField("organization", "Organization", secret=False, required=False)
PROJECT = CredentialField("project", "Project", secret=False, required=False)

fault = partial(openai_errors.fault, provider=NAME)


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
