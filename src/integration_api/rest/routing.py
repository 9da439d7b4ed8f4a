"""Finding a request's route and refusing what has none: deny by default.

A route says which scope it needs; a public one says so. The scope is checked on
the matched route, never on the text of the path.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.tenant import Principal, Scope
from integration_api.edge.application import SLASH, Request, Response, Upgrade
from integration_api.services.call import Origin

QUERY_BYTES = 8 << 10
QUERY_FIELDS = 64


class Ask(Struct):
    """One routed request: who asks for what."""

    request: Request
    request_id: str
    params: Mapping[str, str]
    principal: Principal | None = None

    @property
    def caller(self) -> Principal:
        """The authenticated caller. Only public routes have none, and they do not ask."""
        if self.principal is None:
            raise Failure(Kind.AUTHENTICATION, "this route needs an API key", code="invalid_api_key")
        return self.principal

    @property
    def origin(self) -> Origin:
        return Origin(self.caller, self.request_id, self.request.received_at)

    def header(self, name: bytes) -> str | None:
        """Return a header's text, or None when it is absent or empty."""
        value = self.request.headers.get(name)
        return value.decode("latin-1") if value else None

    def query(self) -> dict[str, str]:
        """Return the query's parameters; of one given twice, the last."""
        text = self.request.query
        if len(text) > QUERY_BYTES:
            raise Failure(Kind.INVALID_REQUEST, "the query is too long", code="invalid_value")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_FIELDS, errors="strict"))
        except ValueError:
            raise Failure(Kind.INVALID_REQUEST, "the query can not be read", code="invalid_value") from None

    def id(self, name: str = "id") -> int:
        """Read an id from the path; what is not one names nothing."""
        id = read_id(self.params[name])
        if id is None:
            raise Failure(Kind.NOT_FOUND, "there is no such object", code="not_found")
        return id


Handler = Callable[[Ask], Awaitable[Response | Upgrade]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path. `body` and `answer` are the types the API description shows."""

    method: str
    path: str
    """Such as `/v1/credentials/{id}`; `{name:path}` also takes slashes."""
    handler: Handler
    scope: Scope | None
    """None is public."""
    summary: str
    body: Any = None
    form: bool = False
    """Whether the body is a form with files, and not JSON."""
    answer: Any = None
    status: int = 200
    media: str = "application/json"
    query: tuple[str, ...] = ()
    streams: bool = False
    responses: Mapping[int, str] = field(default_factory=dict)
    """Other statuses worth telling, in words."""
    bodies: Mapping[int, Any] = field(default_factory=dict)
    """What they answer, where it is not an error."""


class Routes:
    """All routes, found by exact path first and by pattern next. Trailing slashes are tolerated."""

    def __init__(self, routes: list[Route]) -> None:
        self.all = routes
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[re.Pattern[str], dict[str, Route]]] = []
        patterns: dict[str, dict[str, Route]] = {}
        for route in routes:
            table = patterns if "{" in route.path else self._exact
            table.setdefault(route.path, {})[route.method] = route
        for path, methods in patterns.items():
            self._patterns.append((_compile(path), methods))

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """Return the route and its path parameters. Raises `Failure` (NOT_FOUND, or 405 as UNSUPPORTED)."""
        methods = self._exact.get(path)
        params: Mapping[str, str] = {}
        if methods is None:
            bare = path.rstrip("/") or "/"
            methods = self._exact.get(bare)
            for pattern, candidates in self._patterns if methods is None else ():
                if match := pattern.fullmatch(bare):
                    methods, params = candidates, match.groupdict()
                    if SLASH in bare:
                        params = {name: value.replace(SLASH, "/") for name, value in params.items()}
                    break
        if methods is None:
            raise Failure(Kind.NOT_FOUND, "there is no such route; see /openapi.json", code="unknown_route")
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            raise MethodNotAllowed(tuple(sorted(methods)))
        return route, params

    def methods(self, path: str) -> tuple[str, ...]:
        """Return the methods a path knows, none for an unknown path."""
        try:
            self.find("", path)
        except MethodNotAllowed as error:
            return error.allowed
        except Failure:
            return ()
        return ()


class MethodNotAllowed(Failure):
    def __init__(self, allowed: tuple[str, ...]) -> None:
        super().__init__(
            Kind.UNSUPPORTED, f"this route takes {', '.join(allowed)}", code="method_not_allowed"
        )
        self.allowed = allowed


def _compile(path: str) -> re.Pattern[str]:
    pattern = ""
    for literal, name in re.findall(r"([^{]+)|\{([^}]+)\}", path):
        if literal:
            pattern += re.escape(literal)
        elif name.endswith(":path"):
            pattern += f"(?P<{name[:-5]}>.+)"
        else:
            pattern += f"(?P<{name}>[^/]+)"
    return re.compile(pattern)
