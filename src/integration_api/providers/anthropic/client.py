"""Where Anthropic lives, how it knows us, and how it says no. https://platform.claude.com/docs/en/api/overview"""

from typing import Any

from integration_api.core.credential import KEY as ANY_KEY
from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import ProviderError
from integration_api.core.exchange import Auth, Bearer, Header, HttpRequest, HttpResponse, json_body
from integration_api.dialects import anthropic_messages_errors
from integration_api.dialects.anthropic_messages_payload import API_VERSION

NAME = "anthropic"
BASE_URL = "https://api.anthropic.com"

KEY = CredentialField(ANY_KEY.name, ANY_KEY.title, required=False)
AUTH_TOKEN = CredentialField("auth_token", "Access token, in place of a key", required=False)
API_VERSION_FIELD = CredentialField("api_version", "API version", secret=False, required=False)
WORKSPACE = CredentialField("workspace_id", "Workspace", secret=False, required=False)
BETAS = CredentialField("betas", "Beta features", secret=False, required=False)

_BY_KEY = Header("x-api-key")
_BY_TOKEN = Bearer(AUTH_TOKEN.name)


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds: a token, which workloads and people get, or a key."""
    return _BY_TOKEN if AUTH_TOKEN.name in credential.held else _BY_KEY


def post(
    path: str, body: Any, credential: Credential, version: str, betas: tuple[str, ...] = ()
) -> HttpRequest:
    """Return a request that asks for something; `betas` are the caller's, besides the account's."""
    return HttpRequest(
        method="POST",
        url=credential.base_url(BASE_URL) + path,
        headers=(("content-type", "application/json"), *_headers(credential, version, betas)),
        body=json_body(body),
        auth=auth(credential),
    )


def get(path: str, credential: Credential) -> HttpRequest:
    """Return a request that looks something up."""
    version = credential.fields.get("api_version") or API_VERSION
    return HttpRequest(
        method="GET",
        url=credential.base_url(BASE_URL) + path,
        headers=_headers(credential, version, ()),
        auth=auth(credential),
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
