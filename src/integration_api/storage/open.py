"""Opens the store that the settings name."""

from pathlib import Path
from typing import Literal

from msgspec import Struct

from integration_api.storage.operation import Database
from integration_api.storage.relational import RelationalRepository
from integration_api.storage.repository import Repository
from integration_api.storage.sqlite import SqliteDatabase


class StorageConfig(Struct, frozen=True, kw_only=True):
    """Where the store is: PostgreSQL when a host is named, else the SQLite file."""

    sqlite_path: str = "./data/integration.db"
    host: str = ""
    port: int = 5432
    user: str = ""
    password: str = ""
    database: str = "integration_db"
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    max_connections: int = 10
    statement_cache: int = 100
    """Prepared statements kept on a connection; 0 behind a PgBouncer older than 1.21."""

    def __repr__(self) -> str:
        return "StorageConfig(***)"


async def open_repository(config: StorageConfig) -> Repository:
    """Open the store; nothing is connected to, created or migrated before the first call."""
    database: Database
    if config.host:
        # A start on SQLite does not wait for PostgreSQL's driver to be read.
        from integration_api.storage.postgres import PostgresDatabase  # noqa: PLC0415

        database = PostgresDatabase(
            host=config.host,
            port=config.port,
            user=config.user,
            password=config.password or None,
            database=config.database,
            ssl=config.ssl_mode,
            connections=config.max_connections,
            statement_cache=config.statement_cache,
        )
        await database.open()
    else:
        database = SqliteDatabase(Path(config.sqlite_path))
    return RelationalRepository(database)
