"""One suite for both databases: every promise of `Repository`, tenants apart in every method."""

import asyncio
import os
from typing import Any

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.llm import Usage
from integration_api.core.records import ApiKey, KeyState, Organization, Page, Project, VaultKey
from integration_api.core.tenant import Actor, Scope, Tenant
from integration_api.storage.repository import (
    AuditFilter,
    Comparison,
    CredentialFilter,
    Criterion,
    Repository,
)
from tests.stores import ACME, GLOBEX, SISTER, Kept, audit, credential

ALL = Page(1000)
STRANGERS = (GLOBEX, SISTER, Tenant(1, 201), Tenant(2, 101), Tenant(9, 9), Tenant(0, 0))
"""Nobody but ACME may see what is ACME's: not even whoever has half of its name right."""


def sealed(version: int = 1, key: bytes = b"k" * 16, text: bytes = b"") -> bytes:
    return b"IV\x01\x01" + key + version.to_bytes(4, "big") + (text or os.urandom(32))


def api_key(id: int = 1, tenant: Tenant = ACME, **more: Any) -> ApiKey:
    fields: dict[str, Any] = {
        "id": id, "tenant": tenant, "name": f"key {id}", "hint": "iak_abcd…wxyz", "digest": b"%032d" % id,
        "scopes": frozenset({Scope.INFER}), "created_at": 5.0,
    }  # fmt: skip
    return ApiKey(**{**fields, **more})


def vault_key(version: int = 1, organization: int = 1, **more: Any) -> VaultKey:
    fields: dict[str, Any] = {
        "id": b"i" * 16, "version": version, "organization_id": organization, "root_id": "root",
        "wrapped": b"wrapped", "created_at": 1.0,
    }  # fmt: skip
    return VaultKey(**{**fields, **more})


# --- tenants ----------------------------------------------------------------------------------


async def test_projects_are_made_once_and_read_by_their_owner(kept: Kept) -> None:
    store = kept.repository
    assert await store.project(ACME) == Project(ACME, "project", 1.0)
    assert await store.project(Tenant(1, 201)) is None
    first = await store.first_project()
    assert first is not None
    assert first.tenant == ACME
    for again in (
        store.create_organization(Organization(1, "x", 1.0)),
        store.create_project(Project(ACME, "x", 1.0)),
    ):
        with pytest.raises(Failure) as refused:
            await again
        assert refused.value.kind is Kind.CONFLICT
    with pytest.raises(Failure):
        await store.create_project(Project(Tenant(2, 101), "an id of another organization's project", 1.0))
    with pytest.raises(Failure):
        await store.create_project(Project(Tenant(77, 1), "of no organization", 1.0))


async def test_worker_numbers_are_handed_out_in_turn(kept: Kept) -> None:
    numbers = await asyncio.gather(*(kept.repository.acquire_worker() for _ in range(20)))
    assert len(set(numbers)) == 20
    assert all(0 <= number < 1024 for number in numbers)


async def test_rows_exist_once_anything_needs_the_root_key(kept: Kept) -> None:
    assert await kept.repository.rows_exist() is False
    await kept.repository.add_vault_key(vault_key())
    assert await kept.repository.rows_exist() is True


# --- our own keys -----------------------------------------------------------------------------


async def test_api_keys_are_found_by_digest_listed_by_owner_and_revoked_by_owner(kept: Kept) -> None:
    store = kept.repository
    key = api_key(scopes=frozenset(Scope))
    await store.add_api_key(key)
    assert await store.api_key_by_digest(key.digest) == key
    assert await store.api_key_by_digest(b"other") is None
    for stranger in STRANGERS:
        assert await store.api_keys(stranger, ALL) == []
        assert await store.revoke_api_key(stranger, 1) is False
    assert await store.api_keys(ACME, ALL) == [key]
    assert await store.revoke_api_key(ACME, 1) is True
    assert await store.revoke_api_key(ACME, 1) is False
    revoked = await store.api_key_by_digest(key.digest)
    assert revoked is not None
    assert revoked.revoked_at is not None
    for twin in (api_key(1, digest=b"new"), api_key(2, digest=key.digest)):
        with pytest.raises(Failure) as refused:
            await store.add_api_key(twin)
        assert refused.value.kind is Kind.CONFLICT


