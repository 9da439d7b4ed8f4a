"""Turns a request into the input of one model, by that model's own schema.

https://replicate.com/docs/topics/predictions/input-files
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import (
    Bytes,
    CachePoint,
    JsonValue,
    LlmRequest,
    Media,
    Message,
    Notice,
    Part,
    PlainText,
    RefusalText,
    Role,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from integration_api.dialects.fitting import UNCHANGED, fitted
from integration_api.dialects.notes import Notes, unsupported
from integration_api.dialects.openai_chat_media import data_url
from integration_api.dialects.openai_chat_payload import response_format
from integration_api.providers.replicate import client
from integration_api.providers.replicate.prompt import Turn, template_of, transcript
from integration_api.providers.replicate.schema import Schema

BODY_FIELDS = frozenset({"webhook", "webhook_events_filter"})
"""Options that stand beside the input."""

MAX_TOKENS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_new_tokens", "max_length")
SYSTEMS = ("system_prompt", "system_instruction", "system")
IMAGES = ("image_input", "images", "image")
EFFORTS = ("reasoning_effort", "effort")
BUDGETS = ("thinking_budget_tokens", "thinking_budget")
SWITCHES = ("extended_thinking", "enable_thinking", "thinking")

SCALE = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


class Rendered(Struct, frozen=True):
    path: str
    body: Mapping[str, Any]
    notices: tuple[Notice, ...]


def render(ask: LlmRequest, schema: Schema, *, stream: bool) -> Rendered:
    """Write the body that creates a prediction.

    Raises `Failure` (UNSUPPORTED) for what the model has no input for and may not be left out.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    given = Input(schema, notes)
    given.conversation(ask)
    given.parameters(ask)
    given.reasoning(ask)
    given.output(ask)
    given.impossible(ask)
    for name, value in ask.unknown.items():
        if name in schema:
            given.values.setdefault(name, value)
        else:
            notes.cannot(name, f"{ask.model} has no input {name}")
    body: dict[str, Any] = {}
    if schema.version is not None:
        body["version"] = schema.version
    if stream:
        body["stream"] = True
    body["input"] = given.values
    for name, value in ask.extras.items():
        (body if name in BODY_FIELDS else given.values)[name] = value
    return Rendered(schema.path, body, notes.all)


