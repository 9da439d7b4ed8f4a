"""Ask for the vectors of nothing: a good key is told so, a bad one is refused, and neither pays."""

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange
from integration_api.providers.voyageai import client

MODEL = "voyage-4-lite"


def verify(credential: Credential) -> Exchange[None]:
    """Return when the key is good; the refusal of a bad one comes out as `ProviderError`.

    There is nothing to read there. Only a key that is known is told what is wrong with the request.
    """
    try:
        yield client.post("/embeddings", {"model": MODEL, "input": []}, credential)
    except ProviderError as refusal:
        if refusal.kind is not Kind.INVALID_REQUEST:
            raise
