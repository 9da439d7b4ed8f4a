"""How the command line talks: where answers and trouble go, and how a failure becomes one line."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from functools import cache
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from integration_api.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

Result = TypeVar("Result")
PIPE_WIDTH = 1000
"""What reads a pipe wants one row a line, and every id whole."""


READER_LEFT = 141
"""What a shell tells of a tool that SIGPIPE has ended, as it does most."""


@cache
def out() -> "Console":
    """Return where answers go: colours on a terminal; in a pipe plain text, whose lines nobody breaks."""
    return _console(stderr=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)


@cache
def err() -> "Console":
    return _console(stderr=True)


def _console(**how: Any) -> "Console":
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            leave(self.file)

    return Piped(highlight=False, **how)


def leave(pipe: IO[Any]) -> NoReturn:
    """End without a word: whoever read from `pipe` has left, as `head` does."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, pipe.fileno())  # What still waits to be written is written at the end.
    raise SystemExit(READER_LEFT)


def table(*columns: str) -> "Table":
    from rich.table import Table

    rows = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column in rows.columns:
        column.overflow = "fold"  # An id that is cut short is of no use.
    rows.columns[0].no_wrap = True
    return rows


def progress() -> "Progress":
    """Return a bar for long work, which begins with no total."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err())


def plain(text: str) -> str:
    """Return text that somebody else wrote as it is: brackets are no markup."""
    from rich.markup import escape

    return escape(text)


class OneLine(click.ClickException):
    """A refusal in one line, in red on a terminal."""

    def show(self, file: Any = None) -> None:
        err().print(f"[red]error:[/red] {plain(self.message)}", soft_wrap=True)


def settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        raise OneLine(str(error)) from None


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run `work` to its end; a known failure becomes one line."""
    from integration_api.core.errors import Failure
    from integration_api.vault.errors import RootKeyError

    try:
        return asyncio.run(work)
    except (Failure, RootKeyError, SettingsError, OSError) as error:
        raise OneLine(str(error)) from None
