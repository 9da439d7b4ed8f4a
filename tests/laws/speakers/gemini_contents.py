"""Gemini's answers: a stream put together as the whole answer, and taken apart again.

Written from Google's pages and not from the reader: it is what the reader is measured by.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from integration_api.core.errors import Kind
from tests.laws.speaker import Embedded, data_lines

ABOUT = ("groundingMetadata", "urlContextMetadata", "citationMetadata")


def chunks_of(stream: bytes) -> list[Any]:
    """Server-sent events, or the one array that Google streams unasked."""
    return json.loads(stream) if stream.lstrip()[:1] == b"[" else data_lines(stream)


def whole_of(stream: bytes) -> bytes:
    return json.dumps(whole_answer(chunks_of(stream))).encode()


def framed(lines: str) -> bytes:
    """Give decoded chunks, one a line, the line ends that Google's have."""
    return b"".join(f"data: {line}\r\n\r\n".encode() for line in filter(None, lines.split("\n")))


def whole_answer(chunks: list[Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if name == "promptFeedback":
                answer[name] = {**answer.get(name, {}), **value}
            elif name == "usageMetadata":
                if "totalTokenCount" in value or "candidatesTokenCount" in value or name not in answer:
                    answer[name] = value
            elif name != "candidates":
                answer.setdefault(name, value)
        for place, candidate in enumerate(chunk.get("candidates", ())):
            index = candidate.get("index", place)
            built = candidates.setdefault(index, {"index": index, "content": {"role": "model", "parts": []}})
            add_candidate(built, candidate)
    if candidates:
        answer["candidates"] = [candidates[index] for index in sorted(candidates)]
    for candidate in candidates.values():
        joined(candidate["content"]["parts"])
    return answer


def add_candidate(built: dict[str, Any], candidate: Mapping[str, Any]) -> None:
    for part in candidate.get("content", {}).get("parts", ()):
        add_part(built["content"]["parts"], dict(part))
    for name, value in candidate.items():
        if name == "logprobsResult":
            held = built.setdefault(name, {})
            for list_name, tokens in value.items():
                held.setdefault(list_name, []).extend(tokens)
        elif name in ABOUT:
            built[name] = {**built.get(name, {}), **value}
        elif name not in ("content", "index"):
            built[name] = value


def add_part(parts: list[dict[str, Any]], part: dict[str, Any]) -> None:
    """Texts run on while nobody signs them; a signed one stands alone."""
    last = parts[-1] if parts else {}
    call = part.get("functionCall")
    if call is not None and not call.get("name"):
        add_arguments(last["functionCall"]["args"], call.get("partialArgs", ()))
        return
    if call is not None and call.get("willContinue"):
        parts.append({**part, "functionCall": {**call, "args": {}, "willContinue": False}})
        return
    if set(part) - {"text", "thought"} or "text" not in part:
        parts.append(part)
    elif (
        part["text"]
        and not set(last) - {"text", "thought"}
        and last.get("thought") == part.get("thought")
        and last
    ):
        last["text"] += part["text"]
    elif part["text"]:
        parts.append(part)


def add_arguments(held: Any, pieces: Any) -> None:
    for piece in pieces:
        steps = [int(i) if i else name for name, i in re.findall(r"\.([^.\[]+)|\[(\d+)\]", piece["jsonPath"])
                 for name, i in [(name, i)]]  # fmt: skip
        where = held
        for step, following in zip(steps, steps[1:], strict=False):
            where = reach(where, step, [] if isinstance(following, int) else {})
        kind, value = next((name, value) for name, value in piece.items() if name.endswith("Value"))
        if kind == "stringValue":
            value = (reach(where, steps[-1], "") or "") + value
        else:
            reach(where, steps[-1], None)
            value = None if kind == "nullValue" else value
        where[steps[-1]] = value


def reach(where: Any, step: Any, empty: Any) -> Any:
    if isinstance(where, dict):
        return where.setdefault(step, empty)
    if step == len(where):
        where.append(empty)
    return where[step]


def joined(parts: list[dict[str, Any]]) -> None:
    """A call that was streamed without a word about its arguments has none."""
    for part in parts:
        if "functionCall" in part and part["functionCall"].get("willContinue") is False:
            del part["functionCall"]["willContinue"]


def stream_of(whole: bytes) -> bytes:
    answer = json.loads(whole)
    about = {name: value for name, value in answer.items() if name != "candidates"}
    chunks: list[dict[str, Any]] = []
    for place, candidate in enumerate(answer.get("candidates", ())):
        index = candidate.get("index", place)
        # From the first chunk on, what will be told of the answer is there and empty.
        coming = {name: {} for name in ABOUT if name in candidate}
        for part in candidate.get("content", {}).get("parts", ()):
            for piece in pieces(part):
                content = {"role": "model", "parts": [piece]}
                chunks.append({**about, "candidates": [{"content": content, "index": index, **coming}]})
        rest = {name: value for name, value in candidate.items() if name != "content"}
        chunks.append({**about, "candidates": [{**rest, "index": index}]})
    if not chunks:
        chunks.append(about)
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)


def pieces(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    text = part.get("text")
    if not text or "thoughtSignature" in part:
        return [dict(part)]
    return [{**part, "text": text[start : start + 5]} for start in range(0, len(text), 5)]


# --- everything else -------------------------------------------------------------------------


def model_of(told: Mapping[str, Any]) -> str:
    found = re.search(r"/models/([^/:?]+)", told["request"].get("url", ""))
    return found[1] if found else "any-model"


def explanation(said: Any) -> str:
    """Google's own words, the number of the caller's project left out."""
    return re.sub(r"(projects?[ /])\d+", r"\1[hidden]", _error(said)["message"])


def _error(said: Any) -> Any:
    """Methods that stream put a list around it."""
    return (said[0] if isinstance(said, list) else said)["error"]


def refused(said: Any) -> Kind | None:
    """What a refusal's own words tell and its status does not."""
    reasons = [detail["reason"] for detail in _error(said).get("details", ()) if "reason" in detail]
    return Kind.CREDENTIAL_REJECTED if "API_KEY_INVALID" in reasons else None


def embedded(told: Any) -> Embedded:
    if "predictions" in told:
        found = [prediction["embeddings"] for prediction in told["predictions"]]
        return Embedded(
            [one["values"] for one in found], tokens=sum(one["statistics"]["token_count"] for one in found)
        )
    found = told["embeddings"] if "embeddings" in told else [told["embedding"]]
    return Embedded(
        [one["values"] for one in found], tokens=told.get("usageMetadata", {}).get("promptTokenCount")
    )


def listed(told: Any) -> list[str]:
    return [model["name"].removeprefix("models/") for model in told["models"]]
