"""What Replicate refuses in a prediction's input, and the conversation that is in it
(replicate.com/docs/topics/predictions/create-a-prediction).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from lab.conversation import IMAGE_TOKENS, Prompt
from lab.http import Call
from lab.replicate.client import invalid
from lab.replicate.models import Model, choices

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_MAX = ("max_tokens", "max_completion_tokens")


def check(call: Call, model: Model, body: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """The input, if the model takes it; the body has no other fields than these. Raises `Refused`."""
    strays = [name for name in body if name not in allowed]
    if strays:
        invalid(
            call,
            [
                ("additional_property_not_allowed", "", f"Additional property {name} is not allowed")
                for name in strays
            ],
        )
    given = body.get("input")
    if not isinstance(given, dict):
        invalid(call, [("required", "", "input is required")])
    wrong = list(_wrong(model, given))
    if wrong:
        invalid(call, wrong)
    return given


def _wrong(model: Model, given: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name in model.required:
        if given.get(name) is None:
            yield "required", "input", f"{name} is required"
    for name, value in given.items():
        about = model.inputs.get(name)
        where = f"input.{name}"
        if about is None:
            yield "additional_property_not_allowed", "input", f"Additional property {name} is not allowed"
        elif value is None:
            if not about.get("nullable"):
                yield "invalid_type", where, "Invalid type. Expected a value, given: null"
        elif (allowed := choices(name, about)) is not None and value not in allowed:
            yield "enum", where, f"Must be one of the following: {', '.join(map(repr, allowed))}"
        elif "type" in about and not _is(value, about["type"]):
            yield (
                "invalid_type",
                where,
                f"Invalid type. Expected: {about['type']}, given: {type(value).__name__}",
            )
        elif (least := about.get("minimum")) is not None and value < least:
            yield "number_gte", where, f"Must be greater than or equal to {least}"
        elif (most := about.get("maximum")) is not None and value > most:
            yield "number_lte", where, f"Must be less than or equal to {most}"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def read(call: Call, model: Model, given: Mapping[str, Any]) -> Prompt:
    """The conversation in the lab's terms."""
    prompt = Prompt(shape=call.asked, tokens=3)
    said = [str(turn.get("content", "")) for turn in given.get("messages") or ()]
    prompt.text = said[-1] if said else str(given.get("prompt") or "")
    for text in (*said, prompt.text if not said else "", str(given.get("system_prompt") or "")):
        prompt.read(text)
    prompt.images = len(given.get("image_input") or ())
    prompt.tokens += IMAGE_TOKENS * prompt.images
    prompt.schema = given.get("json_schema")
    prompt.max_tokens = next((given[name] for name in _MAX if given.get(name) is not None), None)
    prompt.stop = [stop for stop in str(given.get("stop_sequences") or "").split(",") if stop]
    if model.thinks:
        prompt.effort = "low"
    elif given.get("reasoning_effort") not in (None, "minimal"):
        prompt.tokens += 1
    return prompt
