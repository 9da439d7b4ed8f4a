"""`integration-api serve`: prepare once, listen, and work in one process or several."""

import asyncio
import gc
import signal
import socket

import uvloop
from rich.console import Console

from integration_api import __version__
from integration_api.app import House, edge, first_start, listen
from integration_api.settings import Settings
from integration_api.supervisor import Supervisor
from integration_api.telemetry.log import Log, capture_libraries
from integration_api.vault.hygiene import harden


def serve(settings: Settings, out: Console) -> int:
    """Serve until SIGTERM or SIGINT; return the exit code. Raises `SettingsError` or `Failure`."""
    harden()
    log = Log(settings.log_level)
    capture_libraries(log)
    sock = listen(settings)
    uvloop.run(_prepare(settings, log, out, sock.getsockname()[1]))
    if settings.workers == 1:
        return _work(settings, log, sock, 0)
    return Supervisor(
        settings.workers,
        lambda number: _work(settings, log, sock, number),
        log,
        drain_seconds=settings.drain_seconds,
    ).run()


def _work(settings: Settings, log: Log, sock: socket.socket, number: int) -> int:
    gc.collect()
    gc.freeze()  # What the imports made lives for ever: the collector need not look at it again.
    return uvloop.run(_serve(settings, log, sock, number))


async def _serve(settings: Settings, log: Log, sock: socket.socket, number: int) -> int:
    house = await House.open(settings, log)
    async with house.at_work():
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
        await server.drain(settings.drain_seconds)
    log.info("stopped", worker=number)
    return 0


async def _prepare(settings: Settings, log: Log, out: Console, port: int) -> None:
    """Everything that must happen once: tables, keys, the first project."""
    house = await House.open(settings, log)
    try:
        made = await first_start(house)
    finally:
        await house.close()
    if made is None:
        return
    _, key = made
    where = f"http://localhost:{port}"
    store = settings.postgres.host or str(settings.data_path.resolve())
    out.print(f"[bold]integration-api {__version__}[/bold]", soft_wrap=True)
    out.print(f"  data      {store}", soft_wrap=True)
    out.print(
        f"  root key  {settings.root_key}  [yellow]back it up: without it nothing stored opens[/yellow]",
        soft_wrap=True,
    )
    if settings.bootstrap_api_key:
        out.print("  admin key the one in BOOTSTRAP_API_KEY")
        key = "$BOOTSTRAP_API_KEY"
    else:
        out.print(f"  admin key [green]{key}[/green]  [yellow]shown this once[/yellow]", soft_wrap=True)
    out.print("\nStream a chat from the built-in sandbox:\n")
    out.print(
        f"curl -N {where}/v1/chat/completions -H 'Authorization: Bearer {key}' "
        "-H 'Content-Type: application/json' "
        """-d '{"model": "sandbox/echo", "stream": true, "messages": [{"role": "user", "content": "Hello!"}]}'""",
        soft_wrap=True,
        markup=False,
    )
    out.print("")
    out.file.flush()
