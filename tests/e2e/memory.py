"""Every byte that another process holds, searched."""

import base64
from collections.abc import Iterable, Mapping
from pathlib import Path

STEP = 8 << 20
"""Bytes read at once: the searcher stays small however large the searched."""
PAGE = 4096


def copies(pid: int, needles: Iterable[bytes]) -> Mapping[bytes, int]:
    """Count how often each needle stands in the memory of a process."""
    wanted = tuple(needles)
    found = dict.fromkeys(wanted, 0)
    overlap = max(map(len, wanted)) - 1
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for start, end in _mappings(pid):
            at, kept = start, b""
            while at < end:
                memory.seek(at)
                try:
                    read = memory.read(min(STEP, end - at))
                except OSError:  # A page with nothing behind it: the end of a mapped file.
                    at += PAGE
                    continue
                at += len(read)
                held = kept + read
                # What fits into the part that is kept is counted with the next read, or at the end.
                kept = held[-overlap:]
                for needle in wanted:
                    found[needle] += held.count(needle) - kept.count(needle)
            for needle in wanted:
                found[needle] += kept.count(needle)
    return found


def _mappings(pid: int) -> list[tuple[int, int]]:
    found = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, permissions, _ = line.split(maxsplit=2)
        if permissions.startswith("rw"):  # Nothing was ever written to the others.
            start, end = span.split("-")
            found.append((int(start, 16), int(end, 16)))
    return found


def spellings(token: str) -> list[bytes]:
    """Return a token as text of any width, in hex, and in base64 wherever it begins.

    A text that repeats the token holds each of them, whatever part of it is left.
    """
    plain = token.encode()
    found = [plain, token.encode("utf-16-le"), token.encode("utf-32-le"), plain.hex().encode()]
    for offset in range(3):
        shifted = base64.b64encode(bytes(offset) + plain * 3)
        found.append(shifted[4 : 4 + len(plain) * 4 // 3])
    return found
