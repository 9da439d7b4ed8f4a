"""What can go wrong on the way to a client, as values: asked for by the control API or by a model's name."""

import re
from functools import lru_cache
from typing import Any, Literal

import msgspec

_MARK = re.compile(r"(?:^|[-.:/_@ ])lab-")
_REMEMBERED = 4096  # model names whose directives are kept parsed
_METADATA_ADDRESS = "http://169.254.169.254/latest/meta-data/"  # where no client should be led by a redirect
_HTML = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to answer badly. Without `status` the real answer is played, and spoiled on its way.

    `after` counts bytes on the wire from the status line's first byte; "head" is right behind the headers,
    "half" the middle of the answer. `times` is how many requests suffer (0: all until cleared).
    """

    status: int | None = None
    body: Any = msgspec.UNSET
    headers: dict[str, str] = {}
    delay_ms: float = 0
    end: Literal["reset", "fin", "hang", "stuck"] | None = None
    """`stuck` is `hang` where the socket itself still answers, pings and goodbyes; to what is no socket it is the same."""
    after: int | Literal["head", "half"] = "half"
    bytes_per_write: int = 0
    write_gap_ms: float = 0
    malformed: Literal["json", "frame", "utf8", "chunking", "head"] | None = None
    duplicate: Literal["first", "last", "all"] | None = None
    error_midstream: bool = False
    unfinished: bool = False
    framing: Literal["crlf", "comments"] | None = None
    echo_key: bool = False
    late: int = 1
    """Pieces of sound that a voice has under way, and still sends, when it is told to stop."""
    idle_ms: int = 0
    """How long a socket may be silent, where the vendor closes one that is; 0 for the vendor's own time."""
    limit_ms: int = 0
    """How much sound a stream may hold, where the vendor has a limit (Google); 0 for the vendor's own."""
    times: int = 1


class Directives(msgspec.Struct, frozen=True, kw_only=True):
    """A model's name read: the vendor's own part, the fault asked for, and the shape of the answer."""

    base: str = ""
    fault: Fault | None = None
    words: int | None = None
    gap_ms: float = 0
    event_bytes: int = 0
    unknown: str = ""


def _ending(end: str, after: str | None) -> dict[str, Any]:
    where: int | str = "half" if after is None else int(after) if after.isdecimal() else after
    return {"end": end, "after": where}


_FAULTS: list[tuple[re.Pattern[str], Any]] = [
    (
        re.compile(r"status-(\d{3})(?:-after-(\d+))?"),
        lambda status, after: {"status": int(status), "headers": {"retry-after": after} if after else {}},
    ),
    (
        re.compile(r"html-(\d{3})"),
        lambda status: {
            "status": int(status),
            "body": _HTML.format(status),
            "headers": {"content-type": "text/html"},
        },
    ),
    (re.compile(r"empty"), lambda: {"status": 200, "body": ""}),
    (
        re.compile(r"redirect"),
        lambda: {"status": 307, "body": "", "headers": {"location": _METADATA_ADDRESS}},
    ),
    (re.compile(r"delay-(\d+)"), lambda ms: {"delay_ms": float(ms)}),
    (re.compile(r"reset(?:-after-(\d+|head)(?:-bytes)?)?"), lambda after: _ending("reset", after)),
    (re.compile(r"cut(?:-after-(\d+|head)(?:-bytes)?)?"), lambda after: _ending("fin", after)),
    (re.compile(r"half-open(?:-after-(\d+|head)(?:-bytes)?)?"), lambda after: _ending("hang", after)),
    (
        re.compile(r"slow-bytes(?:-(\d+)-(\d+))?"),
        lambda size, ms: {"bytes_per_write": int(size or 1), "write_gap_ms": float(ms or 1)},
    ),
    (re.compile(r"bytes-(\d+)"), lambda size: {"bytes_per_write": int(size)}),
    (re.compile(r"malformed(?:-(json|frame|utf8|chunking|head))?"), lambda how: {"malformed": how or "json"}),
    (re.compile(r"duplicate(?:-(first|last|all))?"), lambda which: {"duplicate": which or "first"}),
    (re.compile(r"error-midstream"), lambda: {"error_midstream": True}),
    (re.compile(r"unfinished"), lambda: {"unfinished": True}),
    (re.compile(r"echo-key"), lambda: {"echo_key": True}),
    (re.compile(r"(crlf|comments)"), lambda framing: {"framing": framing}),
]
_SHAPES: list[tuple[re.Pattern[str], Any]] = [
    (re.compile(r"huge-(\d+)(?:-chunks)?"), lambda count: {"words": int(count)}),
    (re.compile(r"huge-event-(\d+)"), lambda size: {"event_bytes": int(size)}),
    (re.compile(r"paced-(\d+)-(\d+)"), lambda count, ms: {"words": int(count), "gap_ms": float(ms)}),
]


@lru_cache(_REMEMBERED)
def directives(model: str) -> Directives:
    """Reads the `lab-…` endings of a model's name; several may follow one another."""
    base, *asked = _MARK.split(model)
    fault: dict[str, Any] = {}
    shape: dict[str, Any] = {}
    unknown = ""
    for word in asked:
        for table, into in ((_FAULTS, fault), (_SHAPES, shape)):
            found = next(((hit, make) for form, make in table if (hit := form.fullmatch(word))), None)
            if found is not None:
                into.update(found[1](*found[0].groups()))
                break
        else:
            unknown = unknown or word
    return Directives(base=base, fault=Fault(**fault) if fault else None, unknown=unknown, **shape)
