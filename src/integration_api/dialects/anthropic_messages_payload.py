"""Our request as the body of `POST /v1/messages`. https://platform.claude.com/docs/en/api/messages"""

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import CacheHint, LlmRequest, Origin
from integration_api.dialects.alternating_turns import Turn
from integration_api.dialects.anthropic_messages_answer import FAMILY, Reading
from integration_api.dialects.anthropic_messages_blocks import Block, Blocks, cache_control, rag_block
from integration_api.dialects.anthropic_messages_rules import Rules, rules_for
from integration_api.dialects.anthropic_messages_schema import is_recursive, strict_schema
from integration_api.dialects.anthropic_messages_thinking import Thinking, thinking
from integration_api.dialects.anthropic_messages_tools import sent_names, toolbox
from integration_api.dialects.anthropic_messages_turns import plain, turns
from integration_api.dialects.fitting import fitted
from integration_api.dialects.notes import Notes

SAMPLING_VERSION = "2023-06-01"
"""The last API version that takes temperature, top_p and top_k."""
API_VERSION = "2026-10-21"

SAMPLING = ("temperature", "top_p", "top_k")
FAST_MODE = "fast-mode-2026-02-01"
MAX_BREAKPOINTS = 4

_TIERS = {
    "auto": "auto",
    "priority": "auto",
    "default": "standard_only",
    "standard": "standard_only",
    "standard_only": "standard_only",
}

_MIN_TOP_P_WITH_THINKING = 0.95

_JSON_ONLY = "Answer with one JSON object and nothing else: no prose, no code fence."


class Prepared(Struct, frozen=True, kw_only=True):
    """A request in Anthropic's words, and what reading its answer takes."""

    body: dict[str, Any]
    version: str
    betas: tuple[str, ...]
    reading: Reading


def prepare(
    ask: LlmRequest,
    *,
    provider: str = "anthropic",
    credential_id: int = 0,
    version: str | None = None,
    automatic_cache: bool = True,
) -> Prepared:
    """Render `ask`; the same request always gives the same body.

    `version` is the API version asked for by the account; `automatic_cache` says
    whether the host places cache breakpoints itself. Raises `Failure` for what no
    rendering can save: media Claude cannot take, arguments that are not JSON, and,
    where the caller is strict, anything unsupported.
    """
    notes = Notes(strict=ask.strict)
    ask = fitted(ask, notes)
    rules = rules_for(ask.model, ask.known)
    headers = {name.lower(): value for name, value in ask.headers}
    version = headers.get("anthropic-version") or version
    names = sent_names(ask)
    max_tokens = _max_tokens(ask, rules, notes)
    thought = thinking(ask.reasoning, rules, max_tokens, notes)
    blocks = Blocks(notes, names, credential_id=credential_id, replay_thinking=not thought.is_off)
    system, conversation = turns(ask, blocks, rules, notes)
    thought = _unbroken(thought, conversation, notes)
    box = toolbox(ask, names, rules, notes, may_force=rules.forced_tools and not thought.is_budgeted)
    output, instruction = _output(ask, rules, notes)
    system += [{"type": "text", "text": text} for text in (instruction, box.instruction) if text]
    _add_documents(ask, conversation)

    body: dict[str, Any] = {"model": ask.model, "max_tokens": max_tokens}
    if system:
        body["system"] = plain(system)
    body["messages"] = [{"role": turn["role"], "content": plain(turn["content"])} for turn in conversation]
    if box.tools:
        body["tools"] = box.tools
    if box.choice is not None:
        body["tool_choice"] = box.choice
    if thought.config is not None:
        body["thinking"] = thought.config
    if thought.effort is not None:
        output = {"effort": thought.effort, **output}
    if output:
        body["output_config"] = output
    if rules.sampling and (version is None or version < API_VERSION):
        body |= _sampling(ask, rules, thought, notes)
    else:
        for name in SAMPLING:
            if getattr(ask.sampling, name) is not None:
                notes.cannot(name, "this model sets its own sampling")
    body |= _options(ask, notes)
    if automatic_cache and (hint := _automatic(ask)) is not None:
        body["cache_control"] = cache_control(hint)
    _limit_breakpoints(body, notes)
    notes.lacks(
        "Anthropic's API",
        {**beyond_claude(ask), "metadata": ask.metadata or None, "guardrail": ask.safety.guardrail},
    )

    extras = dict(ask.extras)
    betas = [*headers.get("anthropic-beta", "").split(","), *_words(extras.pop("betas", ()))]
    if ask.speed == "fast":
        betas.append(FAST_MODE)
    body = _merged(body, extras)
    if version is None:
        version = SAMPLING_VERSION if any(name in body for name in SAMPLING) else API_VERSION
    return Prepared(
        body=body,
        version=version,
        betas=tuple(dict.fromkeys(beta.strip() for beta in betas if beta.strip())),
        reading=Reading(
            origin=Origin(provider, FAMILY, ask.model, credential_id if rules.account_bound else 0),
            notices=notes.all,
            names={sent: name for name, sent in names.items()},
            custom=frozenset(tool.name for tool in ask.tools if tool.kind == "custom"),
        ),
    )


