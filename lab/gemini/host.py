"""How Gemini's two hosts differ where its language is spoken."""

from collections.abc import Callable
from dataclasses import dataclass

from lab.gemini.traits import Traits
from lab.http import Call

Headers = Callable[[Call], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Who is asked: `admit` lets good keys pass, `find` gives the traits of a model that is to be had there; both
    raise `Refused`.
    """

    name: str
    admit: Callable[[Call], None]
    find: Callable[[Call, str], Traits]
    headers: Headers
    stream_headers: Headers
    dates: bool = False
    """Whether answers tell when they were made, and by which kind of traffic."""
