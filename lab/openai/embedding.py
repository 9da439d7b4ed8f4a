"""OpenAI's embeddings (platform.openai.com/docs/api-reference/embeddings)."""

from collections.abc import Mapping
from typing import Any

from lab.conversation import count
from lab.http import Call, Response
from lab.openai.client import admit, answer, document, refuse
from lab.openai.traits import EMBEDDING
from lab.openai.values import between, filled, known, one_of, required, short, typed
from lab.vectors import in_base64, vector

FIELDS = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_INPUTS = 2048
_INPUT_TOKENS = 8192
_REQUEST_TOKENS = 300_000
DEFAULT = "text-embedding-3-small"
_VOCABULARY = 100_257


def embed(call: Call) -> Response:
    """POST /v1/embeddings. Raises `Refused`."""
    admit(call)
    body = document(call)
    known(call, body, FIELDS)
    model = required(call, body, "model")
    name = call.asked.base or DEFAULT
    if name not in EMBEDDING:
        refuse(
            call,
            f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
            status=404,
        )
    return answer(call, embedded(call, body, name))


def embedded(
    call: Call, body: dict[str, Any], name: str, sizes: Mapping[str, int] = EMBEDDING
) -> dict[str, Any]:
    """The vectors of the model of that name among models of these sizes. Raises `Refused`."""
    dimensions = _dimensions(call, body, name, sizes[name])
    form = body.get("encoding_format") or "float"
    one_of(call, form, ("float", "base64"), "encoding_format")
    if body.get("user") is not None:
        short(call, body["user"], 512, "user")
    inputs = _inputs(call, required(call, body, "input"))
    counts = [len(one) if isinstance(one, list) else count(one) for one in inputs]
    for size in counts:
        if size > _INPUT_TOKENS:
            refuse(
                call,
                f"This model's maximum context length is {_INPUT_TOKENS} tokens, however you requested {size} "
                "tokens. Please reduce your prompt.",
            )
    if sum(counts) > _REQUEST_TOKENS:
        refuse(
            call,
            f"Requested {sum(counts)} tokens, max {_REQUEST_TOKENS} tokens per request",
            code="max_tokens_per_request",
        )
    data = []
    for index, one in enumerate(inputs):
        values = vector(one if isinstance(one, str) else " ".join(map(str, one)), dimensions)
        shown = in_base64(values) if form == "base64" else values.tolist()
        data.append({"object": "embedding", "index": index, "embedding": shown})
    usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
    return {"object": "list", "data": data, "model": call.model, "usage": usage}


def _dimensions(call: Call, body: dict[str, Any], name: str, most: int) -> int:
    wanted = body.get("dimensions")
    if wanted is None:
        return most
    if name == "text-embedding-ada-002":
        refuse(call, "This model does not support specifying dimensions.")
    if isinstance(wanted, int) and wanted < 1:
        refuse(call, f"{wanted} is less than the minimum of 1 - 'dimensions'")
    between(call, wanted, 1, most, "dimensions", whole=True)
    return int(wanted)


def _inputs(call: Call, given: Any) -> list[Any]:
    """The inputs one by one: a text, several, or tokens."""
    if isinstance(given, str):
        given = [given]
    typed(call, given, list, "one of a string or array", "input")
    filled(call, given, _INPUTS if not _numbers(given) else _INPUT_TOKENS + 1, "input")
    if _numbers(given):
        given = [given]
    for place, one in enumerate(given):
        if one in ("", []):
            refuse(call, "Invalid 'input': input cannot be an empty string.", param="input")
        if isinstance(one, list) and _numbers(one):
            _tokens(call, one)
        else:
            typed(call, one, str, "a string", f"input[{place}]")
    return list(given)


def _numbers(values: list[Any]) -> bool:
    return bool(values) and all(isinstance(one, int) and not isinstance(one, bool) for one in values)


def _tokens(call: Call, tokens: list[int]) -> None:
    for token in tokens:
        if not 0 <= token <= _VOCABULARY:
            refuse(
                call,
                f"Invalid token in prompt: {token}. Minimum value is 0, maximum value is {_VOCABULARY} "
                "(inclusive).",
            )
