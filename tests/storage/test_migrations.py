"""Migrations by several processes at once, and over tables that the platform's own service left behind."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import asyncpg
import pytest

from integration_api.core.errors import Failure
from integration_api.core.llm import Usage
from integration_api.core.records import Page
from integration_api.core.tenant import Tenant
from integration_api.storage.migrate import RECORD, MigrationFailed, migrations
from integration_api.storage.open import StorageConfig, open_repository
from integration_api.storage.repository import AuditFilter
from tests.servers import connected, database, postgres_server
from tests.storage.telephony import call, note
from tests.stores import ACME, audit, config_of

PROCESSES = 5
PROGRAM = """
import asyncio, sys
import msgspec
from integration_api.storage.open import StorageConfig, open_repository

async def main():
    store = await open_repository(msgspec.json.decode(sys.argv[1], type=StorageConfig))
    sys.stdin.readline()
    await store.migrate()
    await store.close()

asyncio.run(main())
"""
PLATFORM = [
    (
        "external_audits", [
            "id bigint", "created_date timestamp", "updated_date timestamp", "integration_name varchar(200)",
            "asset_prefix varchar(200)", "response_status integer", "time_taken bigint", "credential_id bigint",
            "project_id bigint", "organization_id bigint", "status varchar(50)", "metrics json",
            "created_actor_type varchar(32)", "created_actor_id bigint", "updated_actor_type varchar(32)",
            "updated_actor_id bigint",
        ],
    ),
    (
        "external_audit_metadata", [
            "id bigint", "created_date timestamp", "updated_date timestamp", "external_audit_id bigint",
            "key varchar(200)", "value varchar(1000)", "created_actor_type varchar(32)", "created_actor_id bigint",
            "updated_actor_type varchar(32)", "updated_actor_id bigint",
        ],
    ),
]  # fmt: skip
"""The platform's names and types, in its order."""


@pytest.fixture
def empty_postgres() -> Iterator[str]:
    with database(postgres_server()) as url:
        yield url


def at_once(config: StorageConfig) -> None:
    """Migrate one store from several processes that all begin in the same moment."""
    import msgspec

    command = [sys.executable, "-c", PROGRAM, msgspec.json.encode(config).decode()]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        for _ in range(PROCESSES)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()


def test_processes_migrate_sqlite_once(tmp_path: Path) -> None:
    at_once(StorageConfig(sqlite_path=str(tmp_path / "new" / "x.db")))
    with closing(sqlite3.connect(tmp_path / "new" / "x.db")) as connection:
        rows = connection.execute("SELECT number FROM integration_migrations").fetchall()
        assert rows == [(one.number,) for one in migrations("sqlite")]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert (tmp_path / "new" / "x.db").stat().st_mode & 0o777 == 0o600


async def test_processes_migrate_postgres_once(empty_postgres: str) -> None:
    at_once(config_of(empty_postgres))
    async with connected(empty_postgres) as owner:
        rows = await owner.fetch("SELECT number FROM integration_migrations ORDER BY number")
        assert [row[0] for row in rows] == [one.number for one in migrations("postgres")]


async def columns(owner: asyncpg.Connection, table: str) -> dict[str, str]:
    rows = await owner.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    short = {"character varying": "varchar", "timestamp without time zone": "timestamp"}
    found = {}
    for name, kind in rows:
        found[name] = kind
        for long, word in short.items():
            found[name] = found[name].replace(long, word)
    return found


