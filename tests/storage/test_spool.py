"""The spool: what append returned for is there, whatever happens next."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from integration_api.core.errors import Failure, Kind
from integration_api.storage.spool import FRAME, Frames, Spool


def spool(path: Path, max_bytes: int = 1 << 20) -> Spool:
    return Spool(path, max_bytes=max_bytes, sync_seconds=0.001)


def stored(path: Path) -> list[bytes]:
    return [payload for segment in sorted(path.glob("*.spool")) for payload in Frames(segment.read_bytes())]


def test_records_come_back_in_order(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    for number in range(100):
        kept.append(b"%d" % number)
    kept.rotate()
    (segment,) = kept.sealed()
    assert list(Frames(segment.read_bytes())) == [b"%d" % number for number in range(100)]
    kept.forget(segment)
    assert kept.waiting == 0
    assert kept.sealed() == []
    kept.close()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_record_hides_nothing_before_it(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.append(b"whole")
    kept.close()
    (segment,) = tmp_path.glob("*.spool")
    whole = segment.read_bytes()
    for cut in range(1, len(whole) + 1):
        segment.write_bytes(whole + whole[:-cut])
        assert list(Frames(segment.read_bytes())) == [b"whole"]


def test_a_flipped_bit_costs_its_own_record_and_is_noticed(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    for payload in (b"first", b"second", b"third"):
        kept.append(payload)
    kept.close()
    (segment,) = tmp_path.glob("*.spool")
    whole = segment.read_bytes()
    second = range(FRAME.size + 5, FRAME.size + 5 + FRAME.size + 6)
    for place in range(len(whole)):
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        segment.write_bytes(data)
        frames = Frames(segment.read_bytes())
        records = list(frames)
        lost = 0 if place < second.start else 1 if place in second else 2
        assert records == [p for at, p in enumerate((b"first", b"second", b"third")) if at != lost]
        # A last record that claims to be longer than the file looks like one that was torn.
        assert frames.damaged or lost == 2


def test_a_damaged_segment_is_set_aside_and_not_deleted(tmp_path: Path) -> None:
    kept = spool(tmp_path)
    kept.append(b"x")
    kept.rotate()
    (segment,) = kept.sealed()
    held = segment.read_bytes()
    kept.set_aside(segment)
    assert kept.sealed() == []
    assert segment.with_suffix(".damaged").read_bytes() == held
    kept.adopt()
    assert kept.sealed() == []
    kept.close()


def test_an_empty_segment_taken_by_another_process_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = spool(tmp_path)
    flock, raced = fcntl.flock, []

    def slow(fd: int, how: int) -> None:
        if not raced:
            raced.append(True)
            other.adopt()  # Between another process's open and its lock.
            for path in other.sealed():
                other.forget(path)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    mine = spool(tmp_path)
    mine.append(b"kept")
    assert b"kept" in stored(tmp_path)
    mine.close()
    other.close()


async def test_a_segment_stored_before_its_sync_breaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, done, stored = asyncio.Event(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    real = os.fdatasync

    def late(fd: int) -> None:
        loop.call_soon_threadsafe(held.set)
        stored.wait(60)
        real(fd)
        loop.call_soon_threadsafe(done.set)

    monkeypatch.setattr(os, "fdatasync", late)
    kept = spool(tmp_path)
    task = loop.create_task(kept.keep_synced())
    kept.append(b"x")
    async with asyncio.timeout(60):
        await held.wait()
        kept.rotate()
        kept.forget(kept.sealed()[0])
        stored.set()
        await done.wait()
    kept.append(b"y")
    task.cancel()
    kept.close()


def test_a_directory_that_takes_no_more_files_goes_on_with_the_one_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = spool(tmp_path)
    kept.append(b"one")
    with monkeypatch.context() as full:
        full.setattr(kept, "_create", _no_space)
        kept.rotate()
        kept.append(b"two")
        assert kept.sealed() == []
    kept.rotate()
    assert list(Frames(kept.sealed()[0].read_bytes())) == [b"one", b"two"]
    kept.close()


def _no_space() -> tuple[Path, int]:
    raise OSError(28, "No space left on device")


def test_a_full_spool_refuses_before_the_work_is_done(tmp_path: Path) -> None:
    kept = spool(tmp_path, max_bytes=64)
    kept.append(bytes(60))
    with pytest.raises(Failure, match="audit") as refused:
        kept.check()
    assert refused.value.kind is Kind.OVERLOADED
    kept.rotate()
    kept.forget(kept.sealed()[0])
    kept.check()
    kept.close()


def test_a_full_disk_refuses_and_leaves_the_segment_readable(tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys
from pathlib import Path
from integration_api.core.errors import Failure
from integration_api.storage.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
spool = Spool(Path({str(tmp_path)!r}), max_bytes=1 << 20, sync_seconds=1)
acknowledged = 0
try:
    while True:
        spool.append(b"x" * 92)
        acknowledged += 1
except Failure as failure:
    assert failure.code == "audit_spool_full"
print(acknowledged)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=_env()
    )
    assert int(done.stdout) == 10
    assert stored(tmp_path) == [b"x" * 92] * 10


def test_kill_9_loses_nothing_acknowledged_and_another_process_takes_over(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from integration_api.storage.spool import Spool
spool = Spool(Path({str(tmp_path)!r}), max_bytes=1 << 30, sync_seconds=1)
number = 0
while True:
    spool.append(b"%d" % number)
    sys.stdout.write(f"{{number}}\\n"); sys.stdout.flush()
    number += 1
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=_env())
    assert child.stdout is not None
    told = [int(child.stdout.readline()) for _ in range(500)]
    mine = spool(tmp_path)
    mine.adopt()
    assert mine.sealed() == [], "a living owner keeps its segment"
    child.send_signal(signal.SIGKILL)
    told += [int(line) for line in child.stdout.read().splitlines() if line]
    child.wait()
    child.stdout.close()
    mine.adopt()
    records = [int(payload) for segment in mine.sealed() for payload in Frames(segment.read_bytes())]
    assert records[: len(told)] == told
    for segment in mine.sealed():
        mine.forget(segment)
    mine.close()


async def test_writes_are_synced_in_the_background(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(os, "fdatasync", lambda _: loop.call_soon_threadsafe(synced.set))
    kept = spool(tmp_path)
    task = asyncio.create_task(kept.keep_synced())
    kept.append(b"x")
    async with asyncio.timeout(60):
        await synced.wait()
    task.cancel()
    kept.close()


async def test_after_a_failed_sync_nothing_more_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fail(_: int) -> None:
        loop.call_soon_threadsafe(failed.set)
        raise OSError(5, "EIO")

    monkeypatch.setattr(os, "fdatasync", fail)
    kept = spool(tmp_path)
    task = asyncio.create_task(kept.keep_synced())
    kept.append(b"x")
    async with asyncio.timeout(60):
        await failed.wait()
        while True:
            try:
                kept.append(b"y")
            except Failure:
                break
            await asyncio.sleep(0)
    task.cancel()
    kept.close()


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
