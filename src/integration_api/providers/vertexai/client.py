"""Where Vertex AI lives, how it knows us, and how it says no.

https://cloud.google.com/vertex-ai/docs/reference/rest
"""

import re
from urllib.parse import quote

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import Auth, Bearer, GoogleToken, Header, HttpRequest, HttpResponse
from integration_api.dialects import anthropic_messages_errors, gemini_errors, openai_errors
from integration_api.dialects.gemini_version import version

NAME = "vertexai"
API_VERSION = "v1beta1"
"""What Google's own SDK speaks: `v1` lacks what is new."""
GLOBAL = "global"
"""The location that Google's own SDK takes unasked: the newest models are nowhere else."""

PROJECT = CredentialField("project_id", "Project", secret=False, required=False)
REGION = CredentialField("region", "Region", secret=False, required=False)
SERVICE_ACCOUNT = CredentialField("service_account_key", "Service account key (JSON)", required=False)
ACCESS_TOKEN = CredentialField("access_token", "Access token", required=False)
KEY = CredentialField("key", "API key (express mode)", required=False)
QUOTA_PROJECT = CredentialField("quota_project_id", "Quota project", secret=False, required=False)

_MULTI_REGIONS = frozenset({"us", "eu"})
_PLACE = re.compile(r"[a-z][a-z0-9-]{0,62}")
_SEGMENT = re.compile(r"\.{0,2}")
"""What is no segment of a path: it would lead elsewhere."""


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for: Google's, or in the words of whoever made the model."""
    if (
        b'"type"' in reply.body[:64]
        and b'"error"' in reply.body[:64]
        and gemini_errors.read(reply.body) is None
    ):
        return anthropic_messages_errors.fault(reply, NAME)
    if gemini_errors.read(reply.body) is None:
        return openai_errors.fault(reply, provider=NAME)
    return gemini_errors.fault(reply, NAME)


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds: an account before a token before a key."""
    if ACCESS_TOKEN.name in credential.held and SERVICE_ACCOUNT.name not in credential.held:
        return Bearer(ACCESS_TOKEN.name)
    if KEY.name in credential.held and SERVICE_ACCOUNT.name not in credential.held:
        return Header("x-goog-api-key", KEY.name)
    return GoogleToken(field=SERVICE_ACCOUNT.name)


def headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    """Say which project's quota is used, for accounts of another one."""
    quota = credential.fields.get(QUOTA_PROJECT.name)
    return (("x-goog-user-project", quota),) if quota else ()


def region(credential: Credential) -> str:
    """Return the location that is asked. Raises `Failure` for what is none."""
    place = credential.fields.get(REGION.name) or GLOBAL
    if not _PLACE.fullmatch(place):
        raise Failure(
            Kind.INVALID_REQUEST,
            f"{REGION.name} must be a location such as {GLOBAL}, eu or us-central1",
            code="invalid_value",
            param=REGION.name,
        )
    return place


def host(place: str) -> str:
    """Return the address of a location; the global one has no prefix, the multi-regions hosts of their own."""
    if place == GLOBAL:
        return "https://aiplatform.googleapis.com"
    if place in _MULTI_REGIONS:
        return f"https://aiplatform.{place}.rep.googleapis.com"
    return f"https://{place}-aiplatform.googleapis.com"


def project(credential: Credential) -> str:
    """Return the project. Raises `Failure` where there is none: only express mode goes without."""
    named = credential.fields.get(PROJECT.name)
    if not named:
        raise Failure(
            Kind.INVALID_REQUEST,
            f"store the credential with its {PROJECT.name}: only an API key of express mode goes without",
            code="missing_required_parameter",
            param=PROJECT.name,
        )
    return segment(named, PROJECT.name)


def located(path: str, credential: Credential, *, version_: str | None = None) -> str:
    """Return the address of something in the credential's project and location."""
    place = region(credential)
    base = credential.base_url(host(place))
    in_project = f"projects/{project(credential)}/locations/{place}/{path}"
    return f"{base}/{version_ or version(credential, API_VERSION)}/{in_project}"


def anywhere(path: str, credential: Credential) -> str:
    """Return the address of something that belongs to no project."""
    return f"{credential.base_url(host(region(credential)))}/{version(credential, API_VERSION)}/{path}"


def published(publisher: str, model: str, method: str, credential: Credential) -> str:
    """Return the address of a publisher's model."""
    path = f"publishers/{publisher}/models/{segment(model, 'model')}:{method}"
    if is_express(credential):
        return anywhere(path, credential)
    return located(path, credential)


def is_express(credential: Credential) -> bool:
    """Whether a key without a project is all there is."""
    return isinstance(auth(credential), Header) and not credential.fields.get(PROJECT.name)


def segment(text: str, param: str) -> str:
    """Return `text` as one segment of a path. Raises `Failure` for one that would lead elsewhere."""
    if _SEGMENT.fullmatch(text):
        raise Failure(Kind.INVALID_REQUEST, f"{param} is no name", code="invalid_value", param=param)
    return quote(text, safe="@:")


def get(url: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url, headers=headers(credential), auth=auth(credential))


def post(url: str, body: bytes, credential: Credential) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url,
        headers=(("content-type", "application/json"), *headers(credential)),
        body=body,
        auth=auth(credential),
    )
