"""The yardstick of live speech: the plainest honest relay of WebSockets, one library and two loops.

It knows no caller, no provider's language, no audit and no fallback. `websockets` is what the service itself is
locked to; uvloop as well. Without compression, as the service. usage: voice_relay.py PORT UPSTREAM_PORT
"""

import asyncio
import contextlib
import sys

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed


async def pump(
    source: ServerConnection | ClientConnection, sink: ServerConnection | ClientConnection
) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in source:
            await sink.send(message)
    await sink.close()


async def main(port: int, upstream: int) -> None:
    async def relay(caller: ServerConnection) -> None:
        path = "" if caller.request is None else caller.request.path
        async with connect(f"ws://127.0.0.1:{upstream}{path}", compression=None, proxy=None) as provider:
            await asyncio.gather(pump(caller, provider), pump(provider, caller))

    async with serve(relay, "127.0.0.1", port, compression=None, backlog=4096) as server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
