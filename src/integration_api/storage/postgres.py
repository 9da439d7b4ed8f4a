"""PostgreSQL: one pool, and every transaction fenced in by row-level security.

A transaction first says whose rows it may touch, with SET LOCAL alone, so that it
works behind PgBouncer's transaction pooling. Because superusers are not bound by
row-level security, it also steps down to the role `integration_app` where that exists.
https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Any, TypeAlias

import asyncpg

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Tenant
from integration_api.storage.migrate import RECORD, MigrationFailed, migrations, pending
from integration_api.storage.operation import Make, Reach, Step, Value

ROLE = "integration_app"
ACQUIRE_SECONDS = 2.0
"""How long a caller waits for a connection before it hears that we are overloaded."""
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 10.0
"""No statement here takes seconds; one that does waits for a server that has gone."""
MIGRATE_SECONDS = 600.0
"""Adopting a large audit table rewrites it once."""
ROLLBACK_SECONDS = 1.0
IDLE_SECONDS = 300.0

LOST: tuple[type[BaseException], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    OSError,
)
"""The server went away, or became a standby: another connection may reach its successor."""
UNDONE: tuple[type[BaseException], ...] = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""The server rolled the transaction back for the sake of another one."""
OUTDATED: tuple[type[BaseException], ...] = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InsufficientPrivilegeError,
)
GRANTS = f"""
GRANT USAGE ON SCHEMA %(schema)s TO {ROLE};
GRANT SELECT, INSERT ON external_audits, organizations TO {ROLE};
GRANT SELECT, INSERT, DELETE ON changes TO {ROLE};
GRANT SELECT, INSERT, UPDATE ON external_audit_metadata, projects, api_keys, vault_keys TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials, credential_versions TO {ROLE};
GRANT SELECT, INSERT, DELETE ON external_audit_documents TO {ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON calls, call_batches TO {ROLE};
GRANT SELECT, INSERT, UPDATE ON dialing_leases TO {ROLE};
GRANT SELECT, INSERT, DELETE ON call_notes TO {ROLE};
GRANT SELECT, INSERT, DELETE ON inbound_routes TO {ROLE};
GRANT SELECT, UPDATE ON id_workers TO {ROLE};
"""
"""What the product does with each table, and no more: an audit record can not be changed."""

