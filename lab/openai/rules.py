"""What OpenAI refuses in a chat request beside its messages (platform.openai.com/docs/api-reference/chat)."""

from typing import Any

from lab.http import Call, encode
from lab.openai import message_rules, schema_rules
from lab.openai.client import refuse
from lab.openai.traits import Traits, traits
from lab.openai.values import between, filled, known, named, one_of, required, short, typed

FIELDS = frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "modalities",
        "model",
        "moderation",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "response_format",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
_SAMPLING = ("top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias")
_NEUTRAL = {"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False}
_NO_TOOLS = "Invalid value for '{0}': '{0}' is only allowed when 'tools' are specified."
_PAIRS = 16
_KEY_LIMIT = 64
_VALUE_LIMIT = 512


def check(call: Call, body: dict[str, Any]) -> Traits:
    """The model's traits, if OpenAI would take the request. Raises `Refused`; null is as good as absent."""
    known(call, body, FIELDS)
    given = {name: value for name, value in body.items() if value is not None}
    model = given.get("model")
    if not model:
        refuse(call, "you must provide a model parameter")
    typed(call, model, str, "a string", "model")
    trait = traits(call.asked.base)
    if not trait.known:
        message = f"The model `{model}` does not exist or you do not have access to it."
        refuse(call, message, code="model_not_found", status=404)
    if not trait.chat:
        message = (
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/completions?"
        )
        refuse(call, message, param="model", status=404)
    examine(call, given, trait)
    return trait


def examine(call: Call, given: dict[str, Any], trait: Traits) -> None:
    """Everything but the model and the names of the fields. Raises `Refused`."""
    required(call, given, "messages")
    message_rules.check(call, given["messages"])
    _instructions(call, given["messages"], trait)
    _budget(call, given, trait)
    _sampling(call, given, trait)
    _stream(call, given)
    tools = _tools(call, given)
    _tool_choice(call, given, tools)
    _format(call, given)
    _small(call, given)


def _instructions(call: Call, messages: list[dict[str, Any]], trait: Traits) -> None:
    roles = {message["role"] for message in messages}
    if trait.instructions == "user only" and (found := roles & {"system", "developer"}):
        role = min(found)
        refuse(
            call,
            f"Unsupported value: 'messages[0].role' does not support '{role}' with this model.",
            param="messages[0].role",
            code="unsupported_value",
        )
    if {"system", "developer"} <= roles:
        refuse(call, "A request cannot have both 'system' and 'developer' messages.", param="messages")


def _budget(call: Call, given: dict[str, Any], trait: Traits) -> None:
    if "max_tokens" in given:
        if trait.reasoning != "never":
            refuse(
                call,
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                param="max_tokens",
                code="unsupported_parameter",
            )
        if "max_completion_tokens" in given:
            refuse(
                call, "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
            )
        between(call, given["max_tokens"], 0, None, "max_tokens", whole=True)
    if "max_completion_tokens" in given:
        between(call, given["max_completion_tokens"], 1, None, "max_completion_tokens", whole=True)


def _sampling(call: Call, given: dict[str, Any], trait: Traits) -> None:
    effort = given.get("reasoning_effort")
    if effort is not None:
        one_of(call, effort, _EFFORTS, "reasoning_effort")
        if trait.reasoning == "never":
            refuse(call, "Unrecognized request argument supplied: reasoning_effort")
        if effort not in trait.efforts:
            listed = ", ".join(f"'{one}'" for one in trait.efforts)
            refuse(
                call,
                f"Unsupported value: 'reasoning_effort' does not support '{effort}' with this model. "
                f"Supported values are: {listed}.",
                param="reasoning_effort",
                code="unsupported_value",
            )
    if "temperature" in given:
        between(call, given["temperature"], 0, 2, "temperature", whole=False)
    if "top_p" in given:
        between(call, given["top_p"], 0, 1, "top_p", whole=False)
    for name in ("presence_penalty", "frequency_penalty"):
        if name in given:
            between(call, given[name], -2, 2, name, whole=False)
    if "top_logprobs" in given:
        between(call, given["top_logprobs"], 0, 20, "top_logprobs", whole=True)
        if given.get("logprobs") is not True:
            refuse(
                call,
                "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
                param="top_logprobs",
            )
    if "stop" in given:
        _stop(call, given["stop"])
    if trait.search and "temperature" in given:
        refuse(call, "Model incompatible request argument supplied: temperature")
    if (effort or trait.default_effort or "none") == "none" and trait.reasoning != "always":
        return
    if given.get("temperature", 1) != 1:
        refuse(
            call,
            f"Unsupported value: 'temperature' does not support {given['temperature']} with this model. "
            "Only the default (1) value is supported.",
            param="temperature",
            code="unsupported_value",
        )
    for name in (*_SAMPLING, "stop"):
        if name in given and given[name] != _NEUTRAL.get(name, ...):
            refuse(
                call,
                f"Unsupported parameter: '{name}' is not supported with this model.",
                param=name,
                code="unsupported_parameter",
            )


def _stop(call: Call, stop: Any) -> None:
    if isinstance(stop, str):
        return
    typed(call, stop, list, "one of a string or array of strings", "stop")
    filled(call, stop, 4, "stop")
    for place, one in enumerate(stop):
        typed(call, one, str, "a string", f"stop[{place}]")


def _stream(call: Call, given: dict[str, Any]) -> None:
    if "stream" in given:
        typed(call, given["stream"], bool, "a boolean", "stream")
    if "stream_options" in given:
        if not given.get("stream"):
            refuse(
                call,
                "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                param="stream_options",
            )
        typed(call, given["stream_options"], dict, "an object", "stream_options")
        allowed = frozenset({"include_usage", "include_obfuscation"})
        known(call, given["stream_options"], allowed, "stream_options")


def _tools(call: Call, given: dict[str, Any]) -> dict[str, str]:
    """The tools' kinds by their names."""
    found: dict[str, str] = {}
    if "tools" not in given:
        return found
    filled(call, given["tools"], 128, "tools")
    for place, tool in enumerate(given["tools"]):
        where = f"tools[{place}]"
        typed(call, tool, dict, "an object", where)
        kind = required(call, tool, "type", where)
        one_of(call, kind, ("function", "custom"), f"{where}.type")
        known(call, tool, frozenset({"type", kind}), where)
        body = required(call, tool, kind, where)
        typed(call, body, dict, "an object", f"{where}.{kind}")
        name = required(call, body, "name", f"{where}.{kind}")
        named(call, name, f"{where}.{kind}.name")
        found[name] = kind
        if kind == "function":
            known(call, body, frozenset({"name", "description", "parameters", "strict"}), f"{where}.function")
            _parameters(call, body, f"{where}.function.parameters")
    return found


def _parameters(call: Call, function: dict[str, Any], where: str) -> None:
    schema = function.get("parameters")
    if schema is None:
        return
    wrong = schema_rules.top(schema) or (schema_rules.strict(schema) if function.get("strict") else "")
    if wrong:
        message = f"Invalid schema for function '{function['name']}': {wrong}"
        refuse(call, message, param=where, code="invalid_function_parameters")


def _tool_choice(call: Call, given: dict[str, Any], tools: dict[str, str]) -> None:
    for name in ("tool_choice", "parallel_tool_calls"):
        if name in given and not tools and not given.get("functions"):
            if name == "tool_choice" and given[name] == "none":
                continue
            refuse(call, _NO_TOOLS.format(name), param=name)
    choice = given.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str):
        one_of(call, choice, ("none", "auto", "required"), "tool_choice")
        return
    typed(call, choice, dict, "one of a string or object", "tool_choice")
    kind = required(call, choice, "type", "tool_choice")
    one_of(call, kind, ("function", "custom", "allowed_tools"), "tool_choice.type")
    body = required(call, choice, kind, "tool_choice")
    if kind == "allowed_tools":
        one_of(call, body.get("mode"), ("auto", "required"), "tool_choice.allowed_tools.mode")
        wanted = [one.get(one.get("type", ""), {}).get("name") for one in body.get("tools", ())]
    else:
        wanted = [required(call, body, "name", f"tool_choice.{kind}")]
    for name in wanted:
        if name not in tools:
            message = f"Tool choice '{name}' not found in 'tools' parameter."
            refuse(call, message, param="tool_choice")


