"""What callers ask for in our own language of telephony, made what the services take."""

from integration_api.core.errors import Failure, Kind
from integration_api.dialects import telephony_surface as surface
from integration_api.services.call_batches import BatchAsk, BatchRow
from integration_api.services.telephony import CallRequest, check_dialing, check_metadata


def credential_of(text: str) -> int | None:
    """Raises `Failure` (NOT_FOUND) for what is no id."""
    return surface.id_of(text, "credential_id") if text else None


def call_request(offer: surface.CreateCall, idempotency_key: str) -> CallRequest:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    return CallRequest(
        provider=offer.provider,
        credential_id=credential_of(offer.credential_id),
        to=offer.to,
        from_=offer.from_,
        dialing=offer.read(),
        metadata=offer.metadata,
        idempotency_key=idempotency_key,
    )


def batch_ask(offer: surface.CreateBatch, idempotency_key: str) -> BatchAsk:
    """Raises `Failure` (INVALID_REQUEST) naming the field."""
    template = offer.template
    for name in ("to", "idempotency_key"):
        if getattr(template, name):
            raise Failure(
                Kind.INVALID_REQUEST,
                f"a template has no {name}: rows have numbers, and the batch has a key",
                code="invalid_value",
                param=f"template.{name}",
            )
    dialing = template.read()
    check_dialing(dialing)
    check_metadata(template.metadata, "template.metadata")
    for at, row in enumerate(offer.rows):
        check_metadata(row.metadata, f"rows[{at}].metadata")
        check_metadata(row.params, f"rows[{at}].params")
    return BatchAsk(
        provider=template.provider,
        credential_id=credential_of(template.credential_id),
        rows=tuple(
            BatchRow(to=row.to, from_=row.from_, metadata=row.metadata, params=row.params)
            for row in offer.rows
        ),
        from_=template.from_,
        dialing=dialing,
        metadata=template.metadata,
        name=offer.name,
        calls_per_second=offer.calls_per_second,
        max_concurrent=offer.max_concurrent,
        window=None if offer.window is None else offer.window.read(),
        retry=offer.retry.read(),
        idempotency_key=idempotency_key,
    )
