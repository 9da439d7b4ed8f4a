"""Answers of the unified service: whole, in pieces, and as what went wrong."""

from collections.abc import Callable, Iterable, Sequence

from integration_api.core.errors import Failure
from integration_api.core.json import encode_text
from integration_api.core.llm import (
    LlmEvent,
    LlmResponse,
    Notice,
    Part,
    PartStarted,
    RefusalDelta,
    Text,
    TextDelta,
    Usage,
)
from integration_api.core.llm_fold import LlmFold
from integration_api.dialects.unified_carried import well_formed
from integration_api.dialects.unified_messages import write_message
from integration_api.proto import common_pb2 as common
from integration_api.proto import unified_pb2 as wire

SUCCESS, FAILED = "SUCCESS", "FAILED"
_COUNTS = (
    ("input_token", "input_total", "Tokens of the request"),
    ("output_token", "output_total", "Tokens of the answer, thoughts included"),
    ("cached_content_token", "cache_read", "Tokens of the request that were read from a cache"),
    ("tool_use_prompt_token", "tool_input", "Tokens that the provider's own tools brought in"),
    ("thoughts_token", "reasoning", "Tokens of thoughts"),
)


def write_metrics(
    *,
    seconds: float,
    status: str,
    answer_id: str = "",
    usage: Usage | None = None,
    first_token: float | None = None,
    warnings: Sequence[Notice] = (),
    spelled: Callable[[str], str] = str,
) -> list[common.Metric]:
    """Return a call's metrics under the platform's names: times in nanoseconds, counts where reported.

    What was left out or changed is told among them, as JSON: an answer in a stream has no place of its own for it.
    """
    metrics: list[common.Metric] = []

    def tell(name: str, value: str, description: str) -> None:
        metrics.append(common.Metric(name=spelled(name), value=value, description=description))

    tell("time_taken", _nano(seconds), "Nanoseconds of the whole call")
    tell("status", status, "How the call ended")
    if answer_id:
        tell("llm_request_id", well_formed(answer_id), "The provider's name for its answer")
    if first_token is not None:
        tell("time_to_first_token", _nano(first_token), "Nanoseconds to the first of the answer")
    if warnings:
        tell("warnings", encode_text(warnings), "What was left out or changed, and why")
    if usage is None:
        return metrics
    for name, field, description in _COUNTS:
        count = getattr(usage, field)
        if count is not None:
            tell(name, str(count), description)
    if usage.input_total is not None or usage.output_total is not None:
        total = (usage.input_total or 0) + (usage.output_total or 0)
        tell("total_token", str(total), "Tokens of request and answer")
    return metrics


def _nano(seconds: float) -> str:
    return str(int(seconds * 1e9))


def write_error(error: Failure, code: int) -> common.Error:
    """Return a failure as the caller's program and as people may read it."""
    message = well_formed(error.message)
    return common.Error(errorCode=code, errorMessage=f"{error.code}: {message}", humanMessage=message)


def finish_reason(answer: LlmResponse) -> str:
    return answer.candidates[0].finish.reason.value if answer.candidates else ""


def parts_of(answer: LlmResponse) -> tuple[Part, ...]:
    return answer.candidates[0].parts if answer.candidates else ()


def write_answer(answer: LlmResponse, request_id: str, metrics: Iterable[common.Metric]) -> wire.ChatResponse:
    """Return a whole answer."""
    return wire.ChatResponse(
        code=200,
        success=True,
        requestId=request_id,
        data=write_message(parts_of(answer)),
        metrics=metrics,
        finishReason=finish_reason(answer),
    )


def text_of(events: Iterable[LlmEvent], feed: Callable[[LlmEvent], object]) -> str:
    """Return the text that events bring, and feed each of them to who keeps the whole."""
    text = ""
    for event in events:
        feed(event)
        kind = type(event)
        if kind is TextDelta or kind is RefusalDelta:
            text += event.text  # type: ignore[union-attr]
        elif kind is PartStarted and isinstance(event.shell, Text):  # type: ignore[union-attr]
            text += event.shell.text  # type: ignore[union-attr]
    return text


class ChatStream:
    """One turn of a stream: pieces of text without metrics, then everything with them."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        self._fold = LlmFold()
        # One frame serves for all pieces: only its text changes, which is most of what a piece costs.
        self._frame = wire.StreamChatResponse()
        self._frame.chat.requestId = request_id
        self._frame.chat.data.role = "assistant"
        self._said = self._frame.chat.data.assistant.contents
        self._said.append("")

    def render(self, events: Sequence[LlmEvent]) -> bytes:
        """Return the frame for what was read at once, or b"" when that holds no text."""
        text = text_of(events, self._fold.feed)
        if not text:
            return b""
        self._said[0] = well_formed(text)
        return self._frame.SerializeToString()

    def answer(self) -> LlmResponse:
        """Return the whole answer. Raises `StreamCut` when it is not whole."""
        return self._fold.close()

    def last(self, answer: LlmResponse, metrics: Iterable[common.Metric]) -> bytes:
        """Return the frame that completes the turn."""
        return wire.StreamChatResponse(
            chat=wire.StreamChatOutput(
                requestId=self._request_id,
                data=write_message(parts_of(answer)),
                metrics=metrics,
                finishReason=finish_reason(answer),
            )
        ).SerializeToString()


def chat_error(request_id: str, error: Failure, code: int) -> bytes:
    """Return the frame that ends a turn which failed. It holds no data: callers would take it for an answer."""
    return wire.StreamChatResponse(
        chat=wire.StreamChatOutput(requestId=request_id, error=write_error(error, code))
    ).SerializeToString()


def configured(provider: str, error: Failure | None = None, code: int = 0) -> bytes:
    """Return the frame that answers a configuration."""
    frame = wire.StreamChatConfigured(providerName=provider, success=error is None)
    if error is not None:
        frame.error.CopyFrom(write_error(error, code))
    return wire.StreamChatResponse(configuration=frame).SerializeToString()


def closed(reason: str) -> bytes:
    """Return the frame that answers a close."""
    return wire.StreamChatResponse(close=wire.StreamChatClose(reason=reason)).SerializeToString()
