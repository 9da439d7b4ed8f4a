"""What the parameters of a chat ask for, whatever provider they were written for."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

import msgspec

from integration_api.core.errors import Failure
from integration_api.core.json import Json, encode_text
from integration_api.core.llm import (
    Cache,
    EndUser,
    LlmRequest,
    Message,
    Output,
    ReasoningRequest,
    Safety,
    Sampling,
    Tool,
    ToolChoice,
)
from integration_api.dialects.notes import Notes
from integration_api.dialects.unified_values import Parameters, invalid

EFFORTS = frozenset(
    word for part in get_args(get_type_hints(ReasoningRequest)["effort"]) for word in get_args(part)
)
CHOICES = {"auto": "auto", "none": "none", "required": "required", "any": "required"}


def model_of(parameters: Parameters) -> str:
    """Return the model's name; the catalogue's id where there is no other."""
    name = parameters.text("name")
    catalogue = parameters.text("id")
    return name or catalogue or ""


def read_parameters(
    parameters: Parameters,
    *,
    model: str,
    messages: tuple[Message, ...],
    tools: tuple[Tool, ...],
    understood: Sequence[str],
    notes: Notes,
) -> LlmRequest:
    """Return the request they make. `understood` names what the provider takes beyond the common ones.

    Raises `Failure(INVALID_REQUEST)` for a value that is not what its key takes; keys that nobody
    knows are left out with a notice.
    """
    top_logprobs = parameters.integer("top_logprobs")
    logprobs = parameters.flag("logprobs")
    if parameters.count("n", "candidate_count") not in {None, 1}:
        notes.note("dropped", "n", "an answer has one candidate here")
    request = LlmRequest(
        model=model,
        messages=messages,
        tools=tools,
        tool_choice=_tool_choice(parameters, tools),
        parallel_tools=parameters.flag("parallel_tool_calls"),
        output=_output(parameters),
        sampling=Sampling(
            temperature=parameters.number("temperature"),
            top_p=parameters.number("top_p", "p"),
            top_k=parameters.integer("top_k", "k"),
            min_p=parameters.number("min_p"),
            seed=parameters.integer("seed", "random_seed"),
            stop=parameters.words("stop", "stop_sequences"),
            presence_penalty=parameters.number("presence_penalty"),
            frequency_penalty=parameters.number("frequency_penalty"),
            repetition_penalty=parameters.number("repetition_penalty"),
            logit_bias=_biases(parameters),
            logprobs=True if top_logprobs else logprobs,
            top_logprobs=top_logprobs,
        ),
        max_output_tokens=parameters.count("max_completion_tokens", "max_tokens", "max_output_tokens"),
        reasoning=_reasoning(parameters),
        cache=Cache(
            key=parameters.text("prompt_cache_key"), retention=parameters.text("prompt_cache_retention")
        ),
        safety=_safety(parameters),
        service_tier=parameters.text("service_tier"),
        end_user=EndUser(id=parameters.text("user"), safety_identifier=parameters.text("safety_identifier")),
        metadata=_metadata(parameters),
        store=parameters.flag("store"),
    )
    merged = parameters.object("parameters") or {}
    extras, unknown = parameters.rest(understood)
    for key in unknown:
        notes.note("dropped", key, "nothing here knows this parameter")
    if not extras and not merged:
        return request
    return msgspec.structs.replace(request, extras={**extras, **merged})


def _tool_choice(parameters: Parameters, tools: tuple[Tool, ...]) -> ToolChoice | None:
    key, given = parameters.json("tool_choice")
    if given is None or not tools:
        return None
    if isinstance(given, str) and given in CHOICES:
        return ToolChoice(CHOICES[given])  # type: ignore[arg-type]
    name = given
    if isinstance(given, dict):
        function = given.get("function")
        name = function.get("name") if isinstance(function, dict) else given.get("name")
    if not isinstance(name, str) or all(tool.name != name for tool in tools):
        raise invalid("expected auto, none, required, or the name of a tool", key)
    return ToolChoice("named", (name,))


def _output(parameters: Parameters) -> Output:
    key, given = parameters.json("response_format")
    verbosity = parameters.text("verbosity")
    if given is None:
        return Output(verbosity=verbosity)
    if isinstance(given, str):
        given = {"type": given}
    if not isinstance(given, dict):
        raise invalid("expected a JSON object", key)
    schema = given.get("response_schema") or given.get("schema")
    wrapped = given.get("json_schema")
    if isinstance(wrapped, dict):
        schema = wrapped.get("schema", wrapped if "type" in wrapped else None)
    else:
        wrapped = {}
    kind: Any = given.get("type") or ("json_schema" if schema is not None else None)
    if kind is None:
        mime = given.get("response_mime_type", "text/plain")
        kind = "json_object" if mime == "application/json" else "text"
    if kind not in {"text", "json_object", "json_schema"}:
        raise invalid("type must be text, json_object or json_schema", key)
    if kind == "json_schema" and not isinstance(schema, dict):
        raise invalid("json_schema needs a schema", key)
    return Output(
        kind=kind,
        name=_text_or_none(wrapped.get("name")) if kind == "json_schema" else None,
        description=_text_or_none(wrapped.get("description")),
        schema=schema if kind == "json_schema" else None,
        strict=wrapped.get("strict") if isinstance(wrapped.get("strict"), bool) else None,
        verbosity=verbosity,
    )


def _reasoning(parameters: Parameters) -> ReasoningRequest:
    """Read an effort, and thinking as Anthropic's, Google's and the platform's forms spell it."""
    key, given = parameters.take("reasoning_effort")
    if given is not None and not (isinstance(given, str) and given in EFFORTS):
        raise invalid(f"expected one of {', '.join(sorted(EFFORTS))}", key)
    effort: Any = given
    key, thinking = parameters.json("thinking", "thinking_config")
    if thinking is None:
        return ReasoningRequest(effort=effort)
    if isinstance(thinking, bool):
        thinking = {"enabled": thinking}
    if not isinstance(thinking, dict):
        raise invalid("expected a JSON object", key)
    mode: Any = "default"
    match thinking:
        case {"enabled": bool(enabled)}:
            mode = "on" if enabled else "off"
        case {"type": "enabled"}:
            mode = "on"
        case {"type": "disabled"}:
            mode = "off"
        case {"type": "adaptive"}:
            mode = "auto"
    level = thinking.get("thinking_level")
    if effort is None and isinstance(level, str) and level.lower() in EFFORTS:
        effort = level.lower()
    budget = _budget(thinking, key)
    if budget == 0 and mode == "default":
        mode = "off"
    return ReasoningRequest(
        mode=mode,
        effort=effort,
        budget_tokens=budget if budget and budget > 0 and mode != "off" else None,
        include="full" if thinking.get("include_thoughts") is True else None,
    )


