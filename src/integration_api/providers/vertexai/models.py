"""The models that Vertex AI publishes, by those publishers whose language we speak.

https://cloud.google.com/vertex-ai/generative-ai/docs/model-garden/explore-models
"""

from urllib.parse import quote

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind, ProviderError
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import ModelInfo
from integration_api.dialects import google_cloud
from integration_api.providers.vertexai import client

PUBLISHERS = ("google", "anthropic", "meta", "mistralai", "deepseek-ai", "qwen", "openai")
PAGE = 200
"""The most models Vertex AI lists at once."""
MAX_PAGES = 10
"""A host that never says it has told all must not keep us asking."""

KINDS = (
    ("embedding", "embedding"),
    ("gemini-", "chat"),
    ("gemma-", "chat"),
)
"""The list tells no model's purpose, but Google's names do."""


class Model(Struct, rename="camel"):
    name: str
    version_id: str | None = None
    launch_stage: str | None = None


class Models(Struct, rename="camel"):
    publisher_models: list[Model] = []
    next_page_token: str | None = None


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List the publishers' models, not all of which every region has; Google's must be there to be seen."""
    found: list[ModelInfo] = []
    for publisher in PUBLISHERS:
        try:
            found += yield from _published(publisher, credential)
        except ProviderError as refusal:
            # An account need not have enabled everybody, nor every region know them.
            if publisher == PUBLISHERS[0] or refusal.kind not in {Kind.NOT_FOUND, Kind.PERMISSION}:
                raise
    return tuple({model.id: model for model in found}.values())


def _published(publisher: str, credential: Credential) -> Exchange[list[ModelInfo]]:
    found: list[ModelInfo] = []
    after = ""
    for _ in range(MAX_PAGES):
        path = f"publishers/{publisher}/models?listAllVersions=true&pageSize={PAGE}{after}"
        reply = yield google_cloud.get(client.anywhere(path, credential), credential)
        page = decode(reply, DECODER)
        found += [_info(publisher, model) for model in page.publisher_models]
        if not page.next_page_token:
            break
        after = f"&pageToken={quote(page.next_page_token, safe='')}"
    return found


def _info(publisher: str, model: Model) -> ModelInfo:
    name = model.name.rpartition("/models/")[2]
    kinds: tuple[str, ...] = ("chat",)
    if publisher == "anthropic":
        # Claude's dated versions are models of their own.
        dated = (model.version_id or "").isdecimal() and len(model.version_id or "") == len("20250929")
        name = f"{name}@{model.version_id}" if dated and "@" not in name else name
    elif publisher == "google":
        kinds = next(((kind,) for part, kind in KINDS if part in name), ())
    else:
        name = f"{publisher}/{name}"
    return ModelInfo(id=name, kinds=kinds, lifecycle=(model.launch_stage or "").lower() or None)