@pytest.mark.parametrize("version", ["none", "first", "actors"])
async def test_the_platforms_tables_are_made_or_adopted_with_their_names_and_types(
    empty_postgres: str, version: str
) -> None:
    """`first`: as its service's first migration left them. `actors`: with actors, a trigger and rows."""
    async with connected(empty_postgres) as owner:
        if version != "none":
            kept = 12 if version == "first" else None
            for table, wanted in PLATFORM:
                own = wanted[:kept] if table == "external_audits" else wanted[: 6 if kept else None]
                await owner.execute(f"CREATE TABLE {table} ({', '.join(own)}, PRIMARY KEY (id))")
            await owner.execute(
                "INSERT INTO external_audits (id, created_date, integration_name, asset_prefix, response_status,"
                " time_taken, credential_id, project_id, organization_id, status, metrics) VALUES (1,"
                " '2024-01-01', 'OPENAI', '1/101/7', 200, 5000000, 7, 101, 1, 'active',"
                ' \'[{"name":"INPUT_TOKEN","value":"12"},{"name":"OUTPUT_TOKEN","value":"3"}]\')'
            )
            await owner.execute(
                "INSERT INTO external_audit_metadata (id, created_date, external_audit_id, key, value)"
                " VALUES (1, '2024-01-01', 1, 'model_name', 'gpt-4')"
            )
        if version == "actors":
            await owner.execute(
                "UPDATE external_audits SET created_actor_type = 'user', created_actor_id = 5"
            )
    store = await open_repository(config_of(empty_postgres))
    try:
        await store.migrate()
        async with connected(empty_postgres) as owner:
            for table, wanted in PLATFORM:
                found = await columns(owner, table)
                assert {name: found.get(name) for name, _ in map(str.split, wanted)} == dict(
                    map(str.split, wanted)
                )
            with pytest.raises(asyncpg.CheckViolationError):
                await owner.execute(
                    "INSERT INTO external_audit_metadata (external_audit_id, key, value, created_actor_type)"
                    " VALUES (1, 'k', 'v', 'nobody')"
                )
        await store.add_audits([audit(2, model="m", metadata={"k": "v"})])
        rows = await store.audits(ACME, AuditFilter(), Page(10))
        assert [row.id for row in rows] == ([2] if version == "none" else [2, 1])
        if version != "none":
            assert (rows[1].provider, rows[1].model, rows[1].metadata) == (
                "openai",
                "gpt-4",
                {"model_name": "gpt-4"},
            )
            assert rows[1].usage == Usage(input_total=12, output_total=3)
            assert (
                await store.audits(ACME, AuditFilter(provider="openai", model="gpt-4"), Page(10)) == rows[1:]
            )
    finally:
        await store.close()


BEFORE_TELEPHONY = {"sqlite": 3, "postgres": 5}
"""The last migration of the releases that knew no calls."""


@pytest.mark.parametrize("backend", ["sqlite", "postgres"])
async def test_what_was_stored_before_there_were_calls_is_kept_and_called_with(
    backend: Literal["sqlite", "postgres"], empty_postgres: str, tmp_path: Path
) -> None:
    old = migrations(backend)[: BEFORE_TELEPHONY[backend]]
    script = [f"{RECORD};", *(migration.sql for migration in old)]
    script += [
        f"INSERT INTO integration_migrations VALUES ({one.number}, '{one.name}', '{one.checksum}', '');"
        for one in old
    ]
    script += [
        "INSERT INTO organizations (id, name, created_at) VALUES (1, 'org', 1.0);",
        "INSERT INTO projects (organization_id, id, name, created_at) VALUES (1, 101, 'project', 1.0);",
    ]
    if backend == "sqlite":
        config = StorageConfig(sqlite_path=str(tmp_path / "old.db"))
        with closing(sqlite3.connect(config.sqlite_path)) as connection:
            connection.executescript("\n".join(script))
    else:
        config = config_of(empty_postgres)
        async with connected(empty_postgres) as owner:
            await owner.execute("\n".join(script))
    store = await open_repository(config)
    try:
        await store.migrate()
        project = await store.project(ACME)
        assert project is not None
        assert project.name == "project"
        made = call(provider_call_id="CA1")
        assert await store.telephony.add_call(made, note()) == made
        assert [one.what for one in await store.telephony.notes(ACME, made.id, 0, 10)] == ["created"]
        assert await store.dialing.forget_told(0, 10) == 1
    finally:
        await store.close()


async def test_a_schema_that_this_release_does_not_know_stops_the_start(
    empty_postgres: str, tmp_path: Path
) -> None:
    for config, statement in (
        (config_of(empty_postgres), "UPDATE integration_migrations SET checksum = 'other' WHERE number = 1"),
        (StorageConfig(sqlite_path=str(tmp_path / "x.db")), "INSERT INTO integration_migrations VALUES (999, 'new', '', '')"),
    ):  # fmt: skip
        store = await open_repository(config)
        await store.migrate()
        if config.host:
            async with connected(empty_postgres) as owner:
                await owner.execute(statement)
        else:
            with closing(sqlite3.connect(config.sqlite_path)) as connection, connection:
                connection.execute(statement)
        with pytest.raises(MigrationFailed, match=r"0001_platform_audit|newer release"):
            await store.migrate()
        await store.close()


async def test_a_service_without_migrated_tables_says_what_to_do(empty_postgres: str) -> None:
    store = await open_repository(config_of(empty_postgres))
    try:
        with pytest.raises(Failure, match="run `integration-api migrate`"):
            await store.project(Tenant(1, 1))
    finally:
        await store.close()
