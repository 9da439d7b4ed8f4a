"""The platform's plaintext vault taken over by the command: whole, once, in its place, and nothing in clear.

The platform's table lives in one PostgreSQL, this service's in another whose every file can be looked at.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest

from integration_api.admin import EVERYTHING
from integration_api.app import House, first_start
from integration_api.core.records import SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.settings import load
from integration_api.storage import credentials
from integration_api.storage.rows import read_sealed
from integration_api.telemetry.log import Log
from tests.e2e.conftest import base_url
from tests.e2e.service import ROOT, environment, postgres_settings
from tests.rpc.caller import until
from tests.servers import PostgresServer, connected, database, postgres_server

VAULTS = """
CREATE TABLE vaults (
    id bigint PRIMARY KEY, created_date timestamp DEFAULT now(), updated_date timestamp,
    project_id bigint, organization_id bigint, provider varchar(200), name varchar(200),
    value json NOT NULL, status varchar(50) NOT NULL DEFAULT 'ACTIVE', created_by bigint, updated_by bigint
)
"""
MARKER = "plaintext-marker-"
"""Begins every secret here, so that one look finds any."""
ROWS = 10_000
TENANTS = [
    Tenant(organization, 10 * organization + project) for organization in (1, 2, 3) for project in (1, 2)
]
FIRST_ID = 2_000_000_000_000_000_000
Result = TypeVar("Result")


class Stage:
    def __init__(self, folder: Path, source: str, target: str) -> None:
        self.folder = folder
        self.source = source
        self.target = target
        self.environ = {
            "DATA_DIR": str(folder / "data"),
            "CRYPTO__ROOT": f"file:{folder / 'keys' / 'root.json'}",
            "EGRESS__ALLOW": "127.0.0.1/32",
            "EGRESS__ALLOW_HTTP": "true",
            **postgres_settings(target),
        }

    def begin(self) -> "Stage":
        """Do what a first start does."""
        self.in_house(first_start)
        return self

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "integration_api", "import-vault", *options]

    def start(self, *options: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*options), env=environment(PLATFORM_VAULT_URL=self.source, **self.environ),
            cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *options: str, code: int = 0) -> str:
        """Run the command to its end; return everything that it said."""
        process = self.start(*options)
        said = "".join(process.communicate(timeout=300))
        assert process.returncode == code, said
        assert MARKER not in said
        assert "Traceback" not in said
        return said

    def insert(self, rows: Sequence[tuple[Any, ...]]) -> None:
        async def work() -> None:
            async with connected(self.source) as connection:
                await connection.execute(VAULTS.replace("TABLE", "TABLE IF NOT EXISTS"))
                await connection.executemany(
                    "INSERT INTO vaults (id, organization_id, project_id, provider, name, value, status)"
                    " VALUES ($1, $2, $3, $4, $5, $6::text::json, $7)",
                    rows,
                )

        asyncio.run(work())

    def sql(self, url: str, statement: str, *args: Any) -> list[Any]:
        async def work() -> list[Any]:
            async with connected(url) as connection:
                return list(await connection.fetch(statement, *args))

        return asyncio.run(work())

    def stored(self) -> int:
        try:
            return int(self.sql(self.target, "SELECT count(*) FROM credentials")[0][0])
        except asyncpg.UndefinedTableError:
            return 0

    def in_house(self, work: Callable[[House], Awaitable[Result]]) -> Result:
        async def inside() -> Result:
            house = await House.open(load(self.environ), Log("error"))
            try:
                return await work(house)
            finally:
                await house.close()

        return asyncio.run(inside())

    def opened(self, tenant: Tenant, id: int) -> dict[str, str]:
        """Return all of a stored credential's fields, in clear."""
        return self.in_house(lambda house: opened(house, tenant, id))


async def opened(house: House, tenant: Tenant, id: int) -> dict[str, str]:
    sealed = await house.store.credential(tenant, id)
    assert sealed is not None
    return await fields_of(house, sealed)


async def fields_of(house: House, sealed: SealedCredential) -> dict[str, str]:
    await house.vault.confirm(sealed)
    secrets = await house.vault.secrets(sealed)
    record = sealed.record
    return {**record.fields, **{name: secrets.reveal(name).decode() for name in record.masked}}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with database(postgres_server()) as source, database(postgres_server()) as target:
        yield Stage(tmp_path, source, target).begin()


def row(
    id: int, value: Any, provider: str = "openai", status: str = "ACTIVE", **more: Any
) -> tuple[Any, ...]:
    tenant = more.get("tenant", TENANTS[0])
    text = value if isinstance(value, str) else json.dumps(value)
    return (id, tenant.organization_id, tenant.project_id, provider, more.get("name", f"n{id}"), text, status)


# --- ten thousand ------------------------------------------------------------------------------

