"""What Converse refuses beside wrong shapes: turns, blocks and settings that do not fit the model
(docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference-call.html).
"""

import re
from itertools import pairwise
from typing import Any

import msgspec

from lab.bedrock.client import exception, refuse
from lab.bedrock.traits import Traits
from lab.http import Call, Refused

_DOCUMENT_NAME = re.compile(r"(?!.*\s\s)[a-zA-Z0-9\s()\[\]-]+", re.ASCII)
_SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}", re.ASCII)
_MOST_DOCUMENTS = 5
_MOST_CACHE_POINTS = 4
_MEDIA = ("image", "document", "video", "audio")
_NO_CACHE_AFTER = ("document", "video")


def check(call: Call, body: dict[str, Any], trait: Traits, *, streamed: bool) -> None:
    """Raises `Refused` at the first thing this model would not take in a request of the right shape."""
    messages = body.get("messages") or []
    if not messages:
        refuse(call, "The messages field is empty. Add a message and try again.")
    if body.get("system") and not trait.system:
        refuse(
            call,
            "This model doesn't support system messages. Try again without a system message or use a model "
            "that supports system messages.",
        )
    _roles(call, messages, trait)
    for place, message in enumerate(messages):
        _message(call, message, f"messages.{place}", trait)
    _documents(call, messages)
    _tool_turns(call, body, messages, trait)
    if tools := body.get("toolConfig"):
        _tools(call, tools, trait, streamed=streamed)
    _cache_points(call, body, trait)
    _settings(call, body, trait)


def _roles(call: Call, messages: list[dict[str, Any]], trait: Traits) -> None:
    roles = [message["role"] for message in messages]
    if "system" in roles and not trait.claude:
        refuse(call, "This model doesn't support the system role in messages.")
    if roles[:1] != ["user"] and not trait.begins_anyhow:
        refuse(
            call,
            "A conversation must start with a user message. Try again with a conversation that starts with a "
            "user message.",
        )
    if any(one == other for one, other in pairwise(roles)):
        refuse(
            call,
            "A conversation must alternate between user and assistant roles. Make sure the conversation "
            "alternates between user and assistant roles and try again.",
        )


def _message(call: Call, message: dict[str, Any], where: str, trait: Traits) -> None:
    content = message["content"]
    if not content:
        refuse(
            call,
            f"The content field in the Message object at {where} is empty. Add a ContentBlock object to the "
            "content field and try again.",
        )
    for place, block in enumerate(content):
        _block(call, block, message["role"], f"{where}.content.{place}", trait)
    if any("document" in block for block in content) and not any("text" in block for block in content):
        refuse(call, f"Add a text block to the message at {where}: it contains a document.")
    results = [block for block in content if "toolResult" in block]
    rest = [block for block in content if "toolResult" not in block and "cachePoint" not in block]
    if results and rest and trait.lone_results:
        refuse(call, f"Nothing but toolResult blocks may be in the message at {where} for this model.")
    if trait.claude and any("toolResult" in one and "document" in other for one, other in pairwise(content)):
        ids = ", ".join(block["toolResult"]["toolUseId"] for block in results)
        refuse(  # It is there; but this is what Claude says when a document follows it.
            call,
            f"The model returned the following errors: {where}: `tool_use` ids were found without `tool_result` "
            f"blocks immediately after: {ids}. Each `tool_use` block must have a corresponding `tool_result` "
            "block in the next message.",
        )


