"""Where calls come in."""

from integration_api.core.records import Page
from integration_api.core.telephony_records import InboundRoute
from integration_api.core.tenant import Tenant
from integration_api.storage.call_rows import ROUTE, places, read_route, route_values
from integration_api.storage.operation import Operation, execute, fetch, fetch_one
from integration_api.storage.rows import page_limit

MINE = "organization_id = $1 AND project_id = $2"


def add(route: InboundRoute) -> Operation[None]:
    yield from execute(f"INSERT INTO inbound_routes ({ROUTE}) VALUES ({places(ROUTE)})", *route_values(route))


def by_id(tenant: Tenant, id: int) -> Operation[InboundRoute | None]:
    row = yield from fetch_one(
        f"SELECT {ROUTE} FROM inbound_routes WHERE {MINE} AND id = $3",
        tenant.organization_id,
        tenant.project_id,
        id,
    )
    return read_route(row) if row else None


def in_project(tenant: Tenant, page: Page) -> Operation[list[InboundRoute]]:
    rows = yield from fetch(
        f"SELECT {ROUTE} FROM inbound_routes WHERE {MINE} AND id < $3 ORDER BY id DESC LIMIT $4",
        tenant.organization_id,
        tenant.project_id,
        *page_limit(page),
    )
    return [read_route(row) for row in rows]


def delete(tenant: Tenant, id: int) -> Operation[bool]:
    deleted = yield from execute(
        f"DELETE FROM inbound_routes WHERE {MINE} AND id = $3", tenant.organization_id, tenant.project_id, id
    )
    return deleted > 0
