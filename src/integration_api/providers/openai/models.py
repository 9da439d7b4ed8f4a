"""The models an OpenAI account can use. https://platform.openai.com/docs/api-reference/models/list"""

import msgspec
from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, decode
from integration_api.core.models import ModelInfo
from integration_api.providers.openai import client

KINDS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("text-embedding-", ("embedding",)),
    ("omni-moderation-", ("moderation",)),
    ("text-moderation-", ("moderation",)),
    ("whisper-", ("stt",)),
    ("tts-", ("tts",)),
    ("dall-e-", ()),
    ("gpt-image-", ()),
    ("sora-", ()),
    ("davinci-", ()),
    ("babbage-", ()),
)
"""The list tells no model's purpose, but its own names do. None of these chat."""

INFIXES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("-transcribe", ("stt",)),
    ("-tts", ("tts",)),
    ("-realtime", ()),
    ("-instruct", ()),
)

CHAT = ("gpt-", "o1", "o3", "o4", "chatgpt-", "ft:")


class Model(Struct):
    id: str
    created: int | None = None


class Models(Struct):
    data: list[Model]


DECODER = msgspec.json.Decoder(Models)


def models(credential: Credential) -> Exchange[tuple[ModelInfo, ...]]:
    """List every model the key may see, as OpenAI orders them."""
    reply = yield client.get("/models", credential)
    return tuple(
        ModelInfo(id=model.id, created=model.created or 0, kinds=kinds(model.id))
        for model in decode(reply, DECODER).data
    )


def kinds(id: str) -> tuple[str, ...]:
    """Say what a model is for, or nothing where its name does not tell."""
    for prefix, found in KINDS:
        if id.startswith(prefix):
            return found
    for infix, found in INFIXES:
        if infix in id:
            return found
    return ("chat",) if id.startswith(CHAT) else ()
