"""Count the Python instructions that one relayed request costs, by function: the same on every machine and run.

The service runs here, with everything on, before the C mock of `bench.py`; a plain client asks it one request
after another. What is counted is every instruction of every thread but the client's, so that storing the audit
record counts, too. What C does is not counted, nor do all instructions take as long: it finds what to look at,
and `bench.py` tells what it was worth. Run it by the interpreter that `bench/run` makes, after that has built the mock.
"""

import argparse
import asyncio
import os
import socket
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvloop
from targets import HERE, KEY, Target, free_port, settings, started, store, wait_for

from integration_api.app import House, edge, first_start, listen
from integration_api.settings import load
from integration_api.telemetry.log import Log

WARM = 5
"""Requests that are not counted: caches fill, connections open."""
STORED_SECONDS = 1.0
"""How long to wait afterwards for the records to be stored."""


class Counting:
    """Instructions executed by each function, in every thread that begins while it is on."""

    def __init__(self) -> None:
        self.on = False
        self.found: Counter[CodeType] = Counter()
        self.calls: Counter[CodeType] = Counter()

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Count one instruction, or begin to count a function's."""
        if event == "opcode":
            if self.on:
                self.found[frame.f_code] += 1
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            if self.on:
                self.calls[frame.f_code] += 1
        return self.trace


@contextmanager
def talking(port: int, request: bytes) -> Iterator[Any]:
    """Yield a function that asks `times` times on one connection and reads each answer to its end."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        file = connection.makefile("rb")

        def ask(times: int) -> None:
            for _ in range(times):
                connection.sendall(request)
                status = file.readline()
                assert b" 200 " in status, status
                length = None
                while (line := file.readline().lower().strip()) != b"":
                    if line.startswith(b"content-length:"):
                        length = int(line.partition(b":")[2])
                if length is not None:
                    file.read(length)
                    continue
                while size := int(file.readline(), 16):
                    file.read(size + 2)
                file.readline()

        yield ask


async def measure(port: int, mock: int, request: bytes, requests: int, counting: Counting) -> None:
    chosen = load()
    house = await House.open(chosen, Log("error"))
    async with house.at_work():
        await first_start(house)
        server = edge(house)
        [listener] = listen(chosen)
        await server.serve(listener)
        await asyncio.to_thread(store, port, "openai", f"http://127.0.0.1:{mock}/v1")

        def client() -> None:
            sys.settrace(None)
            with talking(port, request) as ask:
                ask(WARM)
                counting.on = True
                ask(requests)

        await asyncio.to_thread(client)
        await asyncio.sleep(STORED_SECONDS)
        counting.on = False
        await server.drain(1.0)


def show(counting: Counting, requests: int, most: int) -> None:
    print(f"{sum(counting.found.values()) / requests:9.1f} instructions a request")
    for code, count in counting.found.most_common(most):
        place = code.co_filename.rpartition("site-packages/")[2].rpartition("src/integration_api/")[2]
        calls = counting.calls[code] / requests
        print(f"{count / requests:9.1f} {calls:6.1f} calls  {place}:{code.co_firstlineno} {code.co_qualname}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--mode", choices=("ns", "st", "pc"), default="ns", help="as in bench.py")
    options.add_argument("--requests", type=int, default=500)
    options.add_argument("--most", type=int, default=60, help="functions shown")
    asked = options.parse_args()
    counting = Counting()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        port, mock = free_port(), free_port()
        stack.enter_context(started(str(HERE / "bin/mock"), str(mock)))
        wait_for(mock)
        body = (
            Target("openai", port, "openai/")
            .body(folder, {"ns": "ns", "st": "s", "pc": "p"}[asked.mode])
            .read_bytes()
        )
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        )
        os.environ.update(settings(folder, port))
        threading.settrace(counting.trace)
        sys.settrace(counting.trace)
        uvloop.run(measure(port, mock, head.encode() + body, asked.requests, counting))
        sys.settrace(None)
    show(counting, asked.requests, asked.most)


if __name__ == "__main__":
    main()
