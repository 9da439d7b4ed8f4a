"""Where Vertex AI lives, how it knows us, and how it says no.

https://cloud.google.com/vertex-ai/docs/reference/rest
"""

import re
from urllib.parse import quote

from msgspec.structs import replace

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.core.exchange import HttpResponse
from integration_api.dialects import anthropic_messages_errors, gemini_errors, google_cloud, openai_errors
from integration_api.dialects.gemini_version import version
from integration_api.dialects.google_cloud import BY_KEY, GLOBAL, PROJECT, auth, location

NAME = "vertexai"
API_VERSION = "v1beta1"
"""What Google's own SDK speaks: `v1` lacks what is new."""

KEY = replace(google_cloud.KEY, title="API key (express mode)")

_MULTI_REGIONS = frozenset({"us", "eu"})
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
    place = location(credential)
    base = credential.base_url(host(place))
    in_project = f"projects/{project(credential)}/locations/{place}/{path}"
    return f"{base}/{version_ or version(credential, API_VERSION)}/{in_project}"


def anywhere(path: str, credential: Credential) -> str:
    """Return the address of something that belongs to no project."""
    return f"{credential.base_url(host(location(credential)))}/{version(credential, API_VERSION)}/{path}"


def published(publisher: str, model: str, method: str, credential: Credential) -> str:
    """Return the address of a publisher's model."""
    path = f"publishers/{publisher}/models/{segment(model, 'model')}:{method}"
    if is_express(credential):
        return anywhere(path, credential)
    return located(path, credential)


def is_express(credential: Credential) -> bool:
    """Whether a key without a project is all there is."""
    return auth(credential) == BY_KEY and not credential.fields.get(PROJECT.name)


def segment(text: str, param: str) -> str:
    """Return `text` as one segment of a path. Raises `Failure` for one that would lead elsewhere."""
    if _SEGMENT.fullmatch(text):
        raise Failure(Kind.INVALID_REQUEST, f"{param} is no name", code="invalid_value", param=param)
    return quote(text, safe="@:")
