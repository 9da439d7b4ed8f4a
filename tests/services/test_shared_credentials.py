"""Whose credential a call takes, where providers of one vendor share theirs."""

from typing import Any

import pytest
from msgspec.structs import replace

from integration_api.core.errors import Failure, Kind
from integration_api.core.records import CredentialRecord, SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.providers import PROVIDERS
from integration_api.services.batch_tts import asked_for_voices
from integration_api.services.call import Calls
from integration_api.services.target import Target

TENANT = Tenant(1, 2)
NOBODY: Any = None


def record(id: int, provider: str, *, default: bool = True) -> CredentialRecord:
    return CredentialRecord(
        id=id, tenant=TENANT, provider=provider, name=str(id), default=default, status="valid", fields={}, masked={},
        version=1, created_at=0.0, updated_at=0.0, verified_at=None,
    )  # fmt: skip


class Stored:
    """What a project has stored, the vault that opens it, and nothing of it in memory."""

    def __init__(self, *records: CredentialRecord) -> None:
        self.records = records

    def peek(self, tenant: Tenant, which: int | str) -> SealedCredential | None:
        return None

    async def get(self, tenant: Tenant, id: int) -> SealedCredential | None:
        found = (one for one in self.records if one.tenant == tenant and one.id == id)
        return next((SealedCredential(one, b"") for one in found), None)

    async def default(self, tenant: Tenant, provider: str) -> SealedCredential | None:
        found = (
            one for one in self.records if one.tenant == tenant and one.provider == provider and one.default
        )
        return next((SealedCredential(one, b"") for one in found), None)

    def ready(self, sealed: SealedCredential) -> Any:
        return object()

    async def secrets(self, sealed: SealedCredential) -> Any:
        return object()


async def taken(provider: str, *records: CredentialRecord, id: int | None = None) -> int:
    stored = Stored(*records)
    calls = Calls(stored, stored, NOBODY, NOBODY, most=1)
    credential, _ = await calls.account(TENANT, Target(PROVIDERS[provider], "m", id))
    return credential.id


OWN, VERTEX, GEMINI = record(1, "google-speech"), record(2, "vertexai"), record(3, "gemini")
OPENAI, AZURE = record(4, "openai"), record(5, "azure-openai")


async def test_ones_own_default_comes_first_and_then_the_others_in_their_order() -> None:
    assert await taken("google-speech", GEMINI, VERTEX, OWN) == 1
    assert await taken("google-speech", GEMINI, VERTEX, record(1, "google-speech", default=False)) == 2
    assert await taken("google-speech", GEMINI, OPENAI) == 3
    assert await taken("azure-speech", OPENAI, AZURE) == 5


@pytest.mark.parametrize("id", [1, 2, 3])
async def test_each_of_them_can_be_named(id: int) -> None:
    assert await taken("google-speech", OWN, VERTEX, GEMINI, id=id) == id


@pytest.mark.parametrize(
    ("provider", "id"), [("google-speech", 4), ("google-speech", 5), ("azure-speech", 2), ("vertexai", 1)]
)
async def test_a_strangers_can_not(provider: str, id: int) -> None:
    """Nor is speech's own credential one for models: who takes whose is said by the one who takes."""
    with pytest.raises(Failure) as failed:
        await taken(provider, OWN, VERTEX, OPENAI, AZURE, id=id)
    assert (failed.value.kind, failed.value.code) == (Kind.INVALID_REQUEST, "credential_mismatch")


async def test_another_projects_does_not_exist() -> None:
    theirs = replace(VERTEX, tenant=Tenant(1, 3))
    with pytest.raises(Failure) as failed:
        await taken("google-speech", theirs, id=theirs.id)
    assert (failed.value.kind, failed.value.code) == (Kind.NOT_FOUND, "credential_not_found")
    with pytest.raises(Failure, match="google-speech, vertexai or gemini") as failed:
        await taken("google-speech", theirs)
    assert failed.value.code == "credential_missing"


async def test_who_shares_with_nobody_is_told_of_alone() -> None:
    with pytest.raises(Failure, match="no credential for vertexai; store") as failed:
        await taken("vertexai", OWN, GEMINI)
    assert failed.value.code == "credential_missing"


def test_voices_are_asked_for_with_the_credential_that_would_speak() -> None:
    google = PROVIDERS["google-speech"]
    assert asked_for_voices(google, [GEMINI, VERTEX, OPENAI]) == 2
    assert asked_for_voices(google, [GEMINI, VERTEX, record(1, "google-speech", default=False)]) == 2
    assert asked_for_voices(google, [GEMINI, VERTEX, OWN]) == 1
    assert asked_for_voices(google, [record(1, "google-speech", default=False)]) == 1
    assert asked_for_voices(google, [OPENAI, AZURE]) is None
