"""Chat with every model on Bedrock: by Converse, or by the vendor's own language where that is asked for.

https://docs.aws.amazon.com/bedrock/latest/userguide/conversation-inference.html
"""

from integration_api.core.credential import Credential
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Exchange, Stream
from integration_api.core.llm import LlmEvent, LlmRequest, LlmResponse
from integration_api.core.provider import Llm
from integration_api.dialects.notes import unsupported
from integration_api.providers.bedrock import converse, invoke_claude, invoke_nova, invoke_text
from integration_api.providers.bedrock.families import family
from integration_api.providers.bedrock.options import base_model


def complete(ask: LlmRequest, credential: Credential) -> Exchange[LlmResponse]:
    """Ask for a whole answer. Raises `Failure` for what cannot be asked."""
    match _language(ask, credential):
        case None:
            return converse.complete(ask, credential)
        case "claude":
            return invoke_claude.complete(ask, credential)
        case "nova":
            return invoke_nova.complete(ask, credential)
        case language:
            return invoke_text.complete(ask, credential, language)


def stream(ask: LlmRequest, credential: Credential) -> Stream[LlmEvent]:
    """Ask for a streamed answer. Raises `Failure` for what cannot be asked."""
    match _language(ask, credential):
        case None:
            return converse.stream(ask, credential)
        case "claude":
            return invoke_claude.stream(ask, credential)
        case "nova":
            return invoke_nova.stream(ask, credential)
        case language:
            return invoke_text.stream(ask, credential, language)


def _language(ask: LlmRequest, credential: Credential) -> str | None:
    """Return the language of InvokeModel to use, or None for Converse."""
    match ask.extras.get("api", "converse"):
        case "converse":
            return None
        case "invoke":
            pass
        case _:
            raise Failure(
                Kind.INVALID_REQUEST, "api is converse or invoke", code="invalid_value", param="api"
            )
    language = family(base_model(ask.model, ask.extras, credential.fields)).invoke
    if language is None:
        raise unsupported(
            "api",
            "this model's own language is not known here: use Converse, or say in base_model what it is like",
        )
    return language


LLM = Llm(complete, stream)