async def test_a_key_makes_a_tenant_of_another_service_known(kept: Kept) -> None:
    stranger = Tenant(55, 5501)
    await kept.repository.add_api_key(api_key(9, stranger))
    assert await kept.repository.project(stranger) is not None


async def test_lists_come_newest_first_in_pages_without_gaps_or_repeats(kept: Kept) -> None:
    store = kept.repository
    for id in range(1, 26):
        await store.add_api_key(api_key(id))
        await store.add_credential(credential(id), sealed())
        await store.add_audits([audit(id)])

    async def pages(read: Any) -> list[int]:
        found: list[int] = []
        before = None
        while rows := await read(Page(10, before)):
            assert len(rows) <= 10
            found += [row.id for row in rows]
            before = rows[-1].id
        return found

    newest_first = list(range(25, 0, -1))
    assert await pages(lambda page: store.api_keys(ACME, page)) == newest_first
    assert await pages(lambda page: store.credentials(ACME, None, page)) == newest_first
    assert await pages(lambda page: store.audits(ACME, AuditFilter(), page)) == newest_first
    assert [row.id for row in await store.audits(ACME, AuditFilter(), Page(5), offset=20)] == [5, 4, 3, 2, 1]
    assert await store.credentials(ACME, None, Page(0)) == []
    assert len(await store.credentials(ACME, None, Page(10**30, 10**30))) == 25


# --- vault keys -------------------------------------------------------------------------------


async def test_a_new_version_takes_over_and_one_key_is_current(kept: Kept) -> None:
    store = kept.repository
    assert await store.add_vault_key(vault_key(1)) is True
    assert await store.add_vault_key(vault_key(1)) is False
    assert await store.add_vault_key(vault_key(2)) is True
    assert await store.add_vault_key(vault_key(1)) is False, "an older version may not come back"
    assert await store.add_vault_key(vault_key(1, id=b"j" * 16)) is False, "another key is current"
    assert await store.add_vault_key(vault_key(1, id=b"p" * 16, purpose="pepper")) is True
    assert await store.add_vault_key(vault_key(1, 2, id=b"g" * 16)) is True
    states = {key.version: key.state for key in await store.vault_keys(1, "credentials")}
    assert states == {1: KeyState.DECRYPT_ONLY, 2: KeyState.CURRENT}
    assert await store.vault_keys(3, "credentials") == []
    assert [key.organization_id for key in await store.all_vault_keys()] == [1, 1, 1, 2]


async def test_wraps_are_reserved_without_losing_any(kept: Kept) -> None:
    store = kept.repository
    await store.add_vault_key(vault_key())
    totals = await asyncio.gather(*(store.reserve_wraps(1, b"i" * 16, 1, 100) for _ in range(20)))
    assert sorted(totals) == list(range(100, 2001, 100))
    for wrong in ((2, b"i" * 16, 1), (1, b"x" * 16, 1), (1, b"i" * 16, 2)):
        with pytest.raises(Failure) as refused:
            await store.reserve_wraps(*wrong, 1)
        assert refused.value.kind is Kind.NOT_FOUND


async def test_a_wrapped_key_is_replaced_only_as_it_was_read(kept: Kept) -> None:
    store = kept.repository
    old = vault_key()
    await store.add_vault_key(old)
    new = replace(old, root_id="root2", wrapped=b"anew")
    outcomes = await asyncio.gather(*(store.replace_vault_key(old, new) for _ in range(5)))
    assert sorted(outcomes) == [False] * 4 + [True]
    assert await store.vault_keys(1, "credentials") == [new]
    assert await store.replace_vault_key(replace(new, organization_id=2), new) is False


# --- credentials ------------------------------------------------------------------------------


async def test_a_credential_is_read_changed_and_erased_by_its_owner_alone(kept: Kept) -> None:
    store = kept.repository
    row = credential(7, fields={"base_url": "https://ü.example/“x”"}, default=True, verified_at=2.5)
    bytes_of_it = sealed()
    await store.add_credential(row, bytes_of_it)
    found = await store.credential(ACME, 7)
    assert found is not None
    assert (found.record, found.sealed) == (row, bytes_of_it)
    for stranger in STRANGERS:
        assert await store.credential(stranger, 7) is None
        assert await store.default_credential(stranger, "openai") is None
        assert await store.credentials(stranger, None, ALL) == []
        assert (
            await store.update_credential(stranger, 1, replace(row, tenant=stranger, name="stolen"), None)
            is False
        )
        assert await store.delete_credential(stranger, 7) is False
        assert await store.replace_sealed(replace(row, tenant=stranger), 1, bytes_of_it, sealed(2)) is False
    found = await store.credential(ACME, 7)
    assert found is not None
    assert (found.record, found.sealed) == (row, bytes_of_it)
    assert await store.delete_credential(ACME, 7) is True
    assert await store.delete_credential(ACME, 7) is False
    assert await store.credential(ACME, 7) is None
    assert await kept.sql("SELECT count(*) FROM credential_versions") == [(0,)]


