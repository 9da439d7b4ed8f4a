"""SQLite: one writing thread, a few reading ones, and as many processes as share the file.

WAL lets readers go on while one process writes; synchronous=FULL makes a commit
outlive a power cut; secure_delete overwrites what is deleted.
https://www.sqlite.org/wal.html
"""

import asyncio
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from integration_api.core.errors import Failure, Kind
from integration_api.storage.migrate import RECORD, MigrationFailed, migrations, pending
from integration_api.storage.operation import Make, Reach, Step, Value

READERS = 2
"""Reads are short and the processor is shared with the event loop; more threads would only queue."""
BUSY_SECONDS = 10.0
"""How long to wait for another process's transaction, which takes milliseconds unless the disk is stuck."""
MIGRATE_SECONDS = 60.0
"""How long to wait for another process that is migrating."""
ERASE_SECONDS = 1.0
"""How long to try to empty the write-ahead log; a reader in another process may hold it."""
PAUSE_SECONDS = 0.01
ROWS = (64, 8, 1)
"""Of one INSERT: few sizes, so that each statement is prepared once. With 36 columns the largest is well below
SQLite's 32,766 parameters."""

_PLACE = re.compile(r"\$(\d+)")
_ROW = re.compile(r"VALUES (\([^)]*\))")
_NUMBER = re.compile(r"\?\d+")
_CAST = re.compile(r"::\w+")
_WORDS = {
    "strpos(": "instr(",
    "json_object_agg(": "json_group_object(",
    "extract(epoch FROM clock_timestamp())": "((julianday('now') - 2440587.5) * 86400.0)",
    " FOR UPDATE": "",  # A writing transaction is alone already.
}

Result = TypeVar("Result")


@lru_cache(maxsize=512)
def translated(sql: str) -> str:
    """Return a statement in SQLite's words."""
    for theirs, ours in _WORDS.items():
        sql = sql.replace(theirs, ours)
    return _PLACE.sub(r"?\1", _CAST.sub("", sql))


class SqliteDatabase:
    """One file. Tenants are kept apart by the statements alone: SQLite has no row-level security."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, "sqlite-writer")
        self._readers = ThreadPoolExecutor(READERS, "sqlite-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []

    async def read(self, reach: Reach, make: Make[Value]) -> Value:
        return await self._in(self._readers, lambda: self._transact("BEGIN", make))

    async def write(
        self, reach: Reach, make: Make[Value], *, repeatable: bool = False, erase: bool = False
    ) -> Value:
        def work() -> Value:
            value = self._transact("BEGIN IMMEDIATE", make)
            if erase:
                self._empty_log()
            return value

        return await self._in(self._writer, work)

    async def ping(self) -> bool:
        """Return whether the file can be written to, without writing."""
        try:
            return await self._in(self._readers, self._answers)
        except Failure:
            return False

    async def migrate(self) -> None:
        """Bring the schema up to date. Raises `MigrationFailed`."""
        await self._in(self._writer, self._migrate)

    async def close(self) -> None:
        """Let running transactions finish, then let go of the file."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._readers.shutdown()
        self._writer.shutdown()
        while self._connections:
            self._connections.pop().close()

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        except RuntimeError as error:
            if "shutdown" in str(error):
                raise _unavailable("it is closed") from None
            raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._connections.append(connection)
        return connection

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Only a file that is not there is made here. Closing one that SQLite has open would let go of
        # this process's locks on it (fcntl's way), and another process would take away the log in use.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _enter_wal(connection)
            for pragma in (
                "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON", "temp_store=MEMORY",
                "trusted_schema=OFF",
            ):  # fmt: skip
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _transact(self, begin: str, make: Make[Value]) -> Value:
        with _faults():
            connection = self._connection()
            connection.execute(begin)
            try:
                value = _drive(connection, make)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            return value

    def _answers(self) -> bool:
        with _faults():
            self._connection().execute("SELECT count(*) FROM sqlite_master").fetchone()
            return os.access(self._path, os.W_OK)

    def _empty_log(self) -> None:
        """Move the log into the file and truncate it, so that no page of what was deleted is left in it."""
        connection = self._connection()
        until = time.monotonic() + ERASE_SECONDS
        try:
            connection.execute(f"PRAGMA busy_timeout={int(ERASE_SECONDS * 1000)}")
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > until:
                    return  # The next checkpoint does it.
                time.sleep(PAUSE_SECONDS)
        except sqlite3.OperationalError:
            return
        finally:
            connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")

    def _migrate(self) -> None:
        with _faults():
            connection = self._connection()
            connection.execute(f"PRAGMA busy_timeout={int(MIGRATE_SECONDS * 1000)}")
            connection.execute("BEGIN EXCLUSIVE")
            try:
                _apply(connection)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                connection.execute(f"PRAGMA busy_timeout={int(BUSY_SECONDS * 1000)}")


