"""What was asked and answered, in both databases: stored with its record, read by its tenant alone, forgotten in time."""

import time

from integration_api.core.records import AuditRecord, Page
from integration_api.storage.repository import AuditFilter
from tests.stores import ACME, GLOBEX, SISTER, Kept, audit

DOCUMENTS = {"request": b"\x00sealed request\xff", "response": b"\x00sealed answer\xff"}
DAY = 86_400.0


async def test_documents_are_stored_with_their_record_and_read_by_its_tenant(kept: Kept) -> None:
    store = kept.repository
    record = audit(7, ACME, documents=DOCUMENTS)
    await store.add_audits([record, audit(8, ACME)])
    await store.add_audits([record])  # As after a crash: once more makes no more of them.
    assert await store.audit_documents(ACME, 7) == DOCUMENTS
    assert await store.audit_documents(ACME, 8) == {}
    for stranger in (GLOBEX, SISTER):
        assert await store.audit_documents(stranger, 7) == {}
    found = await store.audit(ACME, 7)
    assert isinstance(found, AuditRecord)
    assert not found.documents, "a list of records reads none of it"


async def test_a_record_that_had_to_take_another_id_keeps_its_documents(kept: Kept) -> None:
    store = kept.repository
    await store.add_audits([audit(7, ACME, event_id="a" * 32)])
    await store.add_audits([audit(7, GLOBEX, event_id="b" * 32, documents=DOCUMENTS)])
    assert await store.audit_documents(ACME, 7) == {}
    assert await store.audit_documents(GLOBEX, 7) == {}
    found = await store.audits(GLOBEX, AuditFilter(), Page(5))
    assert await store.audit_documents(GLOBEX, found[0].id) == DOCUMENTS


async def test_old_documents_are_forgotten_a_few_at_a_time_and_records_stay(kept: Kept) -> None:
    store, now = kept.repository, time.time()
    ages = (40, 31, 30.5, 29, 1)
    await store.add_audits(
        [audit(id, ACME, created_at=now - age * DAY, documents=DOCUMENTS) for id, age in enumerate(ages, 1)]
    )
    before = now - 30 * DAY
    assert [await store.forget_audit_documents(before, 4) for _ in range(3)] == [4, 2, 0]
    left = [bool(await store.audit_documents(ACME, id)) for id in range(1, len(ages) + 1)]
    assert left == [False, False, False, True, True]
    assert all([await store.audit(ACME, id) for id in range(1, len(ages) + 1)])
