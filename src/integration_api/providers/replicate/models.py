"""The language models that Replicate lists. https://replicate.com/docs/reference/http#collections.get"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import ModelInfo
from integration_api.providers.replicate import client, wire
from integration_api.providers.replicate.reader import unix


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List the models of the collection `language-models`; any other can be used by its name all the same."""
    reply = yield client.get("/collections/language-models", credential)
    listed = {f"{model.owner}/{model.name}": model for model in decode(reply, wire.decode_collection).models}
    return tuple(
        ModelInfo(id=id, created=unix(model.created_at), title=model.description, kinds=("chat",))
        for id, model in listed.items()
    )