KINDS: dict[str, Callable[[str], dict[str, str]]] = {
    "openai": lambda secret: {"key": secret},
    "azure-foundry": lambda secret: {"subscription_key": secret, "endpoint": "https://a.openai.azure.com"},
    "aws-bedrock": lambda secret: {
        "access_key_id": "AKIA", "secret_access_key": secret, "region": "us-east-1",
    },
    "vertexai": lambda secret: {"project_id": "p", "region": "r", "service_account_key": json.dumps({"k": secret})},
    "anthropic": lambda secret: {"key": secret, "url": f"{MARKER}nobody-reads-this"},
}  # fmt: skip


def many() -> dict[int, tuple[Tenant, str, dict[str, str]]]:
    kinds = list(KINDS)
    return {
        FIRST_ID + 7 * number: (
            TENANTS[number % len(TENANTS)],
            kinds[number % len(kinds)],
            KINDS[kinds[number % len(kinds)]](f"{MARKER}{number:06}-{number * 7919:012x}"),
        )
        for number in range(ROWS)
    }


def test_ten_thousand_rows_come_over_through_a_kill(tmp_path: Path) -> None:
    server = PostgresServer()
    server.start()
    given = many()
    with database(postgres_server()) as source, database(server.url) as target:
        stage = Stage(tmp_path, source, target).begin()
        stage.insert([
            # Half of them share their names.
            row(id, value, provider, tenant=tenant, name="production" if id % 2 else f"n{id}")
            for id, (tenant, provider, value) in given.items()
        ])  # fmt: skip
        process = stage.start()
        until(lambda: stage.stored() > ROWS // 5 or process.poll() is not None, 120)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        interrupted = stage.stored()
        assert ROWS // 5 < interrupted < ROWS
        said = stage.run()
        assert f"{ROWS - interrupted} imported, {interrupted} here already" in said
        assert "0 skipped, 0 failed" in said
        ids = [one[0] for one in stage.sql(target, "SELECT id FROM credentials ORDER BY id")]
        assert ids == sorted(given)
        assert stage.sql(target, "SELECT count(*) FROM credential_versions")[0][0] == ROWS

        async def all_open(house: House) -> None:
            async with connected(target) as connection:
                rows = await connection.fetch(credentials.SEALED)
            for sealed in map(read_sealed, rows):
                tenant, _, value = given[sealed.record.id]
                assert sealed.record.tenant == tenant
                assert await fields_of(house, sealed) == value

        stage.in_house(all_open)
        assert_nothing_in_clear(server, tmp_path)


def assert_nothing_in_clear(server: PostgresServer, folder: Path) -> None:
    """Look into every file of the database, its log ahead included, and every file of ours."""
    asyncio.run(checkpoint(server.url))
    looked = 0
    for path in (*server._home.rglob("*"), *folder.rglob("*")):
        if path.is_file():
            looked += 1
            assert MARKER.encode() not in path.read_bytes(), path
    assert any(path.parent.name == "pg_wal" for path in server._home.rglob("*"))
    assert looked > 100


async def checkpoint(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute("CHECKPOINT")


# --- what is taken, and what is left -----------------------------------------------------------


def test_each_row_that_is_left_is_told_with_its_reason(stage: Stage) -> None:
    secret = MARKER + "0123456789"
    stage.insert([
        row(1, {"key": secret}),
        row(2, {"key": secret}, status="ARCHIEVE"),
        row(3, {"key": secret}, "smallest"),
        row(4, {"key": secret}, tenant=Tenant(1, 0)),
        row(5, {}),
        row(6, [secret]),
        row(7, {"url": secret}),
        row(8, {"key": secret * 2000}),
        row(9, {"key": secret, "$plain": secret}),
        row(10, {"key": None}),
        row(11, "null"),
        row(12, {"key": secret}, tenant=Tenant(9, TENANTS[0].project_id)),
        row(-3, {"key": secret}),
    ])  # fmt: skip
    said = stage.run()
    assert "1 imported, 0 here already, 0 blanked at the source, 12 skipped, 0 failed" in said
    for told in ("ARCHIEVE", "no such provider", "no project", "empty", "not a JSON object", "needs the credential",
                 "longer than", "begins with $", "another organization's"):  # fmt: skip
        assert told in said, said
    assert stage.stored() == 1


def test_what_callers_put_into_a_value_is_kept_whole(stage: Stage) -> None:
    account = {"client_email": "robot@example.com", "private_key": f'-----BEGIN\n{MARKER}\\"é𝄞\n'}
    stage.insert([
        row(1, {"key": f'{MARKER}\\u00e9"\\𝄞', "unknown": 7, "flag": True, "nothing": None, "list": [1, "a"]}),
        row(2, {"project_id": "p", "region": "r", "service_account_key": account}, "vertexai"),
        row(3, {"key": "k" * 30}, "google", name=""),
        row(4, {"key": "k" * 30}, name="same"),
        row(5, {"key": "k" * 30}, name="same"),
        row(6, {"key": "k" * 30}, name="line\nbreak\u202e"),
    ])  # fmt: skip
    stage.run()
    first = stage.opened(TENANTS[0], 1)
    assert first == {"key": f'{MARKER}\\u00e9"\\𝄞', "unknown": "7", "flag": "true", "list": '[1, "a"]'}
    second = stage.opened(TENANTS[0], 2)
    assert json.loads(second.pop("service_account_key")) == account
    assert second == {"project_id": "p", "region": "r"}

    async def records(house: House) -> dict[int, Any]:
        return {one.id: one for one in await house.store.credentials(TENANTS[0], None, EVERYTHING)}

    kept = stage.in_house(records)
    assert kept[3].provider == "gemini"
    assert kept[3].name
    assert {kept[4].name, kept[5].name} == {"same", "same (5)"}
    assert kept[6].name == "line break"
    assert {one.status for one in kept.values()} == {"unverified"}
    assert kept[1].masked["key"] == "…" or kept[1].masked["key"].startswith("…")


def test_a_dry_run_changes_nothing_and_some_providers_may_be_chosen(stage: Stage) -> None:
    key = {"key": MARKER * 2}
    stage.insert([row(1, key), row(2, key, "anthropic"), row(3, {"key": "x"}, "nobody")])
    assert "1 would be imported" in stage.run("--dry-run", "--provider", "openai", "--write-back", "redact")
    assert stage.stored() == 0
    assert "marker" in stage.sql(stage.source, "SELECT value::text FROM vaults WHERE id = 1")[0][0]
    assert "1 imported" in stage.run("--provider", "anthropic")
    assert [one[0] for one in stage.sql(stage.target, "SELECT id FROM credentials")] == [2]


# --- writing back ------------------------------------------------------------------------------


def test_rows_are_blanked_only_after_their_copy_was_read_back(stage: Stage) -> None:
    secret = MARKER + "0123456789"
    stage.insert([row(1, {"key": secret}), row(2, {"key": secret}), row(3, {"key": secret}, "smallest"),
                  row(4, {"key": secret}, status="ARCHIEVE")])  # fmt: skip
    stage.run("--provider", "openai")
    # Somebody replaces a key at the source after it was imported: that one is not the copy's any more.
    stage.sql(
        stage.source,
        "UPDATE vaults SET value = $1::text::json WHERE id = 2",
        json.dumps({"key": secret + "!"}),
    )
    assert "needs --provider" in stage.run("--write-back", "redact", code=1)
    said = stage.run("--write-back", "redact", "--provider", "openai")
    assert "0 imported, 2 here already, 1 blanked at the source, 3 skipped" in said
    assert "not what was imported" in said
    left = {
        id: json.loads(value) for id, value in stage.sql(stage.source, "SELECT id, value::text FROM vaults")
    }
    assert left == {1: {}, 2: {"key": secret + "!"}, 3: {"key": secret}, 4: {"key": secret}}
    assert stage.opened(TENANTS[0], 1) == {"key": secret}
    again = stage.run("--write-back", "redact", "--provider", "openai")
    assert "0 blanked" in again
    assert "blanked by an earlier run" in again
    assert stage.opened(TENANTS[0], 1) == {"key": secret}


# --- verifying ---------------------------------------------------------------------------------


def test_only_what_its_provider_accepts_is_taken_when_asked(stage: Stage, lab: str) -> None:
    here = base_url(lab, "openai")
    stage.insert([
        row(1, {"key": "lab-key-0123456789abcdef", "base_url": here}),
        row(2, {"key": "lab-invalid-key-0123456789", "base_url": here}),
        row(3, {"key": "lab-key-0123456789abcdef", "base_url": "http://127.0.0.1:1/v1"}),
    ])  # fmt: skip
    said = stage.run("--verify", code=1)
    assert "1 imported, 0 here already, 0 blanked at the source, 1 skipped, 1 failed" in said
    assert "does not know this key" in said
    assert stage.sql(stage.target, "SELECT id, status FROM credentials") == [(1, "valid")]


# --- what can not be done ----------------------------------------------------------------------


def test_a_source_that_is_none_is_said_in_one_line(stage: Stage) -> None:
    assert "no table `vaults`" in stage.run(code=1)
    for url, told in (
        ("postgresql://somebody:hush-hush@127.0.0.1:1/web_db", "can not be opened"),
        ("mysql://somebody:hush-hush@127.0.0.1/web_db", "--from must be postgresql://"),
        ("hush-hush", "--from must be postgresql://"),
    ):
        stage.source = url
        said = stage.run(code=1)
        assert told in said
        assert "hush" not in said


def test_the_default_project_stays_the_one_of_the_first_start(stage: Stage, tmp_path: Path) -> None:
    stage.insert([row(1, {"key": MARKER * 2})])
    fresh = Stage(tmp_path / "fresh", stage.source, "")
    fresh.folder.mkdir()
    fresh.environ = {name: value for name, value in stage.environ.items() if not name.startswith("POSTGRES")}
    fresh.environ["DATA_DIR"] = str(fresh.folder / "data")
    assert "start the service once" in fresh.run(code=1)
    before = stage.in_house(lambda house: house.store.first_project())
    stage.run()
    assert stage.in_house(lambda house: house.store.first_project()) == before
    assert before is not None
    assert before.tenant not in TENANTS


def test_help_says_what_it_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "integration_api", "import-vault", "--help"], env=environment(), cwd=ROOT,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "--write-back" in done.stdout
