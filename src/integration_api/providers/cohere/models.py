"""The models a Cohere account can use. https://docs.cohere.com/reference/list-models"""

from urllib.parse import quote

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import Capabilities, ModelInfo
from integration_api.providers.cohere import client

PAGE = 1000
"""The most models Cohere lists at once."""
MOST_PAGES = 10
"""A host that never says it has told all must not keep us asking."""

KINDS = {"chat": "chat", "embed": "embedding", "rerank": "rerank"}


class Model(Struct):
    name: str
    endpoints: list[str] | None = None
    context_length: float | None = None
    features: list[str] | None = None
    finetuned: bool | None = None
    is_deprecated: bool | None = None


class Models(Struct):
    models: list[Model]
    next_page_token: str | None = None


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model the key may see, as Cohere orders them."""
    found: list[ModelInfo] = []
    after = ""
    for _ in range(MOST_PAGES):
        reply = yield client.get(f"/v1/models?page_size={PAGE}{after}", credential)
        page = decode(reply, DECODER)
        found += map(info, page.models)
        if not page.next_page_token:
            break
        after = f"&page_token={quote(page.next_page_token, safe='')}"
    return tuple(found)


def info(model: Model) -> ModelInfo:
    return ModelInfo(
        id=model.name,
        kinds=tuple(ours for theirs, ours in KINDS.items() if theirs in (model.endpoints or ())),
        lifecycle="deprecated" if model.is_deprecated else None,
        known=known(model),
        native={"features": model.features} if model.features else {},
    )


def known(model: Model) -> Capabilities:
    """Return what Cohere says of a model; of one without features it says nothing about them."""
    window = int(model.context_length) if model.context_length else None
    if not model.features:
        return Capabilities(context_window=window)
    return Capabilities(
        context_window=window,
        # That one sees is said; that one does not is not.
        inputs=("text", "image") if "vision" in model.features else None,
        tools="tools" in model.features,
        structured_output="json_schema" in model.features,
        reasoning="reasoning" in model.features,
    )
