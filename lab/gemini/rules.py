"""What Gemini refuses in a request beside its conversation (ai.google.dev/api/generate-content)."""

import re
from typing import Any

from lab.gemini import turn_rules
from lab.gemini.client import refuse
from lab.gemini.fields import VERTEX
from lab.gemini.parse import parse
from lab.gemini.traits import Traits
from lab.http import Call

Body = dict[str, Any]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_CACHED = re.compile(r"cachedContents/[\w-]+")
_CACHED_ON_VERTEX = re.compile(r"projects/[^/]+/locations/[^/]+/cachedContents/[\w-]+")
_BESIDE = "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request."
_STOPS = 5
_TIERS = ("unspecified", "standard", "flex", "priority")
_MIMES = ("text/plain", "application/json", "text/x.enum")
_BOUNDS: dict[str, tuple[float, float]] = {
    "temperature": (0, 2),
    "topP": (0, 1),
    "topK": (1, 1 << 31),
    "candidateCount": (1, 8),
    "maxOutputTokens": (1, 65_536),
    "presencePenalty": (-2, 2),
    "frequencyPenalty": (-2, 2),
    "logprobs": (0, 20),
}


def check(call: Call, given: Any, trait: Traits, host: str) -> Body:
    """The request's message, if Gemini would take it. Raises `Refused`."""
    body = parse(call, given, "GenerateContentRequest", host)
    turn_rules.check(call, body.get("contents") or [], trait, host)
    if trait.gemma and trait.generation < 4 and body.get("systemInstruction"):
        refuse(call, f"Developer instruction is not enabled for models/{call.model}")
    for part in (body.get("systemInstruction") or {}).get("parts") or ():
        if "text" not in part:
            refuse(call, "System instruction only supports text parts.")
    _cached(call, body, host)
    functions = _tools(call, body.get("tools") or [], trait, host)
    _tool_config(call, body.get("toolConfig") or {}, functions)
    for setting in body.get("safetySettings") or ():
        if not setting.get("category") or not setting.get("threshold"):
            refuse(call, "* GenerateContentRequest.safety_settings[0].category: must be set\n")
    if body.get("serviceTier") is not None and body["serviceTier"] not in _TIERS:
        refuse(call, f"Invalid value at 'service_tier', \"{body['serviceTier']}\"")
    _generation(call, body.get("generationConfig") or {}, trait, host, functions=bool(functions))
    return body


def _cached(call: Call, body: Body, host: str) -> None:
    name = body.get("cachedContent")
    if name is None:
        return
    if any(body.get(field) for field in ("systemInstruction", "tools", "toolConfig")):
        refuse(call, _BESIDE)
    if not (_CACHED_ON_VERTEX if host == VERTEX else _CACHED).fullmatch(name):
        refuse(call, "* GenerateContentRequest.cached_content: Invalid cached content name\n")
    if "nonexistent" in name:
        refuse(call, "CachedContent not found (or permission denied)", status=403)


# --- tools -----------------------------------------------------------------------------------


def _tools(call: Call, tools: list[Body], trait: Traits, host: str) -> list[Body]:
    functions = [one for tool in tools for one in tool.get("functionDeclarations") or ()]
    own = [name for tool in tools for name in tool if name != "functionDeclarations"]
    if functions and trait.gemma and trait.generation < 4:
        refuse(call, f"Function calling is not enabled for models/{call.model}")
    if functions and own and not trait.new:
        refuse(call, "Tool use with function calling is unsupported by the model.")
    seen = set()
    for at, declared in enumerate(functions):
        where = f"* GenerateContentRequest.tools[0].function_declarations[{at}]"
        name = declared.get("name", "")
        if not _NAME.fullmatch(name):
            refuse(
                call,
                f"{where}.name: Invalid function name. Must start with a letter or an underscore. Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64.\n",
            )
        if name in seen:
            refuse(call, f"Duplicate function declaration found: {name}")
        seen.add(name)
        if "parameters" in declared and "parametersJsonSchema" in declared:
            refuse(call, "parameters and parameters_json_schema are mutually exclusive")
        _schema(call, declared.get("parameters"), f"{where}.parameters")
        free = declared.get("parametersJsonSchema")
        if free is not None and not {"properties", "$ref", "anyOf", "additionalProperties"} & free.keys():
            refuse(call, f"{where}.parameters.properties: should be non-empty for OBJECT type\n")
    return functions


