"""What surrounds a conversation: guardrail, metadata, tier and speed, and what Bedrock has no word for.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
"""

import re

from integration_api.core.llm import LlmRequest
from integration_api.dialects.anthropic_messages_payload import beyond_claude
from integration_api.dialects.notes import Notes
from integration_api.providers.bedrock.options import Body

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


def options(ask: LlmRequest, notes: Notes) -> Body:
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


def refuse_the_rest(ask: LlmRequest, notes: Notes) -> None:
    """Note what no language on Bedrock has a word for, or raise `Failure` where the caller is strict."""
    notes.lacks("Bedrock", {**beyond_claude(ask), "inference_geo": ask.inference_geo})


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
