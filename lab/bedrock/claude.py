"""Claude behind Converse: the request in Anthropic's own words, which is what Claude's rules are about
(docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-claude.html).
"""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from lab.anthropic import rules
from lab.anthropic.client import OLD
from lab.anthropic.traits import Traits as ClaudeTraits
from lab.bedrock.client import refuse
from lab.bedrock.traits import Traits
from lab.http import Call, Refused

_BETAS = "anthropic_beta"
_PDF = "application/pdf"


def check(call: Call, body: dict[str, Any], trait: Traits) -> tuple[Call, dict[str, Any], ClaudeTraits]:
    """The request as Claude reads it, if Claude takes it. Raises `Refused` with Claude's words in AWS's."""
    asked = messages(body, trait)
    call, found = as_claude(call, asked, trait), ClaudeTraits()
    try:
        found = rules.check(call, asked, OLD)
    except Refused as refused:
        refuse(call, f"The model returned the following errors: {words(refused)}")
    return call, asked, found


def as_claude(call: Call, asked: dict[str, Any], trait: Traits) -> Call:
    """The call as Anthropic's emulator would see it, the lab's directives included."""
    directives = call.model.removeprefix(call.asked.base)
    betas = asked.pop(_BETAS, None)
    headers = {**call.headers, "anthropic-beta": ",".join(betas)} if betas else call.headers
    return replace(call, model=trait.claude + directives, document=asked, headers=headers)


def words(refused: Refused) -> str:
    """What Anthropic's emulator said."""
    said: str = msgspec.json.decode(refused.response.body)["error"]["message"]
    return said


def messages(body: dict[str, Any], trait: Traits) -> dict[str, Any]:
    """A request to Converse as one to Anthropic's messages."""
    config = body.get("inferenceConfig") or {}
    asked: dict[str, Any] = {
        "model": trait.claude,
        "max_tokens": config.get("maxTokens", trait.most),
        "messages": [
            {"role": turn["role"], "content": _marked(map(_block, turn["content"]), turn["content"])}
            for turn in body["messages"]
        ],
    }
    if system := body.get("system"):
        asked["system"] = _marked(map(_block, system), system)
    for theirs, ours in (
        ("temperature", "temperature"),
        ("topP", "top_p"),
        ("stopSequences", "stop_sequences"),
    ):
        if config.get(theirs) is not None:
            asked[ours] = config[theirs]
    if tools := body.get("toolConfig"):
        asked["tools"] = _marked(map(_tool, tools["tools"]), tools["tools"])
        if choice := tools.get("toolChoice"):
            kind = next(iter(choice))
            asked["tool_choice"] = {"type": kind, **choice[kind]}
    output = body.get("outputConfig") or {}
    own = body.get("additionalModelRequestFields") or {}
    if output:
        told = dict(own.get("output_config") or {})
        if form := output.get("textFormat"):
            schema = msgspec.json.decode(form["structure"]["jsonSchema"]["schema"])
            told["format"] = {"type": "json_schema", "schema": schema}
        if effort := output.get("effort"):
            told["effort"] = effort
        own = {**own, "output_config": told}
    return {**asked, **own}


def _marked(blocks: Iterable[dict[str, Any]], given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks with their cache points hung on those before them."""
    found: list[dict[str, Any]] = []
    for block, one in zip(blocks, given, strict=True):
        if "cachePoint" in one:
            ttl = one["cachePoint"].get("ttl")
            found[-1]["cache_control"] = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
        else:
            found.append(block)
    return found


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    spec = tool.get("toolSpec") or {}
    found = {"name": spec.get("name"), "input_schema": spec.get("inputSchema", {}).get("json")}
    return found | {name: spec[name] for name in ("description", "strict") if name in spec}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    kind, value = next(iter(block.items()))
    match kind:
        case "text":
            return {"type": "text", "text": value}
        case "image":
            return {"type": "image", "source": _source(value, f"image/{value['format']}")}
        case "document":
            return _document(value)
        case "toolUse":
            return {
                "type": "tool_use",
                "id": value["toolUseId"],
                "name": value["name"],
                "input": value["input"],
            }
        case "toolResult":
            return _result(value)
        case "reasoningContent" if "redactedContent" in value:
            return {"type": "redacted_thinking", "data": value["redactedContent"]}
        case "reasoningContent":
            said = value["reasoningText"]
            signature = {"signature": said["signature"]} if "signature" in said else {}
            return {"type": "thinking", "thinking": said["text"], **signature}
        case "citationsContent":
            return {"type": "text", "text": "".join(one["text"] for one in value.get("content", ()))}
        case "guardContent":
            return {"type": "text", "text": value["text"]["text"]} if "text" in value else _block(value)
        case "searchResult":
            return {**value, "type": "search_result", "content": [_block(one) for one in value["content"]]}
        case "json":
            return {"type": "text", "text": msgspec.json.encode(value).decode()}
        case _:
            return {"type": kind}


def _source(value: dict[str, Any], media_type: str) -> dict[str, Any]:
    """What Claude is given of a source. Of S3 it is given nothing, and says so."""
    data = value["source"].get("bytes")
    return {} if data is None else {"type": "base64", "media_type": media_type, "data": data}


def _document(value: dict[str, Any]) -> dict[str, Any]:
    source = value["source"]
    if "text" in source:
        held = {"type": "text", "media_type": "text/plain", "data": source["text"]}
    elif "content" in source:
        held = {"type": "content", "content": [_block(one) for one in source["content"]]}
    elif value.get("format", "pdf") == "pdf":
        held = _source(value, _PDF)
    else:
        text = b64decode(source.get("bytes", "")).decode("utf-8", "replace")
        held = {"type": "text", "media_type": "text/plain", "data": text} if text else {}
    more: dict[str, Any] = {name: value[name] for name in ("context", "citations") if name in value}
    return {"type": "document", "title": value["name"], "source": held, **more}


def _result(value: dict[str, Any]) -> dict[str, Any]:
    found = {
        "type": "tool_result",
        "tool_use_id": value["toolUseId"],
        "content": [_block(one) for one in value["content"]],
    }
    return found | {"is_error": True} if value.get("status") == "error" else found
