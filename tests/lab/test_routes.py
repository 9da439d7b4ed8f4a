"""Routes of an emulator that have names in them."""

import pytest

from lab.http import Call, Provider, Response


def route(name: str):
    def handler(call: Call) -> Response:
        return Response(body=f"{name} {call.params}".encode())

    return handler


PROVIDER = Provider(
    name="any",
    routes={
        ("GET", "/models"): route("list"),
        ("POST", "/models/{model}:run"): route("run"),
        ("POST", "/models/{owner}/{name}/jobs"): route("job"),
        ("POST", "/any/{model:path}/jobs"): route("any"),
    },
    by_id={("GET", "/models"): route("one")},
    refusal=lambda status, call, words="": Response(status),
    stream_headers=lambda call: [],
    example="",
)


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("GET", "/models", "list {}"),
        ("GET", "/models/a", "one {}"),
        ("POST", "/models/a%3A0:run", "run {'model': 'a:0'}"),
        ("POST", "/models/a/b/jobs", "job {'owner': 'a', 'name': 'b'}"),
        ("POST", "/any/a/b/c/jobs", "any {'model': 'a/b/c'}"),
        ("POST", "/models/a/b:run", None),
        ("GET", "/models/a/b/jobs", None),
        ("POST", "/any//jobs", None),
    ],
)
def test_a_path_finds_its_route_and_what_stands_in_it(method: str, path: str, said: str | None) -> None:
    call = Call(method=method, path=path, query={}, headers={}, body=b"")
    handler = PROVIDER.find(call)
    assert (handler and handler(call).body.decode()) == said
