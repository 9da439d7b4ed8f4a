"""Whose model a name means, and so which language it speaks.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-garden/available-models
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from integration_api.core.credential import Credential

Language = Literal["gemini", "claude", "mistral", "open"]

_DATED = re.compile(r"(claude-[\w.-]+?)-(20\d{6})")
_MISTRAL = re.compile(r"(mistral|codestral|ministral|magistral)-.*")


class Named(Struct, frozen=True):
    language: Language
    publisher: str
    model: str
    """As its publisher calls it."""

    @property
    def id(self) -> str:
        """As the one endpoint for everybody's models wants it."""
        return f"{self.publisher}/{self.model}" if self.publisher else self.model


def named(model: str) -> Named:
    """Read `gemini-…`, `claude-…`, `publisher/model`, `publishers/…/models/…` or a tuned model's endpoint."""
    publisher, name = "", model.removeprefix("models/")
    if found := re.fullmatch(r"publishers/([^/]+)/models/(.+)", model):
        publisher, name = found[1], found[2]
    elif "/" in name and not name.startswith("endpoints/"):
        publisher, _, name = name.partition("/")
    if publisher == "anthropic" or (not publisher and name.startswith("claude-")):
        return Named("claude", "anthropic", dated(name))
    if publisher == "mistralai" or (not publisher and _MISTRAL.fullmatch(name)):
        # The open ones are served like everybody else's.
        if not name.endswith("-maas"):
            return Named("mistral", "mistralai", name)
    if publisher in {"", "google"} and not name.endswith("-maas"):
        return Named("gemini", "google", name)
    return Named("open", publisher, name)


def dated(name: str) -> str:
    """Return Claude's name with its date as Vertex AI writes it: after an `@`."""
    found = _DATED.fullmatch(name)
    return f"{found[1]}@{found[2]}" if found else name


_MAKERS: Mapping[Language, str] = {"gemini": "gemini", "claude": "anthropic", "mistral": "mistral"}


def known_as(model: str, extras: Mapping[str, Any], credential: Credential) -> tuple[str, str]:
    """Say whose model it is; of the open ones, nobody's whom we ask elsewhere."""
    found = named(model)
    return (_MAKERS[found.language], found.model) if found.language in _MAKERS else ("vertexai", found.id)
