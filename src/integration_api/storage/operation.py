"""The shape of every piece of work on the store: a generator that yields statements and gets rows.

An operation does no I/O, so the same one runs inside one transaction on SQLite's
writer thread and on a PostgreSQL connection. Statements are written once, in the
common ground of both languages, with `$1` parameters; the few words that differ
are translated by the SQLite driver.
"""

from collections.abc import Callable, Generator, Sequence
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from integration_api.core.tenant import Tenant

Value = TypeVar("Value")
Row: TypeAlias = Sequence[Any]


class Step(NamedTuple):
    """One statement; what comes back depends on `kind`."""

    kind: Literal["fetch", "execute", "execute_many", "lock"]
    sql: str
    args: Sequence[Any]


Operation: TypeAlias = Generator[Step, Any, Value]
Make: TypeAlias = Callable[[], Operation[Value]]
"""Makes an operation afresh, so that a lost connection's work can be done again."""

Reach: TypeAlias = Tenant | int | None
"""Whose rows a transaction may touch: one project's, one organization's, or the whole installation's."""


def fetch(sql: str, *args: Any) -> Operation[Sequence[Row]]:
    """Return the rows of a query."""
    return (yield Step("fetch", sql, args))  # type: ignore[no-any-return]


def fetch_one(sql: str, *args: Any) -> Operation[Row | None]:
    """Return the first row of a query, or None."""
    rows = yield Step("fetch", sql, args)
    return rows[0] if rows else None


def execute(sql: str, *args: Any) -> Operation[int]:
    """Return how many rows a statement touched."""
    return (yield Step("execute", sql, args))  # type: ignore[no-any-return]


def execute_many(sql: str, rows: Sequence[Sequence[Any]]) -> Operation[int]:
    """Return how many rows an INSERT added, run once for each of `rows`."""
    if not rows:
        return 0
    return (yield Step("execute_many", sql, rows))  # type: ignore[no-any-return]


def lock(name: str) -> Operation[None]:
    """Be alone with `name` until the transaction ends."""
    yield Step("lock", name, ())


class Database(Protocol):
    """Runs operations, each in one transaction that happens wholly or not at all.

    Raises `Failure(OVERLOADED)` with code `store_unavailable` when the database
    can not be reached, is full, or has no connection to spare.
    """

    async def read(self, reach: Reach, make: Make[Value]) -> Value: ...

    async def write(
        self, reach: Reach, make: Make[Value], *, repeatable: bool = False, erase: bool = False
    ) -> Value:
        """Run an operation that changes rows.

        `repeatable` says that doing it twice does no harm, so it may be done again
        when it is unknown whether a commit arrived. `erase` asks that what it
        deletes leaves the database's files at once, where the database can do that.
        """
        ...

    async def migrate(self) -> None: ...
    async def ping(self) -> bool: ...
    async def close(self) -> None: ...
