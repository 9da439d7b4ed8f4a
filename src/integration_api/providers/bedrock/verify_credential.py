"""Ask for the list of models: free, and refused when the key is wrong.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html
"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.providers.bedrock import client


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`.

    Many keys may call models and not list them, but only a good one is told so.
    """
    try:
        yield client.look_up("/foundation-models?byOutputModality=TEXT", credential)
    except ProviderError as refusal:
        if refusal.kind is not Kind.PERMISSION:
            raise
