"""What became of the things a request asked for and its target cannot do."""

from collections.abc import Iterable, Mapping
from typing import Literal

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Notice

NEVER_LEFT_OUT = frozenset({"translate"})
"""What is refused however lenient the caller is: an answer without it would be another answer."""


class Notes:
    """Collects notices; where the caller is strict, what cannot be done is refused instead."""

    __slots__ = ("_found", "strict")

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self._found: list[Notice] = []

    @property
    def all(self) -> tuple[Notice, ...]:
        return tuple(self._found)

    def note(
        self, code: Literal["dropped", "clamped", "mapped", "degraded"], param: str, message: str
    ) -> None:
        """Tell the caller of a change, once."""
        notice = Notice(code, param, message)
        if notice not in self._found:
            self._found.append(notice)

    def cannot(
        self, param: str, message: str, code: Literal["dropped", "clamped", "degraded"] = "dropped"
    ) -> None:
        """Tell of something left out or only approximated, or raise `Failure` when the caller is strict."""
        if self.strict or param in NEVER_LEFT_OUT:
            raise unsupported(param, message)
        self.note(code, param, message)

    def lacks(self, provider: str, wanted: Mapping[str, object]) -> None:
        """Tell of what was asked for, by the caller's names, that a provider has no word for; None was not asked."""
        for name, value in wanted.items():
            if value is not None:
                self.cannot(name, f"{provider} has no {name}")

    def strange(self, names: Iterable[str], provider: str) -> None:
        """Tell of fields of the caller's body that nobody here knows."""
        for name in names:
            self.cannot(name, f"{provider} does not know {name}; its own options go into provider.options")


def unsupported(param: str, message: str) -> Failure:
    """Build the failure for what cannot be left out without changing the meaning."""
    return Failure(Kind.UNSUPPORTED, message, code="unsupported_parameter", param=param)
