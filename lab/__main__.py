"""Serves the lab as a process: `python -m lab --port 9104`."""

import argparse
import asyncio
import gc
import signal
import sys
from pathlib import Path

from lab.lab import Lab
from lab.tls import context, made_up

DEFAULT_PORT = 9104


async def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    tls_cert: str | None = None,
    tls_key: str | None = None,
    *,
    tls_ca_out: str | None = None,
    replay: list[str] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, after saying where. With `tls_ca_out` and no certificate, one is made
    up and its authority written there. Raises `OSError` when the port is taken or a file cannot be read.
    """
    tls = None
    if tls_cert:
        tls = context(tls_cert, tls_key)
    elif tls_ca_out:
        tls, authority = made_up(host)
        Path(tls_ca_out).write_bytes(authority)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with Lab(host=host, port=port, tls=tls) as lab:
        for one in replay or ():
            provider, _, path = one.partition("=")
            lab.replay(provider, Path(path))
        sys.stdout.write(_greeting(lab))
        sys.stdout.flush()
        gc.freeze()
        await stopped.wait()


def _greeting(lab: Lab) -> str:
    examples = "\n".join(
        f"# {name}\n{provider.example.format(origin=lab.origin)}" for name, provider in lab.providers.items()
    )
    return f"The lab listens on {lab.origin} (routes of its own: {lab.origin}/_lab)\n\n{examples}\n"


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="python -m lab", description="Emulators of the providers.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free one")
    parser.add_argument("--tls-cert", help="serve TLS with this certificate chain (PEM)")
    parser.add_argument("--tls-key", help="its key, if it is in another file (PEM)")
    parser.add_argument("--tls-ca-out", help="serve TLS with a made-up certificate; write its authority here")
    parser.add_argument(
        "--replay",
        action="append",
        metavar="PROVIDER=PATH",
        help="answer from recordings: a file or a folder",
    )
    given = parser.parse_args()
    served = serve(
        given.host,
        given.port,
        given.tls_cert,
        given.tls_key,
        tls_ca_out=given.tls_ca_out,
        replay=given.replay,
    )
    try:
        import uvloop
    except ImportError:
        asyncio.run(served)
    else:
        uvloop.run(served)


if __name__ == "__main__":
    main()
