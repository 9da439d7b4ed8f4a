"""Gemini's recorded answers, through our door, say to the openai SDK what the bytes say to Google's own."""

import json
import re
from functools import cache
from typing import Any

import httpx
import pytest
from google.genai import types
from google.genai.types import FinishReason, GenerateContentResponse

from tests.laws.cases import Case, recordings
from tests.laws.laws import unpacked
from tests.laws.replay import embeddings
from tests.laws.speakers.gemini_contents import add_arguments, chunks_of
from tests.providers.google_sdk import client
from tests.providers.surfaced import Choice, Said, chats, through_our_door

FINISH = {
    FinishReason.STOP: "stop",
    FinishReason.MAX_TOKENS: "length",
    FinishReason.SAFETY: "content_filter",
    FinishReason.RECITATION: "content_filter",
    FinishReason.PROHIBITED_CONTENT: "content_filter",
    FinishReason.MODEL_ARMOR: "content_filter",
    FinishReason.UNEXPECTED_TOOL_CALL: "stop",
    None: "stop",
}
NUMBERED = {"finishReason": ("", "STOP", "MAX_TOKENS", "SAFETY"), "modality": ("", "TEXT", "IMAGE")}
ASIDE = frozenset({"category", "probability", "severity", "trafficType"})
ELIDED = re.compile(r"\.\.\.<elided [^>]*>")
ASKED: Any = {"model": "any", "contents": "any"}


class Played:
    """The SDK for one of Gemini's hosts, to which recorded bytes are played."""

    def __init__(self, project: str | None) -> None:
        self.models = client(lambda _: self._reply, project=project).models
        self._reply = httpx.Response(500)

    def chat(self, case: Case) -> list[GenerateContentResponse]:
        chunks = chunks_of(case.body) if case.streamed else [json.loads(case.body)]
        told = [json.dumps(readable(chunk)) for chunk in chunks]
        if not case.streamed:
            self._reply = httpx.Response(200, text=told[0])
            return [self.models.generate_content(**ASKED)]
        sse = "".join(f"data: {chunk}\r\n\r\n" for chunk in told)
        self._reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, text=sse)
        return list(self.models.generate_content_stream(**ASKED))

    def vectors(self, case: Case) -> list[list[float]]:
        told = json.loads(case.body)
        if "embedding" in told:  # What one content is answered with, this SDK never asks for.
            told = {"embeddings": [told["embedding"]]}
        self._reply = httpx.Response(200, json=told)
        return [one.values for one in self.models.embed_content(**ASKED).embeddings]


@cache
def sdk(provider: str) -> Played:
    return Played("p1" if provider == "vertexai" else None)


def readable(told: Any, name: str = "") -> Any:
    """An answer as this SDK would have asked for it: words for what is numbered, base64 that was not cut short."""
    if isinstance(told, dict):
        return {key: readable(value, key) for key, value in told.items()}
    if isinstance(told, list):
        return [readable(one, name) for one in told]
    if isinstance(told, int) and name in NUMBERED:
        return NUMBERED[name][told]
    if isinstance(told, int) and name in ASIDE:
        return None
    return ELIDED.sub("", told) if isinstance(told, str) else told


def gemini_chats() -> list:
    return [*chats("gemini"), *(one for one in chats("vertexai") if one.values[0].speaker.api != "claude")]


@pytest.mark.parametrize("case", gemini_chats())
def test_nothing_is_lost_in_translation(case) -> None:
    assert through_our_door(case) == said(sdk(case.provider).chat(case))


def said(chunks: list[GenerateContentResponse]) -> Said:
    """Put chunks together: parts are added, and of the counts the last are right."""
    candidates: dict[int, list[types.Candidate]] = {}
    for chunk in chunks:
        for place, candidate in enumerate(chunk.candidates or ()):
            index = place if candidate.index is None else candidate.index
            candidates.setdefault(index, []).append(candidate)
    counts = [chunk.usage_metadata for chunk in chunks if chunk.usage_metadata is not None]
    counts = [one for one in counts if one.total_token_count or one.candidates_token_count]
    usage = counts[-1] if counts else types.GenerateContentResponseUsageMetadata()
    blocked = any(chunk.prompt_feedback and chunk.prompt_feedback.block_reason for chunk in chunks)
    choices = tuple(choice(pieces) for _, pieces in sorted(candidates.items()))
    return Said(
        choices or ((Choice("", "", (), "content_filter"),) if blocked else ()),
        (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0),
        (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
        usage.cached_content_token_count or 0,
        usage.thoughts_token_count or 0,
    )


def choice(pieces: list[types.Candidate]) -> Choice:
    parts = [part for piece in pieces if piece.content for part in piece.content.parts or ()]
    texts = [part for part in parts if part.text]
    calls: list[tuple[str, Any]] = []
    for call in (part.function_call for part in parts if part.function_call):
        if call.name:
            calls.append((call.name, call.args or {}))
        for one in call.partial_args or ():
            add_arguments(calls[-1][1], [one.model_dump(exclude_none=True, by_alias=True)])
    ended = next((piece.finish_reason for piece in reversed(pieces) if piece.finish_reason), None)
    finish = FINISH[ended]
    return Choice(
        "".join(part.text for part in texts if not part.thought),
        "".join(part.text for part in texts if part.thought),
        tuple(calls),
        "tool_calls" if calls and ended is FinishReason.STOP else finish,
    )


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.id)
        for case in recordings()
        if case.provider in {"gemini", "vertexai"} and case.kind == "embeddings"
    ],
)
def test_vectors_are_those_the_sdk_reads(case) -> None:
    told = sdk(case.provider).vectors(case)
    assert [unpacked(vector, "float") for vector in embeddings(case, len(told)).vectors] == [
        pytest.approx(tuple(one), rel=1e-6, abs=1e-9) for one in told
    ]