def _apply(connection: sqlite3.Connection) -> None:
    connection.execute(RECORD)
    rows = connection.execute("SELECT number, name, checksum FROM integration_migrations").fetchall()
    applied = {number: (name, checksum) for number, name, checksum in rows}
    for migration in pending(migrations("sqlite"), applied):
        try:
            for statement in statements(migration.sql):
                connection.execute(statement)
        except sqlite3.Error as error:
            raise MigrationFailed(f"migration {migration.name} failed: {error}") from None
        connection.execute(
            "INSERT INTO integration_migrations VALUES (?, ?, ?, datetime('now'))",
            (migration.number, migration.name, migration.checksum),
        )


def statements(script: str) -> Iterator[str]:
    """Cut a script at its semicolons: `executescript` would end the transaction around it."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.startswith("--") for line in statement.splitlines()):
        yield statement


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL, for which SQLite itself does not wait when another process is switching too."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE_SECONDS)


def _drive(connection: sqlite3.Connection, make: Make[Value]) -> Value:
    operation = make()
    result: Any = None
    while True:
        try:
            step: Step = operation.send(result)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        match step.kind:
            case "fetch":
                result = connection.execute(translated(step.sql), _bound(step.args)).fetchall()
            case "execute":
                result = connection.execute(translated(step.sql), _bound(step.args)).rowcount
            case "execute_many":
                result = _insert_many(connection, translated(step.sql), step.args)
            case "lock":
                result = None  # A writing transaction is alone already.


def _insert_many(connection: sqlite3.Connection, sql: str, rows: Sequence[Sequence[Any]]) -> int:
    """Insert many rows by few statements: each lets go of the interpreter's lock, which others then take."""
    added = start = 0
    for size in ROWS:
        while len(rows) - start >= size:
            some = rows[start : start + size]
            added += connection.execute(_repeated(sql, size), _bound(chain.from_iterable(some))).rowcount
            start += size
    return added


@lru_cache(maxsize=128)
def _repeated(sql: str, times: int) -> str:
    """Return an INSERT of one row as one of several."""
    before, row, after = _ROW.split(sql, maxsplit=1)
    return f"{before}VALUES {', '.join([_NUMBER.sub('?', row)] * times)}{after}"


def _bound(args: Iterable[Any]) -> list[Any]:
    """Return parameters SQLite can keep, refusing the text that no other database would take."""
    bound = list(args)
    if "\0" in "".join(filter(str.__instancecheck__, bound)):
        raise _unfit()
    return bound


# Times are kept as ISO 8601 text of one width, so that they sort as they passed.
sqlite3.register_adapter(datetime, lambda moment: moment.isoformat(" ", "microseconds"))


@contextmanager
def _faults() -> Iterator[None]:
    """Say in our words what SQLite says in its own. Its messages name columns, never values."""
    try:
        yield
    except sqlite3.IntegrityError:
        raise Failure(Kind.CONFLICT, "another row has this name, id or place already") from None
    except (OverflowError, UnicodeError):
        raise _unfit() from None
    except (sqlite3.Error, OSError) as error:
        raise _unavailable(str(error)) from None


def _unfit() -> Failure:
    return Failure(Kind.INVALID_REQUEST, "a value is not valid text or is out of range", code="invalid_value")


def _unavailable(reason: str) -> Failure:
    return Failure(
        Kind.OVERLOADED,
        f"the database can not be used ({reason}): try again",
        code="store_unavailable",
        retry_after=1.0,
    )