async def test_credentials_are_found_by_provider_and_name(kept: Kept) -> None:
    store = kept.repository
    for number in range(7):
        provider = "mistral" if number % 3 == 0 else "openai"
        await store.add_credential(credential(number + 1, name=f"key {number}%", provider=provider), sealed())
    await store.add_credential(credential(99, SISTER, name="key 0%", provider="mistral"), sealed())
    for filter, numbers in (
        (CredentialFilter(), [6, 5, 4, 3, 2, 1, 0]),
        (CredentialFilter(providers=("mistral",)), [6, 3, 0]),
        (CredentialFilter(providers=("mistral", "openai")), [6, 5, 4, 3, 2, 1, 0]),
        (CredentialFilter(providers=("cohere",)), []),
        (CredentialFilter(name="key 4%"), [4]),
        (CredentialFilter(name_contains="4%"), [4]),
        (CredentialFilter(name_contains="%4"), []),
        (CredentialFilter(name_contains="key", providers=("mistral",)), [6, 3, 0]),
        (CredentialFilter(name="' OR 1=1 --"), []),
        (CredentialFilter(name="\0", providers=("\ud800",)), []),
    ):
        found = await store.find_credentials(ACME, filter, ALL)
        assert [record.name for record in found] == [f"key {number}%" for number in numbers], filter
        assert await store.count_credentials(ACME, filter) == len(numbers)
        for stranger in STRANGERS:
            if stranger != SISTER:
                assert await store.find_credentials(stranger, filter, ALL) == []
                assert await store.count_credentials(stranger, filter) == 0
    page = await store.find_credentials(ACME, CredentialFilter(), Page(3), offset=3)
    assert [record.id for record in page] == [4, 3, 2]
    assert await store.find_credentials(ACME, CredentialFilter(), Page(3), offset=2**70) == []


async def test_names_are_unique_within_a_project_and_a_provider(kept: Kept) -> None:
    store = kept.repository
    await store.add_credential(credential(1, name="prod"), sealed())
    await store.add_credential(credential(2, name="prod", provider="anthropic"), sealed())
    await store.add_credential(credential(3, SISTER, name="prod"), sealed())
    with pytest.raises(Failure) as refused:
        await store.add_credential(credential(4, name="prod"), sealed())
    assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "name_taken")
    await store.add_credential(credential(5, name="other"), sealed())
    with pytest.raises(Failure) as refused:
        await store.update_credential(ACME, 1, credential(5, name="prod"), None)
    assert refused.value.code == "name_taken"
    with pytest.raises(Failure) as refused:
        await store.add_credential(credential(1, SISTER, name="an id that is taken"), sealed())
    assert refused.value.kind is Kind.CONFLICT
    assert {row.id for row in await store.credentials(ACME, "openai", ALL)} == {1, 5}


async def test_there_is_one_default_and_the_only_one_goes_without_saying(kept: Kept) -> None:
    store = kept.repository

    async def default() -> int | None:
        found = await store.default_credential(ACME, "openai")
        return found.record.id if found else None

    assert await default() is None
    await store.add_credential(credential(1), sealed())
    assert await default() == 1
    await store.add_credential(credential(2), sealed())
    with pytest.raises(Failure) as refused:
        await default()
    assert refused.value.code == "credential_required"
    await store.add_credential(credential(3, default=True), sealed())
    assert await default() == 3
    await store.add_credential(credential(4, SISTER, default=True), sealed())
    assert await store.update_credential(ACME, 1, credential(1, default=True), None)
    assert await default() == 1
    assert [row.id for row in await store.credentials(ACME, None, ALL) if row.default] == [1]
    await store.delete_credential(ACME, 1)
    with pytest.raises(Failure):
        await default()


