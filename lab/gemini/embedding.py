"""Gemini's embeddings (ai.google.dev/api/embeddings)."""

from array import array
from typing import Any

from lab.conversation import count
from lab.gemini.client import admit, answer, document, no_model, refuse
from lab.gemini.fields import GEMINI
from lab.gemini.parse import parse
from lab.http import Call, Response
from lab.vectors import vector

WHOLE = 3072
NEWER = "gemini-embedding-2"
MODELS = ("gemini-embedding-001", NEWER, "text-embedding-004")
_MOST = 100

Body = dict[str, Any]


def one(call: Call) -> Response:
    """POST /v1beta/models/{model}:embedContent. Raises `Refused`."""
    name = _model(call, "embedContent")
    asked = parse(call, document(call), "EmbedContentRequest", GEMINI)
    return answer(call, {"embedding": {"values": _embedded(call, asked, name)}, **_counted(name, [asked])})


def batch(call: Call) -> Response:
    """POST /v1beta/models/{model}:batchEmbedContents. Raises `Refused`."""
    name = _model(call, "embedContent")
    asked = parse(call, document(call), "BatchEmbedContentsRequest", GEMINI).get("requests") or []
    if not asked:
        refuse(call, "* BatchEmbedContentsRequest.requests: must not be empty\n")
    if len(asked) > _MOST:
        refuse(call, f"* BatchEmbedContentsRequest.requests: at most {_MOST} requests can be in one batch\n")
    for at, request in enumerate(asked):
        if request.get("model") != f"models/{call.model}":
            refuse(call, f"* BatchEmbedContentsRequest.requests[{at}].model: unexpected model name format\n")
    vectors = [{"values": _embedded(call, request, name)} for request in asked]
    return answer(call, {"embeddings": vectors, **_counted(name, asked)})


def values(call: Call, text: str, name: str, dimensions: int | None) -> list[float]:
    """A text's vector: of the first of these models, one that is cut short is not of length 1. Raises `Refused`."""
    whole = 768 if name.startswith("text-") else WHOLE
    wanted = dimensions or whole
    if not 1 <= wanted <= whole:
        refuse(call, f"* EmbedContentRequest.output_dimensionality: must be between 1 and {whole}\n")
    found: array[float] = vector(text, whole)[:wanted]
    if name == NEWER:
        length = sum(value * value for value in found) ** 0.5 or 1.0
        found = array("f", [value / length for value in found])
    return found.tolist()


def said(content: Body) -> str:
    """A content as a text that its vector follows from."""
    return " ".join(
        part.get("text") or str(part.get("inlineData") or part) for part in content.get("parts") or ()
    )


def check(call: Call, asked: Body, config: Body, name: str) -> None:
    """Lets a request for one vector pass. Raises `Refused`."""
    parts = (asked.get("content") or {}).get("parts") or ()
    if not parts or not all(part.get("text", "x") for part in parts):
        refuse(call, "* EmbedContentRequest.content: contents is not specified or empty\n")
    if name != NEWER and not all("text" in part for part in parts):
        refuse(call, "Only text content is supported by this model.")
    if config.get("title") and config.get("taskType") != "RETRIEVAL_DOCUMENT":
        refuse(call, "* EmbedContentRequest.title: only allowed with task type RETRIEVAL_DOCUMENT\n")


def _model(call: Call, method: str) -> str:
    admit(call)
    call.model = call.params["model"]
    name = call.asked.base or MODELS[0]
    if name not in MODELS:
        no_model(call, method)
    return name


def _embedded(call: Call, asked: Body, name: str) -> list[float]:
    check(call, asked, asked, name)
    return values(call, said(asked["content"]), name, asked.get("outputDimensionality"))


def _counted(name: str, asked: list[Body]) -> Body:
    """Only the newer model counts what it reads."""
    if name != NEWER:
        return {}
    return {"usageMetadata": {"promptTokenCount": sum(count(said(one["content"])) for one in asked)}}
