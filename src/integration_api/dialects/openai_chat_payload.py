"""Turns a request into the body of a chat completion, the same one every time.

https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.llm import Cache, LlmRequest, Notice, Output, ReasoningRequest, Tool, ToolChoice
from integration_api.dialects.fitting import UNCHANGED, fitted
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_dialect import Dialect, Rules, refined
from integration_api.dialects.openai_chat_ids import map_ids, map_names
from integration_api.dialects.openai_chat_messages import MessageWriter, call_ids, tool_names

FIELDS = frozenset({
    "audio", "frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "messages", "metadata",
    "modalities", "model", "moderation", "n", "parallel_tool_calls", "prediction", "presence_penalty",
    "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort",
    "response_format", "safety_identifier", "seed", "service_tier", "stop", "store", "stream",
    "stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user", "verbosity",
})  # fmt: skip
"""What OpenAI itself takes."""

MEANING = frozenset({"n", "tools", "tool_choice", "response_format", "modalities", "audio"})
"""What may not be left out quietly: the answer would not be what was asked for."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")

BUDGETS = ((1024, "low"), (8192, "medium"))
"""Budgets in tokens up to which an effort is the closest word; anything above is `high`."""

IN_MEMORY = "in_memory"
"""The shortest time that prompts are kept; up to an hour."""
BREAKPOINT_TTL = "30m"
"""The one that goes with breakpoints, and is said beside them."""
OTHERS_RETENTIONS = frozenset({"5m", "30m", "1h"})
"""Times that other vendors' prompts are kept for; OpenAI answers 400 to them."""


class Rendered(Struct, frozen=True):
    """A body, and what reading its answer needs to know."""

    body: bytes
    notices: tuple[Notice, ...]
    names: Mapping[str, str]
    """Tool names as they were sent, to the caller's own."""


