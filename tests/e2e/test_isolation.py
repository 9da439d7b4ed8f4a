"""Every REST route, with no key, a wrong key, a key without the scope, another project's key."""

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.e2e.service import ADMIN_KEY, Service

CARRIERS = {f"/telephony/{{provider}}/{{opaque}}/{what}" for what in ("answer", "status", "media")}
"""Carriers have no key of ours: what they ask proves itself, see `test_telephony.py`."""
REPLICAS = {"/internal/media"}
"""Nor have other replicas: they bring a token, see `test_telephony_machines.py`."""
PUBLIC = {"/healthz", "/readiness", "/metrics", "/openapi.json", "/docs", *CARRIERS, *REPLICAS}
WRONG = "iak_" + "w" * 40


def routes(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    _, document = service.call("GET", "/openapi.json", key=None)
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def concrete(path: str) -> str:
    # A watcher without a wish watches all there is, for ever.
    return re.sub(r"\{[^}]+\}", "123456789", path) + ("?call_id=1" if path == "/v1/calls/watch" else "")


def test_the_description_names_every_public_route(service: Service) -> None:
    assert {path for _, path, operation in routes(service) if operation["security"] == []} == PUBLIC
    assert len(routes(service)) > 20


@pytest.mark.parametrize("key", [None, WRONG, "", "Bearer", "iak_", "sk-something"])
def test_no_route_opens_without_a_key_of_ours(service: Service, key: str | None) -> None:
    for method, path, operation in routes(service):
        if operation["security"]:
            status, answer = service.call(method, concrete(path), {} if method != "GET" else None, key=key)
            assert status == 401, (method, path, status)
            assert answer["error"]["code"] == "invalid_api_key"
            assert set(answer["error"]) >= {"message", "type", "code", "param", "retryable"}


def test_no_route_opens_to_a_key_without_its_scope(service: Service) -> None:
    scopes = ["infer", "credentials:read", "credentials:write", "audit:read"]
    keys = {}
    for scope in scopes:
        status, made = service.call("POST", "/v1/keys", {"name": scope, "scopes": [scope]})
        assert status == 201
        keys[scope] = made["key"]
    for method, path, operation in routes(service):
        if not operation["security"]:
            continue
        needed = re.search(r"scope `([^`]+)`", operation["description"])
        assert needed is not None
        for scope, key in keys.items():
            status, answer = service.call(method, concrete(path), {} if method != "GET" else None, key=key)
            if scope == needed[1]:
                assert status not in {401, 403}, (method, path, scope)
            else:
                assert status == 403, (method, path, scope)
                assert answer["error"]["code"] == "missing_scope"


def test_a_revoked_key_is_useless_at_once(service: Service) -> None:
    _, made = service.call("POST", "/v1/keys", {"name": "short-lived", "scopes": ["infer"]})
    assert service.call("GET", "/v1/providers", key=made["key"])[0] == 200
    assert service.call("DELETE", f"/v1/keys/{made['id']}")[0] == 200
    # Who revokes it has heard of it before it answers; what others hear is in test_replicas.
    assert service.call("GET", "/v1/providers", key=made["key"])[0] == 401


SAID = [{"role": "user", "content": "hi"}]
OBJECTS: Mapping[tuple[str, str], Any] = {
    ("GET", "/v1/credentials/{id}"): None,
    ("PATCH", "/v1/credentials/{id}"): {"name": "stolen"},
    ("DELETE", "/v1/credentials/{id}"): None,
    ("POST", "/v1/credentials/{id}/verify"): {},
    ("DELETE", "/v1/keys/{id}"): None,
    ("GET", "/v1/audit/{id}"): None,
}
"""Routes to one object of a project, with a body each."""
LISTS = {("GET", "/v1/credentials"), ("GET", "/v1/audit"), ("GET", "/v1/keys")}
CALLS: Mapping[tuple[str, str], Any] = {
    ("POST", "/v1/chat/completions"): {"model": "openai/gpt-4o", "messages": SAID},
    ("POST", "/v1/embeddings"): {"model": "openai/text-embedding-3-small", "input": "x"},
    ("POST", "/v1/rerank"): {"model": "cohere/rerank-v3.5", "query": "x", "documents": ["x"]},
    ("POST", "/v2/rerank"): {"model": "cohere/rerank-v3.5", "query": "x", "documents": ["x"]},
    ("POST", "/v1/moderations"): {"model": "openai/omni-moderation-latest", "input": "x"},
    ("GET", "/v1/models/{id}"): None,
}
"""Routes that use a credential, with a body each."""
OWN = {
    ("GET", "/v1/providers"), ("GET", "/v1/providers/{name}"), ("POST", "/v1/credentials"),
    ("POST", "/v1/credentials/verify"), ("POST", "/v1/keys"), ("GET", "/v1/models"),
}  # fmt: skip
"""Routes that name nothing of anybody's."""
SOCKETS = {("GET", "/v1/voice/stt"): "deepgram/nova-3", ("GET", "/v1/voice/tts"): "deepgram/aura-2-thalia-en"}
"""WebSockets that use a credential, with a model each."""
SPEECH = {
    ("POST", "/v1/audio/transcriptions"), ("POST", "/v1/audio/translations"), ("POST", "/v1/audio/speech"),
    ("GET", "/v1/voices"), ("GET", "/v1/realtime"),
}  # fmt: skip
"""Forms, sounds and OpenAI's socket: `test_audio.py` tries another project's credential with each."""
TELEPHONY = {
    *((method, f"/v1/calls{path}") for method, path in (
        ("POST", ""), ("GET", ""), ("GET", "/watch"), ("GET", "/{id}"), ("POST", "/{id}/hangup"),
        ("POST", "/{id}/dtmf"), ("POST", "/{id}/transfer"), ("GET", "/{id}/events"),
        ("POST", "/inbound"), ("GET", "/inbound"), ("DELETE", "/inbound/{id}"),
        ("POST", "/batches"), ("GET", "/batches"), ("GET", "/batches/{id}"), ("GET", "/batches/{id}/watch"),
        ("POST", "/batches/{id}/pause"), ("POST", "/batches/{id}/resume"), ("POST", "/batches/{id}/cancel"),
    )),
    ("GET", "/v1/numbers"), ("GET", "/v1/voice/media/{call_id}"),
}  # fmt: skip
"""Calls, batches, routes, and their sound: `test_telephony.py` tries another project's key with each."""


def test_every_route_is_tried_with_another_projects_key(service: Service) -> None:
    scoped = {(method, path) for method, path, operation in routes(service) if operation["security"]}
    assert scoped == {*OBJECTS, *LISTS, *CALLS, *OWN, *SOCKETS, *SPEECH, *TELEPHONY}


@pytest.fixture(scope="module")
def stranger(service: Service) -> str:
    return other_project(service)


def test_another_projects_objects_do_not_exist(service: Service, stranger: str) -> None:
    _, key = service.call("POST", "/v1/keys", {"name": "mine", "scopes": ["infer"]})
    mine = {
        "credentials": service.call("GET", "/v1/credentials")[1]["data"][0]["id"],
        "keys": key["id"],
        "audit": service.call("GET", "/v1/audit")[1]["data"][0]["id"],
    }
    for (method, path), body in OBJECTS.items():
        id = mine[path.split("/")[2]]
        theirs, nobodys = (
            service.call(method, path.replace("{id}", one), body, key=stranger) for one in (id, "1")
        )
        assert theirs[0] == nobodys[0] == 404, (method, path)
        assert theirs[1] == nobodys[1]
    assert service.call("GET", "/v1/providers", key=key["key"])[0] == 200
    for kind in ("credentials", "audit"):
        assert service.call("GET", f"/v1/{kind}/{mine[kind]}")[0] == 200


def test_another_projects_lists_are_ones_own(service: Service, stranger: str) -> None:
    for method, path in LISTS:
        mine, theirs = (
            {item["id"] for item in service.call(method, path, key=key)[1]["data"]}
            for key in (ADMIN_KEY, stranger)
        )
        assert mine
        assert not mine & theirs, path


@pytest.mark.parametrize("path", [path for _, path in CALLS])
def test_another_projects_credential_is_nobodys(service: Service, stranger: str, path: str) -> None:
    method, body = next((method, body) for (method, one), body in CALLS.items() if one == path)
    model = body["model"] if body else "openai/gpt-4o"
    provider = model.partition("/")[0]
    listed = service.call("GET", f"/v1/credentials?provider={provider}")[1]["data"]
    where = path.replace("{id}", model)
    answers = [
        service.call(method, where, body, key=stranger, headers={"x-credential-id": id})
        for id in (listed[0]["id"], "1")
    ]
    assert answers[0] == answers[1]
    assert (answers[0][0], answers[0][1]["error"]["code"]) == (404, "credential_not_found")
    status, answer = service.call(method, where, body, key=stranger)  # Nor is it the stranger's default.
    assert (status, answer["error"]["code"]) == (400, "credential_missing")


OTHERS = count(77, 2)
"""Ids that no test has taken."""


def other_project(service: Service) -> str:
    """Make another organization and project with an admin key, beside the running service."""
    import os
    import subprocess
    import sys

    program = """
import asyncio, sys, time
from integration_api.app import House
from integration_api.core.records import Organization, Project
from integration_api.core.tenant import Scope, Tenant
from integration_api.settings import load
from integration_api.telemetry.log import Log

async def main():
    house = await House.open(load(), Log("error"))
    tenant = Tenant(int(sys.argv[1]), int(sys.argv[1]) + 1)
    await house.store.create_organization(Organization(tenant.organization_id, "other", 0.0))
    await house.store.create_project(Project(tenant, "other", time.time()))
    _, key = await house.identity.issue(tenant, "admin", list(Scope))
    print(key)
    await house.close()

asyncio.run(main())
"""
    made = subprocess.run(
        [os.environ.get("SERVICE_PYTHON", sys.executable), "-c", program, str(next(OTHERS))],
        env=service.settings(), cwd=service.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return made.stdout.strip()


@pytest.mark.parametrize(
    "route, model", SOCKETS.items(), ids=lambda one: one[1] if isinstance(one, tuple) else ""
)
def test_another_projects_credential_speaks_to_nobody(
    service: Service, stranger: str, route, model: str
) -> None:
    body = {"provider": "deepgram", "name": "mine", "value": {"key": "dg-not-yours-0123456789"}}
    status, made = service.call("POST", "/v1/credentials?verify=false", body)
    assert status == 201
    stored = made["id"]
    headers = {"authorization": f"Bearer {stranger}"}
    with connect(
        service.url.replace("http", "ws") + route[1], additional_headers=headers, open_timeout=60
    ) as socket:
        start = {"type": "start", "target": {"model": model, "credential_id": stored}}
        socket.send(json.dumps(start))
        assert json.loads(socket.recv())["code"] == "credential_not_found"
    assert service.call("DELETE", f"/v1/credentials/{stored}")[0] == 200