def _block(call: Call, block: dict[str, Any], role: str, where: str, trait: Traits) -> None:
    kind, value = next(iter(block.items()))
    match kind:
        case "text" if not value.strip():
            refuse(
                call,
                f"The text field in the ContentBlock object at {where} is blank. Add text to the text field, "
                "and try again.",
            )
        case "image" | "document" | "video" | "audio":
            _shown(call, block, trait)
        case "toolUse" if role != "assistant":
            refuse(call, f"Only an assistant's message may contain toolUse blocks, at {where}.")
        case "toolResult":
            if role != "user":
                refuse(call, f"Only a user's message may contain toolResult blocks, at {where}.")
            if "status" in value and not trait.result_status:
                refuse(call, "This model doesn't support the status field. Remove status and try again.")
            if value.get("status") == "error" and not value["content"]:
                refuse(
                    call,
                    f"The content field at {where}.toolResult cannot be empty when status value is error.",
                )
            for place, inner in enumerate(value["content"]):
                _shown(call, inner, trait)
                if not isinstance(inner.get("json", {}), dict):
                    refuse(
                        call,
                        f"The format of the value at {where}.toolResult.content.{place}.json is invalid. Provide "
                        "a json object for the field and try again.",
                    )
        case "reasoningContent":
            if role != "assistant":
                refuse(
                    call,
                    "User messages cannot contain reasoning content. Please remove the reasoning content and "
                    "try again.",
                )
            if not trait.reasons or (
                "signature" in value.get("reasoningText", ()) and trait.reasons == "plain"
            ):
                refuse(
                    call,
                    "This model doesn't support the reasoningContent field that you provided. Update the "
                    "content block and try again.",
                )
        case "searchResult" if not trait.claude:
            refuse(
                call,
                "This model doesn't support the searchResult content block that you provided. Update the content "
                "block and try again.",
            )
        case _:
            return


def _shown(call: Call, block: dict[str, Any], trait: Traits) -> None:
    for kind in _MEDIA:
        if kind in block and kind not in trait.media:
            refuse(
                call,
                f"This model doesn't support the {kind} content block that you provided. Update the content "
                "block and try again.",
            )


def _documents(call: Call, messages: list[dict[str, Any]]) -> None:
    blocks = [block for message in messages for block in message["content"]]
    blocks += [inner for block in blocks if "toolResult" in block for inner in block["toolResult"]["content"]]
    names = [block["document"]["name"] for block in blocks if "document" in block]
    for name in names:
        if not _DOCUMENT_NAME.fullmatch(name):
            refuse(
                call,
                "The document file name can only contain alphanumeric characters, whitespace characters, "
                "hyphens, parentheses, and square brackets. The name can't contain more than one consecutive "
                "whitespace character.",
            )
    if len({name.lower() for name in names}) < len(names):
        refuse(
            call,
            "Messages can't contain duplicate document names. Rename the document and retry your request.",
        )
    if len(names) > _MOST_DOCUMENTS:
        refuse(call, f"You can't include more than {_MOST_DOCUMENTS} documents in a request.")


def _tool_turns(call: Call, body: dict[str, Any], messages: list[dict[str, Any]], trait: Traits) -> None:
    """Every result answers a call of the turn before, and no call is left without one."""
    called: list[str] = []
    for place, message in enumerate(messages):
        answered = [block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block]
        waiting = [id for id in called if id not in answered]
        if message["role"] != "system" and waiting:
            refuse(
                call,
                f"Expected toolResult blocks at messages.{place}.content for the following Ids: "
                f"{', '.join(waiting)}",
            )
        if len(answered) > len(called) or not set(answered) <= set(called):
            refuse(
                call,
                f"The number of toolResult blocks at messages.{place}.content exceeds the number of toolUse "
                "blocks of previous turn.",
            )
        called = [block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block]
        if called + answered and not body.get("toolConfig"):
            refuse(
                call, "The toolConfig field must be defined when using toolUse and toolResult content blocks."
            )
        if trait.short_ids and not all(map(_SHORT_ID.fullmatch, called)):
            refuse(
                call,
                "The model returned the following errors: Tool call id was "
                f"{called[0]} but must be a-z, A-Z, 0-9, with a length of 9.",
            )
    if called:
        refuse(
            call,
            f"Expected toolResult blocks at messages.{len(messages)}.content for the following Ids: "
            f"{', '.join(called)}",
        )


