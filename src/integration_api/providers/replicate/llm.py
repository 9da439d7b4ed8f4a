"""Chat with models on Replicate: a prediction is created, followed, and stopped when nobody waits for it.

https://replicate.com/docs/reference/http#predictions.create
"""

from collections.abc import Sequence
from contextlib import suppress

from integration_api.core.credential import Credential
from integration_api.core.errors import CallerLeft, Kind, ProviderError
from integration_api.core.exchange import Exchange, Stream, decode
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects.sse import SseFraming
from integration_api.providers.replicate import client
from integration_api.providers.replicate.payload import Rendered, render
from integration_api.providers.replicate.reader import TERMINAL, Reader, whole
from integration_api.providers.replicate.schema import Schemas
from integration_api.providers.replicate.wire import Prediction, decode_prediction

HOLD = (("prefer", "wait=5"),)
"""How long Replicate may hold its reply, in seconds: most answers come with it. For longer ones polling is no
loss, and a caller who leaves within the hold can be followed only when it is over."""

PAUSES = (0.5, 0.5, 1.0, 1.0)
"""Before the first polls, in seconds; then `PAUSE`."""
PAUSE = 2.0
MOST_POLLS = 300
"""About ten minutes: a cold model takes a few to start."""

COUNT_POLLS = 3
"""For the counts of an answer that is whole: they come within a moment, or are not worth the wait."""

SCHEMAS = Schemas()


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked, `ProviderError` for the answer."""
    prediction, rendered = yield from _created(ask, credential, stream=False)
    try:
        if prediction.status == "processing" and prediction.output is not None:
            # A held reply comes as soon as the output is there, before the prediction is closed and counted.
            prediction = (yield from _counted(prediction, credential, 1)) or prediction
        else:
            prediction = yield from _over(prediction, credential)
    except CallerLeft:
        yield client.cancel(prediction.id, credential)
        raise
    return whole(prediction, ask.model, ask.max_output_tokens, rendered.notices)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked, once it is driven."""
    reader = Reader(ask.model, ask.max_output_tokens)
    return Stream(None, SseFraming(), reader, course=_course(ask, credential, reader))


def _course(ask: LlmRequest, credential: Credential, reader: Reader) -> Exchange[Sequence[LlmEvent]]:
    prediction, rendered = yield from _created(ask, credential, stream=True)
    reader.begin(prediction, rendered.notices)
    try:
        listening = None
        if prediction.status not in TERMINAL:
            listening = client.listen(prediction.urls.stream, credential)
        if listening is not None:
            try:
                yield listening
                return reader.finish((yield from _counted(prediction, credential, COUNT_POLLS)))
            except ProviderError:
                if reader.failed:
                    raise
                # Its stream is gone, or was cut off. The prediction is not: what is left can be asked for.
        prediction = yield from _over(prediction, credential)
    except CallerLeft:
        if not reader.done:
            yield client.cancel(prediction.id, credential)
        raise
    return reader.finish(prediction)


def _created(
    ask: LlmRequest, credential: Credential, *, stream: bool
) -> Exchange[tuple[Prediction, Rendered]]:
    schema = yield from SCHEMAS.of(ask.model, credential)
    rendered = render(ask, schema, stream=stream)
    try:
        reply = yield client.post(rendered.path, rendered.body, () if stream else HOLD, credential)
    except ProviderError as refusal:
        if refusal.refusal.status == 422:
            SCHEMAS.forget(ask.model, credential)
        raise
    return decode(reply, decode_prediction), rendered


def _over(prediction: Prediction, credential: Credential) -> Exchange[Prediction]:
    """Ask until a prediction is over."""
    for poll in range(MOST_POLLS):
        if prediction.status in TERMINAL:
            return prediction
        pause = PAUSES[poll] if poll < len(PAUSES) else PAUSE
        reply = yield client.get(f"/predictions/{prediction.id}", credential, delay=pause)
        prediction = decode(reply, decode_prediction)
    if prediction.status in TERMINAL:
        return prediction
    with suppress(ProviderError):  # The caller hears of the time that is up, which is the reason.
        yield client.cancel(prediction.id, credential)
    raise ProviderError(
        Kind.TIMEOUT,
        "the prediction did not finish in time and was cancelled",
        provider=client.NAME,
        code="upstream_timeout",
    )


def _counted(prediction: Prediction, credential: Credential, polls: int) -> Exchange[Prediction | None]:
    """Ask how an answer that is whole went, which only adds its counts; None if that cannot be known."""
    try:
        for poll in range(polls):
            pause = PAUSES[poll - 1] if poll else 0.0
            reply = yield client.get(f"/predictions/{prediction.id}", credential, delay=pause)
            found = decode(reply, decode_prediction)
            if found.status in TERMINAL:
                return found
    except ProviderError:
        pass
    return None


LLM = Llm(complete, stream)
