"""Providers that speak OpenAI's language: each is a record of how it does so in another way.

console.groq.com/docs/openai, docs.x.ai/docs/api-reference, api-docs.deepseek.com, openrouter.ai/docs/api-reference,
docs.together.ai/reference, docs.vllm.ai/en/latest/serving/openai_compatible_server.html
"""

from typing import Any

from lab.http import Call
from lab.openai.client import refuse
from lab.openai_family.accent import OPENAI_ONLY, Accent
from lab.openai_family.chat import complete, no_names


def _groq(call: Call, body: dict[str, Any]) -> None:
    no_names(call, body)
    efforts = ("none", "default") if call.asked.base.startswith("qwen/") else ("low", "medium", "high")
    asked = body.get("reasoning_effort")
    if asked is not None and asked not in efforts:
        refuse(call, f"`reasoning_effort` must be one of {efforts}", param="reasoning_effort")


def _xai(call: Call, body: dict[str, Any]) -> None:
    if XAI.thinks(call.asked.base):
        for name in ("presence_penalty", "frequency_penalty", "stop"):
            if body.get(name):
                refuse(call, f"Argument not supported on this model: {name}", param=name)
        if body.get("reasoning_effort") and "mini" not in call.asked.base:
            refuse(call, "This model does not support parameter reasoningEffort.", param="reasoning_effort")


def _xai_complains(call: Call, status: int, error: dict[str, Any]) -> Any:
    code = {404: "Some requested entity was not found", 429: "Some resource has been exhausted"}.get(status)
    return {"code": code or "Client specified an invalid argument", "error": error["message"]}


def _deepseek(call: Call, body: dict[str, Any]) -> None:
    if (body.get("response_format") or {}).get("type") == "json_schema":
        refuse(call, "This response_format type is unavailable now")
    if DEEPSEEK.thinks(call.asked.base):
        for turn in body.get("messages") or ():
            if turn.get("tool_calls") and "reasoning_content" not in turn:
                refuse(call, "Missing `reasoning_content` field in the assistant message")


def _openrouter_complains(call: Call, status: int, error: dict[str, Any]) -> Any:
    return {"error": {"code": status, "message": error["message"]}, "user_id": "lab"}


GROQ = Accent(
    name="groq",
    title="Groq",
    refused=OPENAI_ONLY | {"logit_bias", "logprobs", "top_logprobs"},
    own=frozenset(
        {"include_reasoning", "reasoning_format", "search_settings", "documents", "compound_custom"}
    ),
    check=_groq,
    models={
        "llama-3.3-70b-versatile": {"active": True, "context_window": 131072, "max_completion_tokens": 32768},
        "openai/gpt-oss-20b": {"active": True, "context_window": 131072, "max_completion_tokens": 65536},
        "qwen/qwen3-32b": {"active": True, "context_window": 131072, "max_completion_tokens": 40960},
    },
    reasons=r"openai/gpt-oss-.*|qwen/.*",
    thoughts="reasoning",
)
XAI = Accent(
    name="xai",
    title="Grok",
    refused=OPENAI_ONLY - {"web_search_options"} | {"metadata", "service_tier"},
    own=frozenset({"deferred", "search_parameters"}),
    check=_xai,
    models={"grok-3": {}, "grok-3-mini": {}, "grok-4": {}},
    reasons=r"grok-3-mini.*|grok-4(-0709|-latest)?",
    apart=True,
    complains=_xai_complains,
)
DEEPSEEK = Accent(
    name="deepseek",
    title="DeepSeek",
    refused=OPENAI_ONLY
    | {
        "logit_bias",
        "max_completion_tokens",
        "metadata",
        "n",
        "parallel_tool_calls",
        "seed",
        "service_tier",
        "user",
    },
    own=frozenset({"thinking", "user_id"}),
    check=_deepseek,
    models={"deepseek-chat": {}, "deepseek-reasoner": {}},
    reasons=r"deepseek-(reasoner|v4-.*)",
    history="reasoning_content",
    request_id="x-ds-trace-id",
)
OPENROUTER = Accent(
    name="openrouter",
    title="OpenRouter",
    own=frozenset({"min_p", "models", "plugins", "provider", "reasoning", "repetition_penalty", "route", "top_k",
                   "transforms"}),
    models={
        "meta-llama/llama-3.3-70b-instruct": {
            "name": "Llama 3.3 70B", "context_length": 131072, "pricing": {"prompt": "0.1", "completion": "0.3"},
            "supported_parameters": [
                "frequency_penalty", "max_tokens", "min_p", "presence_penalty", "repetition_penalty", "response_format",
                "seed", "stop", "structured_outputs", "temperature", "tool_choice", "tools", "top_k", "top_p",
            ],
            "top_provider": {"context_length": 131072, "max_completion_tokens": 16384},
        },
        "deepseek/deepseek-r1": {
            "name": "R1", "context_length": 163840, "pricing": {"prompt": "0.4", "completion": "2"},
            "supported_parameters": ["include_reasoning", "max_tokens", "reasoning", "temperature", "top_p"],
            "architecture": {"input_modalities": ["text"], "output_modalities": ["text"]},
        },
    },
    reasons=r"deepseek/.*-r1",
    thoughts="reasoning_details",
    history="reasoning_details",
    vectors={"qwen/qwen3-embedding-8b": 256},
    complains=_openrouter_complains,
    whoami="/v1/key",
)  # fmt: skip
TOGETHER = Accent(
    name="together",
    title="Together",
    refused=OPENAI_ONLY | {"max_completion_tokens", "metadata", "service_tier"},
    own=frozenset({"chat_template_kwargs", "echo", "min_p", "reasoning", "repetition_penalty", "safety_model", "top_k"}),
    models={
        "meta-llama/Llama-3.3-70B-Instruct-Turbo": {
            "type": "chat", "display_name": "Llama 3.3 70B", "context_length": 131072,
        },
        "deepseek-ai/DeepSeek-R1": {"type": "chat", "display_name": "DeepSeek R1", "context_length": 163840},
        "BAAI/bge-base-en-v1.5": {"type": "embedding", "display_name": "BGE Base", "context_length": 512},
    },
    reasons=r"deepseek-ai/.*-R1.*",
    thoughts="tags",
    vectors={"BAAI/bge-base-en-v1.5": 768, "lab/small-embedding": 32},
    vector_fields=frozenset({"model", "input", "encoding_format"}),
    lists=lambda models: models,
)  # fmt: skip
COMPATIBLE = Accent(
    name="openai-compatible",
    title="a server of its own",
    lenient=True,
    models={"any-model": {"max_model_len": 32768}},
    reasons=r".*-thinking",
    thoughts="tags",
    vectors={"any-embedding": 256},
    keyless=True,
)

PROVIDERS = tuple(
    accent.provider(complete) for accent in (GROQ, XAI, DEEPSEEK, OPENROUTER, TOGETHER, COMPATIBLE)
)
