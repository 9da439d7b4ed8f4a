"""Ports for servers of tests that nothing else takes between the choice and the bind.

What asks the kernel for any port gets one of those it also gives to outgoing connections and to other
test processes. These lie below that range, and each process of tests has a block of its own: its claim
is a socket's name that the kernel frees when the process dies.
"""

import functools
import itertools
import os
import socket
from collections.abc import Iterator

FIRST, LAST = 10_000, 32_000
"""Above the ports that services are known by, below those that Linux gives to connections."""
BLOCK = 500
"""More than one process of tests starts servers; after as many, those whose server is gone come again."""
_claims: list[socket.socket] = []


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on and no other test process will be given."""
    ports = _ports(os.getpid())  # A fork is another process.
    for port in itertools.islice(ports, BLOCK):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"all {BLOCK} ports of this process are taken")


@functools.cache
def _ports(pid: int) -> Iterator[int]:
    for first in range(FIRST, LAST, BLOCK):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0integration-api-tests-{first}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return itertools.cycle(range(first, first + BLOCK))
    raise RuntimeError(f"more processes of tests run here than {(LAST - FIRST) // BLOCK}")
