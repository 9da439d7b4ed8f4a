"""A call's arguments where Vertex AI streams them: pieces at JSON paths, put together as one object.

https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling#streaming-fc and
https://www.rfc-editor.org/rfc/rfc9535 (of which it uses names and indexes).
"""

import re
from itertools import pairwise
from typing import Any

import msgspec

from integration_api.core.json import encode_text
from integration_api.dialects import gemini_wire as wire

_STEP = re.compile(r"""\.(?P<name>[^.\[\]]+)|\[(?P<index>\d{1,6})\]|\[(?P<quoted>"[^"]*"|'[^']*')\]""")


class Arguments:
    """Grows one object, piece by piece; a text that comes in several is one text."""

    __slots__ = ("_root",)

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, piece: wire.PartialArgument) -> None:
        """Put a piece in its place. Raises `ValueError` for a path that leads nowhere."""
        steps = _steps(piece.json_path)
        held: Any = self._root
        for step, following in pairwise(steps):
            held = _enter(held, step, [] if isinstance(following, int) else {})
        _set(held, steps[-1], piece)

    def text(self) -> str:
        return encode_text(self._root)


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1
    while found := _STEP.match(path, at):
        at = found.end()
        name, index, quoted = found["name"], found["index"], found["quoted"]
        steps.append(int(index) if index else name or quoted[1:-1])
    if not path.startswith("$") or at != len(path) or not steps:
        raise ValueError(path)
    return steps


def _enter(held: Any, step: str | int, empty: Any) -> Any:
    """Return what is at `step`, making `empty` there where nothing is."""
    if isinstance(step, int):
        if not isinstance(held, list) or step > len(held):
            raise ValueError(step)
        if step == len(held):
            held.append(empty)
        return held[step]
    if not isinstance(held, dict):
        raise ValueError(step)  # noqa: TRY004 - it is the path that is wrong, not a type of ours
    return held.setdefault(step, empty)


def _set(held: Any, step: str | int, piece: wire.PartialArgument) -> None:
    if piece.string_value is not None:
        before = _enter(held, step, "")
        held[step] = before + piece.string_value if isinstance(before, str) else piece.string_value
    elif piece.number_value is not None:
        number = piece.number_value
        _enter(held, step, None)
        held[step] = int(number) if isinstance(number, float) and number.is_integer() else number
    elif piece.bool_value is not None:
        _enter(held, step, None)
        held[step] = piece.bool_value
    elif piece.null_value is not msgspec.UNSET:
        _enter(held, step, None)
        held[step] = None
    else:
        _enter(held, step, "")
