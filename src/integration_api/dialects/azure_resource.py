"""What a credential of an Azure AI resource is made of: where the resource is, and by what it knows us.

A resource takes its key, or a token of Microsoft Entra ID, which a client gets for a proof of who it is.
https://learn.microsoft.com/azure/ai-services/authentication
"""

import re
from typing import Literal, TypeAlias

from integration_api.core.credential import KEY as ANY_KEY
from integration_api.core.credential import Credential, CredentialField, unusable
from integration_api.core.exchange import Auth, Bearer, EntraToken, Header

Proof: TypeAlias = Literal["secret", "certificate", "assertion"]

ENDPOINT = CredentialField("endpoint", "Endpoint", secret=False, required=False)
RESOURCE = CredentialField("resource", "Resource name, in place of an endpoint", secret=False, required=False)
KEY = CredentialField(ANY_KEY.name, "API key", required=False)
SUBSCRIPTION_KEY = CredentialField(
    "subscription_key", "API key, by the platform's name for it", required=False
)
KEY_HEADER = CredentialField(
    "key_header", "Header of the API key, for gateways", secret=False, required=False
)
TENANT = CredentialField("tenant_id", "Entra ID tenant", secret=False, required=False)
CLIENT = CredentialField("client_id", "Entra ID client", secret=False, required=False)
CLIENT_SECRET = CredentialField("client_secret", "Entra ID client secret", required=False)
CLIENT_CERTIFICATE = CredentialField(
    "client_certificate", "Entra ID client certificate with its private key, in PEM", required=False
)
CLIENT_ASSERTION = CredentialField(
    "client_assertion", "Entra ID client assertion, of a federated identity", required=False
)
ACCESS_TOKEN = CredentialField("access_token", "Entra ID access token", required=False)
SCOPE = CredentialField("scope", "Entra ID scope", secret=False, required=False)
AUTHORITY = CredentialField("authority", "Entra ID authority", secret=False, required=False)
ENTRA = (TENANT, CLIENT, CLIENT_SECRET, CLIENT_CERTIFICATE, CLIENT_ASSERTION, ACCESS_TOKEN, SCOPE, AUTHORITY)
"""All that Entra ID takes."""

ANY_SCOPE = "https://cognitiveservices.azure.com/.default"
"""What every resource of the public cloud takes tokens for."""
FOUNDRY_SCOPE = "https://ai.azure.com/.default"
"""What models are asked for by, where they have it: other services do not know it."""
PUBLIC = ("https://login.microsoftonline.com", ANY_SCOPE)
CLOUDS = {
    ".azure.us": ("https://login.microsoftonline.us", "https://cognitiveservices.azure.us/.default"),
    ".azure.cn": ("https://login.partner.microsoftonline.cn", "https://cognitiveservices.azure.cn/.default"),
}
"""Ends of hosts in sovereign clouds, with the authority and the scope that belong to each."""

PROOFS: tuple[tuple[CredentialField, Proof], ...] = (
    (CLIENT_SECRET, "secret"),
    (CLIENT_CERTIFICATE, "certificate"),
    (CLIENT_ASSERTION, "assertion"),
)
"""By what a client may prove who it is; the first that is held is used."""
TOKENS = frozenset({ACCESS_TOKEN.name, *(field.name for field, _ in PROOFS)})
"""Names of the fields that stand for a token: with one of them no key is looked at."""

_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)
_RESOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}", re.ASCII)


def address(credential: Credential, domain: str) -> str:
    """Return the address that the credential gives, or that of its resource in `domain`; "" for neither."""
    fields = credential.fields
    given = fields.get("base_url") or fields.get(ENDPOINT.name) or ""
    resource = fields.get(RESOURCE.name, "")
    if given or not _RESOURCE.fullmatch(resource):
        return given
    return f"https://{resource}.{domain}"


def parted(given: str) -> tuple[str, list[str]]:
    """Split an address, with as much of a path as it was copied with, into root and what followed `/openai`.

    Raises `Failure` (CREDENTIAL_INVALID).
    """
    scheme, separator, rest = given.partition("://")
    host, *segments = rest.split("/")
    segments = list(filter(None, segments))
    if not separator or not host:
        raise unusable(ENDPOINT.name, "it is an address that starts with https://")
    told: list[str] = []
    if "openai" in segments:
        at = segments.index("openai")
        segments, told = segments[:at], [one for one in segments[at:] if one != "openai"]
    return "/".join((f"{scheme}://{host}", *segments)), told


def auth(credential: Credential, root: str, *, header: str, scope: str = ANY_SCOPE) -> Auth:
    """Return how to sign with what the credential holds: a client before a token before a key, and never by two.

    `root` is where the resource is asked, `header` where it looks for a key, and `scope` what tokens are asked
    for in the public cloud. The credential's own words for the last two come first.
    Raises `Failure` (CREDENTIAL_INVALID) where there is nothing to sign with.
    """
    held = credential.held
    for field, proof in PROOFS:
        if field.name in held:
            return _entra(credential, root, scope, field.name, proof)
    if ACCESS_TOKEN.name in held:
        return Bearer(ACCESS_TOKEN.name)
    key = next((field.name for field in (KEY, SUBSCRIPTION_KEY) if field.name in held), None)
    if key is None:
        raise unusable(
            KEY.name, "there is neither a key nor a client_secret with its tenant_id and client_id"
        )
    header = credential.fields.get(KEY_HEADER.name) or header
    if not _TOKEN.fullmatch(header):
        raise unusable(KEY_HEADER.name, "it is the name of a header, such as Ocp-Apim-Subscription-Key")
    return Header(header, key)


def _entra(credential: Credential, root: str, public: str, held: str, proof: Proof) -> EntraToken:
    fields = credential.fields
    for field in (TENANT, CLIENT):
        if not fields.get(field.name):
            raise unusable(field.name, f"a {held} is of use with tenant_id and client_id only")
    host = root.partition("://")[2].partition("/")[0].partition(":")[0]
    authority, scope = next((cloud for end, cloud in CLOUDS.items() if host.endswith(end)), PUBLIC)
    if scope == ANY_SCOPE:
        scope = public
    return EntraToken(
        fields[TENANT.name],
        fields[CLIENT.name],
        fields.get(SCOPE.name) or scope,
        held,
        fields.get(AUTHORITY.name) or authority,
        proof,
    )
