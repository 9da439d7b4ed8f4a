"""How Azure OpenAI knows us: by a resource's key, or by an Entra ID token.

https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
"""

import re
from typing import Literal

from integration_api.core.credential import KEY as ANY_KEY
from integration_api.core.credential import Credential, CredentialField
from integration_api.core.exchange import Auth, Bearer, EntraToken, Header, HttpRequest
from integration_api.providers.azure_openai.endpoint import place, unusable

NAME = "azure-openai"

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

API_KEY_HEADER = "api-key"
FOUNDRY_SCOPE = "https://ai.azure.com/.default"
"""What v1 asks tokens for; resources in clouds of their own know the older scope only."""

CLOUDS = {
    ".azure.us": ("https://login.microsoftonline.us", "https://cognitiveservices.azure.us/.default"),
    ".azure.cn": ("https://login.partner.microsoftonline.cn", "https://cognitiveservices.azure.cn/.default"),
}
"""Ends of hosts in sovereign clouds, with the authority and the scope that belong to each."""

PUBLIC = ("https://login.microsoftonline.com", "https://cognitiveservices.azure.com/.default")

PROOFS: tuple[tuple[CredentialField, Literal["secret", "certificate", "assertion"]], ...] = (
    (CLIENT_SECRET, "secret"),
    (CLIENT_CERTIFICATE, "certificate"),
    (CLIENT_ASSERTION, "assertion"),
)
"""By what a client may prove who it is; the first that is held is used."""

_TOKEN = re.compile(r"[A-Za-z0-9-]{1,64}", re.ASCII)


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds: a client before a token before a key, and never by two.

    Raises `Failure` (CREDENTIAL_INVALID) where there is nothing to sign with.
    """
    held, fields = credential.held, credential.fields
    for field, proof in PROOFS:
        if field.name in held:
            return _entra(credential, field.name, proof)
    if ACCESS_TOKEN.name in held:
        return Bearer(ACCESS_TOKEN.name)
    key = next((field.name for field in (KEY, SUBSCRIPTION_KEY) if field.name in held), None)
    if key is None:
        raise unusable(
            KEY.name, "there is neither a key nor a client_secret with its tenant_id and client_id"
        )
    header = fields.get(KEY_HEADER.name) or API_KEY_HEADER
    if not _TOKEN.fullmatch(header):
        raise unusable(KEY_HEADER.name, "it is the name of a header, such as Ocp-Apim-Subscription-Key")
    return Header(header, key)


def _entra(
    credential: Credential, held: str, proof: Literal["secret", "certificate", "assertion"]
) -> EntraToken:
    fields = credential.fields
    for field in (TENANT, CLIENT):
        if not fields.get(field.name):
            raise unusable(field.name, f"a {held} is of use with tenant_id and client_id only")
    there = place(credential)
    host = there.root.partition("://")[2].partition("/")[0].partition(":")[0]
    authority, scope = next((cloud for end, cloud in CLOUDS.items() if host.endswith(end)), PUBLIC)
    if scope == PUBLIC[1] and there.style == "v1":
        scope = FOUNDRY_SCOPE
    return EntraToken(
        fields[TENANT.name],
        fields[CLIENT.name],
        fields.get(SCOPE.name) or scope,
        held,
        fields.get(AUTHORITY.name) or authority,
        proof,
    )


def get(operation: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=place(credential).of_resource(operation), auth=auth(credential))
