"""Vertex AI's embeddings (cloud.google.com/vertex-ai/generative-ai/docs/model-reference/text-embeddings-api)."""

from typing import Any

from lab.conversation import count
from lab.gemini.client import document, refuse
from lab.gemini.embedding import NEWER, check, said, values
from lab.gemini.fields import ENUMS, VERTEX
from lab.gemini.parse import parse
from lab.http import Call, Response
from lab.vectors import vector
from lab.vertexai import client

_TEXT = ("text-embedding-005", "text-multilingual-embedding-002", "text-embedding-004")
_ALONE = "gemini-embedding-001"
_MULTIMODAL = "multimodalembedding@001"
_MULTIMODAL_SIZES = (128, 256, 512, 1408)
_MOST = 250
_LONGEST = 2048  # tokens of one text

Body = dict[str, Any]


def predict(call: Call) -> Response:
    """POST …/publishers/google/models/{model}:predict. Raises `Refused`."""
    name = _model(call)
    body = document(call)
    instances, parameters = body.get("instances"), body.get("parameters") or {}
    if not isinstance(instances, list) or not instances:
        refuse(call, "Invalid argument: instances must not be empty.")
    if name == _MULTIMODAL:
        return client.answer(call, {"predictions": [_pictured(call, one, parameters) for one in instances]})
    if name not in (*_TEXT, _ALONE):
        client.no_model(call)
    if len(instances) > (1 if name == _ALONE else _MOST):
        words = (
            "1 instance(s) is allowed per prediction. Actual:"
            if name == _ALONE
            else f"{_MOST} instance(s) is allowed per prediction. Actual:"
        )
        refuse(call, f"{words} {len(instances)}")
    return client.answer(
        call, {"predictions": [_predicted(call, one, parameters, name) for one in instances]}
    )


def one(call: Call) -> Response:
    """POST …/publishers/google/models/{model}:embedContent. Raises `Refused`."""
    name = _model(call)
    asked = parse(call, document(call), "EmbedContentRequest", VERTEX)
    return client.answer(call, {"embedding": {"values": _embedded(call, asked, name)}, **_counted([asked])})


def batch(call: Call) -> Response:
    """POST …/publishers/google/models/{model}:batchEmbedContents. Raises `Refused`."""
    name = _model(call)
    asked = parse(call, document(call), "BatchEmbedContentsRequest", VERTEX).get("requests") or []
    if not 1 <= len(asked) <= 100:
        refuse(call, "* BatchEmbedContentsRequest.requests: at most 100 requests can be in one batch\n")
    vectors = [{"values": _embedded(call, request, name)} for request in asked]
    return client.answer(call, {"embeddings": vectors, **_counted(asked)})


def _model(call: Call) -> str:
    client.admit(call)
    client.placed(call)
    call.model = call.params["model"]
    return call.asked.base or _TEXT[0]


def _predicted(call: Call, instance: Body, parameters: Body, name: str) -> Body:
    for field in instance:
        if field not in ("content", "task_type", "title", "mimeType"):
            refuse(call, f'Invalid instance: unknown field "{field}"')
    text, task = instance.get("content"), instance.get("task_type")
    if not isinstance(text, str) or not text:
        refuse(call, "The text content is empty.")
    if task is not None and task not in ENUMS["TaskType"]:
        refuse(call, f"Invalid task type: {task}")
    if instance.get("title") and task != "RETRIEVAL_DOCUMENT":
        refuse(call, "The title is only valid with task_type RETRIEVAL_DOCUMENT.")
    tokens = count(text)
    cut = tokens > _LONGEST
    if cut and parameters.get("autoTruncate") is False:
        refuse(
            call,
            f"Unable to submit request because the input token count is {tokens} but the model supports up to {_LONGEST}.",
        )
    size = name if name == _ALONE else "text-"
    told = {"token_count": min(tokens, _LONGEST), "truncated": cut}
    return {
        "embeddings": {
            "values": values(call, text, size, parameters.get("outputDimensionality")),
            "statistics": told,
        }
    }


def _pictured(call: Call, instance: Body, parameters: Body) -> Body:
    size = parameters.get("dimension", _MULTIMODAL_SIZES[-1])
    if size not in _MULTIMODAL_SIZES:
        refuse(call, f"Invalid dimension: {size}")
    told = {}
    if instance.get("text"):
        told["textEmbedding"] = vector(instance["text"], size).tolist()
    if instance.get("image"):
        told["imageEmbedding"] = vector(str(instance["image"]), size).tolist()
    return told or refuse(call, "Invalid instance: at least one of text, image and video must be set.")


def _embedded(call: Call, asked: Body, name: str) -> list[float]:
    if name not in (NEWER, _ALONE):
        client.no_model(call)
    config = asked.get("embedContentConfig") or {}
    check(call, asked, config, name)
    return values(call, said(asked["content"]), name, config.get("outputDimensionality"))


def _counted(asked: list[Body]) -> Body:
    return {"usageMetadata": {"promptTokenCount": sum(count(said(one["content"])) for one in asked)}}
