"""Where Anthropic lives, how it knows us, and how it says no. https://platform.claude.com/docs/en/api/overview"""

from typing import Any

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import ProviderError
from integration_api.core.exchange import Header, HttpRequest, HttpResponse, json_body
from integration_api.dialects import anthropic_messages_errors
from integration_api.dialects.anthropic_messages_payload import API_VERSION

NAME = "anthropic"
BASE_URL = "https://api.anthropic.com"

API_VERSION_FIELD = CredentialField("api_version", "API version", secret=False, required=False)
WORKSPACE = CredentialField("workspace_id", "Workspace", secret=False, required=False)
BETAS = CredentialField("betas", "Beta features", secret=False, required=False)

_SIGNED = Header("x-api-key")


def post(
    path: str, body: Any, credential: Credential, version: str, betas: tuple[str, ...] = ()
) -> HttpRequest:
    """Return a request that asks for something; `betas` are the caller's, besides the account's."""
    return HttpRequest(
        method="POST",
        url=credential.base_url(BASE_URL) + path,
        headers=(("content-type", "application/json"), *_headers(credential, version, betas)),
        body=json_body(body),
        auth=_SIGNED,
    )


def get(path: str, credential: Credential) -> HttpRequest:
    """Return a request that looks something up."""
    version = credential.fields.get("api_version") or API_VERSION
    return HttpRequest(
        method="GET",
        url=credential.base_url(BASE_URL) + path,
        headers=_headers(credential, version, ()),
        auth=_SIGNED,
    )


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for."""
    return anthropic_messages_errors.fault(reply, NAME)


def _headers(credential: Credential, version: str, betas: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    headers = [("anthropic-version", version)]
    own = credential.fields.get("betas", "")
    wanted = dict.fromkeys(beta.strip() for beta in (*own.split(","), *betas))
    wanted.pop("", None)
    if wanted:
        headers.append(("anthropic-beta", ",".join(wanted)))
    if workspace := credential.fields.get("workspace_id"):
        headers.append(("anthropic-workspace-id", workspace))
    return tuple(headers)
