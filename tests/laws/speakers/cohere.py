"""Cohere: chat, embeddings, rerank and models of the v2 API.

Written from Cohere's pages and not from the reader: it is what the reader is measured by.
"""

import json
from typing import Any

import msgspec

from tests.laws.speaker import Embedded, Speaker, data_lines


def whole_of(stream: bytes) -> bytes:
    answer: dict[str, Any] = {}
    message: dict[str, Any] = {"role": "assistant"}
    content: dict[int, dict[str, Any]] = {}
    calls: dict[int, dict[str, Any]] = {}
    for event in data_lines(stream):
        told = event.get("delta", {}).get("message", {})
        match event["type"]:
            case "message-start":
                answer["id"] = event["id"]
            case "content-start":
                content[event["index"]] = dict(told["content"])
            case "content-delta":
                for name, text in told["content"].items():
                    content[event["index"]][name] += text
                if event.get("logprobs"):
                    answer.setdefault("logprobs", []).append(event["logprobs"])
            case "tool-plan-delta":
                message["tool_plan"] = message.get("tool_plan", "") + told["tool_plan"]
            case "tool-call-start":
                calls[event["index"]] = json.loads(json.dumps(told["tool_calls"]))
            case "tool-call-delta":
                function = calls[event["index"]]["function"]
                function["arguments"] += told["tool_calls"]["function"]["arguments"]
            case "citation-start":
                message.setdefault("citations", []).append(told["citations"])
            case "message-end":
                answer |= event["delta"]
    if content:
        message["content"] = [content[index] for index in sorted(content)]
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return msgspec.json.encode({**answer, "message": message})


def stream_of(whole: bytes) -> bytes:
    answer = json.loads(whole)
    message = answer["message"]
    events: list[dict[str, Any]] = []

    def say(kind: str, told: dict[str, Any] | None = None, **more: Any) -> None:
        events.append({"type": kind, **more, **({"delta": {"message": told}} if told else {})})

    empty = {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}
    say("message-start", empty, id=answer["id"])
    for index, piece in enumerate(message.get("content") or ()):
        name = "thinking" if piece["type"] == "thinking" else "text"
        say("content-start", {"content": {"type": piece["type"], name: ""}}, index=index)
        for start in range(0, len(piece[name]), 5):
            say("content-delta", {"content": {name: piece[name][start : start + 5]}}, index=index)
        say("content-end", index=index)
    for word in (message.get("tool_plan") or "").split(" "):
        if message.get("tool_plan"):
            say("tool-plan-delta", {"tool_plan": word + " "})
    if message.get("tool_plan"):
        events[-1]["delta"]["message"]["tool_plan"] = events[-1]["delta"]["message"]["tool_plan"][:-1]
    for index, call in enumerate(message.get("tool_calls") or ()):
        said = call["function"]["arguments"]
        shell = {**call, "function": {**call["function"], "arguments": ""}}
        say("tool-call-start", {"tool_calls": shell}, index=index)
        for letter in said:
            say("tool-call-delta", {"tool_calls": {"function": {"arguments": letter}}}, index=index)
        say("tool-call-end", index=index)
    for index, citation in enumerate(message.get("citations") or ()):
        say("citation-start", {"citations": citation}, index=index)
        say("citation-end", index=index)
    ending = {"finish_reason": answer["finish_reason"], "usage": answer["usage"]}
    events.append({"type": "message-end", "delta": ending})
    return b"".join(
        b"event: %b\ndata: %b\n\n" % (event["type"].encode(), msgspec.json.encode(event)) for event in events
    )


def embedded(told: Any) -> Embedded:
    found = told["embeddings"]
    dtype, vectors = next(iter(found.items())) if isinstance(found, dict) else ("float", found)
    return Embedded(vectors, tokens=told["meta"]["billed_units"]["input_tokens"], dtype=dtype)


SPEAKERS = (
    Speaker(
        provider="cohere",
        folder="cohere",
        api="v2-chat",
        whole_of=whole_of,
        stream_of=stream_of,
        embedded=embedded,
        listed=lambda told: [model["name"] for model in told["models"]],
    ),
)
