"""What became of the things a request asked for and Claude cannot do."""

from typing import Literal

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Notice


class Notes:
    """Collects notices; where the caller is strict, what cannot be done is refused instead."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self._found: list[Notice] = []

    def cannot(self, param: str, message: str, code: Literal["dropped", "degraded"] = "dropped") -> None:
        """Note that `param` is left out or only approximated, or raise `Failure` UNSUPPORTED when strict."""
        if self.strict:
            raise Failure(Kind.UNSUPPORTED, message, param=param, code="unsupported_parameter")
        self.note(code, param, message)

    def note(
        self, code: Literal["dropped", "clamped", "mapped", "degraded"], param: str, message: str
    ) -> None:
        """Note a change that leaves what was asked for intact."""
        notice = Notice(code, param, message)
        if notice not in self._found:
            self._found.append(notice)

    def all(self) -> tuple[Notice, ...]:
        return tuple(self._found)
