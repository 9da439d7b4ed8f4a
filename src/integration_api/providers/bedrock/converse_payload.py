"""Our request as the body of Converse. https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from integration_api.core.json import encode_text
from integration_api.core.llm import CacheHint, LlmRequest, Origin, ToolCall, ToolResult
from integration_api.dialects.anthropic_messages_blocks import rag_result
from integration_api.dialects.anthropic_messages_rules import Rules, rules_for
from integration_api.dialects.anthropic_messages_schema import is_recursive, strict_schema
from integration_api.dialects.anthropic_messages_thinking import Thinking, thinking
from integration_api.dialects.notes import Notes
from integration_api.dialects.openai_chat_ids import map_ids, map_names
from integration_api.providers.bedrock import client
from integration_api.providers.bedrock.converse_answer import Reading
from integration_api.providers.bedrock.converse_blocks import Block, Blocks, cache_point, is_bulky
from integration_api.providers.bedrock.converse_tools import toolbox
from integration_api.providers.bedrock.converse_turns import Turn, turns
from integration_api.providers.bedrock.families import Family, family

Body = dict[str, Any]

OPTIONS = frozenset({"api", "base_model", "betas"})
"""Options of ours among `extras`; all others are Converse's own fields."""

MAX_CACHE_POINTS = 4
MAX_METADATA = 16
_METADATA_KEY = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{1,256}", re.ASCII)
_METADATA_VALUE = re.compile(r"[a-zA-Z0-9\s:_@$#=/+,.-]{0,256}", re.ASCII)

_TIERS = {
    "default": "default",
    "standard": "default",
    "flex": "flex",
    "priority": "priority",
    "reserved": "reserved",
}
_MIN_TOP_P_WITH_THINKING = 0.95

_JSON_ONLY = "Answer with one JSON object and nothing else: no prose, no code fence."

_EFFORTS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}
"""The three efforts that vendors other than Anthropic know here."""


class Prepared(Struct, frozen=True):
    """A request in Converse's words, and what reading its answer takes."""

    body: Body
    reading: Reading


def base_model(model: str, extras: Mapping[str, Any], fields: Mapping[str, str]) -> str:
    """Return the id that tells the vendor: an ARN may hide it, and then the caller or the account must say."""
    return str(
        extras.get("base_model") or (fields.get("base_model") if model.startswith("arn:") else "") or model
    )


def prepare(ask: LlmRequest, *, credential_id: int = 0, fields: Mapping[str, str] = {}) -> Prepared:
    """Render `ask`; the same request always gives the same body.

    `fields` are the account's plain fields. Raises `Failure` for what no rendering can save: media
    that cannot be taken, arguments that are not JSON, and, where the caller is strict, anything
    unsupported.
    """
    base = base_model(ask.model, ask.extras, fields)
    kind = family(base)
    notes = Notes(strict=ask.strict)
    rules = rules_for(base) if kind.thinking == "claude" else None
    names = map_names(_names(ask))
    ids = map_ids(_ids(ask), kind.ids)
    max_tokens = _max_tokens(ask, rules, notes)
    reasoning = _reasoning(ask, kind, rules, max_tokens, notes)
    blocks = Blocks(
        notes, kind, names, ids, credential_id=credential_id, replay_reasoning=not reasoning.is_off
    )
    system, conversation = turns(
        ask,
        blocks,
        kind,
        notes,
        system_turns=rules is not None and rules.system_turns,
        prefill=rules is None or rules.prefill,
    )
    reasoning = _unbroken(reasoning, conversation, notes)
    structured = kind.structured and (rules is None or rules.structured)
    if not kind.tools:
        _say_calls(conversation)
    tools = toolbox(
        ask,
        names,
        kind,
        notes,
        may_force=rules is None or (rules.forced_tools and not reasoning.is_budgeted),
        structured=structured,
    )
    output, instruction = output_form(ask, notes, structured=structured)
    said = [{"text": text} for text in (instruction, tools.instruction) if text]
    if kind.system:
        system += said
    else:
        conversation[0]["content"][:0] = said
    _add_documents(ask, conversation, blocks)
    _cache_all(ask, kind, conversation, notes)

    body: Body = {"messages": conversation}
    if system:
        body["system"] = system
    if inference := _inference(ask, kind, rules, reasoning, max_tokens, notes):
        body["inferenceConfig"] = inference
    if tools.config is not None:
        body["toolConfig"] = tools.config
    body |= _options(ask, notes)
    if output:
        body["outputConfig"] = output
    if additional := _additional(ask, kind, rules, reasoning, notes):
        body["additionalModelRequestFields"] = additional
    _limit_cache_points(body, notes)
    refuse_the_rest(ask, notes)
    body = merged(body, {name: value for name, value in ask.extras.items() if name not in OPTIONS})
    return Prepared(
        body,
        Reading(
            model=ask.model,
            origin=Origin(
                client.NAME, kind.name, ask.model, credential_id if rules and rules.account_bound else 0
            ),
            notices=notes.all,
            names={sent: name for name, sent in names.items()},
            custom=frozenset(tool.name for tool in ask.tools if tool.kind == "custom"),
        ),
    )


