"""The audit spool: records on disk before a caller is told, until the database has them.

A segment is a file of frames `length u32 | crc32 u32 | payload`. Appending is one
write(2), so a record outlives kill -9 at once; fdatasync follows within
`sync_seconds` for the sake of a power cut. The owner holds a lock on its segment;
a segment without an owner belongs to whoever locks it next.
"""

import asyncio
import fcntl
import os
import time
import zlib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from struct import Struct as Layout

from integration_api.core.errors import Failure, Kind

FRAME = Layout(">II")
SEGMENT_BYTES = 4 << 20
"""A segment is handed over at this size, whatever the shipper's pace: it is read into memory whole."""


class Spool:
    """Append-only and bounded; one per process, several in one directory.

    `append` raises `Failure(OVERLOADED)` when the bound is reached or the disk fails: the call
    it belongs to must then not be told it succeeded.
    """

    def __init__(self, directory: Path, *, max_bytes: int, sync_seconds: float) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._sync_seconds = sync_seconds
        self._numbers = count()
        self._broken = False
        self._dirty = False
        self._sealed: list[tuple[Path, int, int]] = []
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._waiting = 0
        self._path, self._fd = self._create()
        self._size = 0

    @property
    def waiting(self) -> int:
        """Bytes of this process's records that are not stored yet."""
        return self._waiting + self._size

    def check(self) -> None:
        """Raise `Failure(OVERLOADED)` when a record could not be kept: ask before the work is done."""
        if self._broken or self._waiting + self._size >= self._max_bytes:
            raise Failure(
                Kind.OVERLOADED,
                "no audit record can be kept: the database must catch up, or the disk be mended",
                code="audit_spool_full",
                retry_after=1.0,
            )

    def append(self, payload: bytes) -> None:
        """Keep one record. Once this returns, killing the process does not lose it."""
        self.check()
        frame = FRAME.pack(len(payload), zlib.crc32(payload)) + payload
        try:
            written = os.write(self._fd, frame)
        except OSError:
            written = 0
        if written != len(frame):
            self._undo()
            raise Failure(
                Kind.OVERLOADED,
                "the audit record could not be written: the disk is full or failing",
                code="audit_spool_full",
                retry_after=5.0,
            )
        self._size += len(frame)
        self._dirty = True
        if self._size >= SEGMENT_BYTES:
            self.rotate()

    def rotate(self) -> None:
        """Seal the current segment, if it holds anything, and begin another."""
        if self._size:
            self._sealed.append((self._path, self._fd, self._size))
            self._waiting += self._size
            self._path, self._fd = self._create()
            self._size = 0

    def adopt(self) -> None:
        """Take over the segments of processes that have died."""
        mine = {self._path, *(path for path, _, _ in self._sealed)}
        for path in sorted(self._directory.glob("*.spool")):
            if path not in mine and (fd := _lock(path)) is not None:
                size = os.fstat(fd).st_size
                self._sealed.append((path, fd, size))
                self._waiting += size

    def sealed(self) -> list[Path]:
        """Name the segments that are ready to be stored, oldest first."""
        return [path for path, _, _ in self._sealed]

    def forget(self, path: Path) -> None:
        """Delete a segment whose every record is stored."""
        for entry in self._sealed:
            if entry[0] == path:
                path.unlink(missing_ok=True)
                os.close(entry[1])
                self._waiting -= entry[2]
                self._sealed.remove(entry)
                return

    async def keep_synced(self) -> None:
        """Run for ever: fdatasync within `sync_seconds` of a write.

        After a failed fdatasync the kernel may have dropped pages, so nothing more is accepted.
        """
        while True:
            await asyncio.sleep(self._sync_seconds)
            if self._dirty:
                self._dirty = False
                try:
                    await asyncio.to_thread(os.fdatasync, self._fd)
                except OSError:
                    self._broken = True

    def close(self) -> None:
        """Let go of everything; what is not stored stays on disk for the next process."""
        if not self._size:
            self._path.unlink(missing_ok=True)
        for fd in (self._fd, *(fd for _, fd, _ in self._sealed)):
            os.close(fd)
        self._sealed.clear()

    def _create(self) -> tuple[Path, int]:
        name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}.spool"
        path = self._directory / name
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path, fd

    def _undo(self) -> None:
        """Cut off a half-written frame, so that what follows stays readable."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._broken = True


def _lock(path: Path) -> int | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if path.stat().st_ino == os.fstat(fd).st_ino:
            return fd
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(fd)
    return None


def read_segment(path: Path) -> Iterator[bytes]:
    """Yield the records of a segment; a torn one at its end was never acknowledged and is left out."""
    data = path.read_bytes()
    at = 0
    while at + FRAME.size <= len(data):
        length, checksum = FRAME.unpack_from(data, at)
        payload = data[at + FRAME.size : at + FRAME.size + length]
        if len(payload) != length or zlib.crc32(payload) != checksum:
            return
        yield payload
        at += FRAME.size + length
