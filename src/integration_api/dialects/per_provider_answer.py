"""Answers of the per-provider services: whole, in pieces, and as what went wrong."""

from collections.abc import Iterable, Mapping, Sequence

from integration_api.core.errors import Failure
from integration_api.core.llm import LlmEvent, LlmResponse, PartStarted, ToolCall
from integration_api.core.llm_fold import LlmFold
from integration_api.core.moderation import Judgement
from integration_api.core.reranking import RerankingResponse
from integration_api.dialects.per_provider_messages import text_content, write_message
from integration_api.dialects.unified_answer import finish_reason, parts_of, text_of, write_error
from integration_api.dialects.unified_carried import well_formed
from integration_api.proto import common_pb2 as common
from integration_api.proto import per_provider_pb2 as wire


def write_answer(answer: LlmResponse, request_id: int, metrics: Iterable[common.Metric]) -> wire.ChatResponse:
    """Return a whole answer."""
    return wire.ChatResponse(
        code=200,
        success=True,
        requestId=request_id,
        data=write_message(parts_of(answer)),
        metrics=metrics,
        finishReason=finish_reason(answer),
    )


class ChatStream:
    """One answer in frames: pieces of text without code and metrics, then everything with metrics.

    Callers take their tool calls from the last frame, and no text once a call has begun.
    """

    def __init__(self, request_id: int) -> None:
        self._request_id = request_id
        self._fold = LlmFold()
        self._calling = False

    def render(self, events: Sequence[LlmEvent]) -> bytes:
        """Return the frame for what was read at once, or b"" when that holds no text."""
        if not self._calling:
            place = next((number for number, event in enumerate(events) if _calls(event)), len(events))
            text = well_formed(text_of(events[:place], self._fold.feed))
            events = events[place:]
            self._calling = bool(events)
            self._feed(events)
            if text:
                return wire.ChatResponse(
                    success=True,
                    requestId=self._request_id,
                    data=wire.Message(role="assistant", contents=[text_content(text)]),
                ).SerializeToString()
            return b""
        self._feed(events)
        return b""

    def _feed(self, events: Iterable[LlmEvent]) -> None:
        for event in events:
            self._fold.feed(event)

    def answer(self) -> LlmResponse:
        """Return the whole answer. Raises `StreamCut` when it is not whole."""
        return self._fold.close()

    def last(self, answer: LlmResponse, metrics: Iterable[common.Metric]) -> bytes:
        """Return the frame that completes the answer: of the pieces' form, so without code."""
        frame = write_answer(answer, self._request_id, metrics)
        frame.ClearField("code")
        return frame.SerializeToString()


def _calls(event: LlmEvent) -> bool:
    return type(event) is PartStarted and isinstance(event.shell, ToolCall)


def stream_error(error: Failure, code: int) -> bytes:
    """Return the frame before the status that ends a stream which failed."""
    return wire.ChatResponse(code=code, success=False, error=write_error(error, code)).SerializeToString()


def write_reranking(
    answer: RerankingResponse,
    places: Sequence[int],
    content: Mapping[int, wire.Content],
    request_id: int,
    metrics: Iterable[common.Metric],
) -> wire.RerankingResponse:
    """Return the scores in the order of the documents, each under its document's number."""
    response = wire.RerankingResponse(code=200, success=True, requestId=request_id, metrics=metrics)
    for ranked in sorted(answer.results, key=lambda item: item.index):
        place = places[ranked.index]
        response.data.add(index=place, content=content[place], RelevanceScore=ranked.score)
    return response


def write_moderation(
    judgement: Judgement, request_id: int, metrics: Iterable[common.Metric]
) -> wire.GetModerationResponse:
    """Return whether anything was found, then each category's score under the provider's own name."""
    response = wire.GetModerationResponse(code=200, success=True, requestId=request_id, metrics=metrics)
    response.data.add(name="flagged", value=str(judgement.flagged).lower())
    for name, score in judgement.scores.items():
        response.data.add(name=name, value=f"{score:.9g}")
    return response
