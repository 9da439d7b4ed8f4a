"""Bedrock: Converse, the vendors' own languages behind InvokeModel, vectors and ranks.

Written from AWS's pages and not from the readers: it is what they are measured by.
"""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from integration_api.core.credential import Credential
from lab.event_stream import event
from tests.laws.speaker import CHAT, Embedded, Speaker
from tests.laws.speakers import anthropic_messages

CREDENTIAL = Credential("bedrock", {"region": "us-east-1", "access_key_id": "AKIAIOSFODNN7EXAMPLE"})
INVOKE = {"api": "invoke"}
TOKENS = "x-amzn-bedrock-input-token-count"


# --- framing -----------------------------------------------------------------------------------


def chunk(said: Any) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(msgspec.json.encode(said)).decode(), "p": "abc"})


def messages(body: bytes) -> Iterator[tuple[str, Any]]:
    """Every event's name and JSON."""
    at = 0
    while at < len(body):
        length, size = struct.unpack_from(">II", body, at)
        head, headers = body[at + 12 : at + 12 + size], {}
        while head:
            name = head[1 : 1 + head[0]].decode()
            head = head[1 + head[0] :]
            (long,) = struct.unpack_from(">H", head, 1)
            headers[name], head = head[3 : 3 + long].decode(), head[3 + long :]
        yield headers[":event-type"], json.loads(body[at + 12 + size : at + length - 4])
        at += length


def chunks(body: bytes) -> list[Any]:
    return [json.loads(base64.b64decode(said["bytes"])) for _, said in messages(body)]


# --- Converse ----------------------------------------------------------------------------------


def framed(lines: str) -> bytes:
    """Give decoded events, one a line and under their names, the framing they came in."""
    named = [json.loads(line) for line in filter(None, lines.split("\n"))]
    return b"".join(event(name, said) for one in named for name, said in one.items())


def whole_of(stream: bytes) -> bytes:
    return msgspec.json.encode(whole_answer(messages(stream)))


