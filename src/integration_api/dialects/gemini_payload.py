"""Our request as the body of `generateContent`, the same one every time.

https://ai.google.dev/api/generate-content#request-body
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from integration_api.core.credential import Credential
from integration_api.core.exchange import Auth
from integration_api.core.json import encode_text
from integration_api.core.llm import LlmRequest, Origin, ReasoningRequest
from integration_api.dialects.fitting import fitted
from integration_api.dialects.gemini_answer import FAMILY, Reading
from integration_api.dialects.gemini_rules import (
    EFFORT_BUDGETS,
    Rules,
    level_of_budget,
    nearest_level,
    rules_for,
)
from integration_api.dialects.gemini_schema import subset
from integration_api.dialects.gemini_tools import Host, Toolbox, sent_names, toolbox
from integration_api.dialects.gemini_turns import Turn, document, turns
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_payload import merge

MOST_STOPS = 5
_JSON = "application/json"
_JSON_ONLY = "Answer with one JSON document and nothing else: no prose, no code fence."
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_CACHED = ("systemInstruction", "tools", "toolConfig")
"""What a cached content holds already, and a request that uses one may not."""


def no_headers(credential: Credential) -> tuple[tuple[str, str], ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How one host of Gemini differs from the other."""

    provider: str
    url: Callable[[str, str, Credential], str]
    """Model, method (such as `generateContent`) and credential to the address."""
    auth: Callable[[Credential], Auth | None]
    headers: Callable[[Credential], tuple[tuple[str, str], ...]] = no_headers
    tiers: Mapping[str, str] = field(default_factory=dict)
    """Service tiers, as callers call them, to what this host is told."""
    tier_headers: Callable[[str], tuple[tuple[str, str], ...]] | None = None
    """The headers that ask for a tier; None where the body does."""
    labels: bool = False
    """Whether requests can be labelled for the bill."""
    logprobs: bool = False
    store: bool = False
    """Whether a request may say if it is to be logged."""
    safety_method: bool = False
    """Whether a safety setting may say by what it measures."""
    counted: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] = lambda model, body: body
    """A model and a body to what `countTokens` wants of them."""
    cached: Callable[[str, Credential], str] = lambda name, credential: name
    """A cached content's name to its full name."""
    tools: frozenset[str] = frozenset()
    """Which of Google's own tools it has, by the names of their fields."""
    tells_tools: bool = False
    """Whether answers tell what Google's own tools did beside functions, and take it back."""


_SNAKE = re.compile(r"_([a-z])")
_OF_THE_CALLER = frozenset({"labels", "responseSchema", "responseJsonSchema", "tools", "contents"})
"""Fields in which names are, or may be, the caller's own."""


def spelled(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return Google's options with their names as we write them: they are known by two spellings."""
    found = {}
    for name, value in options.items():
        known = _SNAKE.sub(lambda letter: letter[1].upper(), name)
        inner = isinstance(value, Mapping) and known not in _OF_THE_CALLER
        found[known] = spelled(value) if inner else value
    return found


class Rendered(Struct, frozen=True):
    """A body, what to say beside it, and what reading its answer takes."""

    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...]
    reading: Reading


