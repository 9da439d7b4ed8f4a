"""The API's own description, made from its routes and types. https://spec.openapis.org/oas/v3.1.0"""

import html
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from integration_api.core.tenant import Scope
from integration_api.edge.application import Response
from integration_api.rest.answers import encode
from integration_api.rest.routing import Ask, Route

EVENTS = "Server-sent events: `data:` lines of chunks, then `data: [DONE]`, or one of an error and no end."
REF = "#/components/schemas/{name}"


class ErrorDetail(Struct):
    message: str
    type: str
    code: str | None
    param: str | None = None
    provider: str | None = None
    provider_status: int | None = None
    provider_request_id: str | None = None
    outcome: str | None = None
    """Why a credential is no good: one of the words of `core.errors.Outcome`."""
    retryable: bool = False


class Error(Struct):
    error: ErrorDetail


def describe(routes: Iterable[Route], version: str) -> dict[str, Any]:
    """Return the OpenAPI document of `routes`."""
    shown = list(routes)
    types = [
        Error,
        *(
            kind
            for route in shown
            for kind in (route.body, route.answer, *route.bodies.values())
            if kind is not None
        ),
    ]
    schemas, components = msgspec.json.schema_components(types, schema_hook=_hook, ref_template=REF)
    by_type = {id(t): schema for t, schema in zip(types, schemas, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for route in shown:
        paths.setdefault(_plain(route.path), {})[route.method.lower()] = _operation(route, by_type)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "integration-api",
            "version": version,
            "summary": "One contact with every external AI provider",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "iak_…"}},
        },
    }


SWITCHING = 101
"""What a WebSocket begins with: no body."""


def _operation(route: Route, schemas: dict[int, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {
        route.media: {"schema": schemas[id(route.answer)]} if route.answer is not None else {}
    }
    if route.status == SWITCHING:
        content = {}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string", "description": EVENTS}}
    problem = {"application/json": {"schema": schemas[id(Error)]}}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _name(route),
        "tags": [_tag(route.path)],
        "responses": {
            str(route.status): {"description": "Done", "content": content},
            **{
                str(code): {
                    "description": text,
                    "content": {"application/json": {"schema": schemas[id(route.bodies.get(code, Error))]}},
                }
                for code, text in route.responses.items()
            },
            "default": {"description": "A typed error", "content": problem},
        },
    }
    parameters = [
        {
            "name": step.strip("{}").removesuffix(":path"),
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for step in route.path.split("/")
        if step.startswith("{")
    ] + [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {
                "multipart/form-data" if route.form else "application/json": {
                    "schema": schemas[id(route.body)]
                }
            },
        }
    if route.scope is None:
        operation["security"] = []
    else:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs a key with scope `{Scope(route.scope).value}`."
    return operation


def _hook(kind: type) -> dict[str, Any]:
    """msgspec.Raw is a JSON object whose fields depend on the provider."""
    if kind is msgspec.Raw:
        return {"type": "object", "additionalProperties": True}
    raise NotImplementedError


def _plain(path: str) -> str:
    return path.replace(":path}", "}")


def _tag(path: str) -> str:
    steps = path.strip("/").split("/")
    return steps[1] if steps[0] == "v1" and len(steps) > 1 else "service"


def _name(route: Route) -> str:
    words = [step.strip("{}").removesuffix(":path") for step in route.path.strip("/").split("/")]
    return "_".join([route.method.lower(), *words]).replace(".", "_")


def page(document: dict[str, Any]) -> bytes:
    """Render the description as one plain HTML page that loads nothing from anywhere."""
    rows = "".join(
        f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td>"
        f"<td>{html.escape(operation.get('description', 'Public.'))}</td></tr>"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>integration-api</title>"
        "<style>body{font:16px/1.5 system-ui;margin:2rem auto;max-width:64rem;padding:0 1rem}"
        "td{padding:.2rem .8rem .2rem 0;vertical-align:top}</style>"
        f"<h1>integration-api {html.escape(document['info']['version'])}</h1>"
        "<p>The full description is at <a href=/openapi.json>/openapi.json</a>.</p>"
        f"<table>{rows}</table></html>"
    ).encode()


def routes(described: list[Route], version: str) -> list[Route]:
    """Return the routes that show the description; `described` is completed with these two."""
    made: dict[str, bytes] = {}

    def document() -> dict[str, Any]:
        return describe(described, version)

    async def description(_: Ask) -> Response:
        if "json" not in made:
            made["json"] = encode(document())
        return Response(200, [(b"content-type", b"application/json")], made["json"])

    async def docs(_: Ask) -> Response:
        if "html" not in made:
            made["html"] = page(document())
        return Response(
            200,
            [
                (b"content-type", b"text/html; charset=utf-8"),
                (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"),
            ],
            made["html"],
        )

    return [
        Route(method="GET", path="/openapi.json", handler=description, scope=None,
              summary="This description", answer=dict[str, Any]),
        Route(method="GET", path="/docs", handler=docs, scope=None, summary="This description, to read",
              media="text/html", answer=str),
    ]  # fmt: skip
