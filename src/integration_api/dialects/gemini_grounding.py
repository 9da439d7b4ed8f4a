"""Where Gemini's text comes from: its byte offsets into ours, its chunks into citations.

https://ai.google.dev/gemini-api/docs/google-search and https://ai.google.dev/api/generate-content#citationmetadata
"""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from integration_api.core.llm import Citation
from integration_api.dialects import gemini_wire as wire

Json = Mapping[str, Any]


class Spoken:
    """The visible text of one candidate, as bytes and as the parts it stands in."""

    __slots__ = ("_bytes", "_parts", "_starts")

    def __init__(self, texts: Sequence[tuple[int, str]]) -> None:
        encoded = [text.encode() for _, text in texts]
        self._bytes = b"".join(encoded)
        self._parts = [(part, len(data)) for (part, _), data in zip(texts, encoded, strict=True)]
        self._starts: dict[int, int] = {}
        at = 0
        for part, length in self._parts:
            self._starts[part] = at
            at += length

    def place(self, start: int, end: int, text: str | None, begin: int) -> tuple[int, int, int] | None:
        """Return the part and its code points that the bytes `start` to `end` are; None where they are not there.

        Offsets count from `begin`, or from the first text: both have been seen. `text` is what Google says
        stands there, and it decides.
        """
        said = (text or "").encode()
        if not said or self._bytes[begin + start : begin + end] == said:
            start, end = begin + start, begin + end
        elif self._bytes[start:end] != said:
            start = self._bytes.find(said)
            end = start + len(said)
        if not 0 <= start < end <= len(self._bytes):
            return None
        for part, length in self._parts:
            begin = self._starts[part]
            if begin <= start < begin + length:
                end = min(end, begin + length)
                before = len(self._bytes[begin:start].decode(errors="ignore"))
                return part, before, before + len(self._bytes[start:end].decode(errors="ignore"))
        return None


def citations(
    spoken: Spoken, grounding: Json | None, attribution: Json | None, begins: Mapping[int, int]
) -> Iterator[tuple[int | None, Citation]]:
    """Yield each citation and the part it belongs to; None for a source that no stretch of text points to.

    `begins` is where each of Google's own parts begins in the text, for all but the first. What is told in
    another form than Google promises is passed over: the answer is not worse for it.
    """
    with contextlib.suppress(msgspec.ValidationError):
        yield from _grounded(spoken, msgspec.convert(grounding or {}, wire.Grounding), begins)
    told = attribution or {}
    for source in told.get("citationSources") or told.get("citations") or ():
        with contextlib.suppress(msgspec.ValidationError):
            cited = msgspec.convert(source, wire.Attributed)
            found = spoken.place(cited.start_index, cited.end_index, None, 0)
            yield _placed(found, {"kind": "url", "url": cited.uri, "title": cited.title, "native": source})


def _grounded(
    spoken: Spoken, told: wire.Grounding, begins: Mapping[int, int]
) -> Iterator[tuple[int | None, Citation]]:
    chunks = told.grounding_chunks
    for support in told.grounding_supports:
        segment = support.segment
        begin = begins.get(segment.part_index, 0)
        found = spoken.place(segment.start_index, segment.end_index, segment.text, begin)
        for number in support.grounding_chunk_indices:
            if 0 <= number < len(chunks):
                yield _placed(found, {**_source(chunks[number]), "source_index": number})
    if not told.grounding_supports:
        for number, chunk in enumerate(chunks):
            yield None, Citation(**_source(chunk), source_index=number)


def _placed(found: tuple[int, int, int] | None, fields: dict[str, Any]) -> tuple[int | None, Citation]:
    if found is None:
        return None, Citation(**fields)
    part, start, end = found
    return part, Citation(**fields, start=start, end=end)


def _source(chunk: Json) -> dict[str, Any]:
    """Return what a grounding chunk says of its source; web pages are all that needs no copy of the chunk."""
    if web := chunk.get("web"):
        return {"kind": "url", "url": _text(web, "uri"), "title": _text(web, "title")}
    if held := chunk.get("retrievedContext"):
        return {
            "kind": "document",
            "url": _text(held, "uri"),
            "title": _text(held, "title"),
            "cited_text": _text(held, "text"),
            "source_id": _text(held, "fileSearchStore") or _text(held, "documentName"),
            "native": chunk,
        }
    held = next(iter(chunk.values()), {})
    return {"kind": "url", "url": _text(held, "uri"), "title": _text(held, "title"), "native": chunk}


def _text(held: Json, name: str) -> str | None:
    value = held.get(name)
    return value if isinstance(value, str) else None
