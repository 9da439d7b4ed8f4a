"""Two services on one database: what one changes, the other goes by soon, and within a second where nobody is kept
waiting for a processor.
"""

import contextlib
import hashlib
import json
import secrets
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import redis

from integration_api.cache.feed import POLL_SECONDS
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, postgres_settings, redis_settings
from tests.servers import RedisServer, database, postgres_server

TRIES = 3
MODEL = "openai/gpt-4o"


@dataclass
class Replicas:
    here: Service
    there: Service
    lab: str
    redis: str

    def store(self, key: str, **more: Any) -> str:
        return self.here.add_credential("openai", base_url(self.lab, "openai"), key=key, **more)

    def chat(self, service: Service, *, key: str | None = None, credential: str = "") -> int:
        body = {"model": MODEL, "messages": [{"role": "user", "content": "hello"}]}
        headers = {"x-credential-id": credential} if credential else {}
        more = {"key": key} if key else {}
        return service.call("POST", "/v1/chat/completions", body, headers=headers, **more)[0]

    def last_key(self) -> str:
        """Return the digest of the key that the lab saw last."""
        with urllib.request.urlopen(f"{self.lab}/_lab/requests?provider=openai", timeout=60) as reply:
            headers = dict(json.loads(reply.read())["requests"][-1]["headers"])
        return str(headers["authorization"].removeprefix("Bearer sha256:"))


@pytest.fixture(scope="module", params=["postgres", "postgres and redis", "sqlite"])
def replicas(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, lab: str
) -> Iterator[Replicas]:
    folder = tmp_path_factory.mktemp("replicas")
    with contextlib.ExitStack() as stack:
        environ = {"CRYPTO__ROOT": f"file:{folder / 'root.json'}"}
        cache = ""
        if request.param == "sqlite":
            environ["DATA_DIR"] = str(folder / "data")
        else:
            environ |= postgres_settings(stack.enter_context(database(postgres_server())))
        if request.param.endswith("redis"):
            server = RedisServer()
            cache = server.start()
            stack.callback(server.stop)
            environ |= redis_settings(cache)
        services = []
        for name in ("here", "there"):
            (folder / name).mkdir()
            services.append(Service(folder / name, environ))
            stack.callback(services[-1].kill)
            services[-1].start()
        yield Replicas(*services, lab, cache)


def until(true: Callable[[], bool]) -> None:
    began = time.monotonic()
    while not true():
        assert time.monotonic() < began + 60
        time.sleep(0.005)


def test_each_looks_for_changes_often_enough_to_go_by_them_within_a_second() -> None:
    assert POLL_SECONDS <= 0.25


def test_a_revoked_key_opens_nothing_anywhere(replicas: Replicas) -> None:
    for number in range(TRIES):
        _, made = replicas.here.call("POST", "/v1/keys", {"name": f"k{number}", "scopes": ["infer"]})
        for service in (replicas.here, replicas.there):
            assert service.call("GET", "/v1/providers", key=made["key"])[0] == 200
        assert replicas.here.call("DELETE", f"/v1/keys/{made['id']}")[0] == 200
        until(lambda: replicas.there.call("GET", "/v1/providers", key=made["key"])[0] == 401)  # noqa: B023 - called at once
        assert replicas.here.call("GET", "/v1/providers", key=made["key"])[0] == 401


def test_a_replaced_key_is_used_everywhere(replicas: Replicas) -> None:
    id = replicas.store("lab-key-0-0123456789", name="replaced")
    for number in range(1, TRIES + 1):
        for service in (replicas.there, replicas.here):
            assert replicas.chat(service, credential=id) == 200
        key = f"lab-key-{number}-0123456789"
        value = {"key": key, "base_url": base_url(replicas.lab, "openai")}
        assert replicas.here.call("PATCH", f"/v1/credentials/{id}", {"value": value})[0] == 200
        digest = hashlib.sha256(key.encode()).hexdigest()
        until(lambda: uses(replicas, id, digest))  # noqa: B023 - called at once


def uses(replicas: Replicas, id: str, digest: str) -> bool:
    assert replicas.chat(replicas.there, credential=id) == 200
    return replicas.last_key() == digest


def test_a_deleted_credential_is_gone_everywhere(replicas: Replicas) -> None:
    for number in range(TRIES):
        id = replicas.store("lab-key-0123456789", name=f"deleted {number}")
        for service in (replicas.here, replicas.there):
            assert replicas.chat(service, credential=id) == 200
        assert replicas.here.call("DELETE", f"/v1/credentials/{id}")[0] == 200
        until(lambda: replicas.chat(replicas.there, credential=id) == 404)  # noqa: B023 - called at once
        assert replicas.chat(replicas.here, credential=id) == 404


def test_another_default_is_used_everywhere(replicas: Replicas) -> None:
    keys = ["lab-key-one-0123456789", "lab-key-two-0123456789"]
    ids = [replicas.store(key, name=key, default=True) for key in keys]
    for number in range(TRIES):
        for service in (replicas.here, replicas.there):
            assert replicas.chat(service) == 200
        chosen = number % 2
        assert replicas.here.call("PATCH", f"/v1/credentials/{ids[chosen]}", {"default": True})[0] == 200
        digest = hashlib.sha256(keys[chosen].encode()).hexdigest()
        until(lambda: uses(replicas, "", digest))  # noqa: B023 - called at once


def test_the_shared_cache_holds_ciphertext_only(replicas: Replicas) -> None:
    if not replicas.redis:
        return
    key = secrets.token_hex(32)
    mine: list[bytes] = []

    def found() -> list[bytes]:
        # A Redis that does not answer within moments is let be: what is kept there is kept if it can be.
        id = replicas.store(key, name=f"sealed {secrets.token_hex(4)}")
        assert replicas.chat(replicas.there, credential=id) == 200
        with redis.Redis.from_url(replicas.redis) as cache:
            held.update({name: cache.get(name) or b"" for name in cache.scan_iter(count=1000)})
        mine[:] = [value for name, value in held.items() if name.decode().endswith(f":{id}")]
        return mine

    held: dict[bytes, bytes] = {}
    until(lambda: bool(found()))
    assert len(mine) == 1
    assert b"sealed" in mine[0]
    for start in range(len(key) - 8):
        assert not any(key[start : start + 8].encode() in name + value for name, value in held.items())
