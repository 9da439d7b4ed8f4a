"""Keys are rotated under a service at work: killed in the middle, taken up again, and nobody is refused meanwhile."""

import asyncio
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Self

import pytest

from integration_api.app import storage_config
from integration_api.core.records import Organization, Project
from integration_api.core.tenant import Tenant
from integration_api.settings import load
from integration_api.storage.open import open_repository
from integration_api.vault.roots import open_root
from integration_api.vault.vault import Vault
from tests.e2e.conftest import base_url
from tests.e2e.service import Service, postgres_settings, python, running
from tests.servers import database, postgres_server
from tests.stores import Kept, credential, secrets_of

OTHERS = (Tenant(71, 710), Tenant(72, 720))
EACH = 40
"""Credentials of each of the other organizations."""
SERVED = 2
"""Credentials that callers use meanwhile."""
SECONDS = 60
ENDLESS = (
    "SELECT count(*) FROM (WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT n FROM c)"
)


class Stuck:
    """Makes whoever changes a certain row wait for ever, so that it can be killed there."""

    def __init__(self, kept: Kept, table: str, where: str) -> None:
        self._kept, self._table, self._where = kept, table, where

    async def __aenter__(self) -> None:
        if self._kept.backend == "sqlite":
            await self._kept.sql(
                f"CREATE TRIGGER stuck BEFORE UPDATE ON {self._table} WHEN NEW.{self._where} BEGIN {ENDLESS}; END"
            )
            return
        await self._kept.sql(
            "CREATE FUNCTION stuck() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN PERFORM pg_sleep(3600); RETURN NEW; END $$"
        )
        await self._kept.sql(
            f"CREATE TRIGGER stuck BEFORE UPDATE ON {self._table} FOR EACH ROW WHEN (NEW.{self._where})"
            " EXECUTE FUNCTION stuck()"
        )

    async def __aexit__(self, *_: object) -> None:
        if self._kept.backend == "sqlite":
            await self._kept.sql("DROP TRIGGER stuck")
            return
        # The server notices late that a client was killed, and what it was told goes on until then.
        await self._kept.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        await self._kept.sql("DROP FUNCTION stuck CASCADE")


def chat(service: Service, id: str) -> tuple[int, object]:
    body = {"model": "openai/gpt-4o", "messages": [{"role": "user", "content": "x"}]}
    return service.call("POST", "/v1/chat/completions", body, headers={"x-credential-id": id})


