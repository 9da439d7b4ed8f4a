"""Where Bedrock lives, and which of two ways it knows us by. https://docs.aws.amazon.com/general/latest/gr/bedrock.html"""

import re
from typing import Any
from urllib.parse import quote

from integration_api.core.credential import KEY, Credential, CredentialField
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Auth, Bearer, HttpRequest, SigV4, json_body

NAME = "bedrock"
SIGNING_NAME = "bedrock"
"""What a signature calls the service, on all three of its hosts."""

RUNTIME = "bedrock-runtime"
CONTROL = "bedrock"
AGENTS = "bedrock-agent-runtime"

REGION = CredentialField("region", "AWS region", secret=False)
ACCESS_KEY_ID = CredentialField("access_key_id", "Access key ID", secret=False, required=False)
SECRET_ACCESS_KEY = CredentialField("secret_access_key", "Secret access key", required=False)
SESSION_TOKEN = CredentialField("session_token", "Session token", required=False)
API_KEY = CredentialField(KEY.name, "Bedrock API key", required=False)
BASE_MODEL = CredentialField("base_model", "Model behind ARNs", secret=False, required=False)

REQUEST_ID_HEADERS = ("x-amzn-requestid",)

Headers = tuple[tuple[str, str], ...]

JSON_BODY: Headers = (("content-type", "application/json"),)

_REGION = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,12}){1,4}", re.ASCII)
_BEARER = Bearer(API_KEY.name)


def address(service: str, path: str, credential: Credential) -> str:
    """Return a URL of one of Bedrock's services, or of whatever the credential has in place of them.

    Raises `Failure` (CREDENTIAL_INVALID) for a region that cannot be one.
    """
    base = credential.base_url(f"https://{service}.{region(credential)}.amazonaws.com")
    if region(credential).startswith("cn-") and "base_url" not in credential.fields:
        base += ".cn"
    return base + path


def region(credential: Credential) -> str:
    """Return the account's region. Raises `Failure` (CREDENTIAL_INVALID)."""
    found = credential.fields.get("region", "")
    if not _REGION.fullmatch(found):
        raise Failure(
            Kind.CREDENTIAL_INVALID,
            "the credential's region must be an AWS region, such as us-east-1",
            code="credential_invalid",
            param="region",
        )
    return found


def model_path(model: str, operation: str) -> str:
    """Return the path of an operation on a model: the id is one segment, whatever is in it.

    Colons and slashes go out as `%3A` and `%2F`, and are signed encoded once more.
    """
    return f"/model/{quote(model, safe='')}/{operation}"


def auth(credential: Credential) -> Auth:
    """Return the API key's way of signing where there is one, and the access key's otherwise."""
    return _BEARER if API_KEY.name in credential.held else signature(credential)


def signature(credential: Credential) -> SigV4:
    """Return the access key's way of signing.

    Raises `Failure` (CREDENTIAL_INVALID) for a credential without an access key.
    """
    access_key_id = credential.fields.get("access_key_id", "")
    if not access_key_id:
        raise Failure(
            Kind.CREDENTIAL_INVALID,
            "the credential has neither access_key_id with secret_access_key nor a Bedrock API key in key",
            code="credential_invalid",
            param="access_key_id",
        )
    return SigV4(
        SIGNING_NAME,
        region(credential),
        access_key_id,
        SECRET_ACCESS_KEY.name,
        SESSION_TOKEN.name if SESSION_TOKEN.name in credential.held else None,
    )


def ask(
    model: str, operation: str, body: Any, credential: Credential, headers: Headers = JSON_BODY
) -> HttpRequest:
    """Return a request that has a model do something."""
    return HttpRequest(
        method="POST",
        url=address(RUNTIME, model_path(model, operation), credential),
        headers=headers,
        body=json_body(body),
        auth=auth(credential),
    )


def look_up(path: str, credential: Credential) -> HttpRequest:
    """Return a request that looks something up and costs nothing."""
    return HttpRequest(method="GET", url=address(CONTROL, path, credential), auth=auth(credential))
