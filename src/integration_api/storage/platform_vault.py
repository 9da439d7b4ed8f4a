"""The platform's own table of credentials, in its database `web_db`: read in the order of ids, blanked on request."""

from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.storage.postgres import COMMAND_SECONDS, CONNECT_SECONDS, LOST, Connection

ROW = (
    "id, coalesce(organization_id, 0) AS organization_id, coalesce(project_id, 0) AS project_id,"
    " coalesce(provider, '') AS provider, coalesce(name, '') AS name, coalesce(status::text, '') AS status,"
    " convert_to(coalesce(value, 'null')::text, 'UTF8') AS value,"
    " coalesce(extract(epoch FROM created_date), 0)::double precision AS created_at"
)
BLANK = "{}"


class PlatformCredential(Struct, frozen=True):
    """One row. Whoever reads it wipes `value`, which is JSON and a secret."""

    id: int
    organization_id: int
    project_id: int
    provider: str
    name: str
    status: str
    value: bytes
    created_at: float

    def __repr__(self) -> str:
        return f"PlatformCredential(id={self.id})"


class PlatformVault:
    """All methods raise `Failure`, which never shows a value or the database's address."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, url: str) -> "PlatformVault":
        try:
            return cls(await asyncpg.connect(url, timeout=CONNECT_SECONDS, command_timeout=COMMAND_SECONDS))
        except (ValueError, TypeError):
            raise Failure(
                Kind.INVALID_REQUEST, "--from must be postgresql://user:password@host:port/web_db"
            ) from None
        except (asyncpg.PostgresError, *LOST) as error:
            raise _failed("can not be opened", error) from None

    async def close(self) -> None:
        await self._connection.close()

    async def count(self) -> int:
        try:
            return int(await self._connection.fetchval("SELECT count(*) FROM vaults"))
        except (asyncpg.PostgresError, *LOST) as error:
            raise _failed("has no table `vaults` that this user may read", error) from None

    async def after(self, id: int | None, limit: int) -> Sequence[PlatformCredential]:
        """Return the next rows by ascending id; the first ones for None."""
        try:
            rows = await self._connection.fetch(
                f"SELECT {ROW} FROM vaults WHERE $1::bigint IS NULL OR id > $1 ORDER BY id LIMIT $2",
                id,
                limit,
            )
        except (asyncpg.PostgresError, *LOST) as error:
            raise _failed("can not be read", error) from None
        return [PlatformCredential(*row) for row in rows]

    async def blank(self, row: PlatformCredential) -> bool:
        """Empty a row's value, if it still is what was read; return whether it was."""
        try:
            done = await self._connection.execute(
                "UPDATE vaults SET value = $2::text::json"
                " WHERE id = $1 AND convert_to(value::text, 'UTF8') = $3",
                row.id,
                BLANK,
                row.value,
            )
        except (asyncpg.PostgresError, *LOST) as error:
            raise _failed("can not be written", error) from None
        return bool(done == "UPDATE 1")


def _failed(what: str, error: BaseException) -> Failure:
    """Name the class of error only: a server's own words may hold a statement's values."""
    return Failure(Kind.OVERLOADED, f"the platform's database {what} ({type(error).__name__})")
