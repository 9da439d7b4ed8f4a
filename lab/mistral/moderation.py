"""Mistral's moderations, of texts and of conversations (docs.mistral.ai/api, classifiers)."""

from typing import Any

from lab.conversation import mark
from lab.http import Call, Response, encode
from lab.mistral.client import admit, answer, document, refuse
from lab.mistral.traits import MODERATION
from lab.mistral.values import Findings

_CATEGORIES = {
    "sexual": ("porn",),
    "hate_and_discrimination": ("hate",),
    "violence_and_threats": ("kill", "attack", "threaten"),
    "dangerous_and_criminal_content": ("bomb", "steal", "drugs"),
    "selfharm": ("suicide",),
    "health": ("diagnos",),
    "financial": ("invest",),
    "law": ("lawsuit",),
    "pii": ("@", "passport"),
    "jailbreaking": ("ignore all previous",),
}
_SURE = 0.97
_UNLIKELY = 0.0001


def moderate(call: Call) -> Response:
    """POST /v1/moderations. Raises `Refused`."""
    given = _given(call, frozenset({"model", "input", "metadata"}))
    inputs = given if isinstance(given, list) else [given]
    findings = Findings()
    for place, one in enumerate(inputs):
        findings.typed(one, str, "string", ("input", place))
    findings.close(call, plain=True)
    return _answer(call, inputs)


def moderate_chat(call: Call) -> Response:
    """POST /v1/chat/moderations: one conversation, or several. Raises `Refused`."""
    given = _given(call, frozenset({"model", "input"}))
    findings = Findings()
    if not findings.typed(given, list, "list", ("input",)):
        findings.close(call, plain=True)
    several = given if given and isinstance(given[0], list) else [given]
    return _answer(call, [encode(one).decode() for one in several])


def _given(call: Call, fields: frozenset[str]) -> Any:
    admit(call)
    body = document(call)
    findings = Findings()
    findings.known(body, fields)
    model = findings.required(body, "model")
    given = findings.required(body, "input")
    findings.close(call, plain=True)
    if call.asked.base not in ("", *MODERATION):
        refuse(call, f"Invalid model: {model}", "invalid_model", "1500")
    return given


def _answer(call: Call, texts: list[str]) -> Response:
    results = []
    for text in texts:
        lowered = text.lower()
        found = {name: any(word in lowered for word in words) for name, words in _CATEGORIES.items()}
        scores = {name: _SURE if hit else _UNLIKELY for name, hit in found.items()}
        results.append({"categories": found, "category_scores": scores})
    return answer(call, {"id": mark(call, 32), "model": call.model, "results": results})
