"""What the laws must know of a provider's language, from elsewhere than the adapter they measure."""

import base64
import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from integration_api.core.credential import Credential
from integration_api.core.errors import Kind

CHAT = frozenset({"chat", "tools", "structured", "reasoning", "multimodal"})
SPEECH = {"stt-batch": "stt (batch)", "stt": "stt (live)", "tts": "tts (whole)"}
"""Recorded capabilities of speech to the ways that the laws are about."""
KINDS = {name: name for name in (*CHAT, "embeddings", "rerank", "models", "moderations")}


@dataclass(frozen=True)
class Embedded:
    """What an embeddings answer says: its vectors in the order of the inputs, and what is told beside them."""

    vectors: Sequence[Sequence[float]]
    model: str | None = None
    tokens: int | None = None
    dtype: str = "float"


@dataclass(frozen=True)
class Written:
    """What a transcript says: words with their milliseconds, and seconds of sound, where they are told."""

    text: str
    words: Sequence[tuple[str, int, int]] = ()
    seconds: float | None = None
    confidences: Sequence[float] = ()
    """Of the words."""
    speakers: Sequence[str] = ()
    """Of the words."""
    language: str | None = None


def plainly_written(told: Any) -> Written:
    """Read a transcript in OpenAI's language, which has no words in the recordings."""
    usage = told.get("usage", {})
    return Written(told["text"], seconds=told.get("duration", usage.get("seconds")))


def data_lines(body: bytes) -> list[Any]:
    """Every JSON message of a stream of server-sent events."""
    lines = body.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    found = [line[5:].strip() for line in lines if line.startswith("data:")]
    return [json.loads(line) for line in found if line and line != "[DONE]"]


def data_framed(lines: str) -> bytes:
    """Give decoded chunks, one a line, the framing of plain server-sent events."""
    return b"".join(f"data: {line}\n\n".encode() for line in filter(None, lines.split("\n")))


def openai_embedded(told: Any) -> Embedded:
    items = sorted(told["data"], key=lambda item: item["index"])
    return Embedded(
        [floats(item["embedding"]) for item in items], told["model"], told["usage"]["prompt_tokens"]
    )


def floats(given: Any) -> Sequence[float]:
    """Numbers as they are, or out of base64."""
    if isinstance(given, str):
        raw = base64.b64decode(given)
        return struct.unpack(f"<{len(raw) // 4}f", raw)
    return given


def openai_listed(told: Any) -> list[str]:
    return [model["id"] for model in told["data"]]


def explanation(said: Any) -> str:
    """A refusal's own words, wherever the usual shapes keep them."""
    while isinstance(said, dict):
        said = next(said[name] for name in ("error", "message", "detail") if said.get(name))
    return said if isinstance(said, str) else ""


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """One language that one provider speaks, and where its recordings lie.

    A provider with several languages has a speaker for each. Recordings are told apart by folder and `takes`.
    """

    provider: str
    folder: str
    """The recordings' folder, and that of our samples."""
    kinds: Mapping[str, str] = field(default_factory=lambda: KINDS)
    """A recorded capability (without `-stream`) to the law that is about it; others are not replayed."""
    api: str | None = None
    """The recordings' word for the language of a chat; None where there is but one."""
    takes: Callable[[Mapping[str, Any]], bool] = lambda told: True
    """Whether a recording is in this language, where its folder and `api` do not tell."""
    errors: bool = True
    """Whether refusals in the folder are replayed."""
    whole_of: Callable[[bytes], bytes] | None = None
    """A stream's bytes to those of the whole answer; None where there is no such thing."""
    stream_of: Callable[[bytes], bytes] | None = None
    messages: Callable[[bytes], list[Any]] = data_lines
    framed: Callable[[str], bytes] = data_framed
    """Decoded chunks, one a line, to the bytes they came in."""
    opening: Callable[[bytes, bool], Sequence[bytes]] = lambda body, streamed: ()
    """What is answered before a chat's answer is, where more than one thing is asked."""
    closing: Callable[[bytes], Sequence[bytes]] = lambda body: ()
    """What is answered after it."""
    credential: Credential | None = None
    """Whose plain fields the adapter needs; None for no fields."""
    model: Callable[[Mapping[str, Any]], str] = lambda told: str(
        (asked_of(told) or {}).get("model", "any-model")
    )
    """The model that a recording asked."""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Options of the provider's own that a request in this language needs."""
    header_tokens: str | None = None
    """The header that tells how many tokens were embedded, where the body does not."""
    any_model: str = "any-model"
    """The model that our samples are answers of."""
    embedded: Callable[[Any], Embedded] = openai_embedded
    ranked: Callable[[Any], list[tuple[int, float]]] = lambda told: [
        (item["index"], item["relevance_score"]) for item in told["results"]
    ]
    listed: Callable[[Any], list[str]] = openai_listed
    numbered: Callable[[Any], list[tuple[str, str, str, set[str]]]] = lambda told: []
    """A carrier's numbers, each with its id, its name and what it can do."""
    last_page: bytes = b""
    """What follows a recorded page of a list that says there is more: a page that says there is not."""
    written: Callable[[Any], Written] = plainly_written
    """A transcript, or one live message that settles a text."""
    spelled: Callable[[Any], Any] = lambda said: said
    """A recorded JSON answer as the provider spells it, where an SDK's own form of it was recorded."""
    before: Sequence[bytes] = ()
    """What is answered before a transcript is, where it is asked for more than once."""
    explanation: Callable[[Any], str] = explanation
    refused: Callable[[Any], Kind | None] = lambda said: None
    """What kind of refusal its own words make it, where its status alone does not tell."""


def asked_of(told: Mapping[str, Any]) -> dict[str, Any] | None:
    body = told.get("request", {}).get("body")
    return body if isinstance(body, dict) else None
