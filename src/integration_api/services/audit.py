"""The audit trail: one record a call, kept before the caller is told, stored when the database can."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import msgspec

from integration_api.core.errors import Failure
from integration_api.core.records import AuditRecord
from integration_api.settings import Audit
from integration_api.storage.spool import Spool, read_segment
from integration_api.telemetry.log import Log
from integration_api.telemetry.metrics import SPOOL

ADOPT_SECONDS = 1.0
"""How often the segments of processes that died are looked for."""
BACKOFF_SECONDS = 2.0
"""The longest pause between tries while the database is away."""


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

    def check(self) -> None:
        """Raise `Failure(OVERLOADED)` when no record can be kept: then no call may begin."""
        self._spool.check()

    def keep(self, record: AuditRecord) -> None:
        """Make sure of `record`; call it before the last byte of an answer is given away."""
        self._spool.append(self._encode(record))

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
        except TimeoutError:
            self._log.warning("audit_left_on_disk", bytes=self._spool.waiting)
        self._spool.close()

    async def _ship_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        adopt_at = 0.0
        pause = self._settings.ship_seconds
        while True:
            if loop.time() >= adopt_at:
                self._spool.adopt()
                adopt_at = loop.time() + ADOPT_SECONDS
            stored = await self._ship()
            SPOOL.set(self._spool.waiting)
            pause = self._settings.ship_seconds if stored else min(BACKOFF_SECONDS, pause * 2)
            await asyncio.sleep(pause)

    async def _ship(self) -> bool:
        """Store every segment that is ready; return whether the database took them."""
        self._spool.rotate()
        for path in self._spool.sealed():
            records = [self._decoder.decode(payload) for payload in read_segment(path)]
            for start in range(0, len(records), self._settings.batch):
                try:
                    await self._store.add_audits(records[start : start + self._settings.batch])
                except (Failure, OSError) as error:
                    self._say_away(error)
                    return False
            self._spool.forget(path)
        if self._away:
            self._away = False
            self._log.info("audit_store_back")
        return True

    def _say_away(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            self._log.warning("audit_store_away", error=error, bytes=self._spool.waiting)