def render(dialect: Dialect, ask: LlmRequest, *, stream: bool) -> Rendered:
    """Write the request body for `ask`.

    Raises `Failure` (UNSUPPORTED) for what the provider cannot do and may not be left
    out, and for everything it cannot do when the caller is strict.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    rules = refined(dialect.rules(ask.model), ask.known)
    names = map_names(tool_names(ask))
    ids = map_ids(call_ids(ask), dialect.tool_ids) if dialect.tool_ids is not None else {}
    writer = MessageWriter(dialect, rules, notes, ids, names)
    body: dict[str, Any] = {"model": ask.model, "messages": writer.write(ask.messages)}
    fields = Fields(dialect, rules, notes, body)
    if ask.tools:
        fields.tools(ask, names)
    fields.others(ask)
    for name, value in ask.unknown.items():
        if dialect.copies_unknown or (dialect.fields is not None and name in dialect.fields):
            body.setdefault(name, value)
        else:
            notes.cannot(name, f"{dialect.provider} does not know {name}")
    if stream and dialect.stream_options is not None:
        body["stream_options"] = dict(dialect.stream_options)
    merge(body, ask.extras)
    if stream:
        body["stream"] = True
    else:
        body.pop("stream", None)
        body.pop("stream_options", None)
    return Rendered(
        msgspec.json.encode(body), notes.all, {sent: name for name, sent in names.items()} if names else {}
    )


class Fields:
    """Everything in a body but its messages."""

    def __init__(self, dialect: Dialect, rules: Rules, notes: Notes, body: dict[str, Any]) -> None:
        self._dialect = dialect
        self._rules = rules
        self._notes = notes
        self._body = body
        self._refused = rules.refused

    def others(self, ask: LlmRequest) -> None:
        effort = None
        if self._dialect.reasoning is not None:
            for name, value in self._dialect.reasoning(ask.reasoning).items():
                self.put(name, value)
        else:
            effort = reasoning_effort(ask.reasoning, self._rules, self._notes)
            effort = effort and self._rules.effort_words.get(effort, effort)
        if self._rules.efforts and (effort or self._rules.default_effort) != "none":
            self._refused = {**self._rules.refused, **self._rules.refused_reasoning}
        if ask.reasoning.include in {"summary", "full"} and not self._dialect.shows_reasoning:
            self._notes.cannot(
                "reasoning.include", f"{self._dialect.provider} does not show its reasoning here"
            )
        sampling, cache, safety = ask.sampling, ask.cache, ask.safety
        output = ask.output
        if ask.documents:
            raise unsupported(
                "documents", f"{self._dialect.provider} takes no documents; put their text into a message"
            )
        for name, value in (
            ("max_completion_tokens", ask.max_output_tokens),
            ("temperature", self._temperature(sampling.temperature)),
            ("top_p", sampling.top_p),
            ("top_k", sampling.top_k),
            ("min_p", sampling.min_p),
            ("seed", sampling.seed),
            ("stop", self._stop(sampling.stop) if sampling.stop else None),
            ("presence_penalty", sampling.presence_penalty),
            ("frequency_penalty", sampling.frequency_penalty),
            ("repetition_penalty", sampling.repetition_penalty),
            ("logit_bias", _whole_numbers(sampling.logit_bias) if sampling.logit_bias else None),
            ("n", sampling.n),
            ("logprobs", sampling.logprobs),
            ("top_logprobs", sampling.top_logprobs),
            ("response_format", self._response_format(output) if output.kind != "text" else None),
            ("modalities", output.modalities or None),
            ("audio", output.audio),
            ("verbosity", output.verbosity),
            ("reasoning_effort", effort),
            ("prompt_cache_key", cache.key),
            ("prompt_cache_retention", self._retention(cache)),
            ("service_tier", self._service_tier(ask.service_tier)),
            ("moderation", safety.moderation),
            ("safe_prompt", safety.safe_prompt),
            ("guardrails", (safety.guardrail,) if safety.guardrail else None),
            ("safety_settings", safety.settings or None),
            ("max_tool_calls", ask.max_tool_calls),
            ("speed", ask.speed),
            ("inference_geo", ask.inference_geo),
            ("user", ask.end_user.id),
            ("safety_identifier", ask.end_user.safety_identifier),
            ("metadata", ask.metadata),
            ("store", ask.store),
            ("prediction", ask.prediction),
        ):
            if value is not None:
                self.put(name, value)
        self._cache(cache)

    def put(self, name: str, value: Any) -> None:
        """Set a field, or tell why not; `name` is OpenAI's."""
        spelled = self._dialect.spelling.get(name, name)
        known = self._dialect.fields
        if spelled in self._refused:
            reason = self._refused[spelled]
        elif known is not None and spelled not in known:
            reason = f"{self._dialect.provider} does not know {name}"
        else:
            self._body[spelled] = value
            return
        if UNCHANGED.get(name, self) == value:
            return
        if name in MEANING:
            raise unsupported(name, reason)
        self._notes.cannot(name, reason)

    # --- tools -------------------------------------------------------------------------------

    def tools(self, ask: LlmRequest, names: Mapping[str, str]) -> None:
        choice = ask.tool_choice
        offered = ask.tools
        if choice is not None and choice.mode == "allowed" and not self._dialect.allowed_tools:
            offered = tuple(tool for tool in offered if tool.name in choice.names)
            choice = ToolChoice(choice.allowed_mode)
            self._notes.note("mapped", "tool_choice", "the tools that are not allowed were left out instead")
        self.put("tools", [self._tool(tool, names) for tool in offered])
        if choice is not None:
            self.put("tool_choice", self._choice(choice, ask.tools, names))
        if ask.parallel_tools is not None:
            self.put("parallel_tool_calls", ask.parallel_tools)

    def _tool(self, tool: Tool, names: Mapping[str, str]) -> Mapping[str, Any]:
        if tool.cache is not None:
            self._notes.cannot("cache_control", "tools take no cache breakpoints here")
        name = names.get(tool.name, tool.name)
        if tool.kind == "provider":
            native = tool.native or {}
            if native.get("type") not in self._dialect.native_tools:
                raise unsupported(
                    "tools",
                    f"{self._dialect.provider} does not know the tool {tool.name} of another provider",
                )
            return native
        written: dict[str, Any] = {"name": name}
        if tool.description is not None:
            written["description"] = tool.description
        if tool.kind == "custom":
            if not self._dialect.custom_tools:
                raise unsupported(
                    "tools",
                    f"{self._dialect.provider} takes functions only, and {tool.name} is a custom tool",
                )
            if tool.grammar is not None:
                written["format"] = tool.grammar
            return {"type": "custom", "custom": written}
        if tool.schema is not None:
            written["parameters"] = tool.schema
        elif self._dialect.parameters_required:
            written["parameters"] = {"type": "object", "properties": {}}
        if tool.strict is not None:
            written["strict"] = tool.strict
        return {"type": "function", "function": written}

    def _choice(self, choice: ToolChoice, tools: tuple[Tool, ...], names: Mapping[str, str]) -> Any:
        custom = {tool.name for tool in tools if tool.kind == "custom"}

        def one(name: str) -> dict[str, Any]:
            kind = "custom" if name in custom else "function"
            return {"type": kind, kind: {"name": names.get(name, name)}}

        match choice.mode:
            case "required":
                return self._dialect.required_choice
            case "named" if choice.names:
                return one(choice.names[0])
            case "allowed":
                allowed = {"mode": choice.allowed_mode, "tools": [one(name) for name in choice.names]}
                return {"type": "allowed_tools", "allowed_tools": allowed}
            case mode:
                return mode

    # --- values that are spelled or bounded differently --------------------------------------

    def _temperature(self, asked: float | None) -> float | None:
        most = self._dialect.max_temperature
        if asked is None or asked <= most:
            return asked
        self._notes.cannot("temperature", f"{self._dialect.provider} takes at most {most}", "clamped")
        return most

    def _stop(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        most = self._dialect.max_stop
        if most is None or len(asked) <= most:
            return asked
        self._notes.cannot("stop", f"only the first {most} stop sequences were sent", "clamped")
        return asked[:most]

    def _response_format(self, asked: Output) -> dict[str, Any]:
        if asked.kind != "json_schema" or (self._dialect.json_schemas and self._rules.json_schemas):
            return response_format(asked)
        self._notes.cannot(
            "response_format",
            "no answer can be held to a schema here; the model was told it as an instruction",
            "degraded",
        )
        schema = msgspec.json.encode(asked.schema or {}).decode()
        self._body["messages"].insert(
            0,
            {"role": self._rules.system, "content": f"Answer in JSON that conforms to this schema: {schema}"},
        )
        return {"type": "json_object"}

    def _service_tier(self, asked: str | None) -> str | None:
        known = self._dialect.service_tiers
        if asked is None or known is None:
            return asked
        if asked not in known:
            self._notes.cannot("service_tier", f"{self._dialect.provider} has no service tier {asked}")
        return known.get(asked)

    def _retention(self, cache: Cache) -> str | None:
        """Return how long to keep a prompt: by OpenAI's words, and unchanged what is none of anybody's we know."""
        asked = cache.retention
        if asked not in OTHERS_RETENTIONS or (asked == BREAKPOINT_TTL and self._rules.breakpoints):
            return None if asked == BREAKPOINT_TTL else asked
        self._notes.note(
            "mapped", "prompt_cache_retention", f"prompts are kept {IN_MEMORY} here, not {asked}"
        )
        return IN_MEMORY

    def _cache(self, cache: Cache) -> None:
        if cache.handle is not None:
            self._notes.cannot("cached_content", f"{self._dialect.provider} holds no caches by name")
        if cache.hint is not None:
            self._notes.cannot("cache_control", f"{self._dialect.provider} caches prompts by itself")
        if self._rules.breakpoints:
            options = {}
            if cache.mode is not None:
                options["mode"] = "implicit" if cache.mode == "auto" else "explicit"
            if cache.retention == BREAKPOINT_TTL:
                options["ttl"] = BREAKPOINT_TTL
            if options:
                self.put("prompt_cache_options", options)
        elif cache.mode == "explicit":
            self._notes.cannot("prompt_cache_options", "this model caches by itself")


def reasoning_effort(asked: ReasoningRequest, rules: Rules, notes: Notes) -> str | None:
    """Choose the effort to ask for, or None to leave it to the model."""
    wanted: str | None = asked.effort
    if asked.mode == "off":
        wanted = None if rules.efforts is None else "none"
    elif wanted is None and asked.budget_tokens is not None:
        wanted = next((word for most, word in BUDGETS if asked.budget_tokens <= most), "high")
        if rules.efforts != ():
            notes.note("mapped", "reasoning.budget_tokens", f"budgets are unknown here; effort is {wanted}")
    elif wanted is None and asked.mode == "on" and rules.default_effort == "none":
        wanted = "medium"
    if wanted is None or rules.efforts is None or wanted in rules.efforts:
        return wanted
    if not rules.efforts:
        if wanted != "none":
            notes.cannot("reasoning_effort", "this model does not reason")
        return None
    place = EFFORTS.index(wanted)
    nearest = min(rules.efforts, key=lambda effort: abs(EFFORTS.index(effort) - place - 0.1))
    message = f"this model does not know effort {wanted}; {nearest} is closest"
    notes.cannot("reasoning_effort", message, "clamped")
    return nearest


def response_format(output: Output) -> dict[str, Any]:
    if output.kind != "json_schema":
        return {"type": output.kind}
    schema: dict[str, Any] = {"name": output.name or "response"}
    if output.description is not None:
        schema["description"] = output.description
    schema["schema"] = output.schema or {}
    if output.strict is not None:
        schema["strict"] = output.strict
    return {"type": "json_schema", "json_schema": schema}


def merge(body: dict[str, Any], extras: Mapping[str, Any]) -> None:
    """Lay the provider's own options over `body`, object into object; they win."""
    for name, value in extras.items():
        found = body.get(name)
        if isinstance(found, dict) and isinstance(value, Mapping):
            inner = dict(found)
            merge(inner, value)
            body[name] = inner
        else:
            body[name] = value


def _whole_numbers(biases: Mapping[str, float]) -> dict[str, float]:
    """Whole numbers go without a point: the field is documented as integers."""
    return {token: int(bias) if float(bias).is_integer() else bias for token, bias in biases.items()}
