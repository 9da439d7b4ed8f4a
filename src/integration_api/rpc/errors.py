"""Every failure as a gRPC client reads it: a status, with google.rpc.Status in its details.

https://google.aip.dev/193
"""

from collections.abc import Mapping

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

from integration_api.core.errors import Failure, Kind, ProviderError
from integration_api.edge.application import RpcError, Status

DOMAIN = "integration-api"

STATUS: Mapping[Kind, Status] = {
    Kind.INVALID_REQUEST: Status.INVALID_ARGUMENT,
    Kind.UNSUPPORTED: Status.INVALID_ARGUMENT,
    Kind.CONTEXT_LENGTH: Status.INVALID_ARGUMENT,
    Kind.CONTENT_FILTER: Status.INVALID_ARGUMENT,
    Kind.TOO_LARGE: Status.INVALID_ARGUMENT,
    Kind.AUTHENTICATION: Status.UNAUTHENTICATED,
    Kind.PERMISSION: Status.PERMISSION_DENIED,
    Kind.NOT_FOUND: Status.NOT_FOUND,
    Kind.CONFLICT: Status.FAILED_PRECONDITION,
    Kind.CREDENTIAL_INVALID: Status.FAILED_PRECONDITION,
    Kind.CREDENTIAL_REJECTED: Status.FAILED_PRECONDITION,
    Kind.QUOTA: Status.RESOURCE_EXHAUSTED,
    Kind.RATE_LIMITED: Status.RESOURCE_EXHAUSTED,
    Kind.TIMEOUT: Status.DEADLINE_EXCEEDED,
    Kind.OVERLOADED: Status.UNAVAILABLE,
    Kind.UNREACHABLE: Status.UNAVAILABLE,
    Kind.UPSTREAM: Status.UNAVAILABLE,
    Kind.BAD_RESPONSE: Status.INTERNAL,
    Kind.TRUNCATED: Status.UNAVAILABLE,
    Kind.CANCELLED: Status.CANCELLED,
    Kind.INTERNAL: Status.INTERNAL,
}

EXISTS = frozenset({"conflict", "name_taken", "idempotency_key_reused"})
"""Codes of conflicts with what is stored already. Any other is with how something stands, as of a call that is over."""


CHANGED = frozenset({"credential_changed"})
"""Codes of conflicts with somebody who was faster: what was read is to be read again, and asked for again."""


def status_of(error: Failure) -> Status:
    if isinstance(error, ProviderError):
        return STATUS[error.kind]
    if error.code in EXISTS:
        return Status.ALREADY_EXISTS
    return Status.ABORTED if error.code in CHANGED else STATUS[error.kind]


def rpc_error(error: Failure, request_id: str, status: Status | None = None) -> RpcError:
    """Return the status to end the call with: `status`, or the one for that kind of failure."""
    status = status_of(error) if status is None else status
    info = error_details_pb2.ErrorInfo(
        reason=error.code,
        domain=DOMAIN,
        metadata={"request_id": request_id, "retryable": str(error.retryable).lower()},
    )
    if error.param:
        info.metadata["param"] = error.param
    if isinstance(error, ProviderError):
        refusal = error.refusal
        told = (
            ("provider", error.provider),
            ("provider_status", refusal.status),
            ("provider_request_id", refusal.request_id),
        )
        info.metadata.update({name: str(value) for name, value in told if value})
    details = [_packed(info)]
    if error.retry_after is not None:
        delay = Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    told_whole = status_pb2.Status(code=status, message=error.message, details=details)
    return RpcError(status, error.message, told_whole.SerializeToString())


def _packed(detail: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> AnyMessage:
    packed = AnyMessage()
    packed.Pack(detail)
    return packed
