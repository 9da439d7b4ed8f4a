"""Every REST route, with no key, a wrong key, a key without the scope, another project's key."""

import re
from itertools import count
from typing import Any

import pytest

from tests.e2e.service import Service

PUBLIC = {"/healthz", "/readiness", "/metrics", "/openapi.json", "/docs"}
WRONG = "iak_" + "w" * 40


def routes(service: Service) -> list[tuple[str, str, dict[str, Any]]]:
    _, document = service.call("GET", "/openapi.json", key=None)
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "123456789", path)


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


def test_a_revoked_key_is_useless_within_a_second(service: Service) -> None:
    _, made = service.call("POST", "/v1/keys", {"name": "short-lived", "scopes": ["infer"]})
    assert service.call("GET", "/v1/providers", key=made["key"])[0] == 200
    assert service.call("DELETE", f"/v1/keys/{made['id']}")[0] == 200
    import time

    until = time.monotonic() + 1.0
    while service.call("GET", "/v1/providers", key=made["key"])[0] != 401:
        assert time.monotonic() < until


def test_another_projects_objects_do_not_exist(service: Service) -> None:
    _, mine = service.call("GET", "/v1/credentials")
    credential = mine["data"][0]["id"]
    stranger = other_project(service)
    for method, path, body in (
        ("GET", f"/v1/credentials/{credential}", None),
        ("PATCH", f"/v1/credentials/{credential}", {"name": "stolen"}),
        ("DELETE", f"/v1/credentials/{credential}", None),
        ("POST", f"/v1/credentials/{credential}/verify", {}),
    ):
        theirs = service.call(method, path, body, key=stranger)
        nobodys = service.call(method, path.replace(credential, "1"), body, key=stranger)
        assert theirs[0] == nobodys[0] == 404, (method, path)
        assert theirs[1] == nobodys[1]
    assert service.call("GET", "/v1/credentials", key=stranger)[1]["data"] == []
    assert service.call("GET", "/v1/audit", key=stranger)[1]["data"] == []
    status, answer = service.call(
        "POST",
        "/v1/chat/completions",
        {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "hi"}]},
        key=stranger,
        headers={"x-credential-id": credential},
    )
    assert (status, answer["error"]["code"]) == (404, "credential_not_found")
    assert service.call("GET", f"/v1/credentials/{credential}")[0] == 200


OTHERS = count(77, 2)
"""Ids that no test has taken."""


def other_project(service: Service) -> str:
    """Make another organization and project with an admin key, beside the running service."""
    import os
    import subprocess
    import sys

    program = """
import asyncio, sys
from integration_api.app import House
from integration_api.core.records import Organization, Project
from integration_api.core.tenant import Scope, Tenant
from integration_api.settings import load
from integration_api.telemetry.log import Log

async def main():
    house = await House.open(load(), Log("error"))
    tenant = Tenant(int(sys.argv[1]), int(sys.argv[1]) + 1)
    await house.store.create_organization(Organization(tenant.organization_id, "other", 0.0))
    await house.store.create_project(Project(tenant, "other", 0.0))
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