def _budget(thinking: Mapping[str, Json], key: str) -> int | None:
    for name in ("budget_tokens", "thinking_budget"):
        given = thinking.get(name)
        if given is None or given == "":
            continue
        try:
            return msgspec.convert(given, int, strict=False)
        except msgspec.ValidationError:
            raise invalid(f"{name} must be a whole number", key) from None
    return None


def _biases(parameters: Parameters) -> Mapping[str, float] | None:
    key, given = parameters.json("logit_bias")
    return None if given is None else _converted(given, dict[str, float], key)


def _metadata(parameters: Parameters) -> Mapping[str, str] | None:
    given = parameters.object("metadata")
    if given is None:
        return None
    return {name: value if isinstance(value, str) else encode_text(value) for name, value in given.items()}


def _safety(parameters: Parameters) -> Safety:
    key, settings = parameters.json("safety_settings")
    return Safety(
        settings=() if settings is None else tuple(_converted(settings, list[dict[str, Any]], key)),
        safe_prompt=parameters.flag("safe_prompt"),
    )


def _converted(given: Json, kind: Any, key: str) -> Any:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _wrong(error, key) from None


def _wrong(error: Exception, key: str) -> Failure:
    return invalid(str(error), key)


def _text_or_none(value: Json) -> str | None:
    return value if isinstance(value, str) and value else None
