"""What Gemini refuses in a conversation (ai.google.dev/gemini-api/docs/function-calling, …/thought-signatures)."""

from typing import Any, NoReturn

from lab.gemini.client import refuse
from lab.gemini.fields import VERTEX
from lab.gemini.signature import valid
from lab.gemini.traits import Traits
from lab.http import Call

_HELD = (
    "text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
    "toolCall", "toolResponse",
)  # fmt: skip
_RICH = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf", "text/plain"})
_UNSIGNED = "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{}` , position {}. Please refer to https://ai.google.dev/gemini-api/docs/thought-signatures for more details."
_ORDER = "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
_PAIRS = "Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn."

Turn = dict[str, Any]


def check(call: Call, contents: list[Turn], trait: Traits, host: str) -> None:
    """Lets a conversation pass that Gemini would take. Raises `Refused`."""
    if not contents:
        refuse(call, "* GenerateContentRequest.contents: contents is not specified\n")
    for number, turn in enumerate(contents):
        if turn.get("role", "user" if host != VERTEX and len(contents) == 1 else "") not in ("user", "model"):
            refuse(call, "Please use a valid role: user, model.")
        if not turn.get("parts"):
            refuse(
                call,
                f"* GenerateContentRequest.contents[{number}].parts: contents.parts must not be empty.\n",
            )
        for place, part in enumerate(turn["parts"]):
            _part(call, part, f"contents[{number}].parts[{place}]", trait, host)
    if contents[-1].get("role") == "model":
        refuse(call, "Please ensure that multiturn requests end with a user role or a function response.")
    _calls_answered(call, contents)
    if trait.new:
        _signed(call, contents)


def calls(turn: Turn) -> list[dict[str, Any]]:
    """The functions that a turn calls."""
    return [part["functionCall"] for part in turn["parts"] if "functionCall" in part]


def responses(turn: Turn) -> list[dict[str, Any]]:
    """What functions answered in a turn."""
    return [part["functionResponse"] for part in turn["parts"] if "functionResponse" in part]


def _part(call: Call, part: dict[str, Any], place: str, trait: Traits, host: str) -> None:
    where = f"* GenerateContentRequest.{place}"
    held = [name for name in _HELD if name in part]
    if len(held) != 1:
        signed = "thoughtSignature" in part and not held
        if not signed:
            refuse(call, f"{where}.data: required oneof field 'data' must have one initialized field\n")
        return
    if "thoughtSignature" in part and not valid(part["thoughtSignature"]):
        refuse(call, "Thought signature is not valid.")
    if part.get("mediaResolution") and not trait.new:
        refuse(call, "Media resolution is not enabled for this model.")
    value = part[held[0]]
    match held[0]:
        case "inlineData":
            if not value.get("mimeType"):
                refuse(call, f"{where}.inline_data.mime_type: must not be empty\n")
        case "fileData":
            if not value.get("fileUri"):
                refuse(call, f"{where}.file_data.file_uri: must not be empty\n")
            if host == VERTEX and not value.get("mimeType"):
                refuse(call, "Unable to submit request because it must have a mimeType parameter.")
        case "functionCall":
            _named(call, value, f"{where}.function_call", trait)
        case "functionResponse":
            _named(call, value, f"{where}.function_response", trait)
            if "response" not in value:
                refuse(call, f"{where}.function_response.response: must be set\n")
            for rich in value.get("parts") or ():
                if not trait.new:
                    refuse(call, "Multimodal function response is not supported by this model.")
                if (rich.get("inlineData") or {}).get("mimeType") not in _RICH:
                    refuse(call, f"{where}.function_response.parts: unsupported MIME type\n")


def _named(call: Call, value: dict[str, Any], where: str, trait: Traits) -> None:
    if not value.get("name"):
        refuse(call, f"{where}.name: Name cannot be empty.\n")
    if "id" in value and not (trait.new or trait.gemma):
        field = where.removeprefix("* GenerateContentRequest.")
        refuse(call, f"Invalid JSON payload received. Unknown name \"id\" at '{field}': Cannot find field.")


def _calls_answered(call: Call, contents: list[Turn]) -> None:
    """Each turn that calls follows a user's, and the next answers every call and nothing else."""
    before: Turn | None = None
    for turn in contents:
        answered, asked = responses(turn), calls(before) if before is not None else []
        if answered or asked:
            if len(answered) != len(asked):
                refuse(call, _PAIRS)
            _matched(call, asked, answered)
        if calls(turn) and (turn["role"] != "model" or before is None or before["role"] != "user"):
            refuse(call, _ORDER)
        before = turn
    if before is not None and calls(before):
        refuse(call, _PAIRS)


def _matched(call: Call, asked: list[dict[str, Any]], answered: list[dict[str, Any]]) -> None:
    if sorted(one["name"] for one in asked) != sorted(one["name"] for one in answered):
        refuse(call, "Please ensure that function response names match the names of the function calls.")
    ids = {one["id"] for one in asked if one.get("id")}
    for one in answered:
        if ids and one.get("id") and one["id"] not in ids:
            refuse(call, f"Function response id {one['id']} matches no function call.")


def _signed(call: Call, contents: list[Turn]) -> None:
    """Since the user last spoke, the first call of every step is signed."""
    spoke = max((at for at, turn in enumerate(contents) if _speaks(turn)), default=0)
    for at, turn in enumerate(contents[spoke:], spoke):
        first = next((part for part in turn["parts"] if "functionCall" in part), None)
        if first is not None and "thoughtSignature" not in first:
            _missing(call, first["functionCall"]["name"], at + 1)


def _speaks(turn: Turn) -> bool:
    return turn.get("role", "user") == "user" and not responses(turn)


def _missing(call: Call, name: str, position: int) -> NoReturn:
    refuse(call, _UNSIGNED.format(name, position))
