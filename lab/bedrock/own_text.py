"""The older languages behind InvokeModel: a prompt in, a text out
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.bedrock.client import identity
from lab.bedrock.invoke import Answer, fields
from lab.bedrock.traits import Traits
from lab.conversation import Prompt, Reply, compose
from lab.http import Call

_MANY = 1_000_000
_CHANCE = (0, 1)
_LENGTH = (1, _MANY)
_STOP = {"stop": "stop", "length": "length", "content_filter": "content_filtered"}


@dataclass(frozen=True, slots=True)
class _Language:
    """The fields of a language, and which of them matter to the lab."""

    fields: dict[str, Any]
    prompt: str
    length: str
    stop: str = ""


_LANGUAGES = {
    "llama": _Language(
        {"prompt": str, "max_gen_len": (1, 8192), "temperature": _CHANCE, "top_p": _CHANCE, "images": list},
        "prompt",
        "max_gen_len",
    ),
    "mistral": _Language(
        {"prompt": str, "max_tokens": (1, 8192), "temperature": _CHANCE, "top_p": _CHANCE, "top_k": (1, 200), "stop": list},
        "prompt",
        "max_tokens",
        "stop",
    ),
    "titan": _Language({"inputText": str, "textGenerationConfig": dict}, "inputText", "maxTokenCount", "stopSequences"),
    "command": _Language(
        {"prompt": str, "max_tokens": (1, 4096), "temperature": (0, 5), "p": _CHANCE, "k": (0, 500), "stop_sequences": list,
         "num_generations": (1, 5), "stream": bool, "return_likelihoods": str, "truncate": str, "logit_bias": dict},
        "prompt",
        "max_tokens",
        "stop_sequences",
    ),
    "command-r": _Language(
        {"message": str, "chat_history": list, "preamble": str, "max_tokens": _LENGTH, "temperature": _CHANCE, "p": (0.01, 0.99),
         "k": (0, 500), "stop_sequences": list, "documents": list, "seed": (0, _MANY), "tools": list, "tool_results": list},
        "message",
        "max_tokens",
        "stop_sequences",
    ),
    "jamba": _Language(
        {"messages": list, "max_tokens": (1, 4096), "temperature": (0, 2), "top_p": (0.01, 1), "stop": list, "n": (1, 16)},
        "messages",
        "max_tokens",
        "stop",
    ),
}  # fmt: skip
_TITAN = {"maxTokenCount": (0, 8000), "temperature": _CHANCE, "topP": _CHANCE, "stopSequences": list}


def speak(call: Call, body: dict[str, Any], trait: Traits, streamed: bool) -> Answer:
    """Answers in the model's language. Raises `Refused`."""
    language = _LANGUAGES[trait.language]
    fields(call, body, language.fields, language.prompt)
    settings = body
    if trait.language == "titan":
        settings = body.get("textGenerationConfig") or {}
        fields(call, settings, _TITAN)
    reply = compose(_prompt(call, body, settings, language), call.take(), provider="Bedrock")
    said = Answer(
        reply.input_tokens, reply.output_tokens, delay_ms=reply.delay_ms, gap_ms=reply.gap_ms, lazy=reply.lazy
    )
    if streamed:
        said.events = _events(trait.language, reply)
        said.ending = [_last(trait.language, reply)]
    else:
        said.whole = _whole(call, body, trait.language, reply)
    return said


def _prompt(call: Call, body: dict[str, Any], settings: dict[str, Any], language: _Language) -> Prompt:
    text = body[language.prompt]
    if not isinstance(text, str):
        text = " ".join(str(one.get("content")) for one in text)
    prompt = Prompt(text=text, shape=call.asked, max_tokens=settings.get(language.length))
    prompt.read(text)
    prompt.stop = settings.get(language.stop) or ()
    return prompt


def _whole(call: Call, body: dict[str, Any], language: str, reply: Reply) -> dict[str, Any]:
    text, reason = "".join(reply.text), reply.native_finish or _STOP[reply.finish]
    match language:
        case "llama":
            counts = {"prompt_token_count": reply.input_tokens, "generation_token_count": reply.output_tokens}
            return {"generation": text, **counts, "stop_reason": reason}
        case "mistral":
            return {"outputs": [{"text": text, "stop_reason": reason}]}
        case "titan":
            result = {
                "tokenCount": reply.output_tokens,
                "outputText": text,
                "completionReason": _finish(reply),
            }
            return {"inputTextTokenCount": reply.input_tokens, "results": [result]}
        case "command":
            one = {"id": identity(call), "text": text, "finish_reason": _complete(reply)}
            return {"id": identity(call), "generations": [one], "prompt": body["prompt"]}
        case "command-r":
            return {"response_id": identity(call), "text": text, "finish_reason": _complete(reply)}
        case _:
            message = {"role": "assistant", "content": text, "tool_calls": None}
            usage = {"prompt_tokens": reply.input_tokens, "completion_tokens": reply.output_tokens}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return {"id": identity(call), "choices": [choice], "usage": usage, "model": "jamba-1.5-mini"}


def _events(language: str, reply: Reply) -> Iterator[dict[str, Any]]:
    for place, piece in enumerate(reply.text):
        match language:
            case "llama":
                read = reply.input_tokens if place == 0 else None
                yield {"generation": piece, "prompt_token_count": read, "generation_token_count": place + 1, "stop_reason": None}  # fmt: skip
            case "mistral":
                yield {"outputs": [{"text": piece, "stop_reason": None}]}
            case "titan":
                told = {
                    "totalOutputTextTokenCount": None,
                    "completionReason": None,
                    "inputTextTokenCount": reply.input_tokens,
                }
                yield {"outputText": piece, "index": 0, **told}
            case "command":
                yield {"is_finished": False, "text": piece}
            case "command-r":
                yield {"is_finished": False, "event_type": "text-generation", "text": piece}
            case _:
                yield {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}


def _last(language: str, reply: Reply) -> dict[str, Any]:
    reason = reply.native_finish or _STOP[reply.finish]
    match language:
        case "llama":
            return {"generation": "", "prompt_token_count": None, "generation_token_count": reply.output_tokens, "stop_reason": reason}  # fmt: skip
        case "mistral":
            return {"outputs": [{"text": "", "stop_reason": reason}]}
        case "titan":
            told = {
                "totalOutputTextTokenCount": reply.output_tokens,
                "inputTextTokenCount": reply.input_tokens,
            }
            return {"outputText": "", "index": 0, "completionReason": _finish(reply), **told}
        case "command" | "command-r":
            return {"is_finished": True, "finish_reason": _complete(reply)}
        case _:
            return {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": reason}]}


def _finish(reply: Reply) -> str:
    return "LENGTH" if reply.finish == "length" else "FINISH"


def _complete(reply: Reply) -> str:
    return "MAX_TOKENS" if reply.finish == "length" else "COMPLETE"
