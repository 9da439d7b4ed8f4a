"""Azure Speech's addresses, signing and refusals.

https://learn.microsoft.com/azure/ai-services/speech-service/regions
https://learn.microsoft.com/azure/ai-services/speech-service/sovereign-clouds
https://docs.azure.cn/ai-services/speech-service/sovereign-clouds
"""

import re
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from integration_api.core.credential import Credential, CredentialField, unusable
from integration_api.core.errors import (
    Kind,
    Phase,
    ProviderError,
    Refusal,
    StreamCut,
    kind_of_status,
)
from integration_api.core.exchange import Auth, HttpRequest, HttpResponse
from integration_api.core.session import Closed
from integration_api.dialects import azure_resource
from integration_api.dialects.azure_resource import SCOPE

NAME = "azure-speech"
DOMAIN = "cognitiveservices.azure.com"
"""Of resources in the public cloud."""

KEY = replace(azure_resource.KEY, title="Subscription key", aliases=(azure_resource.SUBSCRIPTION_KEY.name,))
REGION = CredentialField("region", "Region, such as westeurope", secret=False, required=False)
ENDPOINT = replace(azure_resource.ENDPOINT, title="Endpoint, in place of a region")
FIELDS = (KEY, REGION, ENDPOINT, azure_resource.RESOURCE, azure_resource.KEY_HEADER, *azure_resource.ENTRA)

KEY_HEADER = "ocp-apim-subscription-key"
REQUEST_ID_HEADERS = ("x-requestid", "apim-request-id", "x-ms-request-id")

Part: TypeAlias = Literal["stt", "tts", "api"]
"""Each lives at a host of its own in a region, and under a path of its own at a resource's endpoint."""


class Cloud(Struct, frozen=True):
    """The domains under which each region has its hosts: of live and short speech, and of all that is `api`."""

    speech: str
    api: str


PUBLIC = Cloud("microsoft.com", "microsoft.com")
CHINA = Cloud("azure.cn", "azure.cn")
GOVERNMENT = Cloud("azure.us", "microsoft.us")
"""Tokens and transcripts of recordings are at `microsoft.us` by the page on sovereign clouds, whose portal shows that
host, too; live speech, voices and recordings of up to a minute at `azure.us`.
"""
CLOUDS = {"china": CHINA, "usgov": GOVERNMENT, "usdod": GOVERNMENT}
"""Beginnings of regions in sovereign clouds."""
_REGION = re.compile(r"[a-z0-9]{2,32}", re.ASCII)
_REGIONAL = re.compile(
    r"([a-z0-9]+)\.(?:api\.cognitive|stt\.speech|tts\.speech)\.(microsoft\.com|azure\.cn|azure\.us|microsoft\.us)"
)
"""The endpoint that the portal shows for a resource without a domain of its own: it says region and cloud only."""

_OWN = re.compile(r"([a-z0-9-]+)\.(?:openai|services\.ai|cognitiveservices)\.(azure\.(?:com|us|cn))")
"""Hosts of a resource's own, in each cloud. What follows them is the path of something else."""

STATUS_KINDS = {
    "BadRequest": Kind.INVALID_REQUEST,
    "Forbidden": Kind.PERMISSION,
    "TooManyRequests": Kind.RATE_LIMITED,
    "ServiceUnavailable": Kind.OVERLOADED,
    "ServiceTimeout": Kind.TIMEOUT,
    "Unauthorized": Kind.CREDENTIAL_REJECTED,
}
"""What a phrase's status says when there is no phrase."""
CLOSE_KINDS = {
    1007: Kind.INVALID_REQUEST,
    1008: Kind.INVALID_REQUEST,
    1011: Kind.UPSTREAM,
    1013: Kind.OVERLOADED,
}


def address(credential: Credential) -> str:
    """Return where the credential's resource is asked, without a slash at its end; "" where it names a region alone.

    A resource of several services has a host for its models beside that of all the others, and is stored by either.
    Raises `Failure` (CREDENTIAL_INVALID).
    """
    given = azure_resource.address(credential, DOMAIN).partition("?")[0]
    if not given:
        return ""
    root, _ = azure_resource.parted(given)
    if root.startswith("ws"):
        root = root.replace("ws", "http", 1)
    scheme, _, rest = root.partition("://")
    if scheme not in ("http", "https"):
        raise unusable(ENDPOINT.name, "it is an address that starts with https://")
    own = _OWN.fullmatch(rest.partition("/")[0].lower())
    return f"https://{own[1]}.cognitiveservices.{own[2]}" if own else root