class Input:
    """The values of a model's inputs while they are gathered."""

    def __init__(self, schema: Schema, notes: Notes) -> None:
        self._schema = schema
        self._notes = notes
        self._images: list[str] = []
        self.values: dict[str, Any] = {}

    # --- what is said ------------------------------------------------------------------------

    def conversation(self, ask: LlmRequest) -> None:
        turns = [turn for message in ask.messages for turn in self._turns(message)]
        if "messages" in self._schema:
            said = [{"role": turn.role, "content": turn.text} for turn in turns]
            self.values["messages"] = said if self._schema.kind("messages") == "array" else encode_text(said)
            if "prompt" in self._schema.inputs and self._schema.inputs["prompt"].get("default") is None:
                # Some still want it, and ignore it.
                self.values["prompt"] = next(
                    (turn.text for turn in reversed(turns) if turn.role == "user"), ""
                )
        else:
            self._prompt(ask.model, turns)
        self._pictures()

    def _prompt(self, model: str, turns: list[Turn]) -> None:
        template = template_of(model) if "prompt_template" in self._schema else None
        others = [turn for turn in turns if turn.role != "system"]
        if template is not None and len(others) > 1:
            self.values["prompt"] = template.render(turns)
            self.values["prompt_template"] = "{prompt}"
            return
        system = "\n\n".join(turn.text for turn in turns if turn.role == "system")
        place = self._place(SYSTEMS)
        prompt = transcript(others)
        if system and place is not None:
            self.values[place] = system
        elif system:
            self._notes.note(
                "mapped", "messages", "this model takes no system prompt; it was put before the prompt"
            )
            prompt = f"{system}\n\n{prompt}"
        self.values["prompt"] = prompt

    def _turns(self, message: Message) -> Iterable[Turn]:
        role = {Role.SYSTEM: "system", Role.DEVELOPER: "system", Role.ASSISTANT: "assistant"}.get(
            message.role, "user"
        )
        texts = [text for part in message.parts if (text := self._text(part)) is not None]
        if texts:
            yield Turn(role, "".join(texts))
        if message.name is not None:
            self._notes.cannot("name", "replicate's models do not take names of participants")

    def _text(self, part: Part) -> str | None:
        if isinstance(part, CachePoint) or getattr(part, "cache", None) is not None:
            self._notes.cannot("cache_control", "replicate keeps no caches of prompts")
        if getattr(part, "citations_enabled", False):
            self._notes.cannot("citations", "replicate's models do not cite; citations were not asked for")
        match part:
            case Text(text) | RefusalText(text):
                return text
            case Media(kind="image", source=Url(url)):
                self._images.append(url)
            case Media(kind="image", source=Bytes() as source):
                self._images.append(data_url(part, source, "image/png"))
            case Media(source=PlainText(text)):
                return f"{part.title or part.filename or 'Document'}:\n{text}\n"
            case Media(kind="image"):
                raise unsupported("messages", "replicate cannot read a file that another provider holds")
            case Media():
                raise unsupported("messages", f"replicate's models take no {part.kind} in a conversation")
            case SearchResult(source, title, content):
                return f"{title}\n{source}\n\n" + "\n".join(content)
            case ToolCall():
                self._notes.note(
                    "degraded", "messages", "tool calls were sent as text: this model has no tools"
                )
                return f"[{part.name} was called with {part.arguments}]"
            case ToolResult():
                return self._result(part)
            case CachePoint():
                pass
            case _:
                self._notes.note(
                    "dropped", "messages", f"replicate's models take no {part.__struct_config__.tag} back"
                )
        return None

    def _result(self, result: ToolResult) -> str:
        said: list[str] = []
        for part in result.content:
            match part:
                case Text(text) | JsonValue(text):
                    said.append(text)
                case _:
                    said.append(self._text(part) or "")
        verb = "failed" if result.is_error else "answered"
        return f"[{result.name or 'the tool'} {verb}: {''.join(said)}]"

    def _pictures(self) -> None:
        if not self._images:
            return
        place = self._place(IMAGES)
        if place is None:
            raise unsupported("messages", "this model has no input for images; choose another model")
        if self._schema.kind(place) == "array":
            self.values[place] = self._images
        elif len(self._images) == 1:
            self.values[place] = self._images[0]
        else:
            raise unsupported("messages", "this model takes one image only")

    # --- how it is to be answered ------------------------------------------------------------

    def parameters(self, ask: LlmRequest) -> None:
        sampling = ask.sampling
        for param, places, value in (
            ("max_completion_tokens", MAX_TOKENS, ask.max_output_tokens),
            ("temperature", ("temperature",), sampling.temperature),
            ("top_p", ("top_p",), sampling.top_p),
            ("top_k", ("top_k",), sampling.top_k),
            ("min_p", ("min_p",), sampling.min_p),
            ("seed", ("seed",), sampling.seed),
            ("presence_penalty", ("presence_penalty",), sampling.presence_penalty),
            ("frequency_penalty", ("frequency_penalty",), sampling.frequency_penalty),
            ("repetition_penalty", ("repetition_penalty", "repeat_penalty"), sampling.repetition_penalty),
            ("verbosity", ("verbosity",), ask.output.verbosity),
        ):
            if value is not None:
                self._put(param, places, value)
        if sampling.stop:
            self._stop(sampling.stop)

    def _put(self, param: str, places: tuple[str, ...], value: Any) -> None:
        place = self._place(places)
        if place is None:
            if UNCHANGED.get(param, self) != value:
                self._notes.cannot(param, "this model has no input for it")
            return
        about = self._schema.inputs[place]
        if (choices := about.get("enum")) and value not in choices:
            self._notes.cannot(param, f"this model takes one of {', '.join(map(str, choices))}")
            return
        self.values[place] = self._within(param, about, value)

    def _within(self, param: str, about: Mapping[str, Any], value: Any) -> Any:
        if not isinstance(value, int | float):
            return value
        least, most = about.get("minimum"), about.get("maximum")
        nearest = value
        if isinstance(least, int | float) and value < least:
            nearest = least
        elif isinstance(most, int | float) and value > most:
            nearest = most
        if nearest != value:
            self._notes.cannot(
                param,
                f"this model takes {nearest:g} at the {'least' if nearest > value else 'most'}",
                "clamped",
            )
        return int(nearest) if about.get("type") == "integer" else nearest

    def _stop(self, stop: tuple[str, ...]) -> None:
        place = self._place(("stop_sequences", "stop"))
        if place is None:
            self._notes.cannot("stop", "this model has no input for it")
        elif self._schema.kind(place) == "array":
            self.values[place] = stop
        else:
            # One text with commas between them: a comma within cannot be said.
            sayable = [one for one in stop if "," not in one]
            if len(sayable) < len(stop):
                self._notes.cannot("stop", "a stop sequence with a comma in it cannot be said to this model")
            if sayable:
                self.values[place] = ",".join(sayable)

    def reasoning(self, ask: LlmRequest) -> None:
        asked = ask.reasoning
        effort = "none" if asked.mode == "off" else asked.effort
        on = asked.mode in {"on", "auto"} or (asked.mode == "default" and asked.budget_tokens is not None)
        if effort is not None and (place := self._place(EFFORTS)) is not None:
            self.values[place] = self._effort(effort, self._schema.inputs[place].get("enum"))
            return
        if effort is None and not on:
            return
        switch = self._place(SWITCHES)
        budget = self._place(BUDGETS)
        if switch is not None and self._schema.kind(switch) == "boolean":
            self.values[switch] = effort != "none"
        elif effort != "none" and (budget is None or asked.budget_tokens is None):
            self._notes.cannot("reasoning_effort", "this model has no input for how hard to think")
        if budget is not None and asked.budget_tokens is not None:
            about = self._schema.inputs[budget]
            self.values[budget] = self._within("reasoning.budget_tokens", about, asked.budget_tokens)

    def _effort(self, asked: str, choices: Any) -> str:
        known = [one for one in choices or () if one in SCALE]
        if not known or asked in known:
            return asked
        nearest: str = min(known, key=lambda one: abs(SCALE.index(one) - SCALE.index(asked) - 0.1))
        self._notes.cannot(
            "reasoning_effort", f"this model does not know effort {asked}; {nearest} is closest", "clamped"
        )
        return nearest

    def output(self, ask: LlmRequest) -> None:
        output = ask.output
        if output.kind == "text":
            return
        if output.kind == "json_schema" and "json_schema" in self._schema:
            written: Any = output.schema or {}
            place = "json_schema"
        elif "response_format" in self._schema:
            written = response_format(output)
            place = "response_format"
        else:
            raise unsupported("response_format", "this model cannot be bound to JSON; choose another model")
        self.values[place] = (
            msgspec.json.encode(written).decode() if self._schema.kind(place) == "string" else written
        )

    def impossible(self, ask: LlmRequest) -> None:
        """Refuse what no model here can do, or tell that it was left out."""
        choice = ask.tool_choice
        if ask.tools and (choice is None or choice.mode != "none"):
            raise unsupported("tools", "replicate's models call no tools; choose another provider")
        if ask.sampling.n not in (None, 1):
            raise unsupported("n", "replicate gives one answer at a time")
        if ask.documents:
            raise unsupported("documents", "replicate takes no documents; put their text into a message")
        if ask.output.audio is not None or set(ask.output.modalities) - {"text"}:
            raise unsupported("modalities", "replicate's language models answer in text")
        for name, value in (
            ("logprobs", ask.sampling.logprobs),
            ("top_logprobs", ask.sampling.top_logprobs),
            ("logit_bias", ask.sampling.logit_bias),
            ("prompt_cache_key", ask.cache.key),
            ("prompt_cache_retention", ask.cache.retention),
            ("prompt_cache_options", ask.cache.mode),
            ("cache_control", ask.cache.hint),
            ("cached_content", ask.cache.handle),
            ("service_tier", ask.service_tier),
            ("speed", ask.speed),
            ("inference_geo", ask.inference_geo),
            ("max_tool_calls", ask.max_tool_calls),
            ("user", ask.end_user.id),
            ("safety_identifier", ask.end_user.safety_identifier),
            ("metadata", ask.metadata),
            ("store", ask.store),
            ("prediction", ask.prediction),
            ("safety_settings", ask.safety.settings or None),
            ("guardrails", ask.safety.guardrail),
            ("moderation", ask.safety.moderation),
            ("safe_prompt", ask.safety.safe_prompt),
        ):
            if value is not None and value is not False:
                self._notes.cannot(name, f"{client.NAME} does not know {name}")

    def _place(self, places: tuple[str, ...]) -> str | None:
        return next((name for name in places if name in self._schema), None)