def _format(call: Call, given: dict[str, Any]) -> None:
    wanted = given.get("response_format")
    if wanted is None:
        return
    typed(call, wanted, dict, "an object", "response_format")
    kind = required(call, wanted, "type", "response_format")
    one_of(call, kind, ("json_object", "json_schema", "text"), "response_format.type")
    if kind == "json_object" and b"json" not in encode(given["messages"]).lower():
        refuse(
            call,
            "'messages' must contain the word 'json' in some form, to use 'response_format' of type "
            "'json_object'.",
            param="messages",
        )
    if kind == "json_schema":
        where = "response_format.json_schema"
        body = required(call, wanted, "json_schema", "response_format")
        typed(call, body, dict, "an object", where)
        known(call, body, frozenset({"name", "description", "schema", "strict"}), where)
        named(call, required(call, body, "name", where), f"{where}.name")
        schema = body.get("schema")
        wrong = schema_rules.top(schema) if schema is not None else ""
        if not wrong and schema is not None and body.get("strict"):
            wrong = schema_rules.strict(schema)
        if wrong:
            message = f"Invalid schema for response_format '{body['name']}': {wrong}"
            refuse(call, message, param="response_format")


def _small(call: Call, given: dict[str, Any]) -> None:
    if "n" in given:
        between(call, given["n"], 1, 128, "n", whole=True)
    if "seed" in given:
        typed(call, given["seed"], int, "an integer", "seed")
    if "verbosity" in given:
        one_of(call, given["verbosity"], ("low", "medium", "high"), "verbosity")
    if "service_tier" in given:
        one_of(call, given["service_tier"], _TIERS, "service_tier")
    if "safety_identifier" in given:
        short(call, given["safety_identifier"], _KEY_LIMIT, "safety_identifier")
    if "user" in given:
        typed(call, given["user"], str, "a string", "user")
    if "logit_bias" in given:
        typed(call, given["logit_bias"], dict, "an object", "logit_bias")
    if "metadata" in given:
        _metadata(call, given["metadata"])


def _metadata(call: Call, metadata: Any) -> None:
    typed(call, metadata, dict, "an object", "metadata")
    if len(metadata) > _PAIRS:
        message = (
            f"Invalid 'metadata': too many properties. Expected an object with at most {_PAIRS} properties, "
            f"but got an object with {len(metadata)} properties instead."
        )
        refuse(call, message, param="metadata", code="object_above_max_properties")
    for name, value in metadata.items():
        short(call, name, _KEY_LIMIT, f"metadata.{name}")
        short(call, value, _VALUE_LIMIT, f"metadata.{name}")
