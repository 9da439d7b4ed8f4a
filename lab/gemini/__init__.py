"""Gemini: generateContent, embeddings, token counts, models (ai.google.dev/api)."""

from collections.abc import Callable

from lab.gemini import chat, client, embedding, models
from lab.gemini.fields import GEMINI
from lab.gemini.host import Host
from lab.http import Call, Handler, Provider, Response

HOST = Host(
    name=GEMINI,
    admit=client.admit,
    find=models.found,
    headers=client.headers,
    stream_headers=client.stream_headers,
)
_MODEL = "/{version}/models/{model}"


def _of_model(handler: Callable[[Host, Call], Response]) -> Handler:
    """A method of the model that a path names."""

    def named(call: Call) -> Response:
        call.model = call.params["model"]
        return handler(HOST, call)

    return named


PROVIDER = Provider(
    name=GEMINI,
    routes={
        ("POST", f"{_MODEL}:generateContent"): _of_model(chat.generate),
        ("POST", f"{_MODEL}:streamGenerateContent"): _of_model(chat.stream),
        ("POST", f"{_MODEL}:countTokens"): _of_model(chat.count_tokens),
        ("POST", f"{_MODEL}:embedContent"): embedding.one,
        ("POST", f"{_MODEL}:batchEmbedContents"): embedding.batch,
        ("GET", "/v1beta/models"): models.listed,
        ("GET", "/v1/models"): models.listed,
    },
    by_id={("GET", "/v1beta/models"): models.one, ("GET", "/v1/models"): models.one},
    refusal=client.refusal,
    stream_headers=client.stream_headers,
    example=(
        "curl -N '{origin}/gemini/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse' "
        "-H 'x-goog-api-key: any' -H 'content-type: application/json' "
        """-d '{{"contents":[{{"role":"user","parts":[{{"text":"Hello"}}]}}]}}'"""
    ),
)
