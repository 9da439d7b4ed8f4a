"""Microsoft Entra ID's client credentials flow: an application's id and a proof of it for an access token.

The proof is a secret, an assertion signed with a certificate's key, or the token of an issuer that the
application trusts. The machine's own identity is nobody's to ask with: every tenant could.

https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
https://learn.microsoft.com/en-us/entra/identity-platform/certificate-credentials
"""

import binascii
import hashlib
import re
import time
import uuid
from collections.abc import Callable

from integration_api.core.credential import unusable
from integration_api.core.exchange import EntraToken, Exchange
from integration_api.transport.assertion import NotAKey, jwt, segment
from integration_api.transport.grant import Grant, Pocket, ask

CLOUDS = frozenset({
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
    "https://login.chinacloudapi.cn",
})  # fmt: skip
"""The only places a client's secret is sent to, besides hosts that the operator has allowed."""

BY_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 600
"""How long an assertion is good for: it is used at once, and Microsoft advises five to ten minutes."""

_CERTIFICATE = re.compile(
    rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----", re.ASCII
)
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,253}", re.ASCII)


def exchange(
    auth: EntraToken, secret: bytearray, pocket: Pocket, allowed: Callable[[str], bool]
) -> Exchange[Grant]:
    """Ask for a token with a client's `secret`. `allowed` tells an address that the operator has allowed.

    Raises `Failure` for a tenant or an authority that must not be asked, `ProviderError` for a refusal.
    """
    authority = auth.authority.rstrip("/")
    if not _TENANT.fullmatch(auth.tenant_id):
        raise unusable("tenant_id", "it is neither an id nor a domain")
    if authority not in CLOUDS and not allowed(authority):
        raise unusable(
            "authority", "it is not one of Microsoft's; an operator can allow another host with EGRESS__ALLOW"
        )
    url = f"{authority}/{auth.tenant_id}/oauth2/v2.0/token"
    form = [("client_id", auth.client_id), ("scope", auth.scope), ("grant_type", "client_credentials")]
    if auth.proof == "secret":
        pocket.put(name := "client_secret", secret[:])
    else:
        form.append(("client_assertion_type", BY_JWT))
        proof = secret[:] if auth.proof == "assertion" else _asserted(auth, url, secret)
        pocket.put(name := "client_assertion", proof)
    return (yield from ask(url, form, (name,)))


def _asserted(auth: EntraToken, url: str, pem: bytearray) -> bytearray:
    """Return a JWT by which a client says who it is, signed with the key of its certificate."""
    found = _CERTIFICATE.search(pem)
    if found is None:
        raise unusable(
            auth.field, "there is no certificate in it; store certificate and private key in one PEM text"
        )
    try:
        certificate = binascii.a2b_base64(found[1])
    except binascii.Error:
        raise unusable(auth.field, "its certificate is not in PEM") from None
    finally:
        del found  # It lends `pem`, which is to be wiped.
    now = int(time.time())
    claims = {
        "aud": url,
        "iss": auth.client_id,
        "sub": auth.client_id,
        "jti": str(uuid.uuid4()),
        "nbf": now,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
    }
    thumbprint = segment(hashlib.sha256(certificate).digest()).decode()
    try:
        return jwt("PS256", {"x5t#S256": thumbprint}, claims, pem)
    except NotAKey as why:
        raise unusable(auth.field, f"its private key {why}") from None