def _tools(call: Call, config: dict[str, Any], trait: Traits, *, streamed: bool) -> None:
    if not trait.tools:
        refuse(call, "This model doesn't support tool use.")
    if streamed and not trait.streams_tools:
        refuse(call, "This model doesn't support tool use in streaming mode.")
    names = [tool["toolSpec"]["name"] for tool in config["tools"] if "toolSpec" in tool]
    if len(set(names)) < len(names):
        refuse(call, "The toolConfig field contains tools with the same name. Rename one and try again.")
    for place, tool in enumerate(config["tools"]):
        if "systemTool" in tool and not trait.id.startswith("amazon.nova-2"):
            refuse(call, "This model doesn't support system tools.")
        schema = tool.get("toolSpec", {}).get("inputSchema", {}).get("json")
        if schema is not None and schema.get("type") != "object":
            refuse(
                call,
                f"The value at toolConfig.tools.{place}.toolSpec.inputSchema.json.type must be one of the "
                "following: object.",
            )
    choice = next(iter(config.get("toolChoice") or {"auto": {}}))
    if choice not in trait.choices:
        refuse(
            call,
            f"This model doesn't support the toolConfig.toolChoice.{choice} field. Remove "
            f"toolConfig.toolChoice.{choice} and try again.",
        )
    if choice == "tool" and config["toolChoice"]["tool"]["name"] not in names:
        refuse(call, "The tool that toolConfig.toolChoice.tool names is not in toolConfig.tools.")


def _cache_points(call: Call, body: dict[str, Any], trait: Traits) -> None:
    tools = (body.get("toolConfig") or {}).get("tools") or []
    lists = [tools, body.get("system") or [], *(message["content"] for message in body["messages"])]
    points = [block["cachePoint"] for blocks in lists for block in blocks if "cachePoint" in block]
    if not points:
        return
    if not trait.caches or (not trait.caches_tools and any("cachePoint" in tool for tool in tools)):
        words = (
            "You invoked an unsupported model or your request did not allow prompt caching. See the "
            "documentation for more information."
        )
        raise Refused(exception(call, 403, "AccessDeniedException", words))
    if any("ttl" in point for point in points) and not trait.long_cache:
        refuse(call, "This model doesn't support the ttl field of cachePoint. Remove ttl and try again.")
    if len(points) > _MOST_CACHE_POINTS:
        refuse(
            call,
            f"A request can contain at most {_MOST_CACHE_POINTS} cachePoint blocks, this one has {len(points)}.",
        )
    for blocks in lists:
        for before, block in zip([{}, *blocks], blocks, strict=False):
            if "cachePoint" in block and (not before or any(kind in before for kind in _NO_CACHE_AFTER)):
                refuse(
                    call, "A cachePoint block can't be first, and can't directly follow a document or video."
                )


def _settings(call: Call, body: dict[str, Any], trait: Traits) -> None:
    most = (body.get("inferenceConfig") or {}).get("maxTokens", 0)
    if most > trait.most:
        refuse(
            call,
            f"The maximum tokens you requested exceeds the model limit of {trait.most}. Try again with a maximum "
            f"tokens value that is lower than {trait.most}.",
        )
    own = body.get("additionalModelRequestFields") or {}
    if "reasoningConfig" in own and trait.effort == "nova":
        high = own["reasoningConfig"].get("maxReasoningEffort") == "high"
        if high and {"maxTokens", "temperature", "topP"} & (body.get("inferenceConfig") or {}).keys():
            refuse(call, "maxTokens, temperature and topP must be unset when maxReasoningEffort is high.")
    strict = any(
        tool.get("toolSpec", {}).get("strict") for tool in (body.get("toolConfig") or {}).get("tools", ())
    )
    form = (body.get("outputConfig") or {}).get("textFormat")
    if (form or strict) and not trait.schemas:
        refuse(call, "This model doesn't support structured outputs. Remove them and try again.")
    if form:
        try:
            schema = msgspec.json.decode(form["structure"]["jsonSchema"]["schema"])
        except msgspec.DecodeError:
            schema = None
        if not isinstance(schema, dict):
            refuse(call, "The schema at outputConfig.textFormat.structure.jsonSchema is not valid JSON.")