def render(dialect: Dialect, ask: LlmRequest, credential: Credential) -> Rendered:
    """Write the request for `ask`.

    Raises `Failure` for what no rendering can save: arguments that are not JSON, results
    of calls that nobody made, and, where the caller is strict, anything unsupported.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    rules = rules_for(ask.model, ask.known)
    names = sent_names(ask)
    system, contents = turns(
        ask, names, rules, notes, provider=dialect.provider, own_tools=dialect.tells_tools
    )
    host = Host(dialect.provider, dialect.tools, dialect.tells_tools)
    box = toolbox(ask, names, rules, notes, host)
    writer = _Writer(dialect, rules, notes)
    generation, instruction = writer.generation(ask, box)
    if instruction:
        told: Turn = {"text": instruction}
        if rules.system:
            system.append(told)
        else:
            contents[0]["parts"].insert(0, told)
    _add_documents(ask, contents)
    body: dict[str, Any] = {}
    if system:
        body["systemInstruction"] = {"parts": system}
    body["contents"] = contents
    if box.tools:
        body["tools"] = box.tools
    if box.config:
        body["toolConfig"] = box.config
    if ask.safety.settings:
        body["safetySettings"] = writer.safety(ask)
    if generation:
        body["generationConfig"] = generation
    headers = writer.others(ask, body)
    merge(body, spelled(ask.extras))
    if isinstance(cached := body.get("cachedContent"), str):
        body["cachedContent"] = dialect.cached(cached, credential)
        for name in _CACHED:
            if body.pop(name, None) is not None:
                notes.note("dropped", name, "it is in the cached content that the request uses")
    return Rendered(
        body,
        headers,
        Reading(
            origin=Origin(dialect.provider, FAMILY, ask.model),
            notices=notes.all,
            names={sent: name for name, sent in names.items()},
            custom=frozenset(tool.name for tool in ask.tools if tool.kind == "custom"),
            searches=box.searches or "tools" in ask.extras or "cachedContent" in body,
        ),
    )


def _add_documents(ask: LlmRequest, contents: list[Turn]) -> None:
    if ask.documents:
        last = contents[-1]
        if "functionResponse" in last["parts"][0]:
            last = {"role": "user", "parts": []}
            contents.append(last)
        last["parts"][:0] = [document(given) for given in ask.documents]


class _Writer:
    """Everything in a body but its conversation and tools."""

    def __init__(self, dialect: Dialect, rules: Rules, notes: Notes) -> None:
        self._dialect = dialect
        self._rules = rules
        self._notes = notes

    def generation(self, ask: LlmRequest, box: Toolbox) -> tuple[dict[str, Any], str | None]:
        """Return `generationConfig`, and words that ask for what it cannot."""
        found = self._sampling(ask)
        if ask.max_output_tokens is not None:
            found["maxOutputTokens"] = ask.max_output_tokens
        if thinking := self._thinking(ask.reasoning):
            found["thinkingConfig"] = thinking
        form, instruction = self._output(ask, box)
        return found | form, instruction

    def _sampling(self, ask: LlmRequest) -> dict[str, Any]:
        sampling, rules = ask.sampling, self._rules
        found: dict[str, Any] = {}
        for name, field_name, value, taken in (
            ("temperature", "temperature", sampling.temperature, rules.sampling),
            ("top_p", "topP", sampling.top_p, rules.sampling),
            ("top_k", "topK", sampling.top_k, rules.sampling),
            ("presence_penalty", "presencePenalty", sampling.presence_penalty or None, rules.penalties),
            ("frequency_penalty", "frequencyPenalty", sampling.frequency_penalty or None, rules.penalties),
            ("n", "candidateCount", None if sampling.n == 1 else sampling.n, rules.several),
        ):
            if value is None:
                continue
            if taken:
                found[field_name] = value
            else:
                self._notes.cannot(name, f"this model takes no {name}")
        if (temperature := found.get("temperature")) is not None and temperature > 2:
            self._notes.cannot("temperature", "Gemini takes at most 2", "clamped")
            found["temperature"] = 2.0
        if sampling.seed is not None:
            # It is an int32; callers' seeds are often larger.
            found["seed"] = (sampling.seed + 2**31) % 2**32 - 2**31
            if found["seed"] != sampling.seed:
                self._notes.note(
                    "mapped", "seed", "Gemini's seeds have 32 bits: this one was folded into them"
                )
        if sampling.stop:
            found["stopSequences"] = sampling.stop[:MOST_STOPS]
            if len(sampling.stop) > MOST_STOPS:
                self._notes.cannot("stop", f"only the first {MOST_STOPS} stop sequences were sent", "clamped")
        if sampling.logprobs or sampling.top_logprobs:
            if self._dialect.logprobs:
                found["responseLogprobs"] = True
                if sampling.top_logprobs:
                    found["logprobs"] = sampling.top_logprobs
            else:
                self._notes.cannot("logprobs", f"{self._dialect.provider} does not tell log probabilities")
        return found

    # --- thinking --------------------------------------------------------------------------------

    def _thinking(self, asked: ReasoningRequest) -> dict[str, Any]:
        wanted = asked.effort
        if asked.mode == "off":
            wanted = "none"
        tells = asked.mode in {"on", "auto"} or asked.effort is not None or asked.budget_tokens is not None
        if wanted is None and not tells and asked.include is None:
            return {}
        if not self._rules.thinks:
            if wanted not in {None, "none"} or asked.mode == "on" or asked.budget_tokens:
                self._notes.cannot("reasoning", "this model does not think before it answers")
            return {}
        found: dict[str, Any] = {}
        if self._rules.budget is not None:
            budget = self._budget(asked, wanted, self._rules.budget)
            if budget is not None:
                found["thinkingBudget"] = budget
        elif (level := self._level(asked, wanted)) is not None:
            found["thinkingLevel"] = level.upper()
        if asked.include == "none" or wanted == "none":
            if asked.include is not None:
                found["includeThoughts"] = False
        else:
            found["includeThoughts"] = True
        return found

    def _budget(self, asked: ReasoningRequest, effort: str | None, bounds: tuple[int, int]) -> int | None:
        least, most = bounds
        budget = asked.budget_tokens
        if effort == "none":
            if self._rules.off:
                return 0
            self._notes.cannot(
                "reasoning", "this model always thinks: it was asked to think least", "clamped"
            )
            return least
        if budget is None:
            if effort is not None:
                return min(max(EFFORT_BUDGETS[effort], least), most)
            return -1 if asked.mode in {"on", "auto"} else None
        if budget <= 0:
            return budget if budget == 0 and self._rules.off else -1 if budget < 0 else least
        if not least <= budget <= most:
            self._notes.note(
                "clamped", "reasoning.budget_tokens", f"this model thinks {least} to {most} tokens"
            )
        return min(max(budget, least), most)

    def _level(self, asked: ReasoningRequest, effort: str | None) -> str | None:
        if effort is None and asked.budget_tokens is not None:
            wanted = level_of_budget(asked.budget_tokens)
            level = nearest_level(wanted, self._rules)
            self._notes.note("mapped", "reasoning.budget_tokens", f"this model thinks by level: {level}")
            return level
        if effort is None:
            return None
        level = nearest_level(effort, self._rules)
        if effort == "none":
            self._notes.cannot(
                "reasoning", "this model always thinks: it was asked to think least", "clamped"
            )
        elif level != effort:
            message = f"this model does not know effort {effort}; {level} is closest"
            self._notes.note("clamped", "reasoning_effort", message)
        return level

    # --- the answer's form -----------------------------------------------------------------------

    def _output(self, ask: LlmRequest, box: Toolbox) -> tuple[dict[str, Any], str | None]:
        output = ask.output
        found: dict[str, Any] = {}
        if output.verbosity is not None:
            self._notes.cannot("verbosity", "Gemini has no setting for verbosity")
        if output.modalities and tuple(output.modalities) != ("text",):
            found["responseModalities"] = [modality.upper() for modality in output.modalities]
        if output.audio:
            found["speechConfig"] = self._speech(output.audio)
            found.setdefault("responseModalities", ["AUDIO"])
        if output.kind == "text":
            return found, None
        schema = output.schema if output.kind == "json_schema" else None
        told = f" It must match this JSON Schema: {encode_text(schema)}" if schema is not None else ""
        if not self._rules.json or (box.functions and not self._rules.schema_with_functions):
            why = "beside functions" if self._rules.json else "at all"
            self._notes.cannot(
                "response_format", f"this model cannot be held to JSON {why}: it was told", "degraded"
            )
            return found, _JSON_ONLY + told
        found["responseMimeType"] = _JSON
        if schema is not None:
            if self._rules.json_schema:
                found["responseJsonSchema"] = schema
            else:
                found["responseSchema"], lost = subset(schema, ordered=True)
                if lost:
                    message = f"this model's schemas lack {', '.join(lost)}"
                    self._notes.note("mapped", "response_format", message)
        return found, None

    def _speech(self, audio: Mapping[str, Any]) -> dict[str, Any]:
        voice = audio.get("voice")
        if isinstance(voice, Mapping):
            voice = voice.get("id")
        if audio.get("format") not in {None, "pcm16", "pcm"}:
            self._notes.cannot("audio.format", "Gemini speaks in 16-bit PCM of 24 kHz", "degraded")
        if not voice:
            return {}
        return {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}

    # --- everything else -------------------------------------------------------------------------

    def safety(self, ask: LlmRequest) -> list[dict[str, Any]]:
        written = [dict(setting) for setting in ask.safety.settings]
        if not self._dialect.safety_method:
            for setting in written:
                if setting.pop("method", None) is not None:
                    self._notes.cannot("safety_settings.method", "only Vertex AI lets a request choose it")
        return written

    def others(self, ask: LlmRequest, body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """Set the body's remaining fields; return the headers that ask for the rest."""
        if ask.cache.handle is not None:
            body["cachedContent"] = ask.cache.handle
        if ask.metadata:
            self._labels(ask.metadata, body)
        headers = self._tier(ask.service_tier, body)
        if ask.store is not None:
            if self._dialect.store:
                body["store"] = ask.store
            elif ask.store:
                self._notes.cannot("store", f"{self._dialect.provider} has no store")
        sampling, cache, safety = ask.sampling, ask.cache, ask.safety
        wanted = {
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty if sampling.repetition_penalty != 1 else None,
            "logit_bias": sampling.logit_bias or None,
            "max_tool_calls": ask.max_tool_calls,
            "prediction": ask.prediction,
            "prompt_cache_key": cache.key,
            "prompt_cache_retention": cache.retention,
            "prompt_cache_options": cache.mode if cache.mode == "explicit" else None,
            "cache_control": cache.hint,
            "guardrail": safety.guardrail,
            "moderation": safety.moderation,
            "safe_prompt": safety.safe_prompt or None,
            "speed": ask.speed,
            "inference_geo": ask.inference_geo,
            "user": ask.end_user.id,
            "safety_identifier": ask.end_user.safety_identifier,
        }
        for name, value in wanted.items():
            if value is not None:
                self._notes.cannot(name, f"Gemini's API has no {name}")
        for name in ask.unknown:
            self._notes.cannot(name, f"Gemini's API has no {name}")
        return headers

    def _labels(self, metadata: Mapping[str, str], body: dict[str, Any]) -> None:
        if not self._dialect.labels:
            self._notes.cannot("metadata", f"{self._dialect.provider} takes no labels")
            return
        labels = {
            name: value
            for name, value in metadata.items()
            if _LABEL.fullmatch(name) and _LABEL_VALUE.fullmatch(value)
        }
        if labels:
            body["labels"] = labels
        if len(labels) != len(metadata):
            self._notes.cannot(
                "metadata", "labels are lower-case letters, digits, _ and -, at most 63 of them"
            )

    def _tier(self, asked: str | None, body: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        if asked is None or asked == "auto":
            return ()
        tier = self._dialect.tiers.get(asked)
        if tier is None:
            self._notes.cannot("service_tier", f"{self._dialect.provider} has no service tier {asked}")
            return ()
        if self._dialect.tier_headers is not None:
            return self._dialect.tier_headers(tier)
        body["serviceTier"] = tier
        return ()
