"""What is known of a model, applied to a request before it is put into anybody's words.

Only what means the same in every language is done here. Efforts, budgets and schemas are words of each
language: there the known is laid over the rules of the model's family.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from integration_api.core.llm import (
    EndUser,
    LlmRequest,
    Media,
    Output,
    Part,
    ReasoningRequest,
    Sampling,
    ToolChoice,
    ToolResult,
)
from integration_api.core.models import UNKNOWN, Capabilities
from integration_api.dialects.notes import Notes, unsupported

_SAMPLING: dict[str, Any] = {name: getattr(Sampling(), name) for name in Sampling.__struct_fields__}
"""Each field of chance, and what it is when nobody asks."""
_ELSEWHERE: dict[str, tuple[str, Any]] = {
    "max_tokens": ("max_output_tokens", None),
    "metadata": ("metadata", None),
    "parallel_tool_calls": ("parallel_tools", None),
    "prediction": ("prediction", None),
    "service_tier": ("service_tier", None),
    "store": ("store", None),
    "user": ("end_user", EndUser()),
}
"""Other parameters: where a request has them, and what is there when nobody asks."""
UNCHANGED: Mapping[str, Any] = {
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "repetition_penalty": 1,
    "n": 1,
    "logprobs": False,
    "parallel_tool_calls": True,
    "store": False,
    "service_tier": "auto",
}
"""Values that change nothing: leaving them out needs no notice."""
_SEEN = frozenset({"image", "audio", "video"})
"""Media that a model must be made for. Documents are not among them: hosts read them out as text."""


def fitted(ask: LlmRequest, notes: Notes) -> LlmRequest:
    """Return `ask` as its model can be asked, as far as that is known.

    Raises `Failure` (UNSUPPORTED) for what may not be left out, and for all else when the caller is strict.
    """
    known = ask.known
    if known is UNKNOWN:
        return ask
    changes: dict[str, Any] = {}
    if known.tools is False and ask.tools:
        raise unsupported("tools", f"{ask.model} calls no tools; choose another model")
    if known.inputs is not None and "image" not in known.inputs:
        _see(ask, known)
    most = known.max_output_tokens
    if most is not None and ask.max_output_tokens is not None and ask.max_output_tokens > most:
        # Never more than it was going to be: this changes no answer, and so no caller can mind.
        notes.note("clamped", "max_tokens", f"this model answers with {most} tokens at most")
        changes["max_output_tokens"] = most
    if known.reasoning is False and ask.reasoning != _UNASKED:
        if _wants_thought(ask.reasoning):
            notes.cannot("reasoning", "this model does not think before it answers")
        changes["reasoning"] = _UNASKED
    sampling = _within(ask.sampling, known, notes)
    if known.refuses:
        sampling = _without(ask, sampling, known, changes, notes)
    if sampling is not ask.sampling:
        changes["sampling"] = sampling
    return replace(ask, **changes) if changes else ask


_UNASKED = ReasoningRequest()


def _wants_thought(asked: ReasoningRequest) -> bool:
    return asked.effort not in {None, "none"} or asked.mode == "on" or bool(asked.budget_tokens)


def _within(sampling: Sampling, known: Capabilities, notes: Notes) -> Sampling:
    most, asked = known.max_temperature, sampling.temperature
    if most is None or asked is None or asked <= most:
        return sampling
    notes.cannot("temperature", f"this model takes at most {most:g}", "clamped")
    return replace(sampling, temperature=most)


def _without(
    ask: LlmRequest, sampling: Sampling, known: Capabilities, changes: dict[str, Any], notes: Notes
) -> Sampling:
    left: dict[str, Any] = {}
    for name in known.refuses:
        if name in _SAMPLING:
            if _told(name, getattr(sampling, name), _SAMPLING[name], notes):
                left[name] = _SAMPLING[name]
        elif name in _ELSEWHERE:
            field, unasked = _ELSEWHERE[name]
            if _told(name, changes.get(field, getattr(ask, field)), unasked, notes):
                changes[field] = unasked
        elif name == "verbosity":
            if _told(name, ask.output.verbosity, None, notes):
                changes["output"] = replace(changes.get("output", ask.output), verbosity=None)
        elif name == "response_format":
            if ask.output.kind != Output().kind:
                raise unsupported(name, f"{ask.model} can not be held to a form; ask for it in words")
        elif name == "tool_choice" and ask.tool_choice not in {None, ToolChoice()}:
            raise unsupported(name, f"{ask.model} chooses for itself which tools it calls")
    return replace(sampling, **left) if left else sampling


def _told(name: str, asked: Any, unasked: Any, notes: Notes) -> bool:
    """Whether a parameter was asked for, and so must go; tell of it where that changes something."""
    if asked is None or asked == unasked:
        return False
    if name == "n" and asked != 1:
        raise unsupported(name, f"this model gives one answer to a request; ask {asked} times")
    if UNCHANGED.get(name, _NOTHING) != asked:
        notes.cannot(name, f"this model takes no {name}")
    return True


_NOTHING = object()


def _see(ask: LlmRequest, known: Capabilities) -> None:
    """Raise `Failure` for a medium that a model without eyes is shown."""
    lacking = _SEEN.difference(known.inputs or ())
    for message in ask.messages:
        for part in _media(message.parts):
            if part.kind in lacking:
                raise unsupported("messages", f"{ask.model} takes no {part.kind}; choose another model")


def _media(parts: Iterable[Part]) -> Iterable[Media]:
    for part in parts:
        if isinstance(part, Media):
            yield part
        elif isinstance(part, ToolResult):
            yield from (one for one in part.content if isinstance(one, Media))
