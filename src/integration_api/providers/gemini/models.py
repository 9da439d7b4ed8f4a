"""The models a key can use. https://ai.google.dev/api/models#method:-models.list"""

from urllib.parse import quote

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import Capabilities, ModelInfo
from integration_api.providers.gemini import client

PAGE = 1000
"""The most models Gemini lists at once."""
MAX_PAGES = 10
"""A host that never says it has told all must not keep us asking."""

KINDS = {
    "generateContent": "chat",
    "embedContent": "embedding",
    "batchEmbedContents": "embedding",
    "asyncBatchEmbedContent": "embedding",
    "countTokens": None,
}
"""What a method is for; the others are for what we do not do."""


class Model(Struct, rename="camel"):
    name: str
    display_name: str | None = None
    input_token_limit: int | None = None
    output_token_limit: int | None = None
    supported_generation_methods: list[str] = []
    thinking: bool | None = None
    max_temperature: float | None = None


class Models(Struct, rename="camel"):
    models: list[Model] = []
    next_page_token: str | None = None


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model, in Google's order, without the `models/` before its name."""
    found: list[ModelInfo] = []
    after = ""
    for _ in range(MAX_PAGES):
        reply = yield client.get(f"models?pageSize={PAGE}{after}", credential)
        page = decode(reply, DECODER)
        found += [_info(model) for model in page.models]
        if not page.next_page_token:
            break
        after = f"&pageToken={quote(page.next_page_token, safe='')}"
    return tuple(found)


def _info(model: Model) -> ModelInfo:
    kinds = dict.fromkeys(
        kind for method in model.supported_generation_methods if (kind := KINDS.get(method))
    )
    told = {"thinking": model.thinking, "max_temperature": model.max_temperature}
    return ModelInfo(
        id=model.name.removeprefix("models/"),
        title=model.display_name,
        kinds=tuple(kinds),
        known=Capabilities(
            context_window=model.input_token_limit,
            # Of models that write nothing the list says 1.
            max_output_tokens=model.output_token_limit if "chat" in kinds else None,
            reasoning=model.thinking,
            max_temperature=model.max_temperature,
        ),
        native={name: value for name, value in told.items() if value is not None},
    )
