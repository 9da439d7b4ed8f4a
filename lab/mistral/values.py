"""Mistral's validator: all findings of one request, collected as it reports them."""

from typing import Any

from lab.http import Call
from lab.mistral.client import invalid

Place = tuple[str | int, ...]


class Findings:
    """What does not fit in one request's body."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def add(self, kind: str, place: Place, message: str, value: Any) -> None:
        """Notes one finding."""
        self.found.append({"type": kind, "loc": ["body", *place], "msg": message, "input": value})

    def known(self, value: dict[str, Any], allowed: frozenset[str], place: Place = ()) -> None:
        """Every field is one that Mistral knows."""
        for name in value:
            if name not in allowed:
                self.add("extra_forbidden", (*place, name), "Extra inputs are not permitted", value[name])

    def required(self, value: dict[str, Any], name: str, place: Place = ()) -> Any:
        """The field's value, which has to be there."""
        if name not in value:
            self.add("missing", (*place, name), "Field required", value)
        return value.get(name)

    def typed(self, value: Any, kind: type, words: str, place: Place) -> bool:
        """Whether the value is of a type; a boolean is no number."""
        fits = isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool)
        if not fits:
            self.add(f"{words}_type", place, f"Input should be a valid {_LONG.get(words, words)}", value)
        return fits

    def one_of(self, value: Any, allowed: tuple[str, ...], place: Place) -> bool:
        """Whether the value is one of those listed."""
        if value in allowed:
            return True
        quoted = [f"'{one}'" for one in allowed]
        listed = f"{', '.join(quoted[:-1])} or {quoted[-1]}" if len(quoted) > 1 else quoted[0]
        self.add("literal_error", place, f"Input should be {listed}", value)
        return False

    def between(
        self, value: Any, low: float | None, high: float | None, place: Place, *, whole: bool
    ) -> None:
        """The number lies in a range."""
        if not isinstance(value, int if whole else int | float) or isinstance(value, bool):
            word = "int" if whole else "float"
            self.add(f"{word}_type", place, f"Input should be a valid {_LONG[word]}", value)
        elif low is not None and value < low:
            self.add("greater_than_equal", place, f"Input should be greater than or equal to {low}", value)
        elif high is not None and value > high:
            self.add("less_than_equal", place, f"Input should be less than or equal to {high}", value)

    def close(self, call: Call, *, plain: bool = False) -> None:
        """Raises `Refused` if anything was found."""
        if self.found:
            invalid(call, self.found, plain=plain)


_LONG = {
    "dict": "dictionary",
    "bool": "boolean",
    "int": "integer",
    "float": "number",
}
