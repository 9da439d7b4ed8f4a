"""Chat completions of OpenAI's language: a stream put together as the whole answer, and taken apart again.

Written from the vendors' pages and not from the reader: it is what the reader is measured by.
"""

import json
from typing import Any

import msgspec

from tests.laws.speaker import data_lines


def whole_of(stream: bytes) -> bytes:
    return msgspec.json.encode(whole_completion(data_lines(stream)))


def stream_of(whole: bytes) -> bytes:
    return completion_stream(msgspec.json.decode(whole))


def whole_completion(chunks: list[Any]) -> dict[str, Any]:
    completion: dict[str, Any] = {"object": "chat.completion"}
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for name in ("id", "model", "created", "system_fingerprint"):
            if not completion.get(name):
                completion[name] = chunk.get(name)
        for name in ("usage", "moderation", "service_tier"):
            completion[name] = chunk.get(name) or completion.get(name)
        for choice in chunk["choices"]:
            index = choice["index"]
            built = choices.setdefault(
                index, {"index": index, "message": {"role": "assistant", "content": None}, "logprobs": None}
            )
            built["finish_reason"] = choice.get("finish_reason") or built.get("finish_reason")
            add_logprobs(built, choice.get("logprobs") or {})
            add_delta(built["message"], choice.get("delta") or {})
    completion["choices"] = [choices[index] for index in sorted(choices)]
    return completion


def add_logprobs(built: dict[str, Any], logprobs: dict[str, Any]) -> None:
    for name, tokens in logprobs.items():
        if tokens:
            built["logprobs"] = built["logprobs"] or {}
            built["logprobs"].setdefault(name, []).extend(tokens)


def add_delta(message: dict[str, Any], delta: dict[str, Any]) -> None:
    content = delta.get("content")
    if isinstance(content, list) or isinstance(message["content"], list):
        message["content"] = add_pieces(message["content"] or [], content)
    elif content:
        message["content"] = (message["content"] or "") + content
    for name in ("refusal", "reasoning_content", "reasoning"):
        if delta.get(name):
            message[name] = message.get(name, "") + delta[name]
    for name in ("annotations", "images"):
        if delta.get(name):
            message.setdefault(name, []).extend(delta[name])
    for detail in delta.get("reasoning_details") or ():
        add_detail(message.setdefault("reasoning_details", []), detail)
    if delta.get("audio"):
        audio = message.setdefault("audio", {"data": "", "transcript": ""})
        for name, value in delta["audio"].items():
            audio[name] = audio.get(name, "") + value if name in ("data", "transcript") else value
    for place, call in enumerate(delta.get("tool_calls") or ()):
        add_call(message.setdefault("tool_calls", []), call, place)


def add_pieces(pieces: list[Any] | str, content: list[Any] | str | None) -> list[Any]:
    """Neighbours of one type are one piece: that is how whole answers have them."""
    if isinstance(pieces, str):
        pieces = [{"type": "text", "text": pieces}]
    if isinstance(content, str):
        content = [{"type": "text", "text": content}] if content else []
    for given in content or ():
        piece = dict(given)
        if isinstance(piece.get("thinking"), list):
            piece["thinking"] = [dict(step) for step in piece["thinking"]]
        last = pieces[-1] if pieces else {}
        if last.get("type") != piece["type"] or piece["type"] not in ("text", "thinking"):
            pieces.append(piece)
        elif piece["type"] == "text":
            last["text"] += piece["text"]
        else:
            last["thinking"] += piece["thinking"]
    return pieces


def add_detail(details: list[dict[str, Any]], detail: dict[str, Any]) -> None:
    last = details[-1] if details else {}
    if last.get("index") != detail.get("index") or last.get("type") != detail["type"] or "data" in detail:
        details.append(dict(detail))
        return
    for name in ("text", "summary"):
        if detail.get(name):
            last[name] = (last.get(name) or "") + detail[name]
    last.update({name: detail[name] for name in ("signature", "format") if detail.get(name)})


def add_call(calls: list[dict[str, Any]], call: dict[str, Any], place: int) -> None:
    index = call.get("index", place)
    found = next((built for built in calls if built["index"] == index), None)
    if found is None:
        calls.append(json.loads(json.dumps({**call, "index": index})))
        return
    kind = "custom" if call.get("custom") else "function"
    said = "input" if kind == "custom" else "arguments"
    found[kind][said] = (found[kind].get(said) or "") + (call[kind].get(said) or "")
    found[kind]["name"] = found[kind].get("name") or call[kind].get("name")


def completion_stream(whole: dict[str, Any]) -> bytes:
    head = {
        name: whole.get(name) for name in ("id", "created", "model", "service_tier", "system_fingerprint")
    } | {"object": "chat.completion.chunk"}
    chunks: list[dict[str, Any]] = []

    def say(choice: dict[str, Any], delta: dict[str, Any], finish: str | None = None, **more: Any) -> None:
        chunks.append(
            {
                **head,
                "choices": [{"index": choice["index"], "delta": delta, "finish_reason": finish, **more}],
                "usage": None,
            }
        )

    for choice in whole["choices"]:
        message = choice["message"]
        say(choice, {"role": "assistant", "content": ""})
        for name in ("reasoning_details", "reasoning_content", "reasoning"):
            if message.get(name):
                say(choice, {name: message[name]})
        content = message.get("content")
        if isinstance(content, str):
            for start in range(0, len(content), 5):
                say(choice, {"content": content[start : start + 5]})
        elif content:
            for piece in content:
                say(choice, {"content": [piece]})
        if message.get("refusal"):
            say(choice, {"refusal": message["refusal"]})
        if message.get("annotations"):
            say(choice, {"annotations": message["annotations"]})
        if message.get("audio"):
            say(choice, {"audio": {**message["audio"], "data": "", "transcript": ""}})
            say(choice, {"audio": {"data": message["audio"]["data"]}})
            say(choice, {"audio": {"transcript": message["audio"]["transcript"]}})
        for place, call in enumerate(message.get("tool_calls") or ()):
            kind = "custom" if call.get("custom") else "function"
            said = "input" if kind == "custom" else "arguments"
            first = {**call, "index": place, kind: {**call[kind], said: ""}}
            say(choice, {"tool_calls": [first]})
            whole_said = call[kind][said]  # Old servers have an object here, and do not cut it up.
            for piece in whole_said if isinstance(whole_said, str) else [whole_said]:
                say(choice, {"tool_calls": [{"index": place, kind: {said: piece}}]})
        if choice.get("logprobs"):
            say(choice, {}, logprobs=choice["logprobs"])
        say(choice, {}, choice["finish_reason"])
    if whole.get("usage"):
        chunks.append({**head, "choices": [], "usage": whole["usage"]})
    if whole.get("moderation"):
        chunks.append({**head, "choices": [], "moderation": whole["moderation"]})
    lines = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    return b"".join((*lines, b"data: [DONE]\n\n"))
