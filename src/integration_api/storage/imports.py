"""Credentials that come from another vault and keep their ids: many in one transaction, each at most once."""

from collections.abc import Sequence

import msgspec

from integration_api.core.records import CredentialRecord, SealedCredential
from integration_api.core.tenant import Tenant
from integration_api.storage import credentials, tenants
from integration_api.storage.operation import Operation, fetch


def owners(ids: Sequence[int]) -> Operation[dict[int, Tenant]]:
    places = ", ".join(f"${place}" for place in range(1, len(ids) + 1))
    rows = yield from fetch(
        f"SELECT id, organization_id, project_id FROM credentials WHERE id IN ({places})", *ids
    )
    return {id: Tenant(organization_id, project_id) for id, organization_id, project_id in rows}


def add(tenant: Tenant, given: Sequence[SealedCredential]) -> Operation[list[int]]:
    """Return the ids that were added. A name that is taken has its credential's id put behind it."""
    yield from credentials.alone(tenant)
    yield from tenants.know(tenant, given[0].record.updated_at)
    rows = yield from fetch(
        "SELECT provider, name FROM credentials WHERE organization_id = $1 AND project_id = $2",
        tenant.organization_id,
        tenant.project_id,
    )
    taken = {(provider, name) for provider, name in rows}
    added: list[CredentialRecord] = []
    for sealed in given:
        record = sealed.record
        if (record.provider, record.name) in taken:
            record = msgspec.structs.replace(record, name=f"{record.name[:170]} ({record.id})")
        if (yield from credentials.insert(record)):
            yield from credentials.add_version(record, sealed.sealed)
            taken.add((record.provider, record.name))
            added.append(record)
    if added:
        subjects = {str(record.id): None for record in added} | {record.provider: None for record in added}
        yield from credentials.note(tenant, subjects)
    return [record.id for record in added]
