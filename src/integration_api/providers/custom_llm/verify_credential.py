"""Ask a server of one's own for its models: free, and refused when the key is wrong."""

from integration_api.core.credential import Credential
from integration_api.core.errors import ProviderError
from integration_api.core.exchange import Auth, Exchange, HttpRequest
from integration_api.dialects.anthropic_messages_payload import SAMPLING_VERSION
from integration_api.providers.custom_llm import client
from integration_api.providers.custom_llm.llm import language_of

NO_LIST = frozenset({404, 405, 501})
"""What servers answer that list no models; they have not refused the key."""


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`."""
    version = "v1"
    key: Auth = client.BEARER
    headers: tuple[tuple[str, str], ...] = ()
    match language_of(credential):
        case "anthropic_messages":
            key, headers = client.X_API_KEY, (("anthropic-version", SAMPLING_VERSION),)
        case "gemini_generate_content":
            version, key = "v1beta", client.X_GOOG_API_KEY
    try:
        yield HttpRequest(
            method="GET",
            url=client.url("models", version, credential),
            headers=headers,
            auth=client.auth(credential, key),
        )
    except ProviderError as error:
        if error.refusal.status not in NO_LIST:
            raise
