"""How a call went, in the metrics and errors that answers of the unified service hold."""

from collections.abc import Callable

from google.protobuf.message import Message

from integration_api.core.errors import Failure, ProviderError
from integration_api.core.llm import Notice, Usage
from integration_api.dialects.unified_answer import FAILED, SUCCESS, write_error, write_metrics
from integration_api.proto import common_pb2 as common
from integration_api.rpc.methods import Ask
from integration_api.services import clock
from integration_api.services.call import STATUS_OF_KIND, Call
from integration_api.services.particulars import call_headers


def metrics_of(
    call: Call,
    usage: Usage,
    answer_id: str = "",
    warnings: tuple[Notice, ...] = (),
    spelled: Callable[[str], str] = str,
) -> list[common.Metric]:
    """Return the metrics of a call that succeeded, their names `spelled` as its caller knows them."""
    started, first = call.trace.started_at, call.first_token_at
    return write_metrics(
        seconds=clock.perf() - started,
        status=SUCCESS,
        answer_id=answer_id,
        usage=usage,
        first_token=first - started if first else None,
        warnings=warnings,
        spelled=spelled,
    )


def refused(
    ask: Ask,
    error: ProviderError,
    response: Callable[..., Message],
    spelled: Callable[[str], str] = str,
    **more: str,
) -> bytes:
    """Return the answer that tells what a provider refused: it holds no data, which callers would take for theirs."""
    if error.provider:
        ask.call.initial_metadata.append((b"x-integration-provider", error.provider.encode()))
    code = code_of(error)
    seconds = clock.perf() - ask.call.received_at
    return response(
        code=code,
        success=False,
        error=write_error(error, code),
        metrics=write_metrics(seconds=seconds, status=FAILED, spelled=spelled),
        **more,
    ).SerializeToString()


def code_of(error: Failure) -> int:
    """Return the HTTP status that says whose fault it is."""
    return STATUS_OF_KIND[error.kind]


def tell(ask: Ask, call: Call, warnings: tuple[Notice, ...]) -> None:
    """Say in the answer's metadata who answered, in what time, and what was left out."""
    ask.call.initial_metadata += call_headers(call, warnings)
