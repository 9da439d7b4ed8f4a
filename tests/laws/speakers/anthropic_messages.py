"""Messages of Anthropic's language: a stream put together as the whole answer, and taken apart again.

Written from Anthropic's pages and not from the reader: it is what the reader is measured by.
"""

import json
from typing import Any

import msgspec

from tests.laws.speaker import data_lines


def whole_of(stream: bytes) -> bytes:
    return msgspec.json.encode(whole_message(data_lines(stream)))


def stream_of(whole: bytes) -> bytes:
    return message_stream(msgspec.json.decode(whole))


def framed(lines: str) -> bytes:
    """Give decoded chunks, one a line, the framing they came in."""
    return b"".join(
        f"event: {json.loads(line)['type']}\ndata: {line}\n\n".encode()
        for line in filter(None, lines.split("\n"))
    )


def whole_message(events: list[Any]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    inputs: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                blocks[event["index"]] = event["content_block"]
            case "content_block_delta":
                add_block_delta(blocks[event["index"]], event["delta"], inputs, event["index"])
            case "message_delta":
                message.update(event["delta"])
                usage = {name: value for name, value in event.get("usage", {}).items() if value is not None}
                message["usage"] |= usage
                message |= {
                    name: value for name, value in event.items() if name not in ("type", "delta", "usage")
                }
    for index, text in inputs.items():
        blocks[index]["input"] = msgspec.Raw(text.encode()) if text else {}
    message["content"] = [blocks[index] for index in sorted(blocks)]
    return message


def add_block_delta(block: dict[str, Any], delta: dict[str, Any], inputs: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        case "compaction_delta":
            block |= {name: value for name, value in delta.items() if name != "type"}
        case "input_json_delta":
            inputs[index] = inputs.get(index, "") + delta["partial_json"]


def message_stream(whole: dict[str, Any]) -> bytes:
    events: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {**whole, "content": [], "stop_reason": None, "stop_sequence": None},
        }
    ]
    for index, block in enumerate(whole["content"]):
        start, deltas = block_stream(block)
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {name: whole.get(name) for name in ("stop_reason", "stop_sequence", "stop_details", "container")}
    delta = {name: value for name, value in delta.items() if value is not None or name.startswith("stop_r")}
    events.append({"type": "message_delta", "delta": delta, "usage": whole["usage"]})
    events.append({"type": "message_stop"})
    return b"".join(
        f"event: {event['type']}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n" for event in events
    )


def block_stream(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match block["type"]:
        case "text":
            text = block["text"]
            deltas: list[dict[str, Any]] = [
                {"type": "citations_delta", "citation": citation} for citation in block.get("citations") or ()
            ]
            deltas += [{"type": "text_delta", "text": text[at : at + 5]} for at in range(0, len(text), 5)]
            return {"type": "text", "text": ""}, deltas
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}, [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block.get("signature") or ""},
            ]
        case "tool_use":
            text = msgspec.json.encode(block["input"]).decode()
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": part} for part in ("", text[:7], text[7:])
            ]
        case _:
            return block, []