def merged(under: Body, over: Mapping[str, Any]) -> Body:
    """Lay the caller's own options over the body, objects into objects."""
    for name, value in over.items():
        before = under.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            under[name] = merged(dict(before), value)
        else:
            under[name] = value
    return under


def _names(ask: LlmRequest) -> Iterable[str]:
    yield from (tool.name for tool in ask.tools if tool.kind != "provider")
    for message in ask.messages:
        yield from (part.name for part in message.parts if isinstance(part, ToolCall))


def _ids(ask: LlmRequest) -> Iterable[str]:
    for message in ask.messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                yield part.id
            elif isinstance(part, ToolResult):
                yield part.call_id


def _max_tokens(ask: LlmRequest, rules: Rules | None, notes: Notes) -> int | None:
    asked = ask.max_output_tokens
    if asked is not None and rules is not None and asked > rules.max_output:
        notes.note("clamped", "max_tokens", f"this model answers with {rules.max_output} tokens at most")
        return rules.max_output
    return asked


# --- reasoning ---------------------------------------------------------------------------------


def _reasoning(
    ask: LlmRequest, kind: Family, rules: Rules | None, max_tokens: int | None, notes: Notes
) -> Thinking:
    """Return what to ask for; families without Claude's words have an effort alone."""
    wish = ask.reasoning
    if rules is not None:
        return thinking(wish, rules, max_tokens or rules.max_output, notes)
    asked = wish.mode != "default" or wish.effort is not None or wish.budget_tokens is not None
    off = wish.mode == "off" or wish.effort == "none"
    if not asked:
        return Thinking()
    if kind.thinking is None:
        if not off:
            notes.cannot("reasoning", "this model cannot be told how to reason")
        return Thinking()
    if off:
        if kind.thinking == "nova":
            return Thinking({"type": "disabled"})
        notes.cannot("reasoning", "this model always reasons: it was asked for little effort", "degraded")
        return Thinking(None, "low")
    if wish.budget_tokens is not None and wish.effort is None:
        notes.note("mapped", "reasoning.budget_tokens", "this model knows no budget: an effort was asked for")
    effort = _EFFORTS[wish.effort or _effort_of(wish.budget_tokens)]
    if kind.thinking == "qwen" and effort == "medium":
        effort = "high"
    if wish.effort is not None and effort != wish.effort:
        notes.note("mapped", "reasoning.effort", f"this model's nearest effort is {effort}")
    if kind.thinking == "nova" and effort == "high" and max_tokens is not None:
        notes.note(
            "clamped", "reasoning.effort", "with a limit of tokens this model's effort is medium at most"
        )
        effort = "medium"
    return Thinking(None, effort)  # type: ignore[arg-type]


