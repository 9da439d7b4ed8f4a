"""The audit trail: one record a call, kept before the caller is told, stored when the database can."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import AuditRecord
from integration_api.settings import Audit
from integration_api.storage.spool import Frames, Spool
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import SPOOL

ADOPT_SECONDS = 1.0
"""How often the segments of processes that died are looked for."""
BACKOFF_SECONDS = 2.0
"""The longest pause between tries while the database is away."""


SLICE = 8
"""Records read in one go: calls that are under way do not wait longer than a tenth of a millisecond."""


class AuditStore(Protocol):
    async def add_audits(self, records: Sequence[AuditRecord]) -> None: ...


class AuditTrail:
    """Keeps records and ships them. One per process."""

    def __init__(self, spool: Spool, store: AuditStore, settings: Audit, log: Log) -> None:
        self._spool = spool
        self._store = store
        self._settings = settings
        self._log = log
        self._encode = msgspec.msgpack.Encoder().encode
        self._decoder = msgspec.msgpack.Decoder(AuditRecord)
        self._tasks: list[asyncio.Task[None]] = []
        self._away = False
        self._full = False

    def check(self) -> None:
        """Raise `Failure(OVERLOADED)` when no record can be kept: then no call may begin."""
        try:
            self._spool.check()
        except Failure as failure:
            self._say_full(failure)
            raise

    def keep(self, record: AuditRecord) -> None:
        """Make sure of `record`; call it before the last byte of an answer is given away.

        Raises `Failure(OVERLOADED)` when it can not be kept.
        """
        try:
            self._spool.append(self._encode(record))
        except Failure as failure:
            self._say_full(failure)
            raise
        if self._full:
            self._full = False
            self._log.info("audit_kept_again")

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._spool.keep_synced()),
            asyncio.create_task(self._ship_for_ever()),
        ]

    async def stop(self, seconds: float = 5.0) -> None:
        """Store what is left, if that takes no longer than `seconds`; the rest waits on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(seconds):
                await self._ship()
        except Exception as error:  # noqa: BLE001 - what is not stored now is stored by the next process
            self._log.warning("audit_left_on_disk", error=error, bytes=self._spool.waiting)
        self._spool.close()

    async def _ship_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        adopt_at = 0.0
        pause = self._settings.ship_seconds
        while True:
            if loop.time() >= adopt_at:
                self._spool.adopt()
                adopt_at = loop.time() + ADOPT_SECONDS
            try:
                stored = await self._ship()
            except Exception as error:  # noqa: BLE001 - nothing may end the one task that stores records
                self._log.error("audit_shipping_failed", error=error, bytes=self._spool.waiting)
                stored = False
            SPOOL.value = self._spool.waiting
            pause = self._settings.ship_seconds if stored else min(BACKOFF_SECONDS, pause * 2)
            await asyncio.sleep(pause)

    async def _ship(self) -> bool:
        """Store every segment that is ready, in order; return whether the database took them."""
        self._spool.rotate()
        for path in self._spool.sealed():
            try:
                whole = await self._store_segment(path)
            except (Failure, OSError) as error:
                self._say_away(error)
                return False
            if whole:
                self._spool.forget(path)
            else:
                self._spool.set_aside(path)
                self._log.error("audit_segment_damaged", path=path.with_suffix(".damaged").name)
        if self._away:
            self._away = False
            self._log.info("audit_store_back")
        return True

    async def _store_segment(self, path: Path) -> bool:
        """Store what can be read of a segment; return whether that is everything."""
        frames = Frames(await asyncio.to_thread(path.read_bytes))
        whole = True
        batch: list[AuditRecord] = []
        for number, payload in enumerate(frames, 1):
            try:
                batch.append(self._decoder.decode(payload))
            except msgspec.DecodeError:
                whole = False
            if len(batch) == self._settings.batch:
                whole &= await self._store_batch(batch)
                batch = []
            elif not number % SLICE:
                await asyncio.sleep(0)
        if batch:
            whole &= await self._store_batch(batch)
        return whole and not frames.damaged

    async def _store_batch(self, batch: Sequence[AuditRecord]) -> bool:
        """Return whether the database took the batch as it is."""
        try:
            await self._store.add_audits(batch)
        except Failure as failure:
            if failure.kind is Kind.OVERLOADED:
                raise
            await self._store_singly(batch)
            return False
        return True

    async def _store_singly(self, batch: Sequence[AuditRecord]) -> None:
        """Store what the database takes of a batch that it refused: one record must not hold up the others."""
        for record in batch:
            try:
                await self._store.add_audits([record])
            except Failure as failure:
                if failure.kind is Kind.OVERLOADED:
                    raise
                self._log.error("audit_record_refused", request_id=record.request_id, error=failure)

    def _say_full(self, failure: Failure) -> None:
        if not self._full:
            self._full = True
            self._log.error("audit_not_kept", reason=failure.message, bytes=self._spool.waiting)

    def _say_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            self._log.warning("audit_store_away", error=error, bytes=self._spool.waiting)
