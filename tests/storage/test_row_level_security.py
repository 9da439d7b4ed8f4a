"""PostgreSQL keeps tenants apart by itself: a session that does not say whose it is sees nothing."""

import asyncio
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from integration_api.core.records import Organization, Page, Project
from integration_api.core.tenant import Tenant
from integration_api.storage.dialing_store import Line
from integration_api.storage.open import open_repository
from integration_api.storage.repository import AuditFilter, Repository
from tests.servers import connected, database, postgres_server
from tests.storage.telephony import batch, call, note, route
from tests.storage.test_repository import api_key, sealed, vault_key
from tests.stores import ACME, GLOBEX, SISTER, audit, config_of, credential

TABLES = (
    "organizations", "projects", "api_keys", "vault_keys", "credentials", "credential_versions", "changes",
    "external_audits", "external_audit_metadata", "external_audit_documents", "calls", "call_notes",
    "inbound_routes", "call_batches", "dialing_leases",
)  # fmt: skip


@pytest.fixture(params=["superuser", "owner"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database whose user is bound by row-level security only because it steps down, or by itself."""
    with database(postgres_server()) as made:
        if request.param == "superuser":
            yield made
            return
        role, password = f"owner_{secrets.token_hex(4)}", secrets.token_hex(8)
        parts = urlsplit(made)
        name = parts.path.lstrip("/")

        async def prepare(*statements: str) -> None:
            async with connected(made) as superuser:
                for statement in statements:
                    await superuser.execute(statement)

        asyncio.run(prepare(
            f"CREATE ROLE {role} LOGIN NOSUPERUSER PASSWORD '{password}'", f"ALTER DATABASE {name} OWNER TO {role}",
            f"GRANT ALL ON SCHEMA public TO {role}",
        ))  # fmt: skip
        try:
            yield urlunsplit(
                parts._replace(netloc=f"{role}:{password}@{parts.hostname}:{parts.port or 5432}")
            )
        finally:
            asyncio.run(
                prepare(
                    f"REASSIGN OWNED BY {role} TO CURRENT_USER", f"DROP OWNED BY {role}", f"DROP ROLE {role}"
                )
            )


async def filled(url: str) -> Repository:
    store = await open_repository(config_of(url))
    await store.migrate()
    for tenant in (ACME, GLOBEX):
        await store.create_organization(Organization(tenant.organization_id, "o", 1.0))
    for at, tenant in enumerate((ACME, GLOBEX, SISTER), 1):
        await store.create_project(Project(tenant, "p", 1.0))
        await store.add_api_key(api_key(at, tenant))
        await store.add_credential(credential(at, tenant), sealed())
        await store.add_audits([audit(at, tenant, metadata={"k": "v"}, documents={"request": b"sealed"})])
        await store.telephony.add_call(call(at, tenant), note(at, at, tenant))
        await store.telephony.add_batch(batch(at, tenant), [])
        await store.telephony.add_route(route(at, tenant))
        await store.dialing.lease(Line(tenant, at, "twilio"), "me", 1.0)
    for organization, key in ((1, b"a" * 16), (2, b"b" * 16)):
        await store.add_vault_key(vault_key(1, organization, id=key))
    return store


async def as_the_service(connection: asyncpg.Connection) -> None:
    """Step down as the service does, where the user itself is not bound."""
    if await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        await connection.execute("SET LOCAL ROLE integration_app")


async def test_a_session_without_a_tenant_sees_nothing_and_changes_nothing(url: str) -> None:
    store = await filled(url)
    async with connected(url) as session:
        for table in TABLES:
            async with session.transaction():
                await as_the_service(session)
                assert await session.fetchval(f"SELECT count(*) FROM {table}") == 0, table
                for statement in (
                    f"UPDATE {table} SET organization_id = organization_id",
                    f"DELETE FROM {table}",
                ):
                    try:
                        async with session.transaction():
                            assert (await session.execute(statement)).endswith(" 0"), statement
                    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedColumnError):
                        pass
    assert await store.credential(ACME, 1) is not None
    await store.close()


async def test_a_session_of_one_tenant_sees_its_own_rows_only(url: str) -> None:
    store = await filled(url)
    async with connected(url) as session:
        for tenant, id in ((ACME, 1), (GLOBEX, 2), (SISTER, 3)):
            async with session.transaction():
                await as_the_service(session)
                await session.execute(f"SET LOCAL app.organization_id = '{tenant.organization_id}'")
                await session.execute(f"SET LOCAL app.project_id = '{tenant.project_id}'")
                for table, column in (
                    ("api_keys", "id"), ("credentials", "id"), ("credential_versions", "credential_id"),
                    ("external_audits", "id"), ("external_audit_metadata", "external_audit_id"),
                    ("external_audit_documents", "external_audit_id"), ("calls", "id"),
                    ("call_notes", "call_id"), ("inbound_routes", "id"), ("call_batches", "id"),
                    ("dialing_leases", "credential_id"),
                ):  # fmt: skip
                    rows = await session.fetch(f"SELECT {column} FROM {table}")
                    assert [row[0] for row in rows] == [id], (table, tenant)
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    async with session.transaction():
                        await session.execute(
                            "INSERT INTO api_keys (organization_id, project_id, id, name, hint, digest, scopes, created_at)"
                            " VALUES (9, 9, 99, '', '', '', '', 1)"
                        )
    await store.close()


async def test_an_audit_record_can_be_added_and_read_and_nothing_else(url: str) -> None:
    store = await filled(url)
    async with connected(url) as session:
        for setting in (
            "app.installation = 'on'",
            "app.organization_id = '1'; SET LOCAL app.project_id = '101'",
        ):
            for statement in ("UPDATE external_audits SET status = 'forged'", "DELETE FROM external_audits"):
                async with session.transaction():
                    await as_the_service(session)
                    await session.execute(f"SET LOCAL {setting}")
                    try:
                        async with session.transaction():
                            assert (await session.execute(statement)).endswith(" 0")
                    except asyncpg.InsufficientPrivilegeError:
                        pass
    assert {row.status for row in await store.audits(ACME, AuditFilter(), Page(10))} == {"success"}
    await store.close()


async def test_whatever_one_transaction_said_is_forgotten_by_the_next_on_its_connection(url: str) -> None:
    config = config_of(url)
    store = await filled(url)
    one = await open_repository(
        type(config)(host=config.host, port=config.port, user=config.user, password=config.password,
                     database=config.database, max_connections=1)
    )  # fmt: skip
    for tenant, id in ((ACME, 1), (GLOBEX, 2), (ACME, 1)):
        assert await one.credential(tenant, id) is not None
        assert await one.credential(Tenant(9, 9), id) is None
        assert len(await one.all_vault_keys()) == 2
        assert await one.credential(tenant, 3 - id) is None
    await one.close()
    await store.close()
