"""Ask for the list of models: free, and refused when the key is wrong or the endpoint is another's."""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange
from integration_api.providers.azure_openai import client
from integration_api.providers.azure_openai.deployments import deployments


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`.

    What no question would find out is looked at first. Raises `Failure`.
    """
    deployments(credential)
    yield client.get("/models", credential)
