"""Our request as the body of `POST /v2/chat`, the same one every time. https://docs.cohere.com/reference/chat"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.llm import (
    LlmRequest,
    Output,
    ReasoningRequest,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_ids import map_names
from integration_api.dialects.openai_chat_messages import tool_names
from integration_api.dialects.openai_chat_payload import merge
from integration_api.providers.cohere import turns
from integration_api.providers.cohere.answer import Reading
from integration_api.providers.cohere.capabilities import Rules, rules
from integration_api.providers.cohere.client import NAME

P_RANGE = (0.01, 0.99)
K_RANGE = (0, 500)
PENALTY_RANGE = (0.0, 1.0)
MOST_STOPS = 5

BUDGETS = {"minimal": 512, "low": 1024, "medium": 4096, "high": 16384, "xhigh": 32768}
"""Tokens to think with, for an effort in words. `max` has no bound: that is Cohere's own default."""

JSON_ONLY = "Answer with one JSON object and nothing else."
"""Unless a prompt asks for JSON, a model that is held to it may write blanks without end."""


class Prepared(Struct, frozen=True, kw_only=True):
    """A request in Cohere's words, and what reading its answer takes."""

    body: dict[str, Any]
    reading: Reading


def prepare(ask: LlmRequest, *, stream: bool) -> Prepared:
    """Render `ask`; the same request always gives the same body.

    Raises `Failure` (UNSUPPORTED) for what Cohere cannot do and may not be left out, and for
    everything it cannot do when the caller is strict.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    rule = rules(ask.model)
    names = map_names(tool_names(ask))
    writer = turns.Turns(rule, notes, names)
    messages = writer.write(ask.messages)
    documents = [*(turns.document(given) for given in ask.documents), *writer.documents]
    body: dict[str, Any] = {"model": ask.model, "messages": messages}
    if ask.tools:
        _tools(body, ask, names, notes)
    if documents:
        body["documents"] = documents
    form = _response_format(ask, documents, notes)
    if form is not None:
        body["response_format"] = form
        if "json_schema" not in form and not _asks_for_json(ask):
            messages.insert(0, {"role": Role.SYSTEM.value, "content": JSON_ONLY})
            notes.note("mapped", "response_format", "the model was also asked for JSON in words")
    thinking = _thinking(ask.reasoning, rule, notes)
    if thinking is not None:
        body["thinking"] = thinking
    if ask.max_output_tokens is not None:
        body["max_tokens"] = ask.max_output_tokens
    _sample(body, ask.sampling, notes)
    _refuse_the_rest(ask, notes)
    merge(body, ask.extras)
    if stream:
        body["stream"] = True
    else:
        body.pop("stream", None)
    return Prepared(
        body=body,
        reading=Reading(
            model=ask.model, notices=notes.all, names={sent: name for name, sent in names.items()}
        ),
    )


# --- tools -----------------------------------------------------------------------------------


def _tools(body: dict[str, Any], ask: LlmRequest, names: Mapping[str, str], notes: Notes) -> None:
    choice = ask.tool_choice or ToolChoice()
    offered = ask.tools
    if choice.mode in {"named", "allowed"}:
        offered = tuple(tool for tool in offered if tool.name in choice.names)
        notes.note(
            "mapped", "tool_choice", "the other tools were left out: cohere cannot be told which to call"
        )
    if offered:
        body["tools"] = [_tool(tool, names, notes) for tool in offered]
        _strict_tools(body, offered, notes)
        demanded = choice.mode in {"required", "named"} or (
            choice.mode == "allowed" and choice.allowed_mode == "required"
        )
        if demanded or choice.mode == "none":  # `auto` is a word it does not know.
            body["tool_choice"] = "REQUIRED" if demanded else "NONE"
    if ask.parallel_tools is False:
        notes.cannot("parallel_tool_calls", f"{NAME} may call several tools at once")


def _tool(tool: Tool, names: Mapping[str, str], notes: Notes) -> dict[str, Any]:
    if tool.kind != "function":
        raise unsupported("tools", f"{NAME} takes functions only, and {tool.name} is a {tool.kind} tool")
    if tool.cache is not None:
        notes.cannot("cache_control", f"{NAME} caches prompts by itself")
    function: dict[str, Any] = {"name": names.get(tool.name, tool.name)}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = tool.schema if tool.schema is not None else {"type": "object", "properties": {}}
    return {"type": "function", "function": function}


def _strict_tools(body: dict[str, Any], offered: tuple[Tool, ...], notes: Notes) -> None:
    """Hold the model to the schemas: to all of them or to none, and only where each demands something."""
    wanted = [tool.strict is True for tool in offered]
    if all(wanted) and all(tool.schema and tool.schema.get("required") for tool in offered):
        body["strict_tools"] = True
    elif any(wanted):
        notes.cannot(
            "tools.strict",
            f"{NAME} holds a model to all its tools or to none, and each needs a required parameter",
            "degraded",
        )


# --- the form of the answer ------------------------------------------------------------------


def _response_format(ask: LlmRequest, documents: list[dict[str, Any]], notes: Notes) -> dict[str, Any] | None:
    output: Output = ask.output
    if output.audio or any(modality != "text" for modality in output.modalities):
        raise unsupported("modalities", f"{NAME} answers in text alone")
    if output.verbosity:
        notes.cannot("verbosity", f"{NAME} does not know verbosity")
    if output.kind == "text":
        return None
    if documents or (ask.tools and not (ask.tool_choice and ask.tool_choice.mode == "none")):
        raise unsupported(
            "response_format",
            f"{NAME} takes no response_format beside tools or documents; leave one of them out",
        )
    form: dict[str, Any] = {"type": "json_object"}
    if output.kind == "json_schema" and output.schema:
        form["json_schema"] = output.schema
    return form


def _asks_for_json(ask: LlmRequest) -> bool:
    return any(
        "json" in part.text.lower()
        for message in ask.messages
        for part in message.parts
        if isinstance(part, Text)
    )


def _thinking(asked: ReasoningRequest, rule: Rules, notes: Notes) -> dict[str, Any] | None:
    off = asked.mode == "off" or asked.effort == "none"
    if off:
        return {"type": "disabled"} if rule.reasons else None
    wanted = asked.mode in {"on", "auto"} or asked.effort is not None or asked.budget_tokens is not None
    if not wanted:
        return None
    if not rule.reasons:
        notes.cannot("reasoning", "this model does not reason")
        return None
    budget = asked.budget_tokens or BUDGETS.get(asked.effort or "")
    return {"type": "enabled"} if budget is None else {"type": "enabled", "token_budget": budget}


# --- sampling --------------------------------------------------------------------------------


def _sample(body: dict[str, Any], sampling: Sampling, notes: Notes) -> None:
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.seed is not None:
        body["seed"] = sampling.seed
    if sampling.top_p is not None:
        body["p"] = min(max(sampling.top_p, P_RANGE[0]), P_RANGE[1])
        if body["p"] != sampling.top_p:
            # 1 is what many clients always send. Left out, Cohere's 0.75 would take its place.
            notes.note("clamped", "top_p", f"{NAME} takes top_p from {P_RANGE[0]} to {P_RANGE[1]}")
    if sampling.top_k is not None:
        body["k"] = _within("top_k", sampling.top_k, K_RANGE, notes)
    for name, penalty in (
        ("frequency_penalty", sampling.frequency_penalty),
        ("presence_penalty", sampling.presence_penalty),
    ):
        if penalty is not None:
            body[name] = _within(name, penalty, PENALTY_RANGE, notes)
    if sampling.stop:
        body["stop_sequences"] = sampling.stop[:MOST_STOPS]
        if len(sampling.stop) > MOST_STOPS:
            notes.cannot("stop", f"only the first {MOST_STOPS} stop sequences were sent", "clamped")
    if sampling.logprobs:
        body["logprobs"] = True


def _within(name: str, value: float, bounds: tuple[float, float], notes: Notes) -> float:
    least, most = bounds
    if least <= value <= most:
        return value
    notes.cannot(name, f"{NAME} takes {name} from {least:g} to {most:g}", "clamped")
    return min(max(value, least), most)


# --- what cannot be said ---------------------------------------------------------------------


def _refuse_the_rest(ask: LlmRequest, notes: Notes) -> None:
    sampling, cache, safety = ask.sampling, ask.cache, ask.safety
    if sampling.n not in {None, 1}:
        raise unsupported("n", f"{NAME} gives one answer to a request; ask {sampling.n} times")
    for name, wanted in (
        ("min_p", sampling.min_p),
        ("repetition_penalty", sampling.repetition_penalty not in {None, 1.0}),
        ("logit_bias", sampling.logit_bias),
        ("top_logprobs", sampling.top_logprobs),
        ("max_tool_calls", ask.max_tool_calls is not None),
        ("service_tier", ask.service_tier not in {None, "auto", "default"}),
        ("speed", ask.speed),
        ("inference_geo", ask.inference_geo),
        ("user", ask.end_user.id),
        ("safety_identifier", ask.end_user.safety_identifier),
        ("metadata", ask.metadata),
        ("store", ask.store),
        ("prediction", ask.prediction),
        ("prompt_cache_key", cache.key or cache.retention or cache.mode or cache.handle or cache.hint),
        ("safety_settings", safety.settings or safety.guardrail or safety.moderation),
        ("safe_prompt", safety.safe_prompt),
    ):
        if wanted:
            notes.cannot(name, f"{NAME} does not know {name}")
    for name in ask.unknown:
        notes.cannot(name, f"{NAME} does not know {name}")
