"""How the services of Google Cloud know us, and in which location they are asked.

https://cloud.google.com/docs/authentication
"""

import re

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Auth, Bearer, GoogleToken, Header, HttpRequest, json_body

GLOBAL = "global"
"""The location that Google's own SDKs take unasked."""

PROJECT = CredentialField("project_id", "Project", secret=False, required=False)
REGION = CredentialField("region", "Region", secret=False, required=False)
SERVICE_ACCOUNT = CredentialField("service_account_key", "Service account key (JSON)", required=False)
ACCESS_TOKEN = CredentialField("access_token", "Access token", required=False)
KEY = CredentialField("key", "API key", required=False)
QUOTA_PROJECT = CredentialField("quota_project_id", "Quota project", secret=False, required=False)

BY_KEY = Header("x-goog-api-key", KEY.name)
"""A key in the URL would work too, and stand in every log on the way."""

_PLACE = re.compile(r"[a-z][a-z0-9-]{0,62}")


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds: an account before a token before a key."""
    held = credential.held
    if SERVICE_ACCOUNT.name not in held:
        if ACCESS_TOKEN.name in held:
            return Bearer(ACCESS_TOKEN.name)
        if KEY.name in held:
            return BY_KEY
    return GoogleToken(field=SERVICE_ACCOUNT.name)


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Say which project's quota is used, for accounts of another one."""
    quota = credential.fields.get(QUOTA_PROJECT.name)
    return (("x-goog-user-project", quota),) if quota else ()


def location(credential: Credential, asked: object = None) -> str:
    """Return the location to ask: the call's own, or the credential's. Raises `Failure` for what is none."""
    place = asked or credential.fields.get(REGION.name) or GLOBAL
    if not isinstance(place, str) or not _PLACE.fullmatch(place):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{REGION.name} must be a location such as {GLOBAL}, eu or us-central1",
            code="invalid_value",
            param=REGION.name,
        )
    return place


def get(url: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url, headers=headers(credential), auth=auth(credential))


def post(url: str, body: object, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url,
        headers=(("content-type", "application/json"), *headers(credential)),
        body=json_body(body),
        auth=auth(credential),
    )
