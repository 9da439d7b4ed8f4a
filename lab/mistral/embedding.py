"""Mistral's embeddings (docs.mistral.ai/api, embeddings)."""

from typing import Any

from lab.conversation import count, mark
from lab.http import Call, Response
from lab.mistral.client import admit, answer, document, refuse
from lab.mistral.traits import EMBEDDING
from lab.mistral.values import Findings
from lab.vectors import in_base64, narrow, vector

_FIELDS = frozenset({"model", "input", "output_dimension", "output_dtype", "encoding_format", "metadata"})
_DTYPES = ("float", "int8", "uint8", "binary", "ubinary")
_REQUEST_TOKENS = 16_384
_INPUT_TOKENS = 8192
_PROMPT = "invalid_request_prompt"


def embed(call: Call) -> Response:
    """POST /v1/embeddings. Raises `Refused`."""
    admit(call)
    body = document(call)
    findings = Findings()
    findings.known(body, _FIELDS)
    model = findings.required(body, "model")
    given = findings.required(body, "input")
    inputs: list[Any] = given if isinstance(given, list) else [given]
    for place, one in enumerate(inputs):
        if "input" in body:
            findings.typed(one, str, "string", ("input", place) if isinstance(given, list) else ("input",))
    form = body.get("encoding_format") or "float"
    findings.one_of(form, ("float", "base64"), ("encoding_format",))
    dtype = body.get("output_dtype") or "float"
    findings.one_of(dtype, _DTYPES, ("output_dtype",))
    if body.get("output_dimension") is not None:
        findings.between(body["output_dimension"], 1, None, ("output_dimension",), whole=True)
    findings.close(call, plain=True)
    name = (call.asked.base or "mistral-embed").removesuffix("-latest").removesuffix("-2505")
    if name not in EMBEDDING:
        refuse(call, f"Invalid model: {model}", "invalid_model", "1500")
    sizes = [count(one) for one in inputs]
    if not inputs or max(sizes) > _INPUT_TOKENS:
        refuse(call, "Input is empty or too long for this model", _PROMPT, "3210")
    if sum(sizes) > _REQUEST_TOKENS:
        refuse(call, "Too many inputs in request, split into more batches.", _PROMPT, "3210")
    dimensions = _dimensions(call, body, name, dtype)
    data = [
        {"object": "embedding", "embedding": _shown(one, dimensions, dtype, form), "index": index}
        for index, one in enumerate(inputs)
    ]
    usage = {"prompt_tokens": sum(sizes), "total_tokens": sum(sizes), "completion_tokens": 0}
    id = mark(call, 32)
    return answer(call, {"id": id, "object": "list", "data": data, "model": call.model, "usage": usage})


def _dimensions(call: Call, body: dict[str, Any], name: str, dtype: str) -> int:
    usual, most = EMBEDDING[name]
    wanted = body.get("output_dimension")
    if name == "mistral-embed" and (wanted is not None or dtype != "float"):
        text = "This model does not support output_dimension or output_dtype"
        refuse(call, text, "invalid_request_invalid_args", "3051")
    if wanted is not None and wanted > most:
        text = f"output_dimension must be at most {most}"
        refuse(call, text, "invalid_request_invalid_args", "3051")
    return wanted or usual


def _shown(text: str, dimensions: int, dtype: str, form: str) -> Any:
    values = vector(text, dimensions)
    if dtype == "float":
        return in_base64(values) if form == "base64" else values.tolist()
    return narrow(values, dtype)
