"""Which audit records a caller asks for: a closed set of columns and comparisons."""

from enum import StrEnum
from typing import Any

from msgspec import Struct

from integration_api.core.errors import Failure, Kind
from integration_api.core.tenant import Tenant
from integration_api.storage.rows import LARGEST, moment, searchable


class Comparison(StrEnum):
    EQUAL = "="
    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"
    CONTAINS = "contains"


class Criterion(Struct, frozen=True):
    """One column compared with one value; `metadata.<key>` names an entry of the metadata."""

    field: str
    comparison: Comparison
    value: str | int | float
    """Numbers for numeric fields, Unix seconds for `created_at`, text for the others."""
    others: tuple[str, ...] = ()
    """Further texts that do as well; with `=` only."""


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Everything that is set must hold."""

    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    status: str | None = None
    request_id: str | None = None
    credential_id: int | None = None
    key_id: int | None = None
    since: float | None = None
    """Unix seconds, included."""
    until: float | None = None
    """Unix seconds, excluded."""
    criteria: tuple[Criterion, ...] = ()


TEXTS = frozenset({
    "operation", "provider", "model", "status", "request_id", "provider_request_id", "integration_name",
    "asset_prefix", "fault", "error_code", "finish_reason", "created_actor_type",
})  # fmt: skip
NUMBERS = frozenset({
    "id", "response_status", "credential_id", "credential_version", "key_id", "provider_status", "retries",
    "time_taken", "queue_time", "first_token_time", "upstream_time", "input_tokens", "output_tokens",
    "cached_tokens", "reasoning_tokens", "created_actor_id",
})  # fmt: skip
METADATA = "metadata."
MOST_CRITERIA = 32
"""A statement that a caller grows without bound is a way to keep the database busy."""


def conditions(tenant: Tenant, filter: AuditFilter) -> tuple[str, list[Any]]:
    """Return the WHERE clause over `external_audits a` and its parameters.

    Raises `Failure(INVALID_REQUEST)` for a field or comparison that is not offered.
    """
    args: list[Any] = [tenant.organization_id, tenant.project_id]
    clauses = ["a.organization_id = $1", "a.project_id = $2"]

    def place(value: Any) -> str:
        args.append(value)
        return f"${len(args)}"

    clauses += [
        f"a.{column} = {place(searchable(text))}"
        for column in ("operation", "provider", "model", "status", "request_id")
        if (text := getattr(filter, column)) is not None
    ]
    clauses += [
        f"a.{column} = {place(_number(column, number))}"
        for column in ("credential_id", "key_id")
        if (number := getattr(filter, column)) is not None
    ]
    if filter.since is not None:
        clauses.append(f"a.created_date >= {place(_moment('since', filter.since))}")
    if filter.until is not None:
        clauses.append(f"a.created_date < {place(_moment('until', filter.until))}")
    if len(filter.criteria) > MOST_CRITERIA:
        raise _invalid("criteria", f"at most {MOST_CRITERIA} criteria can be given")
    for criterion in filter.criteria:
        field, comparison, value = criterion.field, criterion.comparison, criterion.value
        if field in NUMBERS:
            _offered(criterion, comparison is not Comparison.CONTAINS)
            clauses.append(f"a.{field} {comparison.value} {place(_number(field, value))}::bigint")
        elif field == "created_at":
            _offered(criterion, comparison is not Comparison.CONTAINS)
            clauses.append(f"a.created_date {comparison.value} {place(_moment(field, value))}")
        elif field in TEXTS:
            placed = [place(searchable(str(one))) for one in (value, *criterion.others)]
            clauses.append(_text_clause(criterion, f"a.{field}", *placed))
        elif field.startswith(METADATA) and len(field) > len(METADATA):
            key = place(searchable(field.removeprefix(METADATA)))
            clause = _text_clause(criterion, "m.value", place(searchable(str(value))))
            clauses.append(
                "EXISTS (SELECT 1 FROM external_audit_metadata m"
                f" WHERE m.external_audit_id = a.id AND m.key = {key} AND {clause})"
            )
        else:
            raise _invalid(field, f"{field[:64]!r} is not a field audit records can be found by")
    return " AND ".join(clauses), args


def _text_clause(criterion: Criterion, column: str, placed: str, *others: str) -> str:
    if criterion.comparison is Comparison.CONTAINS:
        return f"strpos({column}, {placed}) > 0"
    _offered(criterion, criterion.comparison is Comparison.EQUAL)
    return f"{column} IN ({', '.join((placed, *others))})" if others else f"{column} = {placed}"


def _offered(criterion: Criterion, offered: bool) -> None:
    if not offered:
        raise _invalid(
            criterion.field,
            f"{criterion.field[:64]!r} can not be compared with {criterion.comparison.value!r}",
        )


def _number(field: str, value: object) -> int:
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        raise _invalid(field, f"{field} must be a whole number") from None
    return int(max(-LARGEST, min(number, LARGEST)))


def _moment(field: str, value: object) -> Any:
    try:
        return moment(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        raise _invalid(field, f"{field} must be a time in Unix seconds") from None


def _invalid(field: str, message: str) -> Failure:
    return Failure(Kind.INVALID_REQUEST, message, code="invalid_value", param=field[:64])
