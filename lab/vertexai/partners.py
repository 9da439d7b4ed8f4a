"""Other makers' models on Vertex AI, in their own languages: Claude, Mistral, and whatever is open.

platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai,
cloud.google.com/vertex-ai/generative-ai/docs/partner-models/mistral,
cloud.google.com/vertex-ai/generative-ai/docs/maas/call-open-model-apis
"""

from dataclasses import replace
from typing import Any

from lab.anthropic import client as anthropic_client
from lab.anthropic import messages
from lab.http import Call, Response, encode
from lab.mistral import chat as mistral_chat
from lab.openai import client as openai_client
from lab.openai_family.accent import Accent
from lab.openai_family.chat import complete
from lab.vertexai import client

_VERSIONS = {"vertex-2023-10-16": anthropic_client.OLD, anthropic_client.NEW: anthropic_client.NEW}
_ELSEWHERE = ("cache_control", "container", "mcp_servers", "model")

OPEN = Accent(
    name="vertexai",
    title="Vertex AI",
    refused=frozenset({
        "audio", "modalities", "moderation", "prediction", "prompt_cache_key", "prompt_cache_options",
        "prompt_cache_retention", "safety_identifier", "service_tier", "store", "verbosity", "metadata",
        "web_search_options",
    }),
    models={"meta/llama-4-maverick-17b-128e-instruct-maas": {}, "openai/gpt-oss-20b-maas": {}},
    reasons=r"openai/gpt-oss-.*|deepseek-ai/.*",
    # Google's gateway speaks for it, and puts a list around its refusals.
    complains=lambda call, status, error: [{"error": {"code": status, "message": error["message"], "status": ""}}],
)  # fmt: skip


def claude(call: Call) -> Response:
    """POST …/publishers/anthropic/models/{model}:rawPredict and :streamRawPredict. Raises `Refused`."""
    client.admit(call)
    client.placed(call)
    call.model = call.params["model"]
    body = anthropic_client.document(call)
    for name in _ELSEWHERE:
        if name in body:
            anthropic_client.refuse(call, f"{name}: Extra inputs are not permitted")
    return messages.create(_inner(call, body, call.model.replace("@", "-")))


def count_claude(call: Call) -> Response:
    """POST …/publishers/anthropic/models/count-tokens:rawPredict: the model is in the body. Raises `Refused`."""
    client.admit(call)
    client.placed(call)
    body = anthropic_client.document(call)
    return messages.count_tokens(_inner(call, body, str(body.get("model", "")).replace("@", "-")))


def _inner(call: Call, body: dict[str, Any], model: str) -> Call:
    """The request as Anthropic would be asked it."""
    told = {
        name: value for name, value in body.items() if name not in ("anthropic_version", "anthropic_beta")
    }
    version = body.get("anthropic_version")
    if version not in _VERSIONS:
        anthropic_client.refuse(
            call,
            "anthropic_version: Field required"
            if version is None
            else "anthropic_version: Input should be 'vertex-2023-10-16'",
        )
    headers = {"x-api-key": "any", "anthropic-version": _VERSIONS[version]}
    betas = [*(body.get("anthropic_beta") or ()), *filter(None, [call.header("anthropic-beta")])]
    if betas:
        headers["anthropic-beta"] = ",".join(betas)
    return replace(call, headers=headers, body=encode({**told, "model": model}), document=None, model=model)


def mistral(call: Call) -> Response:
    """POST …/publishers/mistralai/models/{model}:rawPredict and :streamRawPredict. Raises `Refused`."""
    client.admit(call)
    client.placed(call)
    call.model = call.params["model"]
    return mistral_chat.complete(replace(call, headers={**call.headers, "authorization": "Bearer any"}))


def _open(call: Call) -> Response:
    return complete(OPEN, replace(call, headers={**call.headers, "authorization": "Bearer any"}))


_spoken = OPEN.speaking(_open)


def open_model(call: Call) -> Response:
    """POST …/endpoints/openapi/chat/completions. Raises `Refused`."""
    client.admit(call)
    client.placed(call)
    openai_client.document(call)  # names the model
    return _spoken(call)
