"""Where an Azure resource answers, and in which of its styles it is asked.

https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle
"""

import re
from functools import lru_cache
from typing import Literal, TypeAlias
from urllib.parse import parse_qsl, quote

from msgspec import Struct

from integration_api.core.credential import Credential, CredentialField, unusable
from integration_api.core.errors import Failure, Kind
from integration_api.dialects import azure_resource
from integration_api.dialects.azure_resource import ENDPOINT, parted

Style: TypeAlias = Literal["v1", "deployment", "verbatim"]
STYLES: tuple[Style, ...] = ("v1", "deployment", "verbatim")

DOMAIN = "openai.azure.com"
"""Of resources in the public cloud."""

API_STYLE = CredentialField(
    "api_style", "API style: v1, deployment or verbatim", secret=False, required=False
)
API_VERSION = CredentialField("api_version", "API version", secret=False, required=False)

GENERAL = "2024-10-21"
"""The last dated version that is generally available; what came later is in v1."""

_DATED = re.compile(r"\d{4}-\d\d-\d\d(-preview)?", re.ASCII)
_UNDATED = frozenset({"", "v1", "preview"})


class Place(Struct, frozen=True):
    """An address without a slash at its end, and how paths are appended to it.

    `v1` names the model in the body, `deployment` in the path and wants a dated version, and
    `verbatim` appends to the address just as it is, for gateways with paths of their own.
    """

    root: str
    style: Style
    version: str = ""

    @property
    def dated(self) -> str:
        """The day of its version, and "" where it has none: then everything of v1 is known."""
        return self.version[:10] if self.style == "deployment" else ""

    def of_model(self, operation: str, model: str) -> str:
        """Return the address of something a deployment does. Raises `Failure` for a name that leads elsewhere."""
        if self.style == "deployment":
            return self._versioned(f"/openai/deployments/{segment(model)}{operation}")
        return self.of_resource(operation)

    def of_resource(self, operation: str) -> str:
        if self.style == "verbatim":
            return self._versioned(operation)
        return self._versioned(f"/openai{'/v1' if self.style == 'v1' else ''}{operation}")

    def _versioned(self, path: str) -> str:
        query = f"?api-version={quote(self.version, safe='')}" if self.version else ""
        return f"{self.root}{path}{query}"


def place(credential: Credential) -> Place:
    """Return where the credential's resource is asked. Raises `Failure` (CREDENTIAL_INVALID)."""
    fields = credential.fields
    return _place(
        azure_resource.address(credential, DOMAIN),
        fields.get(API_STYLE.name, ""),
        fields.get(API_VERSION.name, ""),
    )


@lru_cache(maxsize=1024)
def _place(given: str, style: str, version: str) -> Place:
    if not given:
        raise unusable(
            ENDPOINT.name, "name the resource's endpoint, such as https://my-resource.openai.azure.com"
        )
    given, _, query = given.partition("?")
    version = version or dict(parse_qsl(query)).get("api-version", "")
    if style and style not in STYLES:
        raise unusable(API_STYLE.name, f"it is one of {', '.join(STYLES)}")
    if style == "verbatim":
        return Place(given.rstrip("/"), "verbatim", version)
    root, told = parted(given)
    chosen: Style = "deployment" if style == "deployment" else "v1"
    if not style and told[:1] != ["v1"] and (told[:1] == ["deployments"] or _DATED.fullmatch(version)):
        chosen = "deployment"
    if chosen == "deployment":
        version = version or GENERAL
        if not _DATED.fullmatch(version):
            raise unusable(API_VERSION.name, f"deployments are asked with a date, such as {GENERAL}")
    elif version not in _UNDATED:
        raise unusable(
            API_VERSION.name, "v1 takes no dated version: leave it out, or set api_style to deployment"
        )
    return Place(root, chosen, version)


def segment(model: str) -> str:
    """Return a deployment's name as one segment of a path. Raises `Failure` for one that would lead elsewhere."""
    if not model.strip("."):
        raise Failure(
            Kind.INVALID_REQUEST, "model is no name of a deployment", code="invalid_value", param="model"
        )
    return quote(model, safe="")