def counted(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a body `POST /v1/messages/count_tokens` takes."""
    refused = {"max_tokens", "stream", "metadata", "stop_sequences", "service_tier", "mcp_servers", *SAMPLING}
    return {name: value for name, value in body.items() if name not in refused}


def _max_tokens(ask: LlmRequest, rules: Rules, notes: Notes) -> int:
    asked = ask.max_output_tokens
    if asked is None:
        return rules.max_output
    if asked > rules.max_output:
        notes.note("clamped", "max_tokens", f"this model answers with {rules.max_output} tokens at most")
        return rules.max_output
    return asked


def _unbroken(thought: Thinking, conversation: list[Turn], notes: Notes) -> Thinking:
    """Give up a budgeted thinking that would begin amid a tool loop: that is refused."""
    if not thought.is_budgeted or len(conversation) < 2 or conversation[-1]["role"] != "user":
        return thought
    before, last = conversation[-2:]
    if last["content"][0]["type"] != "tool_result" or before["content"][0]["type"].endswith("thinking"):
        return thought
    notes.note(
        "degraded", "reasoning", "these tool calls were made without thinking: it starts with the next turn"
    )
    return Thinking(None, thought.effort)


def _output(ask: LlmRequest, rules: Rules, notes: Notes) -> tuple[dict[str, Any], str | None]:
    """Return `output_config` for the form asked for, or words that ask for it."""
    output = ask.output
    if output.verbosity:
        notes.cannot("verbosity", "Claude has no setting for verbosity")
    if any(modality != "text" for modality in output.modalities) or output.audio:
        notes.cannot("modalities", "Claude answers in text alone")
    if output.kind == "text":
        return {}, None
    if output.kind == "json_object" or output.schema is None:
        notes.note("mapped", "response_format", "Claude was asked for a JSON object in words")
        return {}, _JSON_ONLY
    if rules.structured and not is_recursive(output.schema):
        schema, changed = strict_schema(output.schema)
        if changed:
            notes.note("mapped", "response_format", f"the compiler lacks {', '.join(changed)}: said in words")
        return {"format": {"type": "json_schema", "schema": schema}}, None
    notes.cannot("response_format", "Claude was told the schema here and not held to it", "degraded")
    return {}, f"{_JSON_ONLY} It must match this JSON Schema: {encode_text(output.schema)}"


def _add_documents(ask: LlmRequest, conversation: list[Turn]) -> None:
    if not ask.documents:
        return
    turn = next(turn for turn in reversed(conversation) if turn["role"] == "user")
    content: list[Block] = turn["content"]
    place = next((at for at, block in enumerate(content) if block["type"] != "tool_result"), len(content))
    content[place:place] = [rag_block(document) for document in ask.documents]


def _sampling(ask: LlmRequest, rules: Rules, thought: Thinking, notes: Notes) -> dict[str, Any]:
    sampling = ask.sampling
    found: dict[str, Any] = {}
    thinks = thought.config is not None and not thought.is_off
    if (temperature := sampling.temperature) is not None:
        if thinks and temperature != 1:
            notes.cannot("temperature", "a model that thinks keeps its temperature")
        else:
            found["temperature"] = min(max(temperature, 0.0), 1.0)
            if found["temperature"] != temperature:
                notes.note(
                    "clamped", "temperature", f"Claude's temperature is 0 to 1: {found['temperature']:g}"
                )
    if (top_p := sampling.top_p) is not None:
        if rules.one_sampler and "temperature" in found:
            notes.cannot("top_p", "this model takes temperature or top_p, not both")
        elif thinks and top_p < _MIN_TOP_P_WITH_THINKING:
            notes.cannot("top_p", f"a model that thinks takes top_p from {_MIN_TOP_P_WITH_THINKING} up")
        else:
            found["top_p"] = top_p
    if (top_k := sampling.top_k) is not None:
        if thinks:
            notes.cannot("top_k", "a model that thinks takes no top_k")
        else:
            found["top_k"] = top_k
    return found


def _options(ask: LlmRequest, notes: Notes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    stops = [stop for stop in ask.sampling.stop if stop.strip()]
    if len(stops) != len(ask.sampling.stop):
        notes.cannot("stop", "Claude takes no stop sequence of white space alone")
    if stops:
        found["stop_sequences"] = stops
    if user := ask.end_user.id or ask.end_user.safety_identifier:
        found["metadata"] = {"user_id": user}
    if ask.service_tier is not None:
        if tier := _TIERS.get(ask.service_tier):
            found["service_tier"] = tier
        else:
            notes.cannot("service_tier", f"Anthropic has no service tier {ask.service_tier}")
    if ask.speed is not None:
        if ask.speed in {"standard", "fast"}:
            found["speed"] = ask.speed
        else:
            notes.cannot("speed", "Anthropic's speeds are standard and fast")
    if ask.inference_geo is not None:
        found["inference_geo"] = ask.inference_geo
    return found


def _automatic(ask: LlmRequest) -> CacheHint | None:
    cache = ask.cache
    if cache.hint is not None:
        return cache.hint
    if cache.mode != "auto":
        return None
    return CacheHint("1h" if cache.retention in {"30m", "1h", "24h"} else None)


def _limit_breakpoints(body: dict[str, Any], notes: Notes) -> None:
    """Keep the last four: each serves everything before it. An hour's may not follow five minutes'."""
    marked = [block for block in _blocks(body) if "cache_control" in block]
    if not marked:
        return
    room = MAX_BREAKPOINTS - ("cache_control" in body)
    for block in marked[:-room]:
        del block["cache_control"]
        notes.note("dropped", "cache_control", f"a request has {MAX_BREAKPOINTS} cache breakpoints at most")
    brief = False
    for block in (*marked[-room:], body):
        mark = block.get("cache_control")
        if mark is None:
            continue
        if mark.get("ttl") != "1h":
            brief = True
        elif brief:
            block["cache_control"] = {"type": "ephemeral", "ttl": "5m"}
            notes.note("clamped", "cache_control", "breakpoints of an hour must come before shorter ones")


def _blocks(body: dict[str, Any]) -> Iterator[Block]:
    yield from body.get("tools", ())
    lists = [body.get("system"), *(turn["content"] for turn in body["messages"])]
    for content in lists:
        if isinstance(content, list):
            for block in content:
                if block["type"] == "tool_result" and isinstance(block.get("content"), list):
                    yield from block["content"]
                yield block


def beyond_claude(ask: LlmRequest) -> dict[str, object]:
    """Return what is asked that Claude's makers and hosts have no word for, by the caller's names; None is unasked."""
    sampling = ask.sampling
    return {
        "n": sampling.n if sampling.n != 1 else None,
        "seed": sampling.seed,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty or None,
        "frequency_penalty": sampling.frequency_penalty or None,
        "repetition_penalty": sampling.repetition_penalty if sampling.repetition_penalty != 1 else None,
        "logit_bias": sampling.logit_bias or None,
        "logprobs": sampling.logprobs or sampling.top_logprobs or None,
        "max_tool_calls": ask.max_tool_calls,
        "store": ask.store or None,
        "prediction": ask.prediction,
        "cache.key": ask.cache.key,
        "cache.handle": ask.cache.handle,
        "safety": ask.safety.settings or ask.safety.moderation or ask.safety.safe_prompt or None,
        **dict.fromkeys(ask.unknown, True),
    }


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value.split(",")) if isinstance(value, str) else tuple(value)


def _merged(under: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay the caller's own options over the body, objects into objects."""
    for name, value in over.items():
        before = under.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            under[name] = _merged(dict(before), value)
        else:
            under[name] = value
    return under
