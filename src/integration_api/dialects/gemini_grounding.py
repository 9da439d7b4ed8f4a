"""Where Gemini's text comes from: its byte offsets into ours, its chunks into citations.

https://ai.google.dev/gemini-api/docs/google-search and https://ai.google.dev/api/generate-content#citationmetadata
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from integration_api.core.llm import Citation

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

    `begins` is where each of Google's own parts begins in the text, for all but the first.
    """
    if grounding:
        chunks = grounding.get("groundingChunks") or ()
        supports = grounding.get("groundingSupports") or ()
        for support in supports:
            segment = support.get("segment") or {}
            found = spoken.place(
                segment.get("startIndex", 0),
                segment.get("endIndex", 0),
                segment.get("text"),
                begins.get(segment.get("partIndex", 0), 0),
            )
            for number in support.get("groundingChunkIndices") or ():
                if 0 <= number < len(chunks):
                    yield _placed(found, {**_source(chunks[number]), "source_index": number})
        if not supports:
            for number, chunk in enumerate(chunks):
                yield None, Citation(**_source(chunk), source_index=number)
    told = attribution or {}
    for source in told.get("citationSources") or told.get("citations") or ():
        found = spoken.place(source.get("startIndex", 0), source.get("endIndex", 0), None, 0)
        fields = {"kind": "url", "url": source.get("uri"), "title": source.get("title"), "native": source}
        yield _placed(found, fields)


def _placed(found: tuple[int, int, int] | None, fields: dict[str, Any]) -> tuple[int | None, Citation]:
    if found is None:
        return None, Citation(**fields)
    part, start, end = found
    return part, Citation(**fields, start=start, end=end)


def _source(chunk: Json) -> dict[str, Any]:
    """Return what a grounding chunk says of its source; web pages are all that needs no copy of the chunk."""
    if web := chunk.get("web"):
        return {"kind": "url", "url": web.get("uri"), "title": web.get("title")}
    if held := chunk.get("retrievedContext"):
        return {
            "kind": "document",
            "url": held.get("uri"),
            "title": held.get("title"),
            "cited_text": held.get("text"),
            "source_id": held.get("fileSearchStore") or held.get("documentName"),
            "native": chunk,
        }
    held = next((value for value in chunk.values() if isinstance(value, Mapping)), {})
    return {"kind": "url", "url": held.get("uri"), "title": held.get("title"), "native": chunk}
