"""Ask how many tokens one word has: free, and refused for all that chat would be refused for.

A list of published models would only prove the token: this proves project, permission and region too.
"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.dialects import google_cloud
from integration_api.providers.vertexai import client, gemini_models

PROBES = ("gemini-2.5-flash", "gemini-3.8-flash")
"""Models that between them are in every region; the next is asked where one is unknown."""

_WORD = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}


def verify(credential: Credential) -> Exchange[None]:
    """Return when the account may use Gemini in its project and region.

    The refusal comes out as `ProviderError`: CREDENTIAL_REJECTED, PERMISSION, QUOTA, or NOT_FOUND
    with code `wrong_region` where neither model is to be found.
    """
    for probe in PROBES:
        try:
            yield google_cloud.post(gemini_models.url(probe, "countTokens", credential), _WORD, credential)
        except ProviderError as refusal:
            if refusal.kind is not Kind.NOT_FOUND:
                raise
            last = refusal
        else:
            return
    raise ProviderError(
        Kind.NOT_FOUND,
        f"Gemini is not to be found in the region {google_cloud.location(credential)}: check the region",
        provider=client.NAME,
        refusal=last.refusal,
        code="wrong_region",
    )
