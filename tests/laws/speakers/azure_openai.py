"""Azure: OpenAI's models as it deploys them, and those of other makers in its Foundry.

Its filters' findings come at the end of a choice or in chunks of their own, those about the prompt in a chunk before.
"""

import json
from typing import Any

import msgspec

from integration_api.core.credential import Credential
from tests.laws.speaker import Speaker, data_lines
from tests.laws.speakers import openai_chat

CREDENTIAL = Credential(
    "azure-openai", {"endpoint": "https://example-resource.openai.azure.com"}, held=frozenset({"key"})
)


def whole_of(stream: bytes) -> bytes:
    chunks = data_lines(stream)
    whole = openai_chat.whole_completion(chunks)
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        if chunk.get("prompt_filter_results"):
            whole["prompt_filter_results"] = chunk["prompt_filter_results"]
        for choice in chunk["choices"]:
            for name, result in choice.get("content_filter_results", {}).items():
                before = found.setdefault(choice["index"], {}).get(name, {})
                if not (before.get("filtered") or before.get("detected")):
                    found[choice["index"]][name] = result
    for choice in whole["choices"]:
        choice["content_filter_results"] = found.get(choice["index"], {})
    return msgspec.json.encode(whole)


def stream_of(whole: bytes) -> bytes:
    told = json.loads(whole)
    chunks: list[dict[str, Any]] = []
    if told.get("prompt_filter_results"):
        first = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
        chunks.append({**first, "prompt_filter_results": told["prompt_filter_results"]})
    chunks += data_lines(openai_chat.stream_of(whole))
    for choice in told["choices"]:
        if choice.get("content_filter_results"):
            judged = {"index": choice["index"], "finish_reason": None}
            results = choice["content_filter_results"]
            chunks.append({"id": "", "choices": [{**judged, "content_filter_results": results}]})
    return b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in chunks) + b"data: [DONE]\n\n"


SPEAKERS = tuple(
    Speaker(
        provider="azure-openai",
        folder=folder,
        api="chat.completions",
        credential=CREDENTIAL,
        whole_of=whole_of,
        stream_of=stream_of,
    )
    for folder in ("azure-openai", "azure-foundry")
)