async def test_a_value_is_replaced_once_and_the_old_one_is_gone(kept: Kept) -> None:
    store = kept.repository
    old, new = sealed(text=b"old " * 20), sealed(text=b"new " * 20)
    await store.add_credential(credential(1), old)
    second = credential(1, version=2, status="unverified")
    outcomes = await asyncio.gather(*(store.update_credential(ACME, 1, second, new) for _ in range(5)))
    assert sorted(outcomes) == [False] * 4 + [True]
    found = await store.credential(ACME, 1)
    assert found is not None
    assert (found.record, found.sealed) == (second, new)
    assert await kept.sql("SELECT version FROM credential_versions") == [(2,)]
    assert await store.update_credential(ACME, 2, credential(1, version=3), None) is False, (
        "a version needs a value"
    )


async def test_re_wrapping_finds_every_older_row_and_replaces_what_is_still_there(kept: Kept) -> None:
    store = kept.repository
    key = b"k" * 16
    for id in range(1, 8):
        await store.add_credential(credential(id, ACME if id % 2 else GLOBEX), sealed(1 + id // 6, key))
    await store.add_credential(credential(8), sealed(1, b"x" * 16))
    found: list[int] = []
    while batch := await store.sealed_batch(key, 2, found[-1] if found else 0, 2):
        found += [row.record.id for row in batch]
    assert found == [1, 2, 3, 4, 5]
    (first,) = await store.sealed_batch(key, 2, 0, 1)
    new = sealed(2, key)
    outcomes = await asyncio.gather(
        *(store.replace_sealed(first.record, 1, first.sealed, new) for _ in range(5))
    )
    assert sorted(outcomes) == [False] * 4 + [True]
    assert [row.record.id for row in await store.sealed_batch(key, 2, 0, 10)] == [2, 3, 4, 5]
    with pytest.raises(ValueError, match="header"):
        await store.add_credential(credential(9), b"short")


async def test_writers_at_once_leave_one_default_and_no_name_twice(kept: Kept) -> None:
    others = [await kept.another() for _ in range(3)]
    try:
        outcomes = await asyncio.gather(
            *(
                others[id % 3].add_credential(credential(id, name=f"n{id % 10}", default=True), sealed())
                for id in range(1, 31)
            ),
            return_exceptions=True,
        )
    finally:
        for other in others:
            await other.close()
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert all(isinstance(one, Failure) and one.code == "name_taken" for one in refused), refused
    assert len(refused) == 20
    rows = await kept.repository.credentials(ACME, None, ALL)
    assert sorted(row.name for row in rows) == sorted(f"n{at}" for at in range(10))
    assert sum(row.default for row in rows) == 1


@pytest.mark.parametrize("text", ["x\0y", "\ud800", "a" * 100_000], ids=["nul", "surrogate", "long"])
async def test_text_no_database_takes_is_refused_in_words(kept: Kept, text: str) -> None:
    try:
        await kept.repository.add_credential(credential(1, name=text), sealed())
    except Failure as refused:
        assert refused.kind is Kind.INVALID_REQUEST
        assert await kept.repository.credential(ACME, 1) is None
    else:
        assert len(text) == 100_000


async def test_sql_in_values_is_only_text(kept: Kept) -> None:
    nasty = "'; DROP TABLE credentials; --"
    await kept.repository.add_credential(credential(1, name=nasty, provider=nasty), sealed())
    assert [row.name for row in await kept.repository.credentials(ACME, nasty, ALL)] == [nasty]
    assert await kept.repository.audits(ACME, AuditFilter(model=nasty), ALL) == []
    with pytest.raises(Failure) as refused:
        await kept.repository.audits(
            ACME, AuditFilter(criteria=(Criterion("id = 1 OR 1", Comparison.EQUAL, "1"),)), ALL
        )
    assert refused.value.kind is Kind.INVALID_REQUEST


# --- audit ------------------------------------------------------------------------------------


async def test_a_record_comes_back_whole_to_its_owner_alone(kept: Kept) -> None:
    store = kept.repository
    record = audit(
        77, key_id=3, provider="openai", model="gpt-4o", credential_id=7, credential_version=2, status="partial",
        response_status=502, fault="upstream", error_code="e", finish_reason="stop", streamed=True, request_id="r",
        provider_request_id="p", provider_status=500, retries=2, time_taken=4, queue_time=1, first_token_time=2,
        upstream_time=3, usage=Usage(input_total=1, output_total=2, cache_read=3, reasoning=4),
        metadata={"assistant_id": "9", "ü": "“"},
    )  # fmt: skip
    await store.add_audits([record, audit(78, GLOBEX)])
    assert await store.audit(ACME, 77) == record
    assert await store.audits(ACME, AuditFilter(), ALL) == [record]
    assert await store.count_audits(ACME, AuditFilter()) == 1
    for stranger in STRANGERS:
        assert await store.audit(stranger, 77) is None
        assert 77 not in {row.id for row in await store.audits(stranger, AuditFilter(), ALL)}
        assert await store.add_audit_metadata(stranger, 77, {"x": "y"}) is False


@pytest.mark.parametrize(
    ("told", "kept_as"),
    [
        (("user", 12), ("user", 12)),
        (("service", 9007), ("service", 9007)),
        (("project", 0), ("project", ACME.project_id)),
        (("unknown", 0), ("unknown", 0)),
        (("user", 0), ("unknown", 0)),
        (("robot", 3), ("unknown", 0)),
    ],
)
async def test_who_acted_stands_in_the_platforms_columns(
    kept: Kept, told: tuple[str, int], kept_as: tuple[str, int]
) -> None:
    kind, id = told
    await kept.repository.add_audits([audit(1, actor_type=kind, actor_id=id, metadata={"k": "v"})])
    await kept.repository.add_audit_metadata(ACME, 1, {"k": "w"}, Actor(kind, id))
    found = await kept.repository.audit(ACME, 1)
    assert found is not None
    assert (found.actor_type, found.actor_id) == kept_as
    row = (kept_as[0], kept_as[1] or None)
    assert await kept.sql("SELECT created_actor_type, created_actor_id FROM external_audits") == [row]
    assert await kept.sql(
        "SELECT created_actor_type, created_actor_id, updated_actor_type, updated_actor_id"
        " FROM external_audit_metadata"
    ) == [row + row]
    by_actor = AuditFilter(criteria=(Criterion("created_actor_type", Comparison.EQUAL, kept_as[0]),))
    assert await kept.repository.count_audits(ACME, by_actor) == 1


async def test_an_event_is_stored_once_however_often_it_is_told(kept: Kept) -> None:
    store = kept.repository
    batches = [
        [audit(id, metadata={"k": "v"}) for id in range(start, start + 30)] for start in (1, 11, 21, 1)
    ]
    other = await kept.another()
    await asyncio.gather(*((store, other)[at % 2].add_audits(batch) for at, batch in enumerate(batches)))
    await other.close()
    assert await store.count_audits(ACME, AuditFilter()) == 50
    assert await kept.sql("SELECT count(*) FROM external_audit_metadata") == [(50,)]


async def test_another_event_with_a_taken_id_gets_an_id_of_its_own(kept: Kept) -> None:
    store = kept.repository
    id = 123 << 22
    await store.add_audits([audit(id)])
    await store.add_audits([audit(id, event_id="f" * 32, metadata={"k": "v"}), audit(id + 1)])
    rows = await store.audits(ACME, AuditFilter(), ALL)
    assert {row.event_id for row in rows} == {f"{id:032x}", "f" * 32, f"{id + 1:032x}"}
    assert len({row.id for row in rows}) == 3
    assert {row.id >> 22 for row in rows} == {123}
    (moved,) = [row for row in rows if row.event_id == "f" * 32]
    assert moved.metadata == {"k": "v"}


async def test_no_record_is_too_strange_to_be_kept(kept: Kept) -> None:
    huge = 1 << 80
    strange = audit(
        5, model="m" * 5000, provider="x\0y", request_id="\ud800", error_code="e" * 500, time_taken=huge, retries=huge,
        usage=Usage(input_total=huge, native={"raw": object}), metadata={"k" * 500: "v" * 5000, "n": "\0"},
    )  # fmt: skip
    await kept.repository.add_audits([strange])
    found = await kept.repository.audit(ACME, 5)
    assert found is not None
    assert (found.model, found.provider, found.time_taken) == ("m" * 200, "xy", (1 << 63) - 1)
    assert found.metadata == {"k" * 200: "v" * 1000, "n": ""}


async def test_metadata_is_added_and_replaced(kept: Kept) -> None:
    store = kept.repository
    await store.add_audits([audit(1, metadata={"a": "1"})])
    assert await store.add_audit_metadata(ACME, 1, {"a": "2", "b": "3"}) is True
    found = await store.audit(ACME, 1)
    assert found is not None
    assert found.metadata == {"a": "2", "b": "3"}


FILTERS: list[tuple[AuditFilter, set[int]]] = [
    (AuditFilter(), {1, 2, 3, 4}),
    (AuditFilter(operation="embedding"), {2}),
    (AuditFilter(provider="anthropic"), {3}),
    (AuditFilter(model="m1"), {1, 4}),
    (AuditFilter(model="m1", status="failed"), {4}),
    (AuditFilter(request_id="r3"), {3}),
    (AuditFilter(credential_id=7), {1, 2}),
    (AuditFilter(key_id=9), {4}),
    (AuditFilter(since=1_700_000_002.0), {2, 3, 4}),
    (AuditFilter(until=1_700_000_002.0), {1}),
    (AuditFilter(since=1_700_000_002.0, until=1_700_000_004.0), {2, 3}),
    (AuditFilter(criteria=(Criterion("provider", Comparison.EQUAL, "nobody", ("anthropic", "")),)), {3}),
    (AuditFilter(criteria=(Criterion("input_tokens", Comparison.AT_LEAST, 20),)), {2, 3}),
    (AuditFilter(criteria=(Criterion("input_tokens", Comparison.ABOVE, "20"),)), {3}),
    (AuditFilter(criteria=(Criterion("created_at", Comparison.BELOW, 1_700_000_002.0),)), {1}),
    (AuditFilter(criteria=(Criterion("model", Comparison.CONTAINS, "m"),)), {1, 2, 4}),
    (AuditFilter(criteria=(Criterion("metadata.assistant", Comparison.EQUAL, "%"),)), {2}),
    (AuditFilter(criteria=(Criterion("metadata.assistant", Comparison.CONTAINS, "5"),)), {1, 3}),
    (AuditFilter(model="x\0"), set()),
    (AuditFilter(credential_id=1 << 70), set()),
]  # fmt: skip


@pytest.mark.parametrize(("filter", "expected"), FILTERS, ids=[str(at) for at in range(len(FILTERS))])
async def test_records_are_found_by_what_they_say(
    kept: Kept, filter: AuditFilter, expected: set[int]
) -> None:
    await kept.repository.add_audits([
        audit(1, provider="openai", model="m1", credential_id=7, usage=Usage(input_total=10), metadata={"assistant": "5"}),
        audit(2, operation="embedding", provider="openai", model="m2", credential_id=7, usage=Usage(input_total=20),
              metadata={"assistant": "%"}),
        audit(3, provider="anthropic", model="c", request_id="r3", usage=Usage(input_total=30), metadata={"assistant": "55"}),
        audit(4, provider="openai", model="m1", status="failed", key_id=9),
        audit(5, GLOBEX, provider="anthropic", model="m1", credential_id=7, key_id=9, usage=Usage(input_total=99)),
    ])  # fmt: skip
    assert {row.id for row in await kept.repository.audits(ACME, filter, ALL)} == expected
    assert await kept.repository.count_audits(ACME, filter) == len(expected)


@pytest.mark.parametrize(
    "criterion",
    [
        Criterion("digest", Comparison.EQUAL, "x"),
        Criterion("metadata.", Comparison.EQUAL, "x"),
        Criterion("input_tokens", Comparison.CONTAINS, 1),
        Criterion("input_tokens", Comparison.EQUAL, "ten"),
        Criterion("model", Comparison.ABOVE, "x"),
        Criterion("created_at", Comparison.EQUAL, "yesterday"),
        Criterion("created_at", Comparison.EQUAL, float("inf")),
        Criterion("created_at", Comparison.CONTAINS, 1),
    ],
    ids=str,
)
async def test_a_criterion_that_is_not_offered_is_refused(kept: Kept, criterion: Criterion) -> None:
    with pytest.raises(Failure) as refused:
        await kept.repository.audits(ACME, AuditFilter(criteria=(criterion,)), ALL)
    assert refused.value.kind is Kind.INVALID_REQUEST
    with pytest.raises(Failure):
        await kept.repository.audits(
            ACME, AuditFilter(criteria=(Criterion("id", Comparison.EQUAL, 1),) * 33), ALL
        )


# --- the feed ---------------------------------------------------------------------------------


async def test_every_change_a_cache_may_hold_is_told_with_its_tenant(kept: Kept) -> None:
    store = kept.repository
    before = await store.last_change()

    async def told() -> list[tuple[str, Tenant, str]]:
        nonlocal before
        changes = await store.changes_after(before, 100)
        before = max([before, *(change.seq for change in changes)])
        return [(change.topic, change.tenant, change.subject) for change in changes]

    first = sealed()
    await store.add_api_key(api_key(3))
    assert await told() == [("api_key", ACME, "3")]
    await store.revoke_api_key(ACME, 3)
    assert await told() == [("api_key", ACME, "3")]
    await store.add_credential(credential(7), first)
    assert await told() == [("credential", ACME, "7"), ("credential", ACME, "openai")]
    await store.update_credential(ACME, 1, credential(7, name="renamed"), None)
    assert await told() == [("credential", ACME, "7"), ("credential", ACME, "openai")]
    await store.replace_sealed(credential(7), 1, first, sealed(2))
    assert await told() == [("credential", ACME, "7"), ("credential", ACME, "openai")]
    await store.add_credential(credential(8, default=True), sealed())
    assert [subject for _, _, subject in await told()] == ["8", "openai"]
    await store.add_credential(credential(9, default=True), sealed())
    assert [subject for _, _, subject in await told()] == ["9", "8", "openai"], (
        "whose turn is over is told too"
    )
    await store.delete_credential(ACME, 7)
    assert await told() == [("credential", ACME, "7"), ("credential", ACME, "openai")]
    await store.add_vault_key(vault_key())
    assert await told() == [("vault_key", Tenant(1, 0), (b"i" * 16).hex())]
    await store.replace_vault_key(vault_key(), vault_key(wrapped=b"anew"))
    assert [topic for topic, _, _ in await told()] == ["vault_key"]
    await store.create_project(Project(Tenant(1, 150), "p", 1.0))
    assert [topic for topic, _, _ in await told()] == ["project"]
    with pytest.raises(Failure):
        await store.add_credential(credential(8), sealed())
    assert await told() == [], "what did not happen is not told"
    assert await store.last_change() == before
    assert len(await store.changes_after(0, 3)) == 3


async def test_no_change_appears_behind_one_that_was_read(kept: Kept) -> None:
    """Whoever follows the feed by its last number misses nothing, however many write at once."""
    stores = [await kept.another() for _ in range(4)]
    seen: list[int] = []
    done = asyncio.Event()

    async def follow() -> None:
        while True:
            last = done.is_set()
            for change in await kept.repository.changes_after(seen[-1] if seen else 0, 7):
                seen.append(change.seq)
            if last and not await kept.repository.changes_after(seen[-1], 1):
                return
            await asyncio.sleep(0)

    async def write(store: Repository, at: int) -> None:
        for number in range(15):
            tenant = (ACME, GLOBEX, SISTER)[number % 3]
            await store.add_credential(credential(at * 100 + number, tenant, name=f"{at}-{number}"), sealed())

    following = asyncio.create_task(follow())
    await asyncio.gather(*(write(store, at) for at, store in enumerate(stores, 1)))
    done.set()
    await following
    for store in stores:
        await store.close()
    assert len(seen) == len(set(seen))
    assert [(len(seen),)] == await kept.sql("SELECT count(*) FROM changes")
    assert seen == sorted(seen)


# --- the store itself -------------------------------------------------------------------------


async def test_it_answers_and_says_so(kept: Kept) -> None:
    assert await kept.repository.ping() is True
    other = await kept.another()
    await other.ping()
    await other.close()
    with pytest.raises(Failure) as refused:
        await other.last_change()
    assert refused.value.code == "store_unavailable"


async def test_migrating_again_and_again_at_once_changes_nothing(kept: Kept) -> None:
    stores = [await kept.another() for _ in range(4)]
    before = await kept.sql("SELECT number, name, checksum FROM integration_migrations ORDER BY number")
    await asyncio.gather(*(store.migrate() for store in stores))
    assert (
        await kept.sql("SELECT number, name, checksum FROM integration_migrations ORDER BY number") == before
    )
    for store in stores:
        await store.close()


async def test_a_projects_records_are_found_by_an_index_and_in_their_order(kept: Kept) -> None:
    where = "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'external_audits'"
    if kept.backend == "postgres":
        where = "SELECT indexdef FROM pg_indexes WHERE tablename = 'external_audits'"
    made = [row[0] for row in await kept.sql(where) if row[0]]
    assert any("(organization_id, project_id, id" in one for one in made), made
