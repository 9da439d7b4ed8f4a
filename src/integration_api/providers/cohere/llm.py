"""Chat with Cohere's models. https://docs.cohere.com/reference/chat"""

from integration_api.core.credential import Credential
from integration_api.core.exchange import Exchange, Stream, decode
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects.sse import SseFraming
from integration_api.providers.cohere import answer, client, wire
from integration_api.providers.cohere.payload import prepare
from integration_api.providers.cohere.reader import Reader

PATH = "/v2/chat"


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked, `ProviderError` for the answer."""
    prepared = prepare(ask, stream=False)
    reply = yield client.post(PATH, prepared.body, credential)
    return answer.response(decode(reply, wire.ANSWER), prepared.reading)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked."""
    prepared = prepare(ask, stream=True)
    return Stream(client.post(PATH, prepared.body, credential), SseFraming(), Reader(prepared.reading))


LLM = Llm(complete, stream)
