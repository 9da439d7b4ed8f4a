"""Numbered migrations: each applied once, whole, in order; a changed or unknown one stops the start."""

from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from typing import Literal

from msgspec import Struct

from integration_api.core.errors import Failure, Kind

RECORD = (
    "CREATE TABLE IF NOT EXISTS integration_migrations ("
    "number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at text NOT NULL)"
)
"""Not `schema_migrations`: that one belongs to the platform's own service."""


class Migration(Struct, frozen=True):
    number: int
    name: str
    sql: str
    checksum: str


class MigrationFailed(Failure):
    """The schema can not be brought up to date; the message is one line for the operator."""

    def __init__(self, message: str) -> None:
        super().__init__(Kind.INTERNAL, message, code="migration_failed", retryable=False)


def migrations(dialect: Literal["sqlite", "postgres"]) -> list[Migration]:
    """Return every migration of a dialect, oldest first."""
    found = []
    for file in (files(__package__) / "migrations" / dialect).iterdir():
        if file.name.endswith(".sql"):
            sql = file.read_text("utf-8")
            name = file.name.removesuffix(".sql")
            found.append(Migration(int(name[:4]), name, sql, sha256(sql.encode()).hexdigest()))
    return sorted(found, key=lambda migration: migration.number)


def pending(known: list[Migration], applied: Mapping[int, tuple[str, str]]) -> list[Migration]:
    """Return what is still to be applied, given name and checksum by number of what was.

    Raises `MigrationFailed` when the database and this release disagree about the past.
    """
    ours = {migration.number: migration for migration in known}
    for number, (name, checksum) in applied.items():
        if number not in ours:
            raise MigrationFailed(
                f"the database has migration {name}, which this release does not know:"
                " start the newer release that made it"
            )
        if ours[number].checksum != checksum:
            raise MigrationFailed(
                f"migration {ours[number].name} differs from the one that was applied:"
                " restore its file, and put changes into a new migration"
            )
    return [migration for migration in known if migration.number not in applied]