def whole_answer(events: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    blocks: dict[int, dict[str, Any]] = {}
    for name, said in events:
        match name:
            case "contentBlockStart":
                start = said.get("start") or {}
                blocks[said["contentBlockIndex"]] = json.loads(json.dumps(start))
            case "contentBlockDelta":
                add_delta(blocks.setdefault(said["contentBlockIndex"], {}), said["delta"])
            case "messageStop":
                answer |= said
            case "metadata":
                answer |= said
    answer.pop("p", None)
    content = [settled(blocks[index]) for index in sorted(blocks)]
    return {**answer, "output": {"message": {"role": "assistant", "content": content}}}


def add_delta(block: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, said in delta.items():
        match name:
            case "text":
                block["text"] = block.get("text", "") + said
            case "toolUse":
                block["toolUse"]["input"] = block["toolUse"].get("input", "") + said["input"]
            case "toolResult":
                block["toolResult"].setdefault("content", []).extend(said)
            case "citation":
                block.setdefault("citations", []).append(said)
            case "reasoningContent" if "redactedContent" in said:
                block["reasoningContent"] = said
            case "reasoningContent":
                thought = block.setdefault("reasoningContent", {"reasoningText": {"text": ""}})
                thought["reasoningText"]["text"] += said.get("text", "")
                if "signature" in said:
                    thought["reasoningText"]["signature"] = said["signature"]


def settled(block: dict[str, Any]) -> dict[str, Any]:
    if "toolUse" in block:
        block["toolUse"]["input"] = msgspec.Raw((block["toolUse"].get("input") or "{}").encode())
    if "citations" in block:
        cited = {"content": [{"text": block.get("text", "")}], "citations": block["citations"]}
        return {"citationsContent": cited}
    return block


def stream_of(whole: bytes) -> bytes:
    return b"".join(event(name, said) for name, said in answer_events(json.loads(whole)))


def answer_events(whole: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "messageStart", {"role": "assistant", "p": "abcdefgh"}
    for index, block in enumerate(whole["output"]["message"]["content"]):
        start, deltas = block_stream(block)
        if start:
            yield "contentBlockStart", {"contentBlockIndex": index, "start": start}
        for delta in deltas:
            yield "contentBlockDelta", {"contentBlockIndex": index, "delta": delta, "p": "ab"}
        yield "contentBlockStop", {"contentBlockIndex": index}
    stop = {name: whole[name] for name in ("stopReason", "additionalModelResponseFields") if name in whole}
    yield "messageStop", stop
    told = ("usage", "metrics", "trace", "serviceTier", "performanceConfig")
    yield "metadata", {name: whole[name] for name in told if name in whole}


def block_stream(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    if "toolUse" in block:
        text = json.dumps(block["toolUse"]["input"])
        start = {name: value for name, value in block["toolUse"].items() if name != "input"}
        return {"toolUse": start}, [{"toolUse": {"input": part}} for part in ("", text[:7], text[7:])]
    if "reasoningContent" in block:
        said = block["reasoningContent"].get("reasoningText")
        if said is None:
            return {}, [{"reasoningContent": block["reasoningContent"]}]
        deltas = [{"reasoningContent": {"text": part}} for part in (said["text"][:9], said["text"][9:])]
        if said.get("signature"):
            deltas.append({"reasoningContent": {"signature": said["signature"]}})
        return {}, deltas
    if "citationsContent" in block:
        cited = block["citationsContent"]
        said = [{"text": part["text"]} for part in cited["content"]]
        return {}, said + [{"citation": one} for one in cited["citations"]]
    text = block["text"]
    return {}, [{"text": text[at : at + 5]} for at in range(0, len(text), 5)] or [{"text": ""}]


# --- the vendors' own languages ------------------------------------------------------------------


def claude_whole_of(stream: bytes) -> bytes:
    return msgspec.json.encode(anthropic_messages.whole_message(chunks(stream)))


def claude_stream_of(whole: bytes) -> bytes:
    said = json.loads(whole)
    said.setdefault("usage", {})
    lines = anthropic_messages.message_stream(said).decode().split("\n")
    return b"".join(
        event("chunk", {"bytes": base64.b64encode(line[6:].encode()).decode(), "p": "abcdefg"})
        for line in lines
        if line.startswith("data: ")
    )


def nova_whole_of(stream: bytes) -> bytes:
    named = ((name, said) for one in chunks(stream) for name, said in one.items())
    return msgspec.json.encode(whole_answer(named))


def nova_stream_of(whole: bytes) -> bytes:
    return b"".join(chunk({name: said}) for name, said in answer_events(json.loads(whole)))


def llama_whole_of(stream: bytes) -> bytes:
    said = chunks(stream)
    return json.dumps(
        {
            "generation": "".join(one["generation"] for one in said),
            "prompt_token_count": said[0]["prompt_token_count"],
            "generation_token_count": said[-1]["generation_token_count"],
            "stop_reason": said[-1]["stop_reason"],
        }
    ).encode()


def llama_stream_of(whole: bytes) -> bytes:
    said = json.loads(whole)
    text, rest = said["generation"], {"prompt_token_count": None, "stop_reason": None}
    first = {**rest, "prompt_token_count": said["prompt_token_count"], "generation_token_count": 1}
    return b"".join(
        (
            chunk({**first, "generation": text[:5]}),
            chunk({**rest, "generation": text[5:], "generation_token_count": 2}),
            chunk({**said, "generation": "", "prompt_token_count": None}),
        )
    )


def titan_whole_of(stream: bytes) -> bytes:
    said = chunks(stream)
    result = {
        "outputText": "".join(one["outputText"] for one in said),
        "tokenCount": said[-1]["totalOutputTextTokenCount"],
        "completionReason": said[-1]["completionReason"],
    }
    return json.dumps({"inputTextTokenCount": said[0]["inputTextTokenCount"], "results": [result]}).encode()


def titan_stream_of(whole: bytes) -> bytes:
    said = json.loads(whole)
    result = said["results"][0]
    text = result["outputText"]
    head = {"index": 0, "inputTextTokenCount": said["inputTextTokenCount"], "completionReason": None}
    last = {**head, "completionReason": result["completionReason"]}
    return chunk({**head, "outputText": text[:6]}) + chunk(
        {**last, "outputText": text[6:], "totalOutputTextTokenCount": result["tokenCount"]}
    )


# --- vectors -------------------------------------------------------------------------------------


def embedded(told: Any) -> Embedded:
    found = told.get("embeddings")
    if found is None:
        return Embedded([told["embedding"]], tokens=told["inputTextTokenCount"])
    if isinstance(found, dict):
        return Embedded(found["float"])
    return Embedded([one["embedding"] if isinstance(one, dict) else one for one in found])


def model(told: Mapping[str, Any]) -> str:
    url = str(told["request"].get("url", ""))
    return (
        unquote(url.rsplit("/model/", maxsplit=1)[-1].rpartition("/")[0])
        if "/model/" in url
        else "cohere.rerank-v3-5:0"
    )


def kinds(prefix: str) -> Mapping[str, str]:
    return {f"{prefix}-{kind}": kind for kind in CHAT} | {prefix: "chat"}


def invoked(vendor: str, **more: Any) -> Speaker:
    return Speaker(
        provider="bedrock",
        folder="bedrock",
        kinds=kinds(f"invoke-{vendor}"),
        errors=False,
        credential=CREDENTIAL,
        model=model,
        extras=INVOKE,
        **more,
    )


SPEAKERS = (
    Speaker(
        provider="bedrock",
        folder="bedrock",
        kinds=kinds("converse"),
        credential=CREDENTIAL,
        model=model,
        framed=framed,
        whole_of=whole_of,
        stream_of=stream_of,
    ),
    invoked(
        "claude",
        whole_of=claude_whole_of,
        stream_of=claude_stream_of,
        any_model="anthropic.claude-sonnet-4-5",
    ),
    invoked("nova", whole_of=nova_whole_of, stream_of=nova_stream_of),
    invoked("llama", whole_of=llama_whole_of, stream_of=llama_stream_of),
    invoked("titan", whole_of=titan_whole_of, stream_of=titan_stream_of),
    # A whole answer of these counts its tokens in headers alone, a stream in its last event.
    invoked("mistral"),
    invoked("cohere"),
    invoked("ai21"),
    Speaker(
        provider="bedrock",
        folder="bedrock",
        kinds={"embeddings": "embeddings", "rerank": "rerank"},
        errors=False,
        credential=CREDENTIAL,
        model=model,
        any_model="amazon.titan-embed-text-v2:0",
        header_tokens=TOKENS,
        embedded=embedded,
        ranked=lambda told: [(one["index"], one["relevanceScore"]) for one in told["results"]],
    ),
    Speaker(
        provider="bedrock",
        folder="bedrock",
        kinds={"invoke-imported": "embeddings"},
        errors=False,
        credential=CREDENTIAL,
        model=model,
        extras={"base_model": "amazon.titan-embed-text-v2:0"},
        embedded=embedded,
    ),
)
