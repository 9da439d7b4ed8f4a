"""Reading request bodies and paging: strict types, and errors that name the field."""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.ids import read_id
from integration_api.core.records import Page
from integration_api.rest.routing import Ask

Body = TypeVar("Body", bound=Struct)
LIST_LIMIT = 100


def read(body: bytearray | bytes, into: type[Body]) -> Body:
    """Decode a JSON body. Raises `Failure(INVALID_REQUEST)` saying which field is wrong."""
    try:
        return msgspec.json.decode(body, type=into)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        param = path.strip("`.") or None
        raise Failure(
            Kind.INVALID_REQUEST, f"{param}: {what}" if param else what, code="invalid_value", param=param
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Failure(Kind.INVALID_REQUEST, "the body is not valid JSON", code="invalid_json") from None


def page_of(ask: Ask) -> Page:
    """Read `limit` (1 to 100) and `after` (an id, as the last answer's `last_id` gave it)."""
    query = ask.query()
    limit, after = query.get("limit", "20"), query.get("after")
    wanted = read_id(limit) or 0
    if not 1 <= wanted <= LIST_LIMIT:
        raise Failure(
            Kind.INVALID_REQUEST, f"limit must be 1 to {LIST_LIMIT}", code="invalid_value", param="limit"
        )
    before = None if after is None else read_id(after)
    if after is not None and before is None:
        raise Failure(Kind.INVALID_REQUEST, "after must be an id", code="invalid_value", param="after")
    return Page(wanted, before)


def listed(items: list[Any], ids: list[int], limit: int) -> dict[str, Any]:
    """Return a list answer: `last_id` is the next page's `after` while `has_more` is true."""
    return {
        "object": "list",
        "data": items,
        "has_more": len(items) == limit,
        "last_id": str(ids[-1]) if ids else None,
    }
