"""Recorded responses of OpenAI's say to us what they say to its SDK, whole and streamed, however the bytes come."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from openai.types.responses import Response

from integration_api.core.exchange import HttpResponse
from integration_api.core.llm import LlmResponse, RefusalText, Text, ToolCall
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.sse import SseFraming
from integration_api.providers.custom_llm.responses_reader import Reader

TRAFFIC = Path(os.environ["REFERENCE_DIR"]) / "traffic" / "openai"
ENDINGS = {"response.completed", "response.incomplete"}


def recorded(pattern: str) -> list[Path]:
    return [path for path in sorted(TRAFFIC.glob(pattern)) if is_response(*answer(path))]


def is_response(status: int, body: str) -> bool:
    """Whether it is one, and was written down whole: a few are other objects, or broken by who redacted them."""
    if status != 200:
        return False
    if not body.lstrip().startswith(("data:", "event:", "id:")):
        try:
            lines = [
                json.loads(line)
                for line in (body.split("\n") if '"response.created"' in body else [body])
                if line
            ]
        except ValueError:
            return False
        return len(lines) > 1 or lines[0].get("object") == "response"
    return True


def answer(path: Path) -> tuple[int, str]:
    reply = json.loads(path.read_text())["response"]
    body = reply.get("body") or ""
    return reply["status"] if body else 0, body if isinstance(body, str) else json.dumps(body)


def streamed(body: str) -> str:
    """Frame what was recorded without its framing."""
    if body.lstrip().startswith(("data:", "event:", "id:")):
        return body
    return "".join(f"data: {line}\n\n" for line in body.split("\n") if line.strip())


STREAMS, WHOLE = recorded("responses-*-stream/*.json"), recorded("responses-*[!m]/*.json")


def said(response: Response) -> tuple[str, list[tuple[str, str, str]]]:
    calls = [
        (item.call_id, item.name, item.arguments or "{}")
        for item in response.output
        if item.type == "function_call"
    ]
    refused = [
        piece.refusal
        for item in response.output
        if item.type == "message"
        for piece in item.content
        if piece.type == "refusal"
    ]
    return response.output_text + "".join(refused), calls


def heard(answer: LlmResponse) -> tuple[str, list[tuple[str, str, str]]]:
    parts = answer.candidates[0].parts
    return (
        "".join(part.text for part in parts if isinstance(part, Text | RefusalText)),
        [
            (part.id, part.name, part.arguments)
            for part in parts
            if isinstance(part, ToolCall) and part.kind == "function"
        ],
    )


def agree(answer: LlmResponse, theirs: Response) -> None:
    assert heard(answer) == said(theirs)
    assert answer.model == theirs.model
    assert answer.usage.input_total == (theirs.usage and theirs.usage.input_tokens)
    assert answer.usage.output_total == (theirs.usage and theirs.usage.output_tokens)


def folded(body: bytes, size: int) -> LlmResponse:
    framing, reader, fold = SseFraming(), Reader(), LlmFold()
    for start in range(0, len(body), size):
        for frame in framing.feed(body[start : start + size]):
            for event in reader.feed(frame):
                fold.feed(event)
    for event in reader.close():
        fold.feed(event)
    return fold.close()


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_stream(path: Path) -> None:
    body = streamed(answer(path)[1])
    events: list[Any] = [
        json.loads(line[5:]) for line in body.split("\n") if line.startswith("data:") and "{" in line
    ]
    ended = [event["response"] for event in events if event["type"] in ENDINGS]
    assert ended, "no stream that ended otherwise is among them"
    found = folded(body.encode(), 1 << 20)
    agree(found, Response.construct(**ended[-1]))
    assert folded(body.encode(), 977) == found


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_whole_answer(path: Path) -> None:
    body = answer(path)[1]
    agree(Reader().whole(HttpResponse(200, {}, body.encode())), Response.construct(**json.loads(body)))


def test_there_is_something_to_agree_on() -> None:
    assert len(STREAMS) > 50
    assert len(WHOLE) > 50
