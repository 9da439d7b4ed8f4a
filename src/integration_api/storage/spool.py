"""The audit spool: records on disk before a caller is told, until the database has them.

A segment is a file of frames `length u32 | crc32 u32 | payload`. Appending is one
write(2), so a record outlives kill -9 at once; fdatasync follows within
`sync_seconds` for the sake of a power cut. The owner holds a lock on its segment;
a segment without an owner belongs to whoever locks it next. A segment in which the
disk has lost something is never deleted, but set aside as `.damaged`.
"""

import asyncio
import fcntl
import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from struct import Struct as Layout
from threading import Thread

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
        self._dirty: set[int] = set()
        """Segments with bytes that no fdatasync has covered yet."""
        self._written = asyncio.Event()
        self._syncing = False
        self._named = False
        """Whether the directory, too, has to be synced: a new segment's name stands in it."""
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
        self._dirty.add(self._fd)
        self._written.set()
        if self._size >= SEGMENT_BYTES:
            self.rotate()

    def rotate(self) -> None:
        """Seal the current segment, if it holds anything, and begin another, once one can be made."""
        if self._size:
            try:
                path, fd = self._create()
            except OSError:  # No space, no descriptors: what is open goes on being written to.
                return
            self._sealed.append((self._path, self._fd, self._size))
            self._waiting += self._size
            self._path, self._fd = path, fd
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
        self._let_go(path, lambda: path.unlink(missing_ok=True))

    def set_aside(self, path: Path) -> None:
        """Keep a damaged segment for a human to look at, out of the way."""
        self._let_go(path, lambda: path.rename(path.with_suffix(".damaged")))

    def _let_go(self, path: Path, remove: Callable[[], object]) -> None:
        for entry in self._sealed:
            if entry[0] == path:
                remove()
                self._dirty.discard(entry[1])
                os.close(entry[1])
                self._waiting -= entry[2]
                self._sealed.remove(entry)
                return

    async def keep_synced(self) -> None:
        """Run for ever: fdatasync within `sync_seconds` of a write.

        After a failed fdatasync the kernel may have dropped pages, so nothing more is accepted.
        """
        rounds: SimpleQueue[list[int] | None] = SimpleQueue()
        Thread(target=self._sync_rounds, args=(rounds,), name="spool-sync", daemon=True).start()
        try:
            while True:
                await self._written.wait()
                await asyncio.sleep(self._sync_seconds)
                self._written.clear()
                self._begin_round(rounds)
        finally:
            rounds.put(None)

    def _begin_round(self, rounds: "SimpleQueue[list[int] | None]") -> None:
        if self._syncing:
            self._written.set()  # A slow disk: the next round takes what has come meanwhile.
            return
        try:
            # Duplicates: a segment may be stored and closed before the thread comes to it.
            waiting = _duplicates(self._dirty)
            if self._named:
                waiting.append(os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self._written.set()  # No descriptor to spare: the next round tries again.
            return
        self._dirty.clear()
        self._named = False
        self._syncing = True
        rounds.put(waiting)

    def _sync_rounds(self, rounds: "SimpleQueue[list[int] | None]") -> None:
        """Run in a thread of its own, which waits without touching the interpreter's lock."""
        for waiting in iter(rounds.get, None):
            try:
                _sync(waiting)
            except OSError:
                self._broken = True
            self._syncing = False

    def close(self) -> None:
        """Let go of everything; what is not stored stays on disk for the next process."""
        for fd in self._dirty:
            with suppress(OSError):
                os.fdatasync(fd)
        if not self._size:
            self._path.unlink(missing_ok=True)
        for fd in (self._fd, *(fd for _, fd, _ in self._sealed)):
            os.close(fd)
        self._sealed.clear()

    def _create(self) -> tuple[Path, int]:
        while True:
            name = f"{time.time_ns():020d}-{os.getpid()}-{next(self._numbers)}.spool"
            path = self._directory / name
            fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
            if _owned(fd, path):
                self._named = True
                return path, fd
            os.close(fd)  # Another process took the empty file for one whose owner had died.

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
    if _owned(fd, path):
        return fd
    os.close(fd)
    return None


def _owned(fd: int, path: Path) -> bool:
    """Take the lock; return whether it was free and the file still is where it was found."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(fd).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _duplicates(descriptors: Iterable[int]) -> list[int]:
    made: list[int] = []
    try:
        for fd in descriptors:
            made.append(os.dup(fd))
    except OSError:
        for fd in made:
            os.close(fd)
        raise
    return made


def _sync(descriptors: list[int]) -> None:
    try:
        for fd in descriptors:
            os.fdatasync(fd)
    finally:
        for fd in descriptors:
            os.close(fd)


class Frames:
    """The records of a segment's bytes, in order. One whose checksum is wrong is left out; those after it are found."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.damaged = False
        """Whether something that was kept could not be read; a torn end was never acknowledged."""

    def __iter__(self) -> Iterator[bytes]:
        data, at = self._data, 0
        while at + FRAME.size <= len(data):
            payload = _frame(data, at)
            if payload is not None:
                yield payload
                at += FRAME.size + len(payload)
                continue
            after = _next_frame(data, at + 1)
            if after is None:
                length, _ = FRAME.unpack_from(data, at)
                # A torn end is shorter than it says; anything else was whole once.
                self.damaged = self.damaged or at + FRAME.size + length <= len(data)
                return
            at, self.damaged = after, True


def _frame(data: bytes, at: int) -> bytes | None:
    """Return the record that begins at `at`, if one does."""
    length, checksum = FRAME.unpack_from(data, at)
    end = at + FRAME.size + length
    if not length or end > len(data):
        return None
    payload = data[at + FRAME.size : end]
    return payload if zlib.crc32(payload) == checksum else None


def _next_frame(data: bytes, at: int) -> int | None:
    for place in range(at, len(data) - FRAME.size):
        if _frame(data, place) is not None:
            return place
    return None
