"""How Azure OpenAI knows us: by a resource's key, or by an Entra ID token.

https://learn.microsoft.com/azure/ai-foundry/openai/reference#authentication
"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth, HttpRequest
from integration_api.dialects import azure_resource
from integration_api.providers.azure_openai.endpoint import place

NAME = "azure-openai"
KEY_HEADER = "api-key"


def auth(credential: Credential) -> Auth:
    """Return how to sign with what the credential holds. Raises `Failure` (CREDENTIAL_INVALID)."""
    there = place(credential)
    # Resources in clouds of their own know the older scope only.
    scope = azure_resource.FOUNDRY_SCOPE if there.style == "v1" else azure_resource.ANY_SCOPE
    return azure_resource.auth(credential, there.root, header=KEY_HEADER, scope=scope)


def get(operation: str, credential: Credential) -> HttpRequest:
    return HttpRequest(method="GET", url=place(credential).of_resource(operation), auth=auth(credential))
