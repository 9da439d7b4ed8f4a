"""Embeddings of the unified service: texts by number in, vectors under the same numbers out."""

import sys
from array import array
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from integration_api.core.embedding import EmbeddingRequest, EmbeddingResponse
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_surface_embedding import TASKS
from integration_api.dialects.unified_values import Parameters, invalid
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire

TRUNCATE = {"none": "none", "start": "start", "left": "start", "end": "end", "right": "end", "auto": "auto"}


def in_order(content: Mapping[int, str]) -> tuple[list[int], tuple[str, ...]]:
    """Return the texts by their numbers. Raises `Failure(INVALID_REQUEST)` for none, or an empty one."""
    if not content:
        raise invalid("expected at least one text", "content")
    places = sorted(content)
    for place in places:
        if not content[place]:
            raise invalid("expected text that is not empty", f"content[{place}]")
    return places, tuple(content[place] for place in places)


def read_embedding(
    parameters: Parameters, *, model: str, inputs: tuple[str, ...], understood: Sequence[str], notes: Notes
) -> EmbeddingRequest:
    """Return the request that the parameters make. Raises `Failure(INVALID_REQUEST)`."""
    task = parameters.text("input_type", "task_type")
    truncate: Any = parameters.text("truncate")
    if truncate is not None:
        truncate = TRUNCATE.get(truncate.lower())
    parameters.take("encoding_format")  # An answer holds both forms.
    dimensions = parameters.count("dimensions", "output_dimensionality", "output_dimension")
    title, user = parameters.text("title"), parameters.text("user")
    extras, unknown = parameters.rest(understood)
    for key in unknown:
        notes.note("dropped", key, "nothing here knows this parameter")
    return EmbeddingRequest(
        model=model,
        inputs=inputs,
        input_type=None if task is None else TASKS.get(task.lower(), task.lower()),
        dimensions=dimensions,
        truncate=truncate,
        title=title,
        user=user,
        extras=extras,
    )


def write_embedding(
    answer: EmbeddingResponse, places: Sequence[int], request_id: int, metrics: Iterable[common.Metric]
) -> wire.EmbeddingResponse:
    """Return the vectors, each under the number of its text."""
    response = wire.EmbeddingResponse(code=200, success=True, requestId=request_id, metrics=metrics)
    for place, vector in zip(places, answer.vectors, strict=True):
        floats = array("f", vector)
        if sys.byteorder == "big":
            floats.byteswap()
        doubles = array("d", floats)
        item = response.data.add(index=place, embedding=doubles)
        if sys.byteorder == "big":
            doubles.byteswap()
        item.base64 = b64encode(doubles).decode()
    return response