def _schema(call: Call, schema: Body | None, where: str) -> None:
    """An object has properties, and what is required is one of them."""
    if schema is None:
        return
    if schema.get("type") == "OBJECT":
        properties = schema.get("properties")
        if not properties and where.endswith(".parameters"):
            refuse(call, f"{where}.properties: should be non-empty for OBJECT type\n")
        for at, name in enumerate(schema.get("required") or ()):
            if name not in (properties or {}):
                refuse(call, f"{where}.required[{at}]: property is not defined\n")
    if schema.get("enum") and schema.get("type") != "STRING":
        refuse(call, f"{where}.enum: only allowed for STRING type\n")
    if schema.get("type") == "ARRAY" and "items" not in schema:
        refuse(call, f"{where}.items: missing field.\n")
    for name, inner in (schema.get("properties") or {}).items():
        _schema(call, inner, f"{where}.properties[{name}]")
    for inner in (schema.get("items"), *(schema.get("anyOf") or ())):
        _schema(call, inner, f"{where}.items")


def _tool_config(call: Call, config: Body, functions: list[Body]) -> None:
    calling = config.get("functionCallingConfig") or {}
    names = calling.get("allowedFunctionNames") or ()
    mode = calling.get("mode", "AUTO")
    if mode in ("ANY", "VALIDATED") and not functions:
        refuse(call, "Function calling config is set without function_declarations.")
    if names and mode not in ("ANY", "VALIDATED"):
        refuse(call, "Function calling config is set with allowed function names but mode is not ANY.")
    known = {one["name"] for one in functions}
    for name in names:
        if name not in known:
            refuse(call, f"Function calling config contains an unknown function name: {name}")


# --- generationConfig ------------------------------------------------------------------------


def _generation(call: Call, config: Body, trait: Traits, host: str, *, functions: bool) -> None:
    for name, (least, most) in _BOUNDS.items():
        value = config.get(name)
        if value is not None and not least <= value <= most:
            refuse(
                call, f"Unable to submit request because {name} must be in the range [{least:g}, {most:g}]."
            )
    if len(config.get("stopSequences") or ()) > _STOPS:
        refuse(call, f"The number of stop sequences must not exceed {_STOPS}.")
    for name in ("temperature", "topP", "topK"):
        if name in config and not trait.samples:
            refuse(call, f"{name} is not supported by models/{call.model}")
    for name in ("presencePenalty", "frequencyPenalty"):
        if config.get(name) and trait.generation >= 3:
            refuse(call, f"Penalty is not enabled for models/{call.model}")
    if config.get("candidateCount", 1) > 1 and trait.generation >= 3:
        refuse(call, f"Multiple candidates is not enabled for models/{call.model}")
    if "logprobs" in config and not config.get("responseLogprobs"):
        refuse(call, "logprobs is set but response_logprobs is not")
    if config.get("responseLogprobs") and host != VERTEX:
        refuse(call, f"Logprobs is not enabled for models/{call.model}")
    _thinking(call, config.get("thinkingConfig") or {}, trait)
    _form(call, config, trait, functions=functions)
    wanted = {*(config.get("responseModalities") or ())} - {"TEXT"}
    if (wanted == {"IMAGE"} and trait.draws) or (wanted == {"AUDIO"} and trait.speaks):
        return
    if wanted:
        refuse(call, "This model only supports text output.")


def _thinking(call: Call, config: Body, trait: Traits) -> None:
    budget, level = config.get("thinkingBudget"), config.get("thinkingLevel")
    if config and not trait.thinks:
        refuse(call, f"Thinking is not enabled for models/{call.model}")
    if budget is not None and level is not None:
        refuse(call, "You can only set only one of thinking budget and thinking level.")
    if level is not None and level not in trait.levels:
        refuse(
            call,
            f"Thinking level {level} is not supported for this model. Please retry with other thinking level.",
        )
    if budget is None or budget == -1 or trait.budget is None:
        return
    least, most = trait.budget
    if budget == 0 and not trait.off:
        refuse(call, "Budget 0 is invalid. This model only works in thinking mode.")
    if budget and not least <= budget <= most:
        refuse(
            call,
            f"The thinking budget {budget} is invalid. Please choose a value between {least} and {most}.",
        )


def _form(call: Call, config: Body, trait: Traits, *, functions: bool) -> None:
    mime = config.get("responseMimeType")
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if config.get(name) is not None]
    if mime is not None and mime not in _MIMES:
        refuse(
            call,
            f"* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are {_MIMES}\n",
        )
    if len(schemas) > 1:
        refuse(call, "response_schema and response_json_schema are mutually exclusive")
    if schemas and mime in (None, "text/plain"):
        refuse(call, "Response schema requires a response mime type of application/json or text/x.enum")
    if mime == "application/json" and trait.gemma and trait.generation < 4:
        refuse(call, f"JSON mode is not enabled for models/{call.model}")
    if mime == "application/json" and functions and not trait.new:
        refuse(call, "Function calling with a response mime type: 'application/json' is unsupported")
    _schema(call, config.get("responseSchema"), "* GenerateContentRequest.generation_config.response_schema")
