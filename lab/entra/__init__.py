"""Microsoft Entra ID's token endpoint (learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow)."""

from lab.entra import token
from lab.http import Provider

PROVIDER = Provider(
    name="entra",
    routes={("POST", "/{tenant}/oauth2/v2.0/token"): token.grant},
    by_id={},
    refusal=token.refusal,
    stream_headers=token.headers,
    example=(
        "curl {origin}/entra/any-tenant/oauth2/v2.0/token -d grant_type=client_credentials -d client_id=any "
        "-d client_secret=any -d scope=https://ai.azure.com/.default"
    ),
)