class Callers:
    """Chats with stored credentials, one after the other, until they are told to stop."""

    def __init__(self, service: Service, ids: list[str]) -> None:
        self.answers = 0
        self.failed: list[object] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(service, id)) for id in ids]
        for thread in self._threads:
            thread.start()

    def _call(self, service: Service, id: str) -> None:
        while not self._over.wait(0.1):
            status, answer = chat(service, id)
            self.answers += 1
            if status != 200:
                self.failed.append(answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture(params=["sqlite", "postgres"])
def service(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    with contextlib.ExitStack() as stack:
        environ: dict[str, str] = {}
        if request.param == "postgres":
            environ = postgres_settings(stack.enter_context(database(postgres_server())))
        yield stack.enter_context(running(tmp_path, **environ))


@pytest.fixture
async def store(service: Service) -> AsyncIterator[Kept]:
    """The service's own store, and a way around it."""
    config = storage_config(load(service.settings()))
    repository = await open_repository(config)
    url = f"postgresql://{config.user}@{config.host}:{config.port}/{config.database}" if config.host else ""
    yield Kept("postgres" if config.host else "sqlite", config, repository, url)
    await repository.close()


async def vault_of(service: Service, kept: Kept) -> Vault:
    """Open the vault as a process that has just started would."""
    return Vault(await open_root(service.settings()["CRYPTO__ROOT"], rows_exist=True), kept.repository)


async def fill(service: Service, kept: Kept) -> None:
    """Give two more organizations credentials."""
    vault = await vault_of(service, kept)
    for tenant in OTHERS:
        await kept.repository.create_organization(Organization(tenant.organization_id, "o", 1.0))
        await kept.repository.create_project(Project(tenant, "p", 1.0))
        for number in range(EACH):
            row = credential(tenant.organization_id * 1000 + number, tenant)
            sealed = await vault.seal(row, secrets_of(key=f"secret of {row.id}"))
            await kept.repository.add_credential(row, sealed)


async def assert_all_open(service: Service, kept: Kept) -> None:
    vault = await vault_of(service, kept)
    for tenant in OTHERS:
        for number in range(EACH):
            id = tenant.organization_id * 1000 + number
            sealed = await kept.repository.credential(tenant, id)
            assert sealed is not None
            assert (await vault.secrets(sealed)).reveal("key").decode() == f"secret of {id}"


async def versions(kept: Kept, tenant: Tenant) -> list[int]:
    """Return which version of its organization's key each credential is wrapped by."""
    rows = await kept.sql(
        "SELECT key_version FROM credential_versions WHERE organization_id = $1 ORDER BY credential_id",
        tenant.organization_id,
    )
    return [version for (version,) in rows]


async def roots(kept: Kept) -> list[str]:
    """Return which root key wraps each organization's key."""
    return [key.root_id for key in await kept.repository.all_vault_keys()]


async def kill_when(service: Service, true: Callable[[], Awaitable[bool]], *arguments: str) -> None:
    """Run `rotate-keys` and kill it as soon as `true` says so; the row it is stuck at lets it go no further."""
    process = subprocess.Popen(
        [python(), "-m", "integration_api", "rotate-keys", *arguments],
        env=service.settings(), cwd=service.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    until = time.monotonic() + SECONDS
    try:
        while not await true():
            assert process.poll() is None
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


async def test_a_rotation_that_is_killed_goes_on_where_it_was(
    service: Service, store: Kept, lab: str
) -> None:
    url = base_url(lab, "openai")
    used = [service.add_credential("openai", url, name=f"used {number}") for number in range(SERVED)]
    await fill(service, store)
    (old_root,) = set(await roots(store))
    with Callers(service, used) as callers:
        await rotate_in_three(service, store, old_root)
        meanwhile = service.add_credential("openai", url, name="stored meanwhile")
    assert callers.answers > SERVED
    assert callers.failed == []

    # Nothing needs the old root key any more.
    (new_root,) = set(await roots(store))
    key_file = service.folder / "keys" / "root.json"
    held = json.loads(key_file.read_text())
    assert (held["current"], [key["id"] for key in held["keys"]]) == (new_root, [old_root, new_root])
    held["keys"] = [key for key in held["keys"] if key["id"] == new_root]
    key_file.write_text(json.dumps(held))
    assert service.stop() == 0
    service.start()
    await assert_all_open(service, store)
    for id in (*used, meanwhile):
        assert chat(service, id)[0] == 200


async def rotate_in_three(service: Service, store: Kept, old_root: str) -> None:
    """Rotate root and organizations' keys, killed twice, and finish."""
    mine, last = (tenant.organization_id for tenant in OTHERS)

    async def some_keys() -> bool:
        return 0 < (await roots(store)).count(old_root) < len(await roots(store))

    async with Stuck(store, "vault_keys", f"organization_id = {last}"):
        await kill_when(service, some_keys, "--root")
    assert await some_keys()
    await assert_all_open(service, store)

    async def half_of_the_credentials() -> bool:
        return (await versions(store, OTHERS[0])).count(2) == EACH // 2

    async with Stuck(store, "credential_versions", f"credential_id = {mine * 1000 + EACH // 2}"):
        await kill_when(service, half_of_the_credentials, "--root")
    assert old_root not in await roots(store)
    assert await versions(store, OTHERS[0]) == [2] * (EACH // 2) + [1] * (EACH // 2)
    assert await versions(store, OTHERS[1]) == [2] * EACH
    await assert_all_open(service, store)

    done = service.command("rotate-keys")
    assert done.returncode == 0, done.stderr
    assert f"{EACH // 2}/{EACH // 2}" in done.stderr
    assert "interrupted is finished" in done.stdout
    for tenant in OTHERS:  # What was done was not done again.
        assert await versions(store, tenant) == [2] * EACH
    await assert_all_open(service, store)
