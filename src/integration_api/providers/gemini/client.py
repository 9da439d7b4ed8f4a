"""Where Gemini's API lives, how it knows us, and how it says no. https://ai.google.dev/api"""

from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth, HttpRequest
from integration_api.dialects import gemini_errors, gemini_version, google_cloud

NAME = "gemini"
BASE_URL = "https://generativelanguage.googleapis.com"
API_VERSION = "v1beta"
"""The version that has everything; `v1` lacks what is new."""

fault = partial(gemini_errors.fault, provider=NAME)


def auth(credential: Credential) -> Auth:
    return google_cloud.BY_KEY


def url(path: str, credential: Credential) -> str:
    base = credential.base_url(BASE_URL)
    if gemini_version.VERSIONED.search(base):
        return f"{base}/{path}"
    return f"{base}/{gemini_version.version(credential, API_VERSION)}/{path}"


def name_of(model: str) -> str:
    """Return a model as Google names it: `models/…`, or `tunedModels/…` as it is."""
    return model if model.startswith(("models/", "tunedModels/")) else f"models/{model}"


def known_as(model: str, extras: Mapping[str, Any], credential: Credential) -> tuple[str, str]:
    """Say what a model is called in Google's list, as we tell it."""
    return NAME, model.removeprefix("models/")


def cached(name: str, credential: Credential) -> str:
    """Return the full name of a cached content."""
    return name if "/" in name else f"cachedContents/{name}"


def model_url(model: str, method: str, credential: Credential) -> str:
    return url(f"{quote(name_of(model), safe='/')}:{method}", credential)


def get(path: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=url(path, credential), auth=google_cloud.BY_KEY)
