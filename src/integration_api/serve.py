"""`integration-api serve`: prepare once, listen, and work in one process or several."""

import asyncio
import ctypes
import gc
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import uvloop

from integration_api import __version__
from integration_api.app import House, edge, first_start, listen
from integration_api.core.tenant import Tenant
from integration_api.settings import Settings
from integration_api.supervisor import Supervisor
from integration_api.telemetry.log import Log, capture_libraries
from integration_api.telemetry.metrics import BOARD
from integration_api.vault.hygiene import harden

if TYPE_CHECKING:
    from rich.console import Console

SWITCH_SECONDS = 0.0005
"""How long a thread that stores records may keep the interpreter from the one that answers callers.

Python's own 5 ms would be seen in the answers' latency.
"""

M_MMAP_THRESHOLD = -3
"""Of mallopt(3)."""
LARGE_BYTES = 128 << 10
"""A buffer from this size on is the system's again when it is freed, as it is in a young process.

Left alone, glibc raises the limit to the largest buffer it has seen freed, megabytes of audit records among them, and
from then on each thread keeps such buffers' memory for itself.
"""

Out = Callable[[], "Console"]
"""Where to greet; made only when there is something to say."""


def serve(settings: Settings, out: Out) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Raises `SettingsError` or `Failure`."""
    harden()
    log = Log(settings.log_level)
    capture_libraries(log)
    socks = listen(settings)
    port = socks[0].getsockname()[1]
    if settings.workers == 1:
        return _work(settings, log, socks[0], 0, out)
    uvloop.run(_prepare(settings, log, out, port))
    BOARD.share(settings.data_path / "metrics")
    return Supervisor(
        settings.workers,
        lambda number: _work(settings, log, socks[number], number),
        log,
        socks,
        drain_seconds=settings.drain_seconds,
    ).run()


def _work(settings: Settings, log: Log, sock: socket.socket, number: int, out: Out | None = None) -> int:
    give_back_large_buffers()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()  # What the imports made lives for ever: the collector need not look at it.
    gc.enable()
    return uvloop.run(_serve(settings, log, sock, number, out))


def give_back_large_buffers() -> None:
    """Hold glibc to `LARGE_BYTES`. Other C libraries know no such setting."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


async def _serve(settings: Settings, log: Log, sock: socket.socket, number: int, out: Out | None) -> int:
    house = await House.open(settings, log)
    async with house.at_work():
        if out is not None:
            _greet(settings, out, sock.getsockname()[1], await first_start(house))
        server = edge(house)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        await server.serve(sock)
        log.info("ready", worker=number, port=sock.getsockname()[1], version=__version__)
        await stop.wait()
        house.accepting = False
        log.info("draining", worker=number, seconds=settings.drain_seconds)
        # Whoever is called now could not be heard of here any more.
        await asyncio.gather(house.telephones.dialing.stop(), server.drain(settings.drain_seconds))
    log.info("stopped", worker=number)
    return 0


async def _prepare(settings: Settings, log: Log, out: Out, port: int) -> None:
    """Do once what must not be done by every worker: tables, keys, the first project."""
    house = await House.open(settings, log)
    try:
        _greet(settings, out, port, await first_start(house))
    finally:
        await house.close()


def _greet(settings: Settings, out: Out, port: int, made: tuple[Tenant, str] | None) -> None:
    """Say on the first start where everything is, and how to try it."""
    if made is None:
        return
    console = out()
    _, key = made
    where = f"http://localhost:{port}"
    store = settings.postgres.host or str(settings.data_path.resolve())
    console.print(f"[bold]integration-api {__version__}[/bold]", soft_wrap=True)
    console.print(f"  data      {store}", soft_wrap=True)
    console.print(
        f"  root key  {settings.root_key}  [yellow]back it up: without it nothing stored opens[/yellow]",
        soft_wrap=True,
    )
    if settings.bootstrap_api_key:
        console.print("  admin key the one in BOOTSTRAP_API_KEY")
        key = "$BOOTSTRAP_API_KEY"
    else:
        console.print(f"  admin key [green]{key}[/green]  [yellow]shown this once[/yellow]", soft_wrap=True)
    console.print("\nStream a chat from the built-in sandbox:\n")
    console.print(
        f'curl -N {where}/v1/chat/completions -H "Authorization: Bearer {key}" '
        "-H 'Content-Type: application/json' "
        """-d '{"model": "sandbox/echo", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'""",
        soft_wrap=True,
        markup=False,
    )
    console.print("")
    console.file.flush()
