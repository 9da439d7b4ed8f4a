"""Routes: found by exact path or pattern, with slashes tolerated, and everything else refused."""

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Principal, Scope, Tenant
from integration_api.edge.application import Request, Response
from integration_api.edge.http1_request import decode_path
from integration_api.rest.cors import Cors
from integration_api.rest.routing import Ask, MethodNotAllowed, Route, Routes
from integration_api.services.caller import request_id_of


async def handler(_: Ask) -> Response:
    return Response(200, [])


def route(method: str, path: str) -> Route:
    return Route(method=method, path=path, handler=handler, scope=None, summary="")


ROUTES = Routes(
    [
        route("GET", "/v1/things"),
        route("POST", "/v1/things"),
        route("GET", "/v1/things/{id}"),
        route("POST", "/v1/things/verify"),
        route("GET", "/v1/models/{id:path}"),
        route("GET", "/healthz"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "found", "params"),
    [
        ("GET", "/v1/things", "/v1/things", {}),
        ("GET", "/v1/things/", "/v1/things", {}),
        ("HEAD", "/healthz/", "/healthz", {}),
        ("GET", "/v1/things/7", "/v1/things/{id}", {"id": "7"}),
        ("POST", "/v1/things/verify", "/v1/things/verify", {}),
        ("GET", "/v1/models/a/b:c@d", "/v1/models/{id:path}", {"id": "a/b:c@d"}),
    ],
)
def test_what_is_found(method: str, path: str, found: str, params: dict[str, str]) -> None:
    matched, given = ROUTES.find(method, path)
    assert (matched.path, dict(given)) == (found, params)


@pytest.mark.parametrize(
    ("target", "found", "params"),
    [
        (b"/v1/%74hings/7%2f8", "/v1/things/{id}", {"id": "7/8"}),
        (b"/v1/things/verify%2Fnot", "/v1/things/{id}", {"id": "verify/not"}),
        (b"/v1/things/a%252Fb%20c", "/v1/things/{id}", {"id": "a%2Fb c"}),
        (b"/v1/models/a%2Fb/c%3Ad", "/v1/models/{id:path}", {"id": "a/b/c:d"}),
        (b"/v1/%74hings/", "/v1/things", {}),
    ],
)
def test_a_slash_that_was_escaped_ends_no_segment(target: bytes, found: str, params: dict[str, str]) -> None:
    matched, given = ROUTES.find("GET", decode_path(target))
    assert (matched.path, dict(given)) == (found, params)


@pytest.mark.parametrize("target", [b"/v1%2Fthings", b"/v1/things%2f7", b"%2Fhealthz", b"/healthz%2F"])
def test_what_is_written_with_an_escaped_slash_is_no_route(target: bytes) -> None:
    with pytest.raises(Failure) as missing:
        ROUTES.find("GET", decode_path(target))
    assert missing.value.kind is Kind.NOT_FOUND


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/things/7/8", "/V1/things", "/v1//things", "/v1/things/../things", ""]
)
def test_what_is_not_there_is_404(path: str) -> None:
    with pytest.raises(Failure) as missing:
        ROUTES.find("GET", path)
    assert missing.value.kind is Kind.NOT_FOUND


def test_a_known_path_with_another_method_says_which_it_takes() -> None:
    with pytest.raises(MethodNotAllowed) as refused:
        ROUTES.find("DELETE", "/v1/things")
    assert refused.value.allowed == ("GET", "POST")


def ask(path_params: dict[str, str] | None = None, query: str = "") -> Ask:
    request = Request("GET", "/", query, {}, bytearray(), 0.0)
    return Ask(request, "r", path_params or {}, Principal(Tenant(1, 2), 3, frozenset({Scope.INFER})))


@pytest.mark.parametrize("text", ["", "abc", "-1", "1e3", "٣", "9" * 20, "1 ", "0x1"])
def test_an_id_that_is_none_names_nothing(text: str) -> None:
    with pytest.raises(Failure) as missing:
        ask({"id": text}).id()
    assert missing.value.kind is Kind.NOT_FOUND


def test_a_query_that_can_not_be_read_is_refused() -> None:
    for query in ("a=" + "x" * 10_000, "&".join(f"a{n}=1" for n in range(100)), "a=%ff"):
        with pytest.raises(Failure):
            ask(query=query).query()


@pytest.mark.parametrize("given", [b"abc-123", b"x" * 128])
def test_a_callers_request_id_is_kept(given: bytes) -> None:
    assert request_id_of(given).encode() == given


@pytest.mark.parametrize("given", [None, b"", b"x" * 129, b"a b", b"a\tb", b"\xff", b"a\x00"])
def test_what_is_no_request_id_is_replaced(given: bytes | None) -> None:
    assert len(request_id_of(given)) == 32


def test_cors_is_closed_until_origins_are_listed() -> None:
    page = {b"origin": b"https://app.example"}
    assert Cors(frozenset()).headers(page) == []
    open_to_one = Cors(frozenset({"https://app.example"}))
    assert (b"access-control-allow-origin", b"https://app.example") in open_to_one.headers(page)
    assert open_to_one.headers({b"origin": b"https://evil.example"}) == []
    assert open_to_one.headers({}) == []
    answer = dict(open_to_one.preflight(page, ("GET", "POST")).headers)
    assert answer[b"access-control-allow-methods"] == b"GET, POST"
    assert b"x-api-key" in answer[b"access-control-allow-headers"]
    assert b"access-control-allow-credentials" not in answer