Connection: TypeAlias = Any
"""asyncpg ships no types that mypy can see through its pool's proxies."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    def get_reset_query(self) -> str:
        """Nothing outlives a transaction here, so nothing is reset: one round trip less."""
        return ""


class PostgresDatabase:
    """A pool of at most `connections` connections to one database, made when first needed."""

    def __init__(self, *, connections: int, statement_cache: int = 100, **where: Any) -> None:
        self._where = where
        self._connections = connections
        self._statement_cache = statement_cache
        self._pool: Any = None
        self._step_down: str | None = None

    async def open(self) -> None:
        """Make the pool; connects to nothing yet."""
        self._pool = await asyncpg.create_pool(
            **self._where,
            min_size=0,
            max_size=self._connections,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            statement_cache_size=self._statement_cache,
            command_timeout=COMMAND_SECONDS,
            timeout=CONNECT_SECONDS,
            connection_class=_Connection,
        )

    async def read(self, reach: Reach, make: Make[Value]) -> Value:
        return await self._run("BEGIN READ ONLY", reach, make, repeatable=True)

    async def write(
        self, reach: Reach, make: Make[Value], *, repeatable: bool = False, erase: bool = False
    ) -> Value:
        return await self._run("BEGIN", reach, make, repeatable=repeatable)

    async def ping(self) -> bool:
        try:
            connection = await self._acquire()
        except Failure:
            return False
        try:
            return bool(await connection.fetchval("SELECT NOT pg_is_in_recovery()"))
        except (asyncpg.PostgresError, *LOST):
            return False
        finally:
            await self._release(connection)

    async def close(self) -> None:
        try:
            await self._pool.close()
        except (asyncpg.PostgresError, *LOST):
            self._pool.terminate()

    async def migrate(self) -> None:
        """Bring the schema up to date, alone in the database. Raises `MigrationFailed`."""
        connection = await self._acquire()
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL lock_timeout = 0")
                await connection.execute(
                    "SELECT pg_advisory_xact_lock($1)", _number("migrate"), timeout=MIGRATE_SECONDS
                )
                await _apply(connection)
                await _make_role(connection)
        except MigrationFailed:
            raise
        except asyncpg.PostgresError as error:
            raise MigrationFailed(f"the schema could not be brought up to date: {error}") from None
        except LOST as error:
            raise _unavailable(error) from None
        finally:
            await self._release(connection)
        self._step_down = None

    async def _run(self, begin: str, reach: Reach, make: Make[Value], *, repeatable: bool) -> Value:
        """Run once, and once more when the connection was lost before it could have mattered."""
        again = True
        while True:
            connection = await self._acquire()
            committing = False
            try:
                await connection.execute(f"{begin}; {await self._role(connection)}{_fence(reach)}")
                value = await _drive(connection, make)
                committing = True
                await connection.execute("COMMIT")
                return value
            except TimeoutError as error:
                raise _unavailable(error) from None
            except UNDONE as error:
                if not again:
                    raise _unavailable(error) from None
            except LOST as error:
                if not again or (committing and not repeatable):
                    raise _unavailable(error) from None
                await self._pool.expire_connections()
            except asyncpg.IntegrityConstraintViolationError:
                raise Failure(Kind.CONFLICT, "another row has this name, id or place already") from None
            except (asyncpg.DataError, OverflowError, UnicodeError):
                raise Failure(
                    Kind.INVALID_REQUEST, "a value is not valid text or is out of range", code="invalid_value"
                ) from None
            except OUTDATED:
                raise Failure(
                    Kind.INTERNAL,
                    "the database's tables are not this release's, or its user may not use them:"
                    " run `integration-api migrate` as the tables' owner",
                    code="store_outdated",
                ) from None
            except asyncpg.PostgresError as error:
                raise _unavailable(error) from None
            finally:
                await self._release(connection)
            again = False

    async def _acquire(self) -> Connection:
        try:
            return await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except (asyncpg.PostgresError, *LOST) as error:
            raise _unavailable(error) from None

    async def _release(self, connection: Connection) -> None:
        """Give a connection back, its transaction ended one way or another."""
        try:
            if connection.is_in_transaction():
                await connection.execute("ROLLBACK", timeout=ROLLBACK_SECONDS)
            await self._pool.release(connection, timeout=ROLLBACK_SECONDS)
        except (asyncpg.PostgresError, *LOST):
            _hang_up(connection)
        except BaseException:
            _hang_up(connection)
            raise

    async def _role(self, connection: Connection) -> str:
        """Return the words that put this user under row-level security. Raises `Failure` if nothing can."""
        if self._step_down is None:
            row = await connection.fetchrow(
                "SELECT coalesce((SELECT pg_has_role(current_user, oid, 'MEMBER')"
                " FROM pg_roles WHERE rolname = $1), false), rolsuper OR rolbypassrls"
                " FROM pg_roles WHERE rolname = current_user",
                ROLE,
            )
            member, unbound = row
            if unbound and not member:
                raise Failure(
                    Kind.INTERNAL,
                    f"this database user is not bound by row-level security and the role {ROLE}"
                    " does not exist: run `integration-api migrate`",
                )
            self._step_down = f"SET LOCAL ROLE {ROLE}; " if member else ""
        return self._step_down


def _fence(reach: Reach) -> str:
    """Say whose rows may be touched. Only integers go into the text."""
    match reach:
        case Tenant(organization_id=organization_id, project_id=project_id):
            mine: tuple[int | str, int | str, str] = (int(organization_id), int(project_id), "off")
        case None:
            mine = ("", "", "on")
        case organization_id:
            mine = (int(organization_id), "", "off")
    return (
        f"SET LOCAL app.organization_id = '{mine[0]}'; SET LOCAL app.project_id = '{mine[1]}';"
        f" SET LOCAL app.installation = '{mine[2]}'"
    )


def _hang_up(connection: Connection) -> None:
    """End a connection that is of no use any more, unless the pool has let go of it already."""
    with suppress(asyncpg.InterfaceError):
        connection.terminate()


async def _drive(connection: Connection, make: Make[Value]) -> Value:
    operation = make()
    result: Any = None
    while True:
        try:
            step: Step = operation.send(result)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        result = await _perform(connection, step)


async def _perform(connection: Connection, step: Step) -> Sequence[Any] | int | None:
    match step.kind:
        case "fetch":
            return await connection.fetch(step.sql, *step.args)  # type: ignore[no-any-return]
        case "execute":
            status = await connection.execute(step.sql, *step.args)
            return int(status.rsplit(" ", 1)[-1])
        case "execute_many":
            return len(await connection.fetchmany(f"{step.sql} RETURNING 1", step.args))
        case "lock":
            await connection.execute("SELECT pg_advisory_xact_lock($1)", _number(step.sql))
            return None


async def _apply(connection: Connection) -> None:
    await connection.execute(RECORD)
    rows = await connection.fetch("SELECT number, name, checksum FROM integration_migrations")
    applied = {row["number"]: (row["name"], row["checksum"]) for row in rows}
    for migration in pending(migrations("postgres"), applied):
        try:
            await connection.execute(migration.sql, timeout=MIGRATE_SECONDS)
        except asyncpg.PostgresError as error:
            raise MigrationFailed(f"migration {migration.name} failed: {error}") from None
        await connection.execute(
            "INSERT INTO integration_migrations VALUES ($1, $2, $3, now()::text)",
            migration.number,
            migration.name,
            migration.checksum,
        )


async def _make_role(connection: Connection) -> None:
    """Make the role a superuser steps down to. At every start: a restored dump brings no roles."""
    unbound, may_create = await connection.fetchrow(
        "SELECT rolsuper OR rolbypassrls, rolsuper OR rolcreaterole"
        " FROM pg_roles WHERE rolname = current_user"
    )
    if not unbound:
        return
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", ROLE):
        if not may_create:
            raise MigrationFailed(
                "this database user is not bound by row-level security and may not create"
                f" the role {ROLE}: use a user without BYPASSRLS"
            )
        # Roles belong to the whole cluster: another database's migration may be making it right now.
        await connection.execute(
            f"DO $$ BEGIN CREATE ROLE {ROLE} NOLOGIN;"
            " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        )
    schema = await connection.fetchval("SELECT quote_ident(current_schema())")
    await connection.execute(GRANTS % {"schema": schema})


def _number(name: str) -> int:
    """Return the advisory lock that stands for a name."""
    digest = blake2b(f"integration-api {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _unavailable(error: BaseException) -> Failure:
    """Name the class of error only: a server's own words may hold a statement's values."""
    return Failure(
        Kind.OVERLOADED,
        f"the database can not be used ({type(error).__name__}): try again",
        code="store_unavailable",
        retry_after=1.0,
    )
