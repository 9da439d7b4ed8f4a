"""OpenAI's moderations (platform.openai.com/docs/api-reference/moderations)."""

from typing import Any

from lab.conversation import mark
from lab.http import Call, Response
from lab.openai.client import admit, answer, document, refuse
from lab.openai.traits import MODERATION
from lab.openai.values import filled, known, one_of, required, typed

_CATEGORIES = {
    "harassment": ("idiot", "harass"),
    "harassment/threatening": ("threaten",),
    "hate": ("hate",),
    "hate/threatening": (),
    "illicit": ("steal", "drugs"),
    "illicit/violent": ("bomb",),
    "self-harm": ("suicide",),
    "self-harm/intent": (),
    "self-harm/instructions": (),
    "sexual": ("porn",),
    "sexual/minors": (),
    "violence": ("kill", "attack", "bomb"),
    "violence/graphic": ("gore",),
}
_SEEN_IN_IMAGES = frozenset(
    {"self-harm", "self-harm/intent", "self-harm/instructions", "sexual", "violence", "violence/graphic"}
)
_SURE = 0.97
_UNLIKELY = 0.0001


def moderate(call: Call) -> Response:
    """POST /v1/moderations: words give a text away. Raises `Refused`."""
    admit(call)
    body = document(call)
    known(call, body, frozenset({"model", "input"}))
    given = required(call, body, "input")
    model = body.get("model") or MODERATION[0]
    if call.asked.base not in ("", *MODERATION):
        refuse(call, f"Invalid value for 'model' = {model}.", param="model")
    if isinstance(given, str):
        results = [_result(given, images=False)]
    else:
        typed(call, given, list, "one of a string or array", "input")
        filled(call, given, 2048, "input")
        results = _several(call, given)
    shown = MODERATION[1] if model == MODERATION[0] else model
    return answer(call, {"id": f"modr-{mark(call, 29)}", "model": shown, "results": results})


def _several(call: Call, given: list[Any]) -> list[dict[str, Any]]:
    """A result for each text; parts are one input and have one result."""
    if all(isinstance(one, str) for one in given):
        return [_result(one, images=False) for one in given]
    texts, images = [], False
    for place, part in enumerate(given):
        where = f"input[{place}]"
        typed(call, part, dict, "an object", where)
        one_of(call, part.get("type"), ("text", "image_url"), f"{where}.type")
        value = required(call, part, part["type"], where)
        if part["type"] == "text":
            typed(call, value, str, "a string", f"{where}.text")
            texts.append(value)
        else:
            typed(call, value, dict, "an object", f"{where}.image_url")
            required(call, value, "url", f"{where}.image_url")
            images = True
    return [_result(" ".join(texts), images=images)]


def _result(text: str, *, images: bool) -> dict[str, Any]:
    lowered = text.lower()
    found = {name: any(word in lowered for word in words) for name, words in _CATEGORIES.items()}
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": {name: _SURE if hit else _UNLIKELY for name, hit in found.items()},
        "category_applied_input_types": {
            name: ["text", "image"] if images and name in _SEEN_IN_IMAGES else ["text"] for name in found
        },
    }
