"""Hugging Face: chats of the router and of TGI, the vectors of a model's pipeline, and TEI."""

from typing import Any

from integration_api.core.credential import Credential
from tests.laws.speaker import Embedded, Speaker
from tests.laws.speakers import openai_chat


def embedded(told: Any) -> Embedded:
    """A single text's vector stands alone."""
    return Embedded(told if isinstance(told[0], list) else [told])


SPEAKERS = (
    Speaker(
        provider="huggingface",
        folder="huggingface",
        api="chat.completions",
        whole_of=openai_chat.whole_of,
        stream_of=openai_chat.stream_of,
        embedded=embedded,
        header_tokens="x-compute-tokens",
        any_model="any/model",
    ),
    Speaker(
        provider="huggingface",
        folder="tei",
        credential=Credential("huggingface", {"base_url": "https://tei.example.com", "kind": "endpoint"}),
        ranked=lambda told: [(item["index"], item["score"]) for item in told],
    ),
)
