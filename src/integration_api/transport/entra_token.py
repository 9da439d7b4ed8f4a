"""Microsoft Entra ID's client credentials flow: an application's id and secret for an access token.

https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow
"""

import re
from collections.abc import Callable

from integration_api.core.exchange import EntraToken, Exchange
from integration_api.transport.grant import Grant, Pocket, ask, unusable

CLOUDS = frozenset({
    "https://login.microsoftonline.com",
    "https://login.microsoftonline.us",
    "https://login.partner.microsoftonline.cn",
    "https://login.chinacloudapi.cn",
})  # fmt: skip
"""The only places a client's secret is sent to, besides hosts that the operator has allowed."""

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
    pocket.put("client_secret", secret[:])
    return (
        yield from ask(
            f"{authority}/{auth.tenant_id}/oauth2/v2.0/token",
            (("client_id", auth.client_id), ("scope", auth.scope), ("grant_type", "client_credentials")),
            ("client_secret",),
        )
    )
