"""Lists as the platform's services are asked for them: pages by number, and criteria on named fields."""

from datetime import UTC, datetime

from integration_api.core.errors import Failure
from integration_api.dialects.unified_values import invalid
from integration_api.proto import common_pb2 as common
from integration_api.storage.repository import Comparison

MOST_ROWS = 100
LARGEST_COUNT = (1 << 32) - 1
COMPARISONS = {"": Comparison.EQUAL, "like": Comparison.CONTAINS} | {one.value: one for one in Comparison}


def page_of(asked: common.Paginate) -> tuple[int, int, int]:
    """Return page, size and offset. None is above 100; a size of 0, the platform's word for all, is 100."""
    page, size = max(1, asked.page), min(asked.pageSize or MOST_ROWS, MOST_ROWS)
    return page, size, (page - 1) * size


def paginated(page: int, total: int) -> common.Paginated:
    return common.Paginated(currentPage=page, totalItem=min(total, LARGEST_COUNT))


def comparison_of(criterion: common.Criteria, place: int) -> Comparison:
    """Raises `Failure(INVALID_REQUEST)` for a logic that is none of those there are."""
    found = COMPARISONS.get(criterion.logic.strip().lower())
    if found is None:
        raise invalid(f"expected one of {', '.join(Comparison)}", f"criterias[{place}].logic")
    return found


def unknown(place: int, known: "tuple[str, ...]") -> Failure:
    return invalid(f"expected one of {', '.join(known)}", f"criterias[{place}].key")


def moment_of(value: str, place: int) -> float:
    """Read Unix seconds or an ISO 8601 time."""
    try:
        if value.replace(".", "", 1).isdigit():
            return float(value)
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise invalid("expected Unix seconds or an ISO 8601 time", f"criterias[{place}].value") from None