def _effort_of(budget: int | None) -> str:
    if budget is None:
        return "medium"
    return "low" if budget <= 4_096 else "medium" if budget <= 12_288 else "high"


def _unbroken(thought: Thinking, conversation: list[Turn], notes: Notes) -> Thinking:
    """Give up a budgeted thinking that would begin amid a tool loop: that is refused."""
    if not thought.is_budgeted or len(conversation) < 2 or conversation[-1]["role"] != "user":
        return thought
    before, last = conversation[-2:]
    if "toolResult" not in last["content"][0] or "reasoningContent" in before["content"][0]:
        return thought
    notes.note(
        "degraded", "reasoning", "these tool calls were made without thinking: it starts with the next turn"
    )
    return Thinking(None, thought.effort)


# --- form, sampling, options ---------------------------------------------------------------------


def output_form(ask: LlmRequest, notes: Notes, *, structured: bool) -> tuple[Body, str | None]:
    """Return `outputConfig` for the form asked for, or words that ask for it."""
    output = ask.output
    if output.verbosity:
        notes.cannot("verbosity", "Converse has no setting for verbosity")
    if any(modality != "text" for modality in output.modalities) or output.audio:
        notes.cannot("modalities", "Converse has no setting for what an answer is made of")
    if output.kind == "text":
        return {}, None
    if output.kind == "json_object" or output.schema is None:
        notes.note("mapped", "response_format", "the model was asked for a JSON object in words")
        return {}, _JSON_ONLY
    if structured and not is_recursive(output.schema):
        schema, changed = strict_schema(output.schema)
        if changed:
            notes.note("mapped", "response_format", f"the compiler lacks {', '.join(changed)}: said in words")
        held: Body = {"schema": encode_text(schema)}  # Text within the JSON, as AWS wants it.
        if output.name:
            held["name"] = output.name
        if output.description:
            held["description"] = output.description
        return {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": held}}}, None
    notes.cannot("response_format", "the model was told the schema here and not held to it", "degraded")
    return {}, f"{_JSON_ONLY} It must match this JSON Schema: {encode_text(output.schema)}"


def _inference(
    ask: LlmRequest,
    kind: Family,
    rules: Rules | None,
    reasoning: Thinking,
    max_tokens: int | None,
    notes: Notes,
) -> Body:
    sampling = ask.sampling
    found: Body = {}
    if max_tokens is not None:
        found["maxTokens"] = max(max_tokens, 1)
    elif reasoning.is_budgeted and rules is not None:
        found["maxTokens"] = rules.max_output  # The budget was measured by it.
    found |= _randomness(ask, kind, rules, reasoning, notes)
    stops = [stop for stop in sampling.stop if stop.strip()]
    if len(stops) != len(sampling.stop):
        notes.cannot("stop", "Bedrock takes no stop sequence of white space alone")
    if stops:
        found["stopSequences"] = stops
    return found


def _randomness(
    ask: LlmRequest, kind: Family, rules: Rules | None, reasoning: Thinking, notes: Notes
) -> Body:
    temperature, top_p = ask.sampling.temperature, ask.sampling.top_p
    if rules is not None and not rules.sampling:
        for name, value in (("temperature", temperature), ("top_p", top_p)):
            if value is not None:
                notes.cannot(name, "this model sets its own sampling")
        return {}
    if kind.thinking == "nova" and reasoning.effort == "high":
        for name, value in (("temperature", temperature), ("top_p", top_p)):
            if value is not None:
                notes.cannot(name, "this model sets its own sampling when it reasons hard")
        return {}
    thinks = rules is not None and reasoning.config is not None and not reasoning.is_off
    found: Body = {}
    if temperature is not None:
        clamped = min(max(temperature, 0.0), 1.0)
        if thinks and temperature != 1:
            notes.cannot("temperature", "a model that thinks keeps its temperature")
        else:
            found["temperature"] = clamped
            if clamped != temperature:
                notes.note("clamped", "temperature", f"Bedrock's temperature is 0 to 1: {clamped:g}")
    if top_p is not None:
        if rules is not None and rules.one_sampler and "temperature" in found:
            notes.cannot("top_p", "this model takes temperature or top_p, not both")
        elif thinks and top_p < _MIN_TOP_P_WITH_THINKING:
            notes.cannot("top_p", f"a model that thinks takes top_p from {_MIN_TOP_P_WITH_THINKING} up")
        else:
            found["topP"] = min(max(top_p, 0.0), 1.0)
    return found


def _options(ask: LlmRequest, notes: Notes) -> Body:
    found: Body = {}
    if guardrail := _guardrail(ask, notes):
        found["guardrailConfig"] = guardrail
    if metadata := _metadata(ask, notes):
        found["requestMetadata"] = metadata
    if ask.service_tier is not None and ask.service_tier != "auto":
        if tier := _TIERS.get(ask.service_tier):
            found["serviceTier"] = {"type": tier}
        else:
            notes.cannot("service_tier", f"Bedrock has no service tier {ask.service_tier}")
    match ask.speed:
        case None:
            pass
        case "fast":
            found["performanceConfig"] = {"latency": "optimized"}
        case "standard":
            found["performanceConfig"] = {"latency": "standard"}
        case _:
            notes.cannot("speed", "Bedrock's speeds are standard and fast")
    return found


def _guardrail(ask: LlmRequest, notes: Notes) -> Body:
    given = ask.safety.guardrail
    if not given:
        return {}
    found: Body = {}
    for ours, theirs in (
        (("guardrailIdentifier", "identifier", "id"), "guardrailIdentifier"),
        (("guardrailVersion", "version"), "guardrailVersion"),
        (("trace",), "trace"),
        (("streamProcessingMode", "stream_processing_mode"), "streamProcessingMode"),
    ):
        value = next((given[name] for name in ours if name in given), None)
        if value is not None:
            found[theirs] = str(value)
    if "guardrailIdentifier" not in found:
        notes.cannot("safety.guardrail", "a guardrail of Bedrock's has an id")
        return {}
    found.setdefault("guardrailVersion", "DRAFT")
    return found


def _metadata(ask: LlmRequest, notes: Notes) -> dict[str, str]:
    wanted = dict(ask.metadata or {})
    if user := ask.end_user.id or ask.end_user.safety_identifier:
        wanted.setdefault("user_id", user)
    found = {
        name: value
        for name, value in wanted.items()
        if _METADATA_KEY.fullmatch(name) and _METADATA_VALUE.fullmatch(value)
    }
    if len(found) < len(wanted):
        notes.note("dropped", "metadata", "Bedrock's metadata are 256 plain characters at most")
    if len(found) > MAX_METADATA:
        notes.note("dropped", "metadata", f"a request has {MAX_METADATA} metadata at most")
    return dict(list(found.items())[:MAX_METADATA])


def _additional(
    ask: LlmRequest, kind: Family, rules: Rules | None, reasoning: Thinking, notes: Notes
) -> Body:
    found: Body = {}
    if rules is not None:
        if reasoning.config is not None:
            found["thinking"] = reasoning.config
        if reasoning.effort is not None:
            found["output_config"] = {"effort": reasoning.effort}
        if betas := _betas(ask):
            found["anthropic_beta"] = betas
    elif kind.thinking == "nova" and reasoning.is_off:
        found["reasoningConfig"] = {"type": "disabled"}
    elif reasoning.effort is not None:
        match kind.thinking:
            case "nova":
                found["reasoningConfig"] = {"type": "enabled", "maxReasoningEffort": reasoning.effort}
            case "qwen":
                found["reasoning_config"] = reasoning.effort
            case _:
                found["reasoning_effort"] = reasoning.effort
    if (top_k := ask.sampling.top_k) is not None:
        thinks = rules is not None and reasoning.config is not None and not reasoning.is_off
        if not kind.top_k or thinks or (rules is not None and not rules.sampling):
            notes.cannot("top_k", "this model takes no top_k here")
        else:
            value: Any = top_k
            for name in reversed(kind.top_k):
                value = {name: value}
            found |= value
    return found


def _betas(ask: LlmRequest) -> list[str]:
    headers = {name.lower(): value for name, value in ask.headers}
    given = ask.extras.get("betas", ())
    betas = [
        *headers.get("anthropic-beta", "").split(","),
        *(given.split(",") if isinstance(given, str) else given),
    ]
    return list(dict.fromkeys(beta.strip() for beta in betas if beta.strip()))


# --- what is laid over the conversation ------------------------------------------------------------


def _say_calls(conversation: list[Turn]) -> None:
    """Tell a model without tools in words what a history's calls and results said."""
    for turn in conversation:
        turn["content"] = [_in_words(block) for block in turn["content"]]


def _in_words(block: Block) -> Block:
    if "toolUse" in block:
        use = block["toolUse"]
        return {"text": f"[called {use['name']} with {encode_text(use['input'])}]"}
    if "toolResult" in block:
        said = " ".join(
            inner["text"] if "text" in inner else encode_text(inner.get("json", {}))
            for inner in block["toolResult"]["content"]
        )
        return {"text": f"[the tool answered: {said}]"}
    return block


def _add_documents(ask: LlmRequest, conversation: list[Turn], blocks: Blocks) -> None:
    if not ask.documents:
        return
    turn = next((turn for turn in reversed(conversation) if turn["role"] == "user"), conversation[0])
    content: list[Block] = turn["content"]
    place = next((at for at, block in enumerate(content) if "toolResult" not in block), len(content))
    content[place:place] = [blocks.passage(rag_result(document)) for document in ask.documents]


def _cache_all(ask: LlmRequest, kind: Family, conversation: list[Turn], notes: Notes) -> None:
    """Cache the whole prompt, where that is asked for: up to the last thing the user said."""
    cache = ask.cache
    hint = cache.hint
    if hint is None:
        if cache.mode != "auto":
            return
        hint = CacheHint("1h" if cache.retention in {"30m", "1h", "24h"} else None)
    if not kind.caches:
        notes.cannot("cache", "this model caches no prompts")
        return
    content = conversation[-1]["content"]
    place = len(content)
    while place and is_bulky(content[place - 1]):
        place -= 1
    if place and "cachePoint" not in content[place - 1]:
        content.insert(place, cache_point(hint, kind))


def _limit_cache_points(body: Body, notes: Notes) -> None:
    """Keep the last four: each serves everything before it."""
    lists = [
        body.get("toolConfig", {}).get("tools", []),
        body.get("system", []),
        *(turn["content"] for turn in body["messages"]),
    ]
    points = [(content, block) for content in lists for block in content if "cachePoint" in block]
    for content, point in points[:-MAX_CACHE_POINTS]:
        content[:] = [block for block in content if block is not point]
        notes.note("dropped", "cache", f"a request has {MAX_CACHE_POINTS} cache points at most")


def refuse_the_rest(ask: LlmRequest, notes: Notes) -> None:
    """Note what no language on Bedrock has a word for, or raise `Failure` where the caller is strict."""
    sampling = ask.sampling
    wanted = {
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
        "inference_geo": ask.inference_geo,
        "cache.key": ask.cache.key,
        "cache.handle": ask.cache.handle,
        "safety": ask.safety.settings or ask.safety.moderation or ask.safety.safe_prompt or None,
    }
    for name, value in wanted.items():
        if value is not None:
            notes.cannot(name, f"Bedrock has no {name}")
    for name in ask.unknown:
        notes.cannot(name, f"Bedrock has no {name}")
