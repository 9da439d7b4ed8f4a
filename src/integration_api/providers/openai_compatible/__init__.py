"""Any server of OpenAI's language, wherever the credential says it lives: vLLM, Ollama, LM Studio, a gateway.

https://platform.openai.com/docs/api-reference/chat
"""

from integration_api.core.credential import Credential, CredentialField
from integration_api.core.errors import Failure, Kind
from integration_api.core.exchange import Auth
from integration_api.dialects import openai_chat, openai_embedding, openai_family
from integration_api.dialects.openai_chat_dialect import bearer_if_held

KEY = CredentialField("key", "API key", required=False)
BASE_URL = CredentialField("base_url", "Base URL", secret=False)


class Anywhere(openai_family.Place, frozen=True):
    """A place that only the credential knows, and that may stand open."""

    def url(self, path: str, credential: Credential) -> str:
        """Raises `Failure` when the credential names no server: asking somebody else would give the key away."""
        if not credential.fields.get("base_url"):
            raise Failure(
                Kind.INVALID_REQUEST,
                "the credential needs base_url, the address of the server up to its version,"
                " such as https://llm.example.com/v1",
                code="base_url_required",
                param="base_url",
            )
        return super().url(path, credential)

    def auth(self, credential: Credential) -> Auth | None:
        return bearer_if_held(credential)


PLACE = Anywhere("openai-compatible", "")

DIALECT = openai_chat.Dialect(
    provider=PLACE.name,
    url=PLACE.chat,
    auth=PLACE.auth,
    fields=openai_chat.FIELDS | {"max_tokens", "min_p", "repetition_penalty", "top_k"},
    # What most servers know; OpenAI's newer word for it is newer than they are.
    spelling={"max_completion_tokens": "max_tokens"},
    refusal_parts=False,
    allowed_tools=False,
    think_tags=True,
    finish_reasons=openai_chat.OPEN_FINISH_REASONS,
)

OPENAI_COMPATIBLE = openai_family.provider(
    PLACE,
    "OpenAI-compatible server",
    DIALECT,
    fields=(KEY, BASE_URL),
    embedding=openai_embedding.EmbeddingDialect(
        provider=PLACE.name, url=PLACE.embeddings, auth=PLACE.auth, encoding="float"
    ),
)