def url(part: Part, path: str, credential: Credential) -> str:
    """Return where something is asked. Raises `Failure` (CREDENTIAL_INVALID) where the credential does not say."""
    root = address(credential)
    regional = _REGIONAL.fullmatch(root.partition("://")[2].partition("/")[0].lower())
    if root and regional is None:
        prefix = "" if part == "api" or path.startswith(f"/{part}/") else f"/{part}"
        return root + prefix + path
    region = regional[1] if regional else credential.fields.get(REGION.name, "").lower()
    if not _REGION.fullmatch(region):
        raise unusable(REGION.name, "name the resource's region, such as westeurope, or its endpoint")
    if regional:
        cloud = next(one for one in (PUBLIC, CHINA, GOVERNMENT) if regional[2] in (one.speech, one.api))
    else:
        cloud = next((cloud for begin, cloud in CLOUDS.items() if region.startswith(begin)), PUBLIC)
    host = f"api.cognitive.{cloud.api}" if part == "api" else f"{part}.speech.{cloud.speech}"
    return f"https://{region}.{host}{path}"


def socket(part: Part, path: str, credential: Credential) -> HttpRequest:
    """Dial one of the live services."""
    return HttpRequest(
        method="GET",
        url=url(part, path, credential).replace("http", "ws", 1),
        auth=auth(credential),
        upgrade=("USP",),
        name_header="x-connectionid",
    )


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds.

    Raises `Failure` (CREDENTIAL_INVALID) where Entra ID's are of no use: regions know keys only.
    """
    root = address(credential)
    if not root and credential.held & azure_resource.TOKENS:
        raise unusable(ENDPOINT.name, "with Entra ID a resource is asked at an endpoint of its own")
    fields = credential.fields
    if fields.get(SCOPE.name) == azure_resource.FOUNDRY_SCOPE:
        credential = replace(credential, fields={**fields, SCOPE.name: ""})
    return azure_resource.auth(credential, root, header=KEY_HEADER)


class Inner(Struct):
    code: str | int | None = None
    message: str | None = None


class Said(Struct):
    """A refusal, in either of its two shapes: the gateway's, and that of fast transcription."""

    error: Inner | None = None
    code: str | int | None = None
    message: str | None = None


_SAID = msgspec.json.Decoder(Said)


def fault(reply: HttpResponse) -> ProviderError:
    """Return the error that a refusal stands for. Some of Azure's have no body."""
    try:
        said = _SAID.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = Said()
    inner = said.error or Inner(said.code, said.message)
    code = None if inner.code is None else str(inner.code)
    kind = kind_of_status(reply.status)
    words = inner.message or ""
    if kind is Kind.PERMISSION and "quota" in words.lower():
        kind = Kind.QUOTA
    if kind is Kind.CREDENTIAL_REJECTED:
        words = (
            f"{NAME} refused the credential; check that key and region (or endpoint) are the same resource's, "
            "and that the resource has speech"
        )
    return ProviderError(
        kind,
        words[:512] or f"{NAME} answered {reply.status} without an explanation",
        provider=NAME,
        refusal=Refusal(
            status=reply.status,
            code=code,
            request_id=next((reply.headers[one] for one in REQUEST_ID_HEADERS if one in reply.headers), None),
        ),
        retry_after=_seconds(reply.headers.get("retry-after", "")),
    )


def failed(status: str) -> ProviderError:
    """Build the error for a status in the middle of a session."""
    return ProviderError(
        STATUS_KINDS.get(status, Kind.UPSTREAM),
        f"{NAME} ended the turn: {status[:64]}",
        provider=NAME,
        refusal=Refusal(type=status, code=status),
        phase=Phase.STREAM,
    )


def ended(closed: Closed) -> ProviderError:
    """Build the error for a socket that closed before it was asked to."""
    kind = CLOSE_KINDS.get(closed.code)
    if kind is None:
        return StreamCut(NAME)
    return ProviderError(
        kind,
        (closed.reason or f"{NAME} closed the session with {closed.code}")[:512],
        provider=NAME,
        refusal=Refusal(code=str(closed.code)),
        phase=Phase.STREAM,
    )


def _seconds(written: str) -> float | None:
    return float(written) if written.isascii() and written.isdecimal() else None
